package sig

import (
	"encoding/binary"
	"math/big"
	"math/bits"
	"testing"
)

// scalarOf returns the little-endian number in b, and whether it is below L.
func scalarOf(b []byte) (s scalar, below bool) {
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	_, below = s.minusOrder()
	return s, below
}

func (s scalar) big() *big.Int {
	sum := new(big.Int)
	for i := 3; i >= 0; i-- {
		sum.Lsh(sum, 64)
		sum.Add(sum, new(big.Int).SetUint64(s[i]))
	}
	return sum
}

// edgeScalars are numbers around multiples of L and powers of 2, below 2^bits.
func edgeScalars(bits uint) (all []*big.Int) {
	limit := new(big.Int).Lsh(big.NewInt(1), bits)
	var centers []*big.Int
	for n := range bits + 1 {
		centers = append(centers, new(big.Int).Lsh(big.NewInt(1), n))
		centers = append(centers, new(big.Int).Lsh(bigOrder, n))
	}
	rng := newSplitMix(30)
	for range 500 {
		n := new(big.Int).SetBytes(signer{rng}.bytes(int(bits/8) - 31 + int(rng.next()%32)))
		centers = append(centers, n, new(big.Int).Mul(new(big.Int).Rsh(n, 253), bigOrder))
	}
	centers = append(centers, new(big.Int), limit, new(big.Int).Sub(limit, new(big.Int).Mod(limit, bigOrder)))
	for _, c := range centers {
		for d := int64(-2); d <= 2; d++ {
			if v := new(big.Int).Add(c, big.NewInt(d)); v.Sign() >= 0 && v.Cmp(limit) < 0 {
				all = append(all, v)
			}
		}
	}
	return all
}

// wordsOf8 returns the little-endian words of b.
func wordsOf8(b []byte) (w [8]uint64) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return w
}

func TestReduce(t *testing.T) {
	for _, v := range edgeScalars(512) {
		if got, want := reduce(wordsOf8(littleEndian(v, 64))).big(), new(big.Int).Mod(v, bigOrder); got.Cmp(want) != 0 {
			t.Fatalf("%x modulo L is %x, want %x", v, got, want)
		}
	}
	if got := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(1), 512), bigOrder); got.BitLen() != 260 {
		t.Errorf("the reciprocal has %d bits", got.BitLen())
	} else {
		for i, w := range reciprocal {
			if word := new(big.Int).Rsh(got, uint(64*i)); word.And(word, new(big.Int).SetUint64(1<<64-1)).Uint64() != w {
				t.Errorf("word %d of the reciprocal", i)
			}
		}
	}
}

func TestScalarOf(t *testing.T) {
	for _, v := range edgeScalars(256) {
		s, below := scalarOf(littleEndian(v, 32))
		if s.big().Cmp(v) != 0 || below != (v.Cmp(bigOrder) < 0) {
			t.Fatalf("%x is %x, below L: %v", v, s.big(), below)
		}
	}
}

// The digits of every scalar sum to it, and select rows within the tables.
func TestDigits(t *testing.T) {
	var k keyDigits
	var b baseDigits
	for i, v := range edgeScalars(256) {
		if v.BitLen() > 253 {
			continue
		}
		s, _ := scalarOf(littleEndian(v, 32))
		lane := i % lanes
		k.set(lane, s)
		b.set(lane, s)
		sum := new(big.Int)
		for n := keyTurns - 1; n >= 0; n-- {
			row := int64(k.rows[n][lane])
			if row%(lanes*rowBytes) != 0 || row < 0 || row/(lanes*rowBytes) >= keyRows {
				t.Fatalf("row at %d", row)
			}
			sum = addDigit(sum, 5, row/(lanes*rowBytes), k.signs[n]>>lane&1 != 0)
		}
		if sum.Cmp(v) != 0 {
			t.Fatalf("the digits of five bits of %x are those of %x", v, sum)
		}
		sum.SetInt64(0)
		for n := baseTurns - 1; n >= 0; n-- {
			row := int64(b.rows[n][lane])
			if row%affineBytes != 0 || row/affineBytes >= baseRows {
				t.Fatalf("row at %d", row)
			}
			sum = addDigit(sum, 10, row/affineBytes, b.signs[n]>>lane&1 != 0)
		}
		if sum.Cmp(v) != 0 {
			t.Fatalf("the digits of ten bits of %x are those of %x", v, sum)
		}
	}
}

