package sig

import (
	"math/big"
	"testing"
	"unsafe"

	"filippo.io/edwards25519"
)

// makeTable returns the table of a key that is a point.
func makeTable(t testing.TB, c *Checker, key *[32]byte) *Table {
	t.Helper()
	table, ok := new(Table), [1]bool{}
	c.MakeTables([]*Table{table}, []*[32]byte{key}, ok[:])
	if !ok[0] {
		t.Fatalf("%x is no point", *key)
	}
	return table
}

// checkTable checks every row of the table of q.
func checkTable(t *testing.T, table *Table, q *point) {
	t.Helper()
	for part, rows := range table.rows {
		sum, step := edwards25519.NewIdentityPoint(), times(partUnit(part), new(point).Negate(q))
		for _, row := range rows {
			checkRow(t, row[:15], sum)
			sum.Add(sum, step)
		}
	}
}

// pointKeys returns encodings of points of all kinds, and the points.
func pointKeys(t *testing.T) (keys []*[32]byte, qs []*point) {
	t.Helper()
	for _, q := range points(t) {
		keys, qs = append(keys, (*[32]byte)(q.Bytes())), append(qs, q)
	}
	for _, b := range smallEncodings(t) {
		q, err := new(point).SetBytes(b)
		if err != nil {
			t.Fatal(err)
		}
		keys, qs = append(keys, (*[32]byte)(b)), append(qs, q)
	}
	return keys, qs
}

// Every row of the tables of keys of all kinds, in every lane, beside keys that are
// none.
func TestMakeTables(t *testing.T) {
	all, qs := pointKeys(t)
	noPoint := [32]byte{2}
	engines(t, func(t *testing.T, e *engine) {
		c := newChecker(e)
		for _, shift := range []int{0, 3} {
			keys := append([]*[32]byte{&noPoint, &noPoint, &noPoint}[:shift:shift], all...)
			keys = append(keys, &noPoint)
			tables, ok := make([]*Table, len(keys)), make([]bool, len(keys))
			for i := range tables {
				tables[i] = new(Table)
				if i%2 == 0 { // another key had it before
					*tables[i] = *identityTable
					tables[i].key, tables[i].made = *all[0], true
				}
				ok[i] = i%3 == 0
			}
			c.MakeTables(tables, keys, ok)
			for i, table := range tables {
				isPoint := i >= shift && i < shift+len(all)
				if ok[i] != isPoint || table.isFor(keys[i]) != isPoint || table.isFor(all[5]) != (*keys[i] == *all[5]) {
					t.Fatalf("key %d, %x: ok %v, usable %v", i, *keys[i], ok[i], table.isFor(keys[i]))
				}
				if isPoint {
					checkTable(t, table, qs[i-shift])
				}
			}
		}
		c.MakeTables(nil, nil, nil)
	})
}

// The assembly makes the same limbs as the model.
func TestMakeTablesSameLimbs(t *testing.T) {
	needKernel(t)
	keys, _ := pointKeys(t)
	got, want, ok := new(Table), new(Table), [1]bool{}
	a, m := newChecker(&assembly), newChecker(&modelEngine)
	for _, key := range keys[:12] {
		a.MakeTables([]*Table{got}, []*[32]byte{key}, ok[:])
		m.MakeTables([]*Table{want}, []*[32]byte{key}, ok[:])
		if *got != *want {
			t.Fatalf("the tables of %x differ", *key)
		}
	}
}

func TestTableSize(t *testing.T) {
	if TableSize%64 != 0 || unsafe.Offsetof(Table{}.rows) != 0 {
		t.Errorf("a table has %d bytes, its rows begin at %d", TableSize, unsafe.Offsetof(Table{}.rows))
	}
	for part := range parts {
		if identityTable.rows[part][0] != identityRow {
			t.Error("the table of no key has no identity")
		}
	}
}

// The digits of every scalar in parts sum to it, and select rows within the tables.
func TestPartDigits(t *testing.T) {
	var k partDigits
	var b basePartDigits
	row := func(offset uint32, rows, part int) int64 {
		n := int64(offset)/affineBytes - int64(rows*part)
		if offset%affineBytes != 0 || n < 0 || n >= int64(rows) {
			t.Fatalf("row at %d in part %d", offset, part)
		}
		return n
	}
	for i, v := range edgeScalars(256) {
		if v.BitLen() > 253 {
			continue
		}
		s, _ := scalarOf(littleEndian(v, 32))
		lane := i % lanes
		k.set(lane, s)
		b.set(lane, s)
		sum, baseSum := new(big.Int), new(big.Int)
		for part := range parts {
			of, baseOf := new(big.Int), new(big.Int)
			for n := partTurns - 1; n >= 0; n-- {
				of = addDigit(of, 5, row(k.rows[2+n][part][lane], keyRows, part), k.signs[n][part]>>lane&1 != 0)
			}
			for n := basePartTurns - 1; n >= 0; n-- {
				baseOf = addDigit(baseOf, 10, row(b.rows[1+n][part][lane], baseRows, part), b.signs[n][part]>>lane&1 != 0)
			}
			sum.Add(sum, of.Mul(of, partUnit(part)))
			baseSum.Add(baseSum, baseOf.Mul(baseOf, partUnit(part)))
		}
		if sum.Cmp(v) != 0 || baseSum.Cmp(v) != 0 {
			t.Fatalf("the digits of %x are those of %x and %x", v, sum, baseSum)
		}
	}
}

