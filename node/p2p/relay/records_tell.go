package relay

import (
	"slices"
	"time"

	"golang.org/x/time/rate"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/p2p/wire"
)

const (
	pushTo     = 3                     // peers that get a record at once
	haveEvery  = 20 * time.Millisecond // between announcements to a peer, at least
	maxLog     = 1 << 15               // records that wait to be announced
	maxBacklog = 1 << 13               // records of a backlog
	maxUnsent  = 1 << 10               // of these, that were announced before
)

// Rates for each peer, in records or bytes a second, below those that a peer allows: it
// reads nothing for a while from a node that sends more, blocks included. And a peer
// ignores announcements of more than it can request for some time. A record that cannot
// be pushed is announced.
const (
	haveRate, haveBurst         = 1500, 15000
	pushRate, pushBurst         = 150, 1500
	pushByteRate, pushByteBurst = 64 << 10, 64 << 10
	backlogRate                 = 100
)

// announcement is a record to announce.
type announcement struct {
	hash pow.Hash
	rate uint64
	turn turn
}

// announcements are the last records that were accepted, of which each peer has been
// sent those before its telling.next.
type announcements struct {
	first  int // number of the first one
	list   []announcement
	byTurn map[turn]pow.Hash
}

// end returns the number of the next announcement.
func (a *announcements) end() int { return a.first + len(a.list) }

func (a *announcements) add(x announcement) {
	if len(a.list) >= maxLog {
		a.dropBefore(a.first + 1)
	}
	a.list = append(a.list, x)
	a.byTurn[x.turn] = x.hash
}

// dropBefore removes the announcements below a number.
func (a *announcements) dropBefore(n int) {
	for a.first < n {
		delete(a.byTurn, a.list[0].turn)
		a.list = a.list[1:]
		a.first++
	}
}

// telling is how far a peer has been sent announcements.
type telling struct {
	next          int           // number of the next one in Records.log
	haves, pushes *rate.Limiter // in records
	pushBytes     *rate.Limiter
	backlog       []late
	nextBacklog   time.Time
}

// late is a record that is announced later than others. It may be known to the peer
// already, except if it was announced in vain.
type late struct {
	hash   pow.Hash
	inVain bool
}

// due returns when the next part of the backlog is due; zero: never.
func (t *telling) due() time.Time {
	if len(t.backlog) == 0 {
		return time.Time{}
	}
	return t.nextBacklog
}

// canPush reports whether the rates allow to push a record of a size in bytes.
func (t *telling) canPush(now time.Time, size int) bool {
	return t.pushes.TokensAt(now) >= 1 && t.pushBytes.TokensAt(now) >= float64(size)
}

// wants reports whether a record should be sent or announced to the peer.
func (m *Records) wants(p *recordsPeer, s shortHash, feeRate uint64) bool {
	return p.takes && feeRate >= p.minRate && !p.known.has(s)
}

// announce pushes a record to some peers, and makes sure that the others hear of it. A
// peer that has to hear of the record before it first is not pushed to, as it could
// not judge it. So the records of an author who sends many go to the same peers.
func (m *Records) announce(r *record.Record, feeRate uint64) {
	hash := r.FullHash()
	s := m.short(hash)
	before, isNew := m.log.byTurn[turn{r.Key, r.Seq - 1}]
	var able []*recordsPeer
	for _, p := range m.peers {
		if m.wants(p, s, feeRate) && p.telling.canPush(m.now, r.Size()) && (!isNew || p.known.has(m.short(before))) {
			able = append(able, p)
		}
	}
	for range min(pushTo, len(able)) {
		i := m.rand.IntN(len(able))
		p := able[i]
		able = slices.Delete(able, i, i+1)
		p.telling.pushes.AllowN(m.now, 1)
		p.telling.pushBytes.AllowN(m.now, r.Size())
		p.known.add(s)
		m.do(PushRecord{p.id, r})
	}
	m.log.add(announcement{hash, feeRate, turnOf(r)})
	if m.nextHave.IsZero() {
		m.nextHave = m.now.Add(time.Duration(m.rand.Int64N(int64(haveEvery))))
	}
}

func (e Backlog) applyTo(m *Records) { m.later(e.Peer, e.Hashes, false, maxBacklog) }

func (e Unsent) applyTo(m *Records) { m.later(e.Peer, e.Hashes, true, maxUnsent) }

// later adds records to the backlog of a peer, as long as that has no more than max.
func (m *Records) later(id PeerID, hashes []pow.Hash, inVain bool, max int) {
	p := m.byID[id]
	if p == nil || !p.takes || len(hashes) == 0 {
		return
	}
	t := &p.telling
	if len(t.backlog) == 0 {
		t.nextBacklog = m.now
		if inVain {
			t.nextBacklog = m.now.Add(time.Second)
		}
	}
	for _, hash := range hashes {
		if len(t.backlog) < max {
			t.backlog = append(t.backlog, late{hash, inVain})
		}
	}
}

// announceDue announces what is due.
func (m *Records) announceDue() {
	for _, p := range m.peers {
		if t := p.telling.due(); !t.IsZero() && !t.After(m.now) {
			m.tellBacklog(p)
		}
	}
	if m.nextHave.IsZero() || m.nextHave.After(m.now) {
		return
	}
	first := m.log.end()
	for _, p := range m.peers {
		if !p.takes {
			continue
		}
		m.tellNew(p)
		first = min(first, p.telling.next)
	}
	m.log.dropBefore(first)
	if m.nextHave = m.now.Add(haveEvery); len(m.log.list) == 0 {
		m.nextHave = time.Time{}
	}
}

// tellNew announces new records to a peer, as many as it may be sent now.
func (m *Records) tellNew(p *recordsPeer) {
	t := &p.telling
	t.next = max(t.next, m.log.first)
	limit := min(wire.MaxHave, int(t.haves.TokensAt(m.now)))
	var hashes []pow.Hash
	for ; t.next < m.log.end() && len(hashes) < limit; t.next++ {
		a := m.log.list[t.next-m.log.first]
		if s := m.short(a.hash); m.wants(p, s, a.rate) {
			p.known.add(s)
			hashes = append(hashes, a.hash)
		}
	}
	m.have(p, hashes)
}

// tellBacklog announces the next records of the backlog to a peer.
func (m *Records) tellBacklog(p *recordsPeer) {
	t := &p.telling
	var hashes []pow.Hash
	for len(t.backlog) > 0 && len(hashes) < backlogRate {
		l := t.backlog[0]
		t.backlog = t.backlog[1:]
		if p.known.add(m.short(l.hash)) || l.inVain {
			hashes = append(hashes, l.hash)
		}
	}
	t.nextBacklog = m.now.Add(time.Second)
	m.have(p, hashes)
}

// have announces records to a peer.
func (m *Records) have(p *recordsPeer, hashes []pow.Hash) {
	if len(hashes) > 0 {
		p.telling.haves.AllowN(m.now, len(hashes))
		m.do(Have{p.id, hashes})
	}
}
