// Package stratumtest is a strict Stratum V1 pool for tests.
//
// A [Pool] listens on loopback. It checks every field of every request, and every
// share, by computations of its own: it shares no code with the client, only the
// standard library. What is not as it should be is a fault, and fails the test at
// its end. [Options] let it misbehave as pools do.
//
// The package reads the protocol for itself. Its sources are Slush Pool's
// description, BIP 310, and the source of cgminer.
package stratumtest
