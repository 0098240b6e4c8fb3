// The few things that differ between the compilers for the device and the host.
// No CUDA header is needed.
#ifndef STELE_PLATFORM_H
#define STELE_PLATFORM_H

// quad is what a thread reads or writes at once.
struct quad {
	u32 x, y, z, w;
};

#ifdef __CUDA__

#define KERNEL extern "C" __attribute__((global))
#define DEVICE __attribute__((device)) __attribute__((always_inline)) inline
#define BOUNDS(threads, blocks) __attribute__((launch_bounds(threads, blocks)))
#define SHARED __attribute__((shared))
#define CONSTANT __attribute__((device)) const

static DEVICE u32 thread_index() { return __nvvm_read_ptx_sreg_tid_x(); }
static DEVICE u32 block_index() { return __nvvm_read_ptx_sreg_ctaid_x(); }
static DEVICE u32 block_size() { return __nvvm_read_ptx_sreg_ntid_x(); }
static DEVICE u32 grid_size() { return __nvvm_read_ptx_sreg_nctaid_x(); }
static DEVICE void barrier() { __nvvm_bar_sync(0); }

static DEVICE u32 mad_lo(u32 a, u32 b, u32 c)
{
	u32 d;
	asm("mad.lo.u32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
	return d;
}
static DEVICE u32 mul_hi(u32 a, u32 b)
{
	u32 d;
	asm("mul.hi.u32 %0, %1, %2;" : "=r"(d) : "r"(a), "r"(b));
	return d;
}
// ror rotates right.
static DEVICE u32 ror(u32 x, int n)
{
	u32 d;
	asm("shf.r.wrap.b32 %0, %1, %1, %2;" : "=r"(d) : "r"(x), "n"(n));
	return d;
}
// funnel returns the low 32 bits of high:low shifted right by n < 32.
static DEVICE u32 funnel(u32 low, u32 high, u32 n)
{
	u32 d;
	asm("shf.r.wrap.b32 %0, %1, %2, %3;" : "=r"(d) : "r"(low), "r"(high), "r"(n));
	return d;
}
static DEVICE u32 swap_bytes(u32 x)
{
	u32 d;
	asm("prmt.b32 %0, %1, 0, 0x0123;" : "=r"(d) : "r"(x));
	return d;
}
static DEVICE u32 atomic_add(u32 *p, u32 v)
{
	u32 d;
	asm volatile("atom.global.add.u32 %0, [%1], %2;" : "=r"(d) : "l"(p), "r"(v) : "memory");
	return d;
}
static DEVICE void atomic_or(u32 *p, u32 v)
{
	asm volatile("red.global.or.b32 [%0], %1;" : : "l"(p), "r"(v) : "memory");
}

#else // the host: one thread after the other, see host/src/kernels.cpp

#define KERNEL extern "C"
#define DEVICE inline
#define BOUNDS(threads, blocks)
#define SHARED
#define CONSTANT const

struct place {
	u32 thread, block, threads, blocks;
};
extern thread_local struct place place;

static inline u32 thread_index() { return place.thread; }
static inline u32 block_index() { return place.block; }
static inline u32 block_size() { return place.threads; }
static inline u32 grid_size() { return place.blocks; }
void barrier(); // not defined: host/src/kernels.cpp runs the phases of a block one after the other

static inline u32 mad_lo(u32 a, u32 b, u32 c) { return a * b + c; }
static inline u32 mul_hi(u32 a, u32 b) { return (u32)((u64)a * b >> 32); }
static inline u32 ror(u32 x, int n) { return x >> n | x << (32 - n); }
static inline u32 funnel(u32 low, u32 high, u32 n) { return (u32)(((u64)high << 32 | low) >> n); }
static inline u32 swap_bytes(u32 x) { return __builtin_bswap32(x); }
static inline u32 atomic_add(u32 *p, u32 v) { return __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
static inline void atomic_or(u32 *p, u32 v) { __atomic_fetch_or(p, v, __ATOMIC_RELAXED); }

#endif
#endif
