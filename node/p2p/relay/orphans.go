package relay

import (
	"slices"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/record"
)

// Limits of the records that wait for an earlier one.
const (
	maxOrphans     = 1000
	maxOrphanBytes = 2 << 20
	maxPeerOrphans = 256 // as many as an account may have in a pool, and as a peer is asked for at once
	maxOrphanAge   = 10 * time.Minute
)

// turn is where a record stands among those of an account.
type turn struct {
	key record.Key
	seq uint64
}

func turnOf(r *record.Record) turn { return turn{r.Key, r.Seq} }

// orphan is a record that waits for the one before it.
type orphan struct {
	record *record.Record
	judged
}

// orphans are the records that wait. Their signatures are not checked, so several may
// claim one turn. Make them with newOrphans.
type orphans struct {
	byHash map[pow.Hash]*orphan
	byTurn map[turn][]*orphan
	byPeer map[PeerID][]*orphan // the oldest first
	bytes  int
}

func newOrphans() orphans {
	return orphans{map[pow.Hash]*orphan{}, map[turn][]*orphan{}, map[PeerID][]*orphan{}, 0}
}

func (o *orphans) len() int { return len(o.byHash) }

func (o *orphans) has(hash pow.Hash) bool { return o.byHash[hash] != nil }

// add adds a record, and returns those that were removed for it: if there is no room,
// the oldest one of the same peer goes, or of the peer with the most.
func (o *orphans) add(r *record.Record, j judged) (removed []pow.Hash) {
	hash := r.FullHash()
	if o.has(hash) {
		return nil
	}
	remove := func(x *orphan) {
		o.remove(x)
		removed = append(removed, x.record.FullHash())
	}
	if of := o.byPeer[j.from]; len(of) >= maxPeerOrphans {
		remove(of[0])
	}
	x := &orphan{r, j}
	o.byHash[hash] = x
	o.byTurn[turnOf(r)] = append(o.byTurn[turnOf(r)], x)
	of := o.byPeer[j.from]
	i, _ := slices.BinarySearchFunc(of, j.since, func(y *orphan, t time.Time) int {
		return y.since.Compare(t.Add(1)) // behind those of the same time
	})
	o.byPeer[j.from] = slices.Insert(of, i, x)
	o.bytes += r.Size()
	for o.len() > maxOrphans {
		remove(o.largest(func(of []*orphan) int { return len(of) }))
	}
	for o.bytes > maxOrphanBytes {
		remove(o.largest(orphanBytes))
	}
	return removed
}

func orphanBytes(of []*orphan) (n int) {
	for _, x := range of {
		n += x.record.Size()
	}
	return n
}

// largest returns the oldest orphan of the peer with the most, as size counts them.
func (o *orphans) largest(size func([]*orphan) int) *orphan {
	var most, peer = -1, PeerID(0)
	for id, of := range o.byPeer {
		if n := size(of); n > most || n == most && id < peer {
			most, peer = n, id
		}
	}
	return o.byPeer[peer][0]
}

func (o *orphans) remove(x *orphan) {
	is := func(y *orphan) bool { return x == y }
	delete(o.byHash, x.record.FullHash())
	at := turnOf(x.record)
	if o.byTurn[at] = slices.DeleteFunc(o.byTurn[at], is); len(o.byTurn[at]) == 0 {
		delete(o.byTurn, at)
	}
	if o.byPeer[x.from] = slices.DeleteFunc(o.byPeer[x.from], is); len(o.byPeer[x.from]) == 0 {
		delete(o.byPeer, x.from)
	}
	o.bytes -= x.record.Size()
}

// removeHash removes a record if it waits.
func (o *orphans) removeHash(hash pow.Hash) {
	if x := o.byHash[hash]; x != nil {
		o.remove(x)
	}
}

// removePeer removes and returns the records of a peer.
func (o *orphans) removePeer(id PeerID) (removed []pow.Hash) {
	for _, x := range slices.Clone(o.byPeer[id]) {
		o.remove(x)
		removed = append(removed, x.record.FullHash())
	}
	return removed
}

// takeAfter removes and returns the records that wait for r.
func (o *orphans) takeAfter(r *record.Record) []*orphan {
	next := []turn{{r.Key, r.Seq + 1}}
	if rotate, ok := r.Payload.(record.KeyRotate); ok {
		next = append(next, turn{rotate.New, r.Seq + 1})
	}
	var taken []*orphan
	for _, at := range next {
		taken = append(taken, o.byTurn[at]...)
	}
	for _, x := range taken {
		o.remove(x)
	}
	return taken
}

// takeAll removes and returns all records, the oldest of an account first.
func (o *orphans) takeAll() []*orphan {
	taken := make([]*orphan, 0, o.len())
	for _, x := range o.byHash {
		taken = append(taken, x)
	}
	slices.SortFunc(taken, func(a, b *orphan) int {
		if a.record.Seq != b.record.Seq {
			return int(min(max(int64(a.record.Seq-b.record.Seq), -1), 1))
		}
		ha, hb := a.record.FullHash(), b.record.FullHash()
		return slices.Compare(ha[:], hb[:])
	})
	*o = newOrphans()
	return taken
}

// expire removes and returns the records that have waited for too long.
func (o *orphans) expire(now time.Time) (removed []pow.Hash) {
	for t := o.expiry(); !t.IsZero() && !t.After(now); t = o.expiry() {
		for _, of := range o.byPeer {
			if x := of[0]; !x.since.Add(maxOrphanAge).After(now) {
				o.remove(x)
				removed = append(removed, x.record.FullHash())
			}
		}
	}
	return removed
}

// expiry returns when the first record has waited for too long; zero: never.
func (o *orphans) expiry() (t time.Time) {
	for _, of := range o.byPeer {
		if e := of[0].since.Add(maxOrphanAge); t.IsZero() || e.Before(t) {
			t = e
		}
	}
	return t
}
