package credit

import (
	"testing"

	"pgregory.net/rapid"

	"stele/node/store"
)

// drawVoucher draws a voucher of any kind.
func drawVoucher(t *rapid.T) (v voucher) {
	v.Weight = rapid.Uint64().Draw(t, "weight")
	v.Scores = rapid.Uint8Range(0, 15).Draw(t, "scores")
	v.Off, v.Moved = rapid.Bool().Draw(t, "off"), rapid.Bool().Draw(t, "moved")
	if rapid.Bool().Draw(t, "has ends") {
		for i := range v.Ends[1:] {
			v.Ends[1+i] = rapid.Uint16().Draw(t, "ends")
		}
	}
	if rapid.Bool().Draw(t, "has a claim") {
		v.Claim[0] = rapid.Byte().Draw(t, "claim")
	}
	v.Home = rapid.OneOf(rapid.Just[uint32](never), rapid.Uint32()).Draw(t, "home")
	return v
}

// A voucher is what it was encoded from, and nothing shorter or longer is one.
func TestVoucherEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVoucher(t)
		b := v.encode(nil)
		if len(b) > voucherSize {
			t.Fatalf("%d bytes, at most %d", len(b), voucherSize)
		}
		if got, err := decodeVoucher(b); err != nil || got != v {
			t.Fatalf("%+v, %v; want %+v", got, err, v)
		}
		for n := range b {
			if got, err := decodeVoucher(b[:n]); err == nil {
				t.Fatalf("the first %d of %d bytes are %+v", n, len(b), got)
			}
		}
		if _, err := decodeVoucher(append(b, 0)); err == nil {
			t.Fatal("a byte more is accepted")
		}
	})
}

// A cache returns what was kept last, or nothing; and it returns what was kept or read a
// short time ago.
func TestCache(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 4
		c, want := newCache(limit), map[store.Place]voucher{}
		var touched []store.Place
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			at := store.Place{Height: rapid.Uint32Range(0, 9).Draw(t, "height")}
			if rapid.Bool().Draw(t, "set") {
				v := drawVoucher(t)
				c.set(at, v.encode(nil))
				want[at] = v
			} else if got := c.get(at); got != nil && *got != want[at] {
				t.Fatalf("%v is %+v, want %+v", at, *got, want[at])
			}
			if c.has(at) {
				touched = append(touched, at)
			}
			for _, at := range touched[len(touched)-min(limit, len(touched)):] {
				if v := want[at]; len(v.encode(nil)) <= rowSize && !c.has(at) {
					t.Fatalf("%v was forgotten", at)
				}
			}
			if len(c.young) > limit || len(c.old) > limit {
				t.Fatalf("%d and %d vouchers", len(c.young), len(c.old))
			}
		}
	})
}
