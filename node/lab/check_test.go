package lab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/record"
)

// hash returns a hash that differs for each n.
func hash(n int) pow.Hash { return pow.Hash{31: byte(n), 30: byte(n >> 8), 29: 1} }

// good returns the result of a run of four nodes without a breach: a block each second
// for 30 s, which everybody sees at once.
func good(t *testing.T, plan string) *Result {
	t.Helper()
	p, err := Parse("nodes 4 links 3 blocks 30 time 60s " + plan)
	if err != nil {
		t.Fatal(err)
	}
	r := &Result{Plan: p, Genesis: hash(0)}
	for i := 1; i <= 30; i++ {
		at := time.Duration(i) * time.Second
		r.Blocks = append(r.Blocks, &Block{Hash: hash(i), Parent: hash(i - 1), Height: uint32(i), Miner: i % 4, At: at, Seen: []time.Duration{at, at, at, at}})
		for n := range p.Nodes {
			r.Tips = append(r.Tips, TipChange{At: at, Node: n, Tip: hash(i)})
		}
	}
	for i := range 60 {
		r.Links = append(r.Links, Connections{At: time.Duration(i) * time.Second, Peers: []Set{{1, 2, 3}, {0, 2, 3}, {0, 1, 3}, {0, 1, 2}}})
	}
	for n := range p.Nodes {
		r.Finals = append(r.Finals, &Final{Node: n, Up: true, Height: 30, Tip: hash(30), Digest: hash(99), Replayed: n == 0, Checked: 5, Distinct: 5})
	}
	r.Records = []*Record{{ID: record.ID{1}, Fate: FateChain}, {ID: record.ID{2}, Fate: FateOver, Text: "sequence-used"}, {ID: record.ID{3}, Fate: FatePool}}
	return r
}

// stuck keeps the tip of a node where it was at a time.
func (r *Result) stuck(node int, since time.Duration) {
	var kept []TipChange
	for _, c := range r.Tips {
		if c.Node != node || c.At <= since {
			kept = append(kept, c)
		}
	}
	r.Tips = kept
}

// TestCheck: each invariant holds in a good run, and fails where it is broken.
func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		plan   string
		spoil  func(r *Result)
		broken string // invariant; "": none
		text   string // of the breach
	}{
		{name: "good"},
		{"two tips", "", func(r *Result) { r.Finals[2].Tip = hash(29) }, "one-tip", "2 tips: 1e000100: nodes 0-1,3; 1d000100: nodes 2"},
		{"node down", "", func(r *Result) { r.Finals[2].Up = false }, "one-tip", "node 2 does not run"},
		{"two states", "", func(r *Result) { r.Finals[3].Digest = hash(98) }, "one-state", "nodes 0 and 3"},
		{"no replay", "", func(r *Result) { r.Finals[0].Replayed = false }, "one-state", "no chain was replayed"},
		{"lost", "", func(r *Result) { r.Records[1].Fate = FateLost }, "no-record-lost", "which node 0 acknowledged"},
		{"deep loss", "", func(r *Result) {
			r.Records[2].Fate = FatePool
			r.Tips[40].Depth, r.Tips[40].Deep = 7, []record.ID{{3}, {1}}
		}, "no-deep-loss", "reorganisation of 7 blocks: in a pool"},
		{"deep loss after a short cut", "at 5s cut 0 from 1 for 2s", func(r *Result) {
			r.Tips[40].Depth, r.Tips[40].Deep = 7, []record.ID{{3}}
		}, "no-deep-loss", "6 deep"},
		{"deep loss after a long cut", "at 5s cut 0-1 from 2-3 for 13s", func(r *Result) {
			r.Tips[80].Depth, r.Tips[80].Deep = 7, []record.ID{{3}}
		}, "", ""},
		{"reorganisation without loss", "", func(r *Result) { r.Tips[40].Depth, r.Tips[40].Deep = 7, []record.ID{{1}} }, "", ""},
		{"honest fault", "", func(r *Result) { r.Finals[1].Faults = []string{"node 2: bad-bits"} }, "no-honest-fault", "node 2: bad-bits"},
		{"discouraged", "", func(r *Result) { r.Finals[1].Peers.Discouraged = 1 }, "no-honest-fault", "avoids 1 addresses"},
		{"discouraged with reason", "at 5s hostile 1 slow-bytes", func(r *Result) { r.Finals[1].Peers.Discouraged = 1 }, "", ""},
		{"checked twice", "", func(r *Result) { r.Finals[1].Checked = 6 }, "checked-once", "node 1 checked 6 records, and saw 5"},
		{"checked bad ones", "at 5s hostile 1 bad-signatures", func(r *Result) { r.Finals[1].Checked = 6 }, "", ""},
		{"stuck", "", func(r *Result) { r.stuck(1, 9*time.Second) }, "in-step", "heights"},
		{"stuck by a fault", "at 9s slow 1 1B/s", func(r *Result) { r.stuck(1, 9*time.Second) }, "", ""},
		{"stuck with hostile peers", "at 9s hostile 3 slow-bytes", func(r *Result) { r.stuck(1, 9*time.Second) }, "in-step", "differed by more than 2 blocks"},
		{"stuck after a fault", "at 9s slow 1 1B/s for 3s", func(r *Result) { r.stuck(1, 9*time.Second) }, "in-step", "since 12s"},
		{"stuck alone", "", func(r *Result) {
			r.stuck(1, 9*time.Second)
			for i := range r.Links {
				r.Links[i].Peers = []Set{{2, 3}, {}, {0, 3}, {0, 2}}
			}
		}, "", ""},
		{"closes slowly", "", func(r *Result) { r.Finals[1].CloseTime = 6 * time.Second }, "closed", "node 1 took 6s"},
		{"does not close", "", func(r *Result) { r.Finals[1].CloseErr = "no" }, "closed", "node 1 did not close: no"},
		{"leaves something", "", func(r *Result) { r.Finals[1].Left = "a goroutine" }, "closed", "node 1 left a goroutine"},
		{"damage", "", func(r *Result) { r.Finals[1].Damage = "bad body" }, "undamaged", "node 1: bad body"},
	} {
		r := good(t, c.plan)
		if c.spoil != nil {
			c.spoil(r)
		}
		for _, v := range r.Check() {
			switch {
			case v.Name != c.broken && v.Breaches != nil:
				t.Errorf("%s: %s is broken: %v", c.name, v.Name, v.Breaches)
			case v.Name == c.broken && v.Breaches == nil:
				t.Errorf("%s: %s holds", c.name, v.Name)
			case v.Name == c.broken && !strings.Contains(v.Breaches[0].Text, c.text):
				t.Errorf("%s: got %q, want %q in it", c.name, v.Breaches[0].Text, c.text)
			}
		}
	}
}

