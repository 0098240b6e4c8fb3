package feed

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/internal/wake"
	"stele/node/chain"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/query"
	"stele/node/views"
)

// Limits of a feed.
const (
	// MaxReplay is on how long a way, in blocks, a reader gets all events that it missed.
	MaxReplay = 2016

	defaultLog  = 16 << 20 // bytes of events that are kept
	maxInbox    = 2000     // events that wait to be encoded
	maxRejected = 500      // of these, of rejected records
	maxStep     = 64       // blocks that are reported at once; readers find the way over more themselves
	maxBuilding = 2        // readers for which blocks are read at a time
	maxBuilt    = 4        // blocks for such readers that are kept
	gatherTime  = 50 * time.Millisecond
	statusEvery = time.Second
)

// Options are the parts of a node that a feed follows.
type Options struct {
	Chain  *chain.Chain
	Views  *views.Views        // nil: what a record is about is not known
	Status func() query.Status // nil: there are no events of the kind status
	MaxLog int                 // bytes of events that are kept; 0: 16 MB
	Log    *slog.Logger        // nil: silent
}

// Feed makes the events, for any number of readers. Make one with [New], and call
// [Feed.Run] once. Safe for concurrent use.
type Feed struct {
	o     Options
	log   *slog.Logger
	run   uint64 // names this run in the ids
	wake  wake.Signal
	inbox inbox

	// Of Run's goroutine.
	at place // after the last event that was made

	building chan struct{} // has an element for each reader that reads blocks
	builtMu  sync.Mutex
	built    *bounded.Map[side, []*Event]

	mu      sync.RWMutex  // guards what follows
	events  []*Event      // the last ones, oldest first
	first   uint64        // number of the first of them
	bytes   int           // of them
	head    place         // of the chain, as far as it is reported
	changed chan struct{} // closed when something follows
	ended   bool
	stats   Stats
}

// side is a block, and whether it joins or leaves the chain.
type side struct {
	block   pow.Hash
	leaving bool
}

// Stats are counts since the start of a feed; they only grow, but for Readers.
type Stats struct {
	Readers  int // at present
	Events   map[Kind]uint64
	Dropped  map[DropReason]uint64 // readers
	Gaps     map[GapReason]uint64  // that readers were informed of
	Replayed uint64                // blocks that single readers were sent again
}

// New returns a feed that begins at the tip of the chain.
func New(o Options) *Feed {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxLog == 0 {
		o.MaxLog = defaultLog
	}
	f := &Feed{
		o: o, log: o.Log, run: rand.Uint64() | 1, wake: wake.New(), first: 1, changed: make(chan struct{}),
		building: make(chan struct{}, maxBuilding), built: bounded.NewMap[side, []*Event](maxBuilt),
		stats: Stats{Events: map[Kind]uint64{}, Dropped: map[DropReason]uint64{}, Gaps: map[GapReason]uint64{}},
	}
	f.at = place{run: f.run, block: o.Chain.Tip().Hash, done: whole}
	f.head = f.at
	return f
}

// Run makes events until ctx ends, and then returns nil. The readers then end.
func (f *Feed) Run(ctx context.Context) error {
	defer f.end()
	var changes <-chan struct{}
	if f.o.Views == nil {
		s := f.o.Chain.Subscribe()
		defer s.Close()
		changes = s.C()
	}
	status := time.NewTicker(statusEvery)
	defer status.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-changes:
		case <-status.C:
			f.reportStatus()
		}
		f.follow(ctx)
		f.drain()
		select { // so that many small changes wake the readers once
		case <-ctx.Done():
		case <-time.After(gatherTime):
		}
	}
}

// Wake lets the feed look for changes of the chain. The views call it when they have
// followed one: see views.Options.Updated. It never blocks.
func (f *Feed) Wake() { f.wake.Wake() }

// Publish adds an event with a payload that can be encoded as JSON. It never blocks.
func (f *Feed) Publish(kind Kind, payload any) { f.put(item{kind: kind, payload: payload}) }

// Admitted adds events of records that the pool has admitted. It never blocks.
func (f *Feed) Admitted(records []*record.Record) {
	items := make([]item, len(records))
	for i, r := range records {
		items[i] = item{kind: KindPooled, record: r}
	}
	f.put(items...)
}

// Judged adds events of records that the pool has rejected: those whose verdict has a
// reason. One that the pool has already is not among them. It never blocks.
func (f *Feed) Judged(records []*record.Record, verdicts []error) {
	var items []item
	for i, err := range verdicts {
		if reason, rejected := reject.Of(err); rejected && reason != reject.AlreadyPooled {
			items = append(items, item{kind: KindRejected, record: records[i], reason: reason})
		}
	}
	f.put(items...)
}

// Stats returns counts.
func (f *Feed) Stats() Stats {
	f.mu.RLock()
	defer f.mu.RUnlock()
	s := f.stats
	s.Events, s.Dropped, s.Gaps = maps.Clone(s.Events), maps.Clone(s.Dropped), maps.Clone(s.Gaps)
	return s
}

// count changes the counts.
func (f *Feed) count(change func(*Stats)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.stats)
}

// end wakes all readers for the last time.
func (f *Feed) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	close(f.changed)
}

// add adds events to the log, of which the last has the place f.at.
func (f *Feed) add(events ...*Event) {
	if len(events) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range events {
		f.bytes += e.size()
		if e.Kind != kindJump {
			f.stats.Events[e.Kind]++
		}
		if isOfChain := !e.Kind.isLive() && e.Kind != KindStatus && e.Kind != KindGap; isOfChain {
			f.head = e.place
		}
	}
	f.events = append(f.events, events...)
	f.trim()
	close(f.changed)
	f.changed = make(chan struct{})
}

// trim drops the oldest events when there are too many. It drops a quarter at a time, and
// copies the rest: a reader may still look at the old list. The caller must hold f.mu.
func (f *Feed) trim() {
	if f.bytes <= f.o.MaxLog {
		return
	}
	n := 0
	for n < len(f.events)-1 && f.bytes > f.o.MaxLog/4*3 {
		f.bytes -= f.events[n].size()
		n++
	}
	f.events = append([]*Event(nil), f.events[n:]...)
	f.first += uint64(n)
}

// number returns the place after the next event, which changes nothing of the chain.
func (f *Feed) number() place {
	f.at.seq++
	return f.at
}

// reportStatus adds the state of the node, if somebody reads.
func (f *Feed) reportStatus() {
	f.mu.RLock()
	readers := f.stats.Readers
	f.mu.RUnlock()
	if readers == 0 || f.o.Status == nil {
		return
	}
	s := f.o.Status()
	e := newEvent(KindStatus, "", Status{
		Height: s.Height, Tip: s.Tip.String(), TipTime: s.TipTime.Unix(), Peers: s.Connected(), PoolRecords: s.Pool.Records,
		RecordsPerSecond: s.Records.ConnectedRate, HashRate: s.HashRate(), Trouble: s.Trouble,
	})
	e.place = f.number()
	f.add(e)
}
