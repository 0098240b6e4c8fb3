package p2p

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"stele/internal/wake"
	"stele/node/ledger/record"
	"stele/node/p2p/relay"
)

// Limits of the records that wait to be admitted to the pool.
const (
	maxWaiting      = 4096
	maxWaitingBytes = 4 << 20
	maxBatch        = 512                  // admitted together
	gatherTime      = 5 * time.Millisecond // that a batch waits for more records
)

// arrival is a record that a peer has sent.
type arrival struct {
	peer   relay.PeerID
	record *record.Record
}

// admission is the queue of records to admit. Peers take turns, so that one that sends
// many does not delay the records of others. Make one with newAdmission. Safe for
// concurrent use.
type admission struct {
	more wake.Signal // something was added

	mu     sync.Mutex
	byPeer map[relay.PeerID][]*record.Record
	turns  []relay.PeerID // peers with records, the next one first
	count  int
	bytes  int
	// reserved is for messages that are read, and may have so many records.
	reserved, reservedBytes int
}

func newAdmission() *admission {
	return &admission{more: wake.New(), byPeer: map[relay.PeerID][]*record.Record{}}
}

// add adds a record.
func (q *admission) add(a arrival) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.byPeer[a.peer]) == 0 {
		q.turns = append(q.turns, a.peer)
	}
	q.byPeer[a.peer] = append(q.byPeer[a.peer], a.record)
	q.count++
	q.bytes += a.record.Size()
	q.more.Wake()
}

// len returns the number of records that wait.
func (q *admission) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}

// reserve keeps room for records with a total size in bytes, if there is enough.
func (q *admission) reserve(n, bytes int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count+q.reserved+n > maxWaiting || q.bytes+q.reservedBytes+bytes > maxWaitingBytes {
		return false
	}
	q.reserved += n
	q.reservedBytes += bytes
	return true
}

// release returns what reserve has kept.
func (q *admission) release(n, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserved -= n
	q.reservedBytes -= bytes
}

// take removes at most maxBatch records, one of each peer in turn. Those of an account
// are in order.
func (q *admission) take() (batch []arrival) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(batch) < maxBatch && q.count > 0 {
		id := q.turns[0]
		q.turns = q.turns[1:]
		r := q.byPeer[id][0]
		if q.byPeer[id] = q.byPeer[id][1:]; len(q.byPeer[id]) > 0 {
			q.turns = append(q.turns, id)
		} else {
			delete(q.byPeer, id)
		}
		q.count--
		q.bytes -= r.Size()
		batch = append(batch, arrival{id, r})
	}
	slices.SortStableFunc(batch, func(a, b arrival) int { return cmp.Compare(a.record.Seq, b.record.Seq) })
	return batch
}

// remove removes and returns the records of a peer.
func (q *admission) remove(id relay.PeerID) []*record.Record {
	q.mu.Lock()
	defer q.mu.Unlock()
	removed := q.byPeer[id]
	delete(q.byPeer, id)
	q.turns = slices.DeleteFunc(q.turns, func(x relay.PeerID) bool { return x == id })
	q.count -= len(removed)
	for _, r := range removed {
		q.bytes -= r.Size()
	}
	return removed
}

// admit offers the records in the queue to the pool, a batch at a time, until the
// server ends. Each batch costs one check of all signatures and one write of the
// journal.
func (r *recorder) admit() {
	for {
		select {
		case <-r.queue.more:
		case <-r.s.ctx.Done():
			return
		}
		for r.queue.len() > 0 {
			if !r.gather() {
				return
			}
			batch := r.queue.take()
			records := make([]*record.Record, len(batch))
			for i, a := range batch {
				records[i] = a.record
			}
			came := time.Now()
			verdicts := r.s.o.Pool.Add(records...)
			if r.s.o.Judged != nil {
				r.s.o.Judged(came, records, verdicts)
			}
			judged := make(chan struct{})
			r.s.do(func() {
				r.judged(batch, verdicts)
				close(judged)
			})
			select {
			case <-judged:
			case <-r.s.ctx.Done():
				return
			}
		}
	}
}

// gather waits until a batch is full, but not for long. It returns false at the end of
// the server.
func (r *recorder) gather() bool {
	timer := time.NewTimer(gatherTime)
	defer timer.Stop()
	for r.queue.len() < maxBatch {
		select {
		case <-r.queue.more:
		case <-timer.C:
			return true
		case <-r.s.ctx.Done():
			return false
		}
	}
	return true
}
