package sig

import (
	"math/big"
	"testing"
	"unsafe"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// fieldOf returns limbs for the reference.
func fieldOf(t *testing.T, limbs []uint64) *field.Element {
	t.Helper()
	return elementOf(t, number(limbs))
}

// checkRow checks that a row has the coordinates of q.
func checkRow(t *testing.T, row []uint64, q *point) {
	t.Helper()
	minus, plus, t2d := fieldOf(t, row[0:5]), fieldOf(t, row[5:10]), fieldOf(t, row[10:15])
	two := new(field.Element).Add(new(field.Element).One(), new(field.Element).One())
	z2 := two
	if len(row) == rowWords {
		z2 = fieldOf(t, row[15:20])
	}
	for i, x := range row[:15] {
		if x > maxLoose {
			t.Fatalf("word %d is %#x", i, x)
		}
	}
	// With Z' = 2Z: X' = 2X = plus - minus, Y' = 2Y, T' = 2T = t2d/d.
	x, y := new(field.Element).Subtract(plus, minus), new(field.Element).Add(plus, minus)
	d := elementOf(t, curveD)
	t2 := new(field.Element).Multiply(t2d, new(field.Element).Invert(d))
	got, err := new(point).SetExtendedCoordinates(x, y, z2, t2)
	if err != nil {
		t.Fatalf("no point: %v", err)
	}
	if got.Equal(q) != 1 {
		t.Fatalf("the point is %x, want %x", got.Bytes(), q.Bytes())
	}
}

// Every row of the tables of the base point.
func TestBaseTables(t *testing.T) {
	for part, rows := range multiplesOfBase() {
		q, step := edwards25519.NewIdentityPoint(), times(partUnit(part), edwards25519.NewGeneratorPoint())
		for _, row := range rows {
			checkRow(t, row[:15], q)
			for i, x := range row {
				if x > limbMask {
					t.Fatalf("word %d is %#x", i, x)
				}
			}
			q.Add(q, step)
		}
	}
}

// partUnit is what a part of a scalar is multiplied by.
func partUnit(part int) *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(partBits*part)) }

// Every row of the tables of points of all kinds.
func TestKeyTables(t *testing.T) {
	all := points(t)
	engines(t, func(t *testing.T, e *engine) {
		rng := newSplitMix(31)
		for from := 0; from < len(all); from += lanes {
			g, rows := new(group), new(laneTable)
			g.setIdentity()
			var want [lanes]*point
			for i := range lanes {
				want[i] = edwards25519.NewIdentityPoint()
				setAdded(rng, g, i, all[(from+i)%len(all)], false)
			}
			e.fillTable(rows, g)
			for _, row := range rows.rows {
				for i := range lanes {
					checkRow(t, row[i][:], want[i])
					want[i].Add(want[i], all[(from+i)%len(all)])
				}
			}
		}
	})
}

// randomLadder returns tables of points of all kinds and digits of random and extreme
// scalars; with k and s of each lane.
func randomLadder(t *testing.T, rng *splitMix) (l *ladder, k, s [2 * lanes]scalar, q [2 * lanes]*point) {
	t.Helper()
	l = aligned[ladder]()
	all := points(t)
	some := func() scalar {
		edges := []*big.Int{
			new(big.Int), big.NewInt(1), new(big.Int).Sub(bigOrder, big.NewInt(1)), new(big.Int).Lsh(big.NewInt(1), 252),
		}
		if n := rng.next() % 8; n < uint64(len(edges)) {
			x, _ := scalarOf(littleEndian(edges[n], 32))
			return x
		}
		return reduce(wordsOf8(signer{rng}.bytes(64)))
	}
	for i := range k {
		n, lane := i/lanes, i%lanes
		k[i], s[i], q[i] = some(), some(), all[rng.next()%uint64(len(all))]
		l.keys[n].set(lane, k[i])
		l.bases[n].set(lane, s[i])
	}
	for n := range l.groups {
		l.groups[n].setIdentity()
		for lane := range lanes {
			setAdded(rng, &l.groups[n], lane, q[n*lanes+lane], false)
		}
		modelEngine.fillTable(&l.tables[n], &l.groups[n])
		l.groups[n].setIdentity()
	}
	return l, k, s, q
}

// The ladder computes k A + s B, for one group and for two.
func TestLadder(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		rng := newSplitMix(32)
		for turn := range 6 {
			groups := 1 + turn%2
			l, k, s, q := randomLadder(t, rng)
			e.ladders[groups-1](l, multiplesOfBase())
			checkLadder(t, l, groups, k, s, q)
		}
	})
}

// checkLadder checks that the points of a ladder are k q + s B.
func checkLadder(t *testing.T, l *ladder, groups int, k, s [2 * lanes]scalar, q [2 * lanes]*point) {
	t.Helper()
	for i := range groups * lanes {
		g := &l.groups[i/lanes]
		x, y, z := elementOf(t, g.x.at(i%lanes)), elementOf(t, g.y.at(i%lanes)), elementOf(t, g.z.at(i%lanes))
		// (XZ : YZ : ZZ : XY)
		product := func(a, b *field.Element) *field.Element { return new(field.Element).Multiply(a, b) }
		got, err := new(point).SetExtendedCoordinates(product(x, z), product(y, z), product(z, z), product(x, y))
		if err != nil {
			t.Fatal(err)
		}
		want := times(k[i].big(), q[i])
		want.Add(want, times(s[i].big(), edwards25519.NewGeneratorPoint()))
		if got.Equal(want) != 1 {
			t.Fatalf("lane %d: %x, want %x", i, got.Bytes(), want.Bytes())
		}
	}
}

