// Package template makes blocks to be mined: it chooses the records, and cuts
// the coinbase and the Merkle tree so that a miner can change the header with
// little work.
//
//   - [Build] makes a [Template] on a tip from what the pool has.
//   - [Template.Job] is a header of it for the engine, [Template.Block] the
//     finished block.
//   - [Roller] gives engine.Mine one header after the other, and turns hits back
//     into blocks.
//
// # What a miner can change
//
// A header has 2^32 nonces. Then, from the cheapest on: 16 bits of the version
// ([VersionMask], BIP 320), which the engine searches by itself; the time, within
// the rules; and the extranonce, 8 bytes in the coinbase, which gives another
// Merkle root at the cost of a dozen hashes. The extranonce begins
// record.Coinbase.Extra and is followed by the tag of the miner, which ends the
// body of the coinbase. So a template consists of what a Stratum job consists
// of: the coinbase before and after the extranonce, and the Merkle branch.
//
// # Caveats
//
// A template is for one tip. On a new tip it is worth nothing; a Roller refuses
// its hits with [ErrStale]. Build chooses from a state that may change while it
// runs: whoever builds must see that the tip is still the same afterwards. The
// template of an old tip is stale anyway.
package template
