// Small kernels, one for each part of the interpreter that a hash does not
// use: shared memory and barriers, vectors, local memory, 64-bit arithmetic,
// divisions, warps.
#include "prelude.cuh"

// The sum of each block's 64 words.
extern "C" __global__ void sum(const u32 *in, u32 *out) {
    __shared__ u32 part[64];
    part[THREAD] = in[BLOCK * WIDTH + THREAD];
    BARRIER();
    for (u32 n = WIDTH / 2; n > 0; n /= 2) {
        if (THREAD < n)
            part[THREAD] += part[THREAD + n];
        BARRIER();
    }
    if (THREAD == 0)
        out[BLOCK] = part[0];
}

// Each thread turns the words of its 16 bytes around.
extern "C" __global__ void turn(const quad *in, quad *out) {
    quad q = in[BLOCK * WIDTH + THREAD];
    out[BLOCK * WIDTH + THREAD] = quad{q.w, q.z, q.y, q.x};
}

// The block's 32 quads in shared memory, each read by its neighbour.
extern "C" __global__ void neighbour(const quad *in, quad *out) {
    __shared__ quad room[32];
    quad q = in[THREAD];
    room[THREAD] = quad{q.x, q.y, q.z, q.w};
    BARRIER();
    q = room[(THREAD + 1) % 32];
    out[THREAD] = quad{q.x, q.y, q.z, q.w};
}

// How often each of the 16 values of a byte's low half stands in the text.
extern "C" __global__ void histogram(const u8 *text, u32 length, u16 *counts) {
    u16 n[16];
#pragma unroll 1
    for (u32 i = 0; i < 16; i++)
        n[i] = 0;
#pragma unroll 1
    for (u32 i = 0; i < length; i++)
        n[text[i] & 15]++;
#pragma unroll 1
    for (u32 i = 0; i < 16; i++)
        counts[i] = n[i];
}

// Euclid's algorithm, signed and unsigned divisions.
extern "C" __global__ void divide(const u64 *a, const u64 *b, u64 *gcd, long long *quotient, int *remainder) {
    u64 x = a[THREAD], y = b[THREAD];
    quotient[THREAD] = (long long)x / (long long)y;
    remainder[THREAD] = (int)x % (int)y;
    while (y) {
        u64 t = x % y;
        x = y, y = t;
    }
    gcd[THREAD] = x;
}

// The 128-bit product of two 64-bit numbers, and of two signed ones.
extern "C" __global__ void product(const u64 *a, const u64 *b, u64 *low, u64 *high, u64 *mixed) {
    unsigned __int128 p = (unsigned __int128)a[THREAD] * b[THREAD];
    low[THREAD] = (u64)p;
    high[THREAD] = (u64)(p >> 64);
    mixed[THREAD] = (u64)((long long)(int)a[THREAD] * (int)b[THREAD]) ^ (u64)(u32)a[THREAD] * (u32)b[THREAD];
}

// A ballot, a butterfly sum, and one atomic addition a warp.
extern "C" __global__ void warps(const u32 *in, u32 *ballots, u32 *sums, u32 *total) {
    u32 v = in[THREAD], ballot, one = v & 1;
    asm volatile("{\n\t.reg .pred %%odd;\n\tsetp.ne.u32 %%odd, %1, 0;\n\tvote.sync.ballot.b32 %0, %%odd, 0xffffffff;\n\t}" : "=r"(ballot) : "r"(one));
    u32 s = v;
#pragma unroll
    for (u32 n = 16; n > 0; n /= 2) {
        u32 other;
        asm volatile("shfl.sync.bfly.b32 %0, %1, %2, 0x1f, 0xffffffff;" : "=r"(other) : "r"(s), "r"(n));
        s += other;
    }
    ballots[THREAD] = ballot;
    sums[THREAD] = s;
    if (THREAD % 32 == 0)
        asm volatile("red.global.add.u32 [%0], %1;" : : "l"(total), "r"(s) : "memory");
}

// A variable that stays between launches, and dynamic shared memory.
__device__ u32 calls = 5;
extern __shared__ u32 dynamic[];
extern "C" __global__ void keep(u32 *out) {
    dynamic[THREAD] = calls + THREAD;
    BARRIER();
    if (THREAD == 0)
        calls++;
    out[THREAD] = dynamic[WIDTH - 1 - THREAD];
}
