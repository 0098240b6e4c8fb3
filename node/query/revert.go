package query

import (
	"math"
	"slices"
)

// AttackerShares are the shares of all work for which the chances of an attacker are
// shown. They must not be changed.
var AttackerShares = []float64{0.10, 0.25, 0.40}

// RevertChance returns the probability that an attacker with a share of all work, from 0
// to 0.5, ever overtakes the chain from before a block with depth blocks after it
// (Nakamoto, "Bitcoin: A Peer-to-Peer Electronic Cash System", section 11). A block at
// the tip has depth 0, and the result is 1. A share of a half or more is certain to
// overtake; one of 0 or less never does, except at depth 0.
//
// The result is exact to about nine digits, also where it is tiny; below 1e-300 it may
// be 0.
func RevertChance(depth uint32, share float64) float64 {
	switch {
	case depth == 0 || share >= 0.5:
		return 1
	case !(share > 0): // and not a number
		return 0
	}
	z, ratio := float64(depth), share/(1-share)
	mean := z * ratio // of the attacker's blocks, while the others find z
	// The paper sums, over the number k of blocks that the attacker has found, the
	// chance of k, which has a Poisson distribution, times the chance to catch up from
	// z-k blocks behind: ratio^(z-k), or 1 if k > z. For k <= z the product is
	//
	//	e^-mean mean^k/k! ratio^(z-k) = e^-mean ratio^z z^k/k!
	//
	// All terms are positive, so that nothing cancels; both sums begin with their
	// largest term.
	logFactorial, _ := math.Lgamma(z + 1)
	first := math.Exp(-mean + z*math.Log(ratio) + z*math.Log(z) - logFactorial) // k = z
	sum := 0.0
	for k, term := z, first; k >= 0 && term > sum*1e-17; k-- {
		sum += term
		term *= k / z
	}
	for k, term := z+1, first*mean/(z+1); term > sum*1e-17; k++ {
		sum += term
		term *= mean / (k + 1)
	}
	return min(sum, 1)
}

// Chance is the chance of an attacker with a share of all work.
type Chance struct {
	Share  float64 // of all work
	Chance float64 // to take the record back: see [RevertChance]
	// Enough is at which depth the chance is below one in a thousand.
	Enough uint32
}

// RevertChances returns the chances of [AttackerShares] to take back a record with a
// number of confirmations. One in the tip has one confirmation and depth 0. Without a
// confirmation there is nothing to take back: nil.
func RevertChances(confirmations uint32) []Chance {
	if confirmations == 0 {
		return nil
	}
	chances := slices.Clone(thousandth)
	for i := range chances {
		chances[i].Chance = RevertChance(confirmations-1, chances[i].Share)
	}
	return chances
}

// thousandth has the depths of [Chance.Enough].
var thousandth = func() (chances []Chance) {
	for _, share := range AttackerShares {
		depth := uint32(0)
		for RevertChance(depth, share) >= 0.001 {
			depth++
		}
		chances = append(chances, Chance{Share: share, Enough: depth})
	}
	return chances
}()
