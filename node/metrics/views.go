package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stele/node/views"
)

// viewsMetrics shows the index of the chain.
func viewsMetrics(tip func() (views.Tip, bool)) prometheus.Collector {
	g := &group{}
	height := g.metric("views_height", "The height up to which the index has the chain; missing while it has no block.")
	g.read = func(out sink) {
		if at, ok := tip(); ok {
			out.gauge(height, float64(at.Height))
		}
	}
	return g
}
