package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stele/node/supervision"
)

// supervisionMetrics shows what a supervisor watches. If it cannot be read, as while the
// index is built, only that is shown.
func supervisionMetrics(ask func() (supervision.Summary, error)) prometheus.Collector {
	g := &group{}
	readable := g.metric("supervision_readable", "1 if the index can be asked.")
	complete := g.metric("supervision_complete", "1 if every record of the chain is checked and all numbers agree.")
	onChain := g.metric("supervision_records", "Records of the chain.")
	checked := g.metric("supervision_records_checked", "Records of the chain that this node has checked and its supervision has counted.")
	overdue := g.metric("supervision_overdue_claims", "Claims whose deadline has passed, by who must act: trader is the seller, the maker or a servicer.", "for")
	gaps := g.metric("supervision_custody_gaps", "Shipments under way whose goods have not changed hands for longer than the carry period of the network.")
	defaults := g.metric("supervision_defaults", "Orders of supervisors on the chain that were not carried out in time.")
	g.read = func(out sink) {
		s, err := ask()
		out.gauge(readable, truth(err == nil))
		if err != nil {
			return
		}
		out.gauge(complete, truth(s.Coverage.Complete()))
		out.gauge(onChain, float64(s.Coverage.Records))
		out.gauge(checked, float64(s.Coverage.RecordsChecked))
		var all, supervisors uint64
		for _, w := range s.Overdue {
			if all += w.Count; w.For == "supervisor" {
				supervisors += w.Count
			}
		}
		out.gauge(overdue, float64(all-supervisors), "trader")
		out.gauge(overdue, float64(supervisors), "supervisor")
		out.gauge(gaps, float64(s.Gaps))
		out.gauge(defaults, float64(s.Counts[supervision.Defaults]))
	}
	return g
}
