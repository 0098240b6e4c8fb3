package chain

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/headertree"
	"stele/node/ledger/reject"
)

// Headers whose bodies are not known take memory, about 400 bytes each. Whoever sent
// them has proved as much work as the chain has, but for a little; where difficulty can
// fall, further headers then cost nothing. So their number is bounded, and those of the
// branches that have proved the least work are removed first: a branch with more work
// than all others always has room.
const (
	// spareBodiless is by how much the headers without bodies may be more than those
	// of the chain. A branch that replaces the whole chain has as many, and those
	// ahead that headersync adds: 10,000.
	spareBodiless = 20_000
	// slackBodiless is how many more than needed are removed where there are too
	// many, because it takes a pass over all of them.
	slackBodiless = 1000
	// keepBodiless is after what time headers without bodies are removed if their
	// branch has proved less work than the chain has.
	keepBodiless = time.Hour
	sweepEvery   = time.Minute
)

// claim is what is known about a header without a body.
type claim struct {
	proven pow.Work // that its branch has shown
	at     time.Time
}

// provenBy returns the work that the branch of a header without a body has shown. It is
// zero for another one, or nil.
func (c *Chain) provenBy(n *headertree.Node) pow.Work {
	c.treeMu.RLock()
	defer c.treeMu.RUnlock()
	return c.bodiless[n].proven
}

// makeRoom makes room for new headers on parent. The caller must hold c.treeMu.
func (c *Chain) makeRoom(parent *headertree.Node, count int, proven pow.Work) error {
	excess := len(c.bodiless) + count - int(c.published.Load().node.Height) - spareBodiless
	if excess <= 0 {
		return nil
	}
	var lesser []*headertree.Node
	if proven.Cmp(c.least) > 0 {
		if lesser = c.lesserBodiless(proven); len(lesser) == 0 {
			c.least = proven // to answer the next one without a pass
		}
	}
	lesser = slices.DeleteFunc(lesser, func(n *headertree.Node) bool { return parent.Ancestor(n.Height) == n })
	if c.remove(lesser[:min(excess+slackBodiless, len(lesser))]) < excess {
		return reject.New(reject.LowWork, "%d headers without bodies are kept, whose branches have shown as much work as this one, %v", len(c.bodiless), proven)
	}
	return nil
}

// lesserBodiless returns the headers without bodies all of whose branches have shown less
// work, those with the least first, and each after its children. The caller must hold
// c.treeMu.
func (c *Chain) lesserBodiless(proven pow.Work) []*headertree.Node {
	all := c.selectBodiless(func(*headertree.Node, claim) bool { return true })
	most := make(map[*headertree.Node]pow.Work, len(all)) // of the branches of each
	note := func(n *headertree.Node, work pow.Work) {
		if most[n].Cmp(work) < 0 {
			most[n] = work
		}
	}
	for _, n := range all {
		note(n, c.bodiless[n].proven)
		note(n.Parent, most[n])
	}
	lesser := slices.DeleteFunc(all, func(n *headertree.Node) bool { return most[n].Cmp(proven) >= 0 })
	slices.SortStableFunc(lesser, func(a, b *headertree.Node) int { return most[a].Cmp(most[b]) })
	return lesser
}

// sweepTree is sweep with the clock and the lock.
func (c *Chain) sweepTree() {
	c.treeMu.Lock()
	defer c.treeMu.Unlock()
	c.sweep(c.clock())
}

// sweep removes, once in a while, headers without bodies that no longer count: those of
// branches that are invalid, that this node cannot follow any more, or that had less
// work than the chain for long. The caller must hold c.treeMu.
func (c *Chain) sweep(now time.Time) {
	if age := now.Sub(c.swept); 0 <= age && age < sweepEvery {
		return
	}
	c.swept = now
	if len(c.bodiless) == 0 {
		return
	}
	tip := c.published.Load().node
	c.remove(c.selectBodiless(func(n *headertree.Node, had claim) bool {
		switch {
		case n.Invalid():
			return true
		case had.proven.Cmp(tip.Work) < 0 && now.Sub(had.at) >= keepBodiless:
			return true
		}
		return c.checkPruned(n, tip, had.proven) != nil
	}))
}

// selectBodiless returns the headers without bodies that match, the highest first, so
// that each comes after its children. The caller must hold c.treeMu.
func (c *Chain) selectBodiless(match func(*headertree.Node, claim) bool) []*headertree.Node {
	var selected []*headertree.Node
	for n, had := range c.bodiless {
		if match(n, had) {
			selected = append(selected, n)
		}
	}
	slices.SortFunc(selected, func(a, b *headertree.Node) int {
		if order := cmp.Compare(b.Height, a.Height); order != 0 {
			return order
		}
		return slices.Compare(a.Hash[:], b.Hash[:])
	})
	return selected
}

// remove removes headers without bodies, except those that have children by then, and
// returns how many. The caller must hold c.treeMu.
func (c *Chain) remove(nodes []*headertree.Node) int {
	removed := c.tree.Remove(nodes...)
	for _, n := range nodes {
		if c.tree.Get(n.Hash) != n {
			delete(c.bodiless, n)
		}
	}
	return removed
}

// Forget removes a header without a body at the end of a branch, and those before it
// that lead to nothing else. Others, and those with bodies, are kept. Safe for
// concurrent use.
func (c *Chain) Forget(hash pow.Hash) {
	c.treeMu.Lock()
	defer c.treeMu.Unlock()
	var branch []*headertree.Node
	for n := c.tree.Get(hash); n != nil; n = n.Parent {
		if _, ok := c.bodiless[n]; !ok {
			break
		}
		branch = append(branch, n)
	}
	c.remove(branch)
}

// checkPruned rejects what is on a parent whose branch leaves the chain below the
// oldest body: the chain cannot be disconnected that far. If the branch has more work
// than the chain, the node is in trouble.
func (c *Chain) checkPruned(parent, tip *headertree.Node, work pow.Work) error {
	pruned := c.pruned.Load()
	if pruned == 0 {
		return nil
	}
	fork := headertree.ForkPoint(parent, tip)
	if fork.Height+1 >= pruned {
		return nil
	}
	if before := c.unfollowed.Load(); work.Cmp(tip.Work) > 0 && (before == nil || before.Cmp(work) < 0) {
		c.unfollowed.Store(&work)
		level := slog.LevelDebug
		if before == nil || before.Cmp(tip.Work) <= 0 { // else it is known already, but has grown
			level = slog.LevelWarn
		}
		c.log.Log(context.Background(), level, "branch with more work cannot be followed: bodies are pruned", "fork", fork.Height, "oldest", pruned)
	}
	return reject.New(reject.BelowPruned, "it leaves the chain after height %d, and this node has pruned the blocks below %d", fork.Height, pruned)
}

// Trouble reports what keeps the node from the chain with the most work that it has
// seen, or returns nothing. Safe for concurrent use.
func (c *Chain) Trouble() string {
	work := c.unfollowed.Load()
	if work == nil || work.Cmp(c.Tip().Work) <= 0 {
		return ""
	}
	return "a chain with more work exists that this pruned node cannot follow"
}
