package relay

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/p2p/wire"
)

// recordOf returns record seq of an account.
func recordOf(account byte, seq uint64) *record.Record {
	return record.New(record.Record{Key: record.Key{account}, Seq: seq, Payload: record.Pay{Amount: 1}})
}

// asking is the last request for a record.
type asking struct {
	peer PeerID
	at   time.Time
	open bool // the record has not arrived, and the peer has not refused
}

// recordsModelPeer is a peer as the caller sees it.
type recordsModelPeer struct {
	RecordsPeer
	has    map[pow.Hash]bool      // it has announced or sent these, or heard of them from us
	asked  map[pow.Hash]time.Time // requests without an answer
	expect bool
}

// recordsModel is a caller of Records with a pool, in the simplest form. It checks each
// action against the rules in the comment of the package.
type recordsModel struct {
	t     interface{ Fatalf(string, ...any) }
	m     *Records
	now   time.Time
	all   []*record.Record
	byID  map[pow.Hash]*record.Record
	bad   map[pow.Hash]Outcome // what the pool says about records, if not RecordTaken
	peers map[PeerID]*recordsModelPeer

	next     map[record.Key]uint64
	pool     map[pow.Hash]bool
	rates    map[pow.Hash]uint64
	done     map[pow.Hash]bool // rejected for good, or mined
	refused  map[pow.Hash]bool // since the last tip
	judging  []Admit
	last     map[pow.Hash]asking
	heard    map[PeerID]map[pow.Hash]bool
	pushed   map[pow.Hash]int
	arrivals map[pow.Hash]int
	paused   bool
}

func newRecordsModel(t interface{ Fatalf(string, ...any) }) *recordsModel {
	w := &recordsModel{
		t: t, m: NewRecords(1), now: time.Unix(1e9, 0), byID: map[pow.Hash]*record.Record{},
		bad: map[pow.Hash]Outcome{}, peers: map[PeerID]*recordsModelPeer{}, next: map[record.Key]uint64{},
		pool: map[pow.Hash]bool{}, rates: map[pow.Hash]uint64{}, done: map[pow.Hash]bool{}, refused: map[pow.Hash]bool{},
		last: map[pow.Hash]asking{}, heard: map[PeerID]map[pow.Hash]bool{}, pushed: map[pow.Hash]int{},
		arrivals: map[pow.Hash]int{},
	}
	for account := range byte(6) {
		for seq := range uint64(10) {
			r := recordOf(account, seq)
			w.all = append(w.all, r)
			w.byID[r.FullHash()] = r
			w.rates[r.FullHash()] = uint64(account) * 10
			switch {
			case account == 4:
				w.bad[r.FullHash()] = RecordInvalid
			case account == 5:
				w.bad[r.FullHash()] = RecordRefused
			}
		}
	}
	return w
}

func (w *recordsModel) handle(e RecordsEvent) {
	for _, a := range w.m.Handle(w.now, e) {
		switch a := a.(type) {
		case PushRecord:
			w.pushed[a.Record.FullHash()]++
			w.hears(a.Peer, a.Record.FullHash())
		case Have:
			if len(a.Hashes) == 0 || len(a.Hashes) > wire.MaxHave {
				w.t.Fatalf("%d hashes are announced at once", len(a.Hashes))
			}
			for _, hash := range a.Hashes {
				w.hears(a.Peer, hash)
			}
		case Want:
			w.want(a)
		case Expect:
			if p := w.peers[a.Peer]; p == nil || p.expect == a.Open {
				w.t.Fatalf("peer %d is expected to answer: %t, as before", a.Peer, a.Open)
			}
			w.peers[a.Peer].expect = a.Open
		case Admit:
			w.admit(a)
		case Unresponsive:
			w.unresponsive(a)
		}
	}
	w.check()
}

