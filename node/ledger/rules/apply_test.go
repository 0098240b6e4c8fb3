package rules

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// strange is a payload of a type that the ledger does not know.
type strange struct{ record.Pay }

func (strange) Type() record.Type { return 200 }

// Every rule of Apply rejects with its own reason, and a rejected record leaves
// the state as it was.
func TestApplyRejects(t *testing.T) {
	grant := func(r record.Role, k record.Key, approvers ...record.Key) record.Payload {
		return record.RoleGrant{Role: r, Key: k, Approvers: approvers}
	}
	revoke := func(r record.Role, k record.Key, approvers ...record.Key) record.Payload {
		return record.RoleRevoke{Role: r, Key: k, Approvers: approvers}
	}
	key2, key3 := someKey(20), someKey(21)

	tests := []struct {
		name   string
		before []*record.Record // are valid
		record *record.Record
		want   reject.Reason
	}{
		{"a coinbase", nil, newCoinbase(5, miner, 1), reject.MisplacedCoinbase},
		{"a type without a rule", nil, newRecord(alice, 0, 0, strange{}), reject.UnknownType},
		{"expired", nil, record.New(record.Record{
			ValidUntil: 4, Key: alice, Payload: record.Pay{To: bob, Amount: 1},
		}), reject.Expired},

		{"sequence number used", []*record.Record{payment(alice, 0, 1, bob, 1)}, payment(alice, 0, 1, bob, 2), reject.SequenceUsed},
		{"the same record again", []*record.Record{payment(alice, 0, 1, bob, 1)}, payment(alice, 0, 1, bob, 1), reject.SequenceUsed},
		{"sequence number left out", nil, payment(alice, 1, 1, bob, 1), reject.SequenceGap},

		{"fee above the balance", nil, payment(bob, 0, 501, alice, 1), reject.InsufficientFunds},
		{"fee of nothing", nil, rotationWithFee(carol, 1, key2), reject.InsufficientFunds},
		{"amount above the balance", nil, payment(bob, 0, 0, alice, 501), reject.InsufficientFunds},
		{"fee and amount above the balance", nil, payment(bob, 0, 1, alice, 500), reject.InsufficientFunds},
		{"amount that overflows with the fee", nil, payment(bob, 0, 2, alice, ^record.Amount(0)), reject.InsufficientFunds},
		{"payment to itself", nil, payment(alice, 0, 0, alice, 1), reject.SelfPayment},

		{"author rotated", []*record.Record{rotation(alice, 0, key2)}, payment(alice, 1, 0, bob, 1), reject.KeyRotated},
		{"author rotated twice", []*record.Record{rotation(alice, 0, key2), rotation(key2, 1, key3)}, payment(key2, 2, 0, bob, 1), reject.KeyRotated},
		{"own key that was rotated", []*record.Record{rotation(alice, 0, key2)}, payment(key2, 1, 0, alice, 1), reject.SelfPayment},
		{"own key that was rotated twice", []*record.Record{rotation(alice, 0, key2), rotation(key2, 1, key3)}, payment(key3, 2, 0, key2, 1), reject.SelfPayment},
		{"approver rotated", []*record.Record{rotation(root1, 0, key2)}, newRecord(alice, 0, 0, grant(record.Seller, bob, root1, root2)), reject.KeyRotated},
		{"grant to a rotated key", []*record.Record{rotation(bob, 0, key2)}, newRecord(alice, 0, 0, grant(record.Seller, bob, root1, root2)), reject.KeyRotated},

		{"rotation to a key with a past", []*record.Record{payment(bob, 0, 0, alice, 1)}, rotation(alice, 0, bob), reject.KeyInUse},
		{"rotation to a key that had a role", []*record.Record{
			newRecord(bob, 0, 0, grant(record.Seller, carol, root1, root2)), newRecord(bob, 1, 0, revoke(record.Seller, carol, root1, root2)),
		}, rotation(alice, 0, carol), reject.KeyInUse},
		{"rotation to a root", nil, rotation(alice, 0, root3), reject.KeyInUse},
		{"rotation to a later key of another", []*record.Record{rotation(bob, 0, key2)}, rotation(alice, 0, key2), reject.KeyInUse},
		{"rotation to an old key of another", []*record.Record{rotation(bob, 0, key2)}, rotation(alice, 0, bob), reject.KeyInUse},
		{"rotation to the first key", []*record.Record{rotation(bob, 0, key2)}, rotation(key2, 1, bob), reject.KeyInUse},
		{"rotation to the key before", []*record.Record{rotation(bob, 0, key2), rotation(key2, 1, key3)}, rotation(key3, 2, key2), reject.KeyInUse},
		{"rotation to itself", nil, rotation(alice, 0, alice), reject.KeyInUse},

		{"grant by one root", nil, newRecord(alice, 0, 0, grant(record.Seller, bob, root2)), reject.BelowThreshold},
		{"grant by a root alone", nil, newRecord(root1, 0, 0, grant(record.Seller, bob)), reject.BelowThreshold},
		{"grant by a root who signs twice", nil, newRecord(root1, 0, 0, grant(record.Seller, bob, root1)), reject.BelowThreshold},
		{"grant by nobody", nil, newRecord(alice, 0, 0, grant(record.Seller, bob)), reject.BelowThreshold},
		{"grant with a stranger", nil, newRecord(alice, 0, 0, grant(record.Seller, bob, root1, root2, bob)), reject.NotRoot},
		{"grant by a supervisor", []*record.Record{newRecord(alice, 0, 0, grant(record.Supervisor, bob, root1, root2))},
			newRecord(bob, 0, 0, grant(record.Seller, carol, bob, root1)), reject.NotRoot},
		{"granted twice", []*record.Record{newRecord(alice, 0, 0, grant(record.Seller, bob, root1, root2))},
			newRecord(alice, 1, 0, grant(record.Seller, bob, root2, root3)), reject.RoleHeld},

		{"revocation by one root", []*record.Record{newRecord(alice, 0, 0, grant(record.Seller, bob, root1, root2))},
			newRecord(alice, 1, 0, revoke(record.Seller, bob, root1)), reject.BelowThreshold},
		{"revocation with a stranger", []*record.Record{newRecord(alice, 0, 0, grant(record.Seller, bob, root1, root2))},
			newRecord(alice, 1, 0, revoke(record.Seller, bob, root1, bob)), reject.NotRoot},
		{"revocation of what is not held", nil, newRecord(alice, 0, 0, revoke(record.Seller, bob, root1, root2)), reject.RoleNotHeld},
		{"revocation of another role", []*record.Record{newRecord(alice, 0, 0, grant(record.Seller, bob, root1, root2))},
			newRecord(alice, 1, 0, revoke(record.Carrier, bob, root1, root2)), reject.RoleNotHeld},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := testState()
			mustApply(t, s, at(5), test.before...)
			before := s.Changes()
			wantReason(t, Apply(s, at(5), test.record), test.want)
			if after := s.Changes(); !reflect.DeepEqual(before, after) {
				t.Errorf("the rejected record left %x, want %x", after, before)
			}
		})
	}
}

