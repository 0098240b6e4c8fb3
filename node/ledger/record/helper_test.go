package record

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/node/ledger/reject"
)

// testNetwork is the network of the records in tests.
const testNetwork = 0x74736574

// testKey returns the key number n.
func testKey(n int) PrivateKey {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(n)+1)
	return KeyFromSeed(seed)
}

// testKeys are the keys of the signers of samples.
var testKeys = []PrivateKey{testKey(0), testKey(1), testKey(2), testKey(3)}

// ascending returns the public keys in the order of a set.
func ascending(keys ...PrivateKey) []Key {
	var all []Key
	for _, k := range keys {
		all = append(all, PublicOf(k))
	}
	slices.SortFunc(all, func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
	return all
}

// frame returns a record by the first key that breaks no rule.
func frame(p Payload) Record {
	r := Record{
		Network: testNetwork, Version: 1, Seq: 3, ValidUntil: 1000, Fee: 10000,
		Key: PublicOf(testKeys[0]), Payload: p,
	}
	if p != nil {
		r.Version = p.Type().Version()
	}
	return r
}

// coinbase returns a COINBASE that breaks no rule.
func coinbase(p Coinbase) Record {
	return Record{
		Network: testNetwork, Version: 1, Seq: uint64(p.Height), ValidUntil: p.Height,
		Key: PublicOf(testKeys[0]), Payload: p,
	}
}

// signed returns r with the signatures of all its signers.
func signed(tb testing.TB, r Record) *Record {
	tb.Helper()
	if signatureCount(r.Payload) == 0 {
		return New(r)
	}
	s, err := Sign(New(r), testKeys...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// moneyTypes are the types that have no subject but money, roles and keys.
var moneyTypes = []Type{TypeCoinbase, TypePay, TypeRoleGrant, TypeRoleRevoke, TypeKeyRotate}

// samples returns a good record of each of moneyTypes.
func samples(tb testing.TB) []*Record {
	to := PublicOf(testKey(9))
	all := []*Record{
		signed(tb, coinbase(Coinbase{Height: 70000, Value: 12 * Coin, Witness: ID{1, 2}, Extra: []byte("12345678 a tag")})),
		signed(tb, frame(Pay{To: to, Amount: 3 * Coin / 2, Reference: ID{5}})),
		signed(tb, frame(RoleGrant{Role: Seller, Key: to, Approvers: ascending(testKeys[1:]...)})),
		signed(tb, frame(RoleRevoke{Role: Carrier, Key: to})),
		signed(tb, frame(KeyRotate{New: PublicOf(testKeys[1])})),
	}
	return all
}

// everySample returns samples, and unsigned ones of all after-sales types.
func everySample(tb testing.TB) []*Record {
	all := samples(tb)
	for _, p := range aftersales() {
		all = append(all, New(frame(p)))
	}
	return all
}

// wantReason fails if err has another reason.
func wantReason(tb testing.TB, err error, want reject.Reason) {
	tb.Helper()
	if got, _ := reject.Of(err); got != want || (err == nil) != (want == "") {
		tb.Errorf("error %v, want the reason %q", err, want)
	}
}

// anyRecord draws a record of any of moneyTypes with any values that have an encoding,
// whether or not it breaks a rule.
func anyRecord(t *rapid.T) *Record {
	fill := func(b []byte, name string) {
		copy(b, rapid.SliceOfN(rapid.Byte(), len(b), len(b)).Draw(t, name))
	}
	key := func(name string) (k Key) { fill(k[:], name); return k }
	amount := func(name string) Amount { return Amount(rapid.Uint64Range(0, uint64(MaxAmount)).Draw(t, name)) }
	role := func() RoleGrant {
		p := RoleGrant{Role: rapid.SampledFrom(Roles()).Draw(t, "role"), Key: key("key")}
		approvers := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) Key {
			return Key(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "approver"))
		}), 0, 5, rapid.ID).Draw(t, "approvers")
		slices.SortFunc(approvers, func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
		if len(approvers) > 0 {
			p.Approvers = approvers
		}
		return p
	}
	r := Record{
		Network:    rapid.Uint32().Draw(t, "network"),
		Version:    1,
		Seq:        rapid.Uint64().Draw(t, "seq"),
		ValidUntil: rapid.Uint32().Draw(t, "valid until"),
		Fee:        amount("fee"),
		Key:        key("author"),
	}
	switch rapid.SampledFrom(moneyTypes).Draw(t, "type") {
	case TypeCoinbase:
		p := Coinbase{Height: rapid.Uint32().Draw(t, "height"), Value: amount("value")}
		fill(p.Witness[:], "witness")
		if extra := rapid.SliceOfN(rapid.Byte(), 0, 255).Draw(t, "extra"); len(extra) > 0 {
			p.Extra = extra
		}
		r.Payload = p
	case TypePay:
		r.Payload = Pay{To: key("to"), Amount: amount("amount"), Reference: ID(key("reference"))}
	case TypeRoleGrant:
		r.Payload = role()
	case TypeRoleRevoke:
		r.Payload = RoleRevoke(role())
	case TypeKeyRotate:
		r.Payload = KeyRotate{New: key("new")}
	default:
		t.Fatal("a type without a generator")
	}
	r.Signatures = make([]Signature, signatureCount(r.Payload))
	for i := range r.Signatures {
		fill(r.Signatures[i][:], "signature")
	}
	return New(r)
}
