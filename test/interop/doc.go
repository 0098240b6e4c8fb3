// Package interop tests the miner, what a node exports and its QR codes against other
// programs. It is a module of its own, so that their dependencies are not dependencies of
// Stele.
//
// Apache Arrow reads Parquet exports behind the tag arrow, in make test-arrow. The tests of
// package export fix the bytes of such a file: a change of these has to pass there.
//
// The counterpart of the miner is btcd, a Bitcoin node, on its simulated network (simnet),
// where it needs no peers and every second hash is a block.
package interop
