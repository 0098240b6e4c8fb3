package relay

import (
	"encoding/binary"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// formOf names a compact form that a peer has sent.
type formOf struct {
	peer PeerID
	hash pow.Hash
}

// blocksModel is what a caller of Blocks knows, in the simplest form. It checks every
// action against the rules.
type blocksModel struct {
	t   *rapid.T
	b   *Blocks
	now time.Time

	refs     map[pow.Hash]BlockRef
	outbound map[PeerID]bool // the connected peers
	next     PeerID
	wants    map[PeerID]bool
	has      map[formOf]bool // what a peer is known to have
	pushers  map[PeerID]bool
	changed  map[PeerID]time.Time

	kept     map[formOf]bool // compact forms in the caller's memory
	working  []formOf
	compacts map[formOf]time.Time // open requests
	parts    map[formOf]time.Time
	owed     map[formOf]bool // blocks that the machine has to get, by who announced them
	given    map[formOf]bool // blocks that were given up, and their peers
	done     map[pow.Hash]bool
	early    map[BlockRef]bool // pushed before they were connected
	whole    pow.Hash          // that is reported as whole just now
	pushes   map[pow.Hash]int
	origin   pow.Hash // the tip just now, if it was not pushed before
}

func newBlocksModel(t *rapid.T) *blocksModel {
	m := &blocksModel{
		t: t, b: NewBlocks(), now: time.Unix(1e9, 0),
		refs: map[pow.Hash]BlockRef{}, outbound: map[PeerID]bool{}, wants: map[PeerID]bool{}, has: map[formOf]bool{},
		pushers: map[PeerID]bool{}, changed: map[PeerID]time.Time{}, kept: map[formOf]bool{},
		compacts: map[formOf]time.Time{}, parts: map[formOf]time.Time{}, owed: map[formOf]bool{},
		given: map[formOf]bool{}, done: map[pow.Hash]bool{}, early: map[BlockRef]bool{}, pushes: map[pow.Hash]int{},
	}
	for height := uint32(1); height <= 3; height++ { // two parents at each height, with two blocks each
		for parent := range uint32(2) {
			for n := range uint32(2) {
				var ref BlockRef
				binary.LittleEndian.PutUint32(ref.Hash[:], height<<8|parent<<4|n)
				if height > 1 {
					binary.LittleEndian.PutUint32(ref.Parent[:], (height-1)<<8|parent)
				} else {
					ref.Parent[0], ref.Parent[31] = byte(parent), 1
				}
				ref.Height = height
				m.refs[ref.Hash] = ref
			}
		}
	}
	return m
}

func (m *blocksModel) take(actions []BlockAction) {
	for _, a := range actions {
		switch a := a.(type) {
		case RequestCompact:
			m.connected(a.Peer)
			if at, open := m.compacts[formOf{a.Peer, a.Hash}]; open {
				m.t.Fatalf("%v is requested of %d again, after %v", a.Hash, a.Peer, m.now.Sub(at))
			}
			m.compacts[formOf{a.Peer, a.Hash}] = m.now
		case RequestParts:
			m.connected(a.Peer)
			m.mustKeep(formOf{a.Peer, a.Hash})
			m.parts[formOf{a.Peer, a.Hash}] = m.now
		case Assemble:
			m.mustKeep(formOf{a.Peer, a.Hash})
			if slices.ContainsFunc(m.working, func(w formOf) bool { return w.hash == a.Hash }) {
				m.t.Fatalf("%v is assembled twice at a time", a.Hash)
			}
			m.working = append(m.working, formOf{a.Peer, a.Hash})
		case Discard:
			m.mustKeep(formOf{a.Peer, a.Hash})
			delete(m.kept, formOf{a.Peer, a.Hash})
		case Submit:
			m.mustKeep(formOf{a.Peer, a.Hash})
			m.settle(a.Hash)
		case GiveUp:
			if len(a.Peers) == 0 {
				m.t.Fatalf("%v is given up without peers", a.Hash)
			}
			for _, p := range a.Peers {
				m.connected(p)
				delete(m.owed, formOf{p, a.Hash})
				m.given[formOf{p, a.Hash}] = true
			}
		case Push:
			m.push(a)
		case SendHeaders:
			m.headers(a)
		case AskPush:
			m.ask(a)
		case Late:
			m.late(a)
		}
	}
	m.bounds()
}

func (m *blocksModel) connected(p PeerID) {
	if _, ok := m.outbound[p]; !ok {
		m.t.Fatalf("peer %d is not connected", p)
	}
}

func (m *blocksModel) mustKeep(f formOf) {
	if !m.kept[f] {
		m.t.Fatalf("the compact form %v is not kept", f)
	}
}

// settle notes that the machine owes a block no more.
func (m *blocksModel) settle(hash pow.Hash) {
	m.done[hash] = true
	for f := range m.owed {
		if f.hash == hash {
			delete(m.owed, f)
		}
	}
}

func (m *blocksModel) push(a Push) {
	m.connected(a.Peer)
	f := formOf{a.Peer, a.Hash}
	isWelcome := m.wants[a.Peer] || a.Hash == m.origin && m.pushes[a.Hash] < 3
	if !isWelcome || m.has[f] {
		m.t.Fatalf("%v is pushed to %d, which wants pushes %v, has it %v", a.Hash, a.Peer, m.wants[a.Peer], m.has[f])
	}
	m.has[f] = true
	if m.pushes[a.Hash]++; m.pushes[a.Hash] > 6 {
		m.t.Fatalf("%v is pushed to %d peers", a.Hash, m.pushes[a.Hash])
	}
	if a.Hash == m.whole {
		m.early[m.refs[a.Hash]] = true
	}
}

func (m *blocksModel) headers(a SendHeaders) {
	m.connected(a.Peer)
	if len(a.Hashes) == 0 || len(a.Hashes) > 8 || m.wants[a.Peer] && len(a.Hashes) == 1 && m.pushes[a.Hashes[0]] < 6 {
		m.t.Fatalf("%d headers to %d, which wants pushes %v", len(a.Hashes), a.Peer, m.wants[a.Peer])
	}
	for i, h := range a.Hashes {
		f := formOf{a.Peer, h}
		if m.has[f] || i > 0 && m.refs[h].Parent != a.Hashes[i-1] {
			m.t.Fatalf("headers %v to %d: a wrong one at %d", a.Hashes, a.Peer, i)
		}
		m.has[f] = true
	}
}

func (m *blocksModel) ask(a AskPush) {
	m.connected(a.Peer)
	last, before := m.changed[a.Peer]
	if a.Push == m.pushers[a.Peer] || before && m.now.Sub(last) < pushPause {
		m.t.Fatalf("peer %d is asked to push %v, as before or %v later", a.Peer, a.Push, m.now.Sub(last))
	}
	m.changed[a.Peer] = m.now
	if a.Push {
		m.pushers[a.Peer] = true
	} else {
		delete(m.pushers, a.Peer)
	}
	if len(m.pushers) > 3 {
		m.t.Fatalf("%d peers are asked to push", len(m.pushers))
	}
}

func (m *blocksModel) late(a Late) {
	f := formOf{a.Peer, a.Hash}
	c, asked := m.compacts[f]
	p, askedParts := m.parts[f]
	if !(asked && m.now.Sub(c) >= 20*time.Second) && !(askedParts && m.now.Sub(p) >= 20*time.Second) {
		m.t.Fatalf("peer %d is late with %v, of which nothing is open for 20 s", a.Peer, a.Hash)
	}
	m.leave(a.Peer)
}

// leave disconnects a peer.
func (m *blocksModel) leave(id PeerID) {
	delete(m.outbound, id)
	delete(m.wants, id)
	delete(m.pushers, id)
	for f := range m.owed {
		if f.peer == id {
			delete(m.owed, f)
		}
	}
	for _, open := range []map[formOf]time.Time{m.compacts, m.parts} {
		for f := range open {
			if f.peer == id {
				delete(open, f)
			}
		}
	}
	m.take(m.b.Gone(m.now, id))
}

// bounds checks what holds after each event.
func (m *blocksModel) bounds() {
	of := map[pow.Hash]int{}
	by := map[PeerID]int{}
	for f := range m.kept {
		of[f.hash]++
		by[f.peer]++
		if of[f.hash] > 3 || by[f.peer] > 3 {
			m.t.Fatalf("%d compact forms of a block, %d of a peer", of[f.hash], by[f.peer])
		}
	}
	if len(m.kept) > 8 {
		m.t.Fatalf("%d compact forms are kept", len(m.kept))
	}
	heights := map[uint32]int{}
	places := map[place]int{}
	for ref := range m.early {
		heights[ref.Height]++
		places[place{ref.Height, ref.Parent}]++
		if heights[ref.Height] > 2 || places[place{ref.Height, ref.Parent}] > 1 {
			m.t.Fatalf("pushed before they were connected: %v", m.early)
		}
	}
}

// any returns one of the keys of a map.
func anyOf[K comparable](t *rapid.T, keys []K) (k K, ok bool) {
	if len(keys) == 0 {
		return k, false
	}
	return keys[rapid.IntRange(0, len(keys)-1).Draw(t, "which")], true
}

func (m *blocksModel) anyPeer() (PeerID, bool) {
	var all []PeerID
	for id := range m.outbound {
		all = append(all, id)
	}
	slices.Sort(all)
	return anyOf(m.t, all)
}

func (m *blocksModel) anyRef() BlockRef {
	var all []pow.Hash
	for h := range m.refs {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b pow.Hash) int { return slices.Compare(a[:], b[:]) })
	h, _ := anyOf(m.t, all)
	return m.refs[h]
}

