package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stele/node/query"
)

// syncMetrics shows how far the node is behind its peers.
func syncMetrics(peers func() query.Peers) prometheus.Collector {
	g := &group{}
	state := g.metric("sync_state", "1 for the state of the synchronisation.", "state")
	target := g.metric("sync_target_height", "The height of the best header that is known, with or without its block.")
	blocks := g.metric("sync_blocks_per_second", "Connected blocks, over the last ten seconds.")
	bytes := g.metric("sync_bytes_per_second", "Bytes of connected blocks, over the last ten seconds.")
	left := g.metric("sync_left_seconds", "An estimate of the time until the target is reached; missing if it is not known.")
	open := g.metric("sync_open_requests", "Blocks that were asked for and have not come.")
	waiting := g.metric("sync_waiting_bytes", "Blocks that wait for earlier ones.")
	catchingUp := g.metric("sync_catching_up", "1 if the node is too far behind to mine on its tip.")
	g.read = func(out sink) {
		s := peers().Sync
		for _, one := range []query.SyncState{query.SyncAlone, query.SyncHeaders, query.SyncBlocks, query.SyncDone} {
			out.gauge(state, truth(s.State == one), string(one))
		}
		out.gauge(target, float64(s.Target))
		out.gauge(blocks, s.BlocksPerSecond)
		out.gauge(bytes, s.BytesPerSecond)
		if s.Left > 0 {
			out.gauge(left, s.Left.Seconds())
		}
		out.gauge(open, float64(s.Open))
		out.gauge(waiting, float64(s.Waiting))
		out.gauge(catchingUp, truth(s.CatchingUp))
	}
	return g
}