// hears checks that a peer may hear of a record.
func (w *recordsModel) hears(id PeerID, hash pow.Hash) {
	p := w.peers[id]
	switch {
	case p == nil || !p.Takes:
		w.t.Fatalf("peer %d hears of a record, but takes none", id)
	case w.rates[hash] < p.MinRate:
		w.t.Fatalf("a record of rate %d goes to a peer with the minimum %d", w.rates[hash], p.MinRate)
	case p.has[hash]:
		w.t.Fatalf("peer %d hears of a record that it has", id)
	case w.pushed[hash] > pushTo:
		w.t.Fatalf("a record is pushed to %d peers", w.pushed[hash])
	}
	p.has[hash] = true
	w.heard[id][hash] = true
}

func (w *recordsModel) want(a Want) {
	p := w.peers[a.Peer]
	if w.paused || p == nil || !p.Takes || !p.expect || len(a.Hashes) > wire.MaxWant {
		w.t.Fatalf("%d records are requested from peer %d, which must not be", len(a.Hashes), a.Peer)
	}
	for _, hash := range a.Hashes {
		last, again := w.last[hash]
		asked, open := p.asked[hash]
		switch {
		case !p.has[hash]:
			w.t.Fatalf("a record is requested from a peer that has not announced it")
		case w.pool[hash] || w.done[hash] || w.refused[hash]:
			w.t.Fatalf("a known record is requested")
		case open && w.now.Sub(asked) < maxOwedSince:
			w.t.Fatalf("peer %d is asked twice for a record", a.Peer)
		case again && last.open && w.peers[last.peer] != nil && w.now.Sub(last.at) < 2*time.Second:
			w.t.Fatalf("peer %d is asked %v after peer %d", a.Peer, w.now.Sub(last.at), last.peer)
		}
		p.asked[hash] = w.now
		w.last[hash] = asking{a.Peer, w.now, true}
	}
}

func (w *recordsModel) admit(a Admit) {
	hash := a.Record.FullHash()
	if w.done[hash] || w.refused[hash] || w.arrivals[hash] == 0 {
		w.t.Fatalf("a record is judged that is known, or has not arrived")
	}
	if slices.ContainsFunc(w.judging, func(b Admit) bool { return b.Record == a.Record }) {
		w.t.Fatalf("a record is judged twice at once")
	}
	w.judging = append(w.judging, a)
}

func (w *recordsModel) unresponsive(a Unresponsive) {
	p := w.peers[a.Peer]
	if p == nil {
		w.t.Fatalf("peer %d is dropped, but not connected", a.Peer)
	}
	for _, at := range p.asked {
		if w.now.Sub(at) >= maxUnheard {
			delete(w.peers, a.Peer)
			return
		}
	}
	w.t.Fatalf("peer %d is dropped although no answer is late", a.Peer)
}

// check checks the bounds.
func (w *recordsModel) check() {
	for id, p := range w.peers {
		q := w.m.byID[id].requests
		if q.announced > maxAnnounced || q.asking > maxAsking || len(q.owed) > maxOwed || q.announced < 0 || q.asking < 0 {
			w.t.Fatalf("peer %d has announced %d records, and is asked for %d", id, q.announced, q.asking)
		}
		if p.expect != (len(q.owed) > 0) {
			w.t.Fatalf("expected: %t, %d records are owed", p.expect, len(q.owed))
		}
		n := 0
		for _, f := range w.m.fetches {
			if slices.Contains(f.sources, w.m.byID[id]) {
				n++
			}
		}
		first := 0
		for _, f := range w.m.fetches {
			if f.first == w.m.byID[id] {
				first++
			}
		}
		if first != q.first {
			w.t.Fatalf("peer %d was the first to announce %d records, not %d", id, first, q.first)
		}
		if n != q.announced {
			w.t.Fatalf("peer %d has announced %d records, not %d", id, n, q.announced)
		}
	}
	for _, f := range w.m.fetches {
		if f.ended || f.held != w.m.isHeld(f.hash) || len(f.sources) == 0 || f.asked != nil && w.m.byID[f.asked.id] != f.asked {
			w.t.Fatalf("a record has no source, or is requested from a peer that is gone")
		}
	}
	o := &w.m.orphans
	if o.len() > maxOrphans || o.bytes > maxOrphanBytes {
		w.t.Fatalf("%d orphans with %d bytes", o.len(), o.bytes)
	}
	n := 0
	for id, of := range o.byPeer {
		n += len(of)
		if len(of) == 0 || len(of) > maxPeerOrphans || w.peers[id] == nil {
			w.t.Fatalf("%d orphans of peer %d", len(of), id)
		}
	}
	if n != o.len() {
		w.t.Fatalf("%d orphans by peer, %d in all", n, o.len())
	}
	if due := w.m.Due(); !due.IsZero() && !due.After(w.now) {
		w.t.Fatalf("a tick is due at %v, %v before now", due, w.now.Sub(due))
	}
}

