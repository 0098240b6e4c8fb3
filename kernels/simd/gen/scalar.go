package main

import (
	"fmt"
	"math/big"
)

// Scalars are numbers modulo the order L of the base point, in radix 2^52: the high half
// of a product that VPMADD52 gives is a multiple of the next limb.

const scalarBits = 52

// Slots of the memory of the hash, for scalars.
const (
	scalarWords slot = sha512End + iota*5 // s in four words of 64 bits, and a free slot
	scalarK                               // the hash modulo L
	scalarS                               // s
	scalarEnd
)

// scalarBelow is the byte offset of the mask of the lanes in which s is below L.
const scalarBelow = 64 * (int(scalarEnd) - 1)

// order is L = 2^252 + 27742317777372353535851937790883648493.
var order = func() *big.Int {
	c, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	return c.Add(c, power2(252))
}()

func power2(n uint) *big.Int { return new(big.Int).Lsh(big.NewInt(1), n) }

// scalarLimbs returns the five limbs of v.
func scalarLimbs(v *big.Int) (limbs [5]uint64) {
	for i := range limbs {
		limbs[i] = new(big.Int).And(new(big.Int).Rsh(v, uint(scalarBits*i)), big.NewInt(1<<scalarBits-1)).Uint64()
	}
	return limbs
}

// constants returns limbs that are equal in all lanes.
func (l *limbs) constants(values [5]uint64) (e element) {
	for i, v := range values {
		e[i] = l.constant(v)
	}
	return e
}

// lowBits returns the low n bits of x.
func (l *limbs) lowBits(x limb, n int) limb {
	mask := uint64(1)<<n - 1
	return limb{l.binary("VPANDQ", x, l.constant(mask), alu), 0, min(x.high, mask)}
}

// bits returns n bits of words with so many bits each, from bit at on.
func (l *limbs) bits(words []limb, size, at, n int) limb {
	w, from := at/size, at%size
	x := words[w]
	if from > 0 {
		x = l.shiftRight(x, from)
	}
	have := size - from
	switch {
	case have > n:
		return l.lowBits(x, n)
	case have == n || w+1 == len(words):
		return x
	}
	return l.add(x, l.shiftLeft(l.lowBits(words[w+1], n-have), have))
}

// columns returns the sums of the products x[i] y[j] by the power of 2^52, those from first
// to last. In the first one, high halves of products with y[j] below 2^51 are left out, and
// so is every y[j] of 0.
func (l *limbs) columns(x []limb, y [5]uint64, first, last int) (sums []limb) {
	x = append([]limb(nil), x...)
	for i := range x {
		x[i] = l.load(x[i])
	}
	for c := first; c <= last; c++ {
		s := l.none()
		for j, v := range y {
			if i := c - j; v != 0 && i >= 0 && i < len(x) {
				s = l.addLow(s, x[i], l.constant(v))
			}
			if i := c - 1 - j; v != 0 && i >= 0 && i < len(x) && (c > first || v >= 1<<51) {
				s = l.addHigh(s, x[i], l.constant(v))
			}
		}
		sums = append(sums, s)
	}
	return sums
}

// carryScalar carries from limb to limb, and drops what is above the last one.
func (l *limbs) carryScalar(x []limb) []limb {
	for i := range x {
		if i+1 < len(x) {
			x[i+1] = l.add(x[i+1], l.shiftRight(x[i], scalarBits))
		}
		x[i] = l.lowBits(x[i], scalarBits)
	}
	return x
}

// notBelowOrder returns 1 for lanes in which x, below 2^260, is L or more, and 0 for
// others: then x + 2^260 - L has a bit of 2^260.
func (l *limbs) notBelowOrder(x []limb) limb {
	n := l.constants(scalarLimbs(new(big.Int).Sub(power2(260), order)))
	top := l.shiftRight(l.add(x[0], n[0]), scalarBits)
	for i := 1; i < 5; i++ {
		top = l.shiftRight(l.add(l.add(x[i], n[i]), top), scalarBits)
	}
	if top.high > 1 {
		l.fail("L may be subtracted %d times", top.high)
	}
	return top
}

// minusOrder subtracts L from x where x is L or more.
func (l *limbs) minusOrder(x []limb) []limb {
	top := l.notBelowOrder(x)
	n := scalarLimbs(new(big.Int).Sub(power2(260), order))
	for i := range x {
		x[i] = l.addLow(x[i], top, l.constant(n[i]))
	}
	return l.carryScalar(x)
}

