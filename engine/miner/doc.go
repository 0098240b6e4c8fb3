// Package miner joins a source of work, an engine and the way back for what is
// found, and keeps that going for months.
//
//   - [Source] is where work comes from: a pool (package stratum) or a node
//     (package gbt). A miner has a list of them, in order of preference.
//   - [Work] makes the headers of one block, and takes back the [Share]s.
//   - [Miner] keeps the engine busy with the newest work of the best source that
//     there is, and counts what became of the shares.
//   - [Status] is all that is known about a miner at one moment. Every display
//     and every interface for other programs is made from it.
//
// What a share belongs to is frozen in its Work: target, version mask,
// extranonce. A source that changes its mind gives new Work.
//
// # What a miner does
//
// The best source that gives work is mined; the next one keeps a session too, so
// that its work is at hand when the first breaks. A source that broke is tried
// again without end, and gone back to when it has stood for half a minute. When
// no source gives work, the last work is mined on for a quarter of an hour, or
// until its source says that its shares are lost.
//
// The hash rate is counted from nonces that the devices have finished. Beside it
// stands an estimate from the shares that they found. Each is a check of the
// other: a device that is only busy, or that leaves out hits, shows.
//
// A device that fails, is wrong or finishes nothing is tried again after a
// pause, a few times; package health has the rules.
//
// # Caveats
//
// An engine serves one miner at a time. A share of a source that
// [Miner.SetSources] takes away is lost if it is not answered in ten seconds.
package miner
