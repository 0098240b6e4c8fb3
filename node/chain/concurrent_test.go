package chain

import (
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/reject"
	"stele/node/store"
)

// Several goroutines submit the same tree in different orders while others read: the
// result is the same as without concurrency, and the reported changes, put together,
// give the chain.
func TestConcurrentUse(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	b := chaintest.New(chaintest.Network(), 18)
	tree := randomTree(b, rng, 100)
	n := newNode(t, b)

	var writers, readers sync.WaitGroup
	var done atomic.Bool
	for i := range 3 {
		order := randomOrder(tree, rng)
		writers.Go(func() {
			for j, blk := range order {
				if i == 0 {
					n.CatchUp(j%10 < 5)
				}
				if _, err := n.Submit(blk.Block); err != nil {
					t.Error(err)
				}
			}
			n.CatchUp(false)
		})
	}
	for range 2 { // headers come from peers meanwhile, and are forgotten
		order := randomOrder(tree, rng)
		readers.Go(func() {
			for i := 0; !done.Load(); i++ {
				blk := order[i%len(order)]
				if added, err := n.AddHeaders(headersOf(blk.Chain()[1:]), blk.Work()); err != nil {
					t.Errorf("%d headers, %v", added, err)
				}
				readHeaders(t, n)
				n.Forget(blk.Hash())
			}
		})
	}
	for range 2 {
		readers.Go(func() {
			for !done.Load() {
				read(t, n)
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()

	n.check(t)
	chain := []*chaintest.Block{b.Genesis}
	byHash := map[string]*chaintest.Block{}
	for _, blk := range b.All() {
		byHash[blk.Hash().String()] = blk
	}
	for _, change := range n.seen {
		for _, gone := range change.Disconnected {
			if last(chain).Hash() != gone.Hash() {
				t.Fatal("a block was disconnected that was not the tip")
			}
			chain = chain[:len(chain)-1]
		}
		for _, come := range change.Connected {
			if last(chain).Hash() != come.Header.Prev {
				t.Fatal("a block was connected that is not on the tip")
			}
			chain = append(chain, byHash[come.Hash().String()])
		}
		if change.Tip.Hash != last(chain).Hash() {
			t.Fatal("a change has another tip than its blocks")
		}
	}
	n.mustBe(t, last(chain))
}

// readHeaders reads the tree of headers.
func readHeaders(t *testing.T, n *node) {
	best := n.BestHeader()
	if tip := n.Tip(); best.Work.Cmp(tip.Work) < 0 && n.BestHeader().Work.Cmp(tip.Work) < 0 {
		t.Error("the best header has less work than the tip")
	}
	n.Missing(10)
	n.HeaderPoint(best.Hash)
	if err := n.CheckHeader(best.Header); err != nil { // it may be forgotten meanwhile
		if reason, _ := reject.Of(err); reason != reject.UnknownParent {
			t.Error(err)
		}
	}
	locator := n.Locator()
	if n.HeadersAfter(locator, pow.Hash{}, 5); !n.HasBody(locator[len(locator)-1]) {
		t.Error("genesis has no body")
	}
	if n.Trouble() != "" || n.Oldest() != 0 {
		t.Error("a node that does not prune is in trouble")
	}
}

// read reads what is at the tip. A block may have left the chain meanwhile, but no
// result is wrong.
func read(t *testing.T, n *node) {
	tip := n.Tip()
	blk, err := n.Block(tip.Hash)
	if err != nil || blk.Hash() != tip.Hash {
		t.Error(err)
		return
	}
	for _, r := range blk.Records {
		found, err := n.Find(r.ID())
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
		if err == nil && (found.Record.ID() != r.ID() || found.Proof.Check(r.ID()) != nil) {
			t.Error("found another record")
		}
	}
	h, ok := n.Header(tip.Hash)
	if !ok || h.Height != tip.Height {
		t.Errorf("header %+v", h)
	}
	if _, ok := n.HeaderAt(tip.Height); !ok && n.Tip().Height >= tip.Height {
		t.Error("no header at the height of the tip")
	}
	if _, err := n.BlockAt(tip.Height); err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if err := n.Err(); err != nil {
		t.Error(err)
	}
}
