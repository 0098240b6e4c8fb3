// Package gpu implements engine.Device for NVIDIA GPUs, with the kernels of
// package kernels/cuda and the driver behind package cgo/cuda.
//
// [Open] opens the GPUs in parallel and reports why others, or all of them, are
// absent. [List] only describes them.
//
// # Kernels
//
// A device has two search kernels: one for a header with a fixed version, and a
// faster one for 128 versions of a header ([Device.ScanVersions]), which share
// the message schedule of the header's second block. Open benchmarks the
// candidates and picks the fastest, once per GPU model, power limit, driver and
// set of kernels. It stores the choice in the user's cache folder. With
// Options.Compare the two best are compared again on the first minutes of work.
// A process compiles each kernel once per GPU, for all devices on it.
//
// # Lanes
//
// A [Device] has two lanes. Each has its own stream and a goroutine on its own
// OS thread, which makes all calls of the driver and sleeps while the GPU works.
// With a launch of each lane in flight the GPU never waits for the host.
// Launches take a few milliseconds, so that a new job starts soon.
//
// # Blocks
//
// [Device.Merkle] hashes the transactions of blocks and their Merkle trees. Its kernels
// are compiled and tested at the first call. Messages of more than four kilobytes are
// hashed by the host, because a thread of a GPU is slow.
//
// # Checks
//
// The device trusts no answer of a GPU. It hashes candidates again before they
// count as hits. Once a minute it searches a small part of the range again on
// the CPU, at an easy target, and compares the full sets. A difference is an
// error of the kind engine.ErrWrong.
//
// # Caveats
//
// A driver call that does not return within the deadline is abandoned with its
// thread, and the device fails until [Device.Reopen] succeeds. The number of
// such calls is bounded: beyond it the device is lost to the process. The same
// holds when the driver fails to open it several times in a row. Without the
// build tag cuda there are no GPUs, and Open reports that.
package gpu
