package relay

import (
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"stele/engine/pow"
	"stele/internal/bounded"
	"stele/node/ledger/record"
)

// Limits of [Records].
const (
	maxDone    = 1 << 17 // records that were mined or rejected for good
	maxRefused = 1 << 14 // records that were rejected since the last tip
)

// RecordsEvent is what happens outside of [Records]: one of the types of this package
// that say so.
type RecordsEvent interface{ applyTo(*Records) }

type (
	// RecordsTick is an event without content: time has passed. The caller sends it at
	// the time of [Records.Due].
	RecordsTick struct{}

	// RecordsPeer is the event that a peer is connected. Takes is false if no records
	// are exchanged with it. MinRate is the fee rate below which it wants no record.
	RecordsPeer struct {
		Peer     PeerID
		Takes    bool
		Outbound bool
		MinRate  uint64
	}

	// RecordsPeerGone is the event that a connection has ended.
	RecordsPeerGone struct{ Peer PeerID }

	// RateChanged is the event that a peer wants no record below another fee rate.
	RateChanged struct {
		Peer    PeerID
		MinRate uint64
	}

	// Announced is the event that a peer announces records. Pooled are those that the
	// pool has, Hashes the others.
	Announced struct {
		Peer           PeerID
		Hashes, Pooled []pow.Hash
	}

	// Lacking is the event that a peer does not have records that it was asked for.
	Lacking struct {
		Peer   PeerID
		Hashes []pow.Hash
	}

	// Arrived is the event that a peer has sent records, requested or not. Pooled are
	// those that the pool has, Unread those of types that this program does not know,
	// Records the others.
	Arrived struct {
		Peer           PeerID
		Records        []*record.Record
		Pooled, Unread []pow.Hash
	}

	// Judged is the event that the caller has done an [Admit].
	Judged struct {
		Record  *record.Record
		Outcome Outcome
	}

	// Accepted is the event that the pool has accepted a record, by an [Admit] or
	// otherwise. Rate is its fee rate.
	Accepted struct {
		Record *record.Record
		Rate   uint64
	}

	// Mined is the event that records are in the chain.
	Mined struct{ Records []*record.Record }

	// TipChanged is the event that the chain has another tip. Reorganised means that
	// blocks were disconnected.
	TipChanged struct{ Reorganised bool }

	// Paused is the event that records are not requested for now, because they could not
	// be judged, or are again. Announcements are remembered meanwhile.
	Paused struct{ On bool }

	// Unsent is the event that records could not be pushed or announced to a peer, since
	// it reads too slowly. They are announced later.
	Unsent struct {
		Peer   PeerID
		Hashes []pow.Hash
	}

	// Backlog is the event that a peer should hear of records that were accepted before
	// it was connected, at 100 a second.
	Backlog struct {
		Peer   PeerID
		Hashes []pow.Hash
	}
)

// Outcome is what has become of a record.
type Outcome uint8

// The outcomes of [Judged].
const (
	RecordTaken   Outcome = iota // the pool has accepted it
	RecordGap                    // it needs an earlier record
	RecordRefused                // it was rejected, for reasons that may pass
	RecordInvalid                // it was rejected for good
	RecordFailed                 // it was not judged
)

// RecordsAction is what the caller must do: one of the types of this package that say
// so.
type RecordsAction interface{ recordsAction() }

type (
	// PushRecord is the action to send a record to a peer that has not requested it.
	PushRecord struct {
		Peer   PeerID
		Record *record.Record
	}

	// Have is the action to announce records to a peer, at most [MaxHave].
	Have struct {
		Peer   PeerID
		Hashes []pow.Hash
	}

	// Want is the action to request records from a peer, at most [MaxWant].
	Want struct {
		Peer   PeerID
		Hashes []pow.Hash
	}

	// Expect is the action to note whether the peer may send records that were
	// requested. It comes before the first [Want].
	Expect struct {
		Peer PeerID
		Open bool
	}

	// Admit is the action to judge a record and to send [Judged]. Peer has sent it.
	Admit struct {
		Peer   PeerID
		Record *record.Record
	}

	// Unresponsive is the action to disconnect a peer that does not answer. To the machine the
	// peer is gone; [RecordsPeerGone] for it has no effect.
	Unresponsive struct{ Peer PeerID }
)

