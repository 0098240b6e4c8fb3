// Package stratum is a Stratum V1 server: any miner can mine the chain of a node.
//
//   - [Server] serves miners: [Server.Serve] accepts connections, [Server.Take] sets
//     the template that they mine, and Options.Submit receives the blocks that they
//     find.
//   - [Status] and [Worker] are the status of the server and of its miners.
//
// A miner is paid by its own blocks: the user name is the key that the coinbase
// pays, so each key has a coinbase of its own, over the same records. Shares earn
// nothing. They show that a miner works and how fast, and they are checked as a pool
// checks them.
//
// # Work
//
// The extranonce of a template (8 bytes) has two halves. The first is the extranonce1
// of a session and has its highest bit set, so that no two sessions, and no session
// and the node's own devices, search the same headers. The second is the miner's
// extranonce2.
//
// What the shares of a job are checked against is frozen when the job is sent: key,
// difficulty, records. A job is valid until the tip changes, even if there are newer
// ones.
//
// # Difficulty
//
// Each session has a difficulty at which it is expected to find 20 shares a minute
// (vardiff). It is at most that of a block, or blocks would be lost; except at the
// beginning of a chain, where blocks are so easy that there would be thousands a
// second.
//
// # Caveats
//
// Connections are not encrypted unless Options.TLS is set, and the password means
// nothing (except for a fixed difficulty): whoever knows a key may mine for it.
//
// The messages are in package stele/engine/stratum, which names the sources of the
// protocol.
package stratum
