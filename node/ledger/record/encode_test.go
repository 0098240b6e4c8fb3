package record

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/ledger/reject"
)

// same fails if the records differ in any field.
func same(t interface {
	Helper()
	Fatalf(string, ...any)
}, got, want *Record) {
	t.Helper()
	a, b := *got, *want
	if len(a.Signatures) == 0 && len(b.Signatures) == 0 {
		a.Signatures, b.Signatures = nil, nil
	}
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("got\n%+v\nwant\n%+v", a, b)
	}
}

// The layout of the package comment, byte for byte.
func TestLayout(t *testing.T) {
	r := New(Record{
		Network: 0x04030201, Version: 1, Seq: 0x0807060504030201, ValidUntil: 0x0d0c0b0a,
		Fee: 0x0102, Key: Key{0: 0xaa, 31: 0xab},
		Payload:    Pay{To: Key{0: 0xba, 31: 0xbb}, Amount: 0x0304, Reference: ID{0: 0xca, 31: 0xcb}},
		Signatures: []Signature{{0: 0xda, 63: 0xdb}},
	})
	zeros := func(n int) string { return hex.EncodeToString(make([]byte, n)) }
	body := "01020304" + "02" + "01" + "0102030405060708" + "0a0b0c0d" + "0201000000000000" +
		"aa" + zeros(30) + "ab" + "4800" +
		"ba" + zeros(30) + "bb" + "0403000000000000" + "ca" + zeros(30) + "cb"
	if got := hex.EncodeToString(r.Body()); got != body {
		t.Errorf("body\n%s, want\n%s", got, body)
	}
	full := body + "01" + "da" + zeros(62) + "db"
	if got := hex.EncodeToString(r.Encode()); got != full {
		t.Errorf("encoding\n%s, want\n%s", got, full)
	}
	if r.Size() != len(full)/2 {
		t.Errorf("size %d, want %d", r.Size(), len(full)/2)
	}
	if r.ID() != pow.Sum(fromHex(t, body)) || r.FullHash() != pow.Sum(fromHex(t, full)) {
		t.Error("id or full hash are not of the encoding")
	}
	message := hex.EncodeToString([]byte("aftersales/tx/v1")) + "01020304" + body
	if got := hex.EncodeToString(r.SigningMessage()); got != message {
		t.Errorf("signing message\n%s, want\n%s", got, message)
	}

	payload := func(p Payload) string { return hex.EncodeToString(p.Append(nil)) }
	for _, v := range []struct{ name, got, want string }{
		{
			"COINBASE", payload(Coinbase{Height: 0x01020304, Value: 5, Witness: pow.Hash{0: 6, 31: 7}, Extra: []byte{8, 9}}),
			"04030201" + "0500000000000000" + "06" + zeros(30) + "07" + "02" + "0809",
		},
		{
			"ROLE_GRANT", payload(RoleGrant{Role: Seller, Key: Key{31: 1}, Approvers: []Key{{31: 2}, {31: 3}}}),
			"03" + zeros(31) + "01" + "02" + zeros(31) + "02" + zeros(31) + "03",
		},
		{"ROLE_REVOKE", payload(RoleRevoke{Role: Carrier, Key: Key{31: 1}}), "04" + zeros(31) + "01" + "00"},
		{"KEY_ROTATE", payload(KeyRotate{New: Key{31: 1}}), zeros(31) + "01"},
	} {
		if v.got != v.want {
			t.Errorf("%s\n%s, want\n%s", v.name, v.got, v.want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord(t)
		got, err := Decode(bytes.Clone(r.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, r)
		more := append(bytes.Clone(r.Encode()), "more"...)
		list, rest, err := DecodeList(more, 1)
		if err != nil || string(rest) != "more" {
			t.Fatalf("rest %q, error %v", rest, err)
		}
		same(t, list[0], r)
	})
}

// Records in a list are what they are alone, however many there are, and the
// error says which of them is bad.
func TestDecodeList(t *testing.T) {
	samples := everySample(t)
	for _, count := range []int{0, 1, len(samples), 257, 2000} {
		var list []*Record
		var b []byte
		for i := range count {
			list = append(list, samples[i%len(samples)])
			b = append(b, list[i].Encode()...)
		}
		got, rest, err := DecodeList(append(b, "more"...), count)
		if err != nil || string(rest) != "more" || len(got) != count {
			t.Fatalf("%d of %d records, rest %q, error %v", len(got), count, rest, err)
		}
		for i := range got {
			same(t, got[i], list[i])
		}
		_, _, err = DecodeList(b, count+1)
		if reason, _ := reject.Of(err); reason != reject.BadRecordEncoding || !strings.Contains(err.Error(), fmt.Sprintf("record %d of %d", count, count+1)) {
			t.Errorf("one record too few: %v", err)
		}
	}
}

// A record that keeps its encoding and one that does not say the same.
func TestUnsealed(t *testing.T) {
	for _, r := range samples(t) {
		plain := &Record{
			Network: r.Network, Version: r.Version, Seq: r.Seq, ValidUntil: r.ValidUntil,
			Fee: r.Fee, Key: r.Key, Payload: r.Payload, Signatures: r.Signatures,
		}
		if !bytes.Equal(plain.Encode(), r.Encode()) || !bytes.Equal(plain.Body(), r.Body()) ||
			plain.ID() != r.ID() || plain.FullHash() != r.FullHash() || plain.Size() != r.Size() {
			t.Errorf("%v: differs", r.Type())
		}
		if err := plain.Check(testNetwork); err != nil {
			t.Error(err)
		}
		if err := plain.Verify(); err != nil {
			t.Error(err)
		}
	}
}

// New forgets what a changed copy kept.
func TestNewOfCopy(t *testing.T) {
	r := samples(t)[1]
	changed := *r
	changed.Seq++
	n := New(changed)
	if n.ID() == r.ID() || n.Seq != r.Seq+1 {
		t.Error("the copy has the old id")
	}
	n.Signatures[0][0] ^= 1
	if r.Signatures[0] == n.Signatures[0] {
		t.Error("the copies share a signature")
	}
}

func TestDecodeErrors(t *testing.T) {
	pay := samples(t)[1].Encode()
	grant := samples(t)[2].Encode()
	// with returns the encoding with other bytes at a place.
	with := func(b []byte, at int, change ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], change)
		return b
	}
	const payload = frameSize
	countOf := len(pay) - 64 - 1      // where the number of signatures is
	approvers := payload + 1 + 32 + 1 // where the first approver is
	swapped := bytes.Clone(grant)     // two approvers in the wrong order
	copy(swapped[approvers:], grant[approvers+32:approvers+64])
	copy(swapped[approvers+32:], grant[approvers:approvers+32])
	twice := bytes.Clone(grant)
	copy(twice[approvers+32:], grant[approvers:approvers+32])

	for _, v := range []struct {
		name  string
		input []byte
		want  reject.Reason
	}{
		{"nothing", nil, reject.BadRecordEncoding},
		{"half a frame", pay[:30], reject.BadRecordEncoding},
		{"a frame", pay[:frameSize], reject.BadRecordEncoding},
		{"no number of signatures", pay[:countOf], reject.BadRecordEncoding},
		{"no signature", pay[:countOf+1], reject.BadRecordEncoding},
		{"a byte less", pay[:len(pay)-1], reject.BadRecordEncoding},
		{"a byte more", append(bytes.Clone(pay), 0), reject.BadRecordEncoding},
		{"type 0", with(pay, 4, 0), reject.UnknownType},
		{"an unknown type", with(pay, 4, 200), reject.UnknownType},
		{"version 0", with(pay, 5, 0), reject.UnknownVersion},
		{"an unknown version", with(pay, 5, 2), reject.UnknownVersion},
		{"a longer payload", with(pay, frameSize-2, 73), reject.BadRecordEncoding},
		{"a shorter payload", with(pay, frameSize-2, 71), reject.BadRecordEncoding},
		{"an empty payload", with(pay, frameSize-2, 0), reject.BadRecordEncoding},
		{"a body of 64 bytes", with(pay, frameSize-2, 4), reject.Ambiguous},
		{"a payload above the limit", with(pay, frameSize-2, 0xff, 0xff), reject.RecordTooLarge},
		{"unsigned", with(pay, countOf, 0), reject.SignatureCount},
		{"a signature too many", append(with(pay, countOf, 2), make([]byte, 64)...), reject.SignatureCount},
		{"255 signatures", with(pay, countOf, 255), reject.SignatureCount},
		{"a signed coinbase", append(with(samples(t)[0].Encode(), samples(t)[0].Size()-1, 1), make([]byte, 64)...), reject.SignatureCount},
		{"extra that is too short", with(samples(t)[0].Encode(), payload+4+8+32, 15), reject.BadRecordEncoding},
		{"extra that is too long", with(samples(t)[0].Encode(), payload+4+8+32, 13), reject.BadRecordEncoding},
		{"role 0", with(grant, payload, 0), reject.UnknownRole},
		{"an unknown role", with(grant, payload, 6), reject.UnknownRole},
		{"an approver less", with(grant, approvers-1, 2), reject.BadRecordEncoding},
		{"an approver more", with(grant, approvers-1, 4), reject.BadRecordEncoding},
		{"too many approvers", with(grant, approvers-1, 65), reject.TooManyApprovers},
		{"approvers in the wrong order", swapped, reject.NotCanonical},
		{"an approver twice", twice, reject.NotCanonical},
		{"a rotation to half a key", with(samples(t)[4].Encode(), frameSize-2, 31), reject.BadRecordEncoding},
	} {
		t.Run(v.name, func(t *testing.T) {
			r, err := Decode(v.input)
			wantReason(t, err, v.want)
			if r != nil {
				t.Error("a record and an error")
			}
		})
	}
}