// pass lets time pass, with all ticks that are due.
func (w *recordsModel) pass(d time.Duration) {
	end := w.now.Add(d)
	for due := w.m.Due(); !due.IsZero() && !due.After(end); due = w.m.Due() {
		w.now = due
		w.handle(RecordsTick{})
	}
	w.now = end
	w.handle(RecordsTick{})
}

func (w *recordsModel) join(id PeerID, takes, outbound bool, minRate uint64) {
	w.peers[id] = &recordsModelPeer{
		RecordsPeer: RecordsPeer{id, takes, outbound, minRate},
		has:         map[pow.Hash]bool{}, asked: map[pow.Hash]time.Time{},
	}
	w.heard[id] = map[pow.Hash]bool{}
	w.handle(w.peers[id].RecordsPeer)
}

func (w *recordsModel) pause(on bool) {
	w.paused = on
	w.handle(Paused{on})
}

func (w *recordsModel) leave(id PeerID) {
	delete(w.peers, id)
	w.handle(RecordsPeerGone{id})
}

// divide returns the hashes of records that the pool does not have, and the others.
func (w *recordsModel) divide(records []*record.Record) (hashes, pooled []pow.Hash) {
	for _, r := range records {
		if hash := r.FullHash(); w.pool[hash] {
			pooled = append(pooled, hash)
		} else {
			hashes = append(hashes, hash)
		}
	}
	return hashes, pooled
}

func (w *recordsModel) announce(id PeerID, records []*record.Record) {
	p := w.peers[id]
	hashes, pooled := w.divide(records)
	for _, r := range records {
		p.has[r.FullHash()] = true
	}
	w.handle(Announced{id, hashes, pooled})
}

// send lets a peer send records, as an answer or not.
func (w *recordsModel) send(id PeerID, records []*record.Record) {
	p := w.peers[id]
	_, pooled := w.divide(records)
	for _, r := range records {
		hash := r.FullHash()
		p.has[hash] = true
		delete(p.asked, hash)
		w.close(hash)
		w.arrivals[hash]++
	}
	records = slices.DeleteFunc(slices.Clone(records), func(r *record.Record) bool { return w.pool[r.FullHash()] })
	w.handle(Arrived{Peer: id, Records: records, Pooled: pooled})
}

// close notes that a record may be requested from another peer at once: it has arrived,
// or the peer does not have it.
func (w *recordsModel) close(hash pow.Hash) {
	last := w.last[hash]
	last.open = false
	w.last[hash] = last
}

func (w *recordsModel) lack(id PeerID, hash pow.Hash) {
	delete(w.peers[id].asked, hash)
	if w.last[hash].peer == id {
		w.close(hash)
	}
	w.handle(Lacking{id, []pow.Hash{hash}})
}

