package chain

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// pastNode is a node with the keys of all states that it ever had.
type pastNode struct {
	*node
	keys map[string]bool
}

// give submits blocks and notes the keys of the state after them.
func (n *pastNode) give(t rapid.TB, blocks ...*chaintest.Block) {
	t.Helper()
	for _, b := range blocks {
		if _, err := n.Submit(b.Block); err != nil {
			t.Fatal(err)
		}
		snapshot := n.store.Snapshot()
		snapshot.State(func(key, _ []byte) bool {
			n.keys[string(key)] = true
			return true
		})
		if err := errors.Join(snapshot.Err(), snapshot.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// hash returns the hash of a state.
func (n *pastNode) hash(view rules.View) (hash pow.Hash, err error) {
	hash = rules.StateHash(func(yield func(key, value []byte) bool) {
		for _, key := range slices.Sorted(maps.Keys(n.keys)) {
			value, failed := view.Get([]byte(key))
			if err = errors.Join(err, failed); value != nil && !yield([]byte(key), value) {
				return
			}
		}
	})
	return hash, err
}

// mustBe checks a state of the past against that of a replay.
func (n *pastNode) mustBe(t rapid.TB, p *Past, b *chaintest.Block) {
	t.Helper()
	err := p.Read(func(view rules.View, next rules.Context) error {
		hash, err := n.hash(view)
		if hash != b.StateHash() || next.Height != b.Height()+1 || next.MedianTime != b.Node().MedianTime() {
			t.Errorf("the state after height %d has the hash %v, a replay gives %v; context %+v", b.Height(), hash, b.StateHash(), next)
		}
		return err
	})
	if err != nil {
		t.Errorf("height %d: %v", b.Height(), err)
	}
}

// The state after any block of the chain is that of a replay up to it, whenever it was
// first asked for, while the chain goes on and changes its branch. A block that left the
// chain has none, until it comes back.
func TestPast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := chaintest.New(chaintest.Network(), rapid.Uint64().Draw(t, "seed"))
		opened, err := open(vfs.NewMem(), b)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.store.Close()
		n := &pastNode{opened, map[string]bool{}}
		tip := b.Genesis
		kept := map[*chaintest.Block]*Past{}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			chain := tip.Chain()
			fork := chain[max(0, len(chain)-1-rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(t, "back"))]
			branch := grown(b, fork, len(chain)-int(fork.Height()), rapid.IntRange(0, 6).Draw(t, "records"))
			n.give(t, branch...)
			tip = last(branch)
			chain = tip.Chain()
			asked := rapid.SampledFrom(chain).Draw(t, "asked")
			p, err := n.Past(asked.Height())
			if err != nil || p.Tip().Hash != asked.Hash() {
				t.Fatalf("height %d: %v", asked.Height(), err)
			}
			kept[asked] = p
			for block, p := range kept {
				if slices.Contains(chain, block) {
					n.mustBe(t, p, block)
				} else if err := p.Read(nil); !errors.Is(err, ErrReplaced) {
					t.Errorf("a block that left the chain: %v", err)
				}
			}
		}
	})
}

// While a state is read, the chain goes on and nothing changes.
func TestPastWhileRead(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	n := &pastNode{newNode(t, b), map[string]bool{}}
	blocks := grown(b, b.Genesis, 6, 4)
	n.give(t, blocks...)
	at, next := blocks[2], grown(b, last(blocks), 2, 4)
	p, err := n.Past(at.Height())
	if err != nil {
		t.Fatal(err)
	}
	err = p.Read(func(view rules.View, _ rules.Context) error {
		n.give(t, next...)
		n.mustBe(t, p, at)
		hash, err := n.hash(view)
		if hash != at.StateHash() {
			t.Errorf("the state changed while it was read")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := n.Past(at.Height()); err != nil || again != p {
		t.Errorf("a state that was asked for before is built again: %v", err)
	}
	for range 2 * maxPasts {
		n.give(t, b.Extend(last(next)))
		next = append(next, b.All()[len(b.All())-1])
		if _, err := n.Past(n.Tip().Height); err != nil {
			t.Fatal(err)
		}
	}
	if kept := len(n.pasts.last); kept != maxPasts {
		t.Errorf("%d states are kept, want %d", kept, maxPasts)
	}
	if _, err := n.Past(n.Tip().Height + 1); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("above the tip: %v", err)
	}
}

// A pruned height has no state, and neither has one too far below the tip, also if it
// was asked for before.
func TestPastBounds(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	full, pruned := newNode(t, b), newNode(t, b, keep(MinKeep))
	blocks := grown(b, b.Genesis, MaxPastBlocks, 0)
	full.give(t, Extended, blocks...)
	pruned.give(t, Extended, blocks[:MinKeep+5]...)
	for height, want := range map[uint32]error{0: store.ErrPruned, 4: store.ErrPruned, 5: nil, MinKeep: nil} {
		if _, err := pruned.Past(height); !errors.Is(err, want) {
			t.Errorf("height %d of a pruned chain: %v, want %v", height, err, want)
		}
	}
	first, err := full.Past(0)
	if err != nil {
		t.Fatal(err)
	}
	full.give(t, Extended, b.Extend(last(blocks)))
	if err := first.Read(nil); !errors.Is(err, ErrTooFar) {
		t.Errorf("%d blocks below the tip: %v", MaxPastBlocks+1, err)
	}
	if _, err := full.Past(0); !errors.Is(err, ErrTooFar) {
		t.Errorf("%d blocks below the tip, asked for anew: %v", MaxPastBlocks+1, err)
	}
	if _, err := full.Past(1); err != nil {
		t.Errorf("%d blocks below the tip: %v", MaxPastBlocks, err)
	}
}

// Many read states of the past while the chain goes on and changes its branch.
func TestPastConcurrently(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	n := &pastNode{newNode(t, b), map[string]bool{}}
	trunk := grown(b, b.Genesis, 12, 3)
	n.give(t, trunk...)
	next := append(grown(b, last(trunk), 4, 3), grown(b, trunk[len(trunk)-3], 12, 3)...) // the second branch becomes the chain
	var readers sync.WaitGroup
	done := make(chan struct{})
	for i := range 3 {
		readers.Go(func() {
			for j := i; ; j++ {
				at := trunk[j%(len(trunk)-3)] // below the fork
				p, err := n.Past(at.Height())
				if err != nil {
					t.Error(err)
					return
				}
				n.mustBe(t, p, at)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for _, block := range next {
		if _, err := n.Submit(block.Block); err != nil {
			t.Error(err)
		}
	}
	close(done)
	readers.Wait()
}
