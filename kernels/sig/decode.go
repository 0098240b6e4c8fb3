package sig

import "encoding/binary"

// fromBytes returns the low 255 bits of b, which may be p or more, with limbs below
// 2^51.
func fromBytes(b *[32]byte) number {
	w := wordsOf(b)
	return number{
		w[0] & limbMask, (w[0]>>51 | w[1]<<13) & limbMask, (w[1]>>38 | w[2]<<26) & limbMask,
		(w[2]>>25 | w[3]<<39) & limbMask, w[3] >> 12 & limbMask,
	}
}

// wordsOf returns the little-endian words of b.
func wordsOf(b *[32]byte) (w [4]uint64) {
	for i := range w {
		w[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return w
}

// words returns a canonical number in little-endian words.
func (x number) words() [4]uint64 {
	return [4]uint64{x[0] | x[1]<<51, x[1]>>13 | x[2]<<38, x[2]>>26 | x[3]<<25, x[3]>>39 | x[4]<<12}
}

// encodes reports whether b is the canonical encoding of the point with the canonical
// coordinates x and y.
func encodes(b *[32]byte, x, y number) bool {
	w := y.words()
	w[3] |= x[0] << 63
	return wordsOf(b) == w
}

// identity is the encoding of the identity.
var identity = [32]byte{1}

// powers is the memory of power, invert and decode.
type powers struct {
	base, a, b, c, x, cube pair
}

// decode sets x and y of two groups to the points with these encodings, by the rules of
// ZIP-215: y may be p or more, and x = 0 may have a sign. It returns the lanes whose
// encodings are points; the others become the identity. The other elements are
// scratch.
func (e *engine) decode(w *powers, groups *[2]group, encodings *[2 * lanes]*[32]byte) (valid [2]uint8) {
	var signs [2]uint8
	for n := range groups {
		g := &groups[n]
		for i := range lanes {
			b := encodings[n*lanes+i]
			y := fromBytes(b)
			g.y.set(i, &y)
			setBit(&signs[n], i, b[31]>>7 != 0)
		}
		e.stages[stageDecodeStart](g)
		w.x[n] = g.h
	}
	e.power(w, &w.x, &w.x)
	for n := range groups {
		g := &groups[n]
		g.h = w.x[n]
		e.stages[stageDecodeRoot](g)
		right, turned := g.e.zero(), g.f.zero()
		valid[n] = right | turned
		g.masks[0] = turned &^ right
		e.stages[stageDecodeTurn](g)
		g.masks = [2]uint8{g.x.odd() ^ signs[n], ^valid[n]}
		e.stages[stageDecodeSign](g)
	}
	return valid
}

// power sets to to the power (p-5)/8 = 2^252 - 3 of x. to may be x.
func (e *engine) power(w *powers, to, x *pair) {
	times := func(y, z *pair, squares uint64) { // y = y^(2^squares) z
		e.sqrPair(y, y, squares)
		e.mulPair(y, y, z)
	}
	// The comments have n where the power of x is 2^n - 1.
	base, a, b, c := &w.base, &w.a, &w.b, &w.c
	*base = *x
	*a = *base
	times(a, base, 1) // 2
	*b = *a
	times(b, a, 2)    // 4
	times(b, base, 1) // 5
	*a = *b
	times(a, b, 5) // 10
	*c = *a
	times(c, a, 10) // 20
	*b = *c
	times(b, c, 20) // 40
	times(b, a, 10) // 50
	*a = *b
	times(a, b, 50) // 100
	*c = *a
	times(c, a, 100)  // 200
	times(c, b, 50)   // 250
	times(c, base, 2) // 2^252 - 4 + 1
	*to = *c
}

// invert sets to to 1/x, or 0 for 0. to may be x.
func (e *engine) invert(w *powers, to, x *pair) {
	// 1/x is the power p-2 = 8 (2^252 - 3) + 3.
	e.sqrPair(&w.cube, x, 1)
	e.mulPair(&w.cube, &w.cube, x)
	e.power(w, to, x)
	e.sqrPair(to, to, 3)
	e.mulPair(to, to, &w.cube)
}

// invertAll replaces every element of z, of which none is 0, by its inverse, with one
// inversion. products is memory for as many.
func (e *engine) invertAll(w *powers, z, products []pair) {
	products[0] = z[0]
	for i := 1; i < len(z); i++ {
		e.mulPair(&products[i], &products[i-1], &z[i])
	}
	inverse := &w.x
	e.invert(w, inverse, &products[len(z)-1])
	for i := len(z) - 1; i > 0; i-- {
		// The product is not needed any more: it has room for the inverse.
		e.mulPair(&products[i-1], inverse, &products[i-1])
		e.mulPair(inverse, inverse, &z[i])
		z[i] = products[i-1]
	}
	z[0] = *inverse
}
