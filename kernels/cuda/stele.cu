// The CUDA kernels: nonce search (scan_*), nonce search over several versions that
// share a message schedule (roll_*), verification of a batch of headers (verify,
// link), and ids and Merkle roots of blocks (hash, merkle: merkle.h).
//
// The hot loops are bound by two pipes of a streaming multiprocessor: the ALU,
// which does logic, shifts, rotates and adds, and the FMA pipe, which does
// integer multiply-adds and would be idle in SHA-256. Each starts a warp
// instruction every two clocks. So work is moved to the multiplier until both are
// equally busy:
//
//   - an add becomes a * one + b, where the compiler cannot know that one is 1;
//   - a shift of the small sigmas becomes the high half of a product with a
//     power of two (which takes the FMA pipe twice);
//   - some rotates become the sum of the two halves of such a product.
//
// The last rotate of the big sigmas stays on the ALU, where one instruction does
// it with the following add (LEA.HI). How much work moves is fixed when a variant
// is compiled. Measuring on the device shows the fastest variant.
//
// The same source compiles for the host, where it is tested.

#include "abi.h"
#include "platform.h"
#include "sha256.h"
#include "merkle.h"

// report adds a nonce to the hits.
static DEVICE void report(struct hits *hits, u32 nonce)
{
	u32 n = atomic_add(&hits->count, 1);
	if (n < hits->capacity)
		hits->nonce[n] = nonce;
}

// first_hash does rounds 4 to 63 of the second block, and writes the digest for
// W[3] to d.
template <class A> static DEVICE void first_hash(const A &a, const struct job &j, u32 w3, u32 d[8])
{
	u32 w[16] = { 0, 0, 0, w3, 0x80000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 640 };
	// s is indexed by the round, see arithmetic::round: in round 4, s[4] is a.
	u32 s[8] = { j.e4 + w3, j.s4[3], j.s4[4], j.s4[5], j.a4 + w3, j.s4[0], j.s4[1], j.s4[2] };
	unroll<4, 63>([&](auto index) {
		constexpr int t = index.value;
		u32 hkw;
		u32 h = s[(7 - t) & 7];
		if constexpr (t == 4)
			hkw = j.h4kw;
		else if constexpr (t == 5)
			hkw = j.h5kw;
		else if constexpr (t == 6)
			hkw = j.h6kw;
		else if constexpr (t < 16)
			hkw = a.template add<4 * t + 3>(h, K[t] + w[t]);
		else if constexpr (t == 16)
			hkw = a.template add<4 * t + 3>(h, j.kw16);
		else if constexpr (t == 17)
			hkw = a.template add<4 * t + 3>(h, j.kw17);
		else {
			u32 x;
			if constexpr (t == 18)
				x = a.template add<4 * t>(a.template s0<t>(w3), j.c18);
			else if constexpr (t == 19)
				x = a.template add<4 * t>(w3, j.c19);
			else if constexpr (t == 20)
				x = a.template add<4 * t>(a.template s1<t>(w[18 & 15]), 0x80000000);
			else if constexpr (t == 21)
				x = a.template s1<t>(w[19 & 15]);
			else if constexpr (t == 22)
				x = a.template add<4 * t>(a.template s1<t>(w[20 & 15]), 640);
			else if constexpr (t == 23)
				x = a.template add<4 * t>(a.template s1<t>(w[21 & 15]), j.w16);
			else if constexpr (t == 24)
				x = a.template add<4 * t>(a.template s1<t>(w[22 & 15]), j.w17);
			else if constexpr (t < 30)
				x = a.template add<4 * t>(a.template s1<t>(w[(t - 2) & 15]), w[(t - 7) & 15]);
			else if constexpr (t == 30) // s0(640) = 0x00a00055 ... is folded by the compiler
				x = a.template add<4 * t>(a.template add<4 * t + 1>(w[23 & 15], ror(640, 7) ^ ror(640, 18) ^ 640 >> 3), a.template s1<t>(w[28 & 15]));
			else if constexpr (t == 31)
				x = a.template add<4 * t>(a.template add<4 * t + 1>(w[24 & 15], j.c31), a.template s1<t>(w[29 & 15]));
			else if constexpr (t == 32)
				x = a.template add<4 * t>(a.template add<4 * t + 1>(w[25 & 15], j.c32), a.template s1<t>(w[30 & 15]));
			else if constexpr (t == 33)
				x = a.template add<4 * t + 2>(a.template add<4 * t>(a.template s0<t>(w[18 & 15]), j.w17), a.template add<4 * t + 1>(w[26 & 15], a.template s1<t>(w[31 & 15])));
			else
				x = a.template word<t>(w);
			w[t & 15] = x;
			hkw = a.template add<4 * t + 3>(a.template add<4 * t + 2>(h, K[t]), x);
		}
		a.template round<t, true>(s, hkw);
	});
	unroll<0, 7>([&](auto index) { // after 64 rounds a is s[0] again
		constexpr int i = index.value;
		d[i] = a.template add<i>(s[i], j.mid[i]);
	});
}

