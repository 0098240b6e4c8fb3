package block

import (
	"testing"

	"stele/engine/pow"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// testNet is the dev network with a target that every second hash meets.
var testNet = func() *network.Params {
	p := *network.Dev
	easy := *p.Pow
	easy.PowLimit = pow.ZeroBits(1)
	easy.PowLimitBits = easy.PowLimit.Bits()
	p.Pow = &easy
	return &p
}()

// pays returns signed payments with the sequence numbers from 0 on.
func pays(t testing.TB, count int) []*record.Record {
	t.Helper()
	from := network.DevFaucets()[0]
	var all []*record.Record
	for seq := range count {
		r, err := record.Sign(record.New(record.Record{
			Network:    testNet.ID,
			Version:    1,
			Seq:        uint64(seq),
			ValidUntil: 100,
			Fee:        1000,
			Key:        record.PublicOf(from),
			Payload:    record.Pay{To: record.PublicOf(network.DevFaucets()[1]), Amount: record.Coin},
		}), from)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// coinbase returns a coinbase for a block with these records after it.
func coinbase(after []*record.Record) *record.Record {
	return record.New(record.Record{
		Network:    testNet.ID,
		Version:    1,
		Seq:        1,
		ValidUntil: 1,
		Key:        record.PublicOf(network.DevFaucets()[0]),
		Payload: record.Coinbase{
			Height:  1,
			Value:   testNet.Subsidy,
			Witness: WitnessRoot(append([]*record.Record{nil}, after...)),
			Extra:   make([]byte, 8),
		},
	})
}

// block returns a block with a coinbase and these records.
func block(after []*record.Record) *Block {
	return mined(append([]*record.Record{coinbase(after)}, after...))
}

// mined returns a block with these records, whatever they are.
func mined(records []*record.Record) *Block {
	h := pow.Header{Version: 0x20000000, Prev: pow.Hash{1}, Time: 1_700_000_000, Bits: testNet.Pow.PowLimitBits}
	h.MerkleRoot, _ = pow.MerkleRoot((&Block{Records: records}).IDs())
	for h.CheckProofOfWork(testNet.Pow.PowLimit) != nil {
		h.Nonce++
	}
	return New(h, records)
}

// wantReason fails the test unless err is a rejection for the reason.
func wantReason(t *testing.T, err error, want reject.Reason) {
	t.Helper()
	if got, ok := reject.Of(err); !ok || got != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
