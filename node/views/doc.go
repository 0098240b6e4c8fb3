// Package views finds the records of a case and the cases of a party: what the
// chain holds about a voucher, a claim, a shipment, an item, a product or an
// account, and which things are in which state.
//
// The views are derived from the chain and from nothing else. They follow it a
// moment behind, in a folder of their own, and can be removed at any time: the
// next [Open] builds them anew. A view says where to look; what a thing looks
// like now is for package rules to say.
//
// # Main types
//
//   - [Views] is the index. [Views.Run] follows the chain.
//   - [List] names a list that follows from the blocks alone, and [Views.List]
//     reads it: of records ([Voucher], [Claim], [Shipment], [Item], [Product],
//     [Party], [Blob], [BlobFor], [Rulings], [Recalls], [Suspensions],
//     [Payments]) or of things ([SoldBy], [ClaimsOf], [ServicedBy],
//     [ShipmentsOf], [ClaimsUnder], [ShipmentsFor], [ProductsOf], [Evaluations] and
//     its like).
//   - [Scope] narrows down the things of a [Kind]. [Views.InStates] lists those
//     in some states, [Views.Deadlines] claims by their deadlines, [Views.Count]
//     counts.
//   - [Entry] is a place in the chain and the id of what is there.
//
// # How a block is taken back
//
// What a block adds to the lists of the first sort follows from the block and
// from what was there before it. Every entry that is asked when a block is read
// has the height at which it was written. To take back a block, it is read again
// as if the entries of its height were not there; that gives what it added, and
// exactly that is removed.
//
// # States, and time
//
// In which state a thing is follows from the state of the ledger at the tip and
// from the median time there: a claim that nobody answers in time closes without
// a record. So each thing has a standing (standing.go), from which its entries
// follow. A block, connected or taken back, marks the things that it touches. When
// the views are at the tip of the chain, the standings of marked things are
// renewed from a snapshot of the store: in the batch of the block itself, if it
// is the next one. Each case also names the times at which time alone changes it.
// When the median time moves, either way, the cases with such a time in between
// are marked. So the entries are those that a scan of the whole chain would give,
// and no scan is needed.
//
// # When the process or the disk fails
//
// There is no write-ahead log. A batch holds all of a block, with the tip and the
// marks, so after a crash the views are those of an earlier block, and catch up. The
// chain is synced before the views are written, so that they are never ahead of it. For
// a chain that prunes, [Options].FlushEvery bounds how far they go back, and
// [Views.Needed] says which bodies they still need.
// Whatever is wrong with the files beyond that, they are removed and built anew.
//
// After an orderly end a seal says what the files must be, so that [Check] finds
// any bit that changes meanwhile. The next change removes it: views that are only
// read keep it, and no file of theirs changes.
//
// # Caveats
//
// A node that prunes bodies cannot build the views anew: [ErrIncomplete].
// Payments that name no claim are in no history, only in [Payments].
package views
