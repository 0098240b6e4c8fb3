// Package template makes blocks to be mined: it chooses the records, and splits
// the coinbase and the Merkle tree so that a miner can change the header at little
// cost.
//
//   - [Build] makes a [Template] on a tip from the records of the pool.
//   - [Template.Header] is a header to be mined, [Template.Block] the block that a
//     header belongs to.
//   - [Template.PaidTo] and [Template.Marked] are variants for other miners.
//
// # What a miner can change
//
// A header has 2^32 nonces. Beyond them, the cheapest first: 16 bits of the
// version ([VersionMask], BIP 320), which the engine rolls itself; the time, within
// the rules; and the extranonce, 8 bytes of the coinbase, which gives another
// Merkle root at the cost of a dozen hashes. The extranonce begins
// record.Coinbase.Extra; the tag of the miner follows, which ends the body of the
// coinbase. So a template has the parts of a Stratum job: the coinbase before and
// after the extranonce, and the Merkle branch.
//
// # Caveats
//
// A template is for one tip, and worthless on a new one. Build reads a state that
// may change while it runs: the caller must check afterwards that the tip is still
// the same.
package template
