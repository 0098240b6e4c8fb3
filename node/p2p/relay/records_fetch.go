package relay

import (
	"slices"
	"time"

	"stele/engine/pow"
	"stele/node/p2p/wire"
)

// Limits of the requests for records.
const (
	maxAnnounced = 5000    // records that a peer has announced, and that have not arrived; more are ignored
	maxFetches   = 1 << 15 // of all peers, of which each may be the first to announce its share
	maxQueue     = 2 * maxAnnounced
	minShare     = 64
	maxAsking    = wire.MaxWant // open requests to a peer that are not late
	maxOwed      = 384          // open requests to a peer
)

// Times after which a request is late, and a peer is dropped.
const (
	maxSilence   = 2 * time.Second  // of a peer with open requests
	maxWait      = 10 * time.Second // for one record
	maxUnheard   = 20 * time.Second // of a peer that answers nothing, while others do
	maxOwedSince = 2 * time.Minute  // then a request is forgotten
)

// fetch is a record that peers have announced. It is requested, or it is held, which
// means that it has arrived and is judged or waits for an earlier record; otherwise it
// is in the queues of all its sources.
type fetch struct {
	hash    pow.Hash
	first   *recordsPeer   // that announced it, which may be gone
	sources []*recordsPeer // have it, and have not sent it or failed to; some may be gone
	asked   *recordsPeer   // nil: it is not requested
	held    bool
	ended   bool // nothing more is to be done about it, or no source is left
}

// request is an open request to a peer.
type request struct {
	fetch    *fetch
	at       time.Time
	late     bool
	answered bool
}

// requests are what a peer has announced and is asked for.
type requests struct {
	announced int        // fetches with this source
	first     int        // fetches that it was the first to announce
	queue     []*fetch   // to request; some are requested already, or ended
	open      []*request // not late, oldest first; the first one is not answered
	asking    int        // of these, not answered
	late      []*request // oldest first
	owed      map[pow.Hash]*request
	heard     time.Time  // the last answer
	slow      bool       // it has left a request open since
	wanted    []pow.Hash // requests of the current event
	expecting bool       // the last Expect
}

// mayAnnounce reports whether a peer may announce one more record, and if that is a new
// one. Together the peers may announce maxFetches new ones.
func (m *Records) mayAnnounce(p *recordsPeer, isNew bool) bool {
	share := max(minShare, maxFetches/len(m.peers))
	return p.requests.announced < maxAnnounced && (!isNew || p.requests.first < share)
}

func (e Announced) applyTo(m *Records) {
	p := m.byID[e.Peer]
	if p == nil || !p.takes {
		return
	}
	for _, hash := range e.Pooled {
		p.known.add(m.short(hash))
	}
	for _, hash := range e.Hashes {
		p.known.add(m.short(hash))
		if !m.isDone(hash) && p.requests.owed[hash] == nil && m.mayAnnounce(p, m.fetches[hash] == nil) {
			m.addSource(p, hash)
		}
	}
}

// addSource notes that a peer has a record that is to be requested.
func (m *Records) addSource(p *recordsPeer, hash pow.Hash) {
	f := m.fetches[hash]
	if f == nil {
		f = &fetch{hash: hash, first: p, held: m.isHeld(hash)}
		p.requests.first++
		m.fetches[hash] = f
	}
	if slices.Contains(f.sources, p) {
		return
	}
	f.sources = append(f.sources, p)
	p.requests.announced++
	if f.asked == nil && !f.held {
		p.requests.enqueue(f, p)
	}
}

// hold notes that a peer has sent a record that will be judged. The other sources are
// kept, in case that comes to nothing.
func (m *Records) hold(p *recordsPeer, hash pow.Hash) {
	if f := m.fetches[hash]; f != nil {
		f.held, f.asked = true, nil
		m.removeSource(f, p)
	}
}

// letGo makes a held record one to be requested again, from other peers than the one
// that has sent it.
func (m *Records) letGo(hash pow.Hash) {
	if f := m.fetches[hash]; f != nil && f.held {
		f.held = false
		m.removeSource(f, nil)
		m.enqueue(f)
	}
}

// removeSource removes one of the sources of a fetch, which may be nil, and those that
// are gone.
func (m *Records) removeSource(f *fetch, p *recordsPeer) {
	if slices.Contains(f.sources, p) {
		p.requests.announced--
	}
	f.sources = slices.DeleteFunc(f.sources, func(x *recordsPeer) bool { return x == p || m.byID[x.id] != x })
	if len(f.sources) == 0 {
		m.end(f.hash)
	}
}

// enqueue puts a fetch into the queues of its sources.
func (m *Records) enqueue(f *fetch) {
	for _, p := range f.sources {
		p.requests.enqueue(f, p)
	}
}

// enqueue adds a fetch to the queue of a peer. What is in it twice or not to be requested
// from the peer is removed if the queue is too long: that of a peer that is not asked for
// more could grow, as others announce records again and again.
func (q *requests) enqueue(f *fetch, p *recordsPeer) {
	if len(q.queue) >= maxQueue {
		seen := map[*fetch]bool{}
		q.queue = slices.DeleteFunc(slices.Clone(q.queue), func(f *fetch) bool {
			again := seen[f] || f.ended || !slices.Contains(f.sources, p)
			seen[f] = true
			return again
		})
	}
	q.queue = append(q.queue, f)
}

// end ends a fetch, if there is one.
func (m *Records) end(hash pow.Hash) {
	f := m.fetches[hash]
	if f == nil {
		return
	}
	f.ended = true
	delete(m.fetches, hash)
	f.first.requests.first--
	for _, p := range f.sources {
		p.requests.announced--
	}
	f.sources = nil // a late request keeps the rest
}

