package traffic

import (
	"maps"
	"sync"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Counts say what became of the records of a generator.
type Counts struct {
	Sent     map[record.Type]uint64   // admitted, by type
	Rejected map[reject.Reason]uint64 // honest ones, which came too late or too early
	Tries    map[reject.Reason]uint64 // of dishonest parties, by the reason of their rejection
	Passed   map[string]uint64        // tries that were not rejected; each is a fault of the rules or of the try
}

// Rejections returns how many records were rejected, by reason: honest ones and
// tries.
func (c Counts) Rejections() map[reject.Reason]uint64 {
	all := maps.Clone(c.Rejected)
	for reason, n := range c.Tries {
		if all == nil {
			all = map[reject.Reason]uint64{}
		}
		all[reason] += n
	}
	return all
}

// counts guards Counts.
type counts struct {
	mu sync.Mutex
	Counts
}

// add counts a draft and the reason of its rejection, "" if it was admitted.
func (c *counts) add(d *draft, reason reject.Reason) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case reason != "" && d.try != "":
		count(&c.Tries, reason)
	case reason != "":
		count(&c.Rejected, reason)
	case d.try != "":
		count(&c.Passed, d.try)
	default:
		count(&c.Sent, d.payload.Type())
	}
}

func count[K comparable](m *map[K]uint64, key K) {
	if *m == nil {
		*m = map[K]uint64{}
	}
	(*m)[key]++
}

// Counts returns the counts since the generator was made. Safe for concurrent use.
func (g *Generator) Counts() Counts {
	g.counts.mu.Lock()
	defer g.counts.mu.Unlock()
	c := g.counts.Counts
	return Counts{
		Sent: maps.Clone(c.Sent), Rejected: maps.Clone(c.Rejected),
		Tries: maps.Clone(c.Tries), Passed: maps.Clone(c.Passed),
	}
}
