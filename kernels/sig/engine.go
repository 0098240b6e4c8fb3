package sig

// engine is the arithmetic of a kernel.
type engine struct {
	stages [stages]func(*group)

	// mulPair sets to to x y, for wide x and y. to may be x or y.
	mulPair func(to, x, y *pair)
	// sqrPair sets to to x squared so many times, at least once. to may be x.
	sqrPair func(to, x *pair, times uint64)

	// fillTable fills rows with 0 to 16 times the point that is added in work, whose
	// other point must be the identity.
	fillTable func(rows *laneTable, work *group)

	// ladders have the functions for one group and for two. They add the points that
	// the digits select. The point of each group must be the identity before; its
	// x, y, z have the result.
	ladders [2]func(work *ladder, base *baseTables)

	// knownLadders do the same with the tables of known keys, one for each lane of each
	// group.
	knownLadders [2]func(work *ladder, tables *[2][lanes]*Table, base *baseTables)

	// fetch begins to load what an item points to into the cache.
	fetch func(*Item)

	// sha512Block adds the blocks of the live lanes to their hashes.
	sha512Block func(work *hashGroup, live uint8)

	// scalars makes the hashes and words of s scalars.
	scalars func(work *hashGroup)

	// newDigits and knownDigits set the digits of k and s in the lanes of a ladder.
	newDigits   func(work *hashGroup, keys *keyDigits, bases *baseDigits)
	knownDigits func(work *hashGroup, keys *partDigits, bases *basePartDigits)
}

const (
	rowWords    = 24           // a point in a table: Y-X, Y+X, 2dT, 2Z
	rowBytes    = 8 * rowWords //
	affineWords = 16           // a point with Z = 1: without 2Z
	affineBytes = 8 * affineWords

	keyRows   = 17  // 0 to 16
	baseRows  = 513 // 0 to 512
	keyTurns  = 51  // digits of five bits, -16 to 15
	baseTurns = 26  // digits of ten bits, -512 to 511

	// For known keys, a scalar is cut into parts, each with digits of its own.
	parts         = 4
	partBits      = 65
	partTurns     = 13 // digits of five bits in a part
	basePartTurns = 7  // digits of ten bits in a part, the highest of five
)

// laneTable has 0 to 16 times a point, for each lane.
type laneTable struct {
	rows [keyRows][lanes][rowWords]uint64
}

// baseTables have 0 to 512 times 2^(65 j) B, where B is the base point, for each part
// j. New keys need the first only.
type baseTables [parts][baseRows][affineWords]uint64

// keyDigits are the digits of the scalars of the keys.
type keyDigits struct {
	rows  [keyTurns][lanes]uint32 // bytes from row 0 to the row of each lane
	signs [keyTurns]uint8         // the lanes that subtract it
}

// baseDigits are the digits of the scalars of the base point.
type baseDigits struct {
	rows  [baseTurns][lanes]uint32
	signs [baseTurns]uint8
}

// partDigits are the digits of the scalars of known keys, by turn and part. Rows begins
// with two turns that are only there to be fetched after the last ones.
type partDigits struct {
	rows  [2 + partTurns][parts][lanes]uint32 // where the row of each lane is in its Table, in bytes
	signs [partTurns][parts]uint8
}

// basePartDigits are the digits of the scalars of the base point beside known keys, by
// turn and part. Rows begins with a turn that is only there to be fetched after the last
// one.
type basePartDigits struct {
	rows  [1 + basePartTurns][parts][lanes]uint32
	signs [basePartTurns][parts]uint8
}

// ladder is the memory of two groups. The assembly knows its layout from the
// compiler.
type ladder struct {
	groups [2]group
	tables [2]laneTable
	keys   [2]keyDigits
	bases  [2]baseDigits

	// For known keys.
	keyParts  [2]partDigits
	baseParts [2]basePartDigits
}
