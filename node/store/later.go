package store

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// maxLater is how many bytes of batches may wait to be durable.
const maxLater = 16 << 20

// laterBatches holds what was committed by [Batch.CommitLater] and need not be durable
// yet, as one batch. When the database fails, it may have lost some of it. The next one
// gets all of it again, atomically: that does no harm where it has a part already, as
// each entry ends with its last value. Guarded by Store.writing, but for isEmpty.
type laterBatches struct {
	ops   []byte // a batch of Pebble, without the count in its header
	count uint32
	isSet atomic.Bool
}

// isEmpty reports whether there are none. Safe for concurrent use.
func (l *laterBatches) isEmpty() bool { return !l.isSet.Load() }

// add adds a batch, which it copies.
func (l *laterBatches) add(ops []byte, count uint32) {
	if l.isEmpty() {
		l.ops, l.count = append(l.ops[:0], make([]byte, batchHeader)...), 0
	}
	if size := len(l.ops) + len(ops); size > cap(l.ops) {
		// All of this memory is needed again after each sync: it is kept.
		l.ops = slices.Grow(l.ops, min(max(2*size, 64<<10), batchHeader+maxLater)-len(l.ops))
	}
	l.ops = append(l.ops, ops[batchHeader:]...)
	l.count += count
	l.isSet.Store(true)
}

// batch returns a copy of all as one batch of Pebble.
func (l *laterBatches) batch() []byte {
	ops := bytes.Clone(l.ops)
	binary.LittleEndian.PutUint32(ops[batchHeader-4:], l.count)
	return ops
}

func (l *laterBatches) clear() {
	l.ops, l.count = l.ops[:0], 0
	l.isSet.Store(false)
}

// Sync makes all batches durable that were committed before. Errors: those of
// [Batch.Commit]; then they stay visible, and the next Commit or Sync makes them
// durable. Safe for concurrent use.
func (s *Store) Sync() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.later.isEmpty() {
		return nil
	}
	if damage := s.damage.Load(); damage != nil {
		return damage
	}
	d, err := s.acquire(true)
	if err != nil {
		return err
	}
	defer s.release(d)
	if s.later.isEmpty() { // another database was opened, which has them
		return nil
	}
	var nothing pebble.Batch // an entry of the log alone
	if err := nothing.LogData(nil, nil); err != nil {
		return pebbleError(err)
	}
	if _, err := s.write(d, nothing.Repr(), true); err != nil {
		return err
	}
	s.later.clear()
	return nil
}

// writeAgain gives a new database what the one before may have lost. The caller must
// hold s.writing.
func (s *Store) writeAgain(d *database) error {
	if s.later.isEmpty() {
		return nil
	}
	if _, err := s.write(d, s.later.batch(), true); err != nil {
		return err
	}
	s.later.clear()
	return nil
}
