package sig

import "unsafe"

// Item is a signature to check. Nothing of it is changed or kept.
type Item struct {
	Key     *[32]byte
	Sig     *[64]byte
	Message []byte

	// Table has multiples of Key, by [Checker.MakeTables], with which Check is faster.
	// It may be nil. A table of another key is ignored, and so is one that was not made.
	Table *Table
}

const (
	pairItems = 2 * lanes            // signatures in the lanes of two groups
	maxPairs  = 8                    // pairs that share an inversion
	maxItems  = maxPairs * pairItems // signatures that share an inversion
)

// Checker checks signatures. It is the memory that this needs, 105 kB. Not safe for
// concurrent use.
type Checker struct {
	engine *engine
	base   *baseTable

	hash   *hashGroup
	ladder *ladder
	slow   *[2]group // for signatures whose R is not what is expected
	powers *powers

	// Of the signatures that share an inversion: lanes that are not bad already, and
	// the points s B - k A.
	valid             [maxPairs][2]uint8
	x, y, z, products [maxPairs]pair
}

// NewChecker returns a Checker. It panics if the kernel is not [Available].
func NewChecker() *Checker {
	if !Available() {
		panic("sig: the kernel is not available")
	}
	return newChecker(&assembly)
}

func newChecker(e *engine) *Checker {
	return &Checker{
		engine: e, base: multiplesOfBase(), hash: aligned[hashGroup](),
		ladder: aligned[ladder](), slow: aligned[[2]group](), powers: aligned[powers](),
	}
}

// aligned returns a zero T, which has no pointers, at the start of a cache line.
func aligned[T any]() *T {
	const line = 64
	var t T
	b := make([]byte, unsafe.Sizeof(t)+line-1)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) % line
	return (*T)(unsafe.Pointer(&b[skip]))
}

// Check sets good[i] to whether the signature of items[i] is good by the rules of
// ZIP-215: A and R are points in any encoding, s is below the order L of the base
// point, and 8 s B = 8 R + 8 k A, where k is the SHA-512 of R, A and the message
// modulo L. It panics if good is not as long as items.
//
// The verdict on an item does not depend on the others.
func (c *Checker) Check(items []Item, good []bool) {
	if len(items) != len(good) {
		panic("sig: as many verdicts as items are needed")
	}
	for len(items) > 0 {
		n := min(len(items), maxItems)
		c.check(items[:n], good[:n])
		items, good = items[n:], good[n:]
	}
}

// check is Check for the signatures that share an inversion.
//
// With Q = s B - k A, a signature is good if and only if 8 (Q - R) is the identity. If
// the bytes of R are the canonical encoding of Q, they decode to Q, and it is. Only
// for the others, R is decoded.
func (c *Checker) check(items []Item, good []bool) {
	pairs := (len(items) + pairItems - 1) / pairItems
	for p := range pairs {
		c.expect(p, items[p*pairItems:min(len(items), (p+1)*pairItems)])
	}
	c.invert(pairs)
	for i := range good {
		good[i] = false
	}
	for p := range pairs {
		for n := range 2 {
			from := p*pairItems + n*lanes
			if from < len(items) {
				to := min(len(items), from+lanes)
				c.compare(p, n, items[from:to], good[from:to])
			}
		}
	}
}

// expect computes Q, which R should be, of at most two groups of items.
func (c *Checker) expect(p int, items []Item) {
	l := c.ladder
	var keys [pairItems]*[32]byte
	var below [2]uint8
	for n := range 2 {
		from := min(len(items), n*lanes)
		group := items[from:min(len(items), from+lanes)]
		c.engine.hashItems(c.hash, group)
		for lane := range lanes {
			var k, s scalar
			key := &identity
			if lane < len(group) {
				key = group[lane].Key
				if x, ok := scalarOf(group[lane].Sig[32:]); ok {
					k, s = reduce(c.hash.digest(lane)), x
					below[n] |= 1 << lane
				}
			}
			keys[n*lanes+lane] = key
			l.keys[n].set(lane, k)
			l.bases[n].set(lane, s)
		}
	}
	valid := c.engine.decode(c.powers, &l.groups, &keys)
	groups := (len(items) + lanes - 1) / lanes
	for n := range 2 {
		g := &l.groups[n]
		if n < groups {
			c.engine.stages[stageMinusAdded](g)
			minus, plus, t2d, z2 := g.minus, g.plus, g.t2d, g.z2
			g.setIdentity()
			g.minus, g.plus, g.t2d, g.z2 = minus, plus, t2d, z2
			c.engine.fillTable(&l.tables[n], g)
		}
		g.setIdentity()
		c.valid[p][n] = valid[n] & below[n]
	}
	c.engine.ladders[groups-1](l, c.base)
	for n := range 2 {
		c.x[p][n], c.y[p][n], c.z[p][n] = l.groups[n].x, l.groups[n].y, l.groups[n].z
	}
}

// invert replaces every z by its inverse, with one inversion. None is 0: that is no
// coordinate of a point of the curve.
func (c *Checker) invert(pairs int) {
	e := c.engine
	c.products[0] = c.z[0]
	for p := 1; p < pairs; p++ {
		e.mulPair(&c.products[p], &c.products[p-1], &c.z[p])
	}
	inverse := &c.powers.x
	e.invert(c.powers, inverse, &c.products[pairs-1])
	for p := pairs - 1; p > 0; p-- {
		// The product is not needed any more: it has room for the inverse.
		e.mulPair(&c.products[p-1], inverse, &c.products[p-1])
		e.mulPair(inverse, inverse, &c.z[p])
		c.z[p] = c.products[p-1]
	}
	c.z[0] = *inverse
}

// compare gives the verdicts on the items of a group.
func (c *Checker) compare(p, n int, items []Item, good []bool) {
	g := &c.ladder.groups[0]
	g.x, g.y, g.z = c.x[p][n], c.y[p][n], c.z[p][n]
	c.engine.stages[stageToAffine](g)
	var left uint8 // lanes without a verdict
	for i := range items {
		if c.valid[p][n]>>i&1 == 0 {
			continue
		}
		if r := (*[32]byte)(items[i].Sig[:]); encodes(r, g.x.at(i), g.y.at(i)) {
			good[i] = true
		} else {
			left |= 1 << i
		}
	}
	if left == 0 {
		return
	}
	same := left & c.sameTimes8(g, items)
	for i := range items {
		if same>>i&1 != 0 {
			good[i] = true
		}
	}
}

// sameTimes8 returns the lanes in which R is a point and 8 (Q - R) is the identity, for
// the points Q = (x, y) of g.
func (c *Checker) sameTimes8(g *group, items []Item) uint8 {
	var encodings [pairItems]*[32]byte
	for i := range encodings {
		encodings[i] = &identity
		if i < len(items) {
			encodings[i] = (*[32]byte)(items[i].Sig[:])
		}
	}
	valid := c.engine.decode(c.powers, c.slow, &encodings)
	r := &c.slow[0]
	run := func(stages ...stage) {
		for _, s := range stages {
			c.engine.stages[s](r)
		}
	}
	run(stageMinusAdded)
	// Q as a completed point: X = ef, Y = gh, Z = fg, T = eh.
	r.e, r.h = g.x, g.y
	r.f, r.g = element{}, element{}
	for i := range lanes {
		r.f[0][i], r.g[0][i] = 1, 1
	}
	run(stageToAddend, stageAddPoint, stageToProjective)
	for range 3 {
		run(stageDouble, stageToProjective)
	}
	run(stageIsIdentity)
	return valid[0] & r.e.zero() & r.f.zero()
}
