package sig

import "unsafe"

// Table has multiples of a key. It is worth its memory and the time to make it, that
// of one or two signatures with new keys, for a key that signs often. Once it is made,
// several goroutines may read it.
type Table struct {
	// rows has -n 2^(65 j) A in row n of part j, with Z = 1: Y-X, Y+X and 2dT.
	rows [parts][keyRows][affineWords]uint64
	key  [32]byte
	made bool     // rows are those of key
	_    [31]byte // keeps the rows of an array of tables aligned to cache lines
}

// TableSize is the size of a [Table] in bytes.
const TableSize = int(unsafe.Sizeof(Table{}))

// isFor reports whether t has the multiples of a key. It may be nil.
func (t *Table) isFor(key *[32]byte) bool { return t != nil && t.made && t.key == *key }

// identityTable has the multiples of the identity. It is for lanes without a signature.
var identityTable = func() *Table {
	t := new(Table)
	for part := range t.rows {
		for n := range t.rows[part] {
			t.rows[part][n] = identityRow
		}
	}
	return t
}()

// identityRow is the identity: X = 0, Y = 1, T = 0.
var identityRow = [affineWords]uint64{0: 1, 5: 1}

// MakeTables makes tables[i] the table of keys[i], for any number of keys; eight at a
// time cost little more than one. It sets ok[i] to whether the key is a point. If it
// is none, its signatures are bad, and its table is not usable: Check ignores it.
// MakeTables panics if the slices differ in length. The first call allocates 103 kB.
func (c *Checker) MakeTables(tables []*Table, keys []*[32]byte, ok []bool) {
	if len(tables) != len(keys) || len(ok) != len(keys) {
		panic("sig: as many tables and verdicts as keys are needed")
	}
	if c.multiples == nil {
		c.multiples = aligned[multiples]()
	}
	for len(keys) > 0 {
		n := min(len(keys), lanes)
		c.makeTables(tables[:n], keys[:n], ok[:n])
		tables, keys, ok = tables[n:], keys[n:], ok[n:]
	}
}

// multiples are 1 to 16 times 2^(65 j) P, for a point P in each lane, as toAddend has
// them. Parts 0 and 1 are the first elements of the pairs, 2 and 3 the second.
type multiples struct {
	x, y, z, t [partPairs]pair
	products   [partPairs]pair // of z up to each
	constant   pair            // 2d
}

const (
	partMultiples = keyRows - 1 // 0 is known
	partPairs     = parts / 2 * partMultiples
)

// makeTables is MakeTables for at most eight keys.
func (c *Checker) makeTables(tables []*Table, keys []*[32]byte, ok []bool) {
	var encodings [pairItems]*[32]byte
	for i := range encodings {
		encodings[i] = &identity
		if i < len(keys) {
			encodings[i] = keys[i]
		}
	}
	valid := c.engine.decode(c.powers, &c.ladder.groups, &encodings)
	m := c.multiples
	c.engine.multiply(m, &c.ladder.groups[0])
	c.engine.invertAll(c.powers, m.z[:], m.products[:])
	c.engine.makeRows(m)
	for i, t := range tables {
		ok[i] = valid[0]>>i&1 != 0
		t.key, t.made = *keys[i], ok[i]
		for part := range parts {
			t.rows[part][0] = identityRow
			for n := range partMultiples {
				m.row(part, n, i, &t.rows[part][1+n])
			}
		}
	}
}

// multiply sets m to the multiples of -(x, y) of g.
func (e *engine) multiply(m *multiples, g *group) {
	run := func(stages ...stage) {
		for _, s := range stages {
			e.stages[s](g)
		}
	}
	run(stageMinusAdded)
	for part := range parts {
		g.setIdentityPoint()
		for n := range partMultiples {
			run(stageAddPoint, stageToAddend)
			pair, i := part%(parts/2)*partMultiples+n, part/(parts/2)
			m.x[pair][i], m.y[pair][i], m.z[pair][i], m.t[pair][i] = g.x, g.y, g.z, g.t
		}
		if part == parts-1 {
			return
		}
		for range partBits - 4 { // the last one is 2^4 times the point
			run(stageToProjective, stageDouble)
		}
		run(stageToAddend, stageToAdded)
	}
}

// makeRows makes x, y and t what a row has, for z that are inverted.
func (e *engine) makeRows(m *multiples) {
	for n := range m.constant {
		for lane := range lanes {
			m.constant[n].set(lane, &curve2D)
		}
	}
	for i := range m.z {
		z := &m.z[i]
		e.mulPair(&m.x[i], &m.x[i], z)
		e.mulPair(&m.y[i], &m.y[i], z)
		e.mulPair(z, z, &m.constant)
		e.mulPair(&m.t[i], &m.t[i], z)
	}
}

// row writes multiple n + 1 of a part in a lane.
func (m *multiples) row(part, n, lane int, to *[affineWords]uint64) {
	i, half := part%(parts/2)*partMultiples+n, part/(parts/2)
	x, y, t := &m.x[i][half], &m.y[i][half], &m.t[i][half]
	for limb := range x {
		to[limb], to[5+limb], to[10+limb] = x[limb][lane], y[limb][lane], t[limb][lane]
	}
}
