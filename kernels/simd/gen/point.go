package main

// Points of the curve -x^2 + y^2 = 1 + d x^2 y^2 with d = -121665/121666, in the
// coordinates of "Twisted Edwards Curves Revisited" (Hisil, Wong, Carter, Dawson,
// 2008). The formulas are complete: they hold for all points.
//
// A stage reads and writes the elements of a group, which has eight points in its
// lanes. Between two stages a point is completed: E, F, G, H, with X = EF, Y = GH,
// Z = FG, T = EH. A stage before a doubling needs X, Y, Z; one before an addition
// Y-X, Y+X, Z, T.

// Elements of a group, by their first slots. The address of the group is in SI.
const (
	elementX   slot = 1 + 5*iota // X, or Y-X before an addition
	elementY                     // Y, or Y+X before an addition
	elementZ                     // Z
	elementT                     // T = XY/Z, before an addition
	elementE                     // the completed point
	elementF                     //
	elementG                     //
	elementH                     //
	addedMinus                   // of the point that is added: Y-X
	addedPlus                    // Y+X
	added2dT                     // 2dT
	added2Z                      // 2Z; not read if Z = 1
	groupEnd
)

// masksOffset is the byte offset of the two masks of a group, a bit for each lane. Stages
// have them in K1 and K2.
const masksOffset = 64 * (int(groupEnd) - 1)

// Constants in radix 2^51.
var (
	curveD   = [5]uint64{0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}
	curve2D  = [5]uint64{0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}
	rootOfM1 = [5]uint64{0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}
)

// Shifts with which multiples of p exceed every limb that is subtracted. The generator
// fails if one is too small.
const (
	aboveRow   = 1 // for limbs of a table
	aboveLoose = 2
	aboveRaw   = 8 // for products of loose elements
	aboveWide  = 9 // for products of a loose and a wide element
)

// doublePoint completes 2(X:Y:Z). All four coordinates have the other sign than in
// the paper, which is the same point.
func doublePoint(l *limbs) {
	x := l.element(elementX, maxLoose)
	y := l.element(elementY, maxLoose)
	a, b := l.raw("X^2", l.square(x)), l.raw("Y^2", l.squareAbove(y, aboveRaw))
	l.result("H", elementH, l.carry(l.sum(a, b)))
	l.result("G", elementG, l.carry(l.less(b, a)))
	// 2 Z^2 is above b: it has twice the multiple of p.
	zz := l.raw("Z^2", l.squareAbove(l.element(elementZ, maxLoose), aboveRaw))
	l.result("F", elementF, l.carry(l.less(l.sum(a, l.sum(zz, zz)), b)))
	xy := l.raw("XY", l.multiply(y, x))
	l.result("E", elementE, l.carry(l.sum(xy, xy)))
}

// toProjective gives a completed point X, Y, Z.
func toProjective(l *limbs) {
	e, f, g, h := l.completed()
	l.result("X", elementX, l.carry(l.raw("EF", l.multiply(e, f))))
	l.result("Z", elementZ, l.carry(l.raw("FG", l.multiply(g, f))))
	l.result("Y", elementY, l.carry(l.raw("GH", l.multiply(g, h))))
}

// toExtended gives a completed point X, Y, Z, T.
func toExtended(l *limbs) {
	toProjective(l)
	e, _, _, h := l.completed()
	l.result("T", elementT, l.carry(l.raw("EH", l.multiply(e, h))))
}

// toAddend gives a completed point Y-X, Y+X, Z, T.
func toAddend(l *limbs) {
	e, f, g, h := l.completed()
	x, y := l.raw("EF", l.multiply(e, f)), l.raw("GH", l.multiplyAbove(g, h, aboveRaw))
	l.result("Y-X", elementX, l.carry(l.less(y, x)))
	l.result("Y+X", elementY, l.carry(l.sum(y, x)))
	l.result("Z", elementZ, l.carry(l.raw("FG", l.multiply(g, f))))
	l.result("T", elementT, l.carry(l.raw("EH", l.multiply(e, h))))
}

// addPoint completes the sum of a point, as toAddend has it, and the added one. 2dT
// may be wide: that is what selectRow leaves.
func addPoint(l *limbs) {
	d := l.multiplyAbove(l.element(elementZ, maxLoose), l.element(added2Z, maxLoose), aboveWide)
	l.addTo(l.raw("Z 2Z'", d))
}

// addAffine is addPoint for an added point with Z = 1.
func addAffine(l *limbs) {
	z := l.element(elementZ, maxLoose)
	l.addTo(l.raw("2Z", l.addMultiple(l.sum(z, z), aboveWide)))
}

// addTo is addPoint with the product d of Z and 2Z', plus a multiple of p.
func (l *limbs) addTo(d element) {
	c := l.raw("T 2dT'", l.multiply(l.element(elementT, maxLoose), l.element(added2dT, maxWide)))
	l.result("F", elementF, l.carry(l.less(d, c)))
	l.result("G", elementG, l.carry(l.sum(d, c)))
	a := l.raw("(Y-X)(Y'-X')", l.multiply(l.element(elementX, maxLoose), l.element(addedMinus, maxLoose)))
	b := l.raw("(Y+X)(Y'+X')", l.multiplyAbove(l.element(elementY, maxLoose), l.element(addedPlus, maxLoose), aboveRaw))
	l.result("E", elementE, l.carry(l.less(b, a)))
	l.result("H", elementH, l.carry(l.sum(b, a)))
}

