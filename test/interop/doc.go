// Package interop tests the miner, what a node exports and its QR codes against other
// programs. It is a module of its own, so that their dependencies are not dependencies of
// Stele.
//
// The counterpart of the miner is btcd, a Bitcoin node, on its simulated network (simnet),
// where it needs no peers and every second hash is a block.
package interop