// reduceHash returns x, in eight words of 64 bits, modulo L, by Barrett's method.
//
// With m = floor(2^512 / L) and h = floor(x / 2^200), the quotient is estimated as
// q = floor(h m / 2^312). h is less than 1 too small, which makes h m / 2^312 too small
// by less than m / 2^312 < 2^-51; m is less than 1/4 too small, which makes it too small
// by less than h / 2^312 / 4 < 1/4. The columns of h m below 2^260 are left out: less
// than 10 2^260 of 2^312. In that column, so is the high half of the product with limb
// 1 of m, which is below 2^51: less than 2^311. So q is at most one too small, x - q L is
// below 2 L, and its low 260 bits are enough.
func (l *limbs) reduceHash(x []limb) []limb {
	var high, low []limb
	for i := range 6 {
		high = append(high, l.bits(x, 64, 200+scalarBits*i, scalarBits))
	}
	for i := range 5 {
		low = append(low, l.bits(x, 64, scalarBits*i, scalarBits))
	}
	inverse, rest := new(big.Int).DivMod(power2(512), order, new(big.Int))
	if rest.Mul(rest, big.NewInt(4)).Cmp(order) >= 0 {
		l.fail("2^512 / L is more than 1/4 above its integer part")
	}
	sums := l.columns(high, scalarLimbs(inverse), 5, 10)
	// q is below 2^260, since x is below 2^512: nothing is dropped.
	sums[1] = l.add(sums[1], l.shiftRight(sums[0], scalarBits))
	q := l.carryScalar(sums[1:])

	product := l.columns(q, scalarLimbs(order), 0, 4)
	// A multiple of 2^260, limb by limb more than the product.
	const times = 16
	for i := range low {
		more := uint64(times<<scalarBits - times)
		if i == 0 {
			more = times << scalarBits
		}
		low[i] = l.sub(l.add(low[i], l.constant(more)), product[i])
	}
	return l.minusOrder(l.carryScalar(low))
}

// firstMask is the first of the slots that stand for mask registers in the order of
// operations.
const firstMask slot = 1 << 20

// storeMask writes the lanes in which x is below y to a byte.
func (l *limbs) storeMask(to string, x, y limb) {
	// K0 cannot be a mask, and K1 may be in use.
	n := 2 + l.masks%6
	name, s := fmt.Sprintf("K%d", n), firstMask+slot(n)
	l.masks++
	y = l.constantOrLoad(y)
	l.emit(op{
		mn: suffixed("VPCMPUQ", y.at), imm: "$1", src: []operand{y.at, l.load(x).at},
		store: name, slot: s, class: store,
	})
	l.emit(op{mn: "KMOVB", src: []operand{{mem: name, slot: s}}, store: to, class: store})
}

// constantOrLoad returns x as a second source.
func (l *limbs) constantOrLoad(x limb) limb {
	if x.at.bcast {
		return x
	}
	return l.load(x)
}

// scalars makes k the hash modulo L and s that of the signature, and finds the lanes in
// which s is below L.
func scalars(l *limbs) {
	first := l.pool.at(0x0001020304050607)
	l.pool.at(0x08090a0b0c0d0e0f)
	swap := r(l.emit(op{mn: "VBROADCASTI32X4", src: []operand{{mem: first}}, class: load}))
	var hash, words []limb
	for i := range slot(8) {
		hash = append(hash, limb{at: l.swapBytes(swap, l.load(limb{at: l.at(sha512State + i)}).at), high: 1<<64 - 1})
	}
	for i := range slot(4) {
		words = append(words, limb{at: l.at(scalarWords + i), high: 1<<64 - 1})
	}
	var s []limb
	for i := range 5 {
		x := l.bits(words, 64, scalarBits*i, scalarBits)
		s = append(s, x)
		l.store(scalarS+slot(i), x)
	}
	l.storeMask(fmt.Sprintf("%d(SI)", scalarBelow), l.notBelowOrder(s), l.constant(1))
	for i, x := range l.reduceHash(hash) {
		l.store(scalarK+slot(i), x)
	}
}

// digitPlace says where a digit of a scalar is, and where its row and its sign go, at byte
// offsets to a base.
type digitPlace struct {
	at, width int    // bits
	first     uint64 // offset of row 0 in the table, in bytes
	row, sign int
}

// digits writes the digits of a scalar, from -2^(width-1) to 2^(width-1) - 1, as offsets
// of rows of so many bytes and signs. All of them together, each minus half its range,
// have the value of the scalar.
func (l *limbs) digits(from slot, base string, rowBytes uint64, places []digitPlace) {
	halves := new(big.Int)
	for _, p := range places {
		halves.SetBit(halves, p.at+p.width-1, 1)
	}
	var x []limb
	for i, h := range scalarLimbs(halves) {
		x = append(x, l.add(limb{at: l.at(from + slot(i)), high: 1<<scalarBits - 1}, l.constant(h)))
	}
	x = l.carryScalar(x)
	for _, p := range places {
		digit, half := l.bits(x, scalarBits, p.at, p.width), l.constant(1<<(p.width-1))
		l.storeMask(fmt.Sprintf("%d(%s)", p.sign, base), digit, half)
		offset := l.addLow(l.start(p.first), l.distance(digit, half), l.constant(rowBytes))
		l.storeOffset(fmt.Sprintf("%d(%s)", p.row, base), offset)
	}
}

