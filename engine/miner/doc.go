// Package miner connects sources of work with an engine, submits what the engine
// finds, and keeps that going for months.
//
//   - [Source] is where work comes from: a pool (package stratum) or a node
//     (package gbt). A miner has a list of them, in order of preference.
//   - [Work] makes the headers of one block, and submits its [Share]s.
//   - [Miner] keeps the engine busy with the newest work of the best source, and
//     counts what became of the shares.
//   - [Status] is everything that is known about a miner at one moment. Every
//     display and every interface for other programs is made from it.
//
// What a share depends on is frozen in its Work: target, version mask,
// extranonce. A source that changes any of it sends new Work.
//
// # What a miner does
//
// It mines the best source that has work. The next one keeps a session too, as a
// warm standby. A source that broke is retried forever, and the miner returns to
// it when it has been connected for half a minute. When no source has work, the
// miner goes on with the last work for a quarter of an hour, or until its source
// reports that the shares are lost.
//
// The hash rate is counted from nonces that the devices have finished. Beside it
// stands an estimate from the shares that they found. Each checks the other: a
// device that is only busy, or that misses hits, shows up.
//
// A device that fails, returns wrong results or finishes nothing is retried after
// a pause, a few times; package health has the rules.
//
// # Caveats
//
// An engine serves one miner at a time. A share of a source that
// [Miner.SetSources] removes is lost if it is not answered in ten seconds.
package miner
