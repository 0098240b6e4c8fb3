package block

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"testing"

	"stele/engine/pow"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// The genesis block of every network keeps the rules.
func TestGenesis(t *testing.T) {
	seen := map[pow.Hash]bool{}
	for _, p := range network.All() {
		b := Genesis(p)
		if err := b.Check(p); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if seen[b.Hash()] {
			t.Errorf("%s has the genesis block of another network", p.Name)
		}
		seen[b.Hash()] = true
	}
}

func TestRoundTrip(t *testing.T) {
	for _, count := range []int{0, 1, 2, 5} {
		b := block(pays(t, count))
		got, err := Decode(bytes.Clone(b.Encode()), testNet.MaxBlockSize)
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Check(testNet); err != nil {
			t.Error(err)
		}
		literal := &Block{Header: b.Header, Records: b.Records}
		for name, other := range map[string]*Block{"decoded": got, "a literal": literal} {
			if other.Header != b.Header || other.Hash() != b.Header.Hash() || len(other.Records) != count+1 {
				t.Errorf("%s: another block", name)
			}
			if !bytes.Equal(other.Encode(), b.Encode()) || other.Size() != len(b.Encode()) {
				t.Errorf("%s: another encoding", name)
			}
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	good := block(pays(t, 2)).Encode()
	count := func(n uint32) []byte {
		b := bytes.Clone(good)
		binary.LittleEndian.PutUint32(b[pow.HeaderSize:], n)
		return b
	}
	for _, test := range []struct {
		name string
		b    []byte
		max  int
		want reject.Reason
	}{
		{"nothing", nil, 1000, reject.BadBlockEncoding},
		{"a header", good[:pow.HeaderSize], 1000, reject.BadBlockEncoding},
		{"half a count", good[:pow.HeaderSize+2], 1000, reject.BadBlockEncoding},
		{"something more", append(bytes.Clone(good), 0), len(good) + 1, reject.BadBlockEncoding},
		{"a record more", count(4), len(good), reject.BadRecordEncoding},
		{"a record less", count(2), len(good), reject.BadBlockEncoding},
		{"more than can be", count(1 << 20), len(good), reject.BadBlockEncoding},
		{"as many as a count can hold", count(1<<32 - 1), len(good), reject.BadBlockEncoding},
		{"cut off", good[:len(good)-1], len(good), reject.BadRecordEncoding},
		{"a byte too large", good, len(good) - 1, reject.BlockTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Decode(test.b, test.max)
			wantReason(t, err, test.want)
		})
	}
	if _, err := Decode(good, len(good)); err != nil {
		t.Error(err)
	}
}

// The number of records is not believed before there is room for them.
func TestDecodeAllocation(t *testing.T) {
	b := block(nil).Encode()
	large := append(bytes.Clone(b), make([]byte, 1<<20)...)
	for _, n := range []uint32{1, 2, uint32(len(large)-prefixSize) / minRecordSize, 1<<32 - 1} {
		binary.LittleEndian.PutUint32(large[pow.HeaderSize:], n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(large, len(large))
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Fatal("a megabyte of zeros is a record")
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 2*uint64(len(large))+64_000 {
			t.Errorf("%d records: %d bytes allocated for a block of %d", n, got, len(large))
		}
	}
}

// DecodeRecords gives the records that Decode gives, for any of them, and keeps
// nothing of the encoding.
func TestDecodeRecords(t *testing.T) {
	whole := block(pays(t, 20))
	raw := whole.Encode()
	for _, indexes := range [][]uint32{nil, {0}, {20}, {21}, {0, 1, 2, 19, 20}, {3, 7, 1<<32 - 1}} {
		input := bytes.Clone(raw)
		header, records, err := DecodeRecords(input, indexes...)
		clear(input)
		if err != nil || header != whole.Header || len(records) != len(indexes) {
			t.Fatalf("%v: header %v, %d records, %v", indexes, header, len(records), err)
		}
		for i, r := range records {
			switch exists := int(indexes[i]) < len(whole.Records); {
			case exists != (r != nil):
				t.Errorf("record %d: %v", indexes[i], r)
			case exists && (r.ID() != whole.Records[indexes[i]].ID() || !bytes.Equal(r.Encode(), whole.Records[indexes[i]].Encode())):
				t.Errorf("record %d differs", indexes[i])
			}
		}
	}
	for size := range raw {
		_, records, err := DecodeRecords(raw[:size:size], 20)
		if _, rejected := reject.Of(err); !rejected || records != nil {
			t.Fatalf("%d bytes of %d: %v, %v", size, len(raw), records, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(block(nil).Encode())
	f.Add(block(pays(f, 3)).Encode())
	f.Fuzz(func(t *testing.T, input []byte) {
		b, err := Decode(bytes.Clone(input), 1<<16)
		if err != nil {
			if _, ok := reject.Of(err); !ok {
				t.Errorf("an error without a reason: %v", err)
			}
			return
		}
		again := New(b.Header, b.Records)
		if !bytes.Equal(again.Encode(), input) || again.Hash() != b.Hash() {
			t.Error("another encoding, or another hash")
		}
		if len(b.Records) > 0 {
			last := len(b.Records) - 1
			if _, records, err := DecodeRecords(input, uint32(last)); err != nil || records[0].ID() != b.Records[last].ID() {
				t.Errorf("the last record alone: %v", err)
			}
		}
		_ = b.Check(testNet)
	})
}

// What Decode, IDs and Check cost for a block of 4,000 payments.
func BenchmarkBlock(b *testing.B) {
	raw := block(pays(b, 4000)).Encode()
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			if _, err := Decode(raw, len(raw)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode and check", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			d, err := Decode(raw, len(raw))
			if err == nil {
				err = d.Check(testNet)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

var _ record.Payload = short{}

// short is a payload that makes the body of a record as long as it says.
type short struct {
	record.Pay
	size int
}

func (s short) Append(b []byte) []byte { return append(b, make([]byte, s.size)...) }
