package api

import (
	"errors"
	"sync"
)

// rejections counts the records that the API rejected before they came to the pool,
// by reason: it could not decode them. Safe for concurrent use.
type rejections struct {
	mu     sync.Mutex
	counts map[string]uint64
}

// count counts the error of a record that was sent, if a rule rejected it.
func (r *rejections) count(err error) {
	var p *problem
	if !errors.As(err, &p) || p.Reason == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[string]uint64{}
	}
	r.counts[string(p.Reason)]++
}

// addTo adds the counts to others.
func (r *rejections) addTo(counts map[string]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for reason, n := range r.counts {
		counts[reason] += n
	}
}
