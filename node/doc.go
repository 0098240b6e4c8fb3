// Package node puts a node of the ledger network together from its parts: the
// store, the chain, the pool, the templates, the engine that mines, the
// generator of traffic, and the API.
//
// The main path is short. [Open] opens the store, the chain and the pool, and
// listens for the API. [Node.Run] starts what works by itself, and waits for all
// of it when its context ends: the API, the traffic, and the miner, which turns
// the tip and the pool into jobs for the engine, and the hits of the engine into
// blocks of the chain. [Node.Close] seals the store. [Node.Status] tells how all
// of it does.
//
// # How the parts hang together
//
// The chain is the only one that decides. Whatever it connects, it tells to one
// function of the node ([Node.changed]), in order: the pool follows, the counts
// grow, the miner leaves its old template. Records come in through the pool
// only, from the API and the traffic alike.
//
// What only the API needs comes a moment later: the views follow the chain in a
// goroutine of their own, and the custody sweeps the sealed data of recipients
// by what chain and views say. Both have folders of their own, and losing them
// does no harm to the chain.
//
// # Caveats
//
// A disk that is full does not end the node: it mines on, no block and no record
// is taken, and Status tells the trouble; once there is space it goes on. It is
// the same with a clock that is so far behind that each block would be refused,
// but that nothing is mined then.
package node
