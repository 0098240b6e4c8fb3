package main

import (
	"fmt"
	"slices"
	"strings"
)

// Numbers modulo p = 2^255-19 in radix 2^51.
const (
	limbBits = 51
	limbMask = 1<<limbBits - 1

	// maxLoose is the highest limb that stages pass on; what carry returns is lower.
	maxLoose = 1<<51 + 1<<17 - 1
	// maxWide is the highest limb of a factor.
	maxWide = maxFactor
	// maxRaw is the highest limb that carry accepts.
	maxRaw = 1<<62 - 1
)

// element is the number e[0] + e[1] 2^51 + ... + e[4] 2^204 in each lane.
type element [5]limb

// element returns what is in five slots, the limbs at most high.
func (l *limbs) element(first slot, high uint64) (e element) {
	for i := range e {
		e[i] = limb{at: l.at(first + slot(i)), high: high}
	}
	return e
}

// elementAt returns what is in memory from an offset to a base on, the limbs at most
// high.
func elementAt(base string, offset int, high uint64) (e element) {
	for i := range e {
		e[i] = limb{at: operand{mem: fmt.Sprintf("%d(%s)", offset+64*i, base)}, high: high}
	}
	return e
}

// known returns an element with the same value in all lanes.
func (l *limbs) known(value [5]uint64) (e element) {
	for i := range e {
		e[i] = l.zero
		if value[i] != 0 {
			e[i] = l.constant(value[i])
		}
	}
	return e
}

// storeElement writes e to five slots. No limb may be above high.
func (l *limbs) storeElement(first slot, e element, high uint64) {
	for i, x := range e {
		if x.high > high {
			l.fail("limb %d of a result is up to %#x, more than %#x", i, x.high, high)
		}
		l.store(first+slot(i), x)
	}
}

// loadElement returns e in registers.
func (l *limbs) loadElement(e element) element {
	for i := range e {
		e[i] = l.load(e[i])
	}
	return e
}

// product sums pairs of limbs: those of one degree.
type product struct{ low, high limb }

// sumProducts adds the products of pairs of limbs to s.
func (l *limbs) sumProducts(s product, pairs [][2]limb) product {
	for _, p := range pairs {
		s.low = l.addLow(s.low, p[0], p[1])
		s.high = l.addHigh(s.high, p[0], p[1])
	}
	return s
}

// fold returns the raw limbs of a product from the sums of degrees 0 to 9: the
// degrees from 5 on count 19 times, since 2^255 is 19 modulo p.
func (l *limbs) fold(sum func(degree int) limb) (r element) {
	for i := range r {
		// The higher degree first: fewer values wait for others.
		r[i] = l.times19(sum(i + 5))
		r[i] = l.add(r[i], sum(i))
	}
	return r
}

// multiply returns the raw product of x and y.
func (l *limbs) multiply(x, y element) element { return l.multiplyAbove(x, y, 0) }

// multiplyAbove returns the raw product of x and y plus 2^shift p, from which a number
// can be subtracted limb by limb; 0 for no p. The sums begin with that, which costs
// nothing.
func (l *limbs) multiplyAbove(x, y element, shift int) element {
	x = l.loadElement(x)
	sums := l.degrees(func(d int) product {
		var pairs [][2]limb
		for i := max(0, d-4); i <= min(4, d); i++ {
			pairs = append(pairs, [2]limb{x[i], y[d-i]})
		}
		return l.sumProducts(product{l.start(above(d, shift)), l.none()}, pairs)
	})
	return l.fold(func(d int) limb {
		switch d {
		case 0:
			return sums(0).low
		case 9:
			return l.double(sums(8).high)
		}
		return l.add(sums(d).low, l.double(sums(d-1).high))
	})
}

// square returns the raw square of x.
func (l *limbs) square(x element) element { return l.squareAbove(x, 0) }

// squareAbove returns the raw square of x plus 2^shift p, as multiplyAbove does. Products
// of different limbs occur twice; sums of even degree are doubled before the square of
// a limb is added, those of odd degree where they are used.
func (l *limbs) squareAbove(x element, shift int) element {
	x = l.loadElement(x)
	sums := l.degrees(func(d int) product {
		var pairs [][2]limb
		for i := max(0, d-4); 2*i < d; i++ {
			pairs = append(pairs, [2]limb{x[i], x[d-i]})
		}
		first := above(d, shift)
		if len(pairs) > 0 {
			first /= 2 // it is doubled with the products
		}
		s := l.sumProducts(product{l.start(first), l.none()}, pairs)
		if d%2 == 1 {
			return s
		}
		if len(pairs) > 0 {
			s = product{l.double(s.low), l.double(s.high)}
		}
		return l.sumProducts(s, [][2]limb{{x[d/2], x[d/2]}})
	})
	return l.fold(func(d int) limb {
		switch {
		case d == 0:
			return sums(0).low
		case d == 9:
			return l.double(sums(8).high)
		case d%2 == 1:
			return l.double(l.add(sums(d).low, sums(d-1).high))
		}
		return l.add(sums(d).low, l.shiftLeft(sums(d-1).high, 2))
	})
}

