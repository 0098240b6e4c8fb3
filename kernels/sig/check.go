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

// Checker checks signatures. It is the memory that this needs, 110 kB. Not safe for
// concurrent use.
type Checker struct {
	engine *engine
	base   *baseTables

	hash      *hashGroup
	ladder    *ladder
	tables    [2][lanes]*Table // for a ladder
	slow      *[2]group        // for suspects
	powers    *powers
	multiples *multiples // for tables

	// Of the signatures that share an inversion: where they are, the lanes that are not
	// bad already, and the points s B - k A.
	pairs             int
	places            [maxPairs]places
	valid             [maxPairs][2]uint8
	x, y, z, products [maxPairs]pair

	// suspects are signatures whose R is not what is expected, and the points that are.
	suspects           places
	suspectX, suspectY pair
}

// places are the indices of the items in the lanes of two groups.
type places struct {
	n     int
	lanes [pairItems]int
}

// add adds an item. There must be room.
func (p *places) add(i int) {
	p.lanes[p.n] = i
	p.n++
}

// group returns the places in a group.
func (p *places) group(n int) []int {
	return p.lanes[min(p.n, n*lanes):min(p.n, (n+1)*lanes)]
}

// NewChecker returns a Checker. It panics if the kernel was never [Available]; after
// [Disable] it does not.
func NewChecker() *Checker {
	if !available() {
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
// The verdict on an item does not depend on the others, nor on its table.
func (c *Checker) Check(items []Item, good []bool) {
	if len(items) != len(good) {
		panic("sig: as many verdicts as items are needed")
	}
	clear(good) // an item whose key is no point, or whose s is too high, stays bad
	// Keys with tables and those without go to groups of their own.
	var waiting [2]places
	for i := range items {
		// What items point to is often not in the cache.
		if ahead := i + pairItems; ahead < len(items) {
			c.engine.fetch(&items[ahead])
		}
		w := &waiting[0]
		if items[i].known() {
			w = &waiting[1]
		}
		w.add(i)
		if w.n == pairItems {
			c.add(items, w, good)
		}
	}
	for kind := range waiting {
		if waiting[kind].n > 0 {
			c.add(items, &waiting[kind], good)
		}
	}
	c.finish(items, good)
	c.judge(items, good)
}

func (i *Item) known() bool { return i.Table.isFor(i.Key) }

// add computes what R should be of the items at some places, which are all known or all
// new, and removes the places.
func (c *Checker) add(items []Item, at *places, good []bool) {
	if c.pairs == maxPairs {
		c.finish(items, good)
	}
	c.places[c.pairs] = *at
	c.expect(c.pairs, items)
	c.pairs++
	at.n = 0
}

// finish gives the verdicts on all items that were added, apart from suspects.
//
// With Q = s B - k A, a signature is good if and only if 8 (Q - R) is the identity. If
// the bytes of R are the canonical encoding of Q, they decode to Q, and it is. Only
// for the others, R is decoded.
func (c *Checker) finish(items []Item, good []bool) {
	if c.pairs == 0 {
		return
	}
	// No z is 0: that is no coordinate of a point of the curve.
	c.engine.invertAll(c.powers, c.z[:c.pairs], c.products[:c.pairs])
	for p := range c.pairs {
		for n := range 2 {
			if at := c.places[p].group(n); len(at) > 0 {
				c.compare(p, n, items, at, good)
			}
		}
	}
	c.pairs = 0
}

// expect computes Q, which R should be, of the items of a pair.
func (c *Checker) expect(p int, items []Item) {
	l, at := c.ladder, &c.places[p]
	known, groups := items[at.lanes[0]].known(), (at.n+lanes-1)/lanes
	for n := range groups {
		c.engine.hashItems(c.hash, items, at.group(n))
		c.engine.scalars(c.hash)
		if known {
			c.engine.knownDigits(c.hash, &l.keyParts[n], &l.baseParts[n])
		} else {
			c.engine.newDigits(c.hash, &l.keys[n], &l.bases[n])
		}
		c.valid[p][n] = c.hash.below
	}
	if known {
		c.expectKnown(items, at, groups)
	} else {
		valid := c.expectNew(items, at, groups)
		for n := range valid {
			c.valid[p][n] &= valid[n]
		}
	}
	for n := range 2 {
		c.x[p][n], c.y[p][n], c.z[p][n] = l.groups[n].x, l.groups[n].y, l.groups[n].z
	}
}

// expectNew computes the points for keys without tables. It returns the lanes whose keys
// are points.
func (c *Checker) expectNew(items []Item, at *places, groups int) (valid [2]uint8) {
	l := c.ladder
	var keys [pairItems]*[32]byte
	for i := range keys {
		keys[i] = &identity
		if i < at.n {
			keys[i] = items[at.lanes[i]].Key
		}
	}
	valid = c.engine.decode(c.powers, &l.groups, &keys)
	for n := range groups {
		g := &l.groups[n]
		c.engine.stages[stageMinusAdded](g)
		g.setIdentityPoint()
		c.engine.fillTable(&l.tables[n], g)
	}
	for n := range l.groups {
		l.groups[n].setIdentity()
	}
	c.engine.ladders[groups-1](l, c.base)
	return valid
}

// expectKnown computes the points for keys with tables, which are points.
func (c *Checker) expectKnown(items []Item, at *places, groups int) {
	for i := range pairItems {
		t := identityTable
		if i < at.n {
			t = items[at.lanes[i]].Table
		}
		c.tables[i/lanes][i%lanes] = t
	}
	for n := range c.ladder.groups {
		c.ladder.groups[n].setIdentity()
	}
	c.engine.knownLadders[groups-1](c.ladder, &c.tables, c.base)
	clear(c.tables[:])
}

// compare gives the verdicts on the items of a group, or adds them to the suspects.
func (c *Checker) compare(p, n int, items []Item, at []int, good []bool) {
	g := &c.ladder.groups[0]
	g.x, g.y, g.z = c.x[p][n], c.y[p][n], c.z[p][n]
	c.engine.stages[stageToAffine](g)
	for lane, i := range at {
		if c.valid[p][n]>>lane&1 == 0 {
			continue
		}
		r, x, y := (*[32]byte)(items[i].Sig[:]), g.x.at(lane), g.y.at(lane)
		if good[i] = encodes(r, x, y); good[i] {
			continue
		}
		s := &c.suspects
		s.add(i)
		c.suspectX[(s.n-1)/lanes].set((s.n-1)%lanes, &x)
		c.suspectY[(s.n-1)/lanes].set((s.n-1)%lanes, &y)
		if s.n == pairItems {
			c.judge(items, good)
		}
	}
}

// judge gives the verdicts on the suspects, whose R is not what is expected: they are
// good if R is a point and 8 (Q - R) is the identity.
func (c *Checker) judge(items []Item, good []bool) {
	s := &c.suspects
	if s.n == 0 {
		return
	}
	var encodings [pairItems]*[32]byte
	for i := range encodings {
		encodings[i] = &identity
		if i < s.n {
			encodings[i] = (*[32]byte)(items[s.lanes[i]].Sig[:])
		}
	}
	valid := c.engine.decode(c.powers, c.slow, &encodings)
	for n := range c.slow {
		at := s.group(n)
		if len(at) == 0 {
			break
		}
		same := valid[n] & c.engine.sameTimes8(&c.slow[n], &c.suspectX[n], &c.suspectY[n])
		for lane, i := range at {
			good[i] = same>>lane&1 != 0
		}
	}
	s.n = 0
}

// sameTimes8 returns the lanes in which 8 (Q - R) is the identity, for the points R of
// g and Q = (x, y).
func (e *engine) sameTimes8(g *group, x, y *element) uint8 {
	run := func(stages ...stage) {
		for _, s := range stages {
			e.stages[s](g)
		}
	}
	run(stageMinusAdded)
	// Q as a completed point: X = ef, Y = gh, Z = fg, T = eh.
	g.e, g.h = *x, *y
	g.f, g.g = element{}, element{}
	for i := range lanes {
		g.f[0][i], g.g[0][i] = 1, 1
	}
	run(stageToAddend, stageAddPoint, stageToProjective)
	for range 3 {
		run(stageDouble, stageToProjective)
	}
	run(stageIsIdentity)
	return g.e.zero() & g.f.zero()
}
