// Package ptx runs PTX on the CPU. PTX is the assembly language in which CUDA
// kernels are shipped; the driver of a GPU compiles it to machine code. The
// package is an interpreter for tests: it shows that the shipped text of a kernel
// returns correct results, without a GPU. The language is described in NVIDIA's
// "Parallel Thread Execution ISA".
//
// # Basics
//
// [Parse] reads a text and returns a [Module], or a [ParseError] with the line and
// what was expected there. It resolves registers, labels and operands and checks
// their sizes. [Module.Launch] runs an entry of the module over a grid of blocks
// of threads. [Memory] is the device memory: pointers passed to a kernel are
// addresses in it. [Mutate] changes a correct kernel into a faulty one, to show
// that a test detects it.
//
// Errors that a GPU does not report end a launch with a [Fault]: accesses outside
// an allocation or misaligned, reads of a register that was never written,
// divisions by zero, barriers that not all threads reach, and endless loops. The
// fault has the entry, block, thread, line and instruction. Fresh memory (device,
// shared and local) is filled with [FreshByte].
//
// # Subset
//
// The integer subset that clang and nvcc generate for hash kernels at sm_75:
//
//   - add, sub, mul, mad (lo, hi, wide), the forms with carry (.cc, addc, subc,
//     madc), div, rem, min, max, abs, neg;
//   - and, or, xor, not, shl, shr, shf, lop3, prmt, bfe, bfi, bfind, brev, popc,
//     clz;
//   - setp, selp, mov (also to and from vectors), cvt, cvta;
//   - ld, st (scalars, v2, v4; param, global, shared, local, const, generic),
//     atom, red;
//   - bra, ret, exit, trap, bar.sync, bar.warp.sync, vote.sync, shfl.sync,
//     activemask; fences do nothing;
//   - predicates, nested scopes as in inline assembly, variables with
//     integer initialisers, static and dynamic shared memory, and the special
//     registers for thread, block, grid and lane.
//
// Parse rejects anything else with [ErrUnsupported].
//
// # Caveats
//
//   - There are no floating-point numbers, functions, textures or surfaces.
//   - A thread runs until it ends or waits, then the next one runs. So memory
//     accesses are visible to all threads at once and in order: missing fences
//     and most races stay undetected. Options.Reverse runs the threads in the
//     opposite order, which reveals some of them.
//   - There is no model of time. Instruction counts are counts of PTX
//     instructions, not of machine instructions.
//   - activemask returns the calling lane only, as a GPU may do.
package ptx