// A flipped bit gives another id, or a signature that is not valid, or no
// record at all; and the id changes beyond recognition.
func TestAvalanche(t *testing.T) {
	for _, r := range samples(t) {
		raw, changedBits, n := r.Encode(), 0, 0
		for bit := range 8 * len(raw) {
			flipped := bytes.Clone(raw)
			flipped[bit/8] ^= 1 << (bit % 8)
			other, err := Decode(flipped)
			if err != nil {
				continue
			}
			if other.FullHash() == r.FullHash() {
				t.Fatalf("%v: bit %d does not change the full hash", r.Type(), bit)
			}
			if inBody := bit/8 < len(r.Body()); inBody == (other.ID() == r.ID()) {
				t.Fatalf("%v: bit %d: same id is %t", r.Type(), bit, other.ID() == r.ID())
			}
			if r.Type() != TypeCoinbase && other.Verify() == nil {
				t.Fatalf("%v: bit %d does not break a signature", r.Type(), bit)
			}
			if other.ID() != r.ID() {
				a, b := r.ID(), other.ID()
				for i := range a {
					for x := a[i] ^ b[i]; x != 0; x &= x - 1 {
						changedBits++
					}
				}
				n++
			}
		}
		if mean := float64(changedBits) / float64(n); mean < 120 || mean > 136 {
			t.Errorf("%v: a flipped bit changes %.1f of the 256 bits of the id, want about 128", r.Type(), mean)
		}
	}
}

