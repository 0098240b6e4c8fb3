package sig

import (
	"runtime/debug"
	"slices"
	"testing"

	"stele/kernels/internal/guardtest"
)

// The assembly may read and write no byte outside of what it is given: a fault would be
// a panic with an address.
func TestNoAccessOutside(t *testing.T) {
	needKernel(t)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	rng := newSplitMix(40)
	for _, atEnd := range []bool{false, true} {
		g := guardtest.Value[group](t, atEnd)
		for s := range stages {
			*g = *randomGroup(rng, s.maxInput())
			assembly.stages[s](g)
		}

		x, y, z := guardtest.Value[pair](t, atEnd), guardtest.Value[pair](t, atEnd), guardtest.Value[pair](t, atEnd)
		assembly.mulPair(z, x, y)
		assembly.sqrPair(z, x, 3)

		h := guardtest.Value[hashGroup](t, atEnd)
		assembly.sha512Block(h, 0xff)
		assembly.scalars(h)
		assembly.newDigits(h, guardtest.Value[keyDigits](t, atEnd), guardtest.Value[baseDigits](t, atEnd))
		assembly.knownDigits(h, guardtest.Value[partDigits](t, atEnd), guardtest.Value[basePartDigits](t, atEnd))

		rows := guardtest.Value[laneTable](t, atEnd)
		g.setIdentity()
		assembly.fillTable(rows, g)

		base, l, known := guardtest.Value[baseTables](t, atEnd), guardtest.Value[ladder](t, atEnd), guardtest.Value[Table](t, atEnd)
		*base, *known = *multiplesOfBase(), *identityTable
		from, _, _, _ := randomLadder(t, rng)
		for n, f := range assembly.ladders {
			*l = *from
			last := lanes - 1
			for i := range keyTurns { // the last row of the last lane
				l.keys[n].rows[i][last] = (keyRows - 1) * lanes * rowBytes
			}
			for i := range baseTurns {
				l.bases[n].rows[i][last] = (baseRows - 1) * affineBytes
			}
			f(l, base)
			for part := range parts {
				for i := range l.keyParts[n].rows {
					l.keyParts[n].rows[i][part][last] = uint32(part*keyRows+keyRows-1) * affineBytes
				}
				for i := range l.baseParts[n].rows {
					l.baseParts[n].rows[i][part][last] = uint32(part*baseRows+baseRows-1) * affineBytes
				}
			}
			var tables [2][lanes]*Table
			for i := range pairItems {
				tables[i/lanes][i%lanes] = known
			}
			assembly.knownLadders[n](l, &tables, base)
		}
	}
}

// Nothing of the items is read beyond their ends.
func TestNoAccessOutsideItems(t *testing.T) {
	needKernel(t)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	s := signer{newSplitMix(41)}
	for _, atEnd := range []bool{false, true} {
		key, sig := guardtest.Value[[32]byte](t, atEnd), guardtest.Value[[64]byte](t, atEnd)
		for _, how := range []int{1, spoilings} {
			i := s.spoiled(t, s.item(100), how)
			*key, *sig = *i.Key, *i.Sig
			message := guardtest.Value[[100]byte](t, atEnd)
			copy(message[:], i.Message)
			c, table := newChecker(&assembly), guardtest.Value[Table](t, atEnd)
			c.MakeTables([]*Table{table}, []*[32]byte{key}, make([]bool, 1))
			for _, table := range []*Table{nil, table} {
				i := Item{Key: key, Sig: sig, Message: message[:], Table: table}
				// So many that items are fetched ahead.
				items, want := slices.Repeat([]Item{i}, pairItems+2), slices.Repeat([]bool{reference(t, i)}, pairItems+2)
				items[pairItems].Message = nil
				want[pairItems] = reference(t, items[pairItems])
				checkVerdicts(t, c, items, want)
			}
		}
	}
}
