// Package chaintest makes valid blocks, and blocks that are wrong in one way,
// for tests.
//
//   - [Network] is a network with real, but very easy proof of work.
//   - [Builder] makes blocks on any parent, so that trees of any shape can be
//     built. All of it follows from a seed.
//   - [Block] is a valid block with the state after it, to compare a node's state
//     with.
//   - [Draft] is a block in the making, in which a test can change anything.
//   - [Story] is a sale and what comes of it, in blocks.
//
// # Caveats
//
// Functions panic where a test did something impossible, such as extending a
// block by a record that is not valid there. A Builder is not safe for concurrent
// use. Its keys are known to everybody.
package chaintest
