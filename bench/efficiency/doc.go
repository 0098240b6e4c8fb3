// Package efficiency supports the sweep of `stele bench efficiency` over the settings of
// devices, which finds the setting with the most hashes per joule or the most profit.
//
//   - [Limits], [Clocks] and [Threads] list the settings to try.
//   - [Best] and [Tariff] choose among the points that were measured.
//   - [Guard] is a process of its own that restores the power limits and clocks of GPUs
//     when the sweep ends, however it ends. [Serve] is what that process does.
//   - [Control] changes a GPU; [NVML] is the one of the driver.
//
// # How limits are restored
//
// The guard is started before the first change. It saves the limits to a file that it
// keeps locked, and waits on a pipe from the sweep. The pipe closes when the sweep
// ends, is interrupted, fails, or is killed. Then the guard restores the limits and
// empties the file. If the guard is killed too, the next sweep finds the file and
// restores. A restart of the machine resets power limits and clocks itself; the next
// sweep then only reports it.
//
// # Caveats
//
//   - NVML does not report whether a clock is locked. To restore a clock means to
//     unlock it, also if somebody had locked it before the sweep.
//   - A service manager that kills all processes of a unit at once also kills the guard.
package efficiency
