// Package stratumtest is a strict Stratum V1 pool for tests.
//
// A [Pool] listens on loopback. It checks every field of every request, and every
// share. Whatever violates the protocol is a fault, and fails the test at its end.
// [Options] make it misbehave as pools do.
//
// It is an independent implementation, with code of its own: it shares none with
// package stratum and uses only the standard library. Its sources are Slush Pool's
// description of the protocol, BIP 310, and the source of cgminer.
package stratumtest
