package supervision

import (
	"stele/node/query"
	"stele/node/views"
)

// Summary is what a supervisor looks at first: as of the tip.
type Summary struct {
	Coverage Coverage
	Overdue  []Waits // overdue claims, by who must act; none is 0
	Gaps     uint64  // custody gaps
	Counts   Counts
}

// Summary returns the summary of the whole market.
func (r *Reader) Summary() (s Summary, err error) {
	if s.Coverage, err = r.Coverage(); err != nil {
		return s, err
	}
	if s.Overdue, err = r.waits(views.All()); err != nil {
		return s, err
	}
	if s.Gaps, err = r.views.CountHeld(views.All(), uint64(r.query.Tip().MedianTime)); err != nil {
		return s, err
	}
	s.Counts, err = r.Counts(query.Of{})
	return s, err
}
