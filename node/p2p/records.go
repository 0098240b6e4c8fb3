package p2p

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/p2p/relay"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
	"stele/node/pool"
)

const (
	// feeRateEvery is how often the minimum fee rate of the pool is read. Peers hear of
	// it if it has changed by a tenth.
	feeRateEvery = 10 * time.Second
	maxMined     = 16   // blocks of a change whose records are noted
	maxOffered   = 8192 // records of the pool that a new outbound peer hears of
	maxOfferedIn = 1024 // and a new inbound one, of which there are more
	maxAccepted  = 512  // records that are announced in one call of the loop
	maxAnswering = 1024 // records that a peer may request before the first of them are written
	// maxAnswer and maxPush bound the records of a message, in bytes with their lengths.
	// A message of more than 64 kB may be dropped when much else is sent.
	maxAnswer = 60 << 10
	maxPush   = 32 << 10
)

// recorder is the part for records: it announces, requests and serves them, and admits
// those of peers to the pool. What needs the pool is done by goroutines, since the pool
// may be locked for as long as a template is made.
type recorder struct {
	s     *Server
	relay *relay.Records
	queue *admission

	held   []heldRecords // messages that wait for room in the queue, the first to come first
	peers  map[*peer]*exchange
	unsent []relay.RecordsEvent // what links have dropped in this call of the loop

	paused   bool          // the chain catches up
	reported atomic.Uint64 // minimum fee rate that was reported to peers; any goroutine
	nextRate time.Time     // when it is read again
}

// heldRecords is a message with records. Its peer is not read before they are in the
// queue.
type heldRecords struct {
	peer    *peer
	message *wire.Records
	bytes   int
	done    chan<- struct{}
}

// exchange is what the part knows about a peer.
type exchange struct {
	unasked   *rate.Limiter // records that were not requested
	answering atomic.Int64  // records that the peer has requested, and that are not written
}

func newRecorder(s *Server) *recorder {
	r := &recorder{
		s: s, relay: relay.NewRecords(rand.Uint64()), queue: newAdmission(),
		peers: map[*peer]*exchange{}, nextRate: s.now().Add(feeRateEvery),
	}
	r.reported.Store(uint64(s.o.Pool.Stats().MinRate))
	return r
}

func (r *recorder) run() { r.s.work.Go(r.admit) }

// Accepted announces records that the pool has accepted. It never blocks. Safe for
// concurrent use.
func (s *Server) Accepted(records []*record.Record) {
	for part := range slices.Chunk(slices.Clone(records), maxAccepted) {
		s.do(func() {
			events := make([]relay.RecordsEvent, len(part))
			for i, r := range part {
				events[i] = relay.Accepted{Record: r, Rate: uint64(pool.RateOf(r))}
			}
			s.records.handleAll(events...)
		})
	}
}

// idOf names a peer for the machine.
func idOf(p *peer) relay.PeerID { return relay.PeerID(p.id) }

// peer returns a peer that is connected, or nil.
func (r *recorder) peer(id relay.PeerID) *peer { return r.s.peers[slots.ID(id)] }

func (r *recorder) ready(p *peer) {
	// Twice what the reader allows, so that only a peer that evades that limit meets
	// this one.
	r.peers[p] = &exchange{unasked: rate.NewLimiter(2*allowedRecords.perSecond, 2*allowedRecords.burst)}
	r.handleAll(relay.RecordsPeer{
		Peer: idOf(p), Takes: p.takesRecords(), Outbound: p.isOutbound(), MinRate: p.minFeeRate,
	})
	if p.takesRecords() && p.kind != slots.Feeler {
		limit, minRate := maxOffered, pool.Rate(p.minFeeRate)
		if !p.isOutbound() {
			limit = maxOfferedIn
		}
		r.s.work.Go(func() {
			hashes := r.offer(limit, minRate)
			r.s.do(func() { r.handleAll(relay.Backlog{Peer: idOf(p), Hashes: hashes}) })
		})
	}
}

// offer returns the best records of the pool, as far as they fit into the next two blocks
// and a peer takes them.
func (r *recorder) offer(limit int, minRate pool.Rate) (hashes []pow.Hash) {
	bytes := 0
	for _, x := range r.s.o.Pool.Best(limit) {
		if bytes += x.Size(); bytes > 2*r.s.o.Params.MaxBlockSize {
			break
		}
		if pool.RateOf(x) >= minRate {
			hashes = append(hashes, x.FullHash())
		}
	}
	return hashes
}

func (r *recorder) gone(p *peer) {
	delete(r.peers, p)
	r.held = slices.DeleteFunc(r.held, func(h heldRecords) bool {
		if h.peer == p {
			close(h.done)
		}
		return h.peer == p
	})
	r.handleAll(relay.RecordsPeerGone{Peer: idOf(p)})
}