// judge judges the record that has waited longest, or fails to.
func (w *recordsModel) judge(fail bool) {
	r := w.judging[0].Record
	w.judging = w.judging[1:]
	hash := r.FullHash()
	outcome, bad := w.bad[hash]
	if fail {
		outcome = RecordFailed
	}
	switch {
	case bad || fail:
	case w.pool[hash]:
		outcome = RecordRefused
	case r.Seq > w.next[r.Key]:
		outcome = RecordGap
	case r.Seq < w.next[r.Key]:
		outcome = RecordInvalid
	}
	switch outcome {
	case RecordTaken:
		w.accept(r)
	case RecordRefused:
		w.refused[hash] = true
	case RecordInvalid:
		w.done[hash] = true
	}
	w.handle(Judged{r, outcome})
}

// accept lets the pool accept a record.
func (w *recordsModel) accept(r *record.Record) {
	w.next[r.Key] = r.Seq + 1
	w.pool[r.FullHash()] = true
	w.handle(Accepted{r, w.rates[r.FullHash()]})
}

// mine removes records of an account from the pool.
func (w *recordsModel) mine(key record.Key) {
	var mined []*record.Record
	for _, r := range w.all {
		if r.Key == key && w.pool[r.FullHash()] {
			mined = append(mined, r)
			delete(w.pool, r.FullHash())
			w.done[r.FullHash()] = true
		}
	}
	w.refused = map[pow.Hash]bool{}
	w.handle(TipChanged{})
	w.handle(Mined{mined})
}

// Whatever happens, every action is one that the rules allow; in the end every record
// that a connected peer has announced has been judged, and all peers have heard of what
// was accepted.
func TestRecordsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newRecordsModel(t)
		nextPeer := PeerID(0)
		somePeer := func(t *rapid.T) *recordsModelPeer {
			if len(w.peers) == 0 {
				t.Skip("no peers")
			}
			return w.peers[rapid.SampledFrom(slices.Sorted(maps.Keys(w.peers))).Draw(t, "peer")]
		}
		taker := func(t *rapid.T) *recordsModelPeer {
			p := somePeer(t)
			if !p.Takes {
				t.Skip("it takes no records")
			}
			return p
		}
		someAsked := func(t *rapid.T) (PeerID, pow.Hash) {
			p := somePeer(t)
			if len(p.asked) == 0 {
				t.Skip("nothing is requested")
			}
			asked := slices.SortedFunc(maps.Keys(p.asked), func(a, b pow.Hash) int { return slices.Compare(a[:], b[:]) })
			return p.Peer, rapid.SampledFrom(asked).Draw(t, "hash")
		}
		some := func(t *rapid.T) []*record.Record {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(w.all), 1, 8, (*record.Record).FullHash).Draw(t, "records")
		}
		send := func(t *rapid.T) {
			id, hash := someAsked(t)
			w.send(id, []*record.Record{w.byID[hash]})
		}
		judge := func(t *rapid.T) {
			if len(w.judging) == 0 {
				t.Skip("nothing to judge")
			}
			w.judge(rapid.IntRange(0, 9).Draw(t, "fail") == 0)
		}
		t.Repeat(map[string]func(*rapid.T){
			"time": func(t *rapid.T) {
				w.pass(time.Duration(rapid.SampledFrom([]int{1, 10, 100, 1000, 5000, 30000}).Draw(t, "ms")) * time.Millisecond)
			},
			"join": func(t *rapid.T) {
				nextPeer++
				w.join(nextPeer, rapid.IntRange(0, 5).Draw(t, "takes") > 0, rapid.Bool().Draw(t, "outbound"),
					rapid.SampledFrom([]uint64{0, 0, 20}).Draw(t, "rate"))
			},
			"leave":     func(t *rapid.T) { w.leave(somePeer(t).Peer) },
			"announce":  func(t *rapid.T) { w.announce(taker(t).Peer, some(t)) },
			"announce2": func(t *rapid.T) { w.announce(taker(t).Peer, some(t)) },
			"push":      func(t *rapid.T) { w.send(taker(t).Peer, some(t)[:1]) },
			"send":      send,
			"send2":     send,
			"lack":      func(t *rapid.T) { w.lack(someAsked(t)) },
			"judge":     judge,
			"judge2":    judge,
			"own": func(t *rapid.T) {
				key := record.Key{rapid.Byte().Draw(t, "account") % 4}
				if i := slices.IndexFunc(w.all, func(r *record.Record) bool { return r.Key == key && r.Seq == w.next[key] }); i >= 0 {
					w.accept(w.all[i])
				}
			},
			"mine":  func(t *rapid.T) { w.mine(record.Key{rapid.Byte().Draw(t, "account") % 4}) },
			"pause": func(t *rapid.T) { w.pause(rapid.IntRange(0, 2).Draw(t, "pause") == 0) },
			"rate": func(t *rapid.T) {
				p := somePeer(t)
				p.MinRate = rapid.SampledFrom([]uint64{0, 20}).Draw(t, "rate")
				w.handle(RateChanged{p.Peer, p.MinRate})
			},
		})
		w.finish()
	})
}

