// Package pow is the vocabulary of Bitcoin's proof of work: the 80-byte block
// header, its double SHA-256 hash, the target that the hash must meet, and
// what follows from them (compact nBits, work, difficulty, Merkle trees,
// median time, retargeting).
//
// # Main types
//
//   - [Header] is a decoded block header; 80 bytes when encoded.
//   - [Hash] is a double SHA-256 value in the byte order of a header.
//   - [Target] is an unsigned 256-bit number; [Bits] is its compact form.
//   - [Work] is the expected number of hashes behind a block or a chain.
//   - [Difficulty] is an exact decimal; share difficulties below 1 are fine.
//   - [Params] are the proof-of-work rules of one chain.
//
// # The reference
//
// [Search] and [Verify] are the plain, readable definition of what every
// kernel and every device must compute. They are the oracle in tests, and the
// last word when a device calls a header invalid.
//
// # Caveats
//
// A hash has two byte orders. In memory and on the wire it is in internal
// order, which is also the little-endian form of the number that is compared
// with the target. People see the display order, which is the reverse.
// [Hash.String] and [ParseHash] use the display order; everything else is
// internal. Text of targets and nBits is always big-endian.
//
// The rules are Bitcoin's, bit for bit. The package knows nothing about
// transactions beyond their ids, and it never looks at the clock.
package pow
