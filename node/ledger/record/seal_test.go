package record

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// literals returns records that are not sealed, with payloads of different lengths.
func literals(tb testing.TB, n int) []*Record {
	tb.Helper()
	records := make([]*Record, n)
	for i, r := range payments(tb, n, 3) {
		records[i] = &Record{
			Network: r.Network, Version: r.Version, Seq: r.Seq, ValidUntil: r.ValidUntil,
			Fee: r.Fee, Key: r.Key, Payload: r.Payload, Signatures: slices.Repeat(r.Signatures, i%5),
		}
	}
	return records
}

// isSealed reports whether r keeps the encoding and the hashes that it should have.
func isSealed(r *Record) bool {
	raw := appendRecord(nil, r)
	return slices.Equal(r.raw, raw) && r.id == pow.Sum(bodyOf(raw)) && r.fullHash == pow.Sum(raw)
}

// Records that are hashed together have the hashes that each has alone, whatever their
// number.
func TestHashEach(t *testing.T) {
	all := literals(t, 3*maxHashing/2)
	for _, n := range []int{0, 1, 2, 7, 32, 100, len(all)} {
		records := make([]*Record, n)
		for i, r := range all[:n] {
			records[i] = new(Record)
			*records[i] = *r
			records[i].keep(appendRecord(nil, r))
		}
		hashEach(records)
		for i, r := range records {
			if !isSealed(r) {
				t.Errorf("record %d of %d has other hashes", i, n)
			}
		}
	}
}

// A list that is decoded has the records that are decoded one by one, also when several
// goroutines hash them.
func TestDecodeListSeals(t *testing.T) {
	records := payments(t, 5*maxHashing/2, 7)
	var list []byte
	for _, r := range records {
		list = append(list, r.Encode()...)
	}
	got, rest, err := DecodeList(list, len(records))
	if err != nil || len(rest) > 0 {
		t.Fatalf("%d bytes left, %v", len(rest), err)
	}
	for i, r := range got {
		if !isSealed(r) || r.ID() != records[i].ID() || r.FullHash() != records[i].FullHash() {
			t.Errorf("record %d differs", i)
		}
	}
	if n := len(got[0].raw); cap(got[0].raw) != n {
		t.Errorf("the encoding has %d bytes, and room for %d", n, cap(got[0].raw))
	}
}

// The error is that of the first record that is bad, whichever goroutine reads it.
func TestDecodeListError(t *testing.T) {
	records := payments(t, 5*maxHashing/2, 7)
	var list []byte
	var starts []int
	for _, r := range records {
		starts = append(starts, len(list))
		list = append(list, r.Encode()...)
	}
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Clone(list)
		first := len(records)
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(records)-1), 1, 4).Draw(t, "bad") {
			first = min(first, i)
			spoil := rapid.SampledFrom([]int{4, frameSize - 1, frameSize - 2}).Draw(t, "byte") // type, or length
			b[starts[i]+spoil] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
		}
		_, want := Decode(b[starts[first]:][:records[first].Size()])
		got, _, err := DecodeList(b, len(records))
		if want == nil { // the change made another record of it
			return
		}
		if prefix := fmt.Sprintf("record %d of %d: ", first, len(records)); got != nil || err == nil || !strings.HasPrefix(err.Error(), prefix) {
			t.Fatalf("error %v, want %s%v", err, prefix, want)
		}
	})
}

// A record that is not sealed may be read by several goroutines.
func TestReadUnsealed(t *testing.T) {
	r := literals(t, 2)[1]
	want := New(*r)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if r.ID() != want.id || r.FullHash() != want.fullHash || r.Size() != len(want.raw) {
				t.Error("the record differs from the sealed one")
			}
		})
	}
	all.Wait()
	if r.raw != nil {
		t.Error("reading seals the record")
	}
}
