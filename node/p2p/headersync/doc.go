// Package headersync fetches the headers of one peer, and lets it prove its work
// before any memory is spent on them.
//
//   - [Machine] is the state of one peer. [Machine.Handle] takes an [Event], such as
//     a batch of headers, and returns [Action]s, such as the next request.
//   - [Options] are what it asks of the node: the header tree, how much work is
//     enough, and the check of a batch.
//   - [Point] is a header of the node's own tree, where the peer's headers go on.
//   - [Choose] decides which one of several machines downloads a chain.
//
// # How it works
//
// A batch that ends with enough work is added at once. Otherwise the peer has to send
// all of its headers twice, as in Bitcoin Core (headerssync.h):
//
//   - Presync: every header is checked, and nothing of it is kept but one bit in 256
//     headers, a hash with a salt that the peer does not know. At the end the work
//     of the peer's chain is known, and the machine waits for [Redownload], which only
//     the peer with the most work gets.
//   - Redownload: the headers come again, and are added once the bits of 6,144
//     headers above them are the same as before. So a peer cannot prove its work with
//     one chain and then fill the memory with another, cheap one.
//
// Headers are added up to 10,000 above the last connected block. Then the machine
// waits for [Connected]: the bodies of the blocks limit how many headers without
// bodies a peer can place.
//
// # Caveats
//
// A peer that announces at most eight headers while it owes an answer does nothing
// wrong: headers with an unknown parent are ignored then, others are taken for the
// answer, and the real one may still come.
//
// A machine never reads the clock. The rule that a header is at most two hours ahead
// is left to whoever adds it to the tree. Networks on which a late header may have
// the easiest nBits (pow.Params.MinDifficultyAfter) or with BIP 94 are not supported.
package headersync
