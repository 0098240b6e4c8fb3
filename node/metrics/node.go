package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stele/node/query"
)

// nodeMetrics shows what the node is, and whether it works.
func nodeMetrics(status func() query.Status) prometheus.Collector {
	g := &group{}
	info := g.metric("node_info", "1; the labels have the version of the program and the network.", "version", "network")
	started := g.metric("node_start_time_seconds", "When the node started, in Unix time.")
	trouble := g.metric("node_trouble", "1 if the node has stopped working for now; health has the cause.")
	warning := g.metric("node_warning", "1 for each condition that an operator should know although the node works.", "kind")
	g.read = func(out sink) {
		s := status()
		out.gauge(info, 1, s.Version, s.Network)
		out.gauge(started, unix(s.Started))
		out.gauge(trouble, truth(s.Trouble != ""))
		active := map[query.WarningKind]bool{
			query.Alone: false, query.NoRoots: false, query.Behind: false, query.DeepReorg: false, query.TipStale: false,
		}
		for _, w := range s.Warnings {
			active[w.Kind] = true
		}
		for kind, is := range active {
			out.gauge(warning, truth(is), string(kind))
		}
	}
	return g
}