// allocated returns how many bytes do allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Decoding takes no more memory than about twice the input, whatever it claims
// to be.
func TestDecodeMemory(t *testing.T) {
	limit := func(input int) uint64 {
		if raced {
			return 11*uint64(input)/4 + 64<<10
		}
		return 5*uint64(input)/2 + 64<<10
	}
	for _, r := range everySample(t) {
		many := slices.Repeat(r.Encode(), 4_000_000/r.Size())
		got := allocated(func() {
			if _, _, err := DecodeList(many, len(many)/r.Size()); err != nil {
				t.Error(err)
			}
		})
		if r.Type() != TypeCoinbase && got > limit(len(many)) {
			t.Errorf("%v: %d bytes allocated for %d", r.Type(), got, len(many))
		}
	}
	grant := samples(t)[2].Encode()
	for _, input := range [][]byte{
		append(bytes.Clone(grant[:frameSize+33]), 64),
		append(bytes.Clone(grant[:frameSize-2]), 0xff, 0x3f),
		bytes.Repeat([]byte{0xff}, MaxSize),
	} {
		if got := allocated(func() { _, _ = Decode(input) }); got > limit(len(input)) {
			t.Errorf("%d bytes allocated for %d", got, len(input))
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, r := range everySample(f) {
		f.Add(r.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, rest, err := DecodeList(b, 1)
		if err != nil {
			if _, ok := reject.Of(err); !ok || list != nil {
				t.Fatalf("records %v, error %v", list, err)
			}
			return
		}
		r := list[0]
		if !bytes.Equal(append(bytes.Clone(r.Encode()), rest...), b) {
			t.Fatalf("%x is encoded as %x", b, r.Encode())
		}
		plain := *r
		if got := New(plain).Encode(); !bytes.Equal(got, r.Encode()) {
			t.Fatalf("%x is made anew as %x", r.Encode(), got)
		}
		_ = r.Check(r.Network)
		_ = r.Verify()
	})
}
