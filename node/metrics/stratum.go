package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stele/node/query"
)

// stratumMetrics shows the Stratum server. Without one there are no metrics.
func stratumMetrics(status func() query.Status) prometheus.Collector {
	g := &group{}
	connections := g.metric("stratum_connections", "Connections of miners.")
	workers := g.metric("stratum_workers", "Names of connected workers.")
	hashRate := g.metric("stratum_hashes_per_second", "The hash rate of the miners, estimated from the shares of the last five minutes.")
	shares := g.metric("stratum_shares_total", "Shares of miners, by verdict.", "verdict")
	blocks := g.metric("stratum_blocks_total", "Blocks that miners have found, by what became of them.", "result")
	banned := g.metric("stratum_banned_addresses", "Addresses that may not connect for now.")
	g.read = func(out sink) {
		s := status().Stratum
		if s == nil {
			return
		}
		out.gauge(connections, float64(s.Connections))
		out.gauge(workers, float64(s.Workers))
		out.gauge(hashRate, s.HashRate)
		counters(out, shares, map[string]uint64{
			"accepted":       s.Shares.Accepted,
			"stale":          s.Shares.Stale,
			"duplicate":      s.Shares.Duplicate,
			"low-difficulty": s.Shares.LowDifficulty,
			"unauthorized":   s.Shares.Unauthorized,
			"invalid":        s.Shares.Invalid,
		})
		out.mined(blocks, s.Mined)
		out.gauge(banned, float64(s.Banned))
	}
	return g
}
