// Package p2p is the peer-to-peer server of a node: it finds peers, keeps
// connections to them, and exchanges headers, blocks and records with them.
//
//   - [Server] is the server. [New] makes one, [Server.Run] runs it.
//   - [Options] are what it needs of the node.
//   - [Server.Status] shows the peers and the synchronisation.
//
// # How it works
//
// One goroutine, the loop, makes all decisions. It owns the state machines of the
// packages below ([stele/node/p2p/slots], headersync, blocksync, relay and the book of
// addresses), which need no locks because of that. Each connection has a reader and a
// writer (package link). A reader hands each message to the loop, and waits until the
// message is handled before it reads the next one. The loop never waits: what takes
// long, such as checking a body, admitting records to the pool or connecting a block,
// is done by goroutines of its own, which hand their results back to the loop.
//
// The server consists of parts, one for each concern (see part.go). Each message goes
// to the part that handles its kind.
package p2p
