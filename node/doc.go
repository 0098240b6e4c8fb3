// Package node puts a node of the ledger network together from its parts: the
// store, the chain, the pool, the templates, the miner, the Stratum server, the
// generator of traffic, and the API.
//
//   - [Open] opens the store, the chain and the pool, and listens.
//   - [Node.Run] runs everything until its context ends.
//   - [Node.Status] returns the state of all parts.
//   - [Node.Close] seals the store.
//   - [CheckBeside] checks the files beside the store of a node that is stopped.
//
// # How the parts work together
//
// Only the chain decides. It reports each change to one function of the node
// ([Node.changed]), in order: the pool follows, the counts grow, the templater
// makes a template of the new tip. Records enter through the pool only, from the
// API and the traffic alike.
//
// The templater gives each template to the Stratum server and to a source of
// package engine/miner, which mines with the node's own devices as it would for a
// pool. The blocks of both go to the chain through one submitter.
//
// What only the API needs follows later: the views follow the chain in a goroutine
// of their own, and the custody removes the sealed data of recipients by what
// chain and views say. Both have folders of their own; losing them does not harm
// the chain.
//
// # Caveats
//
// A full disk does not end the node: it keeps mining, accepts no block and no
// record, and reports the trouble in its status; once there is space it continues.
// The same holds for a clock so far behind that the chain would reject each block,
// but then the node does not mine.
//
// A node whose devices are all lost to the process ends with engine.ErrLost, since
// only a new process can use them again.
package node
