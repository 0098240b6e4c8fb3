package relay

import (
	"slices"
	"time"

	"stele/engine/pow"
)

// assembly is a block that is being rebuilt.
type assembly struct {
	ref     BlockRef
	sources []*source // in the order in which they came
	busy    bool      // the caller assembles
	isOver  bool      // it has ended, or was given up: only a compact form of another peer revives it
	asked   time.Time // when a peer was last asked
	count   int       // requests for compact forms
}

// source is a peer that has announced the block.
type source struct {
	id        PeerID
	stage     stage
	requested bool // the compact form came for a request
	gone      bool
}

// stage is how far a block has come from a source.
type stage uint8

const (
	announced    stage = iota // the peer has the block
	askedCompact              // the peer was asked for the compact form
	held                      // the caller keeps the compact form
	working                   // the caller assembles
	askedParts                // the peer was asked for parts
	failed
)

// keeps reports whether the caller keeps the compact form of the source.
func (s *source) keeps() bool { return s.stage == held || s.stage == working || s.stage == askedParts }

// Compact reports that a peer has sent the compact form of a block, whose header is
// valid and a child of a connected block. The caller keeps it until [Discard], which
// may be among the actions of this call. If it keeps one of the same block and peer
// already, it does not call Compact.
func (b *Blocks) Compact(now time.Time, id PeerID, ref BlockRef) []BlockAction {
	return b.handle(now, func() { b.compact(id, ref) })
}

func (b *Blocks) compact(id PeerID, ref BlockRef) {
	p := b.peer(id)
	if p == nil {
		b.do(Discard{id, ref.Hash})
		return
	}
	p.known.Add(ref.Hash)
	requested := p.answered(ref.Hash, false)
	a := b.assembly(ref.Hash)
	s := a.source(id)
	switch {
	case s != nil && s.keeps():
		return // the caller keeps the first one
	case b.finished.Has(ref.Hash), s != nil && s.stage == failed:
		b.do(Discard{id, ref.Hash})
		return
	case !b.makeRoom(p, a):
		b.do(Discard{id, ref.Hash})
		b.refuse(p, a, ref.Hash)
		return
	case a == nil:
		a = b.begin(ref)
	case a.isOver:
		b.revive(a)
	}
	s = a.add(id)
	s.stage, s.requested = held, requested
	b.advance(a)
}

// refuse notes that the compact form of a peer finds no room.
func (b *Blocks) refuse(p *blockPeer, a *assembly, hash pow.Hash) {
	if a == nil {
		b.do(GiveUp{hash, []PeerID{p.id}})
		return
	}
	s := a.source(p.id)
	switch {
	case a.isOver:
		a.add(p.id).stage = failed
		b.do(GiveUp{hash, []PeerID{p.id}})
	case s == nil:
		a.add(p.id)
	default:
		s.stage = failed
		b.advance(a)
	}
}

// makeRoom reports whether one more compact form can be kept, of a block that is being
// assembled or of a new one. One of a peer of a higher class displaces another.
func (b *Blocks) makeRoom(p *blockPeer, a *assembly) bool {
	all, ofPeer := 0, 0
	for _, x := range b.assemblies {
		for _, s := range x.sources {
			if s.keeps() {
				all++
				if s.id == p.id {
					ofPeer++
				}
			}
		}
	}
	if all >= MaxRebuilds || ofPeer >= maxRebuildsOfPeer || (a == nil || a.isOver) && len(b.assemblies) >= maxAssemblies {
		return false
	}
	if a == nil || a.kept() < MaxRebuildsOfBlock {
		return true
	}
	var worst *source
	for _, s := range a.sources {
		if (s.stage == held || s.stage == askedParts) && (worst == nil || b.classOf(s) < b.classOf(worst)) {
			worst = s
		}
	}
	if worst == nil || b.classOf(worst) >= p.class() {
		return false
	}
	b.fail(worst, a.ref.Hash)
	return true
}

