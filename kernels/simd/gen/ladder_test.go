package main

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
)

// selectRow makes the rows of the lanes the added point, or its negative where the
// mask says so; every instruction matters.
func TestSelectRow(t *testing.T) {
	for _, words := range []int{rowWords, affineWords} {
		t.Run(fmt.Sprint(words), func(t *testing.T) {
			t.Parallel()
			l, ops, name := selectCode(new(pool64), "select", words)
			if err := checkAddresses(ops); err != nil {
				t.Fatal(err)
			}
			killMutants(t, l, ops, name, func(rng *rand.Rand, m *limbMachine, ops []op) error {
				m.fill(rng, maxLoose)
				before := m.mem
				m.mask["K1"] = uint8(rng.Uint32())
				var rows [limbLanes][rowWords]uint64
				for lane := range rows {
					for first := 0; first < words; first += 5 {
						e := randomLimbs(rng, maxLoose)
						copy(rows[lane][first:words], e[:])
					}
					for w := range words {
						v := m.regs[fmt.Sprintf("Z%d", w/8*8+lane)]
						v[w%8] = rows[lane][w]
						m.regs[fmt.Sprintf("Z%d", w/8*8+lane)] = v
					}
				}
				if err := m.run(ops); err != nil {
					return err
				}
				for lane, row := range rows {
					if err := checkSelected(m, lane, row, words == rowWords); err != nil {
						return err
					}
				}
				for s := slot(1); s < addedMinus; s++ {
					if m.mem[s] != before[s] {
						return fmt.Errorf("slot %d has changed", s)
					}
				}
				if words == affineWords && m.mem[added2Z] != before[added2Z] {
					return fmt.Errorf("2Z has changed")
				}
				return nil
			})
		})
	}
}

// checkSelected checks the added point of a lane.
func checkSelected(m *limbMachine, lane int, row [rowWords]uint64, z bool) error {
	minus, plus := row[0:5], row[5:10]
	negative := m.mask["K1"]>>lane&1 != 0
	if negative {
		minus, plus = plus, minus
	}
	for i := range slot(5) {
		t := row[10+i]
		if negative {
			t = 2*limbMask - t
			if i == 0 {
				t -= 36
			}
		}
		switch {
		case m.mem[addedMinus+i][lane] != minus[i], m.mem[addedPlus+i][lane] != plus[i]:
			return fmt.Errorf("lane %d: Y-X or Y+X", lane)
		case m.mem[added2dT+i][lane] != t:
			return fmt.Errorf("lane %d: 2dT", lane)
		case z && m.mem[added2Z+i][lane] != row[15+i]:
			return fmt.Errorf("lane %d: 2Z", lane)
		}
	}
	return nil
}

// storeRow writes the coordinates of each lane to its row; every instruction matters.
func TestStoreRow(t *testing.T) {
	l, ops, name := stage{name: "storeRow", emit: storeRow}.code(new(pool64))
	if err := checkAddresses(ops); err != nil {
		t.Fatal(err)
	}
	killMutants(t, l, ops, name, func(rng *rand.Rand, m *limbMachine, ops []op) error {
		m.fill(rng, maxLoose)
		for s := slot(1); s < groupEnd; s++ {
			m.mem[s][1] = rng.Uint64N(maxLoose)
		}
		before := *m
		if err := m.run(ops); err != nil {
			return err
		}
		for lane := range limbLanes {
			var row [rowWords]uint64
			for w := range row {
				row[w] = m.rest[fmt.Sprintf("%d(DI)", 8*(rowWords*lane+w/8*8))][w%8]
			}
			if [4]uint64(row[16:]) != [4]uint64(row[20:]) {
				return fmt.Errorf("lane %d: the end is wrong", lane)
			}
			want := []*big.Int{
				before.number(elementX, lane), before.number(elementY, lane),
				times(plus(d, d), before.number(elementT, lane)), times(big.NewInt(2), before.number(elementZ, lane)),
			}
			for n, w := range want {
				if err := congruent([5]uint64(row[5*n:]), w); err != nil {
					return fmt.Errorf("lane %d: coordinate %d: %w", lane, n, err)
				}
			}
		}
		return nil
	})
}

// congruent checks that x is loose, and w modulo p.
func congruent(x [5]uint64, w *big.Int) error {
	sum := new(big.Int)
	for i := 4; i >= 0; i-- {
		sum.Lsh(sum, limbBits)
		sum.Add(sum, new(big.Int).SetUint64(x[i]))
		if x[i] > maxLoose {
			return fmt.Errorf("limb %d is %#x", i, x[i])
		}
	}
	if !isZero(minus(sum, w)) {
		return fmt.Errorf("%x", sum)
	}
	return nil
}

// Products of pairs are right; every instruction matters.
func TestPairs(t *testing.T) {
	for name, f := range map[string]func(*pool64) (*limbs, []op, map[reg]string){
		"multiply": multiplyPair, "square": squarePair,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, ops, names := f(new(pool64))
			killMutants(t, l, ops, names, func(rng *rand.Rand, m *limbMachine, ops []op) error {
				for at := 0; at < 640; at += 320 {
					for _, base := range []string{"SI", "DX"} {
						m.putElement(base, at, rng)
					}
				}
				if err := m.run(ops); err != nil {
					return err
				}
				for at := 0; at < 640; at += 320 {
					for lane := range limbLanes {
						x := m.elementAt("SI", at, lane)
						y := x
						if name == "multiply" {
							y = m.elementAt("DX", at, lane)
						}
						var got [5]uint64
						for i := range got {
							got[i] = m.rest[fmt.Sprintf("%d(DI)", at+64*i)][lane]
						}
						if err := congruent(got, times(x, y)); err != nil {
							return fmt.Errorf("element at %d, lane %d: %w", at, lane, err)
						}
					}
				}
				return nil
			})
		})
	}
}

// putElement puts random wide limbs into memory.
func (m *limbMachine) putElement(base string, at int, rng *rand.Rand) {
	var e [5]limbVector
	for lane := range limbLanes {
		for i, x := range randomLimbs(rng, maxWide) {
			e[i][lane] = x
		}
	}
	for i, v := range e {
		m.rest[fmt.Sprintf("%d(%s)", at+64*i, base)] = v
	}
}

// elementAt returns what is in memory.
func (m *limbMachine) elementAt(base string, at, lane int) *big.Int {
	sum := new(big.Int)
	for i := 4; i >= 0; i-- {
		sum.Lsh(sum, limbBits)
		sum.Add(sum, new(big.Int).SetUint64(m.rest[fmt.Sprintf("%d(%s)", at+64*i, base)][lane]))
	}
	return sum
}

// A result may be in the place of a source: nothing of an element is stored before the
// last read of it.
func TestPairsInPlace(t *testing.T) {
	for _, f := range []func(*pool64) (*limbs, []op, map[reg]string){multiplyPair, squarePair} {
		_, ops, _ := f(new(pool64))
		stored := map[string]bool{}
		for _, o := range ops {
			for _, s := range o.src {
				var at int
				var base string
				if n, _ := fmt.Sscanf(s.mem, "%d(%2s)", &at, &base); n == 2 && base != "BX" && stored[fmt.Sprintf("%d(DI)", at/320*320)] {
					t.Errorf("%s %s is read after a store", o.mn, s.mem)
				}
			}
			if o.class == store {
				var at int
				fmt.Sscanf(o.store, "%d(DI)", &at)
				stored[fmt.Sprintf("%d(DI)", at/320*320)] = true
			}
		}
		if len(stored) != 2 {
			t.Errorf("stores to %d elements", len(stored))
		}
	}
}
