// Package cuda is the only package that calls the CUDA driver. It wraps
// gorgonia.org/cu with late binding, so that one binary runs on machines with and
// without a driver.
//
// [Probe] reports whether there is a driver, and if not, why. [Devices] lists the
// GPUs. [Device.Open] returns a [Context], which creates modules, streams, events
// and memory.
//
// # Late binding
//
// gorgonia.org/cu links against libcuda and calls cuInit when the program starts,
// which ends a program on a machine without a driver. This package therefore
// defines every driver function that gorgonia.org/cu refers to. Each jumps
// through a slot, and the first call of [Probe] fills the slots from the driver
// library. Until then, and without a driver, a function returns
// CUDA_ERROR_NOT_INITIALIZED. A function that the driver lacks returns
// CUDA_ERROR_NOT_FOUND. cuInit itself always succeeds: the result of the driver's
// own cuInit is in [Status].
//
// The library is libcuda.so.1. If the environment variable STELE_CUDA_LIB is set,
// it is only the library named there, in the form of dlopen. Drivers from R450
// (CUDA 11.0) on are supported.
//
// # Building
//
// The package needs Linux, cgo and the build tag cuda. Without them it has the
// same API and no devices, and [Status] has the reason. It needs no CUDA toolkit:
// include/ has a cuda.h with the names that gorgonia.org/cu uses, and lib/ an
// empty libcuda.a, both written by the program in gen/. The #cgo lines of one
// package do not apply to another, so the compiler finds these files for
// gorgonia.org/cu only through the environment. A script sets it, also for
// `make`:
//
//	cgo/cuda/env.sh go build -tags cuda ./...
//	cgo/cuda/env.sh go test -tags cuda ./cgo/cuda/...
//
// The program runs on glibc 2.28 and newer, see glibc.c.
//
// The tests need no GPU: they compile drivers of their own with the C compiler.
//
// # Caveats
//
// Every method makes its context current on the calling thread, so any goroutine
// may call any method. A goroutine with many calls should lock itself to its
// thread, so that the driver sees few threads. Concurrent use of one stream,
// event or allocation must be synchronised by the callers.
//
// Waiting blocks without spinning. It has no deadline: a hung GPU blocks the
// goroutine that waits for it. Poll [Event.Done] where a deadline is needed.
//
// After an [Error] with Sticky set the context is unusable. [Context.Close] and
// [Device.Open] may return a working one; if not, only a new process does.
package cuda
