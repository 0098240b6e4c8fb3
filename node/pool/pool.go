package pool

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// What Options have where they are zero.
const (
	DefaultMaxBytes      = 300 << 20
	DefaultMaxPerAccount = 256
	DefaultMinRate       = Rate(1000)
)

// maxForged is how many records with bad signatures a pool remembers.
const maxForged = 1 << 14

// Options say what a pool takes, and by which state it judges.
type Options struct {
	Params *network.Params
	// View returns the confirmed state, and Context the context of the next
	// block. Both are called often and must take no lock of the chain's.
	View    func() rules.View
	Context func() rules.Context
	// Verifier checks signatures. The chain should have the same one, so that it
	// need not check those of pooled records again. Nil: one of its own.
	Verifier *record.Verifier
	// Nil: what is in the pool is lost at the end, and so is what a change of
	// branches in parts gives back.
	Journal Journal

	MaxBytes      int64 // of memory, about; 0: DefaultMaxBytes
	MaxPerAccount int   // records that wait; 0: DefaultMaxPerAccount
	MinRate       Rate  // that is admitted, and the least step of a replacement; 0: DefaultMinRate

	Log *slog.Logger // nil: silent
}

// Pool keeps records that wait for a block. Its methods may be called by several
// goroutines at once.
type Pool struct {
	o Options

	saving  sync.Mutex  // one batch at a time goes to the journal; taken before mu
	failing atomic.Bool // whether the last batch failed

	mu       sync.Mutex
	table    table
	suspects map[*queue]bool // that Update shall look at again
	parts    *parts          // of a change of branches that is not complete; nil: none
	arrivals uint64
	epoch    uint64                 // counts updates
	forged   *bounded.Set[pow.Hash] // full hashes of records with bad signatures
	unsaved  []change               // of the journal, oldest first
	counts   Counts
}

// Counts tell what became of records since the start. They only grow.
type Counts struct {
	Accepted uint64 // by Add
	Rejected uint64 // by Add
	Returned uint64 // from disconnected blocks
	Mined    uint64 // left for a block
	Replaced uint64 // by one with a higher fee
	Evicted  uint64 // when the pool was full
	Expired  uint64
	Invalid  uint64 // by what a block changed, or against others again and again

	Unapplied uint64 // times that Select left out a record, since it did not apply
}

// Stats tell how full the pool is.
type Stats struct {
	Records  int
	Accounts int   // whose records wait
	Bytes    int64 // of encoded records
	Memory   int64 // that they take, as counted against MaxBytes
	MaxBytes int64
	// MinRate is the fee rate that a record must have to be admitted; in a full
	// pool, more than it.
	MinRate Rate
	Counts  Counts
}

// New returns a pool with the records of the journal that are still valid. The
// error is that of the journal or of the state's view.
func New(o Options) (*Pool, error) {
	if o.Verifier == nil {
		o.Verifier = record.NewVerifier(1<<16, 0)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	if o.MaxPerAccount == 0 {
		o.MaxPerAccount = DefaultMaxPerAccount
	}
	if o.MinRate == 0 {
		o.MinRate = DefaultMinRate
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pool{
		o:        o,
		table:    newTable(),
		suspects: map[*queue]bool{},
		forged:   bounded.NewSet[pow.Hash](maxForged),
	}
	if o.Journal != nil {
		if err := p.reload(); err != nil {
			return nil, err
		}
		if err := p.Flush(); err != nil {
			o.Log.Warn("the pool's journal cannot be written", "error", err)
		}
	}
	return p, nil
}

// Get returns a record of the pool, or nil.
func (p *Pool) Get(id record.ID) *record.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q := p.table.records[id]; q != nil {
		for i := range q.entries {
			if r := q.entries[i].Record; r.ID() == id {
				return r
			}
		}
	}
	return nil
}

// NextSeq returns the sequence number that the next record by the key should
// have. The error is that of the state's view.
func (p *Pool) NextSeq(key record.Key) (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, account, err := p.find(p.o.View(), key)
	if err != nil {
		return 0, err
	}
	if q != nil {
		return max(account.Seq, q.next()), nil
	}
	return account.Seq, nil
}

// Stats returns how full the pool is.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.table
	s := Stats{
		Records:  len(t.records),
		Accounts: len(t.queues),
		Bytes:    t.bytes,
		Memory:   t.charged,
		MaxBytes: p.o.MaxBytes,
		MinRate:  p.o.MinRate,
		Counts:   p.counts,
	}
	if t.charged+record.MaxSize > p.o.MaxBytes {
		s.MinRate = max(s.MinRate, t.cheapest())
	}
	return s
}

// find returns the account that key signs for, as it is confirmed, and its
// queue, or nil. A key whose KEY_ROTATE waits in a queue signs for that account
// already.
func (p *Pool) find(v rules.View, key record.Key) (*queue, rules.Account, error) {
	if q := p.table.aliases[key]; q != nil {
		account, err := rules.GetAccount(v, q.account)
		return q, account, err
	}
	account, err := rules.GetAccount(v, key)
	return p.table.queues[account.ID], account, err
}

// entry returns a new entry for a record.
func (p *Pool) entry(r *record.Record) entry {
	p.arrivals++
	return entry{Record: r, rate: RateOf(r), arrival: p.arrivals, until: r.ValidUntil}
}
