package metrics

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"stele/engine/miner"
	"stele/engine/miner/telemetry"
	"stele/node/alert"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/store"
	"stele/node/supervision"
	"stele/node/views"
)

// Options are the parts of a node that metrics show. The functions must be safe for
// concurrent use, and quick. Parts that are nil have no metrics.
type Options struct {
	Status     func() query.Status // with the Stratum server, if there is one; must be set
	Peers      func() query.Peers
	Pool       func() pool.Stats
	Rejections func() map[reject.Reason]uint64 // of the pool
	Signatures func() record.VerifierStats
	Store      func() (store.Usage, error)
	Views      func() (views.Tip, bool)
	Alerts     func() map[alert.Kind]map[alert.State]int
	Miner      func() miner.Status
	// Supervision may fail, as while the index is built.
	Supervision func() (supervision.Summary, error)

	Log *slog.Logger // nil: silent
}

// Metrics are the metrics of a node. Safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry
	log      *slog.Logger
	changes  *changes
	requests *requests
}

// New returns the metrics of a node, with those of the process and of Go's runtime.
func New(o Options) *Metrics {
	m := newMetrics(o)
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// newMetrics returns the metrics of a node alone.
func newMetrics(o Options) *Metrics {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	m := &Metrics{registry: prometheus.NewPedanticRegistry(), log: o.Log, changes: newChanges(), requests: newRequests()}
	m.registry.MustRegister(nodeMetrics(o.Status), chainMetrics(o.Status), miningMetrics(o.Status), stratumMetrics(o.Status))
	m.registry.MustRegister(m.changes.all()...)
	m.registry.MustRegister(m.requests.all()...)
	if o.Pool != nil {
		m.registry.MustRegister(poolMetrics(o.Pool, o.Rejections))
	}
	if o.Signatures != nil {
		m.registry.MustRegister(signatureMetrics(o.Signatures))
	}
	if o.Peers != nil {
		m.registry.MustRegister(peerMetrics(o.Peers), trafficMetrics(o.Peers), relayMetrics(o.Peers), syncMetrics(o.Peers))
	}
	if o.Store != nil {
		m.registry.MustRegister(storeMetrics(o.Store))
	}
	if o.Views != nil {
		m.registry.MustRegister(viewsMetrics(o.Views))
	}
	if o.Supervision != nil {
		m.registry.MustRegister(supervisionMetrics(o.Supervision))
	}
	if o.Alerts != nil {
		m.registry.MustRegister(alertMetrics(o.Alerts))
	}
	if o.Miner != nil {
		m.registry.MustRegister(telemetry.Collector(o.Miner))
	}
	return m
}

// maxScrapes is how many scrapes are answered at once.
const maxScrapes = 4

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(m.log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError, // what can be shown is
		MaxRequestsInFlight: maxScrapes,
		Timeout:             10 * time.Second,
	})
}

// group is the metrics of one part, which are read anew for each scrape. It is a
// prometheus.Collector.
type group struct {
	descs []*prometheus.Desc
	read  func(out sink)
}

// metric adds a metric to the group: its name without the prefix, and its labels.
func (g *group) metric(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(prefix+name, help, labels, nil)
	g.descs = append(g.descs, d)
	return d
}

// prefix is before the names of all metrics.
const prefix = "stele_"

// Describe implements prometheus.Collector.
func (g *group) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range g.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (g *group) Collect(ch chan<- prometheus.Metric) { g.read(ch) }

// sink receives metrics.
type sink chan<- prometheus.Metric

func (out sink) gauge(d *prometheus.Desc, x float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, x, labels...)
}

func (out sink) counter(d *prometheus.Desc, n uint64, labels ...string) {
	out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

// counters sends a counter for each key of a map.
func counters[K ~string](out sink, d *prometheus.Desc, counts map[K]uint64) {
	for k, n := range counts {
		// Prometheus panics at a label that is not UTF-8.
		out.counter(d, n, strings.ToValidUTF8(string(k), "?"))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// unix returns a time in seconds since 1970.
func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
