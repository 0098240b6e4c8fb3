// Package interop tests the miner and what a node exports against other programs. It is a module of its own, so
// that their dependencies are not dependencies of Stele.
//
// The counterpart of the miner is btcd, a Bitcoin node, on its simulated network (simnet), where it
// needs no peers and every second hash is a block.
package interop
