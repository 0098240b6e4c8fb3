package seen

import (
	"errors"
	"sync"
	"time"

	"stele/internal/bounded"
	"stele/internal/text"
	"stele/node/chain"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Source is where a record was seen first.
type Source string

// The sources.
const (
	API     Source = "api"     // a client sent it
	Peer    Source = "peer"    // another node sent it
	Block   Source = "block"   // it was in a block, and never in the pool before
	Traffic Source = "traffic" // the node has made it itself, to have something to do
)

// Mark is what a node remembers of a record. A zero time means that the thing has not
// happened, or not while this node remembers. Times are exact to a millisecond.
type Mark struct {
	First time.Time // when this node saw it first; zero: before the node started
	From  Source    // where; "": not known

	Admitted time.Time // to the pool

	Rejected time.Time     // last, by the pool; forgotten after a day
	Reason   reject.Reason // of the rejection
	Text     string        // of the rejection, printable

	Confirmed time.Time // when this node connected the block that has it
}

// Limits of a book.
const (
	DefaultSize = 200_000 // marks of records that are not rejected, about 30 MB
	maxRejected = 20_000  // marks of rejected ones, at most about 8 MB
	keepReason  = 24 * time.Hour
	maxText     = 200 // bytes
)

// Options of a book.
type Options struct {
	Size int              // marks of records that are not rejected; 0: DefaultSize
	Now  func() time.Time // nil: time.Now
}

// Book has the marks of records. Make one with [New]. Safe for concurrent use.
type Book struct {
	now func() time.Time

	mu       sync.Mutex
	good     *bounded.Map[record.ID, good]
	rejected *bounded.Map[record.ID, rejection]
}

// good is the mark of a record that was admitted or confirmed. Times are milliseconds
// since 1970; 0: none.
type good struct {
	first, admitted, confirmed int64
	from                       byte // index in sources
}

// rejection is the mark of a record that was rejected.
type rejection struct {
	first, at int64
	from      byte
	reason    reject.Reason
	text      string
}

// sources are the sources by their numbers in memory and in the file.
var sources = [...]Source{"", API, Peer, Block, Traffic}

func numberOf(s Source) byte {
	for i, x := range sources {
		if x == s {
			return byte(i)
		}
	}
	return 0
}

// New returns an empty book.
func New(o Options) *Book {
	if o.Size == 0 {
		o.Size = DefaultSize
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Book{now: o.Now, good: bounded.NewMap[record.ID, good](o.Size), rejected: bounded.NewMap[record.ID, rejection](maxRejected)}
}

// Judged notes records that came from a source at a time, and the verdicts of the pool on
// them; a nil verdict means that the record was admitted. A record that the pool or the
// chain has already was not rejected, and neither was one that the pool could not judge.
// Safe for concurrent use.
func (b *Book) Judged(from Source, came time.Time, records []*record.Record, verdicts []error) {
	now := b.now().UnixMilli()
	first, number := min(came.UnixMilli(), now), numberOf(from)
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, r := range records {
		id := r.ID()
		if verdicts[i] == nil {
			b.admit(id, first, number, now)
			continue
		}
		var why *reject.Error
		if g, _ := b.good.Get(id); !errors.As(verdicts[i], &why) || why.Reason == reject.AlreadyPooled || g.confirmed != 0 {
			continue
		}
		x, _ := b.rejected.Get(id)
		if !b.isFresh(x) {
			x.first, x.from = first, number
		}
		x.at, x.reason, x.text = now, why.Reason, text.Clean(why.Text, maxText)
		b.rejected.Put(id, x)
	}
}

// Admitted notes records that are in the pool now, in case that nothing says where they
// came from: a reorganisation has returned them, or a program that runs the node has
// added them. Safe for concurrent use.
func (b *Book) Admitted(records []*record.Record) {
	now := b.now().UnixMilli()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range records {
		b.admit(r.ID(), 0, 0, now)
	}
}

// admit notes that a record is in the pool. First is 0 if it is not known when it came.
// The caller must hold b.mu.
func (b *Book) admit(id record.ID, first int64, from byte, now int64) {
	g, _ := b.good.Get(id)
	if x, ok := b.rejected.Get(id); ok && g.first == 0 && x.reason != reject.BadSignature && x.first != 0 {
		g.first, g.from = x.first, x.from // a copy with other signatures was not this record
	}
	if g.first == 0 || first != 0 && g.from == numberOf(Block) && first < g.first {
		g.first, g.from = first, from
	}
	if g.admitted == 0 {
		g.admitted = now
	}
	b.good.Put(id, g)
	b.unreject(id)
}

// unreject forgets the rejection of a record. The caller must hold b.mu.
func (b *Book) unreject(id record.ID) {
	if b.rejected.Has(id) {
		b.rejected.Put(id, rejection{}) // a key keeps its place in the order
	}
}

// Changed follows a change of the chain, as of now. The coinbases have no marks. Safe for
// concurrent use, but the changes must come in order.
func (b *Book) Changed(change chain.Change) {
	now := b.now().UnixMilli()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range change.Disconnected {
		for _, r := range x.Records[1:] {
			if g, ok := b.good.Get(r.ID()); ok {
				g.confirmed = 0
				b.good.Put(r.ID(), g)
			}
		}
	}
	for _, x := range change.Connected {
		for _, r := range x.Records[1:] {
			id := r.ID()
			g, _ := b.good.Get(id)
			if g.first == 0 && g.admitted == 0 {
				if x, ok := b.rejected.Get(id); ok && x.first != 0 && x.reason != reject.BadSignature {
					g.first, g.from = x.first, x.from
				} else {
					g.first, g.from = now, numberOf(Block)
				}
			}
			g.confirmed = now
			b.good.Put(id, g)
			b.unreject(id)
		}
	}
}

// Of returns the mark of a record, and false if the book has none. Safe for concurrent
// use.
func (b *Book) Of(id record.ID) (Mark, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	g, known := b.good.Get(id)
	m := Mark{First: timeOf(g.first), From: sources[g.from], Admitted: timeOf(g.admitted), Confirmed: timeOf(g.confirmed)}
	if x, ok := b.rejected.Get(id); ok && b.isFresh(x) {
		if !known {
			m.First, m.From, known = timeOf(x.first), sources[x.from], true
		}
		m.Rejected, m.Reason, m.Text = timeOf(x.at), x.reason, x.text
	}
	return m, known
}

// isFresh reports whether a rejection is not forgotten yet.
func (b *Book) isFresh(x rejection) bool {
	return x.at != 0 && b.now().UnixMilli()-x.at < keepReason.Milliseconds()
}

func timeOf(milliseconds int64) time.Time {
	if milliseconds == 0 {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds)
}