// kept returns how many compact forms the caller keeps.
func (a *assembly) kept() int {
	n := 0
	for _, s := range a.sources {
		if s.keeps() {
			n++
		}
	}
	return n
}

// Announced reports that a peer has announced a block by its header, which is valid
// and a child of the tip. It reports whether the machine gets the block; otherwise the
// caller does.
func (b *Blocks) Announced(now time.Time, id PeerID, ref BlockRef) (taken bool, actions []BlockAction) {
	actions = b.handle(now, func() { taken = b.announced(id, ref) })
	return taken, actions
}

func (b *Blocks) announced(id PeerID, ref BlockRef) bool {
	p := b.peer(id)
	if p == nil {
		return false
	}
	p.known.Add(ref.Hash)
	a := b.assembly(ref.Hash)
	switch {
	case b.finished.Has(ref.Hash):
		return true
	case a == nil && len(b.assemblies) >= maxAssemblies, a != nil && a.isOver:
		return false
	case a == nil:
		a = b.begin(ref)
	}
	if a.source(id) == nil { // as many as there are peers
		a.add(id)
		b.advance(a)
	}
	return true
}

// Assembled reports the result of an [Assemble].
func (b *Blocks) Assembled(now time.Time, id PeerID, hash pow.Hash, result Result) []BlockAction {
	return b.handle(now, func() {
		a := b.assembly(hash)
		s := a.source(id)
		if s == nil || s.stage != working {
			return // the chain has got the block elsewhere
		}
		a.busy = false
		p := b.peer(id)
		switch result {
		case Whole, Invalid:
			if result == Whole {
				b.finished.Add(hash)
				b.pushOn(a.ref)
			}
			b.do(Submit{id, hash, s.requested})
			b.end(a)
			return
		case SomeMissing:
			if p != nil && !s.gone {
				s.stage, a.asked = askedParts, b.now
				p.open = append(p.open, openRequest{hash, true, b.now})
				b.do(RequestParts{id, hash})
				return
			}
		}
		b.fail(s, hash)
		b.advance(a)
	})
}

// Parts reports that a peer has sent parts of a block, and whether they were
// requested of it; what is not requested breaks the protocol. If the parts are still
// needed, an action is to assemble again, with them.
func (b *Blocks) Parts(now time.Time, id PeerID, hash pow.Hash) (requested bool, actions []BlockAction) {
	actions = b.handle(now, func() {
		p := b.peer(id)
		if requested = p != nil && p.answered(hash, true); !requested {
			return
		}
		a := b.assembly(hash)
		if s := a.source(id); s != nil && s.stage == askedParts {
			s.stage = held
			if !a.busy {
				b.assemble(a, s)
			}
		}
	})
	return requested, actions
}

// Absent reports that a peer does not have, or does not send, what was requested:
// parts of a block, or otherwise its compact form.
func (b *Blocks) Absent(now time.Time, id PeerID, hash pow.Hash, parts bool) (requested bool, actions []BlockAction) {
	actions = b.handle(now, func() {
		p := b.peer(id)
		if requested = p != nil && p.answered(hash, parts); !requested {
			return
		}
		a := b.assembly(hash)
		if s := a.source(id); s != nil && (s.stage == askedParts || s.stage == askedCompact) {
			b.fail(s, hash)
			b.advance(a)
		}
	})
	return requested, actions
}

// begin adds an assembly.
func (b *Blocks) begin(ref BlockRef) *assembly {
	a := &assembly{ref: ref}
	b.assemblies = append(b.assemblies, a)
	return a
}

// advance goes on with an assembly: with a compact form that is kept, or with a request
// to another peer, unless parts or a compact form are on their way that are not late. It
// does not wait for a peer of a lower class. With nothing left it gives up.
func (b *Blocks) advance(a *assembly) {
	if a.busy || a.isOver || !slices.Contains(b.assemblies, a) {
		return
	}
	parts, compact := b.best(a, askedParts), b.best(a, askedCompact)
	if b.now.Sub(a.asked) >= requestLate {
		parts, compact = nil, nil
	}
	if s := b.best(a, held); s != nil && b.classOf(s) > b.classOf(parts) {
		b.assemble(a, s)
		return
	}
	waits := max(b.classOf(parts), b.classOf(compact))
	switch s := b.best(a, announced); {
	case s != nil && a.count < maxAsked && b.classOf(s) > waits:
		b.request(a, s)
	case parts == nil && compact == nil:
		b.giveUp(a)
	}
}

