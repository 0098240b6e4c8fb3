package store

import (
	"encoding/binary"

	"stele/engine/pow"
)

// space is the first byte of a key, which says what kind of entry it is.
type space byte

// The spaces of keys, as in the package comment.
const (
	bodies   space = 'b'
	chain    space = 'c'
	headers  space = 'h'
	heights  space = 'n'
	pool     space = 'p'
	records  space = 'r'
	state    space = 's'
	tipSpace space = 't'
	undos    space = 'u'
)

// spaces are all of them, sorted.
var spaces = []space{bodies, chain, headers, heights, pool, records, state, tipSpace, undos}

const (
	heightSize = 4
	hashSize   = len(pow.Hash{})
)

// name returns the Field of a Damage in the space.
func (s space) name() string {
	switch s {
	case bodies:
		return "body"
	case chain:
		return "chain"
	case headers:
		return "header"
	case heights:
		return "height"
	case pool:
		return "pool"
	case records:
		return "record index"
	case state:
		return "state"
	case tipSpace:
		return "tip"
	case undos:
		return "undo"
	}
	return "key"
}

// start and end are the bounds of the keys of the space: start <= key < end.
func (s space) start() []byte { return []byte{byte(s)} }
func (s space) end() []byte   { return []byte{byte(s) + 1} }

// blockKey is a key of bodies, headers and undos.
func blockKey(s space, height uint32, hash pow.Hash) []byte {
	b := make([]byte, 0, 1+heightSize+hashSize)
	b = binary.BigEndian.AppendUint32(append(b, byte(s)), height)
	return append(b, hash[:]...)
}

// cutBlockKey splits a blockKey without its first byte.
func cutBlockKey(key []byte) (height uint32, hash pow.Hash, ok bool) {
	if len(key) != heightSize+hashSize {
		return 0, pow.Hash{}, false
	}
	return binary.BigEndian.Uint32(key), pow.Hash(key[heightSize:]), true
}

// heightKey is a key of chain.
func heightKey(height uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{byte(chain)}, height)
}

// hashKey is a key of heights, pool and records.
func hashKey(s space, hash pow.Hash) []byte {
	return append([]byte{byte(s)}, hash[:]...)
}

// stateKey is a key of state.
func stateKey(key []byte) []byte {
	return append([]byte{byte(state)}, key...)
}

// tipKey is the only key of tipSpace.
var tipKey = []byte{byte(tipSpace)}
