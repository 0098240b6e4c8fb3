package node

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/p2p"
	"stele/node/p2p/book"
	"stele/node/p2p/link"
	"stele/node/query"
	"stele/node/seen"
)

// P2P is how a node finds peers. The zero value listens nowhere and knows only the
// seeds of the network.
type P2P struct {
	Dir       string   // for the key of the node and addresses of others, on the disk; "": nothing is kept
	Listen    string   // address to listen at, such as ":28699"; "": none
	Peers     []string // to stay connected to: [KEY@]HOST:PORT
	OnlyPeers bool     // connect to no others; where their keys are known, accept no others
	Seeds     []string // to ask for addresses, beside those of the network: HOST:PORT
	MaxPeers  int      // 0: as package p2p has it
	Private   bool     // addresses that the Internet does not route are usable too
	// For tests and laboratories. Nil: TCP, the groups of the Internet, the resolver of
	// the system.
	Transport link.Transport
	Group     func(netip.Addr) book.Group
	Resolve   func(ctx context.Context, host string) ([]netip.Addr, error)

	now func() time.Time // that timeouts go by; nil: the clock of the node
}

// maxAgent is the length of the name by which a node introduces itself.
const maxAgent = 64

// openPeers makes the peer-to-peer server.
func (n *Node) openPeers(context.Context) (err error) {
	o := n.o.P2P
	if o == nil {
		return nil
	}
	agent := "stele/" + n.o.Version
	var custody p2p.Custody
	if n.custody != nil {
		custody = n.custody
	}
	now := o.now
	if now == nil {
		now = n.o.now
	}
	n.p2p, err = p2p.New(p2p.Options{
		Params: n.o.Params, Chain: n.chain, Pool: n.pool, Verifier: n.verifier,
		Dir: o.Dir, Transport: o.Transport, Listen: o.Listen, Peers: o.Peers, OnlyPeers: o.OnlyPeers,
		Seeds: slices.Concat(n.o.Params.Seeds, o.Seeds), MaxPeers: o.MaxPeers, Private: o.Private, Group: o.Group, Resolve: o.Resolve,
		Custody: custody, Judged: n.judgedFrom(seen.Peer),
		Agent: agent[:min(len(agent), maxAgent)], Now: now, Log: n.o.Log,
	})
	return err
}

// accepted is called by the pool with records that it has accepted.
func (n *Node) accepted(records []*record.Record) {
	if n.p2p != nil {
		n.p2p.Accepted(records)
	}
	if n.feed != nil {
		n.seen.Admitted(records)
		n.feed.Admitted(records)
	}
}

// runPeers runs the peer-to-peer server until ctx ends.
func (n *Node) runPeers(ctx context.Context) error {
	err := n.p2p.Run(ctx)
	if ctx.Err() != nil && err != nil {
		n.log.Warn("addresses of peers not saved", "err", err)
		return nil
	}
	return prefixed("the peer-to-peer server ended", err)
}

// waiting returns why nothing should be mined for now; "": nothing prevents it. A block on
// an old tip would be stale before anybody sees it. Safe for concurrent use.
func (n *Node) waiting() string {
	switch {
	case n.p2p == nil:
		return ""
	case n.p2p.CatchingUp():
		return "catching up with peers"
	case n.connected.Load() == 0 && n.o.Params.ID != network.Dev.ID: // dev is a network for one machine
		return "no peers"
	}
	return ""
}

// peerStatus returns the peers, nil if there is no server.
func (n *Node) peerStatus() *query.Peers {
	if n.p2p == nil {
		return nil
	}
	peers := n.p2p.Status()
	return &peers
}

// followPeers notes whether peers are connected, wakes the templater when mining may
// begin or has to stop, and logs warnings that have begun or ended. One goroutine
// calls it.
func (n *Node) followPeers(now time.Time) {
	peers := n.peerStatus()
	if peers != nil {
		n.connected.Store(int64(len(peers.Connected)))
	}
	if waiting := n.waiting(); waiting != n.waited {
		n.waited = waiting
		n.templater.newTip.Wake()
	}
	if time.Since(n.started) >= settled {
		n.warned.follow(n.warnings(peers, now), n.log)
	}
}
