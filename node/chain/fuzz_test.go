package chain

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/chain/chaintest"
	"stele/node/chain/corpus"
	"stele/node/ledger/block"
	"stele/node/ledger/reject"
)

// FuzzSubmit submits blocks made of any bytes, with and without a valid header. Whatever
// the verdict, the chain accepts valid blocks after that.
func FuzzSubmit(f *testing.F) {
	c := corpus.Build()
	b := chaintest.New(c.Params, 2)
	tip := b.Grow(b.Genesis, 3, 4)
	for _, test := range c.Cases[:60] {
		if test.Kind == corpus.Block {
			f.Add(test.Bytes, true)
		}
	}
	next := b.Extend(tip, b.Records(tip, 2)...)
	f.Add(next.Encode(), false)
	f.Fuzz(func(t *testing.T, raw []byte, mine bool) {
		blk, err := block.Decode(raw, c.Params.MaxBlockSize)
		if err != nil {
			return
		}
		n, err := open(vfs.NewMem(), b)
		if err != nil {
			t.Fatal(err)
		}
		defer n.store.Close()
		for _, known := range tip.Chain()[1:] {
			n.give(t, Extended, known)
		}
		if mine { // as if it were the next block
			d := b.Draft(tip)
			d.Header.MerkleRoot = blk.Header.MerkleRoot
			chaintest.Mine(&d.Header)
			blk = block.New(d.Header, blk.Records)
		}
		if _, err := n.Submit(blk); err != nil {
			if _, ok := reject.Of(err); !ok {
				t.Fatal(err)
			}
			n.mustBe(t, tip)
		}
		d := b.Draft(tip)
		d.Header.Time++
		if _, err := n.Submit(d.Seal()); err != nil {
			t.Fatal(err)
		}
		n.check(t)
	})
}
