// Package query answers questions about what a node knows: its chain, its pool
// and the cases on its ledger. The API, the view on the terminal and pages all
// ask here, so that they agree.
//
// # Main types
//
//   - [Reader] answers. [New] makes one from the parts of a node, and [Reader.At] one
//     that answers as of an earlier height.
//   - [Header], [Block], [Record] and [Pool] describe the chain and what waits
//     for it; [Voucher], [Claim], [Shipment], [Item], [Product] and [Account]
//     describe the ledger as the next block finds it; [Event] is a record of a
//     history.
//   - [Status] is the state of a node, [Stratum] and [Miners] those of its
//     Stratum server. The node makes them.
//   - [Page] is a part of a list, [Range] names one.
//
// # Units
//
// Times are seconds since 1970. Median times are those that the rules go by: of
// a block and the ten before it. Amounts are units of 1e-8. Sizes are bytes of
// the encoding, signatures included. Fee rates are units of 1e-8 per 1000 bytes.
// Parties are named by the first keys of their accounts.
//
// # Caveats
//
// A thing is shown as the next block finds it: what time alone decides has
// happened, although no record says so yet. Lists come from the index of package
// views, which follows the chain a moment behind it. So a list may lack what the
// tip added, and never shows a thing in a state that it was not in.
//
// Each answer is read from the chain as it is. An answer of several parts can
// span a new block. The answers of [Reader.At] are exact: all of them are as of the one
// block.
package query
