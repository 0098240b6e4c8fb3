package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stele/node/ledger/record"
)

// signatureMetrics shows the checks of signatures.
func signatureMetrics(stats func() record.VerifierStats) prometheus.Collector {
	g := &group{}
	checked := g.metric("signatures_records_checked_total", "Records whose signatures were checked.")
	known := g.metric("signatures_records_known_total", "Records whose signatures were known to be good.")
	disagreements := g.metric("signatures_disagreements_total", "How often the kernel and the reference differed on a signature.")
	g.read = func(out sink) {
		s := stats()
		out.counter(checked, s.Checked)
		out.counter(known, s.Hits)
		out.counter(disagreements, s.Disagreements)
	}
	return g
}