// request requests the compact form.
func (b *Blocks) request(a *assembly, s *source) {
	s.stage, a.asked = askedCompact, b.now
	a.count++
	p := b.peer(s.id)
	p.open = append(p.open, openRequest{a.ref.Hash, false, b.now})
	b.do(RequestCompact{s.id, a.ref.Hash})
}

// giveUp leaves the block to the caller.
func (b *Blocks) giveUp(a *assembly) {
	give := GiveUp{Hash: a.ref.Hash}
	for _, s := range a.sources {
		if s.keeps() {
			b.fail(s, a.ref.Hash) // the others may still send the compact form
		}
		if !s.gone {
			give.Peers = append(give.Peers, s.id)
		}
	}
	b.remove(a)
	if len(give.Peers) > 0 {
		b.do(give)
	}
}

// revive goes on with an assembly that was given up.
func (b *Blocks) revive(a *assembly) {
	a.isOver = false
	b.assemblies = append(b.assemblies, a)
}

// best returns the source at a stage whose peer is of the highest class, nil if there
// is none.
func (b *Blocks) best(a *assembly, g stage) *source {
	var best *source
	for _, s := range a.sources {
		if s.stage == g && (best == nil || b.classOf(s) > b.classOf(best)) {
			best = s
		}
	}
	return best
}

// classOf returns the class of a source's peer: 0 if there is no source, and otherwise
// more.
func (b *Blocks) classOf(s *source) int {
	if s == nil {
		return 0
	}
	if p := b.peer(s.id); p != nil {
		return p.class()
	}
	return minClass
}

func (b *Blocks) assemble(a *assembly, s *source) {
	s.stage, a.busy = working, true
	b.do(Assemble{s.id, a.ref.Hash})
}

// fail notes that nothing more comes of a source.
func (b *Blocks) fail(s *source, hash pow.Hash) {
	if s.keeps() {
		b.do(Discard{s.id, hash})
	}
	s.stage = failed
}

// lose notes that the peer of a source, which may be nil, is gone. What it has sent is
// still good.
func (b *Blocks) lose(a *assembly, s *source) {
	if s == nil {
		return
	}
	s.gone = true
	if s.stage != held && s.stage != working {
		b.fail(s, a.ref.Hash)
		a.sources = slices.DeleteFunc(a.sources, func(x *source) bool { return x == s })
	}
}

// end removes an assembly.
func (b *Blocks) end(a *assembly) {
	for _, s := range a.sources {
		b.fail(s, a.ref.Hash)
	}
	b.remove(a)
}

// remove remembers an assembly as one that is over.
func (b *Blocks) remove(a *assembly) {
	a.isOver = true
	b.over.Put(a.ref.Hash, a)
	b.assemblies = slices.DeleteFunc(b.assemblies, func(x *assembly) bool { return x == a })
}

// assembly returns the assembly of a block, which may be over, or nil.
func (b *Blocks) assembly(hash pow.Hash) *assembly {
	for _, a := range b.assemblies {
		if a.ref.Hash == hash {
			return a
		}
	}
	a, _ := b.over.Get(hash)
	return a
}

// source returns the source that a peer is, or nil.
func (a *assembly) source(id PeerID) *source {
	if a == nil {
		return nil
	}
	i := slices.IndexFunc(a.sources, func(s *source) bool { return s.id == id })
	if i < 0 {
		return nil
	}
	return a.sources[i]
}

// add returns the source that a peer is, a new one if need be.
func (a *assembly) add(id PeerID) *source {
	s := a.source(id)
	if s == nil {
		s = &source{id: id}
		a.sources = append(a.sources, s)
	}
	return s
}