func (PushRecord) recordsAction()   {}
func (Have) recordsAction()         {}
func (Want) recordsAction()         {}
func (Expect) recordsAction()       {}
func (Admit) recordsAction()        {}
func (Unresponsive) recordsAction() {}

// Records decides how records spread. Make one with [NewRecords]. Not safe for
// concurrent use.
type Records struct {
	rand *rand.Rand
	salt maphash.Seed

	now     time.Time       // of the current event
	actions []RecordsAction // of the current event

	peers []*recordsPeer // in the order in which they joined
	byID  map[PeerID]*recordsPeer

	fetches map[pow.Hash]*fetch // records that peers have announced
	heard   time.Time           // the last answer of any peer
	judging map[pow.Hash]judged // records for which an Admit is not done
	orphans orphans
	paused  bool
	done    *bounded.Set[shortHash] // mined or rejected for good
	refused *bounded.Set[shortHash] // rejected since the last tip

	log      announcements // that are not sent to all peers
	nextHave time.Time     // when they are sent; zero: all are
}

// judged is a record that the caller judges.
type judged struct {
	from  PeerID
	since time.Time // when it arrived
}

// shortHash stands for a hash in a set. It depends on a secret, so that nobody can make
// two records with the same one.
type shortHash uint64

// recordsPeer is a peer.
type recordsPeer struct {
	id       PeerID
	takes    bool
	outbound bool
	minRate  uint64
	known    knownRecords
	requests requests
	telling  telling
}

// NewRecords returns a machine without peers. The seed decides which peers a record is
// pushed to.
func NewRecords(seed uint64) *Records {
	return &Records{
		rand:    rand.New(rand.NewPCG(seed, seed)),
		salt:    maphash.MakeSeed(),
		byID:    map[PeerID]*recordsPeer{},
		fetches: map[pow.Hash]*fetch{},
		judging: map[pow.Hash]judged{},
		orphans: newOrphans(),
		log:     announcements{byTurn: map[turn]pow.Hash{}},
		done:    bounded.NewSet[shortHash](maxDone),
		refused: bounded.NewSet[shortHash](maxRefused),
	}
}

// Handle takes an event and the time, and returns the actions that follow, in the order
// in which to take them. The time must not be before that of the last event. Events
// about unknown peers have no effect, except [Judged].
func (m *Records) Handle(now time.Time, e RecordsEvent) []RecordsAction {
	m.now = now
	e.applyTo(m)
	m.expire()
	m.announceDue()
	m.request()
	actions := m.actions
	m.actions = nil
	return actions
}

func (m *Records) do(a RecordsAction) { m.actions = append(m.actions, a) }

// Due returns when the next [RecordsTick] is due; zero: only after another event.
func (m *Records) Due() time.Time {
	due := m.nextHave
	soonest := func(t time.Time) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	soonest(m.orphans.expiry())
	for _, p := range m.peers {
		soonest(p.requests.due(m.now))
		soonest(p.telling.due())
	}
	return due
}

func (m *Records) short(hash pow.Hash) shortHash {
	return shortHash(maphash.Bytes(m.salt, hash[:]))
}

// isHeld reports whether a record is being judged, or waits for an earlier one.
func (m *Records) isHeld(hash pow.Hash) bool {
	_, isJudged := m.judging[hash]
	return isJudged || m.orphans.has(hash)
}

// isDone reports whether a record was mined or rejected, and need not be judged again.
func (m *Records) isDone(hash pow.Hash) bool {
	s := m.short(hash)
	return m.done.Has(s) || m.refused.Has(s)
}

func (RecordsTick) applyTo(*Records) {}

func (e RecordsPeer) applyTo(m *Records) {
	if m.byID[e.Peer] != nil {
		return
	}
	p := &recordsPeer{
		id: e.Peer, takes: e.Takes, outbound: e.Outbound, minRate: e.MinRate,
		requests: requests{owed: map[pow.Hash]*request{}},
		telling: telling{
			next:      m.log.end(),
			haves:     rate.NewLimiter(haveRate, haveBurst),
			pushes:    rate.NewLimiter(pushRate, pushBurst),
			pushBytes: rate.NewLimiter(pushByteRate, pushByteBurst),
		},
	}
	m.peers = append(m.peers, p)
	m.byID[e.Peer] = p
}

