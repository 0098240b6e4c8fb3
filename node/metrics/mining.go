package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stele/node/query"
)

// miningMetrics shows what became of the blocks that the node's own devices found.
func miningMetrics(status func() query.Status) prometheus.Collector {
	g := &group{}
	blocks := g.metric("mining_blocks_total", "Blocks that the devices of the node have found, by what became of them.", "result")
	g.read = func(out sink) {
		if s := status(); s.Miner != nil {
			out.mined(blocks, s.Mined)
		}
	}
	return g
}

// mined sends a counter for each result of found blocks.
func (out sink) mined(d *prometheus.Desc, m query.Mined) {
	out.counter(d, m.Blocks, "accepted")
	out.counter(d, m.Stale, "stale")
	out.counter(d, m.Rejected, "rejected")
}