// last_word returns word 7 of the hash of the digest w[0..7], without the initial h
// that is added at the end: the e of round 60, which later rounds only move.
template <class A> static DEVICE u32 last_word(const A &a, u32 w[16])
{
	w[8] = 0x80000000;
#pragma unroll
	for (int i = 9; i < 15; i++)
		w[i] = 0;
	w[15] = 256;
	u32 s[8];
#pragma unroll
	for (int i = 0; i < 8; i++)
		s[i] = IV[i];
	unroll<0, 60>([&](auto index) {
		constexpr int t = index.value;
		u32 h = s[(7 - t) & 7], hkw;
		if constexpr (t < 4) {
			hkw = a.template add<4 * t + 3>(w[t], h + K[t]);
		} else if constexpr (t < 8) {
			hkw = a.template add<4 * t + 3>(a.template add<4 * t + 2>(h, K[t]), w[t]);
		} else if constexpr (t < 16) {
			hkw = a.template add<4 * t + 3>(h, K[t] + w[t]);
		} else {
			u32 x;
			if constexpr (t == 16)
				x = a.template add<4 * t>(a.template s0<t>(w[1]), w[0]);
			else if constexpr (t == 17)
				x = a.template add<4 * t>(a.template add<4 * t + 1>(a.template s0<t>(w[2]), w[1]), ror(256, 17) ^ ror(256, 19) ^ 256 >> 10);
			else if constexpr (t < 22)
				x = a.template add<4 * t>(a.template add<4 * t + 1>(a.template s0<t>(w[(t - 15) & 15]), w[t & 15]), a.template s1<t>(w[(t - 2) & 15]));
			else if constexpr (t == 22)
				x = a.template add<4 * t>(a.template add<4 * t + 1>(a.template add<4 * t + 2>(a.template s0<t>(w[7]), 256), w[6]), a.template s1<t>(w[20 & 15]));
			else if constexpr (t == 23)
				x = a.template add<4 * t>(a.template add<4 * t + 1>(a.template add<4 * t + 2>(w[0], ror(0x80000000, 7) ^ ror(0x80000000, 18) ^ 0x80000000 >> 3), w[7]), a.template s1<t>(w[21 & 15]));
			else if constexpr (t == 24)
				x = a.template add<4 * t>(a.template add<4 * t + 1>(w[1], 0x80000000), a.template s1<t>(w[22 & 15]));
			else if constexpr (t < 30)
				x = a.template add<4 * t>(w[(t - 7) & 15], a.template s1<t>(w[(t - 2) & 15]));
			else if constexpr (t == 30)
				x = a.template add<4 * t>(a.template add<4 * t + 1>(w[23 & 15], ror(256, 7) ^ ror(256, 18) ^ 256 >> 3), a.template s1<t>(w[28 & 15]));
			else if constexpr (t == 31)
				x = a.template add<4 * t>(a.template add<4 * t + 1>(a.template add<4 * t + 2>(a.template s0<t>(w[16 & 15]), 256), w[24 & 15]), a.template s1<t>(w[29 & 15]));
			else
				x = a.template word<t>(w);
			w[t & 15] = x;
			hkw = a.template add<4 * t + 3>(a.template add<4 * t + 2>(h, K[t]), x);
		}
		a.template round<t, (t < 57)>(s, hkw);
	});
	return s[(4 - 61) & 7];
}

template <class A> static DEVICE void scan(const struct scan_params &p)
{
	A a = { p.moved };
	u32 n = block_index() * block_size() + thread_index();
	u32 step = block_size() * grid_size();
	for (u32 i = 0; i < p.rounds; i++, n += step) {
		u32 w[16];
		first_hash(a, p.job, swap_bytes(p.first + n), w);
		u32 last = last_word(a, w) + IV[7];
		if ((last & p.moved.mask) == 0) {
			// rare: the exact comparison, and the end of the range, which n
			// alone does not give, since it may have wrapped
			u64 at = (u64)i * step + block_index() * block_size() + thread_index();
			if (swap_bytes(last) <= p.job.top && at < p.count)
				report((struct hits *)p.hits, p.first + n);
		}
	}
}

