package node

import (
	"context"
	"time"

	"stele/node/alert"
	"stele/node/api"
	"stele/node/feed"
	"stele/node/query"
)

// newAlerts returns the alerts of the node: those that follow from the chain, and those
// about the node itself.
func (n *Node) newAlerts(q *query.Reader) *alert.Book {
	return alert.NewBook(alert.Options{
		Sources: append(
			alert.FromChain(q, n.supervision, n.anomalies),
			alert.Source{Name: "trouble", Kinds: []alert.Kind{alert.Trouble}, Facts: n.troubleFacts},
			alert.Source{Name: "warnings", Kinds: []alert.Kind{alert.Warning}, Facts: n.warningFacts},
		),
		Tip: func() alert.At {
			tip := n.chain.Tip()
			return alert.At{Height: tip.Height, Time: unix(tip.Header.Time)}
		},
		File: n.o.Alerts, Log: n.log,
		Publish: n.publishAlert,
	})
}

// troubleFacts reports what keeps the node from working.
func (n *Node) troubleFacts(context.Context) (r alert.Report, err error) {
	if s := n.Status(); s.Trouble != "" {
		r.Facts = []alert.Fact{{Kind: alert.Trouble, Subject: "node", Text: s.Trouble}}
	}
	return r, nil
}

func (n *Node) warningFacts(context.Context) (alert.Report, error) {
	s := n.Status()
	return warningFacts(s.Warnings, s.Now.Sub(s.Started)), nil
}

// warningFacts are the warnings of a node of an age, when it has had the time to find
// peers and the newest tip.
func warningFacts(warnings []query.Warning, age time.Duration) (r alert.Report) {
	if r.Partial = age < settled; r.Partial {
		return r
	}
	for _, w := range warnings {
		r.Facts = append(r.Facts, alert.Fact{Kind: alert.Warning, Subject: string(w.Kind), Text: w.Text})
	}
	return r
}

// publishAlert reports an alert whose state has changed to those who read events.
func (n *Node) publishAlert(a alert.Alert) { n.feed.Publish(feed.KindAlert, api.NewAlert(&a)) }
