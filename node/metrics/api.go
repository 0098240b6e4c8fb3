package metrics

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// requests counts the requests to the API.
type requests struct {
	answers *prometheus.CounterVec
	took    *prometheus.HistogramVec
}

func newRequests() *requests {
	return &requests{
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "api_requests_total", Help: "Requests to the API, by route and class of the status.",
		}, []string{"route", "code"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "api_request_seconds", Help: "The time from a request to its answer, by route.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
	}
}

func (r *requests) all() []prometheus.Collector { return []prometheus.Collector{r.answers, r.took} }

// noRoute is the label of requests that no route of the API has answered.
const noRoute = "none"

// Answered counts a request to the API: its route, as a pattern of net/http.ServeMux
// (empty if there was none), the status of the answer, and how long it took.
func (m *Metrics) Answered(route string, status int, took time.Duration) {
	if route == "" {
		route = noRoute
	}
	m.requests.answers.WithLabelValues(route, fmt.Sprintf("%dxx", status/100)).Inc()
	m.requests.took.WithLabelValues(route).Observe(took.Seconds())
}
