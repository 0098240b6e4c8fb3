package pool

import (
	"runtime"
	"sync"

	"stele/node/ledger/record"
)

const (
	// minAlone is how many records are worth a check of signatures of their own.
	minAlone = 64
	// maxTogether is about how many records are checked together.
	maxTogether = 1024
)

// together checks the signatures of records of concurrent calls. As long as a processor is
// free, each call is on its own and waits for nobody. Those that come meanwhile are checked
// together when one of the checks ends: many signatures cost little more than a few. Safe
// for concurrent use.
type together struct {
	check func(records []*record.Record) []error
	limit int // checks at a time

	mu      sync.Mutex
	running int
	waiting []*call
}

func newTogether(check func(records []*record.Record) []error) *together {
	return &together{check: check, limit: runtime.GOMAXPROCS(0)}
}

// call is one call of verify.
type call struct {
	records []*record.Record
	errs    []error

	// ready gets the calls to check, this one first, or nil when errs is set.
	ready chan []*call
}

// verify returns a verdict on the signatures of each record.
func (t *together) verify(records []*record.Record) []error {
	if len(records) == 0 || len(records) >= minAlone {
		return t.check(records)
	}
	c := &call{records: records, ready: make(chan []*call, 1)}
	calls := []*call{c}
	if !t.begin(c) {
		if calls = <-c.ready; calls == nil {
			return c.errs
		}
	}
	t.checkAll(calls)
	if next := t.end(); next != nil {
		next[0].ready <- next
	}
	return c.errs
}

// begin reports whether c may be checked at once. If not, it waits.
func (t *together) begin(c *call) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running < t.limit {
		t.running++
		return true
	}
	t.waiting = append(t.waiting, c)
	return false
}

// checkAll checks the records of some calls. All but the first are ready then.
func (t *together) checkAll(calls []*call) {
	records := calls[0].records
	if len(calls) > 1 {
		records = nil
		for _, c := range calls {
			records = append(records, c.records...)
		}
	}
	errs := t.check(records)
	for i, c := range calls {
		c.errs, errs = errs[:len(c.records)], errs[len(c.records):]
		if i > 0 {
			c.ready <- nil
		}
	}
}

// end ends a check. It returns the calls to check next, or nil.
func (t *together) end() (next []*call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	records, n := 0, 0
	for n < len(t.waiting) && records < maxTogether {
		records += len(t.waiting[n].records)
		n++
	}
	next, t.waiting = t.waiting[:n:n], t.waiting[n:]
	if n == 0 {
		t.running--
		t.waiting = nil
		return nil
	}
	return next
}
