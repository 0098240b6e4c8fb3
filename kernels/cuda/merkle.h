// The double SHA-256 of messages of any length, and Merkle trees: for the ids of
// transactions and the roots of blocks. The bus bounds both, so the code is short
// rather than fast: every thread has one instance of the rounds.
#ifndef STELE_MERKLE_H
#define STELE_MERKLE_H

// load_hash reads the eight words of a hash.
static DEVICE void load_hash(u64 from, u32 w[8])
{
	struct quad a = ((const struct quad *)from)[0], b = ((const struct quad *)from)[1];
	w[0] = swap_bytes(a.x), w[1] = swap_bytes(a.y), w[2] = swap_bytes(a.z), w[3] = swap_bytes(a.w);
	w[4] = swap_bytes(b.x), w[5] = swap_bytes(b.y), w[6] = swap_bytes(b.z), w[7] = swap_bytes(b.w);
}

static DEVICE void store_hash(u64 to, const u32 s[8])
{
	struct quad *out = (struct quad *)to;
	out[0] = { swap_bytes(s[0]), swap_bytes(s[1]), swap_bytes(s[2]), swap_bytes(s[3]) };
	out[1] = { swap_bytes(s[4]), swap_bytes(s[5]), swap_bytes(s[6]), swap_bytes(s[7]) };
}

// begin sets s to the initial state.
static DEVICE void begin(u32 s[8])
{
#pragma unroll
	for (int i = 0; i < 8; i++)
		s[i] = IV[i];
}

// second sets w to the one block of the second hash, and s to the initial state. s has
// the first hash.
static DEVICE void second(u32 w[16], u32 s[8])
{
#pragma unroll
	for (int i = 0; i < 8; i++) {
		w[i] = s[i];
		w[8 + i] = 0;
	}
	w[8] = 0x80000000;
	w[15] = 256;
	begin(s);
}

// pieces is a message with the ends of its pieces.
struct pieces {
	u64 data;
	u32 at0, at1, at2;    // where a piece would begin if it began at the first byte of the message
	u32 end0, end1, size; // bytes before the end of each piece
};

// byte_at returns byte i of the padded message, without the length.
static DEVICE u32 byte_at(const struct pieces &m, u32 i)
{
	if (i >= m.size)
		return i == m.size ? 0x80 : 0;
	u32 at = i + (i < m.end0 ? m.at0 : i < m.end1 ? m.at1 : m.at2);
	return ((const u32 *)m.data)[at / 4] >> 8 * (at % 4) & 0xff;
}

// word_at returns the four bytes of the padded message from byte i on, a multiple of 4.
static DEVICE u32 word_at(const struct pieces &m, u32 i)
{
	u32 end = i < m.end0 ? m.end0 : i < m.end1 ? m.end1 : m.size;
	if (i + 4 <= end) { // in one piece
		u32 at = i + (i < m.end0 ? m.at0 : i < m.end1 ? m.at1 : m.at2);
		const u32 *data = (const u32 *)m.data;
		return swap_bytes(funnel(data[at / 4], data[(at + 3) / 4], 8 * (at % 4)));
	}
	u32 word = 0;
#pragma unroll 1
	for (u32 j = 0; j < 4; j++)
		word = word << 8 | byte_at(m, i + j);
	return word;
}

// load_block reads block n of a message of the given number of blocks.
static DEVICE void load_block(const struct pieces &m, u32 n, u32 blocks, u32 w[16])
{
#pragma unroll 1
	for (u32 i = 0; i < 16; i++) { // moved word by word: indices must be constant
#pragma unroll
		for (int j = 0; j < 15; j++)
			w[j] = w[j + 1];
		w[15] = word_at(m, 64 * n + 4 * i);
	}
	if (n + 1 == blocks) {
		w[14] = m.size >> 29;
		w[15] = m.size << 3;
	}
}

// hash: one thread per message. The messages of a warp should have the same number of
// blocks.
template <class A> static DEVICE void hash_messages(const struct hash_params &p)
{
	A a = { p.moved };
	u64 step = (u64)block_size() * grid_size();
	for (u64 i = (u64)block_index() * block_size() + thread_index(); i < p.count; i += step) {
		const struct quad *message = (const struct quad *)(p.messages + 32 * i);
		struct quad x = message[0], y = message[1];
		// x is at[0..2], size[0]; y is size[1..2], hash, copy
		u32 end0 = x.w, end1 = end0 + y.x, size = end1 + y.y;
		struct pieces m = { p.data, x.x, x.y - end0, x.z - end1, end0, end1, size };
		u32 blocks = (size + 8) / 64 + 1, w[16] = {}, s[8];
		begin(s);
#pragma unroll 1
		for (u32 n = 0; n <= blocks; n++) {
			if (n < blocks)
				load_block(m, n, blocks, w);
			else
				second(w, s);
			compress(a, w, s);
		}
		store_hash(p.hashes + 32ull * y.z, s);
		store_hash(p.hashes + 32ull * y.w, s);
	}
}

// merkle: one block of threads per tree, which computes level after level.

// merkle_parents computes the parents of n > 1 nodes. On a level with an odd number the
// last node is paired with itself. It returns whether two others of a pair are equal.
template <class A> static DEVICE bool merkle_parents(const A &a, u64 nodes, u32 n, u64 parents)
{
	bool mutated = false;
#pragma unroll 1
	for (u32 i = thread_index(); 2 * i < n; i += block_size()) {
		u32 w[16], s[8];
		bool paired = 2 * i + 1 < n;
		load_hash(nodes + 64ull * i, w);
		load_hash(nodes + 64ull * i + (paired ? 32 : 0), w + 8);
		u32 differ = 0;
#pragma unroll
		for (int j = 0; j < 8; j++)
			differ |= w[j] ^ w[8 + j];
		mutated |= paired && differ == 0;
		begin(s);
#pragma unroll 1
		for (int pass = 0; pass < 3; pass++) {
			if (pass == 1) { // the padding
#pragma unroll
				for (int j = 0; j < 16; j++)
					w[j] = 0;
				w[0] = 0x80000000;
				w[15] = 512;
			}
			if (pass == 2)
				second(w, s);
			compress(a, w, s);
		}
		store_hash(parents + 32ull * i, s);
	}
	return mutated;
}

// merkle_finish is the last phase of a tree, whose root is known. It is also that of a
// tree with one leaf.
static DEVICE void merkle_finish(const struct merkle_params &p, u64 tree, u64 root, bool mutated)
{
	if (mutated)
		atomic_or((u32 *)p.mutated + tree / 32, 1u << (tree % 32));
	for (u32 i = thread_index(); i < 2; i += block_size())
		((struct quad *)(p.roots + 32 * tree))[i] = ((const struct quad *)root)[i];
}

template <class A> static DEVICE void merkle_trees(const struct merkle_params &p)
{
	A a = { p.moved };
	for (u64 i = block_index(); i < p.count; i += grid_size()) {
		struct quad tree = ((const struct quad *)p.trees)[i]; // first, count, nodes
		u64 nodes = p.hashes + 32ull * tree.x, parents = p.nodes + 32ull * tree.z;
		bool mutated = false;
#pragma unroll 1
		for (u32 n = tree.y; n > 1; n = (n + 1) / 2) {
			mutated |= merkle_parents(a, nodes, n, parents);
			barrier();
			nodes = parents;
			parents += 32ull * ((n + 1) / 2);
		}
		merkle_finish(p, i, nodes, mutated);
	}
}

#endif
