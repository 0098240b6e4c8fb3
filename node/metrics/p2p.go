package metrics

import (
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"stele/node/query"
)

// direction is the label of a connection.
func direction(inbound bool) string {
	if inbound {
		return "inbound"
	}
	return "outbound"
}

// line is a kind of connection.
type line struct {
	inbound bool
	kind    string
}

// lines are the kinds of connections that are always shown.
var lines = []line{{true, "inbound"}, {false, "full"}, {false, "blocks-only"}, {false, "feeler"}, {false, "manual"}}

// peerMetrics shows the connections to peers.
func peerMetrics(peers func() query.Peers) prometheus.Collector {
	g := &group{}
	connected := g.metric("p2p_peers", "Connected peers, by who connected, and by kind.", "direction", "kind")
	limit := g.metric("p2p_peers_limit", "The maximum number of peers.")
	calls := g.metric("p2p_calls_total", "Connections that the node has tried to make.")
	failed := g.metric("p2p_failed_calls_total", "Connections that the node could not make.")
	inbound := g.metric("p2p_inbound_total", "Connections of others that have ended or are ready, by whether they were accepted.", "result")
	disconnects := g.metric("p2p_disconnects_total", "Connections that have ended, by reason.", "reason")
	addresses := g.metric("p2p_addresses", "Known addresses of nodes.")
	discouraged := g.metric("p2p_discouraged_addresses", "Addresses that are not called, and accepted only while there is room.")
	g.read = func(out sink) {
		p := peers()
		counts := map[line]int{}
		for _, l := range lines {
			counts[l] = 0
		}
		for _, one := range p.Connected {
			counts[line{one.Inbound, one.Kind}]++
		}
		for l, n := range counts {
			out.gauge(connected, float64(n), direction(l.inbound), l.kind)
		}
		out.gauge(limit, float64(p.MaxPeers))
		out.counter(calls, p.Counts.Calls)
		out.counter(failed, p.Counts.FailedCalls)
		out.counter(inbound, p.Counts.Accepted, "accepted")
		out.counter(inbound, p.Counts.NotAccepted, "not-accepted")
		counters(out, disconnects, p.Counts.Disconnects)
		out.gauge(addresses, float64(p.Addresses))
		out.gauge(discouraged, float64(p.Discouraged))
	}
	return g
}

// trafficMetrics shows what the node exchanges with peers.
func trafficMetrics(peers func() query.Peers) prometheus.Collector {
	g := &group{}
	received := g.metric("p2p_received_bytes_total", "Bytes from peers, by kind of message.", "kind")
	sent := g.metric("p2p_sent_bytes_total", "Bytes to peers, by kind of message.", "kind")
	messagesIn := g.metric("p2p_received_messages_total", "Messages from peers, by kind.", "kind")
	messagesOut := g.metric("p2p_sent_messages_total", "Messages to peers, by kind.", "kind")
	dropped := g.metric("p2p_dropped_messages", "Messages that were not sent to the connected peers, because they read too slowly.")
	g.read = func(out sink) {
		p := peers()
		counters(out, received, p.Counts.Received)
		counters(out, sent, p.Counts.Sent)
		counters(out, messagesIn, p.Counts.MessagesIn)
		counters(out, messagesOut, p.Counts.MessagesOut)
		n := uint64(0)
		for _, one := range p.Connected {
			n += one.Dropped
		}
		out.gauge(dropped, float64(n))
	}
	return g
}

// relay shows how records and blocks come from peers.
type relay struct {
	group
	delays prometheus.Histogram
	mu     sync.Mutex
	latest []time.Duration // of the last scrape
}

// relayMetrics shows how records and blocks come from peers.
func relayMetrics(peers func() query.Peers) prometheus.Collector {
	r := &relay{
		delays: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    prefix + "p2p_header_to_connected_seconds",
			Help:    "The time from the first sight of a header that a peer announced until its block was connected.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}),
	}
	accepted := r.metric("p2p_records_accepted_total", "Records from peers that the pool has accepted.")
	rejected := r.metric("p2p_records_rejected_total", "Records from peers that were rejected, by reason.", "reason")
	orphans := r.metric("p2p_orphans", "Records that wait for an earlier one.")
	rebuilds := r.metric("p2p_rebuilds_total", "Compact blocks, by how their records were found: whole (all known), parts (some requested), full (the whole block requested), failed.", "result")
	r.read = func(out sink) {
		p := peers()
		out.counter(accepted, p.Counts.RecordsAccepted)
		counters(out, rejected, p.Counts.Records)
		out.gauge(orphans, float64(p.Counts.Orphans))
		counters(out, rebuilds, p.Counts.Rebuilds)
		r.observe(p.Counts.HeaderToConnected)
		r.delays.Collect(out)
	}
	return r
}

// Describe implements prometheus.Collector.
func (r *relay) Describe(ch chan<- *prometheus.Desc) {
	r.group.Describe(ch)
	r.delays.Describe(ch)
}

// observe adds the delays that are new since the last scrape.
func (r *relay) observe(latest []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range added(r.latest, latest) {
		r.delays.Observe(d.Seconds())
	}
	r.latest = slices.Clone(latest)
}

// added returns what was added to a list of the latest values, from which the oldest
// are removed: what follows the longest end of before with which now begins. Of many
// equal values some may be missed.
func added(before, now []time.Duration) []time.Duration {
	for i := range before {
		if kept := before[i:]; len(kept) <= len(now) && slices.Equal(kept, now[:len(kept)]) {
			return now[len(kept):]
		}
	}
	return now
}
