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

	disagreements uint64 // of the Verifier at the start
	isCancelled   bool

	mu        sync.Mutex
	next, end int // the records from next to end are not taken yet
}

func (v *Verifier) checking(records []*Record, first bool) *Checking {
	return &Checking{
		v: v, records: records, first: first, errs: make([]error, len(records)), end: len(records),
		disagreements: v.disagreements.Load(),
	}
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
// what [Verifier.Verify] returns. It panics after Cancel: not all was checked.
func (c *Checking) Wait() (bad int, err error) {
	for i, err := range c.WaitEach() {
		if err != nil {
			return i, err
		}
	}
	return -1, nil
}

// WaitEach is Wait for a check that [Verifier.StartEach] has begun. It returns what
// [Verifier.VerifyEach] returns. It panics after Cancel.
func (c *Checking) WaitEach() []error {
	if c.isCancelled {
		panic("record: Wait after Cancel")
	}
	c.work()
	c.others.Wait()
	if c.v.disagreements.Load() != c.disagreements {
		c.again()
	}
	return c.errs
}

// again checks all records again. Meanwhile the kernel was found to be wrong and was
// disabled: no verdict of it counts.
func (c *Checking) again() {
	clear(c.errs)
	c.next, c.end = 0, len(c.records)
	c.work()
}

// Cancel ends the check early and waits for its goroutines. After Wait it does
// nothing.
func (c *Checking) Cancel() {
	c.isCancelled = true
	c.stop(0)
	c.others.Wait()
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