func (m *blocksModel) anyForm(forms map[formOf]time.Time) (formOf, bool) {
	var all []formOf
	for f := range forms {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b formOf) int {
		return slices.Compare(append(a.hash[:], byte(a.peer)), append(b.hash[:], byte(b.peer)))
	})
	return anyOf(m.t, all)
}

// compact lets a peer send the compact form of a block.
func (m *blocksModel) compact(id PeerID, hash pow.Hash) {
	f := formOf{id, hash}
	if m.kept[f] {
		return
	}
	delete(m.compacts, f)
	m.has[f], m.kept[f] = true, true
	if !m.done[hash] && !m.given[f] {
		m.owed[f] = true
	}
	m.take(m.b.Compact(m.now, id, m.refs[hash]))
}

// assembled lets the caller finish an assembly.
func (m *blocksModel) assembled(i int, result Result) {
	f := m.working[i]
	m.working = slices.Delete(m.working, i, i+1)
	if result == Whole {
		m.whole = f.hash
	}
	actions := m.b.Assembled(m.now, f.peer, f.hash, result)
	if result == Faulty {
		defer func() {
			if _, ok := m.outbound[f.peer]; ok {
				m.leave(f.peer)
			}
		}()
	}
	m.take(actions)
	m.whole = pow.Hash{}
}

