// Package host runs the CUDA kernels on the CPU, for tests: the source that
// GPUs get, compiled by g++.
//
// [Start] gives a program that holds all kernels and runs them on request.
// [Compile] is for programs and libraries that are linked with the kernels;
// src/kernels.h is what they see of them.
//
// The threads of a launch run one after the other. So logic and arithmetic are
// tested, and not what threads may do to each other on a device.
package host
