package record

import (
	"crypto/ed25519"
	"testing"

	"stele/node/ledger/reject"
)

func TestSamples(t *testing.T) {
	for i, r := range samples(t) {
		if r.Type() != moneyTypes[i] {
			t.Errorf("sample %d is a %v", i, r.Type())
		}
		if err := r.Check(testNetwork); err != nil {
			t.Errorf("%v: %v", r.Type(), err)
		}
		if err := r.Verify(); err != nil {
			t.Errorf("%v: %v", r.Type(), err)
		}
	}
}

// strange is a payload of no known type.
type strange struct{ size int }

func (strange) Type() Type               { return 255 }
func (p strange) Append(b []byte) []byte { return append(b, make([]byte, p.size)...) }
func (strange) CoSigners() []Key         { return nil }
func (strange) Check() error             { return nil }

// Each rule that needs nothing but the record, with the reasons of all that it
// breaks; the first is that of Check.
func TestCheck(t *testing.T) {
	me, other := PublicOf(testKeys[0]), PublicOf(testKey(9))
	pay := Pay{To: other, Amount: 1}
	with := func(r Record, change func(r *Record)) Record {
		change(&r)
		return r
	}
	many := make([]Key, MaxApprovers+1)
	for i := range many {
		many[i] = Key{0: 2, 30: byte(i)}
	}
	ordered := ascending(testKeys[1], testKeys[2])
	weak := Key{0: 1}

	for _, v := range []struct {
		name string
		r    Record
		want []reject.Reason
	}{
		{"good", frame(pay), nil},
		{"the largest amounts", with(frame(Pay{To: other, Amount: MaxAmount}), func(r *Record) { r.Fee = MaxAmount }), nil},
		{"no fee", with(frame(pay), func(r *Record) { r.Fee = 0 }), nil},
		{"another network", with(frame(pay), func(r *Record) { r.Network++ }), []reject.Reason{reject.WrongNetwork}},
		{"no payload", frame(nil), []reject.Reason{reject.UnknownType}},
		{"an unknown type", frame(strange{}), []reject.Reason{reject.UnknownType}},
		{"version 0", with(frame(pay), func(r *Record) { r.Version = 0 }), []reject.Reason{reject.UnknownVersion}},
		{"version 2", with(frame(pay), func(r *Record) { r.Version = 2 }), []reject.Reason{reject.UnknownVersion}},
		{"a body of 64 bytes", frame(strange{4}), []reject.Reason{reject.UnknownType, reject.Ambiguous}},
		{"a body of 63 bytes", frame(strange{3}), []reject.Reason{reject.UnknownType}},
		{"the greatest size", frame(strange{MaxSize - frameSize - 1 - 64}), []reject.Reason{reject.UnknownType}},
		{"a byte more", frame(strange{MaxSize - frameSize - 64}), []reject.Reason{reject.UnknownType, reject.RecordTooLarge}},
		{"more than a length can say", frame(strange{1 << 16}), []reject.Reason{reject.UnknownType, reject.RecordTooLarge}},
		{"too much fee", with(frame(pay), func(r *Record) { r.Fee = MaxAmount + 1 }), []reject.Reason{reject.AmountOutOfRange}},
		{"two signatures for one", with(frame(pay), func(r *Record) { r.Signatures = make([]Signature, 2) }), []reject.Reason{reject.SignatureCount}},
		{"256 signatures", with(frame(pay), func(r *Record) { r.Signatures = make([]Signature, 256) }), []reject.Reason{reject.RecordTooLarge, reject.SignatureCount}},
		{"a weak author", with(frame(pay), func(r *Record) { r.Key = weak }), []reject.Reason{reject.WeakKey}},

		{"nothing paid", frame(Pay{To: other}), []reject.Reason{reject.AmountOutOfRange}},
		{"too much paid", frame(Pay{To: other, Amount: MaxAmount + 1}), []reject.Reason{reject.AmountOutOfRange}},
		{"paid to oneself", frame(Pay{To: me, Amount: 1}), []reject.Reason{reject.SelfPayment}},
		{"several rules", with(frame(Pay{To: me}), func(r *Record) { r.Network, r.Version = 0, 9 }), []reject.Reason{
			reject.WrongNetwork, reject.UnknownVersion, reject.AmountOutOfRange, reject.SelfPayment,
		}},

		{"role 0", frame(RoleGrant{Key: other, Approvers: ordered}), []reject.Reason{reject.UnknownRole}},
		{"an unknown role", frame(RoleRevoke{Role: 6, Key: other, Approvers: ordered}), []reject.Reason{reject.UnknownRole}},
		{"no approvers", frame(RoleGrant{Role: Seller, Key: other}), nil},
		{"a role for a root", frame(RoleGrant{Role: Seller, Key: ordered[0], Approvers: ordered}), nil},
		{"approvers in the wrong order", frame(RoleGrant{Role: Seller, Key: other, Approvers: []Key{ordered[1], ordered[0]}}), []reject.Reason{reject.NotCanonical}},
		{"an approver twice", frame(RoleGrant{Role: Seller, Key: other, Approvers: []Key{ordered[0], ordered[0]}}), []reject.Reason{reject.NotCanonical, reject.DuplicateSigner}},
		{"the author approves", frame(RoleGrant{Role: Seller, Key: other, Approvers: []Key{me}}), []reject.Reason{reject.DuplicateSigner}},
		{"a weak approver", frame(RoleGrant{Role: Seller, Key: other, Approvers: []Key{weak}}), []reject.Reason{reject.WeakKey}},
		{"as many approvers as may be", frame(RoleGrant{Role: Seller, Key: other, Approvers: many[:MaxApprovers]}), nil},
		{"an approver too many", frame(RoleRevoke{Role: Seller, Key: other, Approvers: many}), []reject.Reason{reject.TooManyApprovers}},

		{"a rotation", frame(KeyRotate{New: other}), nil},
		{"a rotation to oneself", frame(KeyRotate{New: me}), []reject.Reason{reject.SelfRotation, reject.DuplicateSigner}},
		{"a rotation to a weak key", frame(KeyRotate{New: weak}), []reject.Reason{reject.WeakKey}},

		{"a coinbase", coinbase(Coinbase{Height: 5, Value: Coin, Extra: make([]byte, MaxExtra)}), nil},
		{"the first coinbase", coinbase(Coinbase{}), nil},
		{"extra too long", coinbase(Coinbase{Height: 5, Extra: make([]byte, MaxExtra+1)}), []reject.Reason{reject.BadCoinbase}},
		{"too much value", coinbase(Coinbase{Height: 5, Value: MaxAmount + 1}), []reject.Reason{reject.AmountOutOfRange}},
		{"another sequence number", with(coinbase(Coinbase{Height: 5}), func(r *Record) { r.Seq = 4 }), []reject.Reason{reject.BadCoinbase}},
		{"another validity", with(coinbase(Coinbase{Height: 5}), func(r *Record) { r.ValidUntil = 6 }), []reject.Reason{reject.BadCoinbase}},
		{"a coinbase with a fee", with(coinbase(Coinbase{Height: 5}), func(r *Record) { r.Fee = 1 }), []reject.Reason{reject.BadCoinbase}},
		{"a signed coinbase", with(coinbase(Coinbase{Height: 5}), func(r *Record) { r.Signatures = make([]Signature, 1) }), []reject.Reason{reject.SignatureCount}},
		{"a coinbase for a weak key", with(coinbase(Coinbase{Height: 5}), func(r *Record) { r.Key = weak }), nil},
	} {
		t.Run(v.name, func(t *testing.T) {
			r := New(v.r)
			var got []reject.Reason
			for err := range r.Faults(testNetwork) {
				reason, ok := reject.Of(err)
				if !ok {
					t.Errorf("an error without reason: %v", err)
				}
				got = append(got, reason)
			}
			if len(got) != len(v.want) {
				t.Fatalf("faults %q, want %q", got, v.want)
			}
			first := reject.Reason("")
			for i := range got {
				if got[i] != v.want[i] {
					t.Errorf("faults %q, want %q", got, v.want)
				}
				first = v.want[0]
			}
			wantReason(t, r.Check(testNetwork), first)
		})
	}
}

