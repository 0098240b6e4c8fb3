package slots

import (
	"cmp"
	"crypto/rand"
	"errors"
	"maps"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"stele/internal/netguard"
	"stele/node/p2p/book"
)

// The numbers of peers.
const (
	DefaultMaxPeers = 128 // of Options.MaxPeers
	maxFull         = 8
	maxBlocksOnly   = 2
	maxFeelers      = 1
	// MaxChosen is how many peers a node chooses and stays connected to.
	MaxChosen     = maxFull + maxBlocksOnly
	maxPerGroup   = 2 // outbound peers, but for manual ones
	maxPerAddress = 4 // inbound peers
)

// The reasons of [Slots.Accept].
var (
	// ErrFull means that all inbound slots are taken by peers that are protected.
	ErrFull = errors.New("all slots are taken")
	// ErrTooMany means that the address has as many connections as one may have.
	ErrTooMany = errors.New("too many connections from this address")
	// ErrDiscouraged means that a peer at this address broke the protocol, and that
	// half of the inbound slots are taken.
	ErrDiscouraged = errors.New("the address is discouraged")
)

// Kind is what a slot is for.
type Kind uint8

// The kinds of slots. All but Inbound are outbound: this node called.
const (
	Inbound Kind = iota
	Full
	BlocksOnly // exchanges no records, which makes it hard to discover from outside
	Feeler     // tests an address and ends
	Manual     // named by the operator
)

// String returns the name of the kind.
func (k Kind) String() string {
	return [...]string{"inbound", "full", "blocks-only", "feeler", "manual"}[k]
}

// ID names a slot. No two slots of a [Slots] have the same.
type ID uint64

// Slot is a connection, or a call that may become one. Times are zero for never.
type Slot struct {
	ID      ID
	Kind    Kind
	Addr    netip.AddrPort
	Since   time.Time     // of the call or the acceptance
	Ready   bool          // the peer has said hello
	MinPing time.Duration // 0: not known
	Block   time.Time     // when it last was the first to give a block
	Record  time.Time     // when it last was the first to give a record

	counted netip.Addr // the address by which limits count it
}

// Call is a call to make.
type Call struct {
	ID   ID
	Kind Kind
	Addr netip.AddrPort
}

// Options configure slots.
type Options struct {
	// MaxPeers bounds all peers together but manual ones and the extra one; 0: 128.
	// Outbound slots come out of it first.
	MaxPeers int
	// Manual are the peers that the operator names. They are called again whenever
	// they are not connected.
	Manual []netip.AddrPort
	// OnlyManual means that no other peers are called.
	OnlyManual bool
	// Anchors are called first, for blocks only; see [Slots.Anchors].
	Anchors []netip.AddrPort
	// Secret chooses the groups that are protected, and seeds what is left to chance;
	// zero: drawn.
	Secret [32]byte
}

// Slots has the slots of a node. Not safe for concurrent use.
type Slots struct {
	book *book.Book

	maxFull, maxBlocksOnly, maxFeelers, maxInbound int

	onlyManual bool
	secret     [32]byte
	rand       *mathrand.Rand
	extra      bool

	slots map[ID]*Slot
	last  ID

	manual   []*manualPeer
	toAnchor []netip.AddrPort // anchors of the start that were not called yet
	anchors  []netip.AddrPort // addresses of blocks-only peers, the last one first

	nextCall   time.Time // when another call may begin, but for manual ones
	nextFeeler time.Time
}

// New returns slots that choose peers from the book, and note in it what became of
// the calls.
func New(b *book.Book, o Options) *Slots {
	s := &Slots{
		book: b, onlyManual: o.OnlyManual, secret: o.Secret,
		slots: map[ID]*Slot{}, toAnchor: slices.Clone(o.Anchors), anchors: slices.Clone(o.Anchors),
	}
	if s.secret == [32]byte{} {
		_, _ = rand.Read(s.secret[:]) // never fails
	}
	s.rand = mathrand.New(mathrand.NewChaCha8(s.secret))
	free := o.MaxPeers
	if free == 0 {
		free = DefaultMaxPeers
	}
	take := func(n int) int {
		n = max(0, min(n, free))
		free -= n
		return n
	}
	s.maxFull, s.maxBlocksOnly, s.maxFeelers = take(maxFull), take(maxBlocksOnly), take(maxFeelers)
	s.maxInbound = take(free)
	s.SetManual(o.Manual)
	return s
}

// All returns all slots, the oldest first.
func (s *Slots) All() []Slot {
	all := make([]Slot, 0, len(s.slots))
	for _, id := range slices.Sorted(maps.Keys(s.slots)) {
		all = append(all, *s.slots[id])
	}
	return all
}

// Get returns a slot, and whether there is one with this ID.
func (s *Slots) Get(id ID) (Slot, bool) {
	if p := s.slots[id]; p != nil {
		return *p, true
	}
	return Slot{}, false
}

// Count returns the number of slots of a kind.
func (s *Slots) Count(kind Kind) int {
	return s.count(func(p *Slot) bool { return p.Kind == kind })
}

// count counts slots. There is no other count of them that could differ.
func (s *Slots) count(which func(*Slot) bool) (n int) {
	for _, p := range s.slots {
		if which(p) {
			n++
		}
	}
	return n
}

// open adds a slot.
func (s *Slots) open(now time.Time, kind Kind, addr netip.AddrPort) ID {
	s.last++
	s.slots[s.last] = &Slot{ID: s.last, Kind: kind, Addr: addr, Since: now, counted: countedAs(addr)}
	return s.last
}

