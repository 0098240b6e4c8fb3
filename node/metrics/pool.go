package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stele/node/ledger/reject"
	"stele/node/pool"
)

// poolMetrics shows the pool.
func poolMetrics(stats func() pool.Stats, rejections func() map[reject.Reason]uint64) prometheus.Collector {
	g := &group{}
	records := g.metric("pool_records", "Records that wait for a block.")
	accounts := g.metric("pool_accounts", "Accounts with records that wait.")
	bytes := g.metric("pool_encoded_bytes", "The size of the encoded records.")
	memory := g.metric("pool_memory_bytes", "The memory of the records, as counted against the limit.")
	limit := g.metric("pool_memory_limit_bytes", "The maximum of stele_pool_memory_bytes.")
	minRate := g.metric("pool_min_fee_rate", "The minimum fee for admission, in units of 1e-8 per 1000 bytes.")
	accepted := g.metric("pool_records_accepted_total", "Records that the pool has accepted.")
	rejected := g.metric("pool_records_rejected_total", "Records that the pool has rejected, by reason.", "reason")
	returned := g.metric("pool_records_returned_total", "Records that came back from disconnected blocks.")
	left := g.metric("pool_records_left_total", "Records that left the pool, by cause: mined, replaced, evicted, expired, invalid.", "cause")
	unapplied := g.metric("pool_records_unapplied_total", "How often a record was left out of a template because it did not apply.")
	g.read = func(out sink) {
		s := stats()
		out.gauge(records, float64(s.Records))
		out.gauge(accounts, float64(s.Accounts))
		out.gauge(bytes, float64(s.Bytes))
		out.gauge(memory, float64(s.Memory))
		out.gauge(limit, float64(s.MaxBytes))
		out.gauge(minRate, float64(s.MinRate))
		out.counter(accepted, s.Counts.Accepted)
		counters(out, rejected, rejections())
		out.counter(returned, s.Counts.Returned)
		counters(out, left, map[string]uint64{
			"mined":    s.Counts.Mined,
			"replaced": s.Counts.Replaced,
			"evicted":  s.Counts.Evicted,
			"expired":  s.Counts.Expired,
			"invalid":  s.Counts.Invalid,
		})
		out.counter(unapplied, s.Counts.Unapplied)
	}
	return g
}