// start returns v as the first value of a sum of products.
func (l *limbs) start(v uint64) limb {
	if v == 0 {
		return l.none()
	}
	return l.load(l.constant(v))
}

// distance returns the absolute value of x - y.
func (l *limbs) distance(x, y limb) limb {
	a := limb{l.binary("VPMAXUQ", x, y, alu), max(x.low, y.low), max(x.high, y.high)}
	b := limb{l.binary("VPMINUQ", x, y, alu), min(x.low, y.low), min(x.high, y.high)}
	// A difference of two numbers is at most as far as their ranges reach.
	return limb{l.binary("VPSUBQ", a, b, alu), 0, max(x.high-min(x.high, y.low), y.high-min(y.high, x.low))}
}

// storeOffset writes x in 32 bits.
func (l *limbs) storeOffset(to string, x limb) {
	if x.high >= 1<<32 {
		l.fail("an offset can be %#x", x.high)
	}
	l.emit(op{mn: "VPMOVQD", src: []operand{x.at}, store: to, class: store})
}

// newPlaces are the digits for new keys: all of five bits of k, and all of ten bits of
// s. Offsets are those of the row of lane 0.
func newPlaces() (places [2][]digitPlace) {
	const baseTurns = turns/2 + 1
	for i := range turns {
		places[0] = append(places[0], digitPlace{5 * i, 5, 0, 32 * i, 32*turns + i})
	}
	for i := range baseTurns {
		places[1] = append(places[1], digitPlace{10 * i, 10, 0, 32 * i, 32*baseTurns + i})
	}
	return places
}

// newDigits sets the digits for new keys.
func newDigits(l *limbs) {
	places := newPlaces()
	l.digits(scalarK, "DI", 8*8*rowWords, places[0])
	l.digits(scalarS, "DX", 8*affineWords, places[1])
}

// knownPlaces are the digits for known keys, in parts of 65 bits.
func knownPlaces() (places [2][]digitPlace) {
	const (
		partBits  = 65
		baseTurns = partTurns/2 + 1
		baseRows  = 513
		rowBytes  = 8 * affineWords
	)
	for part := range parts {
		for i := range partTurns {
			places[0] = append(places[0], digitPlace{
				at: partBits*part + 5*i, width: 5, first: uint64(tableRows * rowBytes * part),
				row: turnBytes*(turnsAhead+i) + 32*part, sign: turnBytes*(turnsAhead+partTurns) + parts*i + part,
			})
		}
		for i := range baseTurns {
			places[1] = append(places[1], digitPlace{
				at: partBits*part + 10*i, width: min(10, partBits-10*i), first: uint64(baseRows * rowBytes * part),
				row: turnBytes*(1+i) + 32*part, sign: turnBytes*(1+baseTurns) + parts*i + part,
			})
		}
	}
	return places
}

// knownDigits sets the digits for known keys.
func knownDigits(l *limbs) {
	places := knownPlaces()
	l.digits(scalarK, "DI", 8*affineWords, places[0])
	l.digits(scalarS, "DX", 8*affineWords, places[1])
}

// writeScalars writes the functions of Go.
func writeScalars(a *asm, pool *pool64) {
	begin := func(name, args string, size int, emit func(*limbs)) func() {
		_, ops, names := stage{name: name, emit: emit}.code(pool)
		a.line("// func %s(%s)", name, args)
		a.line("TEXT ·%s(SB), 4, $0-%d", name, size)
		a.line("MOVQ work+0(FP), SI")
		a.constantsInRegisters(pool)
		return func() {
			a.ops(ops, names)
			a.line("VZEROUPPER")
			a.line("RET")
			a.line("")
		}
	}
	begin("scalars", "work *hashGroup", 8, scalars)()
	for _, f := range []struct {
		name, keys, bases string
		emit              func(*limbs)
	}{
		{"newDigits", "keyDigits", "baseDigits", newDigits},
		{"knownDigits", "partDigits", "basePartDigits", knownDigits},
	} {
		end := begin(f.name, fmt.Sprintf("work *hashGroup, keys *%s, bases *%s", f.keys, f.bases), 24, f.emit)
		a.line("MOVQ keys+8(FP), DI")
		a.line("MOVQ bases+16(FP), DX")
		end()
	}
}
