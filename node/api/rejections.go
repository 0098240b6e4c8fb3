package api

import (
	"errors"
	"maps"
	"sync"
)

// rejections counts the records that the API rejected, by reason. Safe for
// concurrent use.
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

// all returns the counts.
func (r *rejections) all() map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]uint64{}
	maps.Copy(all, r.counts)
	return all
}
