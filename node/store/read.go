package store

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"stele/engine/pow"
	"stele/node/ledger/rules"
)

// Tip is the last block of the active chain.
type Tip struct {
	Hash   pow.Hash
	Height uint32
	Digest pow.Hash // chained digest of all changes of the state up to this block
}

// Meta is what the store keeps about a header, apart from the header.
type Meta struct {
	Height  uint32
	Status  uint8 // its meaning is defined by the caller
	HasBody bool  // set by the store: the value of the caller is ignored
	HasUndo bool  // likewise; true for the blocks of the active chain that are not pruned
}

// Place is where a record is in the active chain.
type Place struct {
	Height uint32
	Index  uint32 // in the block; 0 is the coinbase
}

// read calls use with an open database. If the disk fails meanwhile, the result may be
// wrong, and use is called again with the next database.
func (s *Store) read(use func(*database) error) error {
	for {
		d, err := s.acquire(false)
		if err != nil {
			return err
		}
		err = s.guarded(d, use)
		failure, _ := d.guard.state()
		s.release(d)
		if failure == nil || d.readOnly {
			return err
		}
	}
}

// guarded calls use, turns a panic of Pebble into an error, and notes damage of blob files.
func (s *Store) guarded(d *database, use func(*database) error) (err error) {
	defer func() { s.noteBlob(d, err) }()
	defer catch(&err)
	return use(d)
}

// get calls use with the value of a key, which is valid during the call, and returns
// whether there is one.
func (s *Store) get(key []byte, use func(value []byte) error) (found bool, err error) {
	err = s.read(func(d *database) error {
		found, err = getFrom(d, key, use)
		return err
	})
	return found, err
}

// getFrom is get on a database or a snapshot.
func getFrom(r pebble.Reader, key []byte, use func(value []byte) error) (found bool, err error) {
	value, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, pebbleError(err)
	}
	return true, errors.Join(use(value), pebbleError(closer.Close()))
}

// scan calls fn for all entries of a space, with their keys without the first byte. The
// slices are valid during the call.
func scan(r pebble.Reader, in space, fn func(key, value []byte) error) error {
	return scanRange(r, in.start(), in.end(), func(key, value []byte) error { return fn(key[1:], value) })
}

// scanRange calls fn for all entries from the key lower to before upper.
func scanRange(r pebble.Reader, lower, upper []byte, fn func(key, value []byte) error) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return pebbleError(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return pebbleError(errors.Join(err, it.Close()))
		}
		if err := fn(it.Key(), value); err != nil {
			_ = it.Close()
			return err
		}
	}
	return pebbleError(errors.Join(it.Error(), it.Close()))
}

// Tip returns the last block of the active chain, and false for an empty
// store.
func (s *Store) Tip() (tip Tip, found bool, err error) {
	err = s.read(func(d *database) error {
		tip, found, err = tipFrom(d)
		return err
	})
	return tip, found, err
}

func tipFrom(r pebble.Reader) (tip Tip, found bool, err error) {
	found, err = getFrom(r, tipKey, func(value []byte) error {
		var ok bool
		if tip, ok = decodeTip(value); !ok {
			return damaged(NoHeight, tipSpace.name(), "wrong checksum")
		}
		return nil
	})
	return tip, found, err
}

// Headers calls fn for all headers by height, so that parents come before children. It
// stops at the first error, of fn or of the disk, and returns it.
func (s *Store) Headers(fn func(h pow.Header, m Meta) error) error {
	snapshot := s.Snapshot()
	defer snapshot.Close()
	return snapshot.scan(headers, func(key, value []byte) error {
		h, height, err := headerEntry(key, value)
		if err != nil {
			return err
		}
		return fn(h.Header, Meta{height, h.Status, h.HasBody, h.HasUndo})
	})
}

