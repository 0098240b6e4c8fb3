package node

import (
	"context"

	"stele/node/alert"
	"stele/node/query"
)

// newAlerts returns the alerts of the node: those that follow from the chain, and those
// about the node itself.
func (n *Node) newAlerts(q *query.Reader) *alert.Book {
	return alert.NewBook(alert.Options{
		Sources: append(alert.FromChain(q, n.supervision, n.anomalies), alert.Source{
			Name: "node", Kinds: []alert.Kind{alert.Trouble, alert.Warning},
			Facts: func(context.Context) (alert.Report, error) {
				return ownFacts(n.Status()), nil
			},
		}),
		Tip: func() alert.At {
			tip := n.chain.Tip()
			return alert.At{Height: tip.Height, Time: unix(tip.Header.Time)}
		},
		File: n.o.Alerts, Log: n.log,
	})
}

// ownFacts are what a node reports about itself. Its warnings count when it has had the
// time to find peers and the newest tip.
func ownFacts(s query.Status) (r alert.Report) {
	if s.Trouble != "" {
		r.Facts = append(r.Facts, alert.Fact{Kind: alert.Trouble, Subject: "node", Text: s.Trouble})
	}
	if s.Now.Sub(s.Started) < settled {
		r.Partial = true
		return r
	}
	for _, w := range s.Warnings {
		r.Facts = append(r.Facts, alert.Fact{Kind: alert.Warning, Subject: string(w.Kind), Text: w.Text})
	}
	return r
}
