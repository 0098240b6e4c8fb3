// Package feed reports what happens at a node while it happens: blocks that join or leave
// the chain, records that are confirmed, admitted to the pool or rejected, alerts, and once
// a second the state of the node. GET /v1/events of package api serves it as a
// text/event-stream.
//
// # Main types
//
//   - [Feed] makes the events. [Feed.Run] follows the chain; [Feed.Admitted], [Feed.Judged]
//     and [Feed.Publish] report the rest.
//   - [Reader] reads them, from now on or from a place on. [Filter] chooses.
//   - [Event] is an event, encoded once for all readers. [Kind] lists the kinds.
//
// # Places
//
// The id of an event names a place in two ways: by a number that counts the events since
// the node started, and by a block and how much of it was reported. The number is used
// while the feed still has the event. The block is used otherwise, after a restart of the
// node too: the reader gets what has changed on the way from there to the tip, the blocks
// first that have left the chain. What such a reader misses, it gets an event "gap" for:
// events that are not of the chain, pruned blocks, and ways of more than [MaxReplay] blocks.
//
// # Order
//
// A block is reported when the index of package views has it, so that whoever asks again
// after an event finds what the event reports. A block is followed by its records, in their
// order; one that leaves the chain by the ids of its records, the last one first.
//
// # Memory
//
// A reader is a place, not a queue. All readers share one log of the last events, at most
// 16 MB. Who is slower than that is dropped.
package feed