func (r *recorder) handle(p *peer, m wire.Message) (<-chan struct{}, error) {
	if !p.takesRecords() && m.Kind() != wire.KindFeeRate {
		return nil, broke(wire.ReasonProtocol, "%s on a connection without records", m.Kind())
	}
	switch m := m.(type) {
	case *wire.Have:
		return r.have(p, m), nil
	case *wire.Want:
		return r.want(p, m), nil
	case *wire.Records:
		return r.take(p, m), nil
	case *wire.Absent:
		r.handleAll(relay.Lacking{Peer: idOf(p), Hashes: m.Hashes})
	case *wire.FeeRate:
		p.minFeeRate = m.Min
		r.handleAll(relay.RateChanged{Peer: idOf(p), MinRate: m.Min})
	}
	return nil, nil
}

// have takes an announcement. The reader does not wait until the records are requested,
// since the answers come behind.
func (r *recorder) have(p *peer, m *wire.Have) <-chan struct{} {
	done := make(chan struct{})
	r.s.work.Go(func() {
		e := relay.Announced{Peer: idOf(p)}
		for _, hash := range m.Hashes {
			if r.s.o.Pool.ByFullHash(hash) != nil {
				e.Pooled = append(e.Pooled, hash)
			} else {
				e.Hashes = append(e.Hashes, hash)
			}
		}
		r.s.do(func() {
			r.handleAll(e)
			close(done)
		})
	})
	return done
}

// want sends the records that a peer requests, and says which ones the pool lacks. The
// reader does not wait for a peer that requests as much as a node does: if both sides
// waited for the other one to read, nothing would move.
func (r *recorder) want(p *peer, m *wire.Want) <-chan struct{} {
	x := r.peers[p]
	var done chan struct{}
	if x.answering.Add(int64(len(m.Hashes))) > maxAnswering {
		done = make(chan struct{})
	}
	r.s.work.Go(func() {
		lacking, parts := r.find(m.Hashes)
		if len(lacking) > 0 {
			x.answering.Add(-int64(len(lacking)))
			p.send(&wire.Absent{Request: wire.KindWant, Cause: wire.CauseUnknown, Hashes: lacking})
		}
		if len(parts) == 0 && done != nil {
			close(done)
		}
		for i, hashes := range parts {
			// As an absent, since the link drops records that do not fit into its queue.
			_ = p.link.SendLater(wire.KindAbsent, func() (wire.Message, error) { // a reader waits no longer than its link lives
				if x.answering.Add(-int64(len(hashes))); i == 0 && done != nil {
					close(done)
				}
				return r.answer(hashes), nil
			})
		}
	})
	return done
}

// find returns which records the pool lacks, and the others in parts that each fit into
// one message.
func (r *recorder) find(hashes []pow.Hash) (lacking []pow.Hash, parts [][]pow.Hash) {
	var part []pow.Hash
	bytes := 0
	for _, hash := range hashes {
		x := r.s.o.Pool.ByFullHash(hash)
		if x == nil {
			lacking = append(lacking, hash)
			continue
		}
		if bytes += 2 + x.Size(); bytes > maxAnswer && len(part) > 0 {
			parts, part, bytes = append(parts, part), nil, 2+x.Size()
		}
		part = append(part, hash)
	}
	if len(part) > 0 {
		parts = append(parts, part)
	}
	return lacking, parts
}

// answer returns the records with these hashes, or that the pool does not have them any
// more. What it has lost of several, the peer requests elsewhere.
func (r *recorder) answer(hashes []pow.Hash) wire.Message {
	var records [][]byte
	for _, hash := range hashes {
		if x := r.s.o.Pool.ByFullHash(hash); x != nil {
			records = append(records, x.Encode())
		}
	}
	if len(records) == 0 {
		return &wire.Absent{Request: wire.KindWant, Cause: wire.CauseUnknown, Hashes: hashes}
	}
	return &wire.Records{Records: records}
}

// take takes records, requested or not. The channel is closed when they are in the
// queue for the pool.
func (r *recorder) take(p *peer, m *wire.Records) <-chan struct{} {
	done := make(chan struct{})
	h := heldRecords{peer: p, message: m, done: done}
	for _, raw := range m.Records {
		h.bytes += len(raw)
	}
	r.held = append(r.held, h)
	r.release()
	return done
}

