package sig

import (
	"os"
	"runtime/debug"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guarded returns a T in memory that no access may leave: it ends at a page that
// cannot be touched, or begins behind one.
func guarded[T any](t *testing.T, atEnd bool) *T {
	t.Helper()
	var zero T
	n, page := int(unsafe.Sizeof(zero)), os.Getpagesize()
	inner := (n + page - 1) / page * page
	b, err := unix.Mmap(-1, 0, inner+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Munmap(b); err != nil {
			t.Error(err)
		}
	})
	for _, closed := range [][]byte{b[:page], b[page+inner:]} {
		if err := unix.Mprotect(closed, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	if atEnd {
		return (*T)(unsafe.Pointer(&b[page+inner-n]))
	}
	return (*T)(unsafe.Pointer(&b[page]))
}

// The assembly may read and write no byte outside of what it is given: a fault would be
// a panic with an address.
func TestNoAccessOutside(t *testing.T) {
	needKernel(t)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	rng := newSplitMix(40)
	for _, atEnd := range []bool{false, true} {
		g := guarded[group](t, atEnd)
		for s := range stages {
			*g = *randomGroup(rng, s.maxInput())
			assembly.stages[s](g)
		}

		x, y, z := guarded[pair](t, atEnd), guarded[pair](t, atEnd), guarded[pair](t, atEnd)
		assembly.mulPair(z, x, y)
		assembly.sqrPair(z, x, 3)

		h := guarded[hashGroup](t, atEnd)
		assembly.sha512Block(h, 0xff)
		assembly.scalars(h)
		assembly.newDigits(h, guarded[keyDigits](t, atEnd), guarded[baseDigits](t, atEnd))
		assembly.knownDigits(h, guarded[partDigits](t, atEnd), guarded[basePartDigits](t, atEnd))

		rows := guarded[laneTable](t, atEnd)
		g.setIdentity()
		assembly.fillTable(rows, g)

		base, l, known := guarded[baseTables](t, atEnd), guarded[ladder](t, atEnd), guarded[Table](t, atEnd)
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
		key, sig := guarded[[32]byte](t, atEnd), guarded[[64]byte](t, atEnd)
		for _, how := range []int{1, spoilings} {
			i := s.spoiled(t, s.item(100), how)
			*key, *sig = *i.Key, *i.Sig
			message := guarded[[100]byte](t, atEnd)
			copy(message[:], i.Message)
			c, table := newChecker(&assembly), guarded[Table](t, atEnd)
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
