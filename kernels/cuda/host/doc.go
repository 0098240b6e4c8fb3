// Package host runs the CUDA kernels on the CPU, for tests: g++ compiles the same
// source as for GPUs.
//
// [Start] starts a program that has all kernels and runs them on request.
// [Compile] is for programs and libraries linked with the kernels, whose
// interface is src/kernels.h.
//
// Caveat: the threads of a launch run one after the other. This tests logic and
// arithmetic, but not races between threads.
package host
