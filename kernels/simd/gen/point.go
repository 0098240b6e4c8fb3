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

// aboveRaw is the shift with which multiples of p exceed every raw product of
// loose elements. The generator fails if it is too small.
const aboveRaw = 9

// doublePoint completes 2(X:Y:Z). All four coordinates have the other sign than in
// the paper, which is the same point.
func doublePoint(l *limbs) {
	x := l.element(elementX, maxLoose)
	y := l.element(elementY, maxLoose)
	a, b := l.raw("X^2", l.square(x)), l.raw("Y^2", l.square(y))
	l.result("H", elementH, l.carry(l.sum(a, b)))
	l.result("G", elementG, l.carry(l.difference(b, a, aboveRaw)))
	f := l.difference(a, b, aboveRaw)
	zz := l.raw("Z^2", l.square(l.element(elementZ, maxLoose)))
	l.result("F", elementF, l.carry(l.sum(f, l.sum(zz, zz))))
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
	x, y := l.raw("EF", l.multiply(e, f)), l.raw("GH", l.multiply(g, h))
	l.result("Y-X", elementX, l.carry(l.difference(y, x, aboveRaw)))
	l.result("Y+X", elementY, l.carry(l.sum(y, x)))
	l.result("Z", elementZ, l.carry(l.raw("FG", l.multiply(g, f))))
	l.result("T", elementT, l.carry(l.raw("EH", l.multiply(e, h))))
}

// addPoint completes the sum of a point, as toAddend has it, and the added one.
func addPoint(l *limbs) {
	d := l.raw("Z 2Z'", l.multiply(l.element(elementZ, maxLoose), l.element(added2Z, maxLoose)))
	l.addTo(d)
}

// addAffine is addPoint for an added point with Z = 1.
func addAffine(l *limbs) {
	z := l.element(elementZ, maxLoose)
	l.addTo(l.raw("2Z", l.sum(z, z)))
}

// addTo is addPoint with the product d of Z and 2Z'.
func (l *limbs) addTo(d element) {
	c := l.raw("T 2dT'", l.multiply(l.element(elementT, maxLoose), l.element(added2dT, maxLoose)))
	l.result("F", elementF, l.carry(l.difference(d, c, aboveRaw)))
	l.result("G", elementG, l.carry(l.sum(d, c)))
	a := l.raw("(Y-X)(Y'-X')", l.multiply(l.element(elementX, maxLoose), l.element(addedMinus, maxLoose)))
	b := l.raw("(Y+X)(Y'+X')", l.multiply(l.element(elementY, maxLoose), l.element(addedPlus, maxLoose)))
	l.result("E", elementE, l.carry(l.difference(b, a, aboveRaw)))
	l.result("H", elementH, l.carry(l.sum(b, a)))
}

func (l *limbs) completed() (e, f, g, h element) {
	return l.element(elementE, maxLoose), l.element(elementF, maxLoose),
		l.element(elementG, maxLoose), l.element(elementH, maxLoose)
}
