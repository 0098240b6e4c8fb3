// Package block has the block: a header of 80 bytes and the records that its
// Merkle root commits to, and the rules that need only the block.
//
//   - [Block] is made by [New] or [Decode] and does not change.
//   - [Block.Check] applies the rules. Those that need the chain are in the
//     packages headertree (headers) and rules (records).
//   - [Genesis] is the first block of a network.
//   - [Proof] shows that a record is in a block to somebody who has only the
//     header.
//
// # Encoding
//
// The header, the number of records as a little-endian uint32, and the full
// encodings of the records one after the other. Nothing follows.
//
// # Two commitments
//
// The Merkle root of the header is over the ids of the records, which leave
// signatures out. The signatures are covered by a second root ([WitnessRoot]),
// which stands in the coinbase as in Bitcoin's segregated witness (BIP 141).
// So a header has one valid body at most, and a body with other signatures does
// not belong to the header. That is not the same as a block that is not valid:
// see [reject.Reason.BodyMismatch].
//
// # Caveats
//
// Check does not verify signatures: record.Verifier does, in batches over many
// blocks, which is faster.
package block
