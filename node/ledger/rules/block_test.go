package rules

import (
	"reflect"
	"strings"
	"testing"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

func TestReward(t *testing.T) {
	for _, test := range []struct {
		height     uint32
		fees, want record.Amount
	}{
		{0, 0, 1000}, {3, 0, 1000}, {4, 0, 500}, {8, 0, 250}, {40, 0, 0}, {1 << 31, 0, 0},
		{0, 1, 1001}, {0, 2, 1001}, {0, 3, 1002}, {40, 5, 3},
	} {
		if got := Reward(testParams, test.height, test.fees); got != test.want {
			t.Errorf("height %d, fees %d: %d, want %d", test.height, test.fees, got, test.want)
		}
	}
}

func TestApplyBlockRejects(t *testing.T) {
	pay := payment(alice, 0, 5, bob, 1)
	for _, test := range []struct {
		name    string
		records []*record.Record
		want    reject.Reason
		text    string
	}{
		{"no record", nil, reject.NoCoinbase, ""},
		{"no coinbase", []*record.Record{pay}, reject.NoCoinbase, "record 0"},
		{"coinbase of another height", []*record.Record{newCoinbase(2, miner, 1)}, reject.CoinbaseHeight, "record 0"},
		{"too much claimed", []*record.Record{newCoinbase(1, miner, 1001)}, reject.CoinbaseValue, "record 0"},
		{"burned fees claimed", []*record.Record{newCoinbase(1, miner, 1004), pay}, reject.CoinbaseValue, "record 0"},
		{"two coinbases", []*record.Record{newCoinbase(1, miner, 1), pay, newCoinbase(1, miner, 2)}, reject.MisplacedCoinbase, "record 2"},
		{"record twice", []*record.Record{newCoinbase(1, miner, 1), pay, pay}, reject.SequenceUsed, "record 2"},
		{"wrong order", []*record.Record{newCoinbase(1, miner, 1), payment(alice, 1, 0, bob, 1), payment(alice, 0, 0, bob, 1)}, reject.SequenceGap, "record 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := testState()
			err := ApplyBlock(s, at(1), test.records)
			wantReason(t, err, test.want)
			if !strings.Contains(err.Error(), test.text) {
				t.Errorf("%v does not say %q", err, test.text)
			}
			if left := s.Changes(); len(left) != 0 {
				t.Errorf("the rejected block left %x", left)
			}
		})
	}
}

// The coinbase of block h is spendable in block h+Maturity, and not before,
// whatever key its account has by then. One to a key that was rotated before is
// the account's too.
func TestMaturity(t *testing.T) {
	key2 := someKey(20)
	s := testState()
	block := func(height uint32, records ...*record.Record) error {
		return ApplyBlock(s, at(height), append([]*record.Record{newCoinbase(height, miner, 400)}, records...))
	}
	for _, err := range []error{block(0), block(1), block(2, payment(alice, 0, 0, miner, 1), rotation(miner, 0, key2))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	wantReason(t, block(2, payment(key2, 1, 0, bob, 2)), reject.InsufficientFunds)
	if err := block(3, payment(key2, 1, 0, bob, 401)); err != nil { // block 0's are there
		t.Fatal(err)
	}
	wantReason(t, block(4, payment(key2, 2, 0, bob, 401)), reject.InsufficientFunds)
	if err := block(4, payment(key2, 2, 0, bob, 400)); err != nil {
		t.Fatal(err)
	}
	wantReason(t, block(5, payment(key2, 3, 0, bob, 401)), reject.InsufficientFunds)
	if err := block(5, payment(key2, 3, 0, bob, 400)); err != nil { // block 2 paid the old key
		t.Fatal(err)
	}
	for height := range uint32(6) {
		key := immatureKey(height)
		if value, err := s.Get(key[:]); (value == nil) != (height <= 2) || err != nil {
			t.Errorf("in block 5 the entry of coinbase %d is %x, %v", height, value, err)
		}
	}
}

// Fees are split into the burned half and the miner's. What the coinbase leaves
// of them is burned too; what it leaves of the subsidy is never made.
func TestCoinbase(t *testing.T) {
	const allocated = 10_000 + 500 + 100
	for _, test := range []struct {
		name                string
		fee, value          record.Amount
		rewardPool, created record.Amount
	}{
		{"everything", 7, 1004, 3, 1000},
		{"even fees", 8, 1004, 4, 1000},
		{"no fees", 0, 1000, 0, 1000},
		{"half the subsidy", 7, 504, 3, 500},
		{"fees only", 7, 4, 3, 0},
		{"part of the fees", 7, 1, 6, 0},
		{"nothing", 7, 0, 7, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := testState()
			err := ApplyBlock(s, at(1), []*record.Record{newCoinbase(1, miner, test.value), payment(alice, 0, test.fee, bob, 1)})
			if err != nil {
				t.Fatal(err)
			}
			pool, err1 := RewardPool(s)
			supply, err2 := Supply(s)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			if pool != test.rewardPool || supply != allocated+test.created {
				t.Errorf("reward pool %d, supply %d; want %d, %d", pool, supply, test.rewardPool, allocated+test.created)
			}
		})
	}
}

func TestGenesis(t *testing.T) {
	for _, p := range network.All() {
		s := NewState(genesisView(p))
		var sum record.Amount
		for _, alloc := range p.Alloc {
			sum += alloc.Amount
			if got := account(t, s, alloc.Key).Balance; got != alloc.Amount {
				t.Errorf("%s: %v has %v, want %v", p.Name, alloc.Key, got, alloc.Amount)
			}
		}
		if supply, err := Supply(s); supply != sum || err != nil {
			t.Errorf("%s: supply %v, %v; want %v", p.Name, supply, err, sum)
		}
		for _, k := range p.Roots {
			if !account(t, s, k).Roles.Root() {
				t.Errorf("%s: %v is no root", p.Name, k)
			}
		}
		if threshold, err := RootThreshold(s); threshold != p.RootThreshold || err != nil {
			t.Errorf("%s: threshold %d, %v; want %d", p.Name, threshold, err, p.RootThreshold)
		}
		if err := ApplyBlock(s, Context{Params: p}, []*record.Record{p.GenesisCoinbase()}); err != nil {
			t.Errorf("%s: block 0: %v", p.Name, err)
		}
		if !reflect.DeepEqual(Genesis(p), Genesis(p)) {
			t.Errorf("%s: genesis is not the same twice", p.Name)
		}
	}
}
