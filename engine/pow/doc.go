// Package pow is the vocabulary of Bitcoin's proof of work: the 80-byte block
// header, its double SHA-256 hash, the target that the hash must meet, and the
// values derived from them (compact nBits, work, difficulty, Merkle trees, median
// time, retargeting).
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
// [Search] and [Verify] are the plain, readable definition of the results that
// every kernel and every device must compute. They are the oracle in tests, and
// they decide when a device calls a header invalid.
//
// # Caveats
//
// A hash has two byte orders. In memory and on the wire it is in internal
// order, which is also the little-endian form of the number that is compared
// with the target. Users see the display order, which is the reverse.
// [Hash.String] and [ParseHash] use the display order; everything else is
// internal. Text of targets and nBits is always big-endian.
//
// The rules are Bitcoin's, bit for bit. The package knows only the ids of
// transactions, and it never reads a clock. All functions are safe for concurrent
// use.
package pow
