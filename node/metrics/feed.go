package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stele/node/feed"
)

// feedMetrics shows the stream of events.
func feedMetrics(stats func() feed.Stats) prometheus.Collector {
	g := &group{}
	readers := g.metric("feed_readers", "Clients that read the stream of events.")
	events := g.metric("feed_events_total", "Events that were made, by kind; each once, whatever the number of readers.", "kind")
	dropped := g.metric("feed_readers_dropped_total", "Readers that were dropped, by reason.", "reason")
	gaps := g.metric("feed_gaps_total", "How often readers were informed that they missed events, by reason.", "reason")
	replayed := g.metric("feed_blocks_replayed_total", "Blocks that readers were sent after they had connected again, each for one reader.")
	g.read = func(out sink) {
		s := stats()
		out.gauge(readers, float64(s.Readers))
		counters(out, events, s.Events)
		counters(out, dropped, s.Dropped)
		counters(out, gaps, s.Gaps)
		out.counter(replayed, s.Replayed)
	}
	return g
}