func rotationWithFee(author record.Key, fee record.Amount, to record.Key) *record.Record {
	return newRecord(author, 0, fee, record.KeyRotate{New: to})
}

// Nobody grants roles on a network that has no roots.
func TestNoRoots(t *testing.T) {
	p := *testParams
	p.Roots, p.RootThreshold = nil, 0
	s := NewState(genesisView(&p))
	r := newRecord(alice, 0, 0, record.RoleGrant{Role: record.Supervisor, Key: alice})
	wantReason(t, Apply(s, Context{Params: &p}, r), reject.BelowThreshold)
}

// A record may be in the block of its ValidUntil, and in none after it.
func TestExpiry(t *testing.T) {
	r := record.New(record.Record{ValidUntil: 7, Key: alice, Payload: record.Pay{To: bob, Amount: 1}})
	mustApply(t, testState(), at(7), r)
	wantReason(t, Apply(testState(), at(8), r), reject.Expired)
}

func TestPay(t *testing.T) {
	s := testState()
	mustApply(t, s, at(1),
		payment(alice, 0, 7, bob, 100),
		payment(bob, 0, 0, carol, 600), // all that bob has
		payment(alice, 1, 3, miner, 1),
	)
	for _, want := range []Account{
		{ID: alice, Key: alice, Balance: 10_000 - 7 - 100 - 3 - 1, Seq: 2},
		{ID: bob, Key: bob, Seq: 1},
		{ID: carol, Key: carol, Balance: 600},
		{ID: someKey(99), Key: someKey(99)},
	} {
		if got := account(t, s, want.ID); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

// Sums that are more than there may be are rejected, even if the state is such
// that they can come up.
func TestOverflow(t *testing.T) {
	s := testState()
	rich := account(t, s, bob)
	rich.Balance = record.MaxAmount - 5
	if err := putAccount(s, &rich); err != nil {
		t.Fatal(err)
	}
	mustApply(t, s, at(1), payment(alice, 0, 0, bob, 5))
	wantReason(t, Apply(s, at(1), payment(alice, 1, 0, bob, 1)), reject.AmountOverflow)

	// by a rotation
	key2 := someKey(20)
	mustApply(t, s, at(1), payment(alice, 1, 0, key2, 1))
	wantReason(t, Apply(s, at(1), rotation(bob, 0, key2)), reject.AmountOverflow)

	// in the totals
	for _, kind := range []byte{supplyEntry, rewardPoolEntry} {
		s := testState()
		if err := putUint(s, uint64(record.MaxAmount)-1, kind); err != nil {
			t.Fatal(err)
		}
		wantReason(t, End(s, at(1), newCoinbase(1, miner, 1000), 4), reject.AmountOverflow)
	}
}

// An account goes on as it was under its new key.
func TestRotate(t *testing.T) {
	key2, key3 := someKey(20), someKey(21)
	s := testState()
	mustApply(t, s, at(1),
		newRecord(alice, 0, 0, record.RoleGrant{Role: record.Carrier, Key: alice, Approvers: []record.Key{root1, root2}}),
		payment(bob, 0, 0, key2, 11), // comes along
		rotation(alice, 1, key2),
		payment(bob, 1, 0, key2, 22),
		payment(key2, 2, 1, bob, 5),
		rotation(key2, 3, key3),
		payment(bob, 2, 0, key3, 33),
	)
	want := Account{ID: alice, Key: key3, Balance: 10_000 + 11 + 22 - 1 - 5 + 33, Seq: 4, Roles: 1 << record.Carrier}
	for _, k := range []record.Key{alice, key2, key3} {
		got := account(t, s, k)
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if got.Rotated(k) != (k != key3) {
			t.Errorf("%v: rotated %v", k, got.Rotated(k))
		}
	}

	// A root that rotates is still one, under its new key.
	mustApply(t, s, at(1),
		rotation(root1, 0, someKey(30)),
		newRecord(someKey(30), 1, 0, record.RoleGrant{Role: record.Seller, Key: bob, Approvers: []record.Key{root2}}),
		newRecord(key3, 4, 0, record.RoleGrant{Role: record.Seller, Key: carol, Approvers: []record.Key{root2, someKey(30)}}),
	)
}

// A payment to any key that an account had goes to the account, also if the key
// is rotated before it in the same block; and so does a refund.
func TestPayRotated(t *testing.T) {
	key2, key3 := someKey(20), someKey(21)
	s := testState()
	mustApply(t, s, at(1),
		rotation(alice, 0, key2),
		rotation(key2, 1, key3),
		payment(bob, 0, 1, alice, 11),
		payment(bob, 1, 1, key2, 22),
		payment(bob, 2, 1, key3, 33),
	)
	if got := account(t, s, key3); got.ID != alice || got.Key != key3 || got.Balance != 10_000+66 {
		t.Errorf("%+v", got)
	}

	w := newWorld(t)
	w.complain(record.Refund)
	w.do(theSeller, w.Authorise(record.Refund, false))
	w.do(theBuyer, record.KeyRotate{New: someKey(128)})
	w.do(theSeller, w.Refunded(w.pay(theBuyer, price))) // by the old key
	w.do(theBuyer, w.Settle(true))
}

func TestRoles(t *testing.T) {
	key2 := someKey(20)
	roots := []record.Key{root1, root3}
	s := testState()
	mustApply(t, s, at(1),
		newRecord(alice, 0, 0, record.RoleGrant{Role: record.Supervisor, Key: carol, Approvers: roots}),
		newRecord(root2, 0, 0, record.RoleGrant{Role: record.Servicer, Key: carol, Approvers: roots[1:]}), // the author counts
		newRecord(root1, 0, 0, record.RoleGrant{Role: record.Seller, Key: root1, Approvers: roots[1:]}),   // to itself
	)
	if got := account(t, s, carol).Roles; got.Root() || !got.Has(record.Supervisor) || !got.Has(record.Servicer) || got.Has(record.Seller) {
		t.Errorf("carol has the roles %b", got)
	}
	if got := account(t, s, root1); !got.Roles.Root() || !got.Roles.Has(record.Seller) || got.Seq != 1 {
		t.Errorf("root1 is %+v", got)
	}

	// Revocation reaches an account by any of its keys.
	mustApply(t, s, at(1),
		rotation(carol, 0, key2),
		newRecord(alice, 1, 0, record.RoleRevoke{Role: record.Supervisor, Key: carol, Approvers: roots}),
		newRecord(alice, 2, 0, record.RoleRevoke{Role: record.Servicer, Key: key2, Approvers: roots}),
	)
	if got := account(t, s, key2).Roles; got != past {
		t.Errorf("carol has the roles %b left", got)
	}
}

// An account without anything leaves no entry.
func TestZeroAccountIsAbsent(t *testing.T) {
	s := testState()
	mustApply(t, s, at(1), payment(alice, 0, 0, carol, 0))
	key := accountKey(&carol)
	if value, err := s.Get(key[:]); value != nil || err != nil {
		t.Errorf("the entry is %x, %v", value, err)
	}
}

// A state that cannot be read, or holds nonsense, is no fault of the record.
func TestApplyBrokenState(t *testing.T) {
	disk := errors.New("disk on fire")
	err := Apply(NewState(brokenView{disk}), at(1), payment(alice, 0, 0, bob, 1))
	if _, rejected := reject.Of(err); rejected || !errors.Is(err, disk) {
		t.Errorf("broken view: %v", err)
	}

	aliceKey, carolKey, immature := accountKey(&alice), accountKey(&carol), immatureKey(0)
	zero := strings.Repeat("\x00", 100)
	damage := func(key []byte, value string) func(*State) {
		return func(s *State) {
			if err := s.Put(key, []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
	}
	pay := func(s *State) error { return Apply(s, at(1), payment(alice, 0, 0, bob, 1)) }
	grant := func(s *State) error {
		return Apply(s, at(1), newRecord(alice, 0, 0, record.RoleGrant{Role: record.Seller, Key: bob}))
	}
	begin := func(s *State) error { return Begin(s, at(3)) }
	end := func(s *State) error { return End(s, at(1), newCoinbase(1, miner, 1), 0) }
	for _, test := range []struct {
		name   string
		damage func(*State)
		apply  func(*State) error
	}{
		{"account cut short", damage(aliceKey[:], "x"), pay},
		{"account of nothing", damage(aliceKey[:], ""), pay},
		{"account of zeros", damage(aliceKey[:], zero[:accountSize]), pay},
		{"account rotated to itself", damage(aliceKey[:], "x"+zero[:accountSize-1]+string(alice[:])), pay},
		{"alias of an absent account", damage(aliceKey[:], string(carol[:])), pay},
		{"alias of an account that was not rotated", damage(aliceKey[:], string(bob[:])), pay},
		{"alias of an alias", func(s *State) {
			damage(carolKey[:], string(bob[:]))(s)
			damage(aliceKey[:], string(carol[:]))(s)
		}, pay},
		{"alias of itself", damage(aliceKey[:], string(alice[:])), pay},
		{"threshold cut short", damage([]byte{thresholdEntry}, "x"), grant},
		{"threshold of zeros", damage([]byte{thresholdEntry}, zero[:8]), grant},
		{"immature coinbase too long", damage(immature[:], zero[:immatureSize+1]), begin},
		{"immature coinbase of zeros", damage(immature[:], zero[:immatureSize]), begin},
		{"reward pool cut short", damage([]byte{rewardPoolEntry}, "x"), end},
		{"supply too long", damage([]byte{supplyEntry}, zero[:9]), end},
	} {
		s := testState()
		test.damage(s)
		if err := test.apply(s); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// There is one encoding of an account, and what is no account is rejected.
func FuzzAccount(f *testing.F) {
	f.Add([]byte{})
	f.Add(append(make([]byte, accountSize-1), 1))
	f.Add(append(make([]byte, accountSize), bob[:]...))
	f.Fuzz(func(t *testing.T, value []byte) {
		key := accountKey(&alice)
		s := NewState(mapView{string(key[:]): value})
		a, err := GetAccount(s, alice)
		if errors.Is(err, ErrState) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(key[:]); err != nil {
			t.Fatal(err)
		}
		if err := putAccount(s, &a); err != nil {
			t.Fatal(err)
		}
		if left := s.Changes(); len(left) != 0 {
			t.Fatalf("%x is read as %+v, which has another encoding: %x", value, a, left[0].New)
		}
	})
}

// Whatever decodes as a record can be applied or is rejected with a reason, and
// then changes nothing.
func FuzzApply(f *testing.F) {
	for _, r := range []*record.Record{
		payment(alice, 0, 1, bob, 1),
		rotation(alice, 0, carol),
		newRecord(root1, 0, 0, record.RoleGrant{Role: record.Seller, Key: bob, Approvers: []record.Key{root2}}),
		newCoinbase(1, miner, 5),
	} {
		f.Add(r.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := record.Decode(b)
		if err != nil {
			return
		}
		s := testState()
		if err := Apply(s, at(1), r); err != nil {
			if _, ok := reject.Of(err); !ok {
				t.Fatal(err)
			}
			if left := s.Changes(); len(left) != 0 {
				t.Fatalf("rejected (%v), but left %x", err, left)
			}
		}
	})
}
