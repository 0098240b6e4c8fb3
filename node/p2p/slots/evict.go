package slots

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"

	"stele/node/p2p/book"
)

// How many inbound peers are protected from eviction, and for what. An attacker has
// to outdo honest peers in all of it at once. The order and most numbers are those of
// Bitcoin Core (eviction.cpp).
const (
	protectedByGroup  = 4
	protectedByPing   = 8
	protectedByRecord = 4
	protectedByBlock  = 8
)

// victim returns the inbound peer that makes room for another one, or 0 if all are
// protected.
func (s *Slots) victim() ID {
	left := slices.DeleteFunc(s.All(), func(p Slot) bool { return p.Kind != Inbound })
	left = s.protectGroups(left)
	left = protect(left, protectedByPing,
		func(p Slot) bool { return p.MinPing > 0 },
		func(p, q Slot) int { return cmp.Compare(p.MinPing, q.MinPing) })
	left = protect(left, protectedByRecord,
		func(p Slot) bool { return !p.Record.IsZero() },
		func(p, q Slot) int { return q.Record.Compare(p.Record) })
	left = protect(left, protectedByBlock,
		func(p Slot) bool { return !p.Block.IsZero() },
		func(p, q Slot) int { return q.Block.Compare(p.Block) })
	left = left[len(left)/2:] // the older half is protected
	return s.youngestOfLargestGroup(left)
}

// protect returns peers without the first n in an order, of those that may be
// protected. It keeps the order of the others. Of equal peers the older is first.
func protect(peers []Slot, n int, may func(Slot) bool, order func(p, q Slot) int) []Slot {
	first := slices.DeleteFunc(slices.Clone(peers), func(p Slot) bool { return !may(p) })
	slices.SortStableFunc(first, order)
	first = first[:min(n, len(first))]
	return slices.DeleteFunc(peers, func(p Slot) bool {
		return slices.ContainsFunc(first, func(q Slot) bool { return q.ID == p.ID })
	})
}

// protectGroups returns peers without the oldest one of each of some groups: those
// with the lowest hash with a secret, so that an attacker does not know where to get
// addresses.
func (s *Slots) protectGroups(peers []Slot) []Slot {
	oldest := map[book.Group]Slot{}
	for _, p := range slices.Backward(peers) {
		oldest[s.group(p)] = p
	}
	hash := map[book.Group]uint64{}
	for g := range oldest {
		hash[g] = s.hash(g)
	}
	return protect(peers, protectedByGroup,
		func(p Slot) bool { return oldest[s.group(p)].ID == p.ID },
		func(p, q Slot) int { return cmp.Compare(hash[s.group(p)], hash[s.group(q)]) })
}

// youngestOfLargestGroup returns the youngest peer of the group with the most peers;
// of several such groups, of the one whose youngest is the youngest of all. It
// returns 0 if there are no peers.
func (s *Slots) youngestOfLargestGroup(peers []Slot) (id ID) {
	size := map[book.Group]int{}
	for _, p := range peers {
		size[s.group(p)]++
	}
	largest := 0
	for _, p := range slices.Backward(peers) {
		if n := size[s.group(p)]; n > largest {
			largest, id = n, p.ID
		}
	}
	return id
}

// group returns the group of a peer. An address that is in no group counts as one.
func (s *Slots) group(p Slot) book.Group {
	addr := p.Addr.Addr()
	if g := s.book.Group(addr); g.IsValid() {
		return g
	}
	return netip.PrefixFrom(addr, addr.BitLen())
}

// hash returns 64 bits of the SHA-256 of the secret and a group.
func (s *Slots) hash(g book.Group) uint64 {
	ip := g.Addr().As16()
	text := append(s.secret[:], ip[:]...)
	sum := sha256.Sum256(append(text, byte(g.Bits()), byte(g.Addr().BitLen())))
	return binary.LittleEndian.Uint64(sum[:])
}
