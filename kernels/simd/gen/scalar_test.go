package main

import (
	"fmt"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// edgeNumber returns a random number below 2^n, often one around a multiple of L or a
// power of two.
func edgeNumber(rng *rand.Rand, n uint) *big.Int {
	v := new(big.Int)
	for range n / 64 {
		v.Or(v.Lsh(v, 64), new(big.Int).SetUint64(rng.Uint64()))
	}
	switch rng.IntN(7) {
	case 0:
		v.Mul(new(big.Int).Rsh(v, 253), order)
	case 1:
		v = power2(uint(rng.IntN(int(n))))
	case 2:
		v.Mul(order, power2(uint(rng.IntN(int(n-252)))))
	case 3:
		v.Sub(power2(n), big.NewInt(1))
	case 4: // as L, apart from low limbs
		v.Add(power2(252), power2(uint(rng.IntN(252))))
	case 5: // the highest multiple of L
		v.Sub(power2(n), new(big.Int).Mod(power2(n), order))
	}
	v.Add(v, big.NewInt(int64(rng.IntN(5)-2)))
	return v.Mod(v.Abs(v), power2(n))
}

// word64 returns 64 bits of v.
func word64(v *big.Int, i int) uint64 {
	return new(big.Int).And(new(big.Int).Rsh(v, uint(64*i)), new(big.Int).SetUint64(1<<64-1)).Uint64()
}

// scalar returns the number in five slots.
func (m *limbMachine) scalar(first slot, lane int) *big.Int {
	sum := new(big.Int)
	for i := slot(4); i >= 0; i-- {
		sum.Lsh(sum, scalarBits)
		sum.Add(sum, new(big.Int).SetUint64(m.mem[first+i][lane]))
	}
	return sum
}

// checkScalars runs the code of scalars on random hashes and s.
func checkScalars(rng *rand.Rand, m *limbMachine, ops []op) error {
	var hashes, words [limbLanes]*big.Int
	for lane := range hashes {
		hashes[lane], words[lane] = edgeNumber(rng, 512), edgeNumber(rng, 256)
		for i := range 8 {
			m.mem[sha512State+slot(i)][lane] = bits.ReverseBytes64(word64(hashes[lane], i))
		}
		for i := range 4 {
			m.mem[scalarWords+slot(i)][lane] = word64(words[lane], i)
		}
	}
	before := m.mem
	if err := m.run(ops); err != nil {
		return err
	}
	for lane := range hashes {
		if got := m.scalar(scalarK, lane); got.Cmp(new(big.Int).Mod(hashes[lane], order)) != 0 {
			return fmt.Errorf("lane %d: k is %x", lane, got)
		}
		if got := m.scalar(scalarS, lane); got.Cmp(words[lane]) != 0 {
			return fmt.Errorf("lane %d: s is %x", lane, got)
		}
		below := m.rest[fmt.Sprintf("%d(SI)", scalarBelow)][0]>>lane&1 != 0
		if below != (words[lane].Cmp(order) < 0) {
			return fmt.Errorf("lane %d: %x is below L: %v", lane, words[lane], below)
		}
	}
	for s := slot(1); s < scalarK; s++ {
		if m.mem[s] != before[s] {
			return fmt.Errorf("slot %d has changed", s)
		}
	}
	return nil
}

// The scalars are right; every instruction matters.
func TestScalars(t *testing.T) {
	t.Parallel()
	l, ops, names := stage{name: "scalars", emit: scalars}.code(new(pool64))
	if err := checkAddresses(ops); err != nil {
		t.Fatal(err)
	}
	killMutants(t, l, ops, names, checkScalars)
}

// The digits sum to the scalars; every instruction matters.
func TestDigits(t *testing.T) {
	for name, c := range map[string]struct {
		emit   func(*limbs)
		places [2][]digitPlace
		bytes  [2]int64 // from row to row
	}{
		"new":   {newDigits, newPlaces(), [2]int64{8 * 8 * rowWords, 8 * affineWords}},
		"known": {knownDigits, knownPlaces(), [2]int64{8 * affineWords, 8 * affineWords}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, ops, names := stage{name: name, emit: c.emit}.code(new(pool64))
			if err := checkAddresses(ops); err != nil {
				t.Fatal(err)
			}
			killMutants(t, l, ops, names, func(rng *rand.Rand, m *limbMachine, ops []op) error {
				var numbers [2][limbLanes]*big.Int
				for i, first := range []slot{scalarK, scalarS} {
					for lane := range limbLanes {
						v := edgeNumber(rng, 512)
						// The digits for new keys have room for k below 2^253, others
						// for more.
						if name == "new" && i == 0 {
							v.Mod(v, power2(253))
						} else {
							v.Mod(v, new(big.Int).Mul(big.NewInt(15), power2(255)))
						}
						numbers[i][lane] = v
						for n, x := range scalarLimbs(v) {
							m.mem[first+slot(n)][lane] = x
						}
					}
				}
				m.mask["K1"] = uint8(rng.Uint32())
				for i, base := range []string{"DI", "DX"} {
					for _, p := range c.places[i] { // what was there before
						m.rest[fmt.Sprintf("%d(%s)", p.sign, base)] = limbVector{rng.Uint64() & 0xff}
					}
				}
				if err := m.run(ops); err != nil {
					return err
				}
				for i, base := range []string{"DI", "DX"} {
					for lane, want := range numbers[i] {
						if err := m.checkDigits(base, c.places[i], c.bytes[i], lane, want); err != nil {
							return err
						}
					}
				}
				return nil
			})
		})
	}
}

// checkDigits checks that the digits of a lane sum to v.
func (m *limbMachine) checkDigits(base string, places []digitPlace, rowBytes int64, lane int, v *big.Int) error {
	sum := new(big.Int)
	for _, p := range places {
		row := int64(m.rest[fmt.Sprintf("%d(%s)", p.row, base)][lane]) - int64(p.first)
		digit := row / rowBytes
		if row%rowBytes != 0 || digit < 0 || digit > 1<<(p.width-1) {
			return fmt.Errorf("lane %d: row at %d", lane, row)
		}
		if m.rest[fmt.Sprintf("%d(%s)", p.sign, base)][0]>>lane&1 != 0 {
			digit = -digit
		}
		sum.Add(sum, new(big.Int).Mul(big.NewInt(digit), power2(uint(p.at))))
	}
	if sum.Cmp(v) != 0 {
		return fmt.Errorf("lane %d: the digits of %x are those of %x", lane, v, sum)
	}
	return nil
}
