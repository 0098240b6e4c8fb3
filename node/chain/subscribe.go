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

// maxStep is the maximum number of blocks in an [Event], of 36 bytes each.
const maxStep = 2000

// Point identifies a block by height and hash.
type Point struct {
	Height uint32
	Hash   pow.Hash
}

// Event is a step along the chain, from the position of a [Subscription] to the next:
// the Disconnected blocks leave, which leads down to Fork, and then the Connected ones
// join.
//
// An event may have no blocks. Then the tip is unchanged, but Partial has changed, or a
// reorganisation has ended where it began, after which the pool has judged its records
// again.
type Event struct {
	Disconnected []Point // from the old position down, without Fork
	Fork         Point   // last common block of the old and the new position
	Connected    []Point // from the child of Fork up to Position
	Position     Point   // the new position
	Depth        int     // blocks that leave on the way to Tip, in this event and those that follow at once

	// Tip is the tip of the chain when the event was taken.
	Tip *Tip
	// Partial means that the store has failed during a reorganisation. The tip is one
	// on the way, on which nothing should be mined; it may stay for long. See
	// [Change.Partial].
	Partial bool
}

// IsBehind reports whether the position has not reached the tip, so that another event
// follows at once.
func (e Event) IsBehind() bool { return e.Position.Hash != e.Tip.Hash }

// Subscription follows the chain at the pace of its subscriber. It has no queue of
// blocks: it remembers a position, and [Subscription.Poll] computes the way from there
// to the tip. So its memory does not depend on how slow the subscriber is, no change is
// ever lost, and changes that were not polled are merged: after two reorganisations the
// subscriber sees only their difference. The chain never waits for a subscriber.
//
// One goroutine uses a subscription: in a loop with [Subscription.Next], which its
// context ends, or in a select with [Subscription.C], followed by Poll. The owner must
// call [Subscription.Close]. A subscription has no goroutine of its own. Not safe for
// concurrent use, except Close.
type Subscription struct {
	chain    *Chain
	changed  wake.Signal
	position *headertree.Node
	version  uint64 // of the published tip that was the position last; 0: none
}

// Subscribe returns a subscription whose position is the current tip: the first event is
// the next change of the chain. Safe for concurrent use.
//
// Subscribers are notified of a new tip right after its commit. [Chain.Tip] and
// [Chain.View] show it already, but the pool may not have followed yet (see
// [Options.OnChange]).
func (c *Chain) Subscribe() *Subscription {
	s := c.subscribers.add(c)
	latest := c.published.Load()
	s.position, s.version = latest.node, latest.version
	return s
}

// SubscribeFrom returns a subscription whose position is the block with a hash, such as
// the last one that the subscriber handled in an earlier run. The block may be on
// another branch now. Unless it is the tip, there is an event at once. From the genesis
// block, all other blocks follow. Safe for concurrent use.
//
// The error is store.ErrNotFound if the block is not known, or by its header only: the
// subscriber must start again from the genesis block. Whether bodies on the way are pruned is not checked.
func (c *Chain) SubscribeFrom(hash pow.Hash) (*Subscription, error) {
	c.treeMu.RLock()
	position := c.tree.Get(hash)
	isKnown := position != nil && position.HasBody()
	c.treeMu.RUnlock()
	if !isKnown {
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

// C returns a channel that has an element when [Subscription.Poll] may return an event.
// It is never closed.
func (s *Subscription) C() <-chan struct{} { return s.changed }

// Poll returns the next event, or false if there is none. It does not wait.
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

// Close ends the subscription: no further change sets C. Further calls do nothing.
// Safe for concurrent use.
func (s *Subscription) Close() { s.chain.subscribers.remove(s) }

// step returns the first part of the way from one block to another, with at most limit
// blocks, and its end. It does not set Tip and Partial of the event.
func step(from, to *headertree.Node, limit int) (Event, *headertree.Node) {
	fork := headertree.ForkPoint(from, to)
	depth := int(from.Height - fork.Height)
	if depth > limit {
		fork = from.Ancestor(from.Height - uint32(limit))
		to = fork
	}
	e := Event{Fork: pointOf(fork), Depth: depth}
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

// published is the tip that others see. It is never modified.
type published struct {
	node    *headertree.Node
	tip     *Tip   // that of node
	partial bool   // whether the store failed on the way to another tip
	version uint64 // counts calls of publish, from 1 on
}

// publish makes the tip of the store visible, and notifies the subscribers. The caller
// must hold c.mu.
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

// add returns a new subscription without a position. Every later publish wakes it.
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
