// Package cycles measures cycles of processor cores.
//
//   - [Open] opens a [Counter], which counts the cycles that the threads of this process
//     spend outside the operating system, by the performance counter of the processor.
//     It needs Linux, a counter that the machine has (many virtual machines have none),
//     and permission.
//   - [Frequency] measures the clock of the core that it runs on by a chain of dependent
//     additions, each of which takes one cycle. It needs neither.
//
// # Caveats
//
// Both are properties of the moment: a core changes its clock within milliseconds. The
// chain cannot run beside other work on the same thread, so it gives the clock before or
// after that work. If another program interrupts the chain, or a virtual machine does not
// run, the clock seems lower; the fastest of several runs counts.
package cycles