// Accept admits a peer that called from remote, or returns why not: [ErrTooMany],
// [ErrDiscouraged] or [ErrFull]. If evicted is not 0, the peer takes the slot of that
// one: the caller ends its connection, and need not close the slot.
func (s *Slots) Accept(now time.Time, remote netip.AddrPort) (id, evicted ID, err error) {
	remote = clean(remote)
	inbound := s.Count(Inbound)
	switch {
	case s.isLimited(remote.Addr()) && s.inboundFrom(remote) >= maxPerAddress:
		return 0, 0, ErrTooMany
	case 2*inbound > s.maxInbound && s.book.IsDiscouraged(now, remote.Addr()):
		return 0, 0, ErrDiscouraged
	}
	if inbound >= s.maxInbound {
		if evicted = s.victim(); evicted == 0 {
			return 0, 0, ErrFull
		}
		delete(s.slots, evicted)
	}
	return s.open(now, Inbound, remote), evicted, nil
}

// isLimited reports whether the connections of an address are limited. Those of this
// machine are not, unless the book is configured to see groups there.
func (s *Slots) isLimited(addr netip.Addr) bool {
	return !addr.IsLoopback() || s.book.Group(addr).IsValid()
}

// inboundFrom returns the number of inbound peers at the address of another one.
func (s *Slots) inboundFrom(remote netip.AddrPort) int {
	addr := countedAs(remote)
	return s.count(func(p *Slot) bool { return p.Kind == Inbound && p.counted == addr })
}

// countedAs returns the address by which limits count a peer: an IPv6 address as its
// /64.
func countedAs(remote netip.AddrPort) netip.Addr {
	addr, _ := netguard.Address(remote.String()) // of the right form
	return addr
}

// Ready notes that the hellos were exchanged, with the services that the peer said.
// It reports whether the connection has served its purpose, as that of a feeler has;
// then the caller ends it.
func (s *Slots) Ready(now time.Time, id ID, services uint64) (done bool) {
	p := s.slots[id]
	if p == nil || p.Ready {
		return false
	}
	p.Ready = true
	if p.Kind == Inbound {
		return false
	}
	s.book.Good(now, p.Addr, services)
	switch p.Kind {
	case Manual:
		s.noteManual(now, p.Addr, true)
	case BlocksOnly:
		s.anchors = slices.DeleteFunc(s.anchors, func(a netip.AddrPort) bool { return a == p.Addr })
		s.anchors = slices.Insert(s.anchors, 0, p.Addr)
		s.anchors = s.anchors[:min(len(s.anchors), 2*book.MaxAnchors)]
	}
	return p.Kind == Feeler
}

// Close frees a slot: the call failed, or the connection has ended. It notes a
// failure in the book if the peer never said hello, or if failed is set, as it should
// be for a peer that was too slow. A slot that is free already stays so.
func (s *Slots) Close(now time.Time, id ID, failed bool) {
	p := s.slots[id]
	if p == nil {
		return
	}
	delete(s.slots, id)
	if p.Kind == Inbound {
		return
	}
	if p.Ready {
		s.book.Worked(now, p.Addr)
	}
	if failed = failed || !p.Ready; failed {
		isOnline := s.count(func(p *Slot) bool { return p.Kind != Inbound && p.Ready }) > 0
		s.book.Failed(now, p.Addr, isOnline)
	}
	if p.Kind == Manual {
		s.noteManual(now, p.Addr, !failed)
	}
}

// Ping notes how long a peer took to answer a ping.
func (s *Slots) Ping(id ID, d time.Duration) {
	if p := s.slots[id]; p != nil && (p.MinPing == 0 || d < p.MinPing) {
		p.MinPing = max(d, 1)
	}
}

// GaveBlock notes that a peer was the first to give a valid block.
func (s *Slots) GaveBlock(now time.Time, id ID) {
	if p := s.slots[id]; p != nil {
		p.Block = now
	}
}

// GaveRecord notes that a peer was the first to give a record that the pool took.
func (s *Slots) GaveRecord(now time.Time, id ID) {
	if p := s.slots[id]; p != nil {
		p.Record = now
	}
}

// Anchors returns the addresses to call first after the next start: those of the
// blocks-only peers, and if there are fewer than [book.MaxAnchors], of earlier ones.
// Callers save them when they change.
func (s *Slots) Anchors() []netip.AddrPort {
	all := slices.Clone(s.anchors)
	isOpen := func(a netip.AddrPort) int {
		if s.count(func(p *Slot) bool { return p.Kind == BlocksOnly && p.Ready && p.Addr == a }) > 0 {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(all, func(a, b netip.AddrPort) int { return cmp.Compare(isOpen(b), isOpen(a)) })
	return all[:min(len(all), book.MaxAnchors)]
}

// SetExtra allows one more full peer, while no block has come for long; see
// [Slots.Surplus].
func (s *Slots) SetExtra(allowed bool) { s.extra = allowed }

// Surplus returns the full peer to end, or 0, once there are more than the limit and
// no extra one is allowed: the one whose last block is the oldest, of several the
// youngest. So an extra peer stays if it gives blocks and another does not.
func (s *Slots) Surplus() ID {
	var full []Slot
	for _, p := range s.All() {
		if p.Kind == Full && p.Ready {
			full = append(full, p)
		}
	}
	if s.extra || len(full) <= s.maxFull {
		return 0
	}
	return slices.MinFunc(full, func(p, q Slot) int {
		return cmp.Or(p.Block.Compare(q.Block), -cmp.Compare(p.ID, q.ID))
	}).ID
}

// clean returns an address in its one form, as the book has it.
func clean(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
