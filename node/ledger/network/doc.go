// Package network defines the networks and the numbers in which they differ: proof
// of work, subsidy, limits, root keys, allocations, genesis block.
//
//   - [Main] has the numbers of Bitcoin: ten minutes a block, a retarget every
//     2016 blocks, a subsidy of 12.5 that halves every 210,000.
//   - [Test] is for trials among several machines: a minute a block.
//   - [Dev] starts with nothing to configure: seconds a block, root keys and
//     funded keys that everybody knows ([DevRoots], [DevFaucets]).
//
// [Params] are one network. Its genesis block follows from them alone:
// [Params.GenesisCoinbase] and [Params.GenesisHeader]. The coinbase commits to
// every other rule, so that two networks with different rules never share a
// genesis block, and the store of one is never taken for the store of the other.
// MinWork, Port and Seeds are no rules: they may differ between versions.
//
// # Caveats
//
// Params are shared and must not be changed. To make another network, copy
// them, change the copy and find it a nonce with [Params.SolveGenesis].
//
// Nobody holds a root key of Main yet: its roots are named at its launch. Until
// then no role can be granted there.
package network
