// Package energy measures the energy that the processor packages of this machine use.
//
//   - [Open] opens the counters of RAPL (Running Average Power Limit), which Linux has
//     in /sys/class/powercap for processors of Intel and AMD. The error says in words why
//     there is none.
//   - [Meter.Joules] returns the energy since then.
//   - [Integral] computes energy from readings of power, for what has no counter.
//
// # Caveats
//
//   - A package is all cores with their caches and memory controllers, at work or idle,
//     whichever program uses them. Memory modules, fans, disks and the losses of the
//     power supply are not included.
//   - Intel measures with sensors since Haswell; AMD estimates from activity.
//   - The counter moves about every millisecond, so the energy of a shorter interval
//     means little. The errors of intervals that follow each other do not add up.
//   - A counter wraps around, of a package at 200 W after about 20 minutes. A meter
//     notices one wrap between two readings: read it at least once a minute.
//   - Linux lets only root read the counters, because their steps reveal what other
//     programs compute (CVE-2020-8694). A virtual machine has none.
package energy