// actions returns what may happen, at random.
func (m *blocksModel) actions() map[string]func(*rapid.T) {
	all := map[string]func(*rapid.T){"": func(*rapid.T) {}}
	maps.Copy(all, m.peerActions())
	maps.Copy(all, m.blockActions())
	maps.Copy(all, m.nodeActions())
	return all
}

// peerActions are about the connections.
func (m *blocksModel) peerActions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"join": func(t *rapid.T) {
			if len(m.outbound) == 9 {
				return
			}
			m.next++
			m.outbound[m.next] = rapid.Bool().Draw(t, "outbound")
			tip := m.anyRef().Hash
			m.has[formOf{m.next, tip}] = true
			m.take(m.b.Ready(m.now, m.next, m.outbound[m.next], tip))
		},
		"leave": func(*rapid.T) {
			if id, ok := m.anyPeer(); ok {
				m.leave(id)
			}
		},
		"wants": func(t *rapid.T) {
			if id, ok := m.anyPeer(); ok {
				m.wants[id] = rapid.Bool().Draw(t, "push")
				m.b.Asked(id, m.wants[id])
			}
		},
	}
}

// blockActions are messages of peers about blocks.
func (m *blocksModel) blockActions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"compact": func(*rapid.T) {
			if id, ok := m.anyPeer(); ok {
				m.compact(id, m.anyRef().Hash)
			}
		},
		"answer": func(t *rapid.T) {
			f, ok := m.anyForm(m.compacts)
			switch {
			case !ok:
			case rapid.Bool().Draw(t, "absent"):
				delete(m.compacts, f)
				requested, actions := m.b.Absent(m.now, f.peer, f.hash, false)
				if !requested {
					t.Fatal("the request is forgotten")
				}
				m.take(actions)
			default:
				m.compact(f.peer, f.hash)
			}
		},
		"announced": func(*rapid.T) {
			id, ok := m.anyPeer()
			if !ok {
				return
			}
			f := formOf{id, m.anyRef().Hash}
			m.has[f] = true
			owed := m.owed[f]
			taken, actions := m.b.Announced(m.now, id, m.refs[f.hash])
			m.owed[f] = owed || taken && !m.done[f.hash]
			if !m.owed[f] {
				delete(m.owed, f)
			}
			m.take(actions)
		},
		"parts": func(t *rapid.T) {
			if f, ok := m.anyForm(m.parts); ok {
				delete(m.parts, f)
				requested, actions := m.b.Parts(m.now, f.peer, f.hash)
				if !requested {
					t.Fatal("the request is forgotten")
				}
				m.take(actions)
			}
		},
		"absent": func(t *rapid.T) {
			if f, ok := m.anyForm(m.parts); ok {
				delete(m.parts, f)
				_, actions := m.b.Absent(m.now, f.peer, f.hash, true)
				m.take(actions)
			}
		},
		"unasked": func(t *rapid.T) {
			id, ok := m.anyPeer()
			f := formOf{id, m.anyRef().Hash}
			if _, open := m.parts[f]; !ok || open {
				return
			}
			if requested, actions := m.b.Parts(m.now, f.peer, f.hash); requested || len(actions) > 0 {
				t.Fatal("parts that nobody requested are taken")
			}
		},
	}
}

