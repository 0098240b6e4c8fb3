package node

import (
	"fmt"
	"time"

	"stele/node/ledger/network"
	"stele/node/query"
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
func warnings(p *network.Params, peers int, age time.Duration) []query.Warning {
	var all []query.Warning
	add := func(kind query.WarningKind, format string, args ...any) {
		all = append(all, query.Warning{Kind: kind, Text: fmt.Sprintf(format, args...)})
	}
	if peers == 0 && p.ID != network.Dev.ID { // dev is a network for one machine
		add(query.Alone, "this node has no peers: nobody else on %s knows its blocks and records", p.Name)
	}
	if len(p.Roots) == 0 {
		add(query.NoRoots, "%s has no root keys yet: nobody can be granted a role, so only payments are possible", p.Name)
	}
	if tipStale(p, age) {
		add(query.TipStale, "the last block is %s old, the target interval is %v", age.Truncate(time.Second),
			time.Duration(p.Pow.TargetSpacing)*time.Second)
	}
	return all
}
