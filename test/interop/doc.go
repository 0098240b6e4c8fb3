// Package interop tests the miner against programs of others. It is a module of
// its own, so that what these need is no dependency of the miner.
//
// The counterpart is btcd, a node of Bitcoin's protocol, on its simulated network
// (simnet): there it needs no peers, and every second hash is a block.
package interop