// What everybody can compute is no signature: nothing, the hash of the record,
// and a signature over something else.
func TestForgery(t *testing.T) {
	to := PublicOf(testKey(9))
	me := testKeys[0]
	good := samples(t)[1]
	foreign := frame(good.Payload)
	foreign.Network++
	otherNet, err := Sign(New(foreign), me)
	if err != nil {
		t.Fatal(err)
	}
	id, fullHash := good.ID(), good.FullHash()
	selfHashed := Signature(append(id[:], fullHash[:]...))
	for _, v := range []struct {
		name      string
		signature Signature
	}{
		{"none", Signature{}},
		{"hashes of the record", selfHashed},
		{"of another network", otherNet.Signatures[0]},
		{"of another record", signed(t, frame(Pay{To: to, Amount: 1})).Signatures[0]},
		{"by another key", Signature(ed25519.Sign(testKey(9), good.SigningMessage()))},
		{"over the body alone", Signature(ed25519.Sign(me, good.Body()))},
		{"over the id", Signature(ed25519.Sign(me, id[:]))},
	} {
		t.Run(v.name, func(t *testing.T) {
			r := *good
			r.Signatures = []Signature{v.signature}
			forged := New(r)
			if forged.ID() != good.ID() || forged.FullHash() == good.FullHash() {
				t.Error("the id depends on the signature, or the full hash does not")
			}
			wantReason(t, forged.Verify(), reject.BadSignature)
			bad, err := NewVerifier(10, 1).Verify([]*Record{good, forged})
			wantReason(t, err, reject.BadSignature)
			if bad != 1 {
				t.Errorf("record %d is bad, want 1", bad)
			}
			if err := New(Record{
				Network: good.Network, Version: good.Version, Seq: good.Seq, ValidUntil: good.ValidUntil,
				Fee: good.Fee, Key: Key{0: 1}, Payload: good.Payload, Signatures: r.Signatures,
			}).Check(testNetwork); err == nil {
				t.Error("a key for which anybody can sign passes")
			}
		})
	}
	moved := *otherNet // signed for the other network, and sent here
	moved.Network = testNetwork
	wantReason(t, New(moved).Verify(), reject.BadSignature)
}

