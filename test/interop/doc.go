// Package interop tests the miner against other programs. It is a module of its own, so
// that their dependencies are not dependencies of the miner.
//
// The counterpart is btcd, a Bitcoin node, on its simulated network (simnet), where it
// needs no peers and every second hash is a block.
package interop
