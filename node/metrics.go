package node

import "stele/node/metrics"

// newMetrics returns the metrics of the parts that are open.
func (n *Node) newMetrics() *metrics.Metrics {
	o := metrics.Options{
		Status: n.Status, Pool: n.pool.Stats, Rejections: n.pool.Rejections, Signatures: n.verifier.Stats,
		Store: n.store.Usage, Views: n.views.Tip, Log: n.log,
	}
	if n.supervision != nil {
		o.Supervision = n.supervision.Summary
	}
	if n.alerts != nil {
		o.Alerts = n.alerts.CountStates
	}
	if n.miner != nil {
		o.Miner = n.miner.Status
	}
	if n.p2p != nil {
		o.Peers = n.p2p.Status
	}
	return metrics.New(o)
}
