package p2p

import (
	"testing"
	"time"

	"stele/node/chain/chaintest"
)

// Nodes with random branches of a random tree, connected at random, agree on the branch
// with the most work, whatever they have seen before and in which order.
func TestRandomTreesAgree(t *testing.T) {
	for seed := range uint64(6) {
		bubble(t, func(w *world) { w.agree(seed) })
	}
}

func (w *world) agree(seed uint64) {
	w.Helper()
	w.builder = chaintest.New(testNetwork, 1000+seed)
	r := w.builder.Rand
	tree := []*chaintest.Block{w.builder.Genesis}
	for range 80 {
		// Mostly on one of the last blocks, so that branches become long.
		parent := tree[len(tree)-1-min(len(tree)-1, r.IntN(4)*r.IntN(4))]
		tree = append(tree, w.builder.Extend(parent, w.builder.Records(parent, r.IntN(3))...))
	}
	best := tree[0]
	for _, b := range tree {
		if b.Height() > best.Height() {
			best = b
		}
	}
	best = w.builder.Extend(best)
	var all []*testNode
	for i := range 5 {
		n := w.node()
		n.give(tree[r.IntN(len(tree))].Chain()[1:]...)
		if i > 0 {
			n.stop()
			peersOf(all[r.IntN(i)], all[r.IntN(i)])(&n.options)
			n.start()
		}
		all = append(all, n)
	}
	all[r.IntN(len(all))].give(best.Chain()[1:]...)
	for _, n := range all {
		n.reaches(best, time.Minute)
	}
	for _, n := range all {
		if s := n.Status(); s.Discouraged > 0 || len(s.Gone) > 0 {
			w.Errorf("seed %d: node %v: %+v", seed, n.host.Addr(), s.Gone)
		}
	}
}