// finish lets all peers answer. What they have announced must be judged then.
func (w *recordsModel) finish() {
	w.pause(false)
	announced := map[pow.Hash][]*recordsPeer{}
	for _, f := range w.m.fetches {
		if !f.held || len(f.sources) > 0 {
			announced[f.hash] = slices.Clone(f.sources)
		}
	}
	open := func() bool {
		for _, f := range w.m.fetches {
			if !f.held {
				return true
			}
		}
		return len(w.judging) > 0
	}
	for steps := 0; open(); steps++ {
		if steps > 10000 {
			w.t.Fatalf("%d records are not requested, %d not judged", len(w.m.fetches), len(w.judging))
		}
		for _, id := range slices.Sorted(maps.Keys(w.peers)) {
			if w.peers[id] == nil {
				continue
			}
			asked := slices.SortedFunc(maps.Keys(w.peers[id].asked), func(a, b pow.Hash) int { return slices.Compare(a[:], b[:]) })
			for _, hash := range asked {
				if w.peers[id] != nil { // it may be dropped for other requests
					w.send(id, []*record.Record{w.byID[hash]})
				}
			}
		}
		for len(w.judging) > 0 {
			w.judge(false)
		}
		w.pass(100 * time.Millisecond)
	}
	for hash, sources := range announced {
		isConnected := func(p *recordsPeer) bool { return w.peers[p.id] != nil }
		if slices.ContainsFunc(sources, isConnected) && !w.pool[hash] && !w.done[hash] && !w.refused[hash] && !w.m.orphans.has(hash) {
			w.t.Fatalf("a record was neither accepted nor rejected: %v", hash)
		}
	}
	w.pass(time.Second)
	if s := w.m.Status(); s.Untold != 0 {
		w.t.Fatalf("%+v", s)
	}
}

// A record goes to three peers at once, and to the others within 20 ms.
func TestRecordGoesToThreeAtOnceAndToOthersSoon(t *testing.T) {
	w := newRecordsModel(t)
	for id := range PeerID(10) {
		w.join(id, id != 9, id < 5, map[PeerID]uint64{8: 100}[id])
	}
	w.announce(0, w.all[10:11])
	w.accept(w.all[10])
	heard := func() (n int) {
		for _, hashes := range w.heard {
			n += len(hashes)
		}
		return n
	}
	if n := heard(); n != 3 {
		t.Errorf("%d peers have heard at once, want 3", n)
	}
	w.pass(haveEvery)
	if n := heard(); n != 7 {
		t.Errorf("%d peers have heard after %v, want 7: not the one that has it, the one without records, and the expensive one", n, haveEvery)
	}
}

// What could not be sent is announced later, once.
func TestUnsent(t *testing.T) {
	m := NewRecords(1)
	now := time.Unix(1e9, 0)
	m.Handle(now, RecordsPeer{Peer: 1, Takes: true})
	hash := recordOf(1, 0).FullHash()
	if actions := m.Handle(now, Accepted{recordOf(1, 0), 0}); len(actions) != 1 {
		t.Fatalf("%v", actions)
	}
	m.Handle(now, Unsent{1, []pow.Hash{hash}})
	var haves []RecordsAction
	for due := m.Due(); !due.IsZero(); due = m.Due() {
		now = due
		haves = append(haves, m.Handle(now, RecordsTick{})...)
	}
	if len(haves) != 1 || haves[0].(Have).Hashes[0] != hash {
		t.Errorf("%v", haves)
	}
}

