package node

import (
	"time"

	"stele/node/feed"
	"stele/node/ledger/record"
	"stele/node/seen"
)

// openLive makes what only the API shows of the present: the feed of events, and the book
// of when records were seen. The views must be open, and not run yet.
func (n *Node) openLive() {
	n.feed = feed.New(feed.Options{Chain: n.chain, Views: n.views, Status: n.Status, Log: n.log})
	n.seen = seen.New(seen.Options{})
	if n.o.Seen == "" {
		return
	}
	if err := n.seen.Load(n.o.Seen, n.genesis); err != nil {
		n.log.Warn("earlier times of records not loaded", "err", err)
	}
}

// closeLive saves the book.
func (n *Node) closeLive() {
	if n.seen == nil || n.o.Seen == "" {
		return
	}
	if err := n.seen.Save(n.o.Seen, n.genesis); err != nil {
		n.log.Warn("times of records not saved", "err", err)
	}
}

// judgedFrom returns what is called with records that came from a source, when they came,
// and the verdicts of the pool.
func (n *Node) judgedFrom(source seen.Source) func(came time.Time, records []*record.Record, verdicts []error) {
	return func(came time.Time, records []*record.Record, verdicts []error) {
		if n.feed == nil {
			return // nobody asks
		}
		n.seen.Judged(source, came, records, verdicts)
		n.feed.Judged(records, verdicts)
	}
}
