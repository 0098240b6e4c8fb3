package record

import "sync"

// Checking is a check of the signatures of records that [Verifier.Start] or
// [Verifier.StartEach] has begun. Its methods are for one goroutine.
type Checking struct {
	v       *Verifier
	records []*Record
	first   bool    // only the first bad record matters
	errs    []error // of each record
	others  sync.WaitGroup

	mu        sync.Mutex
	next, end int // the records from next to end are not taken yet
}

func (v *Verifier) checking(records []*Record, first bool) *Checking {
	return &Checking{v: v, records: records, first: first, errs: make([]error, len(records)), end: len(records)}
}

// chunks returns the number of chunks into which the records are cut.
func (c *Checking) chunks() int { return (len(c.records) + chunkRecords - 1) / chunkRecords }

// start starts n goroutines that check.
func (c *Checking) start(n int) {
	for range n {
		c.others.Go(c.work)
	}
}

// Wait works on what is left, as one more worker, and waits for the others. It returns
// what [Verifier.Verify] returns.
func (c *Checking) Wait() (bad int, err error) {
	for i, err := range c.WaitEach() {
		if err != nil {
			return i, err
		}
	}
	return -1, nil
}

// WaitEach is Wait for a check that [Verifier.StartEach] has begun. It returns what
// [Verifier.VerifyEach] returns.
func (c *Checking) WaitEach() []error {
	c.work()
	c.others.Wait()
	return c.errs
}

// work checks chunks until none is left. They are taken in order, so all before a bad
// record have been taken when it is found.
func (c *Checking) work() {
	w := c.v.idle.Get().(*worker)
	defer c.v.idle.Put(w)
	for {
		from, to := c.take()
		if from == to {
			return
		}
		w.check(c.records[from:to], c.errs[from:to])
		for i, err := range c.errs[from:to] {
			if c.first && err != nil {
				c.stop(from + i)
				break
			}
		}
	}
}

// take returns the bounds of the next chunk, which is empty if none is left.
func (c *Checking) take() (from, to int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from = c.next
	to = max(from, min(from+chunkRecords, c.end))
	c.next = to
	return from, to
}

// stop says that no record from end on needs to be checked.
func (c *Checking) stop(end int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end = min(c.end, end)
}