// knownOf returns the tables of the points of a ladder, and makes its digits those for
// known keys.
func knownOf(t *testing.T, l *ladder, k, s [2 * lanes]scalar, q [2 * lanes]*point) *[2][lanes]*Table {
	t.Helper()
	tables, c := new([2][lanes]*Table), newChecker(&modelEngine)
	made := map[*point]*Table{}
	for i := range q {
		if made[q[i]] == nil {
			made[q[i]] = makeTable(t, c, (*[32]byte)(new(point).Negate(q[i]).Bytes()))
		}
		tables[i/lanes][i%lanes] = made[q[i]]
		l.keyParts[i/lanes].set(i%lanes, k[i])
		l.baseParts[i/lanes].set(i%lanes, s[i])
	}
	return tables
}

// The ladder for known keys computes s B - k A, for one group and for two.
func TestKnownLadder(t *testing.T) {
	engines(t, func(t *testing.T, e *engine) {
		rng := newSplitMix(60)
		for turn := range 6 {
			groups := 1 + turn%2
			l, k, s, q := randomLadder(t, rng)
			e.knownLadders[groups-1](l, knownOf(t, l, k, s, q), multiplesOfBase())
			checkLadder(t, l, groups, k, s, q)
		}
	})
}

// The ladder of the assembly has the same limbs as that of the model, and leaves
// everything else as it is.
func TestKnownLadderSameLimbs(t *testing.T) {
	needKernel(t)
	rng := newSplitMix(61)
	for turn := range 8 {
		l, k, s, q := randomLadder(t, rng)
		tables := knownOf(t, l, k, s, q)
		want, before := aligned[ladder](), *tables[0][0]
		*want = *l
		modelEngine.knownLadders[turn%2](want, tables, multiplesOfBase())
		assembly.knownLadders[turn%2](l, tables, multiplesOfBase())
		for n := range l.groups {
			g, w := &l.groups[n], &want.groups[n]
			if g.x != w.x || g.y != w.y || g.z != w.z {
				t.Fatal("the ladders differ")
			}
		}
		if l.keyParts != want.keyParts || l.baseParts != want.baseParts || *tables[0][0] != before {
			t.Fatal("the ladder has changed its tables or digits")
		}
	}
}

// A table that is not that of the key has no influence on the verdict, nor has one of a
// key that is no point.
func TestOtherTables(t *testing.T) {
	checkers(t, func(t *testing.T, c *Checker, fast bool) {
		s := signer{newSplitMix(62)}
		good := s.item(40)
		other := makeTable(t, c, s.item(1).Key)
		noPoint := s.item(40)
		noPoint.Key = &[32]byte{2}
		unusable, ok := *makeTable(t, c, good.Key), [1]bool{}
		c.MakeTables([]*Table{&unusable}, []*[32]byte{noPoint.Key}, ok[:])
		var items []Item
		for _, table := range []*Table{nil, new(Table), other, &unusable, makeTable(t, c, good.Key)} {
			for _, i := range []Item{good, s.spoiled(t, good, 2), noPoint} {
				i.Table = table
				items = append(items, i)
			}
		}
		want := make([]bool, len(items))
		for i := range want {
			want[i] = i%3 == 0
		}
		checkVerdicts(t, c, items, want)
	})
}

// After Check, the Checker keeps no table alive.
func TestNoTableIsKept(t *testing.T) {
	checkers(t, func(t *testing.T, c *Checker, fast bool) {
		s := signer{newSplitMix(63)}
		i := s.item(40)
		i.Table = makeTable(t, c, i.Key)
		checkVerdicts(t, c, []Item{i}, []bool{true})
		if c.tables != [2][lanes]*Table{} {
			t.Error("tables are kept")
		}
	})
}

func BenchmarkMakeTables(b *testing.B) {
	needKernel(b)
	s := signer{newSplitMix(64)}
	c := newChecker(&assembly)
	var tables []*Table
	var keys []*[32]byte
	for range lanes {
		tables, keys = append(tables, new(Table)), append(keys, s.item(0).Key)
	}
	for b.Loop() {
		c.MakeTables(tables, keys, make([]bool, lanes))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*lanes), "ns/key")
}
