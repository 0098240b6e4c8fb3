// Package lab is the laboratory of the peer-to-peer network. It runs many nodes,
// disturbs them by a plan, checks that they agree afterwards, and reports how fast
// blocks and records spread.
//
//   - [Plan] says what happens when. [Parse] reads one, [Generate] makes one from a seed.
//   - [World] is where it happens. [OpenInside] runs nodes in this process on a network
//     in memory, in real time or in the virtual time of testing/synctest;
//     [OpenProcesses] runs a program for each node.
//   - [Run] lets a plan happen in a world and returns a [Result]: what was observed.
//   - [Result.Check] compares it with the invariants. Each is a pure function.
//   - [NewReport] makes figures, verdicts and the picture of the block tree of it, as
//     JSON and as an HTML page.
//   - [Attack] is the behaviour of a hostile peer, made of packages wire and link.
//
// # Caveats
//
// A seed repeats a run's faults, blocks, times and delays, not the order in which
// goroutines run, nor the keys of TLS. So a breach may need several runs to show
// itself again.
//
// Virtual time exists in go test only (make lab); the command has the other stages.
package lab
