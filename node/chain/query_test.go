package chain

import (
	"errors"
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/store"
)

// RecordsAt and FindRecord give the records of the chain, without the rest of their
// blocks.
func TestRecordsAt(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	tip := b.Grow(b.Genesis, 5, 3)
	c := newNode(t, b)
	c.give(t, Extended, tip.Chain()[1:]...)
	for _, b := range tip.Chain()[1:] {
		header, records, err := c.RecordsAt(b.Height(), 0, uint32(len(b.Records)-1), uint32(len(b.Records)))
		if err != nil || header.Hash != b.Hash() || records[0].ID() != b.Records[0].ID() || records[2] != nil {
			t.Fatalf("block %d: %v, %v, %v", b.Height(), header.Hash, records, err)
		}
		for i, r := range b.Records {
			found, err := c.FindRecord(r.ID())
			if err != nil || found.Record.ID() != r.ID() || found.Block != b.Hash() || found.Place != (store.Place{Height: b.Height(), Index: uint32(i)}) {
				t.Errorf("record %d of block %d: %+v, %v", i, b.Height(), found, err)
			}
		}
	}
	if _, _, err := c.RecordsAt(6, 0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("above the tip: %v", err)
	}
	if _, err := c.FindRecord(record.ID{1}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown record: %v", err)
	}
}
