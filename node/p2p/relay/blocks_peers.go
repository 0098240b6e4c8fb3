package relay

import (
	"slices"
	"time"

	"stele/engine/pow"
	"stele/internal/bounded"
)

const (
	maxPushers  = 3                // peers that are asked to push blocks
	pushPause   = 10 * time.Second // a peer is not asked more often to push, or not to
	maxKnown    = 64               // blocks that a peer is known to have
	minOutbound = 1                // of the peers that are asked to push, if there are any
)

// blockPeer is a peer as [Blocks] sees it.
type blockPeer struct {
	id         PeerID
	isOutbound bool
	wantsPush  bool                   // it has asked for compact blocks
	known      *bounded.Set[pow.Hash] // blocks that it has
	open       []openRequest          // oldest first

	gave    time.Time // when it was last the first to give a block
	pushes  bool      // this node has asked it to push
	changed time.Time // when it was last asked to, or not to
}

// minClass is the lowest class of peers.
const minClass = 1

// class returns how likely it is that the peer is honest. Who has given a block first is
// preferred, as somebody who only wants to keep blocks away does not; and those that
// this node has called are, as others come by themselves, in any number.
func (p *blockPeer) class() int {
	switch {
	case !p.gave.IsZero():
		return minClass + 2
	case p.isOutbound:
		return minClass + 1
	}
	return minClass
}

// openRequest is a request that a peer has not answered.
type openRequest struct {
	hash  pow.Hash
	parts bool // for parts, otherwise for a compact block
	at    time.Time
}

// Ready adds a peer, whose active chain ends with tip.
func (b *Blocks) Ready(now time.Time, id PeerID, isOutbound bool, tip pow.Hash) []BlockAction {
	p := &blockPeer{id: id, isOutbound: isOutbound, known: bounded.NewSet[pow.Hash](maxKnown)}
	p.known.Add(tip)
	b.peers = append(b.peers, p)
	return b.handle(now, b.choosePushers)
}

// Gone removes a peer.
func (b *Blocks) Gone(now time.Time, id PeerID) []BlockAction {
	return b.handle(now, func() {
		p := b.peer(id)
		if p == nil {
			return
		}
		b.peers = slices.DeleteFunc(b.peers, func(x *blockPeer) bool { return x == p })
		for _, hash := range b.over.Keys() {
			a, _ := b.over.Get(hash)
			b.lose(a, a.source(id))
		}
		for _, a := range slices.Clone(b.assemblies) {
			b.lose(a, a.source(id))
			b.advance(a)
		}
		b.choosePushers()
	})
}

// Asked notes whether a peer wants new blocks pushed, or only their headers.
func (b *Blocks) Asked(id PeerID, push bool) {
	if p := b.peer(id); p != nil {
		p.wantsPush = push
	}
}

// Knows notes that a peer has a block.
func (b *Blocks) Knows(id PeerID, hash pow.Hash) {
	if p := b.peer(id); p != nil {
		p.known.Add(hash)
	}
}

// Gave notes that a peer was the first to give a block that became the tip.
func (b *Blocks) Gave(now time.Time, id PeerID) []BlockAction {
	return b.handle(now, func() {
		if p := b.peer(id); p != nil {
			p.gave = now
			b.choosePushers()
		}
	})
}

// choosePushers asks the best peers to push: those that gave a block first lately,
// and at least one outbound one, as nobody can call this node in order to be asked.
func (b *Blocks) choosePushers() {
	best := b.ranked()
	if first := slices.IndexFunc(best, isOutbound); first >= maxPushers {
		best[maxPushers-minOutbound] = best[first]
	}
	best = best[:min(len(best), maxPushers)]
	for _, p := range best {
		if p.pushes || !b.mayChange(p) {
			continue
		}
		if b.countPushers() < maxPushers || b.dismiss(best) {
			b.askToPush(p, true)
		}
	}
}

// ranked returns the peers, those first that gave a block first lately, and of the
// others the outbound ones.
func (b *Blocks) ranked() []*blockPeer {
	all := slices.Clone(b.peers)
	slices.SortStableFunc(all, func(x, y *blockPeer) int {
		if c := y.gave.Compare(x.gave); c != 0 || x.isOutbound == y.isOutbound {
			return c
		}
		if x.isOutbound {
			return -1
		}
		return 1
	})
	return all
}

func isOutbound(p *blockPeer) bool { return p.isOutbound }

// dismiss asks one of the pushing peers that are not among the best not to push any
// more, the one that has given no block for the longest. It reports false if there is
// none.
func (b *Blocks) dismiss(best []*blockPeer) bool {
	var worst *blockPeer
	for _, p := range b.peers {
		if p.pushes && b.mayChange(p) && !slices.Contains(best, p) && (worst == nil || p.gave.Before(worst.gave)) {
			worst = p
		}
	}
	if worst == nil {
		return false
	}
	b.askToPush(worst, false)
	return true
}

func (b *Blocks) mayChange(p *blockPeer) bool {
	return p.changed.IsZero() || b.now.Sub(p.changed) >= pushPause
}

func (b *Blocks) askToPush(p *blockPeer, push bool) {
	p.pushes, p.changed = push, b.now
	b.do(AskPush{p.id, push})
}

func (b *Blocks) countPushers() int {
	n := 0
	for _, p := range b.peers {
		if p.pushes {
			n++
		}
	}
	return n
}

// peer returns a peer, nil if it is unknown.
func (b *Blocks) peer(id PeerID) *blockPeer {
	i := slices.IndexFunc(b.peers, func(p *blockPeer) bool { return p.id == id })
	if i < 0 {
		return nil
	}
	return b.peers[i]
}

// find returns the index of an open request to the peer, below 0 if there is none.
func (p *blockPeer) find(hash pow.Hash, parts bool) int {
	return slices.IndexFunc(p.open, func(r openRequest) bool { return r.hash == hash && r.parts == parts })
}

func (p *blockPeer) hasOpen(hash pow.Hash, parts bool) bool { return p.find(hash, parts) >= 0 }

// HasRequest reports whether a peer has not answered a request for parts of a block, or
// otherwise for its compact form.
func (b *Blocks) HasRequest(id PeerID, hash pow.Hash, parts bool) bool {
	p := b.peer(id)
	return p != nil && p.hasOpen(hash, parts)
}

// answered removes an open request to the peer, and reports whether there was one.
func (p *blockPeer) answered(hash pow.Hash, parts bool) bool {
	i := p.find(hash, parts)
	if i < 0 {
		return false
	}
	p.open = slices.Delete(p.open, i, i+1)
	return true
}
