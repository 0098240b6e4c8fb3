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
	if b.finished.Has(ref.Hash) {
		b.do(Discard{id, ref.Hash})
		return
	}
	a := b.assembly(ref.Hash)
	s := a.source(id)
	switch {
	case s != nil && s.keeps():
		return // the caller keeps the first one
	case s != nil && s.stage == failed:
		b.do(Discard{id, ref.Hash})
		return
	}
	if !b.hasRoom(p, a, ref.Hash) {
		b.do(Discard{id, ref.Hash})
		if s != nil {
			s.stage = failed
			b.advance(a)
		} else {
			b.do(GiveUp{ref.Hash, []PeerID{id}})
		}
		return
	}
	tried, _ := b.tried.Get(ref.Hash)
	b.tried.Put(ref.Hash, tried+1)
	if a == nil {
		a = b.begin(ref)
	}
	s = a.add(id)
	s.stage, s.requested = held, requested
	b.advance(a)
}

// hasRoom reports whether one more compact form can be kept. The last place of a
// block is for peers that this node has called, so that callers cannot fill all.
func (b *Blocks) hasRoom(p *blockPeer, a *assembly, hash pow.Hash) bool {
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
	limit := MaxRebuildsOfBlock
	if !p.isOutbound {
		limit--
	}
	tried, _ := b.tried.Get(hash)
	return all < MaxRebuilds && ofPeer < maxRebuildsOfPeer && tried < limit && (a != nil || len(b.assemblies) < maxAssemblies)
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
	case a == nil && (b.tried.Has(ref.Hash) || len(b.assemblies) >= maxAssemblies):
		return false // it was given up
	case a == nil:
		a = b.begin(ref)
		b.tried.Put(ref.Hash, 0)
	}
	if len(a.sources) < maxSources && a.source(id) == nil {
		s := a.add(id)
		if p.hasOpen(ref.Hash, false) {
			s.stage = askedCompact // before this block was given up
		}
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

// advance goes on with an assembly: with a compact form that is kept, unless parts
// for another are on their way; or with a request to the next peer, once the one
// before is late; or it gives up.
func (b *Blocks) advance(a *assembly) {
	if a.busy || !slices.Contains(b.assemblies, a) {
		return
	}
	inTime := b.now.Sub(a.asked) < requestLate
	if s := a.at(held); s != nil && (!inTime || a.at(askedParts) == nil) {
		b.assemble(a, s)
		return
	}
	if inTime && (a.at(askedParts) != nil || a.at(askedCompact) != nil) {
		return
	}
	if s := a.at(announced); s != nil && a.count < maxAsked {
		s.stage, a.asked = askedCompact, b.now
		a.count++
		p := b.peer(s.id)
		p.open = append(p.open, openRequest{a.ref.Hash, false, b.now})
		b.do(RequestCompact{s.id, a.ref.Hash})
		return
	}
	give := GiveUp{Hash: a.ref.Hash}
	for _, s := range a.sources {
		if !s.gone {
			give.Peers = append(give.Peers, s.id)
		}
	}
	b.end(a)
	if len(give.Peers) > 0 {
		b.do(give)
	}
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

// lose notes that the peer of a source is gone. What it has sent is still good.
func (b *Blocks) lose(a *assembly, s *source) {
	s.gone = true
	if s.stage != held && s.stage != working {
		b.fail(s, a.ref.Hash)
	}
}

// end removes an assembly.
func (b *Blocks) end(a *assembly) {
	for _, s := range a.sources {
		b.fail(s, a.ref.Hash)
	}
	b.assemblies = slices.DeleteFunc(b.assemblies, func(x *assembly) bool { return x == a })
}

// assembly returns the assembly of a block, or nil.
func (b *Blocks) assembly(hash pow.Hash) *assembly {
	for _, a := range b.assemblies {
		if a.ref.Hash == hash {
			return a
		}
	}
	return nil
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

// at returns the first source at a stage, or nil.
func (a *assembly) at(g stage) *source {
	i := slices.IndexFunc(a.sources, func(s *source) bool { return s.stage == g })
	if i < 0 {
		return nil
	}
	return a.sources[i]
}
