package sig

// lanes is the number of 64-bit lanes of a vector.
const lanes = 8

// element is eight numbers modulo p, limb by limb, lane by lane.
type element [5][lanes]uint64

// group is what the stages work on: eight points, one in each lane. The generator
// knows its layout.
type group struct {
	// A point: X, Y, Z, and T = XY/Z where a stage needs it. Before an addition x
	// is Y-X and y is Y+X.
	x, y, z, t element

	// A point that is completed: X = ef, Y = gh, Z = fg, T = eh.
	e, f, g, h element

	// The point that is added: Y-X, Y+X, 2dT, 2Z.
	minus, plus, t2d, z2 element

	// masks have a bit for each lane.
	masks [2]uint8
	_     [62]byte // keeps an array of groups aligned to cache lines
}

// pair is an element of one group and then one of another.
type pair [2]element

// stage is the index of a stage.
type stage int

const (
	stageMul          stage = iota // e = xy; wide limbs are allowed
	stageSqr                       // e = x^2; wide limbs are allowed
	stageCarry                     // e = x; raw limbs are allowed
	stageCanonical                 // e = x below p; wide limbs are allowed
	stageDouble                    // completes 2(x:y:z)
	stageToProjective              // x, y, z of the completed point
	stageToExtended                // x, y, z, t of the completed point
	stageToAddend                  // Y-X, Y+X, Z, T of the completed point
	stageAddPoint                  // completes the sum of x, y, z, t and the point that is added
	stageAddAffine                 // the same for one with Z = 1, without z2
	stageMinusAdded                // makes -(x, y) the point that is added
	stageToAdded                   // makes the point, as stageToAddend has it, the point that is added
	stageToAffine                  // x and y times z, below p
	stageIsIdentity                // e = x and f = y - z, below p
	stageDecodeStart               // of y: e = u, f = v, g = u v^3, h = u v^7
	stageDecodeRoot                // x = gh, e = v x^2 - u and f = v x^2 + u, below p
	stageDecodeTurn                // x, times a root of -1 by the first mask, below p
	stageDecodeSign                // -x by the first mask, (x, y) = the identity by the second
	stages                         // their number
)

const (
	maxLoose = 1<<51 + 1<<17 - 1 // the highest loose limb
	maxWide  = 1<<52 - 1
	maxRaw   = 1<<62 - 1
)

// maxInput returns the highest limb that a stage takes.
func (s stage) maxInput() uint64 {
	switch s {
	case stageMul, stageSqr, stageCanonical:
		return maxWide
	case stageCarry:
		return maxRaw
	}
	return maxLoose
}

// all returns the elements of the group.
func (g *group) all() [12]*element {
	return [...]*element{&g.x, &g.y, &g.z, &g.t, &g.e, &g.f, &g.g, &g.h, &g.minus, &g.plus, &g.t2d, &g.z2}
}

// setIdentity makes all lanes the identity, as an addition reads it.
func (g *group) setIdentity() {
	*g = group{}
	for i := range lanes {
		g.x[0][i], g.y[0][i], g.z[0][i] = 1, 1, 1
	}
}

// setIdentityPoint is setIdentity, but leaves the point that is added.
func (g *group) setIdentityPoint() {
	minus, plus, t2d, z2 := g.minus, g.plus, g.t2d, g.z2
	g.setIdentity()
	g.minus, g.plus, g.t2d, g.z2 = minus, plus, t2d, z2
}

// at returns lane i of the element.
func (e *element) at(i int) (n number) {
	for j := range e {
		n[j] = e[j][i]
	}
	return n
}

// set sets lane i of the element.
func (e *element) set(i int, n *number) {
	for j := range e {
		e[j][i] = n[j]
	}
}

// zero returns the lanes whose limbs are all 0.
func (e *element) zero() (mask uint8) {
	for i := range lanes {
		setBit(&mask, i, e[0][i]|e[1][i]|e[2][i]|e[3][i]|e[4][i] == 0)
	}
	return mask
}

// odd returns the lanes that are odd, if they are below p.
func (e *element) odd() (mask uint8) {
	for i := range lanes {
		setBit(&mask, i, e[0][i]&1 != 0)
	}
	return mask
}

// lane returns lane i of the group.
func (g *group) lane(i int) (l lane) {
	to := l.all()
	for n, e := range g.all() {
		*to[n] = e.at(i)
	}
	for m := range g.masks {
		l.masks[m] = g.masks[m]>>i&1 != 0
	}
	return l
}

// setLane sets lane i of the group.
func (g *group) setLane(i int, l *lane) {
	from := l.all()
	for n, e := range g.all() {
		e.set(i, from[n])
	}
	for m := range g.masks {
		setBit(&g.masks[m], i, l.masks[m])
	}
}

// setBit sets bit i of b.
func setBit(b *uint8, i int, to bool) {
	*b &^= 1 << i
	if to {
		*b |= 1 << i
	}
}

// splitMix is the generator of pseudo-random numbers SplitMix64.
type splitMix uint64

func newSplitMix(seed uint64) *splitMix { return (*splitMix)(&seed) }

func (s *splitMix) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// randomGroup returns limbs of at most high; each fourth is close to 0 or to high.
func randomGroup(rng *splitMix, high uint64) *group {
	g := new(group)
	for m := range g.masks {
		g.masks[m] = uint8(rng.next())
	}
	for _, e := range g.all() {
		for j := range e {
			for i := range e[j] {
				x := rng.next()
				switch x % 8 {
				case 0:
					e[j][i] = x >> 3 % 20
				case 1:
					e[j][i] = high - x>>3%20
				default:
					e[j][i] = x % (high + 1)
				}
			}
		}
	}
	return g
}