// The records of an author go to the same peers at once, in order, since others would
// have to wait for those before.
func TestPushKeepsOrder(t *testing.T) {
	w := newRecordsModel(t)
	for id := range PeerID(10) {
		w.join(id, true, true, 0)
	}
	for _, r := range w.all[:10] { // of one account
		w.accept(r)
	}
	for id, hashes := range w.heard {
		if n := len(hashes); n != 0 && n != 10 {
			t.Errorf("peer %d got %d of 10 records at once", id, n)
		}
	}
}

// Which peers get a record at once is drawn anew.
func TestPushIsDrawn(t *testing.T) {
	w := newRecordsModel(t)
	for id := range PeerID(10) {
		w.join(id, true, true, 0)
	}
	got := map[string]bool{}
	for i := range 10 {
		r := recordOf(byte(i), 0)
		var to []PeerID
		for _, a := range w.m.Handle(w.now, Accepted{r, 0}) {
			if p, ok := a.(PushRecord); ok {
				to = append(to, p.Peer)
			}
		}
		slices.Sort(to)
		got[fmt.Sprint(to)] = true
	}
	if len(got) < 5 {
		t.Errorf("10 records went to %d sets of peers", len(got))
	}
}

// If a peer does not send what it has announced, the next one is asked after 2 s,
// outbound ones first; and one that never answers goes.
func TestSilentPeer(t *testing.T) {
	w := newRecordsModel(t)
	w.join(1, true, true, 0)
	w.join(2, true, false, 0)
	w.join(3, true, true, 0)
	r := w.all[:1]
	for id := range PeerID(3) {
		w.announce(id+1, r)
	}
	asked := func(want PeerID) {
		t.Helper()
		if a := w.last[r[0].FullHash()]; a.peer != want {
			t.Fatalf("peer %d is asked, want %d", a.peer, want)
		}
	}
	asked(1)
	w.pass(2*time.Second - time.Millisecond)
	asked(1)
	w.pass(time.Millisecond)
	asked(3)
	w.lack(3, r[0].FullHash())
	asked(2)
	w.send(2, r)
	w.judge(false)
	if !w.pool[r[0].FullHash()] {
		t.Error("the record has not come")
	}
	w.pass(maxUnheard)
	if w.peers[1] != nil || w.peers[3] == nil {
		t.Errorf("connected are %v, want 2 and 3", slices.Sorted(maps.Keys(w.peers)))
	}
}

// A peer that announces more than it may is not asked for it all, and its requests
// are bounded.
func TestAnnouncedWithoutEnd(t *testing.T) {
	m := NewRecords(1)
	now := time.Unix(1e9, 0)
	m.Handle(now, RecordsPeer{Peer: 1, Takes: true})
	for i := range 20 {
		hashes := make([]pow.Hash, wire.MaxHave)
		for k := range hashes {
			hashes[k] = pow.Hash{byte(i), byte(k), byte(k >> 8)}
		}
		m.Handle(now, Announced{Peer: 1, Hashes: hashes})
	}
	if q := m.byID[1].requests; len(q.owed) != wire.MaxWant {
		t.Errorf("%d requests are open at once", len(q.owed))
	}
	if s := m.Status(); s.Fetching != 5000 {
		t.Errorf("%+v", s)
	}
	for range 100 {
		if due := m.Due(); !due.IsZero() {
			now = due
			m.Handle(now, RecordsTick{})
		}
	}
	if q := m.byID[1].requests; len(q.owed) > maxOwed {
		t.Errorf("%d requests are open", len(q.owed))
	}
	if m.Handle(now, RecordsPeerGone{1}); m.Status() != (RecordsStatus{}) {
		t.Errorf("the machine keeps %+v of a peer that is gone", m.Status())
	}
}

