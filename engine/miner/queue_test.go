package miner

import (
	"context"
	"encoding/binary"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"stele/engine"
)

// A queue returns what was added, in that order, but blocks first.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		var blocks, others []uint64
		for i := range uint64(rapid.IntRange(0, 60).Draw(t, "steps")) {
			switch rapid.SampledFrom([]string{"block", "other", "next"}).Draw(t, "step") {
			case "block":
				q.add(queued{Share: Share{Extranonce: i}, block: true})
				blocks = append(blocks, i)
			case "other":
				q.add(queued{Share: Share{Extranonce: i}})
				others = append(others, i)
			default:
				from := &blocks
				if len(blocks) == 0 {
					from = &others
				}
				s, ok := q.next()
				if ok != (len(*from) > 0) || ok && s.Extranonce != (*from)[0] {
					t.Fatalf("got %d, %v, want the first of %d", s.Extranonce, ok, *from)
				}
				if ok {
					*from = (*from)[1:]
				}
			}
			if q.len() != len(blocks)+len(others) {
				t.Fatalf("%d wait, want %d", q.len(), len(blocks)+len(others))
			}
		}
	})
}

// Where nearly every hash is a block, what waits and what is in flight is bounded. With
// new work all that waits is stale at once, and a share of that work is submitted as
// soon as the source has answered the old ones.
func TestManyBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, d := newPool("pool"), &slow{id: "slow"}
		d.set(blind)
		over := make(chan struct{}) // the old work: the source gives its shares up
		var taken []uint64
		p.answer = func(ctx context.Context, s Share) error {
			if s.Work.ID != "1" {
				p.mu.Lock()
				defer p.mu.Unlock()
				taken = append(taken, s.Extranonce)
				return nil
			}
			select {
			case <-over:
				return &Rejection{Cause: Stale}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		r := start(t, Options{}, d, p)
		send := func(w *Work, extranonce uint64, block bool) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.send(r.sources[0], Share{Work: w, Extranonce: extranonce, Found: time.Now()}, block)
		}
		const many, sent = 100_000, 4 * maxInFlight
		for i := range uint64(many) {
			send(p.works[0], i, true)
		}
		synctest.Wait()
		if s := r.Status().Shares; s.Pending != sent+maxWaiting || s.Rejected[Lost] != many-s.Pending {
			t.Errorf("%d pending, %v", s.Pending, s.Rejected)
		}
		if n := runtime.NumGoroutine(); n > sent+100 {
			t.Errorf("%d goroutines", n)
		}

		fresh := p.give(true)
		if s := r.Status().Shares; s.Pending != sent || s.Rejected[Stale] != maxWaiting {
			t.Errorf("with new work: %d pending, %v", s.Pending, s.Rejected)
		}
		for i := range uint64(3) {
			send(fresh, i, i == 2)
		}
		close(over)
		synctest.Wait()
		if s := r.Status().Shares; s.Pending != 0 || s.Accepted != 3 || s.Rejected[Stale] != maxWaiting+sent {
			t.Errorf("in the end: %d pending, %d accepted, %v", s.Pending, s.Accepted, s.Rejected)
		}
		if len(taken) != 3 {
			t.Errorf("taken %v", taken)
		}
		r.end()
	})
}

// The cost of a hit that is out of date, as nearly all are where every second hash is a
// block.
func BenchmarkStaleHit(b *testing.B) {
	m := New(Options{Engine: engine.New([]engine.Device{&slow{id: "slow"}}, nil), Sources: []Source{newPool("pool")}})
	u := m.sources[0]
	job, ok := u.roller.next(newPool("pool").work("1", true), time.Now())
	if !ok {
		b.Fatal("no job")
	}
	u.generation++
	hit := engine.Hit{Job: job, Version: 0x20000000, Device: "slow"}
	b.ReportAllocs()
	for i := range b.N {
		binary.LittleEndian.PutUint64(hit.Hash[:], uint64(i))
		m.hit(hit)
	}
	if got := m.Status().Shares.Rejected[Stale]; got != uint64(b.N) {
		b.Fatalf("%d of %d are stale", got, b.N)
	}
}
