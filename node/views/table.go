package views

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/block"
	"stele/node/ledger/record"
)

// Table is an index of another package that lives in the files of the views and
// follows the chain with them: a batch holds the entries of both, with their common
// tip. All of its entries follow from the blocks alone. Its methods are called by one
// goroutine at a time.
type Table interface {
	// Prefix is the first byte of the keys of its entries: a capital letter.
	Prefix() byte
	// Load is called when the files have been opened, before the other methods, and with
	// empty files when the views are built anew. Tip is the last block that the files
	// have, nil if none.
	Load(db pebble.Reader, tip *Tip) error
	// Index returns what a block adds to the entries of the blocks before it. If the
	// block is taken back, db has its entries, and Index must return the same keys as
	// if they were not there. No key may have been written by an earlier block.
	Index(db pebble.Reader, b *TableBlock) (TableChange, error)
}

// TableBlock is a block that joins or leaves the chain.
type TableBlock struct {
	*block.Block
	Height     uint32
	MedianTime uint32 // median time past of its parent, by which the rules go
	Before     uint32 // the same of its parent; 0 for genesis and the first block
	Leaves     bool   // the block is taken back

	names *indexer
}

// Account returns the first key of the account that has or had a key, as of the block.
func (b *TableBlock) Account(k record.Key) (record.Key, error) { return b.names.account(k) }

// Subject returns what a record of the block, or of one before it, is about.
func (b *TableBlock) Subject(id record.ID) (Subject, error) {
	rel, _, err := b.names.relation(id)
	return Subject{rel.voucher, rel.claim, rel.shipment}, err
}

// Sale returns what a voucher of the block, or of one before it, says for ever.
func (b *TableBlock) Sale(voucher record.ID) (Sale, error) { return b.names.soldAs(voucher) }

// TableEntry is an entry of a [Table].
type TableEntry struct{ Key, Value []byte }

// TableChange is what a block adds to a [Table].
type TableChange struct {
	Entries []TableEntry
	// Done is called when the entries are written, or removed if the block leaves. Nil:
	// nothing is called.
	Done func(db pebble.Reader) error
}

// Ask calls f with the files as they are at one moment, and the last block that they
// have. Errors: ErrIncomplete, ErrClosed, that of f.
func (v *Views) Ask(f func(db pebble.Reader, tip Tip) error) error {
	return v.ask(func(db pebble.Reader) error {
		tip, err := readTip(db, []byte{tipEntry})
		if err != nil {
			return err
		}
		if tip == nil {
			tip = &Tip{}
		}
		return f(db, *tip)
	})
}

func readTip(db pebble.Reader, key []byte) (*Tip, error) {
	raw, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	if len(raw) != tipSize {
		return nil, errEntry(key, raw)
	}
	tip := decodeTip(raw)
	return &tip, nil
}

// loadTables prepares the tables. A table whose last block is not that of the views has
// missed some: whoever wrote them did not know it.
func (v *Views) loadTables(db *pebble.DB) error {
	tip := v.tip.Load()
	for _, t := range v.o.Tables {
		has, err := readTip(db, tableTipKey(t))
		if err != nil {
			return err
		}
		if (has == nil) != (tip == nil) || has != nil && *has != *tip {
			return fmt.Errorf("table %c has not followed", t.Prefix())
		}
		if err := t.Load(db, tip); err != nil {
			return err
		}
	}
	return nil
}

// tableTipKey is the key of the last block that a table has.
func tableTipKey(t Table) []byte { return []byte{tableEntry, t.Prefix()} }

// indexTables returns what a block adds to the tables.
func (v *Views) indexTables(db pebble.Reader, x *indexer, b *block.Block, height uint32, leaves bool) (changes []TableChange, err error) {
	if len(v.o.Tables) == 0 {
		return nil, nil
	}
	with := &TableBlock{Block: b, Height: height, Leaves: leaves, names: x}
	if height > 0 {
		parent, ok := v.o.Chain.Header(b.Header.Prev)
		if !ok {
			return nil, errForeign
		}
		with.MedianTime = parent.MedianTime
		if height > 1 {
			before, ok := v.o.Chain.Header(parent.Prev)
			if !ok {
				return nil, errForeign
			}
			with.Before = before.MedianTime
		}
	}
	for _, t := range v.o.Tables {
		change, err := t.Index(db, with)
		if err != nil {
			return nil, fmt.Errorf("%w: table %c, block %d: %w", errDamaged, t.Prefix(), height, err)
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// finishTables informs the tables that the changes are written.
func (v *Views) finishTables(changes []TableChange) error {
	return v.read(func(db *pebble.DB) error {
		for _, change := range changes {
			if change.Done == nil {
				continue
			}
			if err := change.Done(db); err != nil {
				return fmt.Errorf("%w: %w", errDamaged, err)
			}
		}
		return nil
	})
}
