// Package book keeps the addresses of peers: which ones are known, which ones
// worked, and which ones to avoid.
//
//   - [Book] has two tables, as Bitcoin Core's address manager: "new" for addresses
//     that somebody announced, "tried" for those that this node has reached.
//     [Book.Add] fills the first, [Book.Good] and [Book.Failed] move addresses
//     between the two, [Book.Pick] and [Book.Feeler] draw the next one to call.
//   - [Address] is what the book knows about one address.
//   - [Group] is the network that an address belongs to, the unit in which limits
//     against one operator with many addresses count.
//   - [Book.Discourage] remembers the addresses of peers that broke the protocol.
//   - [Book.Save] and [Load] keep the book in a file, [SaveAnchors] and [LoadAnchors]
//     the peers to call first after a restart.
//
// # How it resists poisoning
//
// Each table consists of buckets of 64 places. A hash with a secret of this node
// decides the place of an address, so that nobody outside can aim at the place of
// another one. In the new table the bucket depends on the groups of the address and
// of the peer that announced it: the peers of one group reach 16 of the 256 buckets,
// and the addresses of one group that they announce, one. In the tried table an
// address group reaches 4 of the 64 buckets.
//
// An address that is up to date keeps its place in the new table against newcomers.
// In the tried table a place changes its owner only after a call to that owner
// failed: Book.Feeler returns it to be tested.
//
// # Caveats
//
// A book never reads the clock and starts nothing: callers pass the time and decide
// when to save. It has no lock. Times have a resolution of one second.
//
// The checksum of a file reveals damage. It does not protect against somebody who
// can write the file.
package book
