package export_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"syscall"
	"testing"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/export"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
)

const benchRows = 100_000

// manyVouchers returns entries of a state with many vouchers of different items, each as
// the first one of the corpus.
func manyVouchers(b *testing.B, n int) (changes []rules.Change) {
	b.Helper()
	past, err := openCorpus(b, built().Tip.Height()).Chain.Past(built().Tip.Height())
	if err != nil {
		b.Fatal(err)
	}
	var first *rules.Voucher
	var sold, item []byte
	err = past.Read(func(view rules.View, at rules.Context) error {
		entries := view.(rules.Entries)
		err := rules.EachVoucher(entries, at, func(v *rules.Voucher) error {
			if first == nil && v.State == rules.VoucherActive && !v.ClaimLive {
				first = v
			}
			return nil
		})
		if err != nil {
			return err
		}
		sold, err = entries.Get(append([]byte{'v'}, first.ID[:]...))
		if err != nil {
			return err
		}
		item, err = entries.Get(itemKey(first.GTIN, first.Serial))
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	serial := append([]byte{byte(len(first.Serial))}, first.Serial...)
	for i := range n {
		id := pow.Sum(binary.LittleEndian.AppendUint32(nil, uint32(i)))
		name := fmt.Sprintf("S%07d", i)
		value := bytes.Replace(sold, serial, append([]byte{byte(len(name))}, name...), 1)
		changes = append(changes, rules.Change{Key: append([]byte{'v'}, id[:]...), New: value},
			rules.Change{Key: itemKey(first.GTIN, record.Serial(name)), New: item})
	}
	slices.SortFunc(changes, func(a, b rules.Change) int { return bytes.Compare(a.Key, b.Key) })
	return changes
}

func itemKey(gtin record.GTIN, serial record.Serial) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{'i'}, uint64(gtin)), serial...)
}

// openVouchers returns a node on disk whose state has many vouchers.
func openVouchers(b *testing.B, n int) export.Source {
	b.Helper()
	c := built()
	id := store.Identity{Network: c.Params.ID, Genesis: c.Tip.Chain()[0].Hash()}
	st, err := store.Open(b.TempDir(), id, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	ch, err := chain.Open(b.Context(), chain.Options{Store: st, Params: c.Params})
	if err != nil {
		b.Fatal(err)
	}
	batch := st.NewBatch()
	batch.SetState(manyVouchers(b, n))
	if err := batch.Commit(); err != nil {
		b.Fatal(err)
	}
	return export.Source{Params: c.Params, Chain: ch}
}

func run(b *testing.B, src export.Source, q export.Query) {
	for _, f := range export.Formats() {
		b.Run(string(f), func(b *testing.B) {
			rows, before := uint64(0), processorTime(b)
			for b.Loop() {
				m, err := export.Write(b.Context(), io.Discard, f, q, src)
				if err != nil || m.Rows == 0 {
					b.Fatal(m.Rows, err)
				}
				rows += m.Rows
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(processorTime(b)-before)/float64(rows), "cpu-ns/row")
		})
	}
}

// processorTime returns the time that all threads of the process have had a processor, in
// nanoseconds: a measure that other processes change little.
func processorTime(b *testing.B) int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

// BenchmarkVouchers exports 100,000 vouchers of a store on disk.
func BenchmarkVouchers(b *testing.B) {
	run(b, openVouchers(b, benchRows), export.Query{Table: "vouchers"})
}

// BenchmarkRecords exports blocks of 1,000 records.
func BenchmarkRecords(b *testing.B) {
	builder := chaintest.New(chaintest.Network(), 1)
	tip := builder.Grow(builder.Genesis, 20, 1000)
	run(b, open(b, builder.Params, tip, builder.Now()), export.Query{Table: "records"})
}