// height returns the height of a known header.
func (s *Store) height(hash pow.Hash) (height uint32, err error) {
	found, err := s.get(hashKey(heights, hash), func(value []byte) error {
		var ok bool
		if height, ok = decodeHeight(value); !ok {
			return damaged(NoHeight, heights.name(), "wrong checksum of block %s", hash)
		}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: block %s", ErrNotFound, hash)
	}
	return height, err
}

// Header returns a known header. Errors: ErrNotFound, ErrCorrupt.
func (s *Store) Header(hash pow.Hash) (h pow.Header, m Meta, err error) {
	height, err := s.height(hash)
	if err != nil {
		return h, m, err
	}
	key := blockKey(headers, height, hash)
	found, err := s.get(key, func(value []byte) error {
		entry, _, err := headerEntry(key[1:], value)
		h, m = entry.Header, Meta{height, entry.Status, entry.HasBody, entry.HasUndo}
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: header of block %s", ErrNotFound, hash)
	}
	return h, m, err
}

// Body returns the encoded block. Errors: ErrPruned, ErrNotFound, ErrCorrupt.
func (s *Store) Body(hash pow.Hash) ([]byte, error) { return s.blockData(bodies, hash) }

// Undo returns the undo data of a block of the active chain. Errors:
// ErrPruned, ErrNotFound, ErrCorrupt.
func (s *Store) Undo(hash pow.Hash) ([]byte, error) { return s.blockData(undos, hash) }

func (s *Store) blockData(in space, hash pow.Hash) (data []byte, err error) {
	height, err := s.height(hash)
	if err != nil {
		return nil, err
	}
	err = s.read(func(d *database) error {
		data, err = blockDataFrom(d, in, height, hash)
		return err
	})
	return data, err
}

// blockDataFrom returns the body or the undo data of a block. Errors: ErrPruned,
// ErrCorrupt.
func blockDataFrom(r pebble.Reader, in space, height uint32, hash pow.Hash) (data []byte, err error) {
	found, err := getFrom(r, blockKey(in, height, hash), func(value []byte) error {
		b, ok := cutSum(value)
		if !ok {
			return damaged(int64(height), in.name(), "wrong checksum")
		}
		data = bytes.Clone(b)
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: %s of block %d, %s", ErrPruned, in.name(), height, hash)
	}
	return data, err
}

// Digest returns the digest of a block of the active chain; ErrNotFound for
// any other.
func (s *Store) Digest(hash pow.Hash) (pow.Hash, error) {
	height, err := s.height(hash)
	if err != nil {
		return pow.Hash{}, err
	}
	l, err := s.link(height)
	if err == nil && l.Hash != hash {
		err = fmt.Errorf("%w: block %s in the active chain", ErrNotFound, hash)
	}
	if err != nil {
		return pow.Hash{}, err
	}
	return l.Digest, nil
}

// HashAt returns the block of the active chain at a height; ErrNotFound above
// the tip.
func (s *Store) HashAt(height uint32) (pow.Hash, error) {
	l, err := s.link(height)
	return l.Hash, err
}

func (s *Store) link(height uint32) (l link, err error) {
	found, err := s.get(heightKey(height), func(value []byte) error {
		_, l, err = linkEntry(heightKey(height)[1:], value)
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: height %d in the active chain", ErrNotFound, height)
	}
	return l, err
}

// Find returns the place of a record in the active chain, and whether the chain has it.
func (s *Store) Find(id pow.Hash) (p Place, found bool, err error) {
	found, err = s.get(hashKey(records, id), func(value []byte) error {
		_, p, err = placeEntry(id[:], value)
		return err
	})
	return p, found, err
}

// Pool calls fn for every record in the journal of the pool, by id. Fn may keep the
// slices. Pool stops at the first error, of fn or of the disk, and returns it.
func (s *Store) Pool(fn func(id pow.Hash, raw []byte) error) error {
	snapshot := s.Snapshot()
	defer snapshot.Close()
	return snapshot.scan(pool, func(key, value []byte) error {
		id, raw, err := poolEntry(key, value)
		if err != nil {
			return err
		}
		return fn(id, bytes.Clone(raw))
	})
}

// View returns the current state, read through a cache in memory. It changes with each
// commit, whose entries it may show before the commit returns: a caller that needs several
// entries of one moment must prevent commits meanwhile, or use a Snapshot.
func (s *Store) View() rules.View { return view{s} }

type view struct{ s *Store }

// Get implements rules.View.
func (v view) Get(key []byte) ([]byte, error) {
	if value, known := v.s.stateCache.get(key); known {
		return value, nil
	}
	epoch := v.s.stateCache.epoch.Load()
	var value []byte
	found, err := v.s.get(stateKey(key), func(stored []byte) error {
		value = append([]byte{}, stored...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !found {
		value = nil
	}
	v.s.stateCache.fill(epoch, key, value)
	return value, nil
}
