package p2p

import (
	"slices"
	"testing"
	"testing/synctest"

	"golang.org/x/time/rate"
	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/p2p/relay"
	"stele/node/p2p/slots"
	"stele/node/p2p/wire"
)

// anyRecord returns record seq of an account, without signatures.
func anyRecord(account byte, seq uint64) *record.Record {
	return record.New(record.Record{Version: record.TypePay.Version(), Key: record.Key{account}, Seq: seq, Payload: record.Pay{Amount: 1}})
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
	const peers = 40
	bubble(t, func(w *world) {
		n := w.node()
		r := &recorder{
			s: n.Server, relay: relay.NewRecords(1), queue: newAdmission(), peers: map[*peer]*exchange{},
		} // its records are admitted by this test
		var read []<-chan struct{}
		n.onLoop(func() {
			for id := range slots.ID(peers) {
				p := &peer{id: 1000 + id, hello: wire.Hello{Services: wire.TakesRecords}}
				n.peers[p.id] = p
				r.peers[p] = &exchange{unasked: rate.NewLimiter(rate.Inf, 0)}
				m := &wire.Records{}
				for i := range wire.MaxRecords {
					m.Records = append(m.Records, anyRecord(byte(id), uint64(i)).Encode())
				}
				r.relay.Handle(w.clock(), relay.RecordsPeer{Peer: idOf(p), Takes: true})
				var want []pow.Hash
				for _, raw := range m.Records {
					want = append(want, pow.Sum(raw))
				}
				r.relay.Handle(w.clock(), relay.Announced{Peer: idOf(p), Hashes: want})
				read = append(read, r.take(p, m))
			}
		})
		countRead := func() (n int) {
			for _, done := range read {
				select {
				case <-done:
					n++
				default:
				}
			}
			return n
		}
		judged := 0
		for {
			synctest.Wait()
			want := min(maxWaiting/wire.MaxRecords+judged/wire.MaxRecords, peers)
			if got := countRead(); got != want || r.queue.len()+judged != want*wire.MaxRecords {
				t.Fatalf("%d messages are read, want %d; %d records wait", got, want, r.queue.len())
			}
			batch := r.queue.take()
			if len(batch) == 0 {
				break
			}
			judged += len(batch)
			verdicts := make([]error, len(batch))
			for i := range verdicts {
				verdicts[i] = reject.New(reject.PoolFull, "")
			}
			n.onLoop(func() { r.judged(batch, verdicts) })
		}
		n.onLoop(func() {
			for id := range slots.ID(peers) {
				delete(n.peers, 1000+id)
			}
		})
		if judged != peers*wire.MaxRecords {
			t.Errorf("%d records were judged", judged)
		}
	})
}
