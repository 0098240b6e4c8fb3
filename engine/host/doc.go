// Package host reports the processors of the machine, and how much of them this
// process may use.
//
//   - [ReadMachine] describes the machine: processor, cores, kernel, hypervisor.
//   - [ReadLimits] describes the process: the CPUs that it may run on, and the
//     CPU quota of its cgroups. [Limits.Threads] is the number of threads that fit
//     them.
//   - [FitProcessors] sets GOMAXPROCS to that number, and with it every number of
//     threads that derives from GOMAXPROCS.
//
// The figures come from /proc and /sys. Those that cannot be read, as on systems
// other than Linux, are 0 or empty.
//
// # Why not Go's default
//
// Go's default for GOMAXPROCS respects the quota too, but only that of the
// process's own cgroup and not those above it. It rounds up, and is never below 2.
// That suits a server, which is idle most of the time. Two threads that compute
// all the time use up a quota of 1.5 CPUs before the period of 100 ms ends. The
// kernel then stops the whole process, its network traffic included, until the
// next period.
package host