// release reads messages with records as long as the queue has room for them.
func (r *recorder) release() {
	for len(r.held) > 0 && r.queue.reserve(len(r.held[0].message.Records), r.held[0].bytes) {
		h := r.held[0]
		r.held = r.held[1:]
		r.s.work.Go(func() {
			e, unread, err := r.read(h.peer, h.message)
			r.s.do(func() {
				r.queue.release(len(h.message.Records), h.bytes)
				r.arrived(h.peer, e, unread, err)
				close(h.done)
				r.release()
			})
		})
	}
}

// arrived takes the records of a message; unread are the reasons for those of e.Unread,
// and err is the fault of the peer.
func (r *recorder) arrived(p *peer, e relay.Arrived, unread []reject.Reason, err error) {
	if r.peer(idOf(p)) != p {
		return
	}
	if err == nil {
		err = r.checkUnasked(p, e)
	}
	var f *fault
	if errors.As(err, &f) {
		r.s.drop(p, f)
		return
	}
	for _, reason := range unread {
		r.s.counts.recordRejected(reason)
	}
	if !r.s.syncer.atTip() && !p.expects(wire.KindRecords) {
		r.handleAll(announcementOf(e))
	} else {
		r.handleAll(e)
	}
}

// announcementOf returns pushed records as if they were announced: while the chain
// catches up, the pool cannot judge them, and they are requested later.
func announcementOf(m relay.Arrived) relay.Announced {
	a := relay.Announced{Peer: m.Peer, Pooled: m.Pooled}
	for _, x := range m.Records {
		a.Hashes = append(a.Hashes, x.FullHash())
	}
	return a
}

// read decodes records, and returns the reasons for those that this program does not
// know. Errors: a fault.
func (r *recorder) read(p *peer, m *wire.Records) (e relay.Arrived, unread []reject.Reason, err error) {
	e.Peer = idOf(p)
	for _, raw := range m.Records {
		x, err := record.Decode(slices.Clone(raw)) // a record that stays does not keep the message
		switch reason, _ := reject.Of(err); {
		case reason.Fault():
			r.s.do(func() { r.s.counts.recordRejected(reason) })
			return e, nil, faultOfRecord(reason, err)
		case err != nil:
			e.Unread, unread = append(e.Unread, pow.Sum(raw)), append(unread, reason)
		case r.s.o.Pool.ByFullHash(x.FullHash()) != nil:
			e.Pooled = append(e.Pooled, x.FullHash())
		default:
			e.Records = append(e.Records, x)
		}
	}
	return e, unread, nil
}

// checkUnasked limits the records that a peer sends without a request, also while
// others are requested, when the limits of messages do not see the difference. Errors: a
// fault.
func (r *recorder) checkUnasked(p *peer, m relay.Arrived) error {
	n := r.relay.Unasked(m)
	switch {
	case n > wire.MaxUnsolicitedRecords:
		return broke(wire.ReasonProtocol, "%d records in an answer were not requested", n)
	case !r.peers[p].unasked.AllowN(r.s.now(), n):
		return broke(wire.ReasonTooMuch, "more records than the limits allow")
	}
	return nil
}

// faultOfRecord returns the fault of a peer that has sent an invalid record.
func faultOfRecord(reason reject.Reason, err error) *fault {
	return broke(wire.Reason(reason), "record: %v", err)
}

// judged notes what the pool says about records of peers.
func (r *recorder) judged(batch []arrival, verdicts []error) {
	var events []relay.RecordsEvent
	judged := func(x *record.Record, o relay.Outcome) {
		events = append(events, relay.Judged{Record: x, Outcome: o})
	}
	for i, a := range batch {
		p := r.peer(a.peer)
		judged(a.record, r.outcome(p, verdicts[i]))
		if p != nil && p.end != nil {
			for _, x := range r.queue.remove(a.peer) { // other peers may give the good ones of them
				judged(x, relay.RecordFailed)
			}
		}
	}
	r.handleAll(events...)
	r.release()
}

// outcome returns what the verdict on a record means, and does what follows for the
// peer that has sent it; nil: it is gone.
func (r *recorder) outcome(p *peer, verdict error) relay.Outcome {
	if verdict == nil {
		r.s.counts.recordAccepted()
		if p != nil {
			r.s.gaveRecord(p)
		}
		return relay.RecordTaken
	}
	reason, rejected := reject.Of(verdict)
	if !rejected {
		r.s.warnSeldom("record not judged", "err", verdict)
		return relay.RecordFailed
	}
	r.s.counts.recordRejected(reason)
	switch {
	case reason.Fault():
		if p != nil {
			r.s.drop(p, faultOfRecord(reason, verdict))
		}
		return relay.RecordInvalid
	case reason == reject.SequenceGap:
		return relay.RecordGap
	case reason == reject.AlreadyPooled || !reason.Permanent():
		return relay.RecordRefused
	}
	return relay.RecordInvalid
}

