package headersync

import (
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/ledger/reject"
)

// A tail judges each header as the header tree does, from whatever header of the tree
// it begins at, through retargets and at the edges of the rules about time.
func TestTailAgreesWithTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newNode(pow.Work{})
		at := n.tree.Best()
		tails := []tail{}
		for i := range rapid.IntRange(1, 120).Draw(t, "headers") {
			if i%13 == 0 { // another one that begins here
				p, _ := n.find(at.Hash)
				tails = append(tails, newTail(p))
			}
			time := int64(at.MinTime()) + rapid.SampledFrom([]int64{-1, 0, 0, 1, 5, 20, 40}).Draw(t, "time")
			h := pow.Header{Prev: at.Hash, Time: uint32(time), Bits: at.NextBits()}
			if rapid.IntRange(0, 20).Draw(t, "bits") == 0 {
				h.Bits--
			}
			_, want := n.tree.Check(h)
			for k := range tails {
				err := tails[k].append(easy, h, h.Hash())
				if (err == nil) != (want == nil) || err != nil && !isFor(want, err) {
					t.Fatalf("tail %d, height %d: %v, want %v", k, at.Height+1, err, want)
				}
			}
			if want != nil {
				continue
			}
			added, err := n.tree.Add(h, h.Hash())
			if err != nil {
				t.Fatal(err)
			}
			at = added
			for k, tail := range tails {
				if tail.hash != at.Hash || tail.height != at.Height || tail.work != at.Work {
					t.Fatalf("tail %d: height %d, work %v, want %d and %v", k, tail.height, tail.work, at.Height, at.Work)
				}
			}
		}
	})
}

// isFor reports whether a rejection of the tree has the reason of an error of a tail.
func isFor(rejection, err error) bool {
	reason, ok := reject.Of(rejection)
	return ok && reason == reasonOf(err)
}

// The rule of BIP 54 about the first header of a period.
func TestTailTimeWarp(t *testing.T) {
	p, _ := newNode(pow.Work{}).find(genesis.Hash())
	tl := newTail(p)
	for range easy.RetargetInterval - 1 {
		h := pow.Header{Prev: tl.hash, Time: tl.time + 3000, Bits: tl.bits}
		if err := tl.append(easy, h, h.Hash()); err != nil {
			t.Fatal(err)
		}
	}
	last := tl
	h := pow.Header{Prev: tl.hash, Time: tl.time - 7201, Bits: tl.bits}
	if err := tl.append(easy, h, h.Hash()); err == nil || reasonOf(err) != reject.TimeWarp || tl != last {
		t.Errorf("%v", err)
	}
	h.Time++
	if err := tl.append(easy, h, h.Hash()); err != nil {
		t.Error(err)
	}
}
