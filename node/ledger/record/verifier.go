package record

import (
	"runtime"
	"sync"
	"sync/atomic"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"stele/engine/pow"
)

const (
	// parcelRecords is how many records are checked together. More make each
	// only a little cheaper.
	parcelRecords = 256
	// fewRecords is how many records of a bad batch are checked one by one;
	// of more, halves are.
	fewRecords = 8
	// manyBad is how many bad records must be found in a batch before the
	// rest of it is checked one by one: who sends many should not get the
	// price of the halves as well.
	manyBad = 2
	// keyEntries is how many expanded keys a Verifier keeps, 1.5 kB each.
	keyEntries = 8192
)

// Verifier checks the signatures of records, many together and on several
// processors, and remembers the records whose signatures were good, so that a
// block of known records costs almost nothing. It may be used by many
// goroutines; those that it starts end with the call.
type Verifier struct {
	workers int

	goodMu sync.Mutex
	good   *recent[pow.Hash, struct{}] // by full hash

	keysMu sync.Mutex
	keys   *recent[Key, *voi.ExpandedPublicKey]

	hits, checked atomic.Uint64
}

// VerifierStats counts what a Verifier has done.
type VerifierStats struct {
	Cached  int    // records that it remembers
	Hits    uint64 // records that were good because it remembered them
	Checked uint64 // records whose signatures it checked
}

// NewVerifier returns a Verifier that remembers at most cacheEntries good
// records, about 100 bytes each, and works on as many goroutines as workers
// says; 0 means one for each processor that Go uses.
func NewVerifier(cacheEntries, workers int) *Verifier {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	return &Verifier{
		workers: workers,
		good:    newRecent[pow.Hash, struct{}](cacheEntries),
		keys:    newRecent[Key, *voi.ExpandedPublicKey](keyEntries),
	}
}

// Stats returns the counts so far.
func (v *Verifier) Stats() VerifierStats {
	v.goodMu.Lock()
	defer v.goodMu.Unlock()
	return VerifierStats{Cached: v.good.len(), Hits: v.hits.Load(), Checked: v.checked.Load()}
}

// Known reports whether v remembers that the signatures of r are good.
func (v *Verifier) Known(r *Record) bool {
	v.goodMu.Lock()
	defer v.goodMu.Unlock()
	_, ok := v.good.get(r.FullHash())
	return ok
}

// Verify checks the signatures of all records, as [Record.Verify] does. It
// returns the index of the first record with a bad one and its error, or -1 and
// nil. It stops at a bad record; the good ones that it saw are remembered.
func (v *Verifier) Verify(records []*Record) (bad int, err error) {
	c := v.checking(records, true)
	c.start(min(v.workers, c.parcels()) - 1)
	return c.Wait()
}

// VerifyEach returns a verdict for each record, nil if its signatures are good.
func (v *Verifier) VerifyEach(records []*Record) []error {
	c := v.checking(records, false)
	c.start(min(v.workers, c.parcels()) - 1)
	_, _ = c.Wait()
	return c.errs
}

// Start begins to do what Verify does on all workers but one, and returns at once.
// The caller must call [Checking.Wait] or [Checking.Cancel], or both. With one worker
// Wait does all the work. The records must not be modified meanwhile.
func (v *Verifier) Start(records []*Record) *Checking {
	c := v.checking(records, true)
	c.start(min(v.workers-1, c.parcels()))
	return c
}

// check checks the signatures of records, and sets the errors of those with bad ones.
// It returns at the first of them if stop is set. The good ones are remembered.
func (w *worker) check(records []*Record, errs []error, stop bool) {
	var todo []int
	w.v.goodMu.Lock()
	for i, r := range records {
		if _, ok := w.v.good.get(r.FullHash()); ok {
			w.v.hits.Add(1)
		} else if len(r.Signatures) > 0 || r.Type() != TypeCoinbase {
			todo = append(todo, i)
		}
	}
	w.v.goodMu.Unlock()
	w.v.checked.Add(uint64(len(todo)))
	if len(todo) > 0 {
		w.each(records, todo, func(at int, err error) bool {
			errs[at] = err
			return !stop
		})
	}
}

// remember keeps the records as good ones.
func (v *Verifier) remember(records []*Record, at []int) {
	v.goodMu.Lock()
	defer v.goodMu.Unlock()
	for _, i := range at {
		v.good.put(records[i].FullHash(), struct{}{})
	}
}

// expand returns the form of a key that is faster to verify with, or nil if the
// key is no point of the curve.
func (v *Verifier) expand(k Key) *voi.ExpandedPublicKey {
	v.keysMu.Lock()
	expanded, ok := v.keys.get(k)
	v.keysMu.Unlock()
	if ok {
		return expanded
	}
	expanded, err := voi.NewExpandedPublicKey(k[:])
	if err != nil {
		return nil
	}
	v.keysMu.Lock()
	v.keys.put(k, expanded)
	v.keysMu.Unlock()
	return expanded
}

// worker is one goroutine's share of a Verifier.
type worker struct {
	v       *Verifier
	batch   *voi.BatchVerifier
	message []byte
	bad     int // records found in this batch
}

func (v *Verifier) worker() *worker {
	return &worker{v: v, batch: voi.NewBatchVerifierWithCapacity(parcelRecords)}
}

// each calls found for each bad record among those at the indices, in their
// order, until found returns false; then it returns false too. Good ones are
// remembered.
func (w *worker) each(records []*Record, at []int, found func(i int, err error) bool) bool {
	w.bad = 0
	return w.search(records, at, false, found)
}

// search is each for a part of a batch. Bad says that it has a bad one for
// certain.
func (w *worker) search(records []*Record, at []int, bad bool, found func(i int, err error) bool) bool {
	if !bad && w.bad < manyBad && w.allGood(records, at) {
		w.v.remember(records, at)
		return true
	}
	if len(at) <= fewRecords || w.bad >= manyBad {
		for n, i := range at {
			if err := records[i].Verify(); err == nil {
				w.v.remember(records, at[n:n+1])
			} else if w.bad++; !found(i, err) {
				return false
			}
		}
		return true
	}
	left, right := at[:len(at)/2], at[len(at)/2:]
	leftGood := w.allGood(records, left)
	if leftGood {
		w.v.remember(records, left)
	} else if !w.search(records, left, true, found) {
		return false
	}
	return w.search(records, right, leftGood, found)
}

// allGood reports whether all signatures of the records at the indices are good,
// by one equation over all of them. A bad one passes with probability 2^-128.
func (w *worker) allGood(records []*Record, at []int) bool {
	w.batch.Reset()
	for _, i := range at {
		r := records[i]
		signers := r.Signers()
		if len(r.Signatures) != len(signers) {
			return false
		}
		w.message = appendSigningMessage(w.message[:0], r)
		for s, key := range signers {
			if !w.add(key, w.message, r.Signatures[s]) {
				return false
			}
		}
	}
	return w.batch.VerifyBatchOnly(nil)
}

// add puts a signature into the batch. It returns false if the key is no point
// of the curve, so that no signature by it is valid.
func (w *worker) add(key Key, message []byte, s Signature) bool {
	expanded := w.v.expand(key)
	if expanded == nil {
		return false
	}
	w.batch.AddExpandedWithOptions(expanded, message, s[:], zip215)
	return true
}