// All peers together announce so many new records, and each its share, but each may
// announce what others have announced.
func TestShareOfAnnouncements(t *testing.T) {
	m := NewRecords(1)
	now := time.Unix(1e9, 0)
	const peers, share = 32, 1 << 15 / 32
	for id := range PeerID(peers) {
		m.Handle(now, RecordsPeer{Peer: id, Takes: true})
	}
	hashes := func(id PeerID, i int) (all []pow.Hash) {
		for k := range wire.MaxHave {
			all = append(all, pow.Hash{byte(id), byte(i), byte(k), byte(k >> 8)})
		}
		return all
	}
	for id := range PeerID(peers) {
		for i := range 10 {
			m.Handle(now, Announced{Peer: id, Hashes: hashes(id, i)})
		}
	}
	for id := range PeerID(peers) {
		m.Handle(now, Announced{Peer: id, Hashes: hashes(0, 0)})
	}
	if s := m.Status(); s.Fetching != peers*share {
		t.Errorf("%+v", s)
	}
	for _, p := range slices.Clone(m.peers[1:]) {
		if q := p.requests; q.first != share || q.announced != share+wire.MaxHave {
			t.Errorf("peer %d has announced %d, %d as the first", p.id, q.announced, q.first)
		}
		m.Handle(now, RecordsPeerGone{p.id})
	}
	if s := m.Status(); s.Fetching != share || m.peers[0].requests.announced != share {
		t.Errorf("%+v", s)
	}
}

// A long list of new records is announced at a rate that the peers allow.
func TestManyAnnouncements(t *testing.T) {
	m := NewRecords(1)
	start := time.Unix(1e9, 0)
	now := start
	m.Handle(now, RecordsPeer{Peer: 1, Takes: true})
	const n = 20000
	haves, pushes := 0, 0
	count := func(actions []RecordsAction) {
		for _, a := range actions {
			switch a := a.(type) {
			case Have:
				haves += len(a.Hashes)
			case PushRecord:
				pushes++
			}
		}
		if limit := haveBurst + int(haveRate*now.Sub(start).Seconds()); haves > limit {
			t.Fatalf("%d announced after %v", haves, now.Sub(start))
		}
	}
	for i := range n {
		count(m.Handle(now, Accepted{recordOf(1, uint64(i)), 0}))
	}
	if want := pushByteBurst / recordOf(1, 0).Size(); pushes != want {
		t.Errorf("%d pushed at once, want %d", pushes, want)
	}
	for due := m.Due(); !due.IsZero(); due = m.Due() {
		now = due
		count(m.Handle(now, RecordsTick{}))
	}
	if missing := n - haves - pushes; missing < 0 || missing > 5 { // a few seem known to the peer
		t.Errorf("%d announced and %d pushed of %d", haves, pushes, n)
	}
}

// Long records are pushed as long as a peer allows that many bytes.
func TestPushedBytes(t *testing.T) {
	m := NewRecords(1)
	now := time.Unix(1e9, 0)
	m.Handle(now, RecordsPeer{Peer: 1, Takes: true})
	pushed := 0
	for i := range 200 {
		for _, a := range m.Handle(now, Accepted{sizedRecord(1, uint64(i), 16000), 0}) {
			if p, ok := a.(PushRecord); ok {
				pushed += p.Record.Size()
			}
		}
	}
	if pushed > 64<<10 || pushed < 64<<10-16384 {
		t.Errorf("%d bytes were pushed", pushed)
	}
}

