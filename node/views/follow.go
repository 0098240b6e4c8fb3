package views

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"stele/engine/pow"
	"stele/node/ledger/block"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// retryAfter is how long Run waits after an error.
const retryAfter = 5 * time.Second

// Run follows the chain until ctx ends. At the start, and after each element of
// changed, it brings the views to the tip of the chain. Changed is the channel of a
// [chain.Subscription] that was made before; its position does not matter, as the
// views have their own on disk. Run logs errors and tries again, unless the chain
// lacks the blocks.
func (v *Views) Run(ctx context.Context, changed <-chan struct{}) {
	for {
		var retry <-chan time.Time
		switch err := v.Update(ctx); {
		case err == nil || ctx.Err() != nil:
		case errors.Is(err, ErrIncomplete):
			v.o.Log.Warn("no views", "err", err)
			<-ctx.Done()
		default:
			v.o.Log.Error("views update failed", "err", err)
			retry = time.After(retryAfter)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-retry:
		}
	}
}

// Update brings the views to the tip of the chain. If their files do not allow
// that, it builds them anew. Errors: [ErrIncomplete], [ErrClosed], those of the
// chain and of the disk.
func (v *Views) Update(ctx context.Context) (err error) {
	v.writing.Lock()
	defer v.writing.Unlock()
	defer func() { v.incomplete.Store(errors.Is(err, ErrIncomplete)) }()
	if v.broken.Load() && !v.closed.Load() {
		if err := v.renew(); err != nil {
			return err
		}
	}
	for renewed := false; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		done, err := v.step()
		if err == nil {
			err = v.flushIfDue()
		}
		switch {
		case !renewed && (errors.Is(err, errDamaged) || errors.Is(err, errForeign)):
			renewed = true
			v.o.Log.Warn("views rebuilt", "err", err)
			if err := v.renew(); err != nil {
				return err
			}
		case errors.Is(err, errMoving):
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(movingPause):
			}
		case err != nil || done:
			if err == nil && v.o.Updated != nil {
				v.o.Updated()
			}
			return err
		}
	}
}

// errMoving means that the chain is on its way to another block, or back to this
// one: its store has another tip than it shows.
var errMoving = errors.New("the chain is changing its branch")

// movingPause is how long Update waits for a chain on its way.
const movingPause = 10 * time.Millisecond

// errForeign means that the tip of the views cannot be disconnected.
var errForeign = errors.New("the chain does not know the last block of the views")

// step connects a block, disconnects one, or renews standings. It reports whether
// nothing is left to do.
func (v *Views) step() (done bool, err error) {
	next := uint32(0)
	if tip, ok := v.Tip(); ok {
		if tip.Hash == v.o.Chain.Tip().Hash {
			return v.settle(tip)
		}
		h, known := v.o.Chain.Header(tip.Hash)
		switch {
		case !known || h.Height != tip.Height:
			return false, errForeign
		case !h.InChain:
			b, err := v.o.Chain.Block(tip.Hash)
			if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrPruned) {
				return false, fmt.Errorf("%w: %w", errForeign, err)
			}
			if err != nil {
				return false, err
			}
			return false, v.disconnect(b, h.Height)
		}
		next = h.Height + 1
	}
	h, ok := v.o.Chain.HeaderAt(next)
	if !ok {
		return false, nil // the chain has changed meanwhile
	}
	b, err := v.o.Chain.Block(h.Hash)
	if errors.Is(err, store.ErrPruned) {
		return false, fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	if err != nil {
		return false, err
	}
	if tip, ok := v.Tip(); ok && b.Header.Prev != tip.Hash {
		return false, nil // the chain has changed meanwhile
	}
	return false, v.connect(b, h.Hash, next)
}