// nodeActions are what the node itself finds, and the time.
func (m *blocksModel) nodeActions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"assembled": func(t *rapid.T) {
			if len(m.working) > 0 {
				m.assembled(rapid.IntRange(0, len(m.working)-1).Draw(t, "work"), Result(rapid.IntRange(1, 6).Draw(t, "result")))
			}
		},
		"known": func(*rapid.T) {
			hash := m.anyRef().Hash
			m.settle(hash)
			m.take(m.b.Known(m.now, hash))
		},
		"tip": func(*rapid.T) {
			ref := m.anyRef()
			branch := []BlockRef{ref}
			for parent, ok := m.refs[ref.Parent]; ok; parent, ok = m.refs[parent.Parent] {
				branch = slices.Insert(branch, 0, parent)
			}
			if m.pushes[ref.Hash] == 0 {
				m.origin = ref.Hash
			}
			m.take(m.b.Tip(m.now, branch))
			m.origin = pow.Hash{}
			for id := range m.outbound {
				if !m.has[formOf{id, ref.Hash}] {
					m.t.Fatalf("peer %d does not hear of the tip %v", id, ref.Hash)
				}
			}
		},
		"gave": func(*rapid.T) {
			if id, ok := m.anyPeer(); ok {
				m.take(m.b.Gave(m.now, id))
			}
		},
		"tick": func(t *rapid.T) {
			m.now = m.now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
			m.take(m.b.Tick(m.now))
		},
	}
}

// drain lets everything end that goes on, without further answers of peers.
func (m *blocksModel) drain(t *rapid.T) {
	for range 200 {
		for len(m.working) > 0 {
			m.assembled(0, Result(rapid.SampledFrom([]Result{Whole, SomeMissing, MostMissing, Mismatch}).Draw(t, "result")))
		}
		due := m.b.Due()
		if due.IsZero() {
			break
		}
		if due.After(m.now) {
			m.now = due
		}
		m.take(m.b.Tick(m.now))
	}
	if due := m.b.Due(); !due.IsZero() || len(m.b.assemblies) > 0 {
		t.Fatalf("%d assemblies do not end, due %v", len(m.b.assemblies), due)
	}
	if len(m.owed) > 0 {
		t.Fatalf("blocks that were announced are neither submitted nor given up: %v", m.owed)
	}
	if len(m.kept) > 0 {
		t.Fatalf("compact forms are never discarded: %v", m.kept)
	}
}

