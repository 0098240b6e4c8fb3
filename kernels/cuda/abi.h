// The parameters of the kernels. kernels/cuda/abi.go writes the same structures.
#ifndef STELE_ABI_H
#define STELE_ABI_H

typedef unsigned int u32;
typedef unsigned long long u64;

// The constants of a job, which do not depend on the nonce, see
// kernels/internal/prep. State 4 is the state before round 4 of the second
// block; the nonce, with its bytes swapped, is W[3].
struct job {
	u32 mid[8];           // midstate
	u32 a4, e4;           // a and e of state 4, less W[3]
	u32 s4[6];            // b, c, d, f, g, h of state 4
	u32 h4kw, h5kw, h6kw; // h + K + W of rounds 4 to 6
	u32 kw16, kw17;       // K + W of rounds 16 and 17
	u32 w16, w17, c18, c19, c31, c32; // (parts of) schedule words
	u32 top;              // most significant 32 bits of the target
};

// Numbers that must not be constants for the compiler, and the early test.
struct moved {
	u32 one;      // 1
	u32 p29, p22; // 2^29, 2^22: shifts by 3 and by 10
	u32 p25, p15; // 2^25, 2^15: rotates by 7 and by 17
	u32 p14, p13; // 2^14, 2^13: rotates by 18 and by 19
	u32 mask;     // bits of the last digest word that are 0 if the hash can meet the target
};

// The parameter of scan.
struct scan_params {
	struct job job;
	struct moved moved;
	u32 first;  // nonce of the first thread
	u32 rounds; // nonces per thread
	u64 count;  // nonces in total; the last threads may have fewer
	u64 hits;   // address of struct hits
};

// The reported hits: all are counted, and the first capacity are in nonce. If count
// exceeds capacity, the range must be scanned again in smaller parts.
struct hits {
	u32 count;
	u32 capacity;
	u32 nonce[1]; // capacity of them (roll: capacity of pairs)
};

// The parameter of verify and link.
struct verify_params {
	struct moved moved; // without mask
	u64 headers; // address of count records of 80 bytes, 16-byte aligned
	u64 hashes;  // address of count hashes of 32 bytes, or 0: none
	u64 bad;     // address of one bit per header, 0 before the launch: set if the header is invalid
	u64 count;
};

// A message: the bytes of three pieces, one after the other.
struct message {
	u32 at[3];   // where the pieces begin in the data
	u32 size[3]; // their bytes, which may be 0
	u32 hash;    // index of the hash
	u32 copy;    // index of a second place for it, or the same
};

// The parameter of hash.
struct hash_params {
	struct moved moved; // without mask
	u64 data;     // address of the bytes of the messages, in whole words, 4-byte aligned
	u64 messages; // address of count struct message, 16-byte aligned
	u64 hashes;   // address of the hashes, 32 bytes each, 16-byte aligned
	u64 count;
};

// A Merkle tree over hashes that lie side by side.
struct tree {
	u32 first; // index of its first leaf among the hashes
	u32 count; // leaves, at least one
	u32 nodes; // index of the first node above the leaves: all levels follow one another
	u32 pad;
};

// The parameter of merkle.
struct merkle_params {
	struct moved moved; // without mask
	u64 hashes;  // address of the leaves, 32 bytes each, 16-byte aligned
	u64 trees;   // address of count struct tree, 16-byte aligned
	u64 nodes;   // address of the nodes above the leaves, 32 bytes each, 16-byte aligned
	u64 roots;   // address of count hashes, 16-byte aligned
	u64 mutated; // address of one bit per tree, 0 before the launch: set if two nodes of a pair are equal
	u64 count;
};

// The states of a version, for roll.
struct version {
	u32 mid[8];
	u32 s3[8]; // state before round 3 of the second block
};

// The parameter of roll.
struct roll_params {
	struct moved moved;
	u32 w[3];    // W[0] to W[2] of the second block
	u32 top;     // most significant 32 bits of the target
	u64 version; // address of struct version, one per thread of a block
	u32 first;   // nonce of the first block
	u32 rounds;  // tiles per block
	u64 count;   // nonces in total
	u64 hits;    // address of struct hits, with two words per hit: nonce and index of the version
};

#endif
