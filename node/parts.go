package node

import (
	"time"

	"stele/node/chain"
	"stele/node/ledger/record"
	"stele/node/p2p"
	"stele/node/pool"
)

// SetClock replaces the clock that headers and blobs are compared with, for tests and
// laboratories. Nil: time.Now.
func (o *Options) SetClock(now func() time.Time) { o.now = now }

// Chain returns the chain of the node, for programs that run one themselves.
func (n *Node) Chain() *chain.Chain { return n.chain }

// Pool returns the pool of the node.
func (n *Node) Pool() *pool.Pool { return n.pool }

// Verifier returns what checks the signatures of all parts of the node.
func (n *Node) Verifier() *record.Verifier { return n.verifier }

// Peers returns the peer-to-peer server, nil if there is none.
func (n *Node) Peers() *p2p.Server { return n.p2p }
