package chain

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

// plainVerdict is what Submit has to say of a block on parent: signatures one by one,
// then the rules, nothing in parallel.
func plainVerdict(b *chaintest.Builder, parent *chaintest.Block, blk *block.Block) error {
	for i, r := range blk.Records[1:] {
		if err := r.Verify(); err != nil {
			return atRecord(i+1, err)
		}
	}
	ctx := rules.Context{Params: b.Params, Height: parent.Height() + 1, MedianTime: parent.Node().MedianTime()}
	return rules.ApplyBlock(rules.NewState(parent.View()), ctx, blk.Records)
}

// mustAgree submits a block on the tip, and wants the verdict of the plain path, and the
// state as it was after a bad one.
func mustAgree(t testing.TB, n *node, b *chaintest.Builder, tip *chaintest.Block, blk *block.Block) error {
	t.Helper()
	want := plainVerdict(b, tip, blk)
	outcome, err := n.Submit(blk)
	switch {
	case want == nil && (err != nil || outcome != Extended):
		t.Fatalf("%v, %v for a valid block", outcome, err)
	case want != nil && (err == nil || err.Error() != want.Error()):
		t.Fatalf("%v, %v, want %v", outcome, err, want)
	case want != nil:
		n.mustBe(t, tip)
	}
	return err
}

// spoilt returns the record with a bit of a signature changed.
func spoilt(r *record.Record) *record.Record {
	bad := *record.New(*r)
	bad.Signatures[len(bad.Signatures)-1][40] ^= 1
	return record.New(bad)
}

// openWith opens a chain with a verifier that knows no record and has some workers.
func openWith(t testing.TB, b *chaintest.Builder, workers int) *node {
	t.Helper()
	n, err := open(vfs.NewMem(), b, func(o *Options) { o.Verifier = record.NewVerifier(1<<12, workers) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A block with one bad signature, at each position, is rejected with the reason and the
// index of the plain path, and changes nothing; so does one that breaks a rule before or
// after it.
func TestBadSignatureAtEachPosition(t *testing.T) {
	const records = 24
	b := chaintest.New(chaintest.Network(), 51)
	tip := b.Extend(b.Genesis)
	good := b.Records(tip, records)
	for at := range good {
		n := openWith(t, b, 1+at%3)
		n.give(t, Extended, tip)
		all := append([]*record.Record(nil), good...)
		all[at] = spoilt(good[at])
		err := mustAgree(t, n, b, tip, b.Draft(tip, all...).Seal())
		if reason, _ := reject.Of(err); reason != reject.BadSignature {
			t.Fatalf("record %d: %v", at+1, err)
		}
		all = append(all, good[at]) // whose sequence number is used by then
		all[0], all[at] = all[at], all[0]
		mustAgree(t, n, b, tip, b.Draft(tip, all...).Seal())
		mustAgree(t, n, b, tip, b.Draft(tip, good...).Seal()) // as before
		if err := n.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// So is a block with any number of bad signatures and broken rules.
func TestVerdicts(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 52)
	tip := b.Extend(b.Genesis)
	good := b.Records(tip, rounds(40, 600))
	rapid.Check(t, func(rt *rapid.T) {
		n := openWith(t, b, rapid.IntRange(1, 4).Draw(rt, "workers"))
		defer n.store.Close()
		n.give(t, Extended, tip)
		all := append([]*record.Record(nil), good[:rapid.IntRange(0, len(good)).Draw(rt, "records")]...)
		position := rapid.IntRange(0, max(0, len(all)-1))
		for range rapid.IntRange(0, 3).Draw(rt, "changes") {
			if len(all) == 0 {
				break
			}
			at := position.Draw(rt, "at")
			switch rapid.IntRange(0, 2).Draw(rt, "change") {
			case 0:
				all[at] = spoilt(all[at])
			case 1:
				all[at] = good[position.Draw(rt, "again")]
			case 2:
				other := position.Draw(rt, "other")
				all[at], all[other] = all[other], all[at]
			}
		}
		d := b.Draft(tip, all...)
		if rapid.IntRange(0, 9).Draw(rt, "coinbase") == 0 {
			d.Reward.Value++
		}
		blk := d.Seal()
		if err := blk.Check(b.Params); err != nil {
			rt.Skip("the block shows it by itself: ", err)
		}
		mustAgree(t, n, b, tip, blk)
	})
}
