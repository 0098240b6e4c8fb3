package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"stele/node/store"
)

// storeMetrics shows the store. If it cannot be read, only that is shown.
func storeMetrics(usage func() (store.Usage, error)) prometheus.Collector {
	g := &group{}
	readable := g.metric("store_readable", "1 if the store can be read.")
	bytes := g.metric("store_disk_bytes", "The size of the files of the store.")
	free := g.metric("store_disk_free_bytes", "The space that is left on the disk of the store.")
	compactions := g.metric("store_compactions_total", "Times that the database has merged files.")
	debt := g.metric("store_compaction_debt_bytes", "An estimate of what the database still has to merge.")
	flushes := g.metric("store_flushes_total", "Times that the database has written its memory to a file.")
	cache := g.metric("store_cache_reads_total", "Reads of blocks of the database's files, by whether they were in the cache.", "result")
	g.read = func(out sink) {
		u, err := usage()
		out.gauge(readable, truth(err == nil))
		if err != nil {
			return
		}
		out.gauge(bytes, float64(u.Bytes))
		if u.Free > 0 {
			out.gauge(free, float64(u.Free))
		}
		out.counter(compactions, u.Compactions)
		out.gauge(debt, float64(u.Debt))
		out.counter(flushes, u.Flushes)
		out.counter(cache, u.CacheHits, "hit")
		out.counter(cache, u.CacheMisses, "miss")
	}
	return g
}
