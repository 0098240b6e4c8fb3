package store

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"stele/engine/pow"
	"stele/node/ledger/rules"
)

// Batch collects writes that Commit makes durable together. It copies its arguments.
// Incorrect use, such as a body without a header, is reported by Commit as ErrMisuse.
// Not safe for concurrent use.
//
// Only one batch at a time may hold headers, bodies and blocks; batches that hold pool
// records may be made and committed at the same time.
type Batch struct {
	s          *Store
	ops        pebble.Batch // of no database, so that it outlives one
	headers    map[pow.Hash]*headerChange
	tip        *Tip
	isFinished bool  // ops has all
	err        error // the first error of the methods that fill the batch
}

// headerChange is what a batch does to a header.
type headerChange struct {
	height           uint32
	header           *pow.Header // nil if it is in the store and stays
	status           uint8
	hasBody, hasUndo *bool // nil: stays
}

const (
	batchHeader = 12      // bytes of Pebble's header of a batch
	maxSpare    = 8 << 20 // bytes of memory that are kept for the next batch
)

var yes, no = true, false

// NewBatch returns an empty batch.
func (s *Store) NewBatch() *Batch {
	b := &Batch{s: s, headers: map[pow.Hash]*headerChange{}}
	memory := s.spare.Swap(nil)
	if memory == nil {
		memory = new(make([]byte, batchHeader, 4096))
	}
	clear((*memory)[:batchHeader])
	b.fail(b.ops.SetRepr((*memory)[:batchHeader]))
	return b
}

// fail keeps the first error.
func (b *Batch) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *Batch) set(key, value []byte) { b.fail(b.ops.Set(key, value, nil)) }
func (b *Batch) delete(key []byte)     { b.fail(b.ops.Delete(key, nil)) }

// setSummed sets a value with its checksum.
func (b *Batch) setSummed(key, value []byte) {
	op := b.ops.SetDeferred(len(key), len(value)+sumSize)
	copy(op.Key, key)
	copy(op.Value, value)
	appendSum(op.Value[:len(value)])
	b.fail(op.Finish())
}

// header returns the change of a header that is in the batch or in the store.
func (b *Batch) header(hash pow.Hash) (*headerChange, bool) {
	if c := b.headers[hash]; c != nil {
		return c, true
	}
	height, err := b.s.height(hash)
	if errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("%w: header %s must be put first", ErrMisuse, hash)
	}
	if err != nil {
		b.fail(err)
		return nil, false
	}
	c := &headerChange{height: height}
	b.headers[hash] = c
	return c, true
}

// headerAt is header, and checks the height that the caller expects.
func (b *Batch) headerAt(hash pow.Hash, height uint32) (*headerChange, bool) {
	c, ok := b.header(hash)
	if ok && c.height != height {
		b.fail(fmt.Errorf("%w: block %s has height %d, not %d", ErrMisuse, hash, c.height, height))
		return nil, false
	}
	return c, ok
}

// PutHeader adds a header or changes its status. HasBody and HasUndo of m are ignored:
// the store sets them itself.
func (b *Batch) PutHeader(h pow.Header, m Meta) {
	hash := h.Hash()
	c := b.headers[hash]
	if c == nil {
		c = &headerChange{height: m.Height}
		b.headers[hash] = c
	}
	if c.height != m.Height {
		b.fail(fmt.Errorf("%w: header %s has height %d, not %d", ErrMisuse, hash, c.height, m.Height))
	}
	c.header, c.status = &h, m.Status
}

// PutBody adds the encoded block of a known header.
func (b *Batch) PutBody(hash pow.Hash, raw []byte) {
	c, ok := b.header(hash)
	if !ok {
		return
	}
	c.hasBody = &yes
	b.setSummed(blockKey(bodies, c.height, hash), raw)
}

// Connect makes a block the tip: it adds the block to the active chain, the ids of its
// records to the index (ids[0] is the coinbase) and its undo data, and sets each entry
// of the state to New of the change.
func (b *Batch) Connect(height uint32, hash, digest pow.Hash, ids []pow.Hash, undo []byte, changes []rules.Change) {
	c, ok := b.headerAt(hash, height)
	if !ok {
		return
	}
	c.hasUndo = &yes
	b.set(heightKey(height), link{hash, digest}.encode())
	b.setSummed(blockKey(undos, height, hash), undo)
	for _, i := range sorted(ids) {
		op := b.ops.SetDeferred(1+hashSize, placeSize)
		op.Key[0] = byte(records)
		copy(op.Key[1:], ids[i][:])
		Place{height, i}.encode((*[placeSize]byte)(op.Value))
		b.fail(op.Finish())
	}
	b.SetState(changes)
	b.tip = &Tip{hash, height, digest}
}

