// Package cuda is the one place of the program that knows the CUDA driver. It
// puts gorgonia.org/cu behind late binding, so that one binary runs on machines
// with and without a driver.
//
// [Probe] tells whether a driver was found and why not, [Devices] lists the
// GPUs, and [Device.Open] gives a [Context], from which modules, streams,
// events and memory come.
//
// # Late binding
//
// gorgonia.org/cu links against libcuda and calls cuInit when the program
// starts, which ends the program where there is no driver. This package
// therefore defines every driver function that gorgonia.org/cu refers to: each
// jumps through a slot, and the slots are filled from the driver library by
// [Probe], the first time that somebody asks. Until then, and where there is no
// driver, a function answers CUDA_ERROR_NOT_INITIALIZED; one that the driver
// does not have answers CUDA_ERROR_NOT_FOUND. cuInit itself always succeeds;
// what the driver's own said is in [Status].
//
// The library is libcuda.so.1, or the one that the environment variable
// STELE_CUDA_LIB names as dlopen takes it, and then only that one. Drivers from R450 (CUDA 11.0)
// on are supported.
//
// # Building
//
// The package needs Linux, cgo and the build tag cuda; without them it has the
// same API, no devices, and says so in [Status]. No CUDA toolkit is needed: include/
// holds a cuda.h with the names that gorgonia.org/cu uses and lib/ an empty
// libcuda.a, both written by the program in gen/. The lines #cgo of one package
// do not reach another, so the compiler finds these for gorgonia.org/cu only
// through the environment. A script sets it, also for `make`:
//
//	cgo/cuda/env.sh go build -tags cuda ./...
//	cgo/cuda/env.sh go test -tags cuda ./cgo/cuda/...
//
// The program starts on glibc 2.28 and newer, see glibc.c.
//
// The tests need no GPU: they build drivers of their own with the C compiler.
//
// # Caveats
//
// Every method makes its context current on the thread that runs it, so any
// goroutine may call any method; a goroutine that makes many calls should lock
// itself to its thread, which spares the driver from meeting many threads. Two
// goroutines must not use one stream, event or allocation without agreeing on
// an order.
//
// Waiting blocks and does not spin. It has no deadline: a hung GPU holds the
// goroutine that waits for it. Poll [Event.Done] where a deadline is needed.
//
// After an [Error] with Sticky set the context is of no more use. [Context.Close]
// and [Device.Open] may give a working one; if not, only a new process does.
package cuda
