package chain

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"

	"stele/engine/pow"
	"stele/node/store"
)

// indexSum is a sum over the entries of a record index that does not depend on their
// order: the replay adds entries by block, the store by id. Each entry adds 128 bits
// of a hash with a random seed: two different sets have the same sum with a
// probability of about 2^-128, and nobody can construct such sets.
type indexSum struct {
	seeds [2]maphash.Seed
	sum   [2]uint64
	count int
}

func newIndexSum() indexSum {
	return indexSum{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

func (s *indexSum) add(id pow.Hash, p store.Place) {
	var b [len(id) + 8]byte
	copy(b[:], id[:])
	binary.LittleEndian.PutUint32(b[len(id):], p.Height)
	binary.LittleEndian.PutUint32(b[len(id)+4:], p.Index)
	for i := range s.sum {
		s.sum[i] += maphash.Bytes(s.seeds[i], b[:])
	}
	s.count++
}

// checkIndex compares the record index with the blocks that were replayed.
func (r *replay) checkIndex(ctx context.Context) error {
	found := indexSum{seeds: r.sum.seeds}
	r.snapshot.Index(func(id pow.Hash, p store.Place) bool {
		if p.Height >= r.first { // the blocks of the others are pruned
			found.add(id, p)
		}
		return ctx.Err() == nil
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	broken := unreadable(r.snapshot.Err(), store.NoHeight, "record index")
	if broken == nil && found == r.sum {
		return nil
	}

	// Something differs: now find it, however long that takes.
	for height := r.first; height <= r.tip.Height; height++ {
		b, err := readBlock(r.store, r.params, r.tip.Ancestor(height).Hash, height)
		if err != nil {
			return err
		}
		if err := checkIndex(r.store, height, b.IDs()); err != nil {
			return err
		}
	}
	if broken != nil {
		return broken
	}
	var fault error
	r.snapshot.Index(func(id pow.Hash, p store.Place) bool {
		if p.Height < r.first {
			return true
		}
		if n := r.tip.Ancestor(p.Height); n != nil {
			b, err := readBlock(r.store, r.params, n.Hash, n.Height)
			if err == nil && int(p.Index) < len(b.Records) && b.Records[p.Index].ID() == id {
				return true
			}
		}
		fault = corrupt(p.Height, "record index", "%v is indexed as record %d, which it is not", id, p.Index)
		return false
	})
	return errors.Join(fault, r.snapshot.Err())
}
