package sig

import "math/bits"

// scalar is a number below 2^256, the lowest word first.
type scalar [4]uint64

// radix52 is a scalar in each lane, with limbs of 52 bits.
type radix52 [5][lanes]uint64

const mask52 = 1<<52 - 1

// at returns the scalar in a lane.
func (x *radix52) at(lane int) (s scalar) {
	for i := range s {
		s[i] = x[i][lane]>>(12*i) | x[i+1][lane]<<(52-12*i)
	}
	return s
}

// set sets a lane.
func (x *radix52) set(lane int, s scalar) {
	x[0][lane], x[4][lane] = s[0]&mask52, s[3]>>16
	for i := 1; i < 4; i++ {
		x[i][lane] = (s[i-1]>>(64-12*i) | s[i]<<(12*i)) & mask52
	}
}

// scalarsModel is the model of scalars.
func scalarsModel(h *hashGroup) {
	h.below = 0
	for lane := range lanes {
		var s scalar
		for i := range s {
			s[i] = h.words[i][lane]
		}
		_, below := s.minusOrder()
		setBit(&h.below, lane, below)
		h.s.set(lane, s)
		h.k.set(lane, reduce(h.digest(lane)))
	}
}

// order is the order L of the base point, 2^252 + 27742317777372353535851937790883648493.
var order = scalar{0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000}

// reciprocal is floor(2^512 / L).
var reciprocal = [5]uint64{0xed9ce5a30a2c131b, 0x2106215d086329a7, 0xffffffffffffffeb, 0xffffffffffffffff, 0xf}

// minusOrder returns s - L modulo 2^256, and whether s is below L.
func (s scalar) minusOrder() (d scalar, below bool) {
	var borrow uint64
	for i := range d {
		d[i], borrow = bits.Sub64(s[i], order[i], borrow)
	}
	return d, borrow != 0
}

// reduce returns x, the lowest word first, modulo L. It uses Barrett's method: the
// estimate of the quotient is at most two too small.
func reduce(x [8]uint64) scalar {
	var q [10]uint64 // 2^320 times the quotient
	for i, f := range x[3:] {
		addMultiple(q[i:i+6], reciprocal[:], f)
	}
	var product [10]uint64 // quotient times L
	for i, f := range q[5:9] {
		addMultiple(product[i:i+5], order[:], f)
	}
	// What is left is below 3L, so that its low words are enough.
	var r scalar
	var borrow uint64
	for i := range r {
		r[i], borrow = bits.Sub64(x[i], product[i], borrow)
	}
	for {
		d, below := r.minusOrder()
		if below {
			return r
		}
		r = d
	}
}

// addMultiple adds x times f to sum, which is one word longer than x and has room.
func addMultiple(sum, x []uint64, f uint64) {
	var carry uint64
	for i := range x {
		high, low := bits.Mul64(x[i], f)
		var c uint64
		low, c = bits.Add64(low, carry, 0)
		high += c
		sum[i], c = bits.Add64(sum[i], low, 0)
		carry = high + c
	}
	sum[len(x)] += carry
}

// bias returns the sum of the halves of all digits, of which digit i has width(i) bits.
// A scalar plus this has the digits of the scalar, each plus half its range.
func bias(digits int, width func(i int) int) (b [5]uint64) {
	at := 0
	for i := range digits {
		at += width(i)
		b[(at-1)/64] |= 1 << ((at - 1) % 64)
	}
	return b
}

var (
	keyBias      = bias(keyTurns, func(int) int { return 5 })
	baseBias     = bias(baseTurns, func(int) int { return 10 })
	keyPartBias  = bias(parts*partTurns, func(int) int { return 5 })
	basePartBias = bias(parts*basePartTurns, func(i int) int { return basePartWidth(i % basePartTurns) })
)

// basePartWidth returns the bits of a digit of a part of the base point's scalar.
func basePartWidth(turn int) int { return min(10, partBits-10*turn) }

// biased returns s + b.
func (s scalar) biased(b *[5]uint64) (r [6]uint64) {
	var carry uint64
	for i := range s {
		r[i], carry = bits.Add64(s[i], b[i], carry)
	}
	r[4] = b[4] + carry
	return r
}

// digit returns the n bits from bit at on, minus half their range: its absolute value,
// and all ones if it is negative.
func digit(r *[6]uint64, at, n int) (abs uint32, negative uint8) {
	x := r[at/64]>>(at%64) | r[at/64+1]<<1<<(63-at%64)
	d := int32(x&(1<<n-1)) - 1<<(n-1)
	sign := d >> 31
	return uint32((d ^ sign) - sign), uint8(sign)
}

// set sets the digits of a lane to those of s.
func (d *keyDigits) set(lane int, s scalar) {
	r := s.biased(&keyBias)
	for i := range keyTurns {
		n, negative := digit(&r, 5*i, 5)
		d.rows[i][lane] = n * lanes * rowBytes
		d.signs[i] = d.signs[i]&^(1<<lane) | negative&(1<<lane)
	}
}

// set sets the digits of a lane to those of s.
func (d *baseDigits) set(lane int, s scalar) {
	r := s.biased(&baseBias)
	for i := range baseTurns {
		n, negative := digit(&r, 10*i, 10)
		d.rows[i][lane] = n * affineBytes
		d.signs[i] = d.signs[i]&^(1<<lane) | negative&(1<<lane)
	}
}

// set sets the digits of a lane to those of s.
func (d *partDigits) set(lane int, s scalar) {
	r := s.biased(&keyPartBias)
	for part := range parts {
		for i := range partTurns {
			n, negative := digit(&r, partBits*part+5*i, 5)
			d.rows[2+i][part][lane] = (keyRows*uint32(part) + n) * affineBytes
			d.signs[i][part] = d.signs[i][part]&^(1<<lane) | negative&(1<<lane)
		}
	}
}

// set sets the digits of a lane to those of s.
func (d *basePartDigits) set(lane int, s scalar) {
	r := s.biased(&basePartBias)
	for part := range parts {
		for i := range basePartTurns {
			n, negative := digit(&r, partBits*part+10*i, basePartWidth(i))
			d.rows[1+i][part][lane] = (baseRows*uint32(part) + n) * affineBytes
			d.signs[i][part] = d.signs[i][part]&^(1<<lane) | negative&(1<<lane)
		}
	}
}