// If there are more new records than a list holds, peers hear of the last ones.
func TestTooManyAnnouncements(t *testing.T) {
	m := NewRecords(1)
	now := time.Unix(1e9, 0)
	m.Handle(now, RecordsPeer{Peer: 1, Takes: true})
	heard := map[pow.Hash]bool{}
	count := func(actions []RecordsAction) {
		for _, a := range actions {
			if have, ok := a.(Have); ok {
				for _, hash := range have.Hashes {
					heard[hash] = true
				}
			}
		}
	}
	const n = maxLog + 2000
	for i := range n {
		count(m.Handle(now, Accepted{recordOf(1, uint64(i)), 0}))
	}
	for due := m.Due(); !due.IsZero(); due = m.Due() {
		now = due
		count(m.Handle(now, RecordsTick{}))
	}
	if missing := maxLog - len(heard); missing < 0 || missing > 5 || !heard[recordOf(1, n-1).FullHash()] {
		t.Errorf("%d announced, want %d", len(heard), maxLog)
	}
}

// What was rejected for reasons that may pass is requested again after a block, what
// was rejected for good only after a reorganisation.
func TestRejectedAgain(t *testing.T) {
	w := newRecordsModel(t)
	w.join(1, true, true, 0)
	forGood, forNow := w.all[40:41], w.all[50:51]
	asked := func() (n int) { return len(w.peers[1].asked) }
	for i, step := range []struct {
		event RecordsEvent
		want  int
	}{{RecordsTick{}, 2}, {RecordsTick{}, 0}, {TipChanged{}, 1}, {TipChanged{Reorganised: true}, 2}} {
		if w.handle(step.event); i > 1 {
			w.refused = map[pow.Hash]bool{}
		}
		if i > 2 {
			w.done = map[pow.Hash]bool{}
		}
		w.announce(1, forGood)
		w.announce(1, forNow)
		if asked() != step.want {
			t.Errorf("step %d: %d are requested, want %d", i, asked(), step.want)
		}
		for _, r := range w.all {
			if _, ok := w.peers[1].asked[r.FullHash()]; ok {
				w.send(1, []*record.Record{r})
				w.judge(false)
			}
		}
	}
}

// A backlog is announced at 100 a second, without what the peer has.
func TestBacklog(t *testing.T) {
	w := newRecordsModel(t)
	w.join(1, true, true, 0)
	w.announce(1, w.all[:5])
	var hashes []pow.Hash
	for i := range 250 {
		hashes = append(hashes, recordOf(9, uint64(i)).FullHash())
	}
	w.handle(Backlog{1, append(hashes, w.all[0].FullHash())})
	for i, want := range []int{100, 200, 250, 250} {
		if n := len(w.heard[1]); n != want {
			t.Errorf("%d announced after %d s, want %d", n, i, want)
		}
		w.pass(time.Second)
	}
}

// The memory for a peer is bounded, also if it answers nothing while others announce its
// records again and again and do not have them.
func TestBoundedQueue(t *testing.T) {
	m, now := NewRecords(1), time.Unix(1e9, 0)
	for id := range PeerID(2) {
		m.Handle(now, RecordsPeer{Peer: id, Takes: true})
	}
	var hashes []pow.Hash
	for i := range 1000 {
		hashes = append(hashes, pow.Hash{byte(i), byte(i >> 8)})
	}
	silent, p := PeerID(0), m.byID[0]
	m.Handle(now, Announced{Peer: silent, Hashes: hashes})
	for range 100 {
		now = now.Add(10 * time.Millisecond)
		for actions := m.Handle(now, Announced{Peer: 1, Hashes: hashes}); len(actions) > 0; {
			var next []RecordsAction
			for _, a := range actions {
				if w, ok := a.(Want); ok && w.Peer != silent {
					next = append(next, m.Handle(now, Lacking{Peer: 1, Hashes: w.Hashes})...)
				}
			}
			actions = next
		}
		if n := len(p.requests.queue); n > 2*maxAnnounced {
			t.Fatalf("%d records wait to be requested from a peer that has announced %d", n, p.requests.announced)
		}
	}
	if want := len(hashes) - maxAsking; len(m.fetches) != len(hashes) || p.requests.announced < want {
		t.Errorf("%d records, %d announced", len(m.fetches), p.requests.announced)
	}
}
