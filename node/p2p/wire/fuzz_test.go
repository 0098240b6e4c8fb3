package wire

import "testing"

// Any body either has an error, or is the only encoding of its message. Decoding
// does not panic, and allocates at most twice the input and 64 kB.
func FuzzDecode(f *testing.F) {
	for _, m := range samples() {
		frame, err := testLimits.Append(nil, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(m.Kind()), true, frame[HeaderSize:])
	}
	f.Add(uint8(KindCompact), true, make([]byte, 200))
	f.Add(uint8(KindHeaders), false, make([]byte, 2))
	f.Fuzz(func(t *testing.T, kind uint8, solicited bool, body []byte) {
		k := Kind(kind)
		h := Header{Length: uint32(len(body)), Kind: k}
		var m Message
		var err error
		used := allocated(func() { m, err = testLimits.Decode(k, body, solicited) })
		if limit := 2*uint64(len(body)) + 64<<10; used > limit {
			t.Fatalf("%s of %d bytes: decoding allocates %d bytes, must be at most %d", k, len(body), used, limit)
		}
		if lengthErr := testLimits.Check(h, solicited); lengthErr != nil && (err == nil || m != nil) {
			t.Fatalf("%s: decoded although %v", k, lengthErr)
		}
		if err == nil && m == nil {
			t.Fatalf("%s: neither a message nor an error", k)
		}
		checkBody(t, k, body, nil)
	})
}
