package feed

import (
	"encoding/base64"
	"encoding/binary"
	"errors"

	"stele/engine/pow"
)

// place is a place in the feed: between two events.
type place struct {
	run uint64 // of the node, which the number belongs to; 0: none
	seq uint64 // number of the event before the place, counted from 1; 0: the beginning

	// What was reported of the chain: all of it up to the block before this one, and of
	// the block the first done events, [whole] for all. If leaving is set, the events are
	// those of a block that leaves the chain.
	block   pow.Hash
	leaving bool
	done    uint32
}

// whole is the number of events of a block after the last one.
const whole = 1<<32 - 1

// The encoding of a place: a version, run, seq, leaving, done, block, in big endian, as
// base64 of URLs.
const (
	placeVersion = 1
	placeSize    = 1 + 8 + 8 + 1 + 4 + 32
)

var errPlace = errors.New("invalid id of an event: must be one that this feed has sent")

// String returns the id of the event before the place.
func (p place) String() string {
	b := make([]byte, 0, placeSize)
	b = binary.BigEndian.AppendUint64(append(b, placeVersion), p.run)
	b = binary.BigEndian.AppendUint64(b, p.seq)
	if p.leaving {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	b = append(binary.BigEndian.AppendUint32(b, p.done), p.block[:]...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// parsePlace reads an id.
func parsePlace(id string) (p place, err error) {
	if len(id) != base64.RawURLEncoding.EncodedLen(placeSize) {
		return p, errPlace
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(id)
	if err != nil || len(b) != placeSize || b[0] != placeVersion || b[17] > 1 {
		return p, errPlace
	}
	return place{
		run: binary.BigEndian.Uint64(b[1:]), seq: binary.BigEndian.Uint64(b[9:]),
		leaving: b[17] == 1, done: binary.BigEndian.Uint32(b[18:]), block: pow.Hash(b[22:]),
	}, nil
}
