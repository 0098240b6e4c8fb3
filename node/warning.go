package node

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"stele/node/ledger/network"
	"stele/node/query"
)

// staleSpacings is the age, in target intervals between blocks, above which a tip
// is stale. By chance, one of 160,000 blocks takes longer.
const staleSpacings = 12

// recentReorg is how long a deep reorganisation is worth a warning.
const recentReorg = time.Hour

// tipStale reports whether a tip of this age is stale on the network.
func tipStale(p *network.Params, age time.Duration) bool {
	return age > staleSpacings*time.Duration(p.Pow.TargetSpacing)*time.Second
}

// conditions are what warnings are about.
type conditions struct {
	peers    *query.Peers  // nil: there is no peer-to-peer server
	age      time.Duration // of the tip, by the time in its header
	reorg    int           // depth of the last deep reorganisation, in blocks; 0: none
	reorgAge time.Duration
}

// warnings returns the warnings of a node on the network p.
func warnings(p *network.Params, c conditions) []query.Warning {
	var all []query.Warning
	add := func(kind query.WarningKind, format string, args ...any) {
		all = append(all, query.Warning{Kind: kind, Text: fmt.Sprintf(format, args...)})
	}
	alone := c.peers == nil || len(c.peers.Connected) == 0
	if alone && (p.ID != network.Dev.ID || c.peers != nil) { // without a server, dev is a network for one machine
		add(query.Alone, "this node has no peers: nobody else on %s knows its blocks and records", p.Name)
	}
	switch {
	case alone || !c.peers.Sync.CatchingUp:
	case c.peers.Sync.Unavailable:
		add(query.Behind, "this node is behind its peers, at height %d of %d, and none of them has the next block: connect to a node that does not prune",
			c.peers.Sync.Height, c.peers.Sync.Target)
	default:
		add(query.Behind, "this node is behind its peers, at height %d of %d: nothing is mined until it has caught up",
			c.peers.Sync.Height, c.peers.Sync.Target)
	}
	if c.reorg > 0 && c.reorgAge < recentReorg {
		add(query.DeepReorg, "%d blocks were disconnected %v ago: records in them may be unconfirmed again", c.reorg, c.reorgAge.Truncate(time.Second))
	}
	if len(p.Roots) == 0 {
		add(query.NoRoots, "%s has no root keys yet: nobody can be granted a role, so only payments are possible", p.Name)
	}
	if tipStale(p, c.age) {
		add(query.TipStale, "the last block is %s old, the target interval is %v", c.age.Truncate(time.Second),
			time.Duration(p.Pow.TargetSpacing)*time.Second)
	}
	return all
}

// warnings returns the warnings of the node, with peers as they are.
func (n *Node) warnings(peers *query.Peers, now time.Time) []query.Warning {
	c := conditions{peers: peers, age: now.Sub(unix(n.chain.Tip().Header.Time))}
	var at time.Time
	c.reorg, at = n.chain.DeepReorg()
	c.reorgAge = n.o.now().Sub(at)
	return warnings(n.o.Params, c)
}

// firstWarnings returns the warnings at the start of a node. The tip is often old then,
// and peers come later.
func (n *Node) firstWarnings() []query.Warning {
	all := warnings(n.o.Params, conditions{})
	if n.p2p == nil {
		return all
	}
	return slices.DeleteFunc(all, func(w query.Warning) bool { return w.Kind == query.Alone })
}

// settled is the age of a node at which it should have peers and the newest tip: the
// log has no warnings about them before.
const settled = time.Minute

// warningLog logs warnings when they begin and when they end. The zero value has seen
// none.
type warningLog struct{ current []query.Warning }

// follow logs how the warnings have changed.
func (l *warningLog) follow(now []query.Warning, log *slog.Logger) {
	has := func(all []query.Warning, kind query.WarningKind) bool {
		return slices.ContainsFunc(all, func(w query.Warning) bool { return w.Kind == kind })
	}
	for _, w := range now {
		if !has(l.current, w.Kind) {
			log.Warn("node warning", "kind", w.Kind, "text", w.Text)
		}
	}
	for _, w := range l.current {
		if !has(now, w.Kind) {
			log.Info("node warning ended", "kind", w.Kind)
		}
	}
	l.current = now
}
