// Package ptx runs PTX on the CPU. PTX is the assembly language in which CUDA
// kernels are shipped; a GPU's driver turns it into machine code. The package
// is an interpreter for tests: it shows that a compiled kernel, the text that
// is shipped, gives right results, with no GPU at hand. The language is
// described in NVIDIA's "Parallel Thread Execution ISA".
//
// # Basics
//
// [Parse] reads a text and gives a [Module], or a [ParseError] with the line
// and what was expected there. Registers, labels and operands are resolved and
// their sizes checked at that time. [Module.Launch] runs one of the module's
// entries over a grid of blocks of threads. [Memory] is the device memory:
// pointers given to a kernel are addresses in it. [Mutate] makes a faulty
// kernel out of a good one, to show that a test notices it.
//
// What a GPU would pass over in silence ends a launch here. Reads and writes
// outside of an allocation, or not aligned, reads of a register that was never
// written, divisions by zero, barriers that not all threads reach, and loops
// without end are a [Fault]: it names the entry, block, thread, line and
// instruction. Fresh memory (device, shared and local) is filled with
// [FreshByte].
//
// # Subset
//
// The integer subset that clang and nvcc make for hash kernels at sm_75:
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
//   - predicates, nested scopes as inline assembly makes them, variables with
//     integer initialisers, static and dynamic shared memory, and the special
//     registers for thread, block, grid and lane.
//
// Anything else is refused by Parse with [ErrUnsupported].
//
// # Caveats
//
//   - There are no floating-point numbers, functions, textures or surfaces.
//   - A thread runs until it ends or waits, then the next one runs. So every
//     memory access is seen by all at once and in order: missing fences and
//     most races are not found. [Options] has Reverse to run the threads in
//     the opposite order, which shows some of them.
//   - Time is not modelled. Counts of instructions are counts of PTX
//     instructions, which are not those of the machine.
//   - activemask gives the calling lane alone, as a GPU may.
package ptx
