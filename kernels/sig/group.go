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
}

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

// lane returns lane i of the group.
func (g *group) lane(i int) (l lane) {
	to := l.all()
	for n, e := range g.all() {
		for j := range e {
			to[n][j] = e[j][i]
		}
	}
	return l
}

// setLane sets lane i of the group.
func (g *group) setLane(i int, l *lane) {
	from := l.all()
	for n, e := range g.all() {
		for j := range e {
			e[j][i] = from[n][j]
		}
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
