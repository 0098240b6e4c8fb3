// Package history keeps results of benchmarks and looks at them over time.
//
//   - [Folder] keeps results in files: [Folder.Add] adds one, [Folder.Newest] reads them.
//   - [Machines] arranges results by machine and case, and marks what changed between
//     two runs: the program, the driver, the kernel of the system, the chosen kernel.
//   - [Regress] decides whether the newest result is worse than the earlier ones of the
//     same machine with the same settings.
//
// # Caveats
//
// Regress assumes that the logarithms of the medians of runs are normally distributed
// and do not depend on each other. A machine whose speed wanders slowly, such as with
// the temperature of a room, has more false alarms than stated.
//
// A regression that stays becomes part of the baseline: it is reported in the first
// runs after it, not forever.
package history
