package pool

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

// Defaults of Options.
const (
	DefaultMaxBytes      = 300 << 20
	DefaultMaxPerAccount = 256
	DefaultMinRate       = Rate(1000)
)

// maxForged is how many records with bad signatures a pool remembers.
const maxForged = 1 << 14

// Options are the options of a pool.
type Options struct {
	Params *network.Params
	// View returns the confirmed state, and Context the context of the next block.
	// Both are called often, and must not take a lock of the chain.
	View    func() rules.View
	Context func() rules.Context
	// Verifier checks signatures. If the chain has the same one, the signatures of
	// pooled records are not checked again. Nil: one of its own.
	Verifier *record.Verifier
	// Journal keeps the records on disk. Nil: the records are lost at the end, and so
	// are those that a reorganisation in parts returns.
	Journal Journal
	// Accepted is called with records that Add has accepted or that a reorganisation has
	// returned, once they are in the journal and if they are still in the pool; those of
	// an account are in order. It is called by the goroutine of Add or Flush, without a
	// lock of the pool, but the chain may hold its own, since it calls Flush. So it must
	// neither block nor call the chain. Several goroutines may call it at once. Nil:
	// nobody needs to know.
	Accepted func([]*record.Record)

	MaxBytes      int64 // of memory, approximately; 0: DefaultMaxBytes
	MaxPerAccount int   // waiting records; 0: DefaultMaxPerAccount
	MinRate       Rate  // for admission, and the minimum step of a replacement; 0: DefaultMinRate

	Log *slog.Logger // nil: silent
}

// Pool keeps records that wait for a block. Safe for concurrent use.
type Pool struct {
	o Options

	signatures *together

	saving  sync.Mutex  // one batch at a time goes to the journal; taken before mu
	failing atomic.Bool // whether the last batch failed

	mu         sync.Mutex
	table      table
	suspects   map[*queue]bool // to be judged again by Follow
	parts      *parts          // of a reorganisation that is not complete; nil: none
	arrivals   uint64
	epoch      uint64                 // counts calls of Follow
	forged     *bounded.Set[pow.Hash] // full hashes of records with bad signatures
	recent     recent
	unsaved    []change         // not in the journal yet, oldest first
	accepted   []*record.Record // for Options.Accepted, when the journal has them
	counts     Counts
	rejections map[reject.Reason]uint64 // records that Add rejected
}

// Counts are numbers of records since the start of the pool. They only grow.
type Counts struct {
	Accepted uint64 // by Add
	Rejected uint64 // by Add
	Returned uint64 // from disconnected blocks
	Mined    uint64
	Replaced uint64 // by one with a higher fee
	Evicted  uint64 // when the pool was full
	Expired  uint64
	Invalid  uint64 // after a block, or because they did not apply in maxStrikes epochs

	Unapplied uint64 // how often Select left out a record because it did not apply
}

// Stats are the sizes of the pool.
type Stats struct {
	Records  int
	Accounts int   // with waiting records
	Bytes    int64 // of encoded records
	Memory   int64 // in bytes, as counted against MaxBytes
	MaxBytes int64
	// MinRate is the minimum fee rate for admission. A full pool admits only
	// records above it.
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
		o:          o,
		signatures: newTogether(o.Verifier.VerifyEach),
		table:      newTable(),
		suspects:   map[*queue]bool{},

		rejections: map[reject.Reason]uint64{},
		forged:     bounded.NewSet[pow.Hash](maxForged),
		recent:     newRecent(),
	}
	if o.Journal != nil {
		if err := p.reload(); err != nil {
			return nil, err
		}
		if err := p.Flush(); err != nil {
			o.Log.Warn("pool journal not written", "err", err)
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

// ByFullHash returns the record of the pool with this full hash, so with these
// signatures, or nil.
func (p *Pool) ByFullHash(hash pow.Hash) *record.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.table.full[hash]
}

// Records returns all records of the pool, in no order. They must not be changed.
func (p *Pool) Records() []*record.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.AppendSeq(make([]*record.Record, 0, len(p.table.full)), maps.Values(p.table.full))
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

// Stats returns the sizes of the pool.
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

// Rejections returns how many records Add has rejected since the start of the pool, by
// reason, from all sources. An error of the state or of the journal is no reason.
func (p *Pool) Rejections() map[reject.Reason]uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.rejections)
}

// find returns the account that key signs for, in the confirmed state, and its queue, or
// nil. A key whose KEY_ROTATE waits in a queue signs for that account already.
func (p *Pool) find(v rules.View, key record.Key) (*queue, rules.Account, error) {
	if q := p.table.aliases[key]; q != nil {
		account, err := rules.GetAccount(v, q.account)
		return q, account, err
	}
	account, err := rules.GetAccount(v, key)
	return p.table.queues[account.ID], account, err
}

// entry returns a new entry for a record. The caller must hold p.mu.
func (p *Pool) entry(r *record.Record) entry {
	p.arrivals++
	return entry{Record: r, rate: RateOf(r), arrival: p.arrivals, until: r.ValidUntil}
}
