// Package endtoend measures a whole miner: the devices, the engine, the miner and its
// Stratum client, with a pool on loopback. Next to it, in turn, the same devices search
// without all of these.
//
//   - [Run] measures, and returns the [bench.EndToEnd] of a result.
//   - [Options] name the devices, and a [Plan] has the number and length of the phases.
//
// The pool is a real TCP server in the same process. It checks every share by package
// pow, never changes the difficulty during a phase, and treats every job as a new block:
// older ones are void.
//
// # Caveats
//
// The pool needs processor time too. On a CPU device it competes with the search, as a
// miner's other work does; in the phases with many shares that is a part of the result.
package endtoend
