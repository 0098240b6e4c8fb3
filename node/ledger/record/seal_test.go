package record

import (
	"slices"
	"sync"
	"testing"

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

// Records that are sealed together are as if each was sealed alone, whatever their
// number; those that were sealed before are left alone.
func TestSeal(t *testing.T) {
	all := literals(t, 3*maxHashing/2)
	for _, n := range []int{0, 1, 2, 7, 32, 100, len(all)} {
		records := make([]*Record, n)
		for i, r := range all[:n] {
			records[i] = new(Record)
			*records[i] = *r
		}
		Seal(records)
		for i, r := range records {
			if !isSealed(r) {
				t.Errorf("record %d of %d is not sealed rightly", i, n)
			}
		}
	}

	before := New(*all[0])
	id, raw := before.id, before.raw
	before.Fee++ // nobody should, but it shows that nothing is computed again
	Seal([]*Record{before, all[1]})
	if before.id != id || &before.raw[0] != &raw[0] || !isSealed(all[1]) {
		t.Error("a sealed record was sealed again, or the one after it not")
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
