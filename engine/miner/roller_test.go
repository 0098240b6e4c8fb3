package miner

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine"
	"stele/engine/pow"
)

// A roller never makes a header twice, keeps to the limits of the work, and makes
// the next header whenever there is one.
func TestRoller(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		roots := map[pow.Hash]uint64{}
		r := roller{remember: func(root pow.Hash, _ *Work, extranonce uint64) { roots[root] = extranonce }}
		now := time.Unix(1_700_000_000, 0)
		var w *Work
		jobs := 0
		seen := map[engine.Job]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if w == nil || rapid.IntRange(0, 9).Draw(t, "new") == 0 {
				jobs++
				w = &Work{
					ID: fmt.Sprint(jobs), Target: pow.MaxTarget,
					Time: rapid.Uint32Range(0, 1<<32-1).Draw(t, "time"), Received: now,
					Extranonces: rapid.Uint64Range(1, 4).Draw(t, "extranonces"),
				}
				if rapid.Bool().Draw(t, "limited") {
					w.MaxTime = min(w.Time, 1<<32-4) + 3
				}
				w.Header = func(extranonce uint64, time uint32) pow.Header {
					if extranonce >= w.Extranonces {
						t.Fatalf("extranonce %d of %d", extranonce, w.Extranonces)
					}
					return pow.Header{MerkleRoot: pow.Sum(fmt.Append(nil, w.ID, extranonce)), Time: time}
				}
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "ms")) * time.Millisecond)
			job, ok := r.next(w, now)
			if !ok {
				// Nothing is left at this time.
				for e := range w.Extranonces {
					h := w.Header(e, w.timeAt(now)).Encode()
					if !seen[engine.Job{Header: h, Target: w.Target}] {
						t.Fatalf("extranonce %d was left out", e)
					}
				}
				continue
			}
			header, _ := pow.DecodeHeader(job.Header[:])
			if seen[job] {
				t.Fatalf("%+v twice", header)
			}
			seen[job] = true
			if header.Time < w.Time || w.MaxTime != 0 && header.Time > max(w.MaxTime, w.Time) {
				t.Fatalf("time %d, not within %d and %d", header.Time, w.Time, w.MaxTime)
			}
			if e, known := roots[header.MerkleRoot]; !known || w.Header(e, header.Time) != header {
				t.Fatalf("%+v is not remembered", header)
			}
		}
	})
}

// A later time costs no new Merkle root.
func TestRollerPrefersTime(t *testing.T) {
	p := newPool("pool")
	w := p.work("1", true)
	now := w.Received
	r := roller{remember: func(pow.Hash, *Work, uint64) {}}
	first, _ := r.next(w, now)
	later, _ := r.next(w, now.Add(time.Second))
	third, _ := r.next(w, now.Add(time.Second))
	a, _ := pow.DecodeHeader(first.Header[:])
	b, _ := pow.DecodeHeader(later.Header[:])
	c, _ := pow.DecodeHeader(third.Header[:])
	if a.MerkleRoot != b.MerkleRoot || b.Time != a.Time+1 || c.MerkleRoot == b.MerkleRoot || c.Time != b.Time {
		t.Errorf("%v\n%v\n%v", a, b, c)
	}
}
