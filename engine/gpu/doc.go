// Package gpu makes an engine.Device of each NVIDIA GPU, with the kernels of
// package kernels/cuda and the driver behind package cgo/cuda.
//
// [Open] opens the GPUs, side by side, and reports why others, or all, are
// absent; [List] only describes them. Open chooses the search kernels by
// measuring, once for GPUs of a model and a power limit, a driver and a set of
// kernels; the choice is kept in the user's cache folder. With Options.Compare the
// two best are compared again on the first minutes of work. A kernel is compiled
// once for a GPU in a process, however many devices use it. There are two: one
// for a header whose version is fixed, and a faster one for 128 versions of a
// header ([Device.ScanVersions]), which share the message schedule of the
// header's second block. A [Device] has two
// lanes. Each has its own stream and a goroutine on its own OS thread, which
// makes all calls of the driver and sleeps while the GPU works. With a launch
// of both lanes in flight the GPU never waits for the host. Launches are cut to
// a few milliseconds, so that a new job starts soon.
//
// What a GPU says is checked. Candidates are hashed again before they count as
// hits. From time to time a small part of what was searched is searched again
// on the CPU, at an easy target, and the full sets are compared; a difference
// is an error of the kind engine.ErrWrong.
//
// Caveats: a driver call that does not return within the deadline is abandoned
// with its thread, and the device has failed until [Device.Reopen] gives a
// working one. Such calls pile up only so far: then the device is lost to the
// process, as it is when the driver fails to open it again and again. Without the build tag cuda there are no GPUs, and Open says so.
package gpu
