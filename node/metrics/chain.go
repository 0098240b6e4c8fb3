package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stele/node/chain"
	"stele/node/query"
)

// chainMetrics shows the tip of the chain.
func chainMetrics(status func() query.Status) prometheus.Collector {
	g := &group{}
	height := g.metric("chain_height", "The height of the tip.")
	tipTime := g.metric("chain_tip_time_seconds", "The time in the header of the tip, in Unix time.")
	tipAge := g.metric("chain_tip_age_seconds", "The time since the time in the header of the tip.")
	spacing := g.metric("chain_target_spacing_seconds", "The time that a block should take.")
	records := g.metric("chain_records_connected_total", "Records in connected blocks, without coinbases.")
	g.read = func(out sink) {
		s := status()
		out.gauge(height, float64(s.Height))
		out.gauge(tipTime, unix(s.TipTime))
		out.gauge(tipAge, max(0, s.Now.Sub(s.TipTime).Seconds()))
		out.gauge(spacing, s.Spacing.Seconds())
		out.counter(records, s.Records.Connected)
	}
	return g
}

// changes counts the changes of the chain.
type changes struct {
	connected    prometheus.Counter
	disconnected prometheus.Counter
	depth        prometheus.Histogram
}

// newChanges returns the counts of a chain that has not changed yet.
func newChanges() *changes {
	return &changes{
		connected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "chain_blocks_connected_total", Help: "Blocks that became part of the chain.",
		}),
		disconnected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "chain_blocks_disconnected_total", Help: "Blocks that left the chain, in reorganisations.",
		}),
		depth: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "chain_reorganisation_depth", Help: "Reorganisations by the number of blocks that left the chain.",
			Buckets: []float64{1, 2, 3, 6, 12, 24, 100, 288, 1000},
		}),
	}
}

func (c *changes) all() []prometheus.Collector {
	return []prometheus.Collector{c.connected, c.disconnected, c.depth}
}

// Changed counts a change of the chain. It must be called for each, as by
// chain.Options.OnChange; it takes no lock. A reorganisation in parts counts once, after
// the last part.
func (m *Metrics) Changed(change chain.Change) {
	c := m.changes
	c.connected.Add(float64(len(change.Connected)))
	c.disconnected.Add(float64(len(change.Disconnected)))
	if change.Depth > 0 && !change.Partial {
		c.depth.Observe(float64(change.Depth))
	}
}
