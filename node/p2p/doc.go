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
//
// # Connections
//
// The side that calls sends its hello first. The other side answers with its own once
// the caller has a slot: a caller that finds no room gets some addresses and a bye, and
// tries others. Handshake and hello take 5 s together at most. 32 inbound connections
// may be that far; while others wait, the oldest of them has a second.
//
// A peer is known by its key. [Options].Peers can pin it: KEY@HOST:PORT is connected
// only if the SHA-256 of the node's public key begins with the digits KEY. The 16 digits
// that logs and status show are 64 bits of it, which nobody can forge without 2^64
// attempts; whoever wants all 256 takes the 64 digits that the log shows at the start.
//
// A fault ends a connection (see fault.go). If the bytes of the peer alone prove it,
// the address is discouraged for a day: it is not called, and accepted only while half
// of the inbound slots are free. What may depend on the state of this node never is a
// fault.
//
// # Files
//
// Options.Dir has the key of the node (key), the addresses that it knows and avoids
// (peers), and those to call first after a start (anchors). A damaged file of addresses
// is renamed, and the node starts without it.
//
// # Caveats
//
// Nodes do not find each other by multicast, and no router is asked to open a port: a
// node without a public address has outbound peers only.
package p2p
