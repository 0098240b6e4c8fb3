// Package limit computes how many cycles of a processor the loops of the kernels take
// at least.
//
//   - [For] returns the limit of a CPU kernel on a microarchitecture: a [Bound].
//   - [Of] returns that of a group of instructions.
//   - [ForGPU] returns that of a GPU kernel on a compute capability.
//   - [Digest] identifies the tables that both use.
//
// The limit of a CPU follows from two tables. counts.txt has the instructions of each
// kind that a kernel executes for one item; `go run ./bench/limit/count` counts them in
// the assembly. [Microarchitectures] has the ports that execute each kind, with the source
// of every figure.
//
// # Caveats
//
// A limit counts what ports, loads, stores and the front end can do in a cycle, and
// assumes that nothing waits: not for the result of an instruction, not for the caches,
// not for a port that the processor chose badly. So no program reaches it, and a share of
// 1 means that only fewer instructions would help. A limit says nothing about kernels
// that need fewer instructions for the same work.
//
// Everything is pure and safe for concurrent use.
package limit
