package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stele/node/alert"
)

// alertMetrics counts the alerts.
func alertMetrics(read func() map[alert.Kind]map[alert.State]int) prometheus.Collector {
	g := &group{}
	alerts := g.metric("alerts", "Alerts of the node that it keeps, by kind and state (docs/alerts.md).", "kind", "state")
	g.read = func(out sink) {
		for kind, states := range read() {
			for state, n := range states {
				out.gauge(alerts, float64(n), string(kind), string(state))
			}
		}
	}
	return g
}
