// Package views finds the records of a case: all that the chain holds about a
// voucher, a claim, a shipment, an item, a product or a party, in the order of
// the chain.
//
// The views are derived from the blocks, and from nothing else. They follow the
// chain a moment behind it, in a folder of their own, and can be thrown away at
// any time: the next [Open] builds them anew. Whether a claim is still open, or
// who holds a voucher, is for the ledger to say; a view only tells where to look.
//
// # Main types
//
//   - [Views] is the index. [Views.Run] follows the chain; [Views.List] reads.
//   - [List] names a list: [Voucher], [Claim], [Shipment], [Item], [Product],
//     [Party], [Blob] and [BlobFor] are lists of records; [SoldBy], [HeldBy], [ClaimsOf],
//     [ShipmentsOf], [OpenClaims] and [OpenClaimsOf] are lists of things.
//   - [Entry] is a place in the chain and the id of what is there.
//
// # How a block is taken back
//
// What a block adds follows from the block and from what was there before it.
// Every entry that is asked when a block is read has the height at which it was
// written. To take back a block, it is read again as if the entries of its
// height were not there; that gives what it added, and exactly that is removed.
//
// # When the process or the disk fails
//
// There is no write-ahead log. A batch holds all of a block, with the tip, so
// after a crash the views are those of an earlier block, and catch up. Whatever
// is wrong with the files beyond that, they are removed and built anew.
//
// After an orderly end a seal tells what the files must be, so that [Check] finds
// any bit that changes meanwhile. The next change removes it: views that are only
// read keep it, and no file of theirs changes.
//
// # Caveats
//
// A node that prunes bodies cannot build the views anew: [ErrIncomplete].
// Payments that name no claim are in no list.
package views
