package p2p

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/p2p/relay"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// anyRecord returns record seq of an account, without signatures.
func anyRecord(account byte, seq uint64) *record.Record {
	return record.New(record.Record{Key: record.Key{account}, Seq: seq, Payload: record.Pay{Amount: 1}})
}

// Each record comes out once, and peers take turns.
func TestAdmission(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := newAdmission()
		waiting := map[relay.PeerID][]*record.Record{}
		count := 0
		check := func() {
			bytes := 0
			for _, of := range waiting {
				for _, r := range of {
					bytes += r.Size()
				}
			}
			if q.len() != count || q.bytes != bytes || len(q.turns) != len(waiting) {
				t.Fatalf("%d records with %d bytes of %d peers, want %d, %d, %d", q.len(), q.bytes, len(q.turns), count, bytes, len(waiting))
			}
		}
		add := func(t *rapid.T) {
			id := relay.PeerID(rapid.IntRange(1, 5).Draw(t, "peer"))
			for range rapid.IntRange(1, 300).Draw(t, "n") {
				count++
				r := anyRecord(byte(id), uint64(1000-count%1000))
				q.add(arrival{id, r})
				waiting[id] = append(waiting[id], r)
			}
			check()
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": add,
			"take": func(t *rapid.T) {
				batch := q.take()
				if want := min(maxBatch, count); len(batch) != want {
					t.Fatalf("a batch of %d, want %d", len(batch), want)
				}
				if !slices.IsSortedFunc(batch, func(a, b arrival) int { return int(a.record.Seq) - int(b.record.Seq) }) {
					t.Fatal("the records of an account are not in order")
				}
				of := map[relay.PeerID][]*record.Record{}
				for _, a := range batch {
					of[a.peer] = append(of[a.peer], a.record)
				}
				for id, all := range waiting {
					got := of[id]
					for other := range waiting {
						if len(got) < len(all) && len(of[other]) > len(got)+1 {
							t.Fatalf("%d of peer %d and %d of peer %d", len(got), id, len(of[other]), other)
						}
					}
					for _, r := range got {
						if !slices.Contains(all[:len(got)], r) {
							t.Fatal("a record comes before its turn")
						}
					}
					if waiting[id] = all[len(got):]; len(waiting[id]) == 0 {
						delete(waiting, id)
					}
				}
				count -= len(batch)
				check()
			},
			"remove": func(t *rapid.T) {
				id := relay.PeerID(rapid.IntRange(1, 5).Draw(t, "peer"))
				if got := q.remove(id); !slices.Equal(got, waiting[id]) {
					t.Fatalf("%d records were removed, want %d", len(got), len(waiting[id]))
				}
				count -= len(waiting[id])
				delete(waiting, id)
				check()
			},
		})
	})
}

// No more than 4,096 records of peers wait. When there is no room, the peers whose
// records do not fit are not read.
func TestAdmissionIsBounded(t *testing.T) {
	s := &Server{o: Options{Now: time.Now}, peers: map[slots.ID]*peer{}, counts: newCounters(), syncer: &syncer{}}
	r := &recorder{s: s, relay: relay.NewRecords(1), queue: newAdmission(), waiting: map[*peer]chan<- struct{}{}}
	var read []<-chan struct{}
	for id := range slots.ID(40) {
		p := &peer{id: id, hello: wire.Hello{Services: wire.TakesRecords}}
		s.peers[id] = p
		r.handleAll(relay.RecordsPeer{Peer: idOf(p), Takes: true})
		done := make(chan struct{})
		h := heldRecords{peer: p, arrived: relay.Arrived{Peer: idOf(p)}, done: done}
		for i := range wire.MaxRecords {
			h.arrived.Records = append(h.arrived.Records, anyRecord(byte(id), uint64(i)))
			h.bytes += h.arrived.Records[i].Size()
		}
		r.held = append(r.held, h)
		r.release()
		read = append(read, done)
	}
	isRead := func(i int) bool {
		select {
		case <-read[i]:
			return true
		default:
			return false
		}
	}
	if r.queue.len() != maxWaiting || !isRead(15) || isRead(16) {
		t.Fatalf("%d records wait, and %d messages", r.queue.len(), len(r.held))
	}
	next := 16
	for r.queue.len() > 0 {
		batch := r.queue.take()
		verdicts := make([]error, len(batch))
		for i := range verdicts {
			verdicts[i] = reject.New(reject.PoolFull, "")
		}
		r.judged(batch, verdicts)
		next = min(next+len(batch)/wire.MaxRecords, len(read))
		if r.queue.len() > maxWaiting || !isRead(next-1) || next < len(read) && isRead(next) {
			t.Fatalf("%d records wait, and %d messages", r.queue.len(), len(r.held))
		}
	}
	if n := s.counts.records[reject.PoolFull]; n != 40*wire.MaxRecords {
		t.Errorf("%d records were judged", n)
	}
}