// sorted returns the indices of the ids in the order of their first bytes. Pebble
// inserts sorted keys twice as fast.
//
// The ids are put into about as many groups as there are ids, by their first bits, and each
// group is sorted. They are hashes, so nearly all groups are small. If somebody has chosen
// them so that they fall into one, this is as fast as to sort them all.
func sorted(ids []pow.Hash) []uint32 {
	type entry struct {
		prefix uint64
		index  uint32
	}
	shift := 64 - bits.Len(uint(len(ids)))
	prefix := func(i int) uint64 { return binary.BigEndian.Uint64(ids[i][:]) }
	ends := make([]int, 1<<(64-shift)) // of the groups
	for i := range ids {
		ends[prefix(i)>>shift]++
	}
	for g := 1; g < len(ends); g++ {
		ends[g] += ends[g-1]
	}
	entries := make([]entry, len(ids))
	for i := range slices.Backward(ids) {
		p := prefix(i)
		end := &ends[p>>shift] // becomes the start
		*end--
		entries[*end] = entry{p, uint32(i)}
	}
	indices := make([]uint32, 0, len(ids))
	for g, start := range ends {
		end := len(ids)
		if g+1 < len(ends) {
			end = ends[g+1]
		}
		group := entries[start:end]
		if len(group) > 1 {
			slices.SortFunc(group, func(a, b entry) int { return cmp.Compare(a.prefix, b.prefix) })
		}
		for _, e := range group {
			indices = append(indices, e.index)
		}
	}
	return indices
}

// Disconnect undoes Connect of the tip: it removes the block from the active chain, the
// ids from the index and the undo data, sets each entry of the state to Old of the
// change, and makes prev the tip.
func (b *Batch) Disconnect(height uint32, hash pow.Hash, prev Tip, ids []pow.Hash, changes []rules.Change) {
	c, ok := b.headerAt(hash, height)
	if !ok {
		return
	}
	c.hasUndo = &no
	b.delete(heightKey(height))
	b.delete(blockKey(undos, height, hash))
	for _, id := range ids {
		op := b.ops.DeleteDeferred(1 + hashSize)
		op.Key[0] = byte(records)
		copy(op.Key[1:], id[:])
		b.fail(op.Finish())
	}
	for _, change := range changes {
		b.setState(change.Key, change.Old)
	}
	b.tip = &prev
}

// SetState sets entries of the state to New of each change. Connect calls it; alone it
// is for the state before block 0.
func (b *Batch) SetState(changes []rules.Change) {
	for _, change := range changes {
		b.setState(change.Key, change.New)
	}
}

func (b *Batch) setState(key, value []byte) {
	if value == nil {
		op := b.ops.DeleteDeferred(1 + len(key))
		op.Key[0] = byte(state)
		copy(op.Key[1:], key)
		b.fail(op.Finish())
		return
	}
	op := b.ops.SetDeferred(1+len(key), len(value))
	op.Key[0] = byte(state)
	copy(op.Key[1:], key)
	copy(op.Value, value)
	b.fail(op.Finish())
}

// Prune removes body and undo data of a block.
func (b *Batch) Prune(hash pow.Hash) {
	c, ok := b.header(hash)
	if !ok {
		return
	}
	c.hasBody, c.hasUndo = &no, &no
	b.delete(blockKey(bodies, c.height, hash))
	b.delete(blockKey(undos, c.height, hash))
}

// PutPool adds a record to the journal of the pool.
func (b *Batch) PutPool(id pow.Hash, raw []byte) { b.setSummed(hashKey(pool, id), raw) }

// DeletePool removes a record from the journal of the pool. It need not be in it.
func (b *Batch) DeletePool(id pow.Hash) { b.delete(hashKey(pool, id)) }