// Signatures can come one after the other, and the record is good with the last.
func TestSignParties(t *testing.T) {
	approvers := ascending(testKeys[1], testKeys[2])
	r := New(frame(RoleGrant{Role: Seller, Key: PublicOf(testKey(9)), Approvers: approvers}))
	if got := r.Signers(); len(got) != 3 || got[0] != r.Key || got[1] != approvers[0] || got[2] != approvers[1] {
		t.Fatalf("signers %v", got)
	}
	id := r.ID()
	for i, key := range testKeys[:3] {
		wantReason(t, r.Verify(), reject.BadSignature)
		next, err := Sign(r, key)
		if err != nil {
			t.Fatal(err)
		}
		if next.ID() != id || next.FullHash() == r.FullHash() {
			t.Errorf("signature %d: the id changes, or the full hash does not", i)
		}
		r = next
	}
	if err := r.Verify(); err != nil {
		t.Error(err)
	}
	all, err := Sign(New(frame(r.Payload)), testKeys...)
	if err != nil {
		t.Fatal(err)
	}
	if all.FullHash() != r.FullHash() {
		t.Error("the order of signing matters")
	}
}

func TestSignErrors(t *testing.T) {
	r := samples(t)[1]
	if _, err := Sign(r, testKey(9)); err == nil {
		t.Error("a stranger signs")
	}
	if _, err := Sign(r); err == nil {
		t.Error("nobody signs")
	}
	if _, err := Sign(r, testKeys[0][:63]); err == nil {
		t.Error("a short key signs")
	}
	if _, err := Sign(samples(t)[0], testKeys[0]); err == nil {
		t.Error("a coinbase is signed")
	}
	two := *r
	two.Signatures = make([]Signature, 2)
	_, err := Sign(&two, testKeys[0])
	wantReason(t, err, reject.SignatureCount)
	wantReason(t, New(two).Verify(), reject.SignatureCount)
}

func TestTypes(t *testing.T) {
	for _, kind := range Types() {
		if got, err := ParseType(kind.String()); err != nil || got != kind {
			t.Errorf("ParseType(%v) = %v, %v", kind, got, err)
		}
	}
	for _, name := range []string{"", "pay", "TYPE_0", "NONE"} {
		_, err := ParseType(name)
		wantReason(t, err, reject.UnknownType)
	}
	if got := Type(255).String(); got != "TYPE_255" {
		t.Errorf("type 255 is %s", got)
	}
	for _, role := range Roles() {
		if got, err := ParseRole(role.String()); err != nil || got != role {
			t.Errorf("ParseRole(%v) = %v, %v", role, got, err)
		}
	}
	for _, name := range []string{"", "role-0", "Seller", "buyer"} {
		_, err := ParseRole(name)
		wantReason(t, err, reject.UnknownRole)
	}
}
