package store

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"stele/engine/pow"
)

// Snapshot is the store at the moment when it was taken. It must be closed. After a
// failure of the disk its methods may return errors. Reads are safe for concurrent use,
// Close is not.
type Snapshot struct {
	s  *Store
	db *database
	at *pebble.Snapshot

	mu  sync.Mutex
	err error
}

// Snapshot takes a snapshot. It waits for a running commit. If the store cannot be
// read, the methods of the snapshot return the error. Safe for concurrent use.
func (s *Store) Snapshot() *Snapshot {
	s.writing.Lock()
	defer s.writing.Unlock()
	d, err := s.acquire(false)
	if err != nil {
		return &Snapshot{err: err}
	}
	s.mu.Lock()
	s.snapshots++
	s.mu.Unlock()
	return &Snapshot{s: s, db: d, at: d.NewSnapshot()}
}

// Close releases the snapshot. Further calls do nothing.
func (s *Snapshot) Close() error {
	if s.at == nil {
		return nil
	}
	err := s.at.Close()
	s.at = nil
	s.s.mu.Lock()
	s.s.snapshots--
	s.s.mu.Unlock()
	s.s.release(s.db)
	s.fail(ErrClosed)
	return pebbleError(err)
}

// Err returns the first error of State, Chain and Index.
func (s *Snapshot) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *Snapshot) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// read calls use with the snapshot of Pebble.
func (s *Snapshot) read(use func(*database) error) error {
	if s.at == nil {
		return s.Err()
	}
	err := s.s.guarded(s.db, use)
	if failure, _ := s.db.guard.state(); err != nil && failure != nil && !s.db.readOnly {
		return errors.Join(diskError(failure), err) // its files may be gone
	}
	return err
}

func (s *Snapshot) scan(in space, fn func(key, value []byte) error) error {
	return s.read(func(*database) error { return scan(s.at, in, fn) })
}

// Tip returns the tip, and false for an empty store.
func (s *Snapshot) Tip() (tip Tip, found bool, err error) {
	err = s.read(func(*database) error {
		tip, found, err = tipFrom(s.at)
		return err
	})
	return tip, found, err
}

// At returns the block of the active chain at a height, with its digest; ErrNotFound
// above the tip.
func (s *Snapshot) At(height uint32) (tip Tip, err error) {
	tip.Height = height
	found := false
	err = s.read(func(*database) error {
		found, err = getFrom(s.at, heightKey(height), func(value []byte) error {
			_, l, err := linkEntry(heightKey(height)[1:], value)
			tip.Hash, tip.Digest = l.Hash, l.Digest
			return err
		})
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: height %d in the active chain", ErrNotFound, height)
	}
	return tip, err
}

// Undo returns the undo data of a block of the active chain. Errors: ErrPruned,
// ErrCorrupt.
func (s *Snapshot) Undo(height uint32, hash pow.Hash) (undo []byte, err error) {
	err = s.read(func(*database) error {
		undo, err = blockDataFrom(s.at, undos, height, hash)
		return err
	})
	return undo, err
}

// Get returns an entry of the state, or nil if there is none. It makes the
// Snapshot a rules.View.
func (s *Snapshot) Get(key []byte) (value []byte, err error) {
	err = s.read(func(*database) error {
		_, err := getFrom(s.at, stateKey(key), func(stored []byte) error {
			value = append([]byte{}, stored...)
			return nil
		})
		return err
	})
	return value, err
}

// Range calls fn for the entries of the state whose keys begin with prefix, in the order
// of keys. It stops at the first error, of fn or of the disk, and returns it. The slices
// are valid during the call. It makes the Snapshot a [rules.Entries].
func (s *Snapshot) Range(prefix []byte, fn func(key, value []byte) error) error {
	lower := stateKey(prefix)
	return s.read(func(*database) error {
		return scanRange(s.at, lower, after(lower), func(key, value []byte) error { return fn(key[1:], value) })
	})
}

// after returns the first key after all that begin with prefix, whose first byte is less
// than 255.
func after(prefix []byte) []byte {
	end := bytes.TrimRight(prefix, "\xff")
	end = bytes.Clone(end)
	end[len(end)-1]++
	return end
}

// errStop ends a scan whose caller has seen enough.
var errStop = errors.New("stop")

// each is scan for the methods that report by Err.
func (s *Snapshot) each(in space, fn func(key, value []byte) error) {
	if err := s.scan(in, fn); err != nil && err != errStop {
		s.fail(err)
	}
}

// State calls yield for all entries of the state in the order of the keys,
// until it returns false. The slices are valid during the call. See Err.
func (s *Snapshot) State(yield func(key, value []byte) bool) {
	s.each(state, func(key, value []byte) error {
		if !yield(key, value) {
			return errStop
		}
		return nil
	})
}

// Chain calls yield for the blocks of the active chain by height, until it
// returns false. See Err.
func (s *Snapshot) Chain(yield func(height uint32, hash, digest pow.Hash) bool) {
	s.each(chain, func(key, value []byte) error {
		height, l, err := linkEntry(key, value)
		if err == nil && !yield(height, l.Hash, l.Digest) {
			err = errStop
		}
		return err
	})
}

// Index calls yield for all entries of the record index, by id, until it
// returns false. See Err.
func (s *Snapshot) Index(yield func(id pow.Hash, p Place) bool) {
	s.each(records, func(key, value []byte) error {
		id, p, err := placeEntry(key, value)
		if err == nil && !yield(id, p) {
			err = errStop
		}
		return err
	})
}