func (e RecordsPeerGone) applyTo(m *Records) {
	if p := m.byID[e.Peer]; p != nil {
		m.remove(p)
	}
}

// remove removes a peer.
func (m *Records) remove(p *recordsPeer) {
	delete(m.byID, p.id)
	m.peers = slices.DeleteFunc(m.peers, func(x *recordsPeer) bool { return x == p })
	m.giveUp(p)
	for _, hash := range m.orphans.removePeer(p.id) {
		m.letGo(hash)
	}
}

func (e RateChanged) applyTo(m *Records) {
	if p := m.byID[e.Peer]; p != nil {
		p.minRate = e.MinRate
	}
}

func (e Arrived) applyTo(m *Records) {
	p := m.byID[e.Peer]
	if p == nil || !p.takes {
		return
	}
	for _, hash := range e.Pooled {
		m.arrived(p, hash)
		m.end(hash)
	}
	for _, hash := range e.Unread {
		m.arrived(p, hash)
		m.end(hash)
		m.refused.Add(m.short(hash))
	}
	for _, r := range e.Records {
		hash := r.FullHash()
		m.arrived(p, hash)
		switch {
		case m.isDone(hash):
			m.end(hash)
		case !m.isHeld(hash):
			m.admit(r, judged{p.id, m.now})
			m.hold(p, hash)
		}
	}
}

// arrived notes that a peer has sent a record.
func (m *Records) arrived(p *recordsPeer, hash pow.Hash) {
	p.known.add(m.short(hash))
	m.answered(p, hash)
}

// admit lets the caller judge a record.
func (m *Records) admit(r *record.Record, j judged) {
	m.judging[r.FullHash()] = j
	m.do(Admit{j.from, r})
}

func (e Judged) applyTo(m *Records) {
	hash := e.Record.FullHash()
	j, ok := m.judging[hash]
	if !ok {
		return
	}
	delete(m.judging, hash)
	switch e.Outcome {
	case RecordTaken:
		m.end(hash)
	case RecordGap:
		m.wait(e.Record, j)
	case RecordRefused:
		m.refused.Add(m.short(hash))
		m.end(hash)
	case RecordInvalid:
		m.done.Add(m.short(hash))
		m.end(hash)
	case RecordFailed:
		m.letGo(hash)
	}
}

// wait lets a record wait for an earlier one.
func (m *Records) wait(r *record.Record, j judged) {
	if m.byID[j.from] == nil {
		m.letGo(r.FullHash())
		return
	}
	for _, hash := range m.orphans.add(r, j) {
		m.letGo(hash)
	}
}

func (e Accepted) applyTo(m *Records) {
	m.end(e.Record.FullHash())
	m.announce(e.Record, e.Rate)
	m.retry(e.Record)
}

// retry lets the caller judge the records again that waited for one.
func (m *Records) retry(r *record.Record) {
	for _, o := range m.orphans.takeAfter(r) {
		m.admit(o.record, o.judged)
	}
}

func (e Mined) applyTo(m *Records) {
	for _, r := range e.Records {
		hash := r.FullHash()
		m.end(hash)
		m.orphans.removeHash(hash)
		m.done.Add(m.short(hash))
	}
	for _, r := range e.Records {
		m.retry(r)
	}
}

func (e TipChanged) applyTo(m *Records) {
	m.refused.Clear()
	if !e.Reorganised {
		return
	}
	m.done.Clear() // other records are mined, and other ones conflict with them
	for _, o := range m.orphans.takeAll() {
		m.admit(o.record, o.judged)
	}
}

func (e Paused) applyTo(m *Records) { m.paused = e.On }

// expire ends what has lasted for too long.
func (m *Records) expire() {
	for _, hash := range m.orphans.expire(m.now) {
		m.end(hash)
	}
	for _, p := range slices.Clone(m.peers) {
		m.expireRequests(p)
	}
}

// RecordsStatus describes a machine.
type RecordsStatus struct {
	Fetching int // records that peers have announced, and that have not arrived
	Judging  int
	Orphans  int
	Untold   int // records that are not announced to all peers
}

// Status returns the present status.
func (m *Records) Status() RecordsStatus {
	return RecordsStatus{len(m.fetches), len(m.judging), m.orphans.len(), len(m.log.list)}
}