func TestHealed(t *testing.T) {
	t.Parallel()
	r := good(t, "")
	if got := r.healed(10*time.Second + time.Millisecond); got != 0 {
		t.Errorf("nodes that agree: healed after %v", got)
	}
	tail := r.Tips[40:]
	r.Tips = append(r.Tips[:40:40], TipChange{At: 10500 * time.Millisecond, Node: 2, Tip: hash(77)})
	r.Tips = append(r.Tips, tail...)
	if got := r.healed(10800 * time.Millisecond); got != 200*time.Millisecond {
		t.Errorf("healed after %v, want 200ms", got)
	}
	r.Tips = append(r.Tips, TipChange{At: 50 * time.Second, Node: 2, Tip: hash(77)})
	if got := r.healed(55 * time.Second); got != Never {
		t.Errorf("nodes that never agree: healed after %v", got)
	}
}

// TestHealedFrom: a node that was killed counts when it runs again.
func TestHealedFrom(t *testing.T) {
	t.Parallel()
	r := good(t, "at 10500ms kill 2 restart 5s")
	r.stuck(2, 10*time.Second)
	for _, c := range []TipChange{{At: 10500 * time.Millisecond, Node: 2}, {At: 16200 * time.Millisecond, Node: 2, Tip: hash(10)}, {At: 16700 * time.Millisecond, Node: 2, Tip: hash(16)}} {
		i := slices.IndexFunc(r.Tips, func(o TipChange) bool { return o.At > c.At })
		r.Tips = slices.Insert(r.Tips, i, c)
	}
	if got := r.healedFrom(r.Plan.Faults[0]); got != 1200*time.Millisecond {
		t.Errorf("healed after %v, want 1.2s", got)
	}
	r.stuck(2, 16*time.Second)
	if got := r.healedFrom(r.Plan.Faults[0]); got != Never {
		t.Errorf("the node never runs again: healed after %v", got)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	seen := []time.Duration{5, 3, Never, 9}
	for _, c := range []struct {
		share float64
		want  time.Duration
	}{{0.5, 3}, {0.75, 7}, {1, Never}} {
		if got := spread(2, seen, c.share); got != c.want {
			t.Errorf("to %v: got %d, want %d", c.share, got, c.want)
		}
	}
}