// The machine keeps its bounds, never asks twice, pushes to nobody what it has, and
// every block that was announced is submitted, or given up in favour of whole blocks,
// after at most some 2 s for each peer.
func TestBlocksModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newBlocksModel(t)
		t.Repeat(m.actions())
		start := m.now
		m.drain(t)
		if d := m.now.Sub(start); d > 20*time.Second+9*requestLate+2*requestLimit {
			t.Fatalf("it took %v to end", d)
		}
	})
}

// blocksOf returns a machine with peers, of which some are outbound.
func blocksOf(now time.Time, outbound ...bool) *Blocks {
	b := NewBlocks()
	for i, o := range outbound {
		b.Ready(now, PeerID(i+1), o, pow.Hash{})
	}
	return b
}

// wantActions checks actions, but for those that discard.
func wantActions(t *testing.T, what string, got []BlockAction, want ...BlockAction) {
	t.Helper()
	got = slices.DeleteFunc(slices.Clone(got), func(a BlockAction) bool { _, ok := a.(Discard); return ok })
	if !reflect.DeepEqual(got, slices.Clip(want)) && len(got)+len(want) > 0 {
		t.Fatalf("%s: %+v, want %+v", what, got, want)
	}
}

// A compact form that comes after the block was given up is used all the same.
func TestLateCompact(t *testing.T) {
	now, ref := time.Unix(1e9, 0), BlockRef{Hash: pow.Hash{1}, Height: 1}
	b := blocksOf(now, false)
	_, actions := b.Announced(now, 1, ref)
	wantActions(t, "announced", actions, RequestCompact{1, ref.Hash})
	now = now.Add(requestLate)
	wantActions(t, "late", b.Tick(now), GiveUp{ref.Hash, []PeerID{1}})
	wantActions(t, "sent", b.Compact(now, 1, ref), Assemble{1, ref.Hash})
	wantActions(t, "whole", b.Assembled(now, 1, ref.Hash, Whole), Submit{1, ref.Hash, true})
}

// Peers that fill the places of a block with forms that lead to nothing do not keep
// away the form of a peer that has given a block before, nor make it wait.
func TestClasses(t *testing.T) {
	now, ref := time.Unix(1e9, 0), BlockRef{Hash: pow.Hash{1}, Height: 1}
	b := blocksOf(now, false, false, false, false, true)
	wantActions(t, "first", b.Compact(now, 1, ref), Assemble{1, ref.Hash})
	wantActions(t, "parts of the first", b.Assembled(now, 1, ref.Hash, SomeMissing), RequestParts{1, ref.Hash})
	for id := PeerID(2); id <= 4; id++ {
		wantActions(t, "others", b.Compact(now, id, ref))
	}
	wantActions(t, "outbound", b.Compact(now, 5, ref), Assemble{5, ref.Hash})
	wantActions(t, "parts of the outbound one", b.Assembled(now, 5, ref.Hash, SomeMissing), RequestParts{5, ref.Hash})
	b.Gave(now, 4)
	wantActions(t, "a peer that gave a block", b.Compact(now, 4, ref), Assemble{4, ref.Hash})
	_, actions := b.Parts(now, 5, ref.Hash)
	wantActions(t, "parts while busy", actions)
	wantActions(t, "mismatch", b.Assembled(now, 4, ref.Hash, Mismatch), Assemble{5, ref.Hash})
}

// However many peers announce a block that they do not give, it is asked of an outbound
// one that announces it afterwards.
func TestManyAnnounce(t *testing.T) {
	now, ref := time.Unix(1e9, 0), BlockRef{Hash: pow.Hash{1}, Height: 1}
	b := blocksOf(now, append(make([]bool, 100), true)...)
	for id := PeerID(1); id <= 100; id++ {
		b.Announced(now, id, ref)
	}
	_, actions := b.Announced(now, 101, ref)
	wantActions(t, "announced", actions, RequestCompact{101, ref.Hash})
}