// degrees returns a function that computes the sums of a degree at their first use.
func (l *limbs) degrees(compute func(d int) product) func(d int) product {
	known := map[int]product{}
	return func(d int) product {
		if _, ok := known[d]; !ok {
			known[d] = compute(d)
		}
		return known[d]
	}
}

// double returns 2 x.
func (l *limbs) double(x limb) limb { return l.add(x, x) }

// carry returns raw limbs as loose ones.
func (l *limbs) carry(x element) (r element) {
	var carries [5]limb
	for i := range x {
		if x[i].high > maxRaw {
			l.fail("limb %d to carry is up to %#x", i, x[i].high)
		}
		x[i] = l.load(x[i])
		carries[i] = l.shiftRight(x[i], limbBits)
		r[i] = l.low51(x[i])
	}
	for i := 1; i < 5; i++ {
		r[i] = l.add(r[i], carries[i-1])
	}
	r[0] = l.addLow(r[0], l.nineteen, carries[4])
	return r
}

// sum returns x + y without carries.
func (l *limbs) sum(x, y element) (r element) {
	for i := range r {
		r[i] = l.add(x[i], y[i])
	}
	return r
}

// above returns limb i of 2^shift p, and 0 if shift is.
func above(i, shift int) uint64 {
	switch {
	case i > 4 || shift == 0:
		return 0
	case i == 0:
		return (limbMask - 18) << shift
	}
	return limbMask << shift
}

// addMultiple returns x + 2^shift p without carries, from which a number can be
// subtracted limb by limb.
func (l *limbs) addMultiple(x element, shift int) (r element) {
	for i := range r {
		r[i] = l.add(x[i], l.constant(above(i, shift)))
	}
	return r
}

// difference returns x - y + 2^shift p without carries.
func (l *limbs) difference(x, y element, shift int) (r element) {
	return l.less(l.addMultiple(x, shift), y)
}

// less returns x - y without carries.
func (l *limbs) less(x, y element) (r element) {
	for i := range r {
		r[i] = l.sub(x[i], y[i])
	}
	return r
}

// canonical returns wide limbs as the number below p with limbs below 2^51.
func (l *limbs) canonical(x element) element {
	x = l.loadElement(x)
	x, top := l.chain(x)
	if top.high > 2 {
		l.fail("%d times 2^255 is left", top.high)
	}
	// Now x < 2^255 + 38 < 2p. Hence x + 19 reaches 2^255 if and only if x >= p,
	// and x - p is what it is above that.
	x[0] = l.addLow(x[0], l.nineteen, top)
	q := l.shiftRight(l.add(x[0], l.nineteen), limbBits)
	for i := 1; i < 5; i++ {
		q = l.shiftRight(l.add(x[i], q), limbBits)
	}
	if q.high > 1 {
		l.fail("p may be subtracted %d times", q.high)
	}
	x[0] = l.addLow(x[0], l.nineteen, q)
	for i := range 4 {
		x[i+1] = l.add(x[i+1], l.shiftRight(x[i], limbBits))
		x[i] = l.low51(x[i])
	}
	x[4] = l.low51(x[4])
	return x
}

// negative returns -x of a loose x with loose limbs.
func (l *limbs) negative(x element) element {
	return l.carry(l.difference(l.known([5]uint64{}), x, aboveLoose))
}

// blendElement returns y in the lanes whose bits are set in the mask register, x in
// others.
func (l *limbs) blendElement(mask string, x, y element) (r element) {
	for i := range r {
		r[i] = l.blend(mask, x[i], y[i])
	}
	return r
}

// chain carries from limb to limb. It returns what is left above 2^255.
func (l *limbs) chain(x element) (element, limb) {
	for i := range 4 {
		x[i+1] = l.add(x[i+1], l.shiftRight(x[i], limbBits))
		x[i] = l.low51(x[i])
	}
	top := l.shiftRight(x[4], limbBits)
	x[4] = l.low51(x[4])
	return x, top
}

// bounds describes the highest values of limbs.
func bounds(e element) string {
	var f []string
	for _, x := range e {
		f = append(f, fmt.Sprintf("%#x", x.high))
	}
	if len(slices.Compact(slices.Clone(f))) == 1 {
		return f[0]
	}
	return strings.Join(f, " ")
}
