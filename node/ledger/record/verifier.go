package record

import (
	"runtime"
	"sync"
	"sync/atomic"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"stele/engine/pow"
)

// chunkRecords is how many records are checked together. More make each only a little
// cheaper.
const chunkRecords = 128

// Verifier checks the signatures of records, many together and on several
// processors, and remembers the records whose signatures were good, so that a
// block of known records costs almost nothing. It may be used by many
// goroutines; those that it starts end with the call.
//
// Signatures are checked by the kernel of package sig where that is faster, else by
// batches of curve25519-voi, with the same verdicts.
type Verifier struct {
	// OnDisagreement is called when the kernel and the reference differ on a
	// signature: a fault of the processor or of the kernel, which is disabled by
	// then. The verdict of the reference counts. Nil: nobody needs to know. It must be
	// set before the first use, and may be called by several goroutines, each once.
	OnDisagreement func(*Disagreement)

	workers int
	idle    sync.Pool // of *worker

	goodMu sync.Mutex
	good   *recent[pow.Hash, struct{}] // by full hash

	kernels  kernels
	tables   *tables
	expanded *keyCache[*voi.ExpandedPublicKey]

	hits, checked, disagreements atomic.Uint64
}

// VerifierStats counts what a Verifier has done.
type VerifierStats struct {
	Cached  int    // records that it remembers
	Hits    uint64 // records that were good because it remembered them
	Checked uint64 // records whose signatures it checked

	Disagreements uint64 // of the kernel and the reference
}

// NewVerifier returns a Verifier that remembers at most cacheEntries good
// records, about 100 bytes each, and works on as many goroutines as workers
// says; 0 means one for each processor that Go uses.
func NewVerifier(cacheEntries, workers int) *Verifier {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	v := &Verifier{
		workers:  workers,
		good:     newRecent[pow.Hash, struct{}](cacheEntries),
		kernels:  sigKernels,
		tables:   newTables(keyBytes),
		expanded: newKeyCache[*voi.ExpandedPublicKey](keyBytes, expandedSize),
	}
	v.idle.New = func() any { return &worker{v: v, reference: newBatch(v.expanded)} }
	return v
}

// Warm chooses how signatures are checked. Without it the first check does, which once in
// a process takes some 30 ms more.
func (v *Verifier) Warm() { v.kernels.preferred() }

// UseReference makes v check signatures without the kernel, always by batches of
// curve25519-voi. It must be called while v is not in use.
func (v *Verifier) UseReference() { v.kernels.preferred = func() bool { return false } }

// Stats returns the counts so far.
func (v *Verifier) Stats() VerifierStats {
	v.goodMu.Lock()
	defer v.goodMu.Unlock()
	return VerifierStats{
		Cached: v.good.len(), Hits: v.hits.Load(), Checked: v.checked.Load(),
		Disagreements: v.disagreements.Load(),
	}
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
	c.start(min(v.workers, c.chunks()) - 1)
	return c.Wait()
}

// VerifyEach returns a verdict for each record, nil if its signatures are good.
func (v *Verifier) VerifyEach(records []*Record) []error {
	c := v.checking(records, false)
	c.start(min(v.workers, c.chunks()) - 1)
	return c.WaitEach()
}

// Start begins to do what Verify does on all workers but one, and returns at once.
// The caller must call [Checking.Wait] or [Checking.Cancel]; the second may follow the
// first. With one worker Wait does all the work. The records must not be modified meanwhile.
func (v *Verifier) Start(records []*Record) *Checking {
	c := v.checking(records, true)
	c.start(min(v.workers-1, c.chunks()))
	return c
}

// StartEach is Start for what VerifyEach does. The caller must call
// [Checking.WaitEach] or [Checking.Cancel]; the second may follow the first.
func (v *Verifier) StartEach(records []*Record) *Checking {
	c := v.checking(records, false)
	c.start(min(v.workers-1, c.chunks()))
	return c
}

// unknown appends the indices of the records that have signatures to check and are not
// known to be good.
func (v *Verifier) unknown(todo []int, records []*Record) []int {
	v.goodMu.Lock()
	defer v.goodMu.Unlock()
	for i, r := range records {
		if _, ok := v.good.get(r.FullHash()); ok {
			v.hits.Add(1)
		} else if len(r.Signatures) > 0 || r.Type() != TypeCoinbase {
			todo = append(todo, i)
		}
	}
	v.checked.Add(uint64(len(todo)))
	return todo
}

// remember keeps the records without an error as good ones, unless there were more
// disagreements than these since they were checked: then the verdicts may be those of a
// kernel that is wrong.
func (v *Verifier) remember(records []*Record, errs []error, at []int, disagreements uint64) {
	v.goodMu.Lock()
	defer v.goodMu.Unlock()
	if v.disagreements.Load() != disagreements {
		return
	}
	for _, i := range at {
		if errs[i] == nil {
			v.good.put(records[i].FullHash(), struct{}{})
		}
	}
}

// distrust disables the kernel, and forgets what it has found. Checks that are under
// way see the count of disagreements, and begin again.
func (v *Verifier) distrust(d *Disagreement) {
	v.kernels.disable()
	v.disagreements.Add(1)
	v.tables.clear()
	v.goodMu.Lock()
	v.good.clear()
	v.goodMu.Unlock()
	if v.OnDisagreement != nil {
		v.OnDisagreement(d)
	}
}
