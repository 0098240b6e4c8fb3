package chain

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"stele/engine/pow"
	"stele/internal/wake"
	"stele/node/ledger/headertree"
	"stele/node/store"
)

// maxStep is how many blocks an [Event] has at most: 36 bytes are kept for each.
const maxStep = 2000

// Point is a block, by its place.
type Point struct {
	Height uint32
	Hash   pow.Hash
}

// Event is a step along the chain: how to get from the position of a
// [Subscription] to a later one. First the Disconnected blocks leave, which leads
// down to Fork; then the Connected ones join.
//
// An event may have no blocks. Then the tip is the one of before, but something
// about it has changed: Partial, or what the pool has returned.
type Event struct {
	Disconnected []Point // from the old position down, without Fork
	Fork         Point   // last common block of both positions
	Connected    []Point // from the block on Fork up to Position
	Position     Point   // where the subscription is now

	// Tip is the tip of the chain when the event was taken.
	Tip *Tip
	// Partial means that the store has failed while the chain changed branches.
	// The tip is one on the way, on which nothing should be mined; it may stay for
	// long. See [Change.Partial].
	Partial bool
}

// IsBehind reports whether the tip is beyond the position, so that another event
// follows at once.
func (e Event) IsBehind() bool { return e.Position.Hash != e.Tip.Hash }

// Subscription follows the chain at its own pace. It has no queue of blocks: it
// remembers the position up to which its subscriber has followed, and computes
// the way from there to the tip when it is asked. So it takes the same memory
// however slow the subscriber is, nothing is ever lost, and what came in between
// is merged: a subscriber that sleeps while the chain changes branches twice sees
// the difference only. The chain never waits for a subscriber.
//
// One goroutine uses a subscription, in a loop of [Subscription.Next], or of a
// select with [Subscription.C] and then [Subscription.Poll]. It ends by the
// context of Next. The owner calls [Subscription.Close].
type Subscription struct {
	chain    *Chain
	changed  wake.Signal
	position *headertree.Node
	version  uint64 // of what was published when position was the tip; 0: none
}

// Subscribe returns a subscription whose position is the present tip. The first
// event comes when the chain changes after that. Safe for concurrent use.
//
// Subscribers hear of a new tip right after its commit, before the pool has
// followed (see [Options.OnChange]). The state after the tip is there: [Chain.View].
func (c *Chain) Subscribe() *Subscription {
	s := c.subscribers.add(c)
	latest := c.published.Load()
	s.position, s.version = latest.node, latest.version
	return s
}

// SubscribeFrom returns a subscription whose position is the block with a hash,
// to which its subscriber came in an earlier run. The block may be on another
// branch by now. The first event leads away from it, unless it is the tip. From
// the hash of the genesis block, all other blocks follow. Safe for concurrent use.
//
// The error is store.ErrNotFound if the block is not known. Then the subscriber
// has to start anew. That bodies on the way are not pruned is not checked.
func (c *Chain) SubscribeFrom(hash pow.Hash) (*Subscription, error) {
	c.treeMu.RLock()
	position := c.tree.Get(hash)
	c.treeMu.RUnlock()
	if position == nil {
		return nil, fmt.Errorf("block %v: %w", hash, store.ErrNotFound)
	}
	s := c.subscribers.add(c)
	s.position = position
	if latest := c.published.Load(); latest.node == position {
		s.version = latest.version
	} else {
		s.changed.Wake()
	}
	return s, nil
}

// C returns a channel that has an element when [Subscription.Poll] may have an
// event. It never closes.
func (s *Subscription) C() <-chan struct{} { return s.changed }

// Poll returns the next event, and false if there is none yet. It does not block.
func (s *Subscription) Poll() (Event, bool) {
	latest := s.chain.published.Load()
	if s.version == latest.version {
		return Event{}, false
	}
	s.chain.treeMu.RLock()
	e, position := step(s.position, latest.node, maxStep)
	s.chain.treeMu.RUnlock()
	e.Tip, e.Partial = latest.tip, latest.partial
	s.position = position
	if position == latest.node {
		s.version = latest.version
	} else {
		s.changed.Wake()
	}
	return e, true
}

// Next waits for the next event. The error is that of ctx.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Event{}, err
		}
		if e, ok := s.Poll(); ok {
			return e, nil
		}
		select {
		case <-s.changed:
		case <-ctx.Done():
		}
	}
}

// Close ends the subscription. After that, C has no more elements. It may be called
// more than once. Safe for concurrent use.
func (s *Subscription) Close() { s.chain.subscribers.remove(s) }

// step returns the first part of the way from one block to another, with at most
// limit blocks, and where it ends. Tip and Partial of the event are not set.
func step(from, to *headertree.Node, limit int) (Event, *headertree.Node) {
	fork := headertree.ForkPoint(from, to)
	if down := int(from.Height - fork.Height); down > limit {
		fork = from.Ancestor(from.Height - uint32(limit))
		to = fork
	}
	e := Event{Fork: pointOf(fork)}
	for n := from; n != fork; n = n.Parent {
		e.Disconnected = append(e.Disconnected, pointOf(n))
	}
	if room := limit - len(e.Disconnected); int(to.Height-fork.Height) > room {
		to = to.Ancestor(fork.Height + uint32(room))
	}
	for n := to; n != fork; n = n.Parent {
		e.Connected = append(e.Connected, pointOf(n))
	}
	slices.Reverse(e.Connected)
	e.Position = pointOf(to)
	return e, to
}

func pointOf(n *headertree.Node) Point { return Point{Height: n.Height, Hash: n.Hash} }

// published is what others see of the chain. It is never modified.
type published struct {
	node    *headertree.Node
	tip     *Tip   // that of node
	partial bool   // whether the store failed on the way to another tip
	version uint64 // counts what was published, from 1 on
}

// publish shows a tip to all.
func (c *Chain) publish(tip *Tip, partial bool) {
	next := &published{node: c.storeTip, tip: tip, partial: partial, version: 1}
	if before := c.published.Load(); before != nil {
		next.version = before.version + 1
	}
	c.published.Store(next)
	c.subscribers.wake()
}

// subscribers are the subscriptions that are not closed. The zero value is empty.
type subscribers struct {
	mu  sync.Mutex
	all map[*Subscription]struct{}
}

// add returns a new subscription without a position. Whatever is published from
// now on wakes it.
func (s *subscribers) add(c *Chain) *Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[*Subscription]struct{}{}
	}
	added := &Subscription{chain: c, changed: wake.New()}
	s.all[added] = struct{}{}
	return added
}

func (s *subscribers) remove(gone *Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, gone)
}

// wake wakes all subscribers. It does not block.
func (s *subscribers) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for each := range s.all {
		each.changed.Wake()
	}
}
