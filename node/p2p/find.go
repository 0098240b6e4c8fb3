package p2p

import (
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"

	"stele/internal/bounded"
	"stele/node/blobs"
	"stele/node/chain"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// Custody keeps recipients' sealed data and carriers' notices on this node. It is a
// [blobkeeper.Keeper], with the same errors.
type Custody interface {
	// Get returns sealed data, if the signer of the request may have them.
	Get(*blobs.Request) ([]byte, error)
	// Notice returns the notice of a carrier.
	Notice(record.Key) (recipient.Notice, error)
	// Publish stores the notice of a carrier.
	Publish(recipient.Notice) error
}

// Limits of the search for data at peers.
const (
	maxSearches     = 256 // at one time
	maxPeerSearches = 16  // of them, for one peer
	maxAsked        = 8   // peers that one search asks
	maxSeen         = 4096
	searchWorkers   = 2 // that read the disk
	searchRate      = 2 // requests of a peer for each second, and
	searchBurst     = 20

	// A search ends after searchTime, and after this time more for each hop that it
	// may still make, so that answers arrive before whoever asked gives up.
	searchTime = 2 * time.Second
)

// finder is the part that finds recipients' sealed data and carriers' notices at peers.
// A request that this node cannot answer it passes on, at most [wire.MaxHops] times
// from its origin, and keeps no copy of the data that come back. It passes on only what
// the ledger allows: the request of a carrier for data of a parcel that it carries, and
// the question for the notice of an account that is a carrier.
type finder struct {
	s        *Server
	searches map[uint64]*search
	byPeer   map[slots.ID]int // searches for the peer
	budgets  map[slots.ID]*rate.Limiter
	seen     *bounded.Map[seenKey, time.Time] // requests that were made lately
	jobs     chan func()
}

// seenKey is a request without its id and hops.
type seenKey [sha256.Size]byte

// search is a request that peers are asked.
type search struct {
	id   uint64
	from slots.ID // the peer that wants the answer; 0: this node
	want wire.Kind
	open map[slots.ID]bool // peers whose answer is missing
	end  time.Time
	take func(m wire.Message) (found bool, err error) // checks an answer, and passes it on
	none func()                                       // nobody has it
}

func newFinder(s *Server) *finder {
	return &finder{
		s: s, searches: map[uint64]*search{}, byPeer: map[slots.ID]int{}, budgets: map[slots.ID]*rate.Limiter{},
		seen: bounded.NewMap[seenKey, time.Time](maxSeen), jobs: make(chan func(), maxSearches),
	}
}

// run starts the goroutines that read the disk.
func (f *finder) run() {
	for range searchWorkers {
		f.s.work.Go(func() {
			for {
				select {
				case job := <-f.jobs:
					job()
				case <-f.s.ctx.Done():
					return
				}
			}
		})
	}
}

func (f *finder) ready(p *peer) { f.budgets[p.id] = rate.NewLimiter(searchRate, searchBurst) }

func (f *finder) gone(p *peer) {
	delete(f.budgets, p.id)
	delete(f.byPeer, p.id)
	for _, s := range f.searches {
		if s.open[p.id] {
			f.missing(s, p.id)
		}
	}
}

func (f *finder) changed(chain.Event) {}

func (f *finder) due() (first time.Time) {
	for _, s := range f.searches {
		if first.IsZero() || s.end.Before(first) {
			first = s.end
		}
	}
	return first
}

func (f *finder) tick(now time.Time) {
	for _, s := range f.searches {
		if !now.Before(s.end) {
			f.finish(s)
			s.none()
		}
	}
}

func (f *finder) handle(p *peer, m wire.Message) (<-chan struct{}, error) {
	switch m := m.(type) {
	case *wire.GetBlob:
		f.getBlob(p, m)
	case *wire.GetNotice:
		f.getNotice(p, m)
	case *wire.Blob:
		return nil, f.answer(p, m.ID, m)
	case *wire.Notice:
		return nil, f.answer(p, m.ID, m)
	}
	return nil, nil
}

// admit reports whether a request of a peer is answered: it is within the limits of
// the peer, and was not made lately by another way.
func (f *finder) admit(p *peer, key seenKey) bool {
	now := f.s.now()
	if f.s.o.Custody == nil || !f.budgets[p.id].AllowN(now, 1) || f.byPeer[p.id] >= maxPeerSearches {
		return false
	}
	return f.isNew(now, key)
}

// isNew notes a request, and reports whether it was not made lately.
func (f *finder) isNew(now time.Time, key seenKey) bool {
	last, ok := f.seen.Get(key)
	if ok && now.Sub(last) < (1+wire.MaxHops)*searchTime {
		return false
	}
	f.seen.Put(key, now)
	return true
}

// work runs a job on another goroutine, and what it returns on the loop. If too much
// work waits, it calls busy instead.
func (f *finder) work(job func() func(), busy func()) {
	select {
	case f.jobs <- func() { f.s.do(job()) }:
	default:
		busy()
	}
}

// start asks some peers, drawn by chance, and waits for their answers.
func (f *finder) start(s *search, hops uint8, message func(id uint64) wire.Message) {
	var able []*peer
	for _, p := range f.s.peers {
		if p.id != s.from && p.hello.Services.Has(wire.KeepsBlobs) {
			able = append(able, p)
		}
	}
	if len(able) == 0 || len(f.searches) >= maxSearches {
		f.release(s.from)
		s.none()
		return
	}
	rand.Shuffle(len(able), func(i, j int) { able[i], able[j] = able[j], able[i] })
	s.id, s.open = rand.Uint64(), map[slots.ID]bool{}
	s.end = f.s.now().Add(searchTime * time.Duration(1+hops))
	f.searches[s.id] = s
	for _, p := range able[:min(len(able), maxAsked)] {
		s.open[p.id] = true
		p.expect(s.want, 1)
		p.send(message(s.id))
	}
}

// answer handles the answer of a peer. One that comes too late has no effect.
func (f *finder) answer(p *peer, id uint64, m wire.Message) error {
	p.expect(m.Kind(), -1)
	s := f.searches[id]
	if s == nil || s.want != m.Kind() || !s.open[p.id] {
		return nil
	}
	found, err := s.take(m)
	if !found {
		f.missing(s, p.id)
		return err
	}
	f.finish(s)
	return nil
}

// missing notes that a peer does not have what is searched for.
func (f *finder) missing(s *search, id slots.ID) {
	if delete(s.open, id); len(s.open) == 0 {
		f.finish(s)
		s.none()
	}
}

// finish ends a search.
func (f *finder) finish(s *search) {
	delete(f.searches, s.id)
	f.release(s.from)
}

// release gives the peer that a search is for room for another one.
func (f *finder) release(id slots.ID) {
	if f.byPeer[id] > 0 {
		f.byPeer[id]--
	}
}

// find starts a search on the loop and waits for its answer.
func find[T any](ctx context.Context, s *Server, start func(answer func(T))) (found T, err error) {
	answers := make(chan T, 1)
	s.do(func() { start(func(x T) { answers <- x }) })
	select {
	case found = <-answers:
		return found, nil
	case <-ctx.Done():
		return found, ctx.Err()
	}
}
