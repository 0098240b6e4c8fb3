package node

import (
	"fmt"
	"time"

	"stele/node/ledger/network"
)

// Warning is something that an operator should know of, although the node goes
// on.
type Warning struct {
	Kind WarningKind
	Text string
}

// WarningKind is a stable word for a kind of warning.
type WarningKind string

// The kinds of warnings.
const (
	// Alone: the network is one of many nodes, and this one has no peers.
	Alone WarningKind = "alone"
	// NoRoots: nobody can grant roles on this network.
	NoRoots WarningKind = "no-roots"
	// TipStale: no block came for much longer than one should take.
	TipStale WarningKind = "tip-stale"
)

// staleSpacings is the age, in target intervals between blocks, from which a tip
// is stale. That long without a block happens once in 160,000 blocks by chance.
const staleSpacings = 12

// tipStale reports whether a tip of this age is stale on the network.
func tipStale(p *network.Params, age time.Duration) bool {
	return age > staleSpacings*time.Duration(p.Pow.TargetSpacing)*time.Second
}

// warnings returns those of a node on the network p with as many peers, whose tip
// has that age by the time of its header.
func warnings(p *network.Params, peers int, age time.Duration) []Warning {
	var all []Warning
	add := func(kind WarningKind, format string, args ...any) {
		all = append(all, Warning{kind, fmt.Sprintf(format, args...)})
	}
	if peers == 0 && p.ID != network.Dev.ID { // which is a network for one machine
		add(Alone, "this node has no peers: what it mines and takes in is known to nobody else on %s", p.Name)
	}
	if len(p.Roots) == 0 {
		add(NoRoots, "%s has no root keys yet: nobody can be granted a role, so that only payments are possible", p.Name)
	}
	if tipStale(p, age) {
		add(TipStale, "the last block is %s old, one should come every %v", age.Truncate(time.Second),
			time.Duration(p.Pow.TargetSpacing)*time.Second)
	}
	return all
}