func (l *limbs) completed() (e, f, g, h element) {
	return l.element(elementE, maxLoose), l.element(elementF, maxLoose),
		l.element(elementG, maxLoose), l.element(elementH, maxLoose)
}

// minusAdded makes -(x, y) the added point, for x and y with Z = 1.
func minusAdded(l *limbs) {
	x, y := l.element(elementX, maxLoose), l.element(elementY, maxLoose)
	l.result("Y-X", addedMinus, l.carry(l.sum(y, x)))
	l.result("Y+X", addedPlus, l.carry(l.difference(y, x, aboveLoose)))
	t := l.result("XY", added2dT, l.carry(l.multiply(x, y)))
	t = l.result("2dXY", added2dT, l.carry(l.multiply(t, l.known(curve2D))))
	l.result("-2dXY", added2dT, l.negative(t))
	l.result("2", added2Z, l.known([5]uint64{2}))
}

// toAdded makes a point, as toAddend has it, the added one.
func toAdded(l *limbs) {
	for i := range slot(5) {
		l.store(addedMinus+i, l.element(elementX, maxLoose)[i])
		l.store(addedPlus+i, l.element(elementY, maxLoose)[i])
	}
	z := l.element(elementZ, maxLoose)
	l.result("2Z", added2Z, l.carry(l.sum(z, z)))
	l.result("2dT", added2dT, l.carry(l.multiply(l.element(elementT, maxLoose), l.known(curve2D))))
}

// toAffine makes X and Y those with Z = 1, below p. z must be 1/Z.
func toAffine(l *limbs) {
	z := l.element(elementZ, maxLoose)
	for _, to := range []slot{elementX, elementY} {
		l.reduced("XZ", to, l.carry(l.multiply(l.element(to, maxLoose), z)))
	}
}

// isIdentity sets e to X and f to Y-Z, below p. Of the identity, both are 0.
func isIdentity(l *limbs) {
	y, z := l.element(elementY, maxLoose), l.element(elementZ, maxLoose)
	l.reduced("X", elementE, l.element(elementX, maxLoose))
	l.reduced("Y-Z", elementF, l.carry(l.difference(y, z, aboveLoose)))
}

// decodeStart begins to decode y: e = u = y^2 - 1, f = v = d y^2 + 1, g = u v^3,
// h = u v^7. Then h must become its power (p-5)/8. x and t are scratch.
func decodeStart(l *limbs) {
	yy := l.result("y^2", elementX, l.carry(l.square(l.element(elementY, maxLoose))))
	one := l.known([5]uint64{1})
	u := l.result("u", elementE, l.carry(l.difference(yy, one, aboveLoose)))
	v := l.result("v", elementF, l.carry(l.sum(l.multiply(yy, l.known(curveD)), one)))
	v2 := l.result("v^2", elementT, l.carry(l.square(v)))
	uv := l.result("u v", elementG, l.carry(l.multiply(u, v)))
	uv3 := l.result("u v^3", elementG, l.carry(l.multiply(uv, v2)))
	v4 := l.result("v^4", elementH, l.carry(l.square(v2)))
	l.result("u v^7", elementH, l.carry(l.multiply(uv3, v4)))
}

// decodeRoot sets x to the candidate gh, and e and f to v x^2 - u and v x^2 + u, below p.
// t is scratch.
func decodeRoot(l *limbs) {
	e, f, g, h := l.completed()
	x := l.result("x", elementX, l.carry(l.multiply(g, h)))
	xx := l.result("x^2", elementT, l.carry(l.square(x)))
	vxx := l.result("v x^2", elementT, l.carry(l.multiply(xx, f)))
	difference, sum := l.carry(l.difference(vxx, e, aboveLoose)), l.carry(l.sum(vxx, e))
	l.reduced("v x^2 - u", elementE, difference)
	l.reduced("v x^2 + u", elementF, sum)
}

// decodeTurn multiplies x by a root of -1 in the lanes of the first mask, and reduces
// it to below p.
func decodeTurn(l *limbs) {
	x := l.element(elementX, maxLoose)
	turned := l.carry(l.multiply(x, l.known(rootOfM1)))
	l.reduced("x", elementX, l.blendElement("K1", x, turned))
}

// decodeSign makes x negative in the lanes of the first mask, and (x, y) the
// identity in those of the second.
func decodeSign(l *limbs) {
	x := l.element(elementX, maxLoose)
	x = l.blendElement("K1", x, l.negative(x))
	l.result("x", elementX, l.blendElement("K2", x, l.known([5]uint64{})))
	l.result("y", elementY, l.blendElement("K2", l.element(elementY, maxLoose), l.known([5]uint64{1})))
}
