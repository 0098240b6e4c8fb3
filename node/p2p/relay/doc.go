// Package relay decides how records and blocks spread between the peers of a node: what
// to announce to which peer, what to request from which one, and how a compact block
// becomes a whole one. It is pure: it has no clock, goroutine or I/O.
//
//   - [Records] spreads records. [Records.Handle] takes an event and the time, and
//     returns the actions that the caller must take.
//   - [Blocks] does so for compact blocks, which [Rebuild] makes whole.
//
// # Records
//
// A record that the pool has accepted, wherever it comes from, is pushed to three peers,
// drawn anew for each record, and announced by its full hash to the others in the next
// 20 ms. A peer that has yet to hear of the author's record before it gets no push, since
// it could not judge the record. What the link to a slow peer drops is announced to it
// later ([Unsent]). A record that a peer announces is requested if it is unknown:
//
//   - It is requested from one peer at a time. If a peer has sent nothing that was
//     requested for 2 s, or not this record for 10 s, the next one that has announced
//     it is asked, outbound peers first.
//   - A record is unknown if it is not in the pool, is not being judged, does not wait
//     for an earlier one, was not mined lately, and was not rejected lately. What was
//     rejected for reasons that may pass is forgotten when the chain has another tip.
//   - A record whose sequence number is too high waits for the one before it, with at
//     most 1,000 others or 2 MB, 256 of one peer, for 10 minutes.
//   - A peer that has not answered a request for 20 s, while others have answered, is
//     dropped.
//
// A peer gets no record whose fee rate is below the one it has reported, and none that
// it has sent, announced or been sent, as far as the last 16,384 of those are known.
//
// # Caveats
//
// Records are known by their full hashes, signatures included: a copy with bad
// signatures is another record, and does not keep the good one away.
//
// Of the records that a peer has announced and that have not arrived, the last ones are
// forgotten beyond 5,000, or beyond its share of 32,768 if no other peer has announced
// them. So nodes announce no more than 3,000 records at once, and 1,500 a second.
//
// While records could not be judged, as long as the chain catches up, announcements are
// only remembered ([Paused]).
//
// With 128 peers that fill all limits, a [Records] takes about 60 MB: 210 kB for each
// peer, of which 64 kB are for what it knows, and 33 MB beside that.
package relay