// addDigit returns 2^bits sum + digit, or - digit.
func addDigit(sum *big.Int, bits uint, digit int64, negative bool) *big.Int {
	if negative {
		digit = -digit
	}
	return sum.Add(sum.Lsh(sum, bits), big.NewInt(digit))
}

// The scalars and the digits of the assembly are those of the model, for edge numbers
// and random ones.
func TestScalarLanes(t *testing.T) {
	needKernel(t)
	hashes, words := edgeScalars(512), edgeScalars(256)
	rng := newSplitMix(70)
	h, want := aligned[hashGroup](), aligned[hashGroup]()
	for n := range len(hashes) {
		lane := n % lanes
		x, s := wordsOf8(littleEndian(hashes[n], 64)), littleEndian(words[rng.next()%uint64(len(words))], 32)
		for i := range x {
			h.state[i][lane] = bits.ReverseBytes64(x[i])
		}
		for i := range h.words {
			h.words[i][lane] = binary.LittleEndian.Uint64(s[8*i:])
		}
		if lane != lanes-1 {
			continue
		}
		*want = *h
		modelEngine.scalars(want)
		assembly.scalars(h)
		for i := range lanes {
			if h.k.at(i) != want.k.at(i) || h.s.at(i) != want.s.at(i) {
				t.Fatalf("lane %d: k %x, want %x; s %x, want %x", i, h.k.at(i), want.k.at(i), h.s.at(i), want.s.at(i))
			}
		}
		if *h != *want {
			t.Fatalf("below L: %08b, want %08b; or something else has changed", h.below, want.below)
		}
		checkDigits(t, h, rng)
	}
}

// checkDigits compares the digits that the assembly makes with those of the model. What
// was there before does not matter.
func checkDigits(t *testing.T, h *hashGroup, rng *splitMix) {
	t.Helper()
	var keys, wantKeys keyDigits
	var bases, wantBases baseDigits
	var keyParts, wantKeyParts partDigits
	var baseParts, wantBaseParts basePartDigits
	for i := range keys.rows {
		keys.rows[i][i%lanes], keys.signs[i] = uint32(rng.next()), uint8(rng.next())
	}
	before := *h
	modelEngine.newDigits(h, &wantKeys, &wantBases)
	assembly.newDigits(h, &keys, &bases)
	modelEngine.knownDigits(h, &wantKeyParts, &wantBaseParts)
	assembly.knownDigits(h, &keyParts, &baseParts)
	if keys != wantKeys || bases != wantBases || keyParts != wantKeyParts || baseParts != wantBaseParts || *h != before {
		t.Fatalf("the digits of %x and %x differ", h.k, h.s)
	}
}

// A scalar in a lane is what was set.
func TestRadix52(t *testing.T) {
	var x radix52
	for i, v := range edgeScalars(256) {
		s, _ := scalarOf(littleEndian(v, 32))
		x.set(i%lanes, s)
		if x.at(i%lanes) != s {
			t.Fatalf("%x is %x", s, x.at(i%lanes))
		}
		sum := new(big.Int)
		for n := 4; n >= 0; n-- {
			sum.Add(sum.Lsh(sum, 52), new(big.Int).SetUint64(x[n][i%lanes]))
		}
		if sum.Cmp(v) != 0 {
			t.Fatalf("%x has the limbs of %x", v, sum)
		}
	}
}
