package lab

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stele/engine/pow"
)

// A node with 200 hostile peers of all kinds and one honest one follows the tip of that
// one within two blocks, but for moments, also if the honest one comes back when the others are there, and
// if the node itself starts again. STELE_LONG=1 runs more seeds, and longer.
//
// Each block that is announced costs an attacker its proof of work, which is free here:
// those who announce some are few, and have as much of it as the honest nodes have.
func TestHostileMajority(t *testing.T) {
	seeds, seconds := 1, 30
	if os.Getenv("STELE_LONG") != "" {
		seeds, seconds = 3, 90
	}
	counts := map[Attack]int{
		FloodHeaders: 12, SlowBytes: 37, WithholdBody: 1, WrongBody: 1, FalseCompact: 1,
		EmptyHave: 37, BadSignatures: 37, ManyAddresses: 37, ComeAndGo: 37,
	}
	for seed := 1; seed <= seeds; seed++ {
		var text strings.Builder
		fmt.Fprintf(&text, "nodes 2 links 1 seed %d blocks %d records 2/s time %ds line * latency 50ms\n", seed, seconds*2/3, seconds)
		hostile := 0
		for _, attack := range Attacks {
			fmt.Fprintf(&text, "at 2s hostile %d %s on 0 for %ds\n", counts[attack], attack, seconds-4)
			hostile += counts[attack]
		}
		fmt.Fprintf(&text, "at 8s kill 1 restart 3s\n at %ds kill 0 restart 3s", seconds/2)
		p, err := Parse(text.String())
		if err != nil {
			t.Fatal(err)
		}
		var r *Result
		synctest.Test(t, func(t *testing.T) {
			w, err := OpenInside(p, "virtual", 5*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if r, err = Run(context.Background(), p, w); err != nil {
				t.Error(err)
			}
		})
		for _, v := range r.Check() {
			if len(v.Breaches) > 0 {
				t.Errorf("seed %d: %s: %+v", seed, v.Name, v.Breaches[0])
			}
		}
		worst, longest := r.apart(10 * time.Second)
		var ends []string
		for reason, n := range r.Finals[0].Peers.Counts.Disconnects {
			ends = append(ends, fmt.Sprintf("%s %d", reason, n))
		}
		t.Logf("seed %d, %d hostile peers: at most %d blocks apart, more than %d for %v; height %d; connections of node 0 ended: %v",
			seed, hostile, worst, maxApart, longest, r.Finals[0].Height, ends)
		if longest > 3*time.Second {
			t.Errorf("seed %d: more than %d blocks apart for %v", seed, maxApart, longest)
		}
	}
}

// apart returns by how many blocks running nodes were apart at most, and the longest time
// for which they were so by more than two. A node counts from grace after its start on.
func (r *Result) apart(grace time.Duration) (worst int, longest time.Duration) {
	blocks := r.byHash()
	up := make([]time.Duration, r.Plan.Nodes) // since when
	was := make([]pow.Hash, r.Plan.Nodes)
	since := Never
	r.eachTips(func(at time.Duration, tips []pow.Hash) bool {
		if since != Never {
			longest = max(longest, at-since)
		}
		low, high := -1, -1
		for n, tip := range tips {
			if was[n] == (pow.Hash{}) {
				up[n] = at
			}
			if was[n] = tip; tip == (pow.Hash{}) || at < up[n]+grace {
				continue
			}
			height := 0 // of genesis
			if b := blocks[tip]; b != nil {
				height = int(b.Height)
			}
			if low < 0 || height < low {
				low = height
			}
			high = max(high, height)
		}
		worst = max(worst, high-low)
		switch {
		case high-low <= maxApart:
			since = Never
		case since == Never:
			since = at
		}
		return true
	})
	return worst, longest
}
