package miner

import (
	"maps"

	"stele/engine/pow"
)

// tally counts shares.
type tally struct {
	Shares
	best pow.Target // the best hash as a number; the highest if none was found
}

func newTally() tally {
	return tally{Shares: Shares{Rejected: map[Cause]uint64{}}, best: pow.MaxTarget}
}

// find counts a share when it is found.
func (t *tally) find(hash pow.Hash) {
	t.Found++
	if t.best.MetBy(hash) {
		t.Best = hash.Difficulty()
		t.best = numberOf(hash)
	}
}

// notAccepted returns how many shares were rejected or lost.
func (t *tally) notAccepted() (n uint64) {
	for _, of := range t.Rejected {
		n += of
	}
	return n
}

// numberOf returns a hash as the target that it just meets.
func numberOf(hash pow.Hash) (t pow.Target) {
	for i, b := range hash {
		t[i/8] |= uint64(b) << (8 * (i % 8))
	}
	return t
}

// status returns a copy of the counts.
func (t *tally) status() Shares {
	s := t.Shares
	s.Rejected = maps.Clone(t.Rejected)
	for _, c := range Causes {
		s.Rejected[c] += 0
	}
	return s
}
