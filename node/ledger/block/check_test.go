package block

import (
	"slices"
	"testing"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// resigned returns the record with another signature.
func resigned(r *record.Record) *record.Record {
	changed := *record.New(record.Record{
		Network: r.Network, Version: r.Version, Seq: r.Seq, ValidUntil: r.ValidUntil,
		Fee: r.Fee, Key: r.Key, Payload: r.Payload, Signatures: slices.Clone(r.Signatures),
	})
	changed.Signatures[0][0] ^= 1
	return record.New(changed)
}

// Each rule of the package: the reason, and whether it speaks of the body
// alone, so that the header may have a valid block.
func TestCheck(t *testing.T) {
	records := pays(t, 3)
	good := block(records)
	if err := good.Check(testNet); err != nil {
		t.Fatal(err)
	}
	all := good.Records
	swapped := []*record.Record{all[0], all[2], all[1], all[3]}

	// with returns the header of the good block, changed, with its records.
	with := func(change func(h *pow.Header)) *Block {
		h := good.Header
		change(&h)
		return New(h, all)
	}
	coinbaseWith := func(change func(c *record.Record)) *record.Record {
		c := coinbase(records)
		changed := record.Record{
			Network: c.Network, Version: c.Version, Seq: c.Seq, ValidUntil: c.ValidUntil,
			Fee: c.Fee, Key: c.Key, Payload: c.Payload,
		}
		change(&changed)
		return record.New(changed)
	}
	signedCoinbase := coinbaseWith(func(c *record.Record) { c.Signatures = make([]record.Signature, 1) })
	otherNet := *testNet
	otherNet.ID++
	small := *testNet
	small.MaxBlockSize = good.Size() - 1

	for _, test := range []struct {
		name     string
		block    *Block
		want     reject.Reason
		mismatch bool
	}{
		{"hash above the target", with(func(h *pow.Header) {
			for h.Nonce = 0; h.CheckProofOfWork(testNet.Pow.PowLimit) == nil; {
				h.Nonce++
			}
		}), reject.HighHash, false},
		{"target above the limit", with(func(h *pow.Header) { h.Bits = 0x21010000 }), reject.BadBits, false},
		{"no target", with(func(h *pow.Header) { h.Bits = 0 }), reject.BadBits, false},

		{"records of another header", New(good.Header, block(records[:2]).Records), reject.BadMerkleRoot, true},
		{"no records", New(good.Header, nil), reject.BadMerkleRoot, true},
		{"records in another order", New(good.Header, swapped), reject.BadMerkleRoot, true},
		{"a changed signature", New(good.Header, []*record.Record{all[0], all[1], resigned(all[2]), all[3]}), reject.BadWitnessRoot, true},
		{"a coinbase with a signature", New(good.Header, append([]*record.Record{signedCoinbase}, records...)), reject.BadWitnessRoot, true},
		{"a coinbase that names another root", mined(append([]*record.Record{coinbase(records[:2])}, records...)), reject.BadWitnessRoot, true},

		{"no records, and a header that says so", mined(nil), reject.NoCoinbase, false},
		{"no coinbase", mined(records), reject.NoCoinbase, false},
		{"two coinbases", block([]*record.Record{records[0], coinbase(nil)}), reject.MisplacedCoinbase, false},
		{"a record that is not valid", block([]*record.Record{resignedNetwork(records[0])}), reject.WrongNetwork, false},
		{"a coinbase that is not valid", mined([]*record.Record{coinbaseFee()}), reject.BadCoinbase, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.block.Check(testNet)
			wantReason(t, err, test.want)
			if reason, _ := reject.Of(err); reason.BodyMismatch() != test.mismatch {
				t.Errorf("%s: is a mismatch of body and header: %v", reason, reason.BodyMismatch())
			}
		})
	}

	wantReason(t, good.Check(&otherNet), reject.WrongNetwork)
	wantReason(t, good.Check(&small), reject.BlockTooLarge)
	small.MaxBlockSize++
	if err := good.Check(&small); err != nil {
		t.Errorf("as large as a block may be: %v", err)
	}
}

// resignedNetwork returns the record for another network.
func resignedNetwork(r *record.Record) *record.Record {
	return record.New(record.Record{
		Network: r.Network + 1, Version: r.Version, Seq: r.Seq, ValidUntil: r.ValidUntil,
		Fee: r.Fee, Key: r.Key, Payload: r.Payload, Signatures: r.Signatures,
	})
}

// coinbaseFee returns a coinbase that pays a fee.
func coinbaseFee() *record.Record {
	c := coinbase(nil)
	return record.New(record.Record{
		Network: c.Network, Version: c.Version, Seq: c.Seq, ValidUntil: c.ValidUntil,
		Fee: 1, Key: c.Key, Payload: c.Payload,
	})
}

// A list whose end is repeated has the Merkle root of the list (CVE-2012-2459).
// Such a block is rejected as a mismatch, and the valid one is still accepted.
func TestTwins(t *testing.T) {
	for count := 1; count <= 12; count++ {
		good := block(pays(t, count-1))
		twins := 0
		for repeated := 1; repeated <= count; repeated++ {
			records := append(slices.Clone(good.Records), good.Records[count-repeated:]...)
			root, _ := pow.MerkleRoot((&Block{Records: records}).IDs())
			twin := New(good.Header, records)
			if twin.Hash() != good.Hash() {
				t.Fatal("the twin has another hash")
			}
			want := reject.BadMerkleRoot
			if root == good.Header.MerkleRoot {
				twins++
				want = reject.MerkleTwin
			}
			err := twin.Check(testNet)
			wantReason(t, err, want)
			if !want.BodyMismatch() {
				t.Errorf("%s would condemn the hash", want)
			}
		}
		if power := count&(count-1) == 0; (twins > 0) == power {
			t.Errorf("%d records have %d twins", count, twins)
		}
		if err := good.Check(testNet); err != nil {
			t.Errorf("%d records: the valid block after its twin: %v", count, err)
		}
	}
}

// A block remembers that it has passed, but for the same parameters only; a fault and
// what is said of a literal are found anew.
func TestCheckTwice(t *testing.T) {
	good := block(pays(t, 3))
	literal := &Block{Header: good.Header, Records: good.Records}
	small := *testNet
	small.MaxBlockSize = good.Size() - 1
	for range 2 {
		for _, b := range []*Block{good, literal} {
			if err := b.Check(testNet); err != nil {
				t.Error(err)
			}
			if reason, _ := reject.Of(b.Check(&small)); reason != reject.BlockTooLarge {
				t.Errorf("%v, want %v", reason, reject.BlockTooLarge)
			}
		}
	}
	if n := testing.AllocsPerRun(10, func() { good.Check(testNet) }); n > 0 {
		t.Errorf("a block that has passed is checked again, with %v allocations", n)
	}
	literal.Records = literal.Records[:2]
	if reason, _ := reject.Of(literal.Check(testNet)); reason != reject.BadMerkleRoot {
		t.Errorf("%v, want %v", reason, reject.BadMerkleRoot)
	}
}
