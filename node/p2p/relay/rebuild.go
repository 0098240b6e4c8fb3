package relay

import (
	"errors"
	"fmt"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/p2p/wire"
)

// ErrParts means that the answer to a request for parts is not what the compact block
// of the same peer has promised.
var ErrParts = errors.New("wrong parts of a block")

// Rebuild is a block that is put together from its compact form. Make one with
// [NewRebuild]. Not safe for concurrent use.
type Rebuild struct {
	header  pow.Header
	id      func(pow.Hash) wire.ShortID
	ids     []wire.ShortID   // of all records; 0 where a record was prefilled
	records []*record.Record // nil where missing
	missing []uint32
}

// NewRebuild returns the block of a compact form, as far as its records are among the
// candidates, such as those of the pool. A record may be among them several times.
//
// A record counts as missing if two candidates have its short id, and so do two
// records of the block with the same short id. Whether the records are those of the
// header only [block.Block.Check] shows.
//
// Errors: those of [record.Decode] for a prefilled record.
func NewRebuild(m *wire.Compact, candidates ...[]*record.Record) (*Rebuild, error) {
	return newRebuild(m, m.Key().ID, candidates)
}

func newRebuild(m *wire.Compact, id func(pow.Hash) wire.ShortID, candidates [][]*record.Record) (*Rebuild, error) {
	r := &Rebuild{
		header: m.Header, id: id,
		ids: make([]wire.ShortID, m.Count()), records: make([]*record.Record, m.Count()),
	}
	for _, p := range m.Prefilled {
		decoded, err := record.Decode(p.Record)
		if err != nil {
			return nil, fmt.Errorf("record %d of the block: %w", p.Index, err)
		}
		r.records[p.Index] = decoded
	}
	places := r.place(m.IDs)
	r.match(places, candidates)
	for i, found := range r.records {
		if found == nil {
			r.missing = append(r.missing, uint32(i))
		}
	}
	return r, nil
}

// repeated is the place of a short id that several records of the block have, or
// several candidates.
const repeated = -1

// place gives the short ids to the records that are not prefilled, and returns the
// indices of the records by their short ids.
func (r *Rebuild) place(ids []wire.ShortID) map[wire.ShortID]int {
	places := make(map[wire.ShortID]int, len(ids))
	for i, prefilled := range r.records {
		if prefilled != nil {
			continue
		}
		id := ids[0]
		ids = ids[1:]
		r.ids[i] = id
		if _, taken := places[id]; taken {
			places[id] = repeated
		} else {
			places[id] = i
		}
	}
	return places
}

// match puts the candidates into their places.
func (r *Rebuild) match(places map[wire.ShortID]int, candidates [][]*record.Record) {
	for _, list := range candidates {
		for _, c := range list {
			id := r.id(c.FullHash())
			i, wanted := places[id]
			switch {
			case !wanted || i == repeated:
			case r.records[i] == nil:
				r.records[i] = c
			case r.records[i].FullHash() != c.FullHash():
				r.records[i] = nil
				places[id] = repeated
			}
		}
	}
}

// Missing returns the indices of the missing records, which ascend.
func (r *Rebuild) Missing() []uint32 { return r.missing }

// IsMostlyKnown reports whether the missing records are probably at most a third of
// the bytes of those at hand, and few enough for one request: then it is worth asking
// for them alone. Records of the average size are assumed.
func (r *Rebuild) IsMostlyKnown() bool {
	known := len(r.records) - len(r.missing)
	return len(r.missing) <= known/3 && len(r.missing) <= wire.MaxParts
}

// Fill adds the missing records: encoded, all of them, and in the order of
// [Rebuild.Missing].
//
// Errors: [ErrParts] if their number or one of their short ids is another, and those
// of [record.Decode]. Then the rebuild is unchanged.
func (r *Rebuild) Fill(parts [][]byte) error {
	if len(parts) != len(r.missing) {
		return fmt.Errorf("%w: %d records, must be %d", ErrParts, len(parts), len(r.missing))
	}
	decoded := make([]*record.Record, len(parts))
	for i, raw := range parts {
		found, err := record.Decode(raw)
		at := r.missing[i]
		switch {
		case err != nil:
			return fmt.Errorf("record %d of the block: %w", at, err)
		case r.id(found.FullHash()) != r.ids[at]:
			return fmt.Errorf("%w: record %d of the block has not the short id %#x", ErrParts, at, uint64(r.ids[at]))
		}
		decoded[i] = found
	}
	for i, at := range r.missing {
		r.records[at] = decoded[i]
	}
	r.missing = nil
	return nil
}

// Block returns the block, or nil while records are missing. It may still be another
// one than the header names: candidates can have the short ids of others.
func (r *Rebuild) Block() *block.Block {
	if len(r.missing) > 0 {
		return nil
	}
	return block.New(r.header, r.records)
}

// NewCompact returns the compact form of a block. The coinbase is prefilled, and of the
// records with the given indices, which ascend, as many as are allowed: those that the
// receivers probably lack, as this node did.
func NewCompact(b *block.Block, nonce uint64, lacking []uint32) *wire.Compact {
	hashes := make([]pow.Hash, len(b.Records))
	for i, r := range b.Records {
		hashes[i] = r.FullHash()
	}
	prefilled := []wire.Prefilled{{Index: 0, Record: b.Records[0].Encode()}}
	room := wire.MaxPrefilled
	for _, i := range lacking {
		if i == 0 {
			continue
		}
		if room -= b.Records[i].Size(); room < 0 {
			break
		}
		prefilled = append(prefilled, wire.Prefilled{Index: i, Record: b.Records[i].Encode()})
	}
	return wire.NewCompact(b.Header, nonce, hashes, prefilled)
}