// times returns n q, also for q with a part of small order.
func times(n *big.Int, q *point) *point {
	sum := edwards25519.NewIdentityPoint()
	for i := n.BitLen() - 1; i >= 0; i-- {
		sum.Add(sum, sum)
		if n.Bit(i) == 1 {
			sum.Add(sum, q)
		}
	}
	return sum
}

// The ladder, the tables and the pairs of the assembly have the same limbs as those of
// the model, and leave everything else as it is.
func TestSameLimbs(t *testing.T) {
	needKernel(t)
	rng := newSplitMix(33)
	for turn := range 8 {
		l, _, _, _ := randomLadder(t, rng)
		want := aligned[ladder]()
		*want = *l
		modelEngine.ladders[turn%2](want, multiplesOfBase())
		assembly.ladders[turn%2](l, multiplesOfBase())
		for n := range l.groups {
			g, w := &l.groups[n], &want.groups[n]
			if g.x != w.x || g.y != w.y || g.z != w.z {
				t.Fatal("the ladders differ")
			}
		}
		if l.tables != want.tables || l.keys != want.keys || l.bases != want.bases {
			t.Fatal("the ladder has changed its tables or digits")
		}

		rows, wantRows := new(laneTable), new(laneTable)
		g := randomGroup(rng, maxLoose)
		g2 := *g
		modelEngine.fillTable(wantRows, g)
		assembly.fillTable(rows, &g2)
		if *rows != *wantRows {
			t.Fatal("the tables differ")
		}
	}
}

func TestPairs(t *testing.T) {
	needKernel(t)
	rng := newSplitMix(34)
	for range 1000 {
		x, y := new(pair), new(pair)
		*x = pair{randomGroup(rng, maxWide).x, randomGroup(rng, maxWide).x}
		*y = pair{randomGroup(rng, maxWide).x, randomGroup(rng, maxWide).x}
		var got, want pair
		modelEngine.mulPair(&want, x, y)
		assembly.mulPair(&got, x, y)
		if got != want {
			t.Fatal("products differ")
		}
		for _, to := range []*pair{x, y} { // in the place of a factor
			a, b := *x, *y
			if to == x {
				assembly.mulPair(&a, &a, &b)
			} else {
				assembly.mulPair(&b, &a, &b)
				a = b
			}
			if a != want {
				t.Fatal("products in place differ")
			}
		}
		n := 1 + rng.next()%20
		modelEngine.sqrPair(&want, x, n)
		assembly.sqrPair(&got, x, n)
		assembly.sqrPair(x, x, n)
		if got != want || *x != want {
			t.Fatalf("%d squares differ", n)
		}
	}
}

// Inverses and powers of both elements of a pair.
func TestPowers(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		rng := newSplitMix(35)
		exponent := new(big.Int).Rsh(new(big.Int).Sub(p, big.NewInt(5)), 3)
		w := new(powers)
		for range 5 {
			x := pair{randomGroup(rng, maxLoose).x, randomGroup(rng, maxLoose).x}
			var inverse, power pair
			e.invert(w, &inverse, &x)
			e.power(w, &power, &x)
			for n := range x {
				for i := range lanes {
					v := new(big.Int).Mod(x[n].at(i).big(), p)
					if !equalModP(power[n].at(i).big(), new(big.Int).Exp(v, exponent, p)) {
						t.Fatalf("wrong power of %x", v)
					}
					if v.Sign() != 0 && !equalModP(inverse[n].at(i).big(), new(big.Int).ModInverse(v, p)) {
						t.Fatalf("wrong inverse of %x", v)
					}
				}
			}
		}
	})
}

func TestAligned(t *testing.T) {
	for range 20 {
		if at := uintptr(unsafe.Pointer(aligned[ladder]())); at%64 != 0 {
			t.Fatalf("address %#x", at)
		}
	}
	if n := unsafe.Sizeof(group{}); n%64 != 0 {
		t.Errorf("a group has %d bytes", n)
	}
}

// Constants against their definitions.
func TestConstants(t *testing.T) {
	d := new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), p))
	d.Mod(d, p)
	if curveD != numberOf(d) || curve2D != numberOf(new(big.Int).Mod(new(big.Int).Lsh(d, 1), p)) {
		t.Error("d")
	}
	if root := rootOfM1.big(); !equalModP(new(big.Int).Mul(root, root), big.NewInt(-1)) {
		t.Error("root of -1")
	}
	x, y, _, _ := edwards25519.NewGeneratorPoint().ExtendedCoordinates()
	if fromBytes((*[32]byte)(x.Bytes())) != baseX || fromBytes((*[32]byte)(y.Bytes())) != baseY {
		t.Error("base point")
	}
}

func BenchmarkTable(b *testing.B) {
	needKernel(b)
	g, rows := new(group), aligned[laneTable]()
	g.setIdentity()
	for b.Loop() {
		assembly.fillTable(rows, g)
	}
}

func BenchmarkLadder(b *testing.B) {
	needKernel(b)
	l := aligned[ladder]()
	base := multiplesOfBase()
	for b.Loop() {
		assembly.ladders[1](l, base)
	}
}

func BenchmarkPower(b *testing.B) {
	needKernel(b)
	w := aligned[powers]()
	for b.Loop() {
		assembly.power(w, &w.x, &w.x)
	}
}
