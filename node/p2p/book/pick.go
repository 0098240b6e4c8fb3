package book

import (
	"math"
	"slices"
	"time"
)

const (
	sampleSmall = 100 // addresses that a sample may have of any book
	sampleShare = 23  // percent of the further addresses
)

// Pick draws an address to call: from the tried table or from the new one, with the
// same chance. Of the table it draws a bucket, of the bucket an address, among those
// that accept returns true for and that are not discouraged. Addresses that were
// called lately, or without success, have a smaller chance. Accept must not change
// the book. Pick returns false if there is no such address.
func (b *Book) Pick(now time.Time, accept func(Address) bool) (Address, bool) {
	tables := [][]bucket{b.tried[:], b.fresh[:]}
	first := b.rand.IntN(2)
	e := b.draw(now, tables[first], accept)
	if e == nil {
		e = b.draw(now, tables[1-first], accept)
	}
	return found(e)
}

// Feeler returns an address to test with a short call: the owner of a tried place
// that another address could take, or else one drawn from the new table as by
// [Book.Pick].
func (b *Book) Feeler(now time.Time, accept func(Address) bool) (Address, bool) {
	b.dropChallenges(func(c challenge) bool { return !b.isOpen(now, c) })
	for _, c := range b.challenges {
		if now.Sub(c.owner.Attempt) > time.Minute && b.isWanted(now, c.owner, accept) {
			return c.owner.Address, true
		}
	}
	return found(b.draw(now, b.fresh[:], accept))
}

func found(e *entry) (Address, bool) {
	if e == nil {
		return Address{}, false
	}
	return e.Address, true
}

// draw draws an entry of a table, nil if it has none that is wanted.
func (b *Book) draw(now time.Time, table []bucket, accept func(Address) bool) *entry {
	var chosen []*entry
	buckets := 0
	for i := range table {
		var wanted []*entry
		for _, e := range &table[i] {
			if e != nil && b.isWanted(now, e, accept) {
				wanted = append(wanted, e)
			}
		}
		if wanted == nil {
			continue
		}
		buckets++
		if b.rand.IntN(buckets) == 0 { // in the end each bucket is chosen with the same chance
			chosen = wanted
		}
	}
	var drawn *entry
	sum := 0.0
	for _, e := range chosen {
		chance := e.chance(now)
		sum += chance
		if drawn == nil || b.rand.Float64()*sum < chance {
			drawn = e
		}
	}
	return drawn
}

func (b *Book) isWanted(now time.Time, e *entry, accept func(Address) bool) bool {
	return !b.IsDiscouraged(now, e.Addr.Addr()) && accept(e.Address)
}

// chance returns the weight of an entry in a draw. The factors are those of Bitcoin
// Core (AddrInfo::GetChance).
func (e *entry) chance(now time.Time) float64 {
	chance := math.Pow(0.66, float64(min(e.Failures, 8)))
	if now.Sub(e.Attempt) < 10*time.Minute {
		chance *= 0.01
	}
	return chance
}

// Sample returns random addresses for a peer that asks: at most max, and
// at most 100 and 23 percent of those beyond, so that no peer learns all of a large
// book. They are in random order. Worthless and discouraged addresses are left out.
func (b *Book) Sample(now time.Time, max int) []Address {
	all := slices.DeleteFunc(b.sorted(), func(e *entry) bool {
		return e.isWorthless(now) || b.IsDiscouraged(now, e.Addr.Addr())
	})
	limit := len(all)
	if limit > sampleSmall {
		limit = sampleSmall + (limit-sampleSmall)*sampleShare/100
	}
	limit = min(limit, max)
	sample := make([]Address, 0, limit)
	for i := range limit {
		j := i + b.rand.IntN(len(all)-i)
		all[i], all[j] = all[j], all[i]
		sample = append(sample, all[i].Address)
	}
	return sample
}
