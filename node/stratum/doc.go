// Package stratum lets any Stratum V1 miner mine the chain of a node.
//
//   - [Server] talks to miners: [Server.Serve] takes connections, [Server.Take]
//     gives them the work of a template, and Options.Submit gets the blocks that
//     they solve.
//   - [Status] and [Worker] tell how it does.
//
// A miner is paid by its own blocks: the user name is the key that the coinbase
// pays, so each key has a coinbase of its own, over the same records. Shares earn
// nothing. They tell how fast a miner is and that it works, and they are checked
// as a pool checks them.
//
// # Work
//
// The extranonce of a template (8 bytes) is cut in two halves. The first is the
// extranonce1 of a session and has its highest bit set, so that no two sessions,
// and no session and the node's own devices, search the same headers. The second
// is the miner's extranonce2.
//
// What a job is checked against is frozen when it is given: key, difficulty,
// records. A job is good until the tip changes, also if there are newer ones.
//
// # Difficulty
//
// Each session has a difficulty at which it is expected to find 20 shares a
// minute (vardiff). It is not above that of a block, or blocks would be lost;
// except at the beginning of a chain, where blocks are so easy that there would be
// thousands a second.
//
// # Caveats
//
// Connections are not encrypted unless Options.TLS is set, and the password means
// nothing (except for a fixed difficulty): who knows a key may mine for it.
// The messages are in package stele/engine/stratum; the sources of the
// protocol are named there.
package stratum
