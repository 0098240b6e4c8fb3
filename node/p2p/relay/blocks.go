package relay

import (
	"slices"
	"time"

	"stele/engine/pow"
	"stele/internal/bounded"
)

// Limits of the blocks that are rebuilt.
const (
	MaxRebuilds        = 8  // compact blocks that are kept, of all blocks
	MaxRebuildsOfBlock = 3  // compact blocks that are kept of one block
	maxRebuildsOfPeer  = 3  // compact blocks of different blocks that are kept of one peer
	maxAsked           = 3  // requests for compact forms of one block
	maxAssemblies      = 16 // blocks that are rebuilt, or for which compact forms are requested
	maxBranches        = 2  // blocks of one height that are pushed before they are connected
	maxPushed          = 64 // blocks that are remembered as pushed
	maxFinished        = 64 // blocks that are remembered as whole, and others as given up
	maxHeaders         = 8  // headers that announce a branch
	minPushes          = 3  // peers to which a block is pushed that this node has not from a compact one
	maxPushes          = 6  // peers to which a block is pushed: more would all get it later
)

// Times of requests.
const (
	requestLate  = 2 * time.Second  // then another peer is asked too
	requestLimit = 20 * time.Second // then the peer is dropped
)

// PeerID names a connection to a peer. The caller chooses it, and never uses one for
// a second connection.
type PeerID uint64

// BlockRef is a block's place among others.
type BlockRef struct {
	Hash, Parent pow.Hash
	Height       uint32
}

// Result is what became of a [Assemble].
type Result uint8

const (
	// Whole: the block is complete, and header and body belong together.
	Whole Result = iota + 1
	// SomeMissing: few records are missing, and are worth asking for alone.
	SomeMissing
	// MostMissing: so many records are missing that the block should come whole.
	MostMissing
	// Mismatch: the block is complete, but the header is of other records. That is
	// nobody's fault: records can have the short ids of others.
	Mismatch
	// Invalid: the body belongs to the header and breaks a rule, so that no other
	// body can be valid. It is submitted too, so that the chain remembers it.
	Invalid
	// Faulty: what the peer sent breaks a rule. The caller disconnects it.
	Faulty
)

// BlockAction is what the caller of a [Blocks] must do: one of the types of this
// package that say so.
type BlockAction interface{ blockAction() }

type (
	// RequestCompact is the action to request the compact form of a block.
	RequestCompact struct {
		Peer PeerID
		Hash pow.Hash
	}

	// RequestParts is the action to request the missing records of a block that was
	// assembled from the compact form of the peer.
	RequestParts struct {
		Peer PeerID
		Hash pow.Hash
	}

	// Assemble is the action to rebuild a block from the compact form that a peer has
	// sent, and to call [Blocks.Assembled].
	Assemble struct {
		Peer PeerID
		Hash pow.Hash
	}

	// Discard is the action to forget the compact form of a block that a peer has
	// sent, and what was made of it.
	Discard struct {
		Peer PeerID
		Hash pow.Hash
	}

	// Submit is the action to submit the block that was assembled. Requested is
	// whether the peer sent it for a request, after it had announced the block, and
	// so claims that it is valid; a peer that pushes a block need not know that.
	Submit struct {
		Peer      PeerID
		Hash      pow.Hash
		Requested bool
	}

	// GiveUp is the action to get the block whole from these peers, which have
	// announced it.
	GiveUp struct {
		Hash  pow.Hash
		Peers []PeerID
	}

	// Push is the action to send the compact form of a block to a peer.
	Push struct {
		Peer PeerID
		Hash pow.Hash
	}

	// SendHeaders is the action to announce blocks to a peer by their headers, of
	// which each is the child of the one before.
	SendHeaders struct {
		Peer   PeerID
		Hashes []pow.Hash
	}

	// AskPush is the action to ask a peer to push new blocks, or not to.
	AskPush struct {
		Peer PeerID
		Push bool
	}

	// Late is the action to disconnect a peer that has not answered a request.
	Late struct {
		Peer PeerID
		Hash pow.Hash
	}
)

func (RequestCompact) blockAction() {}
func (RequestParts) blockAction()   {}
func (Assemble) blockAction()       {}
func (Discard) blockAction()        {}
func (Submit) blockAction()         {}
func (GiveUp) blockAction()         {}
func (Push) blockAction()           {}
func (SendHeaders) blockAction()    {}
func (AskPush) blockAction()        {}
func (Late) blockAction()           {}

// Blocks decides how new blocks spread: whose compact blocks are rebuilt, whom to ask
// for what is missing, to whom a block is pushed, and who is asked to push. Make one
// with [NewBlocks]. Its methods report events, and return the actions to take, in this
// order. Time must not go backwards. Not safe for concurrent use.
//
//   - Three peers are asked to push: those that gave a block first lately, and always an
//     outbound one if there is one.
//   - Of a block at most three compact forms are kept, and eight of all. While parts for
//     one are on their way, the others wait, for 2 s. Peers that gave a block before, and
//     those that this node has called, do not wait for others, and displace them.
//   - What cannot be rebuilt is given up, so that the caller gets the block whole. A
//     compact form that another peer sends afterwards is used all the same.
//   - A block is pushed on as soon as header and body are known to belong together:
//     once for each place in the tree, for two branches of a height, and to six peers.
//     A tip of this node's own goes to three peers, whether they have asked or not.
//   - All others hear of a tip by its header. Nobody hears of what it has.
//   - A peer that does not answer a request for 20 s is dropped.
type Blocks struct {
	now     time.Time // of the current event
	actions []BlockAction

	peers      []*blockPeer                      // in the order in which they joined
	assemblies []*assembly                       // oldest first
	over       *bounded.Map[pow.Hash, *assembly] // that are over
	finished   *bounded.Set[pow.Hash]            // blocks that are whole, or known otherwise
	pushed     *bounded.Map[place, struct{}]
	pushes     *bounded.Map[pow.Hash, int] // how often a block was pushed
	branches   *bounded.Map[uint32, int]   // pushed blocks by height
}