// fail notes that the peer that was asked for a record does not send it. The other
// sources are asked.
func (m *Records) fail(f *fetch) {
	asked := f.asked
	f.asked = nil
	m.removeSource(f, asked)
	m.enqueue(f)
}

// giveUp ends the requests to a peer that is gone.
func (m *Records) giveUp(p *recordsPeer) {
	for _, r := range p.requests.open {
		if !r.fetch.ended && r.fetch.asked == p {
			m.fail(r.fetch)
		}
	}
	for _, f := range p.requests.queue {
		if !f.ended && f.asked == nil {
			m.removeSource(f, p)
		}
	}
}

// answered notes that a peer has answered the request for a record, if there is one.
func (m *Records) answered(p *recordsPeer, hash pow.Hash) *request {
	q := &p.requests
	r := q.owed[hash]
	if r == nil {
		return nil
	}
	delete(q.owed, hash)
	r.answered = true
	if !r.late {
		q.asking--
	}
	q.open = trim(q.open)
	q.late = trim(q.late)
	q.heard, q.slow = m.now, false
	m.heard = m.now
	return r
}

// trim removes the first requests as long as they are answered.
func trim(of []*request) []*request {
	for len(of) > 0 && of[0].answered {
		of = of[1:]
	}
	return of
}

// Unasked returns how many records of a message were not requested from the peer.
func (m *Records) Unasked(e Arrived) (n int) {
	p := m.byID[e.Peer]
	count := func(hash pow.Hash) {
		if p == nil || p.requests.owed[hash] == nil {
			n++
		}
	}
	for _, r := range e.Records {
		count(r.FullHash())
	}
	for _, hash := range slices.Concat(e.Pooled, e.Unread) {
		count(hash)
	}
	return n
}

func (e Lacking) applyTo(m *Records) {
	p := m.byID[e.Peer]
	if p == nil {
		return
	}
	for _, hash := range e.Hashes {
		if r := m.answered(p, hash); r != nil && !r.fetch.ended && r.fetch.asked == p {
			m.fail(r.fetch)
		}
	}
}

// lateAt returns when a request is late.
func (q *requests) lateAt(r *request) time.Time {
	silent := r.at
	if q.heard.After(silent) {
		silent = q.heard
	}
	silent = silent.Add(maxSilence)
	if t := r.at.Add(maxWait); t.Before(silent) {
		return t
	}
	return silent
}

// due returns when the next request becomes late, or is given up; zero: never.
func (q *requests) due(now time.Time) (t time.Time) {
	if len(q.open) > 0 {
		t = q.lateAt(q.open[0])
	}
	if len(q.late) > 0 {
		r := q.late[0]
		end := r.at.Add(maxOwedSince)
		if early := r.at.Add(maxUnheard); q.heard.Before(r.at) && early.After(now) {
			end = early // after that, an answer of another peer decides
		}
		if t.IsZero() || end.Before(t) {
			t = end
		}
	}
	return t
}

// expireRequests moves late requests to other peers, and drops a peer that does not
// answer.
func (m *Records) expireRequests(p *recordsPeer) {
	q := &p.requests
	for len(q.open) > 0 && !q.lateAt(q.open[0]).After(m.now) {
		r := q.open[0]
		q.open = trim(q.open[1:])
		r.late, q.slow = true, true
		q.asking--
		q.late = append(q.late, r)
		if !r.fetch.ended && r.fetch.asked == p {
			m.fail(r.fetch)
		}
	}
	for len(q.late) > 0 {
		switch r, age := q.late[0], m.now.Sub(q.late[0].at); {
		case age >= maxUnheard && q.heard.Before(r.at) && m.heard.After(r.at):
			m.remove(p)
			m.do(Unresponsive{p.id})
			return
		case age >= maxOwedSince:
			r.answered = true
			delete(q.owed, r.fetch.hash)
			q.late = trim(q.late)
		default:
			return
		}
	}
}

// request requests records from the peers that have room for requests: those that
// answer first, of these the outbound ones first.
func (m *Records) request() {
	for _, slow := range []bool{false, true} {
		for _, outbound := range []bool{true, false} {
			for _, p := range m.peers {
				if p.requests.slow == slow && p.outbound == outbound {
					m.requestFrom(p)
				}
			}
		}
	}
	for _, p := range m.peers {
		q := &p.requests
		if open := len(q.owed) > 0; open != q.expecting {
			q.expecting = open
			m.do(Expect{p.id, open})
		}
		if len(q.wanted) > 0 {
			m.do(Want{p.id, q.wanted})
			q.wanted = nil
		}
	}
}

// requestFrom requests as many records from a peer as it may be asked for.
func (m *Records) requestFrom(p *recordsPeer) {
	q := &p.requests
	for !m.paused && len(q.queue) > 0 && q.asking < maxAsking && len(q.owed) < maxOwed {
		f := q.queue[0]
		q.queue = q.queue[1:]
		if f.ended || f.held || f.asked != nil {
			continue
		}
		if open := q.owed[f.hash]; open != nil { // a request from before the record arrived
			if open.fetch == f && !open.late {
				f.asked = p
			} else {
				m.removeSource(f, p)
			}
			continue
		}
		f.asked = p
		r := &request{fetch: f, at: m.now}
		q.open = append(q.open, r)
		q.asking++
		q.owed[f.hash] = r
		q.wanted = append(q.wanted, f.hash)
	}
}
