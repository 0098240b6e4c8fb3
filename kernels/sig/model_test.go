package sig

import (
	"math/big"
	"testing"
)

// checkLoose checks that the limbs of x are loose.
func checkLoose(t *testing.T, what string, x number) {
	t.Helper()
	for i, v := range x {
		if v > maxLoose {
			t.Fatalf("%s: limb %d is %#x, more than a loose one", what, i, v)
		}
	}
}

// checkModel runs the model of a field stage with x and y, and compares it with
// math/big.
func checkModel(t *testing.T, s stage, x, y number) {
	t.Helper()
	l := lane{x: x, y: y}
	laneStages[s](&l)
	checkLoose(t, s.String(), l.e)
	want := x.big()
	switch s {
	case stageMul:
		want.Mul(want, y.big())
	case stageSqr:
		want.Mul(want, want)
	case stageCanonical:
		want.Mod(want, p)
		if got := l.e.big(); got.Cmp(want) != 0 || numberOf(got) != l.e {
			t.Fatalf("%v below p is %v, which has the limbs %x", x, got, l.e)
		}
	}
	if !equalModP(l.e.big(), want) {
		t.Fatalf("%s of %x and %x is %x", s, x, y, l.e)
	}
}

// The field stages of the model are right with every combination of edge limbs. The
// other factor is random.
func TestModelFieldEdges(t *testing.T) {
	rng := newSplitMix(3)
	turn := 0
	allFives(func(x number) {
		// The two products take turns.
		checkModel(t, stageCanonical, x, number{})
		checkModel(t, stageMul+stage(turn%2), x, randomNumber(rng, maxWide))
		turn++
	})
	for _, x := range edgeNumbers() {
		for s := range stageDouble {
			checkModel(t, s, x, x)
		}
	}
}

// randomNumber returns random limbs of at most high.
func randomNumber(rng *splitMix, high uint64) (x number) {
	for i := range x {
		x[i] = rng.next() % (high + 1)
	}
	return x
}

// The field stages of the model are right with random limbs over their whole range.
func TestModelFieldRandom(t *testing.T) {
	rng := newSplitMix(4)
	for s := range stageDouble {
		for range 1000 {
			g := randomGroup(rng, s.maxInput())
			l := g.lane(0)
			checkModel(t, s, l.x, l.y)
		}
		var top number
		for i := range top {
			top[i] = s.maxInput()
		}
		checkModel(t, s, top, top)
	}
}

// Each stage of points gives loose limbs from loose ones.
func TestModelPointRanges(t *testing.T) {
	rng := newSplitMix(5)
	for s := stageDouble; s < stages; s++ {
		for range 1000 {
			g := randomGroup(rng, maxLoose)
			l := g.lane(0)
			laneStages[s](&l)
			for _, x := range l.all() {
				checkLoose(t, s.String(), *x)
			}
		}
	}
}

func TestNumberBytes(t *testing.T) {
	for _, x := range edgeNumbers() {
		v := new(big.Int).Mod(x.big(), p)
		if got := fromBytes((*[32]byte)(x.carry().bytes())); got != numberOf(v) {
			t.Errorf("%x is %x in bytes", x, got)
		}
	}
}
