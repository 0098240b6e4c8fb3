package sig

import (
	"encoding/hex"
	"math/big"
	"testing"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// The reference for points is filippo.io/edwards25519.
type point = edwards25519.Point

// torsion returns the eight points of small order.
func torsion(t testing.TB) (all [8]*point) {
	t.Helper()
	b, err := hex.DecodeString("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
	if err != nil {
		t.Fatal(err)
	}
	order8, err := new(point).SetBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	sum := edwards25519.NewIdentityPoint()
	for i := range all {
		all[i] = new(point).Set(sum)
		sum.Add(sum, order8)
	}
	if sum.Equal(edwards25519.NewIdentityPoint()) != 1 || all[4].Equal(all[0]) == 1 {
		t.Fatal("the order is not 8")
	}
	return all
}

// points returns points of all kinds: of small order, of the prime order, and mixed.
func points(t testing.TB) (all []*point) {
	t.Helper()
	rng := newSplitMix(9)
	small := torsion(t)
	all = append(all, small[:]...)
	all = append(all, edwards25519.NewGeneratorPoint())
	for i := range 6 {
		var wide [64]byte
		for j := range wide {
			wide[j] = byte(rng.next())
		}
		s, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
		if err != nil {
			t.Fatal(err)
		}
		q := new(point).ScalarBaseMult(s)
		all = append(all, q, new(point).Negate(q), new(point).Add(q, small[1+i]))
	}
	return all
}

// scaled returns the coordinates of q, each times the same random number.
func scaled(rng *splitMix, q *point) (x, y, z, t number) {
	X, Y, Z, T := q.ExtendedCoordinates()
	b := randomNumber(rng, limbMask).carry().bytes()
	f, err := new(field.Element).SetBytes(b)
	if err != nil {
		panic(err)
	}
	coordinate := func(e *field.Element) number {
		return fromBytes((*[32]byte)(new(field.Element).Multiply(e, f).Bytes()))
	}
	return coordinate(X), coordinate(Y), coordinate(Z), coordinate(T)
}

// minusOf returns x - y.
func minusOf(x, y number) number {
	d := new(big.Int).Sub(x.big(), y.big())
	return numberOf(d.Mod(d, p))
}

// setAddend makes q the point of lane i, as an addition reads it.
func setAddend(rng *splitMix, g *group, i int, q *point) {
	x, y, z, t := scaled(rng, q)
	l := g.lane(i)
	l.x, l.y, l.z, l.t = minusOf(y, x), sum(&y, &x).carry(), z, t
	g.setLane(i, &l)
}

// setAdded makes q the point that is added in lane i, with Z = 1 if affine.
func setAdded(rng *splitMix, g *group, i int, q *point, affine bool) {
	x, y, z, t := scaled(rng, q)
	if affine {
		inverse := new(big.Int).ModInverse(z.big(), p)
		z = numberOf(inverse)
		x, y, t = multiply(&x, &z).carry(), multiply(&y, &z).carry(), multiply(&t, &z).carry()
		z = one
	}
	l := g.lane(i)
	l.minus, l.plus = minusOf(y, x), sum(&y, &x).carry()
	l.t2d, l.z2 = multiply(&t, &curve2D).carry(), sum(&z, &z).carry()
	if affine {
		l.z2 = randomNumber(rng, maxLoose) // must not be read
	}
	g.setLane(i, &l)
}

// elementOf returns x for the reference.
func elementOf(t *testing.T, x number) *field.Element {
	t.Helper()
	e, err := new(field.Element).SetBytes(x.bytes())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// checkPoint checks that the completed point of each lane is the wanted one, in all
// the forms that the stages give it.
func checkPoint(t *testing.T, e *engine, g *group, want [lanes]*point) {
	t.Helper()
	extended := *g
	e.stages[stageToExtended](&extended)
	addend := *g
	e.stages[stageToAddend](&addend)
	e.stages[stageToProjective](g)
	if g.x != extended.x || g.y != extended.y || g.z != extended.z {
		t.Fatal("toProjective and toExtended differ")
	}
	for i := range lanes {
		l, a := extended.lane(i), addend.lane(i)
		got, err := new(point).SetExtendedCoordinates(elementOf(t, l.x), elementOf(t, l.y), elementOf(t, l.z), elementOf(t, l.t))
		if err != nil {
			t.Fatalf("lane %d is not on the curve: %v", i, err)
		}
		if got.Equal(want[i]) != 1 {
			t.Fatalf("lane %d is the point %x, want %x", i, got.Bytes(), want[i].Bytes())
		}
		if !equalModP(a.x.big(), minusOf(l.y, l.x).big()) || !equalModP(a.y.big(), sum(&l.y, &l.x).big()) || a.z != l.z || a.t != l.t {
			t.Fatalf("lane %d: toAddend and toExtended differ", i)
		}
	}
}

// All sums of two points: of small order, equal, opposite, with the identity, and
// others. Each comes by addPoint and addAffine.
func TestAdditions(t *testing.T) {
	all := points(t)
	engines(t, func(t *testing.T, e *engine) {
		rng := newSplitMix(10)
		for _, s := range []stage{stageAddPoint, stageAddAffine} {
			for i, q := range all {
				for from := 0; from < len(all); from += lanes {
					g := new(group)
					var want [lanes]*point
					for n := range lanes {
						other := all[(i+from+n)%len(all)]
						setAddend(rng, g, n, q)
						setAdded(rng, g, n, other, s == stageAddAffine)
						want[n] = new(point).Add(q, other)
					}
					e.stages[s](g)
					checkPoint(t, e, g, want)
				}
			}
		}
	})
}

// Doublings of all kinds of points, one after the other: each starts from what the
// one before has left.
func TestDoublings(t *testing.T) {
	all := points(t)
	engines(t, func(t *testing.T, e *engine) {
		rng := newSplitMix(11)
		for from := 0; from < len(all); from += lanes {
			g := new(group)
			var want [lanes]*point
			for n := range lanes {
				want[n] = new(point).Set(all[(from+n)%len(all)])
				l := g.lane(n)
				l.x, l.y, l.z, _ = scaled(rng, want[n])
				g.setLane(n, &l)
			}
			for range 10 {
				e.stages[stageDouble](g)
				for _, q := range want {
					q.Add(q, q)
				}
				checkPoint(t, e, g, want)
			}
		}
	})
}

// Sums of many points, each in the form that toAddend gives it.
func TestAdditionChain(t *testing.T) {
	all := points(t)
	engines(t, func(t *testing.T, e *engine) {
		rng := newSplitMix(12)
		g := new(group)
		var want [lanes]*point
		for n := range lanes {
			want[n] = new(point).Set(all[n])
			setAddend(rng, g, n, want[n])
		}
		for turn := range 30 {
			s := stageAddPoint + stage(turn%2)
			for n := range lanes {
				other := all[(turn*lanes+n)%len(all)]
				setAdded(rng, g, n, other, s == stageAddAffine)
				want[n].Add(want[n], other)
			}
			e.stages[s](g)
			copied := *g
			checkPoint(t, e, &copied, want)
			e.stages[stageToAddend](g)
		}
	})
}
