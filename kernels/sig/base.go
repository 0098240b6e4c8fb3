package sig

import "sync"

// The base point: y = 4/5, x even.
var (
	baseX = number{0x62d608f25d51a, 0x412a4b4f6592a, 0x75b7171a4b31d, 0x1ff60527118fe, 0x216936d3cd6e5}
	baseY = number{0x6666666666658, 0x4cccccccccccc, 0x1999999999999, 0x3333333333333, 0x6666666666666}
)

// multiplesOfBase returns the tables of the base point. They are computed at their first
// use, in some milliseconds.
var multiplesOfBase = sync.OnceValue(func() *baseTables {
	tables := new(baseTables)
	x, y := baseX, baseY
	for part := range tables {
		if part > 0 {
			x, y = doubled(x, y, partBits)
		}
		fillBaseTable(&tables[part], x, y)
	}
	return tables
})

// fillBaseTable sets row n to n (x, y).
func fillBaseTable(rows *[baseRows][affineWords]uint64, x, y number) {
	// All multiples with their own Z, and the products of the Zs up to each.
	var points [baseRows]lane
	points[0] = lane{x: one, y: one, z: one}
	add := lane{x: x, y: y}
	add.minusAdded() // -(x, y), so swap to have (x, y)
	minus, plus, t2d := add.plus, add.minus, negative(&add.t2d)
	products := [baseRows]number{one}
	for i := 1; i < baseRows; i++ {
		l := points[i-1]
		l.minus, l.plus, l.t2d = minus, plus, t2d
		l.addAffine()
		l.toAddend()
		points[i] = l
		products[i] = multiply(&products[i-1], &l.z).carry()
	}

	inverse := invert(products[baseRows-1])
	for i := baseRows - 1; i >= 0; i-- {
		l := points[i]
		z := inverse
		if i > 0 {
			z = multiply(&inverse, &products[i-1]).carry()
			inverse = multiply(&inverse, &l.z).carry()
		}
		t := multiply(&l.t, &z).carry()
		for n, x := range [3]number{
			multiply(&l.x, &z).carry(), multiply(&l.y, &z).carry(), multiply(&t, &curve2D).carry(),
		} {
			x = x.canonical()
			copy(rows[i][5*n:], x[:])
		}
	}
}

// doubled returns 2^times (x, y).
func doubled(x, y number, times int) (number, number) {
	l := lane{x: x, y: y, z: one}
	for range times {
		l.double()
		l.toProjective()
	}
	l.z = invert(l.z)
	l.toAffine()
	return l.x, l.y
}

// invert returns 1/x.
func invert(x number) number {
	var w powers
	w.x[0].set(0, &x)
	modelEngine.invert(&w, &w.x, &w.x)
	return w.x[0].at(0)
}