// roll: each thread of a block has a version of one header. The midstates differ,
// but the second block and its message schedule are the same for all. First the
// schedules of a tile of nonces are computed once, by one thread per nonce, into
// shared memory. Then every thread hashes all nonces of the tile with its own
// version.

#define TILE 64

// schedule has K + W of a nonce: [0] for round 3, [4] to [51] for rounds 16 to 63.
struct schedule {
	u32 kw[52];
};

// roll_base returns the number of nonces in the range before the tile of the block
// in round i.
static DEVICE u64 roll_base(u32 i) { return ((u64)i * grid_size() + block_index()) * TILE; }

// roll_fill is the first phase of a tile with nonces from first on.
template <class A> static DEVICE void roll_fill(const A &a, const struct roll_params &p, u32 first, struct schedule *tile)
{
	u32 n = thread_index();
	if (n >= TILE)
		return;
	u32 w[16] = { p.w[0], p.w[1], p.w[2], swap_bytes(first + n), 0x80000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 640 };
	tile[n].kw[0] = w[3] + K[3];
	unroll<16, 63>([&](auto index) {
		constexpr int t = index.value;
		tile[n].kw[t - 12] = a.template word<t>(w) + K[t];
	});
}

// roll_hash is the second phase: it hashes the first count nonces of the tile.
template <class A>
static DEVICE void roll_hash(const A &a, const struct roll_params &p, u32 first, u32 count, const struct schedule *tile,
	const struct version &v)
{
	for (u32 n = 0; n < count; n++) {
		const u32 *kw = tile[n].kw;
		// s is indexed by the round, see arithmetic::round: in round 3, s[5] is a.
		u32 s[8] = { v.s3[3], v.s3[4], v.s3[5], v.s3[6], v.s3[7], v.s3[0], v.s3[1], v.s3[2] };
		unroll<3, 63>([&](auto index) {
			constexpr int t = index.value;
			u32 h = s[(7 - t) & 7];
			u32 term = t == 3 ? kw[0] : t == 4 ? K[4] + 0x80000000 : t == 15 ? K[15] + 640 : t < 16 ? K[t] : kw[t < 16 ? 0 : t - 12];
			a.template round<t, true>(s, a.template add<4 * t + 3>(h, term));
		});
		u32 w[16];
		unroll<0, 7>([&](auto index) {
			constexpr int i = index.value;
			w[i] = a.template add<i>(s[i], v.mid[i]);
		});
		u32 last = last_word(a, w) + IV[7];
		if ((last & p.moved.mask) == 0) {
			if (swap_bytes(last) <= p.top) {
				struct hits *hits = (struct hits *)p.hits;
				u32 at = atomic_add(&hits->count, 1);
				if (at < hits->capacity) {
					hits->nonce[2 * at] = first + n;
					hits->nonce[2 * at + 1] = thread_index();
				}
			}
		}
	}
}

template <class A> static DEVICE void roll(const struct roll_params &p)
{
	static SHARED struct schedule tile[TILE];
	A a = { p.moved };
	struct version v = ((const struct version *)p.version)[thread_index()];
	for (u32 i = 0; i < p.rounds; i++) {
		u64 base = roll_base(i);
		if (base >= p.count)
			break; // for all threads of the block
		u32 first = p.first + (u32)base;
		roll_fill(a, p, first, tile);
		barrier();
		roll_hash(a, p, first, p.count - base < TILE ? (u32)(p.count - base) : TILE, tile, v);
		barrier();
	}
}

// verify: one thread per header.

// meets compares a hash with the target of nbits, by the rules of Bitcoin's
// arith_uint256::SetCompact. Digest words are big-endian, and the hash
// is a little-endian number.
static DEVICE bool meets(const u32 hash[8], u32 nbits)
{
	u32 size = nbits >> 24, mantissa = nbits & 0x7fffff;
	if (size < 3) {
		mantissa >>= 8 * (3 - size);
		size = 3;
	}
	bool good = mantissa != 0 && !(nbits & 0x800000) && size <= 34 && !(mantissa > 0xff && size > 33) &&
		!(mantissa > 0xffff && size > 32);
	u32 limb = (size - 3) >> 2, bits = 8 * ((size - 3) & 3);
	u32 low = mantissa << bits, high = bits ? mantissa >> (32 - bits) : 0;
	int order = 0; // of hash and target: -1 below, 1 above
#pragma unroll
	for (int i = 7; i >= 0; i--) {
		u32 h = swap_bytes(hash[i]), t = (u32)i == limb ? low : (u32)i == limb + 1 ? high : 0;
		if (order == 0 && h != t)
			order = h < t ? -1 : 1;
	}
	return good && order <= 0;
}

