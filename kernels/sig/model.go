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
	masks                [2]bool
}

// laneStages are the stages.
var laneStages = [stages]func(*lane){
	stageMul:          func(l *lane) { l.e = multiply(&l.x, &l.y).carry() },
	stageSqr:          func(l *lane) { l.e = multiply(&l.x, &l.x).carry() },
	stageCarry:        func(l *lane) { l.e = l.x.carry() },
	stageCanonical:    func(l *lane) { l.e = l.x.canonical() },
	stageDouble:       (*lane).double,
	stageToProjective: (*lane).toProjective,
	stageToExtended:   (*lane).toExtended,
	stageToAddend:     (*lane).toAddend,
	stageAddPoint:     (*lane).addPoint,
	stageAddAffine:    (*lane).addAffine,
	stageMinusAdded:   (*lane).minusAdded,
	stageToAdded:      (*lane).toAdded,
	stageToAffine:     (*lane).toAffine,
	stageIsIdentity:   (*lane).isIdentity,
	stageDecodeStart:  (*lane).decodeStart,
	stageDecodeRoot:   (*lane).decodeRoot,
	stageDecodeTurn:   (*lane).decodeTurn,
	stageDecodeSign:   (*lane).decodeSign,
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

// Shifts of differences.
const (
	aboveRow   = 1 // for limbs of a table
	aboveLoose = 2
	aboveRaw   = 8 // for raw products of loose numbers
	aboveWide  = 9 // for raw products of a loose and a wide number
)

// difference returns x - y + 2^shift p without carries.
func difference(x, y *number, shift int) number {
	m := multipleAbove(x, shift)
	return less(&m, y)
}

// multipleAbove returns x + 2^shift p without carries.
func multipleAbove(x *number, shift int) (r number) {
	for i := range r {
		p := uint64(limbMask)
		if i == 0 {
			p -= 18
		}
		r[i] = x[i] + p<<shift
	}
	return r
}

// less returns x - y without carries. No limb of y may be above that of x.
func less(x, y *number) (r number) {
	for i := range r {
		r[i] = x[i] - y[i]
	}
	return r
}

// multiplyAbove returns the raw product of two wide numbers plus 2^shift p.
func multiplyAbove(x, y *number, shift int) number {
	r := multiply(x, y)
	return multipleAbove(&r, shift)
}

// negative returns -x of a loose x.
func negative(x *number) number { return difference(new(number), x, aboveLoose).carry() }

// double completes 2(x:y:z). All four coordinates have the other sign than in the
// paper (Hisil and others, "Twisted Edwards Curves Revisited", 2008): it is the same
// point.
func (l *lane) double() {
	a, xy := multiply(&l.x, &l.x), multiply(&l.x, &l.y)
	b, zz := multiplyAbove(&l.y, &l.y, aboveRaw), multiplyAbove(&l.z, &l.z, aboveRaw)
	f := sum(&zz, &zz)
	f = sum(&a, &f)
	l.e = sum(&xy, &xy).carry()
	l.f = less(&f, &b).carry()
	l.g = less(&b, &a).carry()
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
	x, y := multiply(&l.e, &l.f), multiplyAbove(&l.g, &l.h, aboveRaw)
	l.x, l.y = less(&y, &x).carry(), sum(&y, &x).carry()
	l.z, l.t = multiply(&l.f, &l.g).carry(), multiply(&l.e, &l.h).carry()
}

// addPoint and addAffine complete the sum of a point, as toAddend has it, and the one
// that is added.
func (l *lane) addPoint() { l.add(multiplyAbove(&l.z, &l.z2, aboveWide)) }

func (l *lane) addAffine() {
	zz := sum(&l.z, &l.z)
	l.add(multipleAbove(&zz, aboveWide))
}

// add is addPoint with d = Z 2Z', plus a multiple of p.
func (l *lane) add(d number) {
	a, b, c := multiply(&l.x, &l.minus), multiplyAbove(&l.y, &l.plus, aboveRaw), multiply(&l.t, &l.t2d)
	l.e = less(&b, &a).carry()
	l.f = less(&d, &c).carry()
	l.g = sum(&d, &c).carry()
	l.h = sum(&b, &a).carry()
}

var (
	one      = number{1}
	curveD   = number{0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}
	curve2D  = number{0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}
	rootOfM1 = number{0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}
)

func (l *lane) minusAdded() {
	t := multiply(&l.x, &l.y).carry()
	t = multiply(&t, &curve2D).carry()
	l.minus, l.plus = sum(&l.y, &l.x).carry(), difference(&l.y, &l.x, aboveLoose).carry()
	l.t2d, l.z2 = negative(&t), number{2}
}

func (l *lane) toAdded() {
	l.minus, l.plus = l.x, l.y
	l.t2d, l.z2 = multiply(&l.t, &curve2D).carry(), sum(&l.z, &l.z).carry()
}

func (l *lane) toAffine() {
	l.x, l.y = multiply(&l.x, &l.z).carry().canonical(), multiply(&l.y, &l.z).carry().canonical()
}

func (l *lane) isIdentity() {
	l.e, l.f = l.x.canonical(), difference(&l.y, &l.z, aboveLoose).carry().canonical()
}

// decodeStart uses x and t as scratch, as the assembly does.
func (l *lane) decodeStart() {
	l.x = multiply(&l.y, &l.y).carry()
	l.e = difference(&l.x, &one, aboveLoose).carry()
	dyy := multiply(&l.x, &curveD)
	l.f = sum(&dyy, &one).carry()
	l.t = multiply(&l.f, &l.f).carry()
	l.g = multiply(&l.e, &l.f).carry()
	l.g = multiply(&l.g, &l.t).carry()
	l.h = multiply(&l.t, &l.t).carry()
	l.h = multiply(&l.g, &l.h).carry()
}

func (l *lane) decodeRoot() {
	l.x = multiply(&l.g, &l.h).carry()
	l.t = multiply(&l.x, &l.x).carry()
	l.t = multiply(&l.t, &l.f).carry()
	u := l.e
	l.e, l.f = difference(&l.t, &u, aboveLoose).carry().canonical(), sum(&l.t, &u).carry().canonical()
}

func (l *lane) decodeTurn() {
	if l.masks[0] {
		l.x = multiply(&l.x, &rootOfM1).carry()
	}
	l.x = l.x.canonical()
}

func (l *lane) decodeSign() {
	if l.masks[0] {
		l.x = negative(&l.x)
	}
	if l.masks[1] {
		l.x, l.y = number{}, one
	}
}

// modelEngine is the engine that runs the model.
var modelEngine = engine{
	stages: func() (all [stages]func(*group)) {
		for s, f := range laneStages {
			all[s] = func(g *group) {
				for i := range lanes {
					l := g.lane(i)
					f(&l)
					g.setLane(i, &l)
				}
			}
		}
		return all
	}(),
	mulPair: func(to, x, y *pair) {
		for n := range to {
			for i := range lanes {
				a, b := x[n].at(i), y[n].at(i)
				a = multiply(&a, &b).carry()
				to[n].set(i, &a)
			}
		}
	},
	sqrPair: func(to, x *pair, times uint64) {
		for n := range to {
			for i := range lanes {
				a := x[n].at(i)
				for range times {
					a = multiply(&a, &a).carry()
				}
				to[n].set(i, &a)
			}
		}
	},
	fillTable: func(rows *laneTable, work *group) {
		for i := range lanes {
			l := work.lane(i)
			for n := range rows.rows {
				l.storeRow(&rows.rows[n][i])
				l.addPoint()
				l.toAddend()
			}
			work.setLane(i, &l)
		}
	},
	ladders: [2]func(*ladder, *baseTables){
		func(work *ladder, base *baseTables) { modelLadder(work, base, 1) },
		func(work *ladder, base *baseTables) { modelLadder(work, base, 2) },
	},
	knownLadders: [2]func(*ladder, *[2][lanes]*Table, *baseTables){
		func(work *ladder, t *[2][lanes]*Table, base *baseTables) { modelKnownLadder(work, t, base, 1) },
		func(work *ladder, t *[2][lanes]*Table, base *baseTables) { modelKnownLadder(work, t, base, 2) },
	},
	fetch:       func(*Item) {},
	sha512Block: sha512Model,
	scalars:     scalarsModel,
	newDigits: func(h *hashGroup, keys *keyDigits, bases *baseDigits) {
		for lane := range lanes {
			keys.set(lane, h.k.at(lane))
			bases.set(lane, h.s.at(lane))
		}
	},
	knownDigits: func(h *hashGroup, keys *partDigits, bases *basePartDigits) {
		for lane := range lanes {
			keys.set(lane, h.k.at(lane))
			bases.set(lane, h.s.at(lane))
		}
	},
}

// storeRow writes the point, as toAddend has it, to a row. e and f are scratch.
func (l *lane) storeRow(row *[rowWords]uint64) {
	l.e, l.f = multiply(&l.t, &curve2D).carry(), sum(&l.z, &l.z).carry()
	for i := range 5 {
		row[i], row[5+i], row[10+i], row[15+i] = l.x[i], l.y[i], l.e[i], l.f[i]
	}
	copy(row[20:], l.f[1:]) // as the assembly fills it
}

// selectRow makes the point of a row, or its negative, the one that is added.
func (l *lane) selectRow(row []uint64, minus bool) {
	l.minus, l.plus, l.t2d = number(row[0:5]), number(row[5:10]), number(row[10:15])
	if minus {
		l.minus, l.plus = l.plus, l.minus
		l.t2d = difference(new(number), &l.t2d, aboveRow)
	}
}

func modelLadder(work *ladder, base *baseTables, groups int) {
	for n := range groups {
		g := &work.groups[n]
		for i := range lanes {
			l := g.lane(i)
			for turn := keyTurns - 1; turn >= 0; turn-- {
				if turn != keyTurns-1 {
					l.double32()
				}
				l.turn(work, base, n, i, turn)
			}
			g.setLane(i, &l)
		}
	}
}

// double32 makes a point 32 times that, as toAddend has it.
func (l *lane) double32() {
	for range 4 {
		l.double()
		l.toProjective()
	}
	l.double()
	l.toAddend()
}

// turn adds what a turn of the ladder adds to lane i of group n.
func (l *lane) turn(work *ladder, base *baseTables, n, i, turn int) {
	keys, bases := &work.keys[n], &work.bases[n]
	row := &work.tables[n].rows[keys.rows[turn][i]/(lanes*rowBytes)][i]
	l.selectRow(row[:], keys.signs[turn]>>i&1 != 0)
	l.z2 = number(row[15:20])
	l.addPoint()
	if turn%2 == 0 {
		l.toAddend()
		l.addRow(base[0][bases.rows[turn/2][i]/affineBytes][:], bases.signs[turn/2]>>i&1 != 0)
	}
	l.toProjective()
}

// addRow completes the sum of a point and that of a row with Z = 1, or its negative.
func (l *lane) addRow(row []uint64, minus bool) {
	l.selectRow(row, minus)
	l.addAffine()
}

func modelKnownLadder(work *ladder, tables *[2][lanes]*Table, base *baseTables, groups int) {
	for n := range groups {
		g := &work.groups[n]
		for i := range lanes {
			l := g.lane(i)
			for turn := partTurns - 1; turn >= 0; turn-- {
				if turn != partTurns-1 {
					l.double32()
				}
				l.knownTurn(work, tables[n][i], base, n, i, turn)
			}
			g.setLane(i, &l)
		}
	}
}

// knownTurn adds what a turn of the ladder for known keys adds to lane i of group n.
func (l *lane) knownTurn(work *ladder, table *Table, base *baseTables, n, i, turn int) {
	keys, bases := &work.keyParts[n], &work.baseParts[n]
	for part := range parts {
		if part > 0 {
			l.toAddend()
		}
		row := keys.rows[2+turn][part][i]/affineBytes - uint32(part*keyRows)
		l.addRow(table.rows[part][row][:], keys.signs[turn][part]>>i&1 != 0)
	}
	for part := range parts {
		if turn%2 != 0 {
			break
		}
		l.toAddend()
		row := bases.rows[1+turn/2][part][i]/affineBytes - uint32(part*baseRows)
		l.addRow(base[part][row][:], bases.signs[turn/2][part]>>i&1 != 0)
	}
	l.toProjective()
}
