package node

import (
	"fmt"
	"time"

	"stele/node/ledger/network"
)

// Warning is something that an operator should know although the node works.
type Warning struct {
	Kind WarningKind
	Text string
}

// WarningKind is a kind of warning. The words are stable.
type WarningKind string

// The kinds of warnings.
const (
	// Alone: the network is one of many nodes, and this one has no peers.
	Alone WarningKind = "alone"
	// NoRoots: nobody can grant roles on this network.
	NoRoots WarningKind = "no-roots"
	// TipStale: the last block is much older than the target interval.
	TipStale WarningKind = "tip-stale"
)

// staleSpacings is the age, in target intervals between blocks, above which a tip
// is stale. By chance, one of 160,000 blocks takes longer.
const staleSpacings = 12

// tipStale reports whether a tip of this age is stale on the network.
func tipStale(p *network.Params, age time.Duration) bool {
	return age > staleSpacings*time.Duration(p.Pow.TargetSpacing)*time.Second
}

// warnings returns the warnings of a node on the network p with a number of peers,
// whose tip has an age by the time in its header.
func warnings(p *network.Params, peers int, age time.Duration) []Warning {
	var all []Warning
	add := func(kind WarningKind, format string, args ...any) {
		all = append(all, Warning{kind, fmt.Sprintf(format, args...)})
	}
	if peers == 0 && p.ID != network.Dev.ID { // dev is a network for one machine
		add(Alone, "this node has no peers: nobody else on %s knows its blocks and records", p.Name)
	}
	if len(p.Roots) == 0 {
		add(NoRoots, "%s has no root keys yet: nobody can be granted a role, so only payments are possible", p.Name)
	}
	if tipStale(p, age) {
		add(TipStale, "the last block is %s old, the target interval is %v", age.Truncate(time.Second),
			time.Duration(p.Pow.TargetSpacing)*time.Second)
	}
	return all
}