template <class A> static DEVICE void verify_headers(const struct verify_params &p)
{
	A a = { p.moved };
	u64 step = (u64)block_size() * grid_size();
	for (u64 i = (u64)block_index() * block_size() + thread_index(); i < p.count; i += step) {
		const struct quad *header = (const struct quad *)(p.headers + 80 * i);
		u32 w[16], s[8];
#pragma unroll
		for (int q = 0; q < 4; q++) {
			struct quad v = header[q];
			w[4 * q] = swap_bytes(v.x), w[4 * q + 1] = swap_bytes(v.y);
			w[4 * q + 2] = swap_bytes(v.z), w[4 * q + 3] = swap_bytes(v.w);
		}
#pragma unroll
		for (int j = 0; j < 8; j++)
			s[j] = IV[j];
		compress(a, w, s);

		struct quad tail = header[4];
		w[0] = swap_bytes(tail.x), w[1] = swap_bytes(tail.y), w[2] = swap_bytes(tail.z), w[3] = swap_bytes(tail.w);
		w[4] = 0x80000000;
#pragma unroll
		for (int j = 5; j < 15; j++)
			w[j] = 0;
		w[15] = 640;
		compress(a, w, s);

#pragma unroll
		for (int j = 0; j < 8; j++) {
			w[j] = s[j];
			w[8 + j] = 0;
			s[j] = IV[j];
		}
		w[8] = 0x80000000;
		w[15] = 256;
		compress(a, w, s);

		if (!meets(s, tail.z))
			atomic_or((u32 *)p.bad + i / 32, 1u << (i % 32));
		if (p.hashes) {
			struct quad *out = (struct quad *)(p.hashes + 32 * i);
			out[0] = { swap_bytes(s[0]), swap_bytes(s[1]), swap_bytes(s[2]), swap_bytes(s[3]) };
			out[1] = { swap_bytes(s[4]), swap_bytes(s[5]), swap_bytes(s[6]), swap_bytes(s[7]) };
		}
	}
}

// link_headers sets the bit of each header, except the first, whose parent is not
// the header before it. The hashes are those of verify.
static DEVICE void link_headers(const struct verify_params &p)
{
	u64 step = (u64)block_size() * grid_size();
	for (u64 i = (u64)block_index() * block_size() + thread_index() + 1; i < p.count; i += step) {
		const u32 *parent = (const u32 *)(p.headers + 80 * i + 4), *hash = (const u32 *)(p.hashes + 32 * (i - 1));
		u32 differ = 0;
#pragma unroll
		for (int j = 0; j < 8; j++)
			differ |= parent[j] ^ hash[j];
		if (differ)
			atomic_or((u32 *)p.bad + i / 32, 1u << (i % 32));
	}
}

// Each entry is compiled separately: generate.sh passes its name and its settings
// from variants.txt. Threads per block and blocks per multiprocessor bound the
// registers.

#define SCAN KERNEL BOUNDS(256, BLOCKS) void ENTRY(struct scan_params p) { scan<arithmetic<ADDS, SHIFTS, ROTATES>>(p); }
#define ROLL KERNEL BOUNDS(128, BLOCKS) void ENTRY(struct roll_params p) { roll<arithmetic<ADDS, SHIFTS, ROTATES>>(p); }
#define VERIFY KERNEL BOUNDS(128, BLOCKS) void ENTRY(struct verify_params p) { verify_headers<arithmetic<ADDS, SHIFTS, ROTATES>>(p); }
#define LINK KERNEL BOUNDS(256, BLOCKS) void ENTRY(struct verify_params p) { link_headers(p); }
#define HASH KERNEL BOUNDS(128, BLOCKS) void ENTRY(struct hash_params p) { hash_messages<arithmetic<ADDS, SHIFTS, ROTATES>>(p); }
#define MERKLE KERNEL BOUNDS(128, BLOCKS) void ENTRY(struct merkle_params p) { merkle_trees<arithmetic<ADDS, SHIFTS, ROTATES>>(p); }

#ifdef ENTRY
KIND
#endif
