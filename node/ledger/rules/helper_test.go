package rules

import (
	"testing"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// The keys of the tests need no secrets, since the ledger checks no signatures.
// Roots sign in twos; alice and bob have money.
var (
	root1, root2, root3 = someKey(1), someKey(2), someKey(3)
	alice, bob          = someKey(4), someKey(5)
	carol, miner        = someKey(6), someKey(7)
)

func someKey(n byte) record.Key { return record.Key{n} }

// testParams is a network on which things happen soon.
var testParams = &network.Params{
	Name:            "ledger test",
	Subsidy:         1000,
	HalvingInterval: 4,
	Maturity:        3,
	Roots:           []record.Key{root1, root2, root3},
	RootThreshold:   2,
	Alloc: []network.Allocation{
		{Key: alice, Amount: 10_000},
		{Key: bob, Amount: 500},
		{Key: root1, Amount: 100},
	},
}

// genesisView returns the state before block 0.
func genesisView(p *network.Params) mapView {
	v := mapView{}
	v.connect(Genesis(p))
	return v
}

// testState returns the state before block 0 of testParams, to write on.
func testState() *State { return NewState(genesisView(testParams)) }

func at(height uint32) Context { return Context{Params: testParams, Height: height} }

func newRecord(author record.Key, seq uint64, fee record.Amount, p record.Payload) *record.Record {
	return record.New(record.Record{Version: 1, Seq: seq, ValidUntil: 1000, Fee: fee, Key: author, Payload: p})
}

func newCoinbase(height uint32, to record.Key, value record.Amount) *record.Record {
	return record.New(record.Record{
		Version: 1, Seq: uint64(height), ValidUntil: height, Key: to,
		Payload: record.Coinbase{Height: height, Value: value},
	})
}

func payment(author record.Key, seq uint64, fee record.Amount, to record.Key, amount record.Amount) *record.Record {
	return newRecord(author, seq, fee, record.Pay{To: to, Amount: amount})
}

func rotation(author record.Key, seq uint64, to record.Key) *record.Record {
	return newRecord(author, seq, 0, record.KeyRotate{New: to})
}

func mustApply(t *testing.T, s *State, c Context, records ...*record.Record) {
	t.Helper()
	for i, r := range records {
		if err := Apply(s, c, r); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
}

func account(t testing.TB, v View, k record.Key) Account {
	t.Helper()
	a, err := GetAccount(v, k)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// wantReason fails unless err has the reason.
func wantReason(t *testing.T, err error, want reject.Reason) {
	t.Helper()
	if got, ok := reject.Of(err); !ok || got != want {
		t.Errorf("%v, want the reason %s", err, want)
	}
}

// liveVoucher returns the voucher of an item that is neither void nor replaced
// nor refunded, or nil if there is none.
func liveVoucher(v View, c Context, gtin record.GTIN, serial record.Serial) (*Voucher, error) {
	item, err := GetItem(v, gtin, serial)
	if err != nil || item.Voucher == (record.ID{}) {
		return nil, err
	}
	voucher, err := GetVoucher(v, c, item.Voucher)
	if err != nil || voucher == nil || voucher.State.Final() {
		return nil, err
	}
	return voucher, nil
}