// Commit writes the batch. When it returns nil, all of it is durable, and the batch
// cannot be used again. When it returns an error, none of it is visible, and the same
// batch may be committed again. If the process ends before that, the next opening of
// the store may show all of it.
// Errors: ErrFull, ErrDisk, ErrCorrupt, ErrReadOnly, ErrMisuse, ErrClosed.
func (b *Batch) Commit() error { return b.commit(true) }

// CommitLater is as Commit, but the batch need not be durable when it returns nil: it is
// after [Store.Sync], or any later Commit, whoever makes it. Until then a crash may undo
// it, with all commits after it, but never one of those before it. A failure of the disk
// does not undo it: the store keeps such batches in memory, and writes them again. From
// 16 MB on it is a Commit. Errors: those of Commit.
func (b *Batch) CommitLater() error { return b.commit(false) }

func (b *Batch) commit(sync bool) error {
	s := b.s
	if s == nil {
		return fmt.Errorf("%w: batch was committed before", ErrMisuse)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if b.err != nil {
		return b.err
	}
	if damage := s.damage.Load(); damage != nil {
		return damage
	}
	d, err := s.acquire(true)
	if err != nil {
		return err
	}
	defer s.release(d)
	if err := b.finish(d); err != nil {
		return err
	}

	s.stateCache.begin()
	defer s.stateCache.end()
	memory := b.ops.Repr()
	sync = sync || len(s.later.ops)+len(memory) > maxLater
	cached := make(chan struct{})
	go func() { // while Pebble works: this takes nearly as long
		defer close(cached)
		s.stateCache.update(b.ops.Reader())
	}()
	free, err := s.write(d, memory, sync)
	<-cached
	if err != nil {
		s.stateCache.clear()
		return err
	}
	if sync {
		s.later.clear()
	} else {
		s.later.add(memory, b.ops.Count())
	}
	if free && cap(memory) <= maxSpare {
		s.spare.Store(&memory)
	}
	b.s = nil
	return nil
}

// finish adds the entries that are known only at the end: headers and tip.
func (b *Batch) finish(d *database) error {
	if b.isFinished {
		return nil
	}
	for hash, c := range b.headers {
		if err := b.finishHeader(d, hash, c); err != nil {
			return err
		}
	}
	if b.tip != nil {
		b.set(tipKey, b.tip.encode())
	}
	b.isFinished = b.err == nil
	return b.err
}

// finishHeader adds the entry of a header, merged from the stored one and its change.
func (b *Batch) finishHeader(d *database, hash pow.Hash, c *headerChange) error {
	var h header
	key := blockKey(headers, c.height, hash)
	found, err := getFrom(d, key, func(value []byte) error {
		var err error
		h, _, err = headerEntry(key[1:], value)
		return err
	})
	if err != nil {
		return err
	}
	if c.header != nil {
		h.Header, h.Status = *c.header, c.status
	} else if !found {
		return damaged(int64(c.height), headers.name(), "block %s is known, but it has no header", hash)
	}
	if c.hasBody != nil {
		h.HasBody = *c.hasBody
	}
	if c.hasUndo != nil {
		h.HasUndo = *c.hasUndo
	}
	b.set(key, h.encode())
	if !found {
		b.set(hashKey(heights, hash), encodeHeight(c.height))
	}
	return nil
}

// write applies a batch of Pebble, and makes it durable if sync is set. After an error
// the database is not used any more, and the next one does not see the batch. It returns
// whether the memory of ops is free: Pebble keeps that of a large batch, and takes it out
// of the batch.
func (s *Store) write(d *database, ops []byte, sync bool) (free bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			// Pebble may hold its locks, so it cannot even be closed.
			s.pebbleFailed(d, damaged(NoHeight, "file", "%s", oneLine(fmt.Sprint("panic in commit: ", r))))
			d.abandoned = true
			err = s.damage.Load()
		}
	}()
	var batch pebble.Batch
	if err := batch.SetRepr(ops); err != nil {
		return false, fmt.Errorf("%w: %w", ErrMisuse, err)
	}
	before := d.guard.durableLogs()
	err = d.Apply(&batch, &pebble.WriteOptions{Sync: sync})
	if failure, lost := d.guard.state(); lost {
		d.guard.limitLogs(before)
		return false, diskError(failure)
	}
	return batch.Len() == len(ops), pebbleError(err)
}
