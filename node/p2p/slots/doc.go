// Package slots decides about the connections of a node: which peers it calls, which
// ones it accepts, and which one goes when there is no room.
//
//   - [Slots] has a slot for each connection, from the moment of the call or of its
//     acceptance. [Slots.Next] returns the calls to make, [Slots.Accept] admits a
//     peer that called, [Slots.Ready] and [Slots.Close] report what became of a
//     connection.
//   - [Kind] is what a slot is for: 8 full peers and 2 for blocks only, whose
//     addresses are the anchors of the next start; a feeler, which tests an address
//     and leaves; manual peers, which the operator names; and inbound ones.
//   - [Options] are the limits.
//
// # How it resists being surrounded
//
// Of all outbound peers that the node chooses, at most two are in one group of
// addresses (package book). When all inbound slots are taken, a newcomer displaces a
// peer only after those are protected that an attacker cannot easily outdo: peers of
// some groups that a secret chooses, those with the shortest pings, those that gave
// records and blocks last, and the older half of the rest. Of the others, the
// youngest of the largest group goes.
//
// # Caveats
//
// Slots never reads the clock and opens no connection: it returns what to do, and
// callers report what happened. Every slot has to be closed by [Slots.Close], once
// its call failed or its connection ended; only the slot of an evicted peer is free
// at once. It has no lock, and uses the book that it is given without one.
package slots