// place is where a block extends a branch.
type place struct {
	height uint32
	parent pow.Hash
}

// NewBlocks returns a machine without peers.
func NewBlocks() *Blocks {
	return &Blocks{
		over:     bounded.NewMap[pow.Hash, *assembly](maxFinished),
		finished: bounded.NewSet[pow.Hash](maxFinished),
		pushed:   bounded.NewMap[place, struct{}](maxPushed),
		pushes:   bounded.NewMap[pow.Hash, int](maxPushed),
		branches: bounded.NewMap[uint32, int](maxPushed),
	}
}

// handle makes a change, and returns the actions that follow.
func (b *Blocks) handle(now time.Time, change func()) []BlockAction {
	b.now = now
	change()
	actions := b.actions
	b.actions = nil
	return actions
}

func (b *Blocks) do(a BlockAction) { b.actions = append(b.actions, a) }

// Tip announces a new tip. Branch is the end of the active chain, the tip last: at
// least what the tip has that the tip before had not, or the last 8 of it.
//
// A tip that was not pushed before it was connected, as one of this node's own, is
// pushed to some peers even if few have asked for that, since nobody else may have it.
func (b *Blocks) Tip(now time.Time, branch []BlockRef) []BlockAction {
	return b.handle(now, func() {
		branch = branch[max(0, len(branch)-maxHeaders):]
		tip := branch[len(branch)-1]
		isOrigin := !b.pushes.Has(tip.Hash)
		b.pushed.Put(place{tip.Height, tip.Parent}, struct{}{})
		var others []*blockPeer
		var news [][]BlockRef
		for _, p := range b.ranked() {
			part := lacking(p, branch)
			if len(part) == 1 && p.wantsPush && b.push(p, tip.Hash) || len(part) == 0 {
				continue
			}
			others = append(others, p)
			news = append(news, part)
		}
		for i, p := range others {
			n, _ := b.pushes.Get(tip.Hash)
			if isOrigin && n < minPushes && len(news[i]) == 1 && b.push(p, tip.Hash) {
				continue
			}
			b.sendHeaders(p, news[i])
		}
	})
}

// lacking returns the part of a branch that a peer does not have. If it has none of
// the branch, that is only the end, and the peer asks for what is between.
func lacking(p *blockPeer, branch []BlockRef) []BlockRef {
	first := len(branch) - 1
	for i, ref := range branch {
		switch {
		case p.known.Has(ref.Hash):
			first = i + 1
		case p.known.Has(ref.Parent):
			first = i
		}
	}
	return branch[first:]
}

func (b *Blocks) sendHeaders(p *blockPeer, news []BlockRef) {
	hashes := make([]pow.Hash, len(news))
	for i, ref := range news {
		hashes[i] = ref.Hash
		p.known.Add(ref.Hash)
	}
	b.do(SendHeaders{p.id, hashes})
}

// pushOn pushes a block that is not connected yet. Once for each place in the tree
// and for two branches is enough: more would help those who make many blocks with
// little work.
func (b *Blocks) pushOn(ref BlockRef) {
	at := place{ref.Height, ref.Parent}
	n, _ := b.branches.Get(ref.Height)
	if b.pushed.Has(at) || n >= maxBranches {
		return
	}
	b.pushed.Put(at, struct{}{})
	b.branches.Put(ref.Height, n+1)
	b.pushes.Put(ref.Hash, 0)
	for _, p := range b.ranked() {
		if p.wantsPush && !p.known.Has(ref.Hash) {
			b.push(p, ref.Hash)
		}
	}
}

// push pushes a block to a peer, unless it was pushed to as many as it may.
func (b *Blocks) push(p *blockPeer, hash pow.Hash) bool {
	n, _ := b.pushes.Get(hash)
	if n >= maxPushes {
		return false
	}
	b.pushes.Put(hash, n+1)
	p.known.Add(hash)
	b.do(Push{p.id, hash})
	return true
}

// Known reports that the chain has a block, or has rejected it for good.
func (b *Blocks) Known(now time.Time, hash pow.Hash) []BlockAction {
	return b.handle(now, func() {
		b.finished.Add(hash)
		if a := b.assembly(hash); a != nil {
			b.end(a)
		}
	})
}

// Due returns when [Blocks.Tick] should be called next; zero: only after another
// event.
func (b *Blocks) Due() time.Time {
	var due time.Time
	note := func(t time.Time) {
		if due.IsZero() || t.Before(due) {
			due = t
		}
	}
	for _, p := range b.peers {
		for _, r := range p.open {
			note(r.at.Add(requestLimit))
		}
	}
	for _, a := range b.assemblies {
		if at := a.asked.Add(requestLate); !a.busy && at.After(b.now) {
			note(at)
		}
	}
	return due
}

// Tick does what is due.
func (b *Blocks) Tick(now time.Time) []BlockAction {
	return b.handle(now, func() {
		for _, p := range b.peers {
			if len(p.open) > 0 && now.Sub(p.open[0].at) >= requestLimit {
				b.do(Late{p.id, p.open[0].hash})
				p.open = nil
			}
		}
		for _, a := range slices.Clone(b.assemblies) {
			b.advance(a)
		}
	})
}
