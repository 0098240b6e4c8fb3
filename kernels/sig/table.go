package sig

import "unsafe"

const (
	splits    = 4  // a scalar is cut into so many parts
	splitBits = 65 // of so many bits
)

// Table has multiples of a key. It is worth its memory and the time to make it, that
// of about four signatures, for a key that signs often. Once it is made, several goroutines
// may read it.
type Table struct {
	// rows has -n 2^(65 j) A in row n of part j: Y-X, Y+X and 2dT, with Z = 1.
	rows [splits][keyRows][affineWords]uint64
	key  [32]byte
	made bool     // rows are those of key
	_    [31]byte // keeps rows of an array of tables in two cache lines
}

// TableSize is the size of a [Table] in bytes.
const TableSize = int(unsafe.Sizeof(Table{}))

// MakeTables makes tables[i] the table of keys[i], for any number of keys; eight at a
// time cost little more than one. It sets ok[i] to whether the key is a point. If it
// is none, its signatures are bad, and its table is not usable: Check ignores it.
// MakeTables panics if the slices differ in length.
func (c *Checker) MakeTables(tables []*Table, keys []*[32]byte, ok []bool) {
	if len(tables) != len(keys) || len(ok) != len(keys) {
		panic("sig: as many tables and verdicts as keys are needed")
	}
	for len(keys) > 0 {
		n := min(len(keys), lanes)
		c.makeTables(tables[:n], keys[:n], ok[:n])
		tables, keys, ok = tables[n:], keys[n:], ok[n:]
	}
}

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
	for i, t := range tables {
		ok[i] = valid[0]>>i&1 != 0
		t.key, t.made = *keys[i], ok[i]
	}
}
