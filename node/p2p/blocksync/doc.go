// Package blocksync decides which peer to ask for which body of a block, while the
// chain of a node catches up with headers that it has already checked.
//
// # Main types
//
//   - [Machine] makes the decisions. [Machine.Handle] takes an [Event] and the time,
//     and returns the list of [Action]s that the caller must take.
//   - [Branch] names the bodies that the chain needs, [PeerReady] a peer that serves
//     bodies, [Received] a body that has arrived.
//   - [Request], [Check], [Deliver], [Discard] and [Drop] are the actions.
//   - [Status] shows how far the download is.
//
// The machine is pure: it has no clock, goroutine or I/O, and never holds the bytes
// of a body. The caller keeps a body from [Received] until it has submitted it after
// [Deliver], or until [Discard].
//
// # Rules
//
//   - Only the next 512 bodies are requested, and only as many as are expected to fit
//     into 16 MB together with those that wait. Of bodies that are larger than
//     expected the highest are discarded, so that never more than 16 MB wait.
//   - A peer has at most 16 open requests: two at first, later as many as it answers
//     in two seconds. Of several peers the one expected to answer first is asked.
//   - The lowest missing body is requested from a second peer when it is late, and
//     from a third when the second request is late too. Late means older than two
//     seconds, and than three times the median time of the last 32 bodies. The first
//     complete body wins. A request so old that it could drop its peer no longer
//     counts, and a further peer is asked.
//   - A peer that holds up the full window that long, while other peers deliver, is
//     dropped as stalling. Each drop doubles the time until the next one, up to 64 s,
//     and each accepted body reduces it again, so that a slow line of this node does
//     not cost it all peers (as in Bitcoin Core).
//   - A peer that leaves a request open for more than 20 s, and for twice the time
//     that it may hold up the window, while other peers deliver, is dropped as late.
//     So a peer cannot withhold one body.
//   - A peer that has no body for a height is not asked for that height or a lower
//     one again.
//   - Bodies are delivered in the order of the branch.
//
// # Caveats
//
// A peer is never dropped for silence while no other peer delivers: the cause may be
// this node's own line. That such a peer lives, the caller must check by other means,
// such as pings.
//
// The machine keeps about 150 bytes for each hash of a [Branch], so the caller bounds
// the length of branches. Each event costs time in proportion to the window and to
// the number of peers.
package blocksync