func (r *recorder) changed(e chain.Event) {
	r.handleAll(relay.TipChanged{Reorganised: len(e.Disconnected) > 0})
	if len(e.Connected) == 0 || !r.s.syncer.atTip() {
		return
	}
	blocks := e.Connected[max(0, len(e.Connected)-maxMined):]
	r.s.work.Go(func() {
		var mined []*record.Record
		for _, point := range blocks {
			if b, err := r.s.o.Chain.Block(point.Hash); err == nil { // otherwise its records are fetched in vain
				mined = append(mined, b.Records[1:]...)
			}
		}
		r.s.do(func() { r.handleAll(relay.Mined{Records: mined}) })
	})
}

func (r *recorder) due() time.Time {
	if due := r.relay.Due(); !due.IsZero() && due.Before(r.nextRate) {
		return due
	}
	return r.nextRate
}

func (r *recorder) tick(now time.Time) {
	r.handleAll(relay.RecordsTick{})
	if now.Before(r.nextRate) {
		return
	}
	r.nextRate = now.Add(feeRateEvery)
	r.s.work.Go(func() {
		least := uint64(r.s.o.Pool.Stats().MinRate)
		r.s.do(func() { r.tellRate(least) })
	})
}

// tellRate sends the minimum fee rate of the pool to the peers if it has changed by a
// tenth.
func (r *recorder) tellRate(least uint64) {
	reported := r.reported.Load()
	if change := max(least, reported) - min(least, reported); change < max(reported/10, 1) {
		return
	}
	r.reported.Store(least)
	for _, p := range r.s.peers {
		if p.takesRecords() {
			p.send(&wire.FeeRate{Min: least})
		}
	}
}

// handleAll lets the machine handle events, and does what it decides.
func (r *recorder) handleAll(events ...relay.RecordsEvent) {
	if paused := !r.s.syncer.atTip(); paused != r.paused {
		r.paused = paused
		events = append([]relay.RecordsEvent{relay.Paused{On: paused}}, events...)
	}
	for len(events) > 0 {
		var pushes pushes
		for _, e := range events {
			for _, a := range r.relay.Handle(r.s.now(), e) {
				if push, ok := a.(relay.PushRecord); ok {
					pushes.add(push)
				} else {
					r.do(a)
				}
			}
		}
		for _, m := range pushes {
			r.announce(m.to, &wire.Records{Records: m.records}, m.hashes)
		}
		events, r.unsent = r.unsent, nil
	}
	r.s.counts.setOrphans(r.relay.Status().Orphans)
}

// do does what the machine decides.
func (r *recorder) do(a relay.RecordsAction) {
	switch a := a.(type) {
	case relay.Admit:
		r.queue.add(arrival{a.Peer, a.Record})
	case relay.Have:
		r.announce(a.Peer, &wire.Have{Hashes: a.Hashes}, a.Hashes)
	case relay.Want:
		if p := r.peer(a.Peer); p != nil {
			p.send(&wire.Want{Hashes: a.Hashes})
		}
	case relay.Expect:
		if p := r.peer(a.Peer); p != nil {
			n := -1
			if a.Open {
				n = 1
			}
			p.expect(wire.KindRecords, n)
			p.expect(wire.KindAbsent, n)
		}
	case relay.Unresponsive:
		if p := r.peer(a.Peer); p != nil {
			r.s.drop(p, slow(wire.ReasonLate, "no answer to a request for records"))
		}
	}
}

// announce pushes or announces records, and notes whether the link drops that.
func (r *recorder) announce(to relay.PeerID, m wire.Message, hashes []pow.Hash) {
	p := r.peer(to)
	if p == nil {
		return
	}
	dropped := p.link.Dropped()
	if p.send(m); p.link.Dropped() != dropped {
		r.unsent = append(r.unsent, relay.Unsent{Peer: to, Hashes: hashes})
	}
}

// pushes are records to push, in as few messages as possible.
type pushes []*pushed

// pushed is one message.
type pushed struct {
	to      relay.PeerID
	records [][]byte
	hashes  []pow.Hash
	bytes   int
}

func (all *pushes) add(a relay.PushRecord) {
	raw := a.Record.Encode()
	i := slices.IndexFunc(*all, func(m *pushed) bool {
		return m.to == a.Peer && len(m.records) < wire.MaxUnsolicitedRecords && m.bytes+len(raw) <= maxPush
	})
	if i < 0 {
		i = len(*all)
		*all = append(*all, &pushed{to: a.Peer})
	}
	m := (*all)[i]
	m.records, m.hashes = append(m.records, raw), append(m.hashes, a.Record.FullHash())
	m.bytes += len(raw)
}
