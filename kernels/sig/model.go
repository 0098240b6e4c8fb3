package sig

import "math/bits"

// number is a number modulo p: the sum of n[i] 2^(51 i).
type number [5]uint64

const limbMask = 1<<51 - 1

// lane is a group of one lane. Its functions compute in plain Go what the stages
// compute in assembly, with the same limbs. They are the reference for the assembly,
// and are tested against math/big and another implementation of the curve.
type lane struct {
	x, y, z, t           number
	e, f, g, h           number
	minus, plus, t2d, z2 number
}

// model has the stages.
var model = [stages]func(*lane){
	stageMul:          func(l *lane) { l.e = multiply(&l.x, &l.y).carry() },
	stageSqr:          func(l *lane) { l.e = multiply(&l.x, &l.x).carry() },
	stageCarry:        func(l *lane) { l.e = l.x.carry() },
	stageCanonical:    func(l *lane) { l.e = l.x.canonical() },
	stageDouble:       (*lane).double,
	stageToProjective: (*lane).toProjective,
	stageToExtended:   (*lane).toExtended,
	stageToAddend:     (*lane).toAddend,
	stageAddPoint:     func(l *lane) { l.add(multiply(&l.z, &l.z2)) },
	stageAddAffine:    func(l *lane) { l.add(sum(&l.z, &l.z)) },
}

func (l *lane) all() [12]*number {
	return [...]*number{&l.x, &l.y, &l.z, &l.t, &l.e, &l.f, &l.g, &l.h, &l.minus, &l.plus, &l.t2d, &l.z2}
}

// multiply returns the raw product of two wide numbers. Each product of limbs is
// cut at bit 52, as VPMADD52 does; a high half counts twice as much as a limb of the
// next degree, since that is 2^51. 2^255 is 19 modulo p.
func multiply(x, y *number) (r number) {
	var sums [10]uint64
	for i := range x {
		for j := range y {
			high, low := bits.Mul64(x[i], y[j])
			sums[i+j] += low & (1<<52 - 1)
			sums[i+j+1] += 2 * (high<<12 | low>>52)
		}
	}
	for i := range r {
		r[i] = sums[i] + 19*sums[i+5]
	}
	return r
}

// carry returns a raw number with loose limbs.
func (x number) carry() (r number) {
	for i := range x {
		r[i] += x[i] & limbMask
		if i < 4 {
			r[i+1] = x[i] >> 51
		} else {
			r[0] += 19 * (x[4] >> 51)
		}
	}
	return r
}

// canonical returns a wide number below p.
func (x number) canonical() number {
	x[0] += 19 * x.chain()
	// Now x < 2p. x - p is what x + 19 has above 2^255, if it is as long.
	q := x
	q[0] += 19
	x[0] += 19 * q.chain()
	x.chain()
	return x
}

// chain carries from limb to limb. It returns what is above 2^255 and removes it.
func (x *number) chain() (top uint64) {
	for i := range 4 {
		x[i+1] += x[i] >> 51
		x[i] &= limbMask
	}
	top = x[4] >> 51
	x[4] &= limbMask
	return top
}

// sum returns x + y without carries.
func sum(x, y *number) (r number) {
	for i := range r {
		r[i] = x[i] + y[i]
	}
	return r
}

// difference returns x - y + 2^9 p without carries, for raw products of loose
// numbers.
func difference(x, y *number) (r number) {
	for i := range r {
		p := uint64(limbMask)
		if i == 0 {
			p -= 18
		}
		r[i] = x[i] + p<<9 - y[i]
	}
	return r
}

// double completes 2(x:y:z). All four coordinates have the other sign than in the
// paper (Hisil and others, "Twisted Edwards Curves Revisited", 2008): it is the same
// point.
func (l *lane) double() {
	a, b, zz, xy := multiply(&l.x, &l.x), multiply(&l.y, &l.y), multiply(&l.z, &l.z), multiply(&l.x, &l.y)
	f := difference(&a, &b)
	zz = sum(&zz, &zz)
	l.e = sum(&xy, &xy).carry()
	l.f = sum(&f, &zz).carry()
	l.g = difference(&b, &a).carry()
	l.h = sum(&a, &b).carry()
}

func (l *lane) toProjective() {
	l.x, l.y, l.z = multiply(&l.e, &l.f).carry(), multiply(&l.g, &l.h).carry(), multiply(&l.f, &l.g).carry()
}

func (l *lane) toExtended() {
	l.toProjective()
	l.t = multiply(&l.e, &l.h).carry()
}

func (l *lane) toAddend() {
	x, y := multiply(&l.e, &l.f), multiply(&l.g, &l.h)
	l.x, l.y = difference(&y, &x).carry(), sum(&y, &x).carry()
	l.z, l.t = multiply(&l.f, &l.g).carry(), multiply(&l.e, &l.h).carry()
}

// add completes the sum of a point, as toAddend has it, and the one that is added.
// d is Z 2Z'.
func (l *lane) add(d number) {
	a, b, c := multiply(&l.x, &l.minus), multiply(&l.y, &l.plus), multiply(&l.t, &l.t2d)
	l.e = difference(&b, &a).carry()
	l.f = difference(&d, &c).carry()
	l.g = sum(&d, &c).carry()
	l.h = sum(&b, &a).carry()
}
