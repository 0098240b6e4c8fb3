// A plain search for nonces: SHA-256d over an 80-byte header, one nonce a
// thread and step. It is a sample for the interpreter, not a fast kernel.
#include "prelude.cuh"

__constant__ u32 K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

struct job {
    u32 midstate[8]; // after the first 64 bytes
    u32 tail[3];     // the last bytes of the Merkle root, time, nBits
    u32 target[8];   // least significant word first
    u32 one;         // the number 1, which the compiler cannot know
    u32 capacity;    // room in hits
    u32 *count;      // hits found
    u32 *hits;       // their nonces
};

__inline u32 ror(u32 x, int n) { return x >> n | x << (32 - n); }

__inline u32 add(u32 a, u32 b, u32 one) {
    u32 d;
    asm("mad.lo.u32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(one), "r"(b));
    return d;
}

__inline u32 choose(u32 e, u32 f, u32 g) {
    u32 d;
    asm("lop3.b32 %0, %1, %2, %3, 0xca;" : "=r"(d) : "r"(e), "r"(f), "r"(g));
    return d;
}

__inline u32 majority(u32 a, u32 b, u32 c) {
    u32 d;
    asm("lop3.b32 %0, %1, %2, %3, 0xe8;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
    return d;
}

__inline u32 swap(u32 x) {
    u32 d;
    asm("prmt.b32 %0, %1, 0, 0x0123;" : "=r"(d) : "r"(x));
    return d;
}

__inline void compress(u32 state[8], u32 w[16], u32 one) {
    u32 a = state[0], b = state[1], c = state[2], d = state[3];
    u32 e = state[4], f = state[5], g = state[6], h = state[7];
#pragma unroll 1
    for (int round = 0; round < 64; round += 16)
#pragma unroll
    for (int i = 0; i < 16; i++) {
        if (round > 0) {
            u32 x = w[(i + 1) % 16], y = w[(i + 14) % 16];
            u32 s0 = ror(x, 7) ^ ror(x, 18) ^ x >> 3;
            u32 s1 = ror(y, 17) ^ ror(y, 19) ^ y >> 10;
            w[i] += s0 + add(w[(i + 9) % 16], s1, one);
        }
        u32 t = h + K[round + i] + w[i] + choose(e, f, g) + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25));
        u32 s = majority(a, b, c) + (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22));
        h = g, g = f, f = e, e = add(d, t, one), d = c, c = b, b = a, a = t + s;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

extern "C" __global__ void scan(job j, u32 first, u32 steps) {
    u32 nonce = first + (BLOCK * WIDTH + THREAD) * steps;
#pragma unroll 1
    for (u32 i = 0; i < steps; i++, nonce++) {
        u32 state[8], w[16] = {j.tail[0], j.tail[1], j.tail[2], swap(nonce), 0x80000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 640};
#pragma unroll
        for (int k = 0; k < 8; k++)
            state[k] = j.midstate[k];
        compress(state, w, j.one);
        u32 second[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
        u32 v[16] = {state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7], 0x80000000, 0, 0, 0, 0, 0, 0, 256};
        compress(second, v, j.one);
        bool met = true;
#pragma unroll
        for (int k = 0; k < 8; k++) { // the most significant word decides last
            u32 word = swap(second[k]);
            met = word < j.target[k] || (word == j.target[k] && met);
        }
        if (met) {
            u32 at;
            asm volatile("atom.global.add.u32 %0, [%1], 1;" : "=r"(at) : "l"(j.count) : "memory");
            if (at < j.capacity)
                j.hits[at] = nonce;
        }
    }
}
