package rules

import (
	"encoding/binary"
	"testing"

	"stele/engine/pow"
	"stele/node/ledger/record"
)

// benchRecords is the number of records in the block that is measured: what a
// country's after-sales cases would need, with a margin.
const benchRecords = 4000

func benchKey(n int) record.Key {
	var k record.Key
	binary.LittleEndian.PutUint64(k[:], uint64(n)*0x9e3779b97f4a7c15)
	return k
}

// benchBlock returns a state and a block of payments on it, each from another
// key to yet another: what touches most entries.
func benchBlock(b *testing.B) (mapView, []*record.Record) {
	v := genesisView(testParams)
	s := NewState(v)
	records := []*record.Record{newCoinbase(1, miner, 1)}
	for i := range benchRecords {
		from, to := benchKey(2*i), benchKey(2*i+1)
		for _, k := range []record.Key{from, to} {
			if err := credit(s, Account{ID: k, Key: k}, 1000); err != nil {
				b.Fatal(err)
			}
		}
		records = append(records, payment(from, 0, 10, to, 100))
	}
	v.connect(s.Changes())
	return v, records
}

func perRecord(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRecords, "ns/record")
}

func BenchmarkApplyBlock(b *testing.B) {
	v, records := benchBlock(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := ApplyBlock(NewState(v), at(1), records); err != nil {
			b.Fatal(err)
		}
	}
	perRecord(b)
}

// All of a block that is the ledger's: apply, list changes, undo, digest.
func BenchmarkConnect(b *testing.B) {
	v, records := benchBlock(b)
	b.ReportAllocs()
	for b.Loop() {
		s := NewState(v)
		if err := ApplyBlock(s, at(1), records); err != nil {
			b.Fatal(err)
		}
		changes := s.Changes()
		EncodeUndo(changes)
		Digest(pow.Hash{}, changes)
	}
	perRecord(b)
}

func BenchmarkChanges(b *testing.B) {
	v, records := benchBlock(b)
	s := NewState(v)
	if err := ApplyBlock(s, at(1), records); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s.Changes()
	}
	perRecord(b)
}

func BenchmarkUndo(b *testing.B) {
	v, records := benchBlock(b)
	s := NewState(v)
	if err := ApplyBlock(s, at(1), records); err != nil {
		b.Fatal(err)
	}
	changes := s.Changes()
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			EncodeUndo(changes)
		}
		perRecord(b)
	})
	b.Run("decode", func(b *testing.B) {
		undo := EncodeUndo(changes)
		for b.Loop() {
			if _, err := DecodeUndo(undo); err != nil {
				b.Fatal(err)
			}
		}
		perRecord(b)
	})
	b.Run("digest", func(b *testing.B) {
		for b.Loop() {
			Digest(pow.Hash{}, changes)
		}
		perRecord(b)
	})
}