// connect adds a block. If it is the tip of the chain, the standings are renewed in
// the same batch, so that readers see all of the block or nothing. On a longer way
// that comes at its end.
func (v *Views) connect(b *block.Block, hash pow.Hash, height uint32) error {
	tip := &Tip{height, hash}
	if v.o.Chain.Tip().Hash == hash {
		var changes []TableChange
		ok, err := v.o.Chain.ReadState(hash, func(state rules.View, next rules.Context) error {
			return v.write(tip, func(db *pebble.DB, batch *pebble.Batch) (err error) {
				if changes, err = v.add(db, batch, b, height); err != nil {
					return err
				}
				return v.renewPending(batch, state, next)
			})
		})
		if ok && err == nil {
			err = v.finishTables(changes)
		}
		if ok || err != nil {
			return err
		}
	}
	return v.change(tip, func(db *pebble.DB, batch *pebble.Batch) ([]TableChange, error) {
		return v.add(db, batch, b, height)
	})
}

// change is write for a block, with which the tables change.
func (v *Views) change(tip *Tip, fill func(*pebble.DB, *pebble.Batch) ([]TableChange, error)) error {
	var changes []TableChange
	err := v.write(tip, func(db *pebble.DB, batch *pebble.Batch) (err error) {
		changes, err = fill(db, batch)
		return err
	})
	if err != nil {
		return err
	}
	return v.finishTables(changes)
}

// add puts what a block adds into a batch.
func (v *Views) add(db pebble.Reader, batch *pebble.Batch, b *block.Block, height uint32) ([]TableChange, error) {
	x, err := index(db, b, height)
	if err != nil {
		return nil, err
	}
	for _, e := range x.added {
		err = errors.Join(err, batch.Set(e.key, e.value, nil))
	}
	changes, failed := v.indexTables(db, x, b, height, false)
	for _, change := range changes {
		for _, e := range change.Entries {
			err = errors.Join(err, batch.Set(e.Key, e.Value, nil))
		}
	}
	plus := func(n, of uint64) uint64 { return n + of }
	return changes, errors.Join(err, failed, x.count(batch, plus), x.mark(batch))
}

// disconnect disconnects the last block. That is never the genesis block, which
// every chain has.
func (v *Views) disconnect(b *block.Block, height uint32) error {
	return v.change(&Tip{height - 1, b.Header.Prev}, func(db *pebble.DB, batch *pebble.Batch) ([]TableChange, error) {
		x, err := index(db, b, height)
		if err != nil {
			return nil, err
		}
		for _, e := range x.added {
			err = errors.Join(err, batch.Delete(e.key, nil))
		}
		changes, failed := v.indexTables(db, x, b, height, true)
		for _, change := range changes {
			for _, e := range change.Entries {
				err = errors.Join(err, batch.Delete(e.Key, nil))
			}
		}
		minus := func(n, of uint64) uint64 { return n - of }
		return changes, errors.Join(err, failed, x.count(batch, minus), x.mark(batch))
	})
}

// count changes how many records of each type the chain has.
func (x *indexer) count(batch *pebble.Batch, change func(n, of uint64) uint64) error {
	for kind, of := range x.types {
		key := []byte{numberEntry, byte(kind)}
		n, err := readCount(x.db, key)
		if err == nil {
			err = writeCount(batch, key, change(n, of))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mark notes whose standing is to be renewed.
func (x *indexer) mark(batch *pebble.Batch) error {
	for t := range x.touched {
		if err := batch.Set(t.key(pendingEntry), nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// write commits what fill puts into a batch, and the new tip with it.
func (v *Views) write(tip *Tip, fill func(*pebble.DB, *pebble.Batch) error) error {
	if err := v.modify(); err != nil {
		return err
	}
	return v.read(func(db *pebble.DB) error {
		batch := db.NewIndexedBatch() // so that it can be read before it is committed
		defer batch.Close()
		if err := fill(db, batch); err != nil {
			return err
		}
		if err := batch.Set([]byte{tipEntry}, tip.encode(), nil); err != nil {
			return err
		}
		for _, t := range v.o.Tables {
			if err := batch.Set(tableTipKey(t), tip.encode(), nil); err != nil {
				return err
			}
		}
		if err := batch.Commit(pebble.NoSync); err != nil {
			return err
		}
		v.tip.Store(tip)
		return nil
	})
}
