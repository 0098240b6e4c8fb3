package book

import (
	"crypto/rand"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

const (
	announcedDelay = 2 * time.Hour       // by which an announced address counts as older than it says
	horizon        = 30 * 24 * time.Hour // after which an address that nobody saw is worthless
	freshSuccess   = 4 * time.Hour       // within which an address keeps its tried place without a test
	challengeTime  = 40 * time.Minute    // after which a challenge that was not decided is dropped
	maxChallenges  = 10
)

// Address is what the book knows about an address. Times are zero for never.
type Address struct {
	Addr     netip.AddrPort
	Services uint64    // as it said itself, or before the first success as announced
	Seen     time.Time // when it was known to work, to this node or, two hours earlier, as announced
	Attempt  time.Time // of the last call
	Success  time.Time // of the last call that succeeded, or the end of its connection
	Failures int       // calls that failed since then
}

// Announced is an address as a peer or a seed announces it.
type Announced struct {
	Addr     netip.AddrPort
	Services uint64
	Seen     time.Time
}

// entry is an address of the book.
type entry struct {
	Address
	// sources are the groups that announced the address: for each of its places in
	// the new table the one that led there. In the tried table there is one, which
	// leads back to the new table.
	sources []Group
	tried   bool
}

// challenge is an address that worked, and whose place in the tried table another
// one has.
type challenge struct {
	challenger, owner *entry
	since             time.Time
}

// Options configure a book. The zero Options are ready to use.
type Options struct {
	Secret  [32]byte               // decides places; zero: drawn
	Rand    *mathrand.Rand         // for draws; nil: seeded by the system
	Group   func(netip.Addr) Group // nil: [GroupOf]
	Private bool                   // accept private and loopback addresses
}

// Book keeps addresses. Its memory is bounded by its tables, to about 5 MB. Not safe
// for concurrent use.
type Book struct {
	secret  [32]byte
	rand    *mathrand.Rand
	group   func(netip.Addr) Group
	private bool

	entries     map[netip.AddrPort]*entry // each has at least one place
	fresh       [newBuckets]bucket        // the new table
	tried       [triedBuckets]bucket
	triedCount  int
	challenges  []challenge
	discouraged map[netip.Addr]time.Time // until when
}

// New returns an empty book.
func New(o Options) *Book {
	b := &Book{
		secret: o.Secret, rand: o.Rand, group: o.Group, private: o.Private,
		entries: map[netip.AddrPort]*entry{}, discouraged: map[netip.Addr]time.Time{},
	}
	if b.secret == [32]byte{} {
		_, _ = rand.Read(b.secret[:]) // never fails
	}
	if b.rand == nil {
		var seed [32]byte
		_, _ = rand.Read(seed[:])
		b.rand = mathrand.New(mathrand.NewChaCha8(seed))
	}
	if b.group == nil {
		b.group = GroupOf
	}
	return b
}

// Group returns the group of an address by the book's options.
func (b *Book) Group(addr netip.Addr) Group { return b.group(addr.Unmap().WithZone("")) }

// Len returns the number of addresses in the new and in the tried table.
func (b *Book) Len() (fresh, tried int) { return len(b.entries) - b.triedCount, b.triedCount }

// Get returns what the book knows about an address, and whether it has it.
func (b *Book) Get(addr netip.AddrPort) (Address, bool) {
	if e := b.entries[clean(addr)]; e != nil {
		return e.Address, true
	}
	return Address{}, false
}

// IsTried reports whether an address is in the tried table.
func (b *Book) IsTried(addr netip.AddrPort) bool {
	e := b.entries[clean(addr)]
	return e != nil && e.tried
}

// Accepts reports whether the book takes an address: one that can be called, and
// that the Internet routes unless Options.Private is set.
func (b *Book) Accepts(addr netip.AddrPort) bool {
	addr = clean(addr)
	return addr.Port() != 0 && isUnicast(addr.Addr()) && (b.private || isRoutable(addr.Addr()))
}

// Add adds addresses that a peer or a seed at source announced, and returns how many
// are new to the book. An address that others announced before may get a further
// place, each one half as likely as the one before.
func (b *Book) Add(now time.Time, source netip.Addr, all ...Announced) (added int) {
	for _, a := range all {
		if b.add(now, source, a) {
			added++
		}
	}
	return added
}

func (b *Book) add(now time.Time, source netip.Addr, a Announced) (added bool) {
	addr := clean(a.Addr)
	if !b.Accepts(addr) || !source.IsValid() {
		return false
	}
	seen := a.Seen
	if seen.After(now) {
		seen = now
	}
	if source.Unmap().WithZone("") != addr.Addr() {
		seen = seen.Add(-announcedDelay)
	}
	seen = second(seen)

	e, known := b.entries[addr], true
	if e == nil {
		e, known = &entry{Address: Address{Addr: addr, Services: a.Services, Seen: seen}}, false
	}
	if seen.After(e.Seen) {
		e.Seen = seen
	}
	if e.Success.IsZero() {
		e.Services = a.Services
	}
	if e.tried || len(e.sources) == maxPlaces || e.isWorthless(now) || b.rand.IntN(1<<len(e.sources)) != 0 {
		return false
	}
	from := b.sourceOf(source)
	p := b.newPlace(addr, from)
	if old := b.fresh[p.bucket][p.slot]; old != nil {
		isSpare := len(old.sources) > 1 && !known
		if old == e || !old.isWorthless(now) && !isSpare {
			return false
		}
	}
	b.putNew(e, from, p)
	return !known
}

// isWorthless reports whether an address may be replaced: nobody saw it for a
// month, or this node called it several times without success. The rule is
// AddrInfo::IsTerrible of Bitcoin Core.
func (e *entry) isWorthless(now time.Time) bool {
	switch {
	case now.Sub(e.Attempt) < time.Minute: // its call may be under way
		return false
	case now.Sub(e.Seen) > horizon:
		return true
	case e.Success.IsZero():
		return e.Failures >= 3
	default:
		return e.Failures >= 10 && now.Sub(e.Success) > 7*24*time.Hour
	}
}

// putNew gives an entry a place in the new table. Another entry there loses it.
func (b *Book) putNew(e *entry, from Group, p place) {
	if old := b.fresh[p.bucket][p.slot]; old != nil {
		b.takeNew(old, p)
	}
	b.fresh[p.bucket][p.slot] = e
	e.sources = append(e.sources, from)
	b.entries[e.Addr] = e
}

// takeNew takes a place in the new table from an entry, and removes the entry if it
// was the last one.
func (b *Book) takeNew(e *entry, p place) {
	b.fresh[p.bucket][p.slot] = nil
	e.sources = slices.DeleteFunc(e.sources, func(s Group) bool { return b.newPlace(e.Addr, s) == p })
	if len(e.sources) == 0 {
		delete(b.entries, e.Addr)
	}
}

// Called notes that a call to an address begins.
func (b *Book) Called(now time.Time, addr netip.AddrPort) {
	if e := b.entries[clean(addr)]; e != nil {
		e.Attempt = second(now)
	}
}

// Good notes that a call to an address succeeded, up to and including the hello of
// the peer, with the services that it said. The address moves to the tried table. If
// its place there is taken, the owner has to fail a call first, which
// [Book.Feeler] asks for.
func (b *Book) Good(now time.Time, addr netip.AddrPort, services uint64) {
	e := b.entries[clean(addr)]
	if e == nil {
		return
	}
	e.Services, e.Failures = services, 0
	e.Seen, e.Success, e.Attempt = second(now), second(now), second(now)
	if e.tried {
		b.dropChallenges(func(c challenge) bool { return c.owner == e })
		return
	}
	p := b.triedPlace(e.Addr)
	switch owner := b.tried[p.bucket][p.slot]; {
	case owner == nil:
		b.promote(e, p)
	case owner.isWorthless(now):
		b.replace(owner, e, p)
	case now.Sub(owner.Success) > freshSuccess && len(b.challenges) < maxChallenges &&
		!slices.ContainsFunc(b.challenges, func(c challenge) bool { return c.owner == owner }):
		b.challenges = append(b.challenges, challenge{e, owner, now})
	}
}

// Worked notes that a connection to an address has ended for which [Book.Good] was
// called: the address worked until now.
func (b *Book) Worked(now time.Time, addr netip.AddrPort) {
	if e := b.entries[clean(addr)]; e != nil && !e.Success.IsZero() {
		e.Seen, e.Success = second(now), second(now)
	}
}

// Failed notes that a call to an address failed. While the node is not online, which
// means that no other call succeeds either, failures say nothing about the address
// and do not count.
func (b *Book) Failed(now time.Time, addr netip.AddrPort, online bool) {
	e := b.entries[clean(addr)]
	if e == nil {
		return
	}
	e.Attempt = second(now)
	if !online {
		return
	}
	e.Failures++
	if i := slices.IndexFunc(b.challenges, func(c challenge) bool { return c.owner == e && b.isOpen(now, c) }); i >= 0 {
		b.replace(e, b.challenges[i].challenger, b.triedPlace(e.Addr))
	}
	b.dropChallenges(func(c challenge) bool { return c.owner == e })
}

// Remove removes an address, such as one of another network or this node's own.
func (b *Book) Remove(addr netip.AddrPort) {
	e := b.entries[clean(addr)]
	switch {
	case e == nil:
	case e.tried:
		b.takeTried(e, b.triedPlace(e.Addr))
		delete(b.entries, e.Addr)
	default:
		b.takeAllNew(e)
		delete(b.entries, e.Addr)
	}
}

// promote moves an entry from the new table to a free place of the tried one.
func (b *Book) promote(e *entry, p place) {
	origin := e.sources[0]
	b.takeAllNew(e)
	e.sources = append(e.sources, origin)
	b.putTried(e, p)
}

// putTried puts an entry that has no place, but a source, into a free place of the
// tried table.
func (b *Book) putTried(e *entry, p place) {
	b.entries[e.Addr] = e
	e.tried = true
	b.tried[p.bucket][p.slot] = e
	b.triedCount++
}

// replace gives the place of the owner in the tried table to an entry of the new
// table. The owner goes back to the new table, where it takes the place of another
// one if need be.
func (b *Book) replace(owner, e *entry, p place) {
	b.takeTried(owner, p)
	b.promote(e, p) // before the owner needs a place: it may be one of e's
	origin := owner.sources[0]
	owner.sources = nil
	b.putNew(owner, origin, b.newPlace(owner.Addr, origin))
}

func (b *Book) takeTried(e *entry, p place) {
	b.tried[p.bucket][p.slot] = nil
	e.tried = false
	b.triedCount--
}

func (b *Book) takeAllNew(e *entry) {
	for len(e.sources) > 0 {
		b.takeNew(e, b.newPlace(e.Addr, e.sources[0]))
	}
}

// isOpen reports whether a challenge still has to be decided.
func (b *Book) isOpen(now time.Time, c challenge) bool {
	return now.Sub(c.since) < challengeTime &&
		b.entries[c.owner.Addr] == c.owner && c.owner.tried &&
		b.entries[c.challenger.Addr] == c.challenger && !c.challenger.tried
}

func (b *Book) dropChallenges(drop func(challenge) bool) {
	b.challenges = slices.DeleteFunc(b.challenges, drop)
}

// sorted returns all entries in the order of their addresses.
func (b *Book) sorted() []*entry {
	all := make([]*entry, 0, len(b.entries))
	for _, e := range b.entries {
		all = append(all, e)
	}
	slices.SortFunc(all, func(x, y *entry) int { return x.Addr.Compare(y.Addr) })
	return all
}

// second returns a time without the fraction of a second, as files have it.
func second(t time.Time) time.Time {
	if t.Unix() <= 0 {
		return time.Time{}
	}
	return time.Unix(t.Unix(), 0)
}
