// Package node puts a node of the ledger network together from its parts: the
// store, the chain, the pool, the peer-to-peer server, the templates, the miner, the
// Stratum server, the generator of traffic, and the API.
//
//   - [Open] opens the store, the chain and the pool, and listens.
//   - [Node.Run] runs everything until its context ends.
//   - [Node.Status] returns the state of all parts.
//   - [Node.Close] seals the store.
//   - [CheckBeside] checks the files beside the store of a node that is stopped.
//
// # How the parts work together
//
// Only the chain decides. It reports each change to one function (changed in
// node.go), in order: the pool follows, and the templater wakes. Records enter
// through the pool only, from the API, the peers and the traffic alike. The pool
// reports what it has accepted to the peer-to-peer server (peers.go), which passes it
// on; blocks of peers go from that server to the chain.
//
// The templater (templater.go) makes a template of the new tip and gives it to the
// Stratum server ([stele/node/stratum.Server.Take]) and to a source of package
// engine/miner (source.go), which mines with the node's own devices as it would for
// a pool. The blocks of both go to the chain through one submitter (submitter.go).
//
// The rest follows later, in goroutines of its own: the counts of the status and the
// views subscribe to the chain, and the blob keeper removes, from time to time, the
// sealed data of recipients that chain and views no longer need. Views and blobs have
// folders of their own; losing them does not harm the chain.
//
// # Caveats
//
// A full disk does not end the node: it keeps mining, accepts no block and no
// record, and reports the trouble in its status; once there is space it continues.
// A node whose clock is so far behind that the chain would reject each block does
// not mine until the clock is right.
//
// A node whose devices are all lost to the process ends with engine.ErrLost, since
// only a new process can use them again.
package node
