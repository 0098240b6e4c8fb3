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
package miner
