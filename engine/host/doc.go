// Package host reports what processors the machine has, and how much of them
// this process may use.
//
//   - [ReadMachine] describes the machine: processor, cores, kernel, hypervisor.
//   - [ReadLimits] describes the process: the CPUs that it may run on, and the
//     CPU quota of its cgroup. [Limits.Threads] is how many threads fit that.
//   - [FitProcessors] makes the Go scheduler keep to it, and with it everything
//     that counts threads by GOMAXPROCS.
//
// The figures come from /proc and /sys. What cannot be read there, as on systems
// other than Linux, is 0 or empty.
//
// # Why not Go's own count
//
// Go's default for GOMAXPROCS looks at the quota too, but only at that of the
// process's own cgroup, not at those above it; it rounds up, and never goes
// below 2. That suits a server, which is idle most of the time. Threads that
// compute all the time use up a quota of 1.5 CPUs before the period of 100 ms is
// over, if there are two of them, and then the whole process stands still, the
// network included.
package host
