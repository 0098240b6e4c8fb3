package views

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/chain/corpus"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// BenchmarkHistory reads the history of a voucher with 30 records out of 20,000
// vouchers with as many.
func BenchmarkHistory(b *testing.B) {
	const vouchers, records, perBlock = 20_000, 30, 4000
	c := newTree()
	var ids []record.ID
	var made []*record.Record
	for i := range vouchers {
		r := by(key(1), record.VoucherIssue{Time: 1, GTIN: gtin, Serial: "A1", Buyer: key(i % 60000)})
		made, ids = append(made, r), append(ids, r.ID())
	}
	for range records - 1 {
		for i, id := range ids {
			made = append(made, by(key(i%60000), record.EvaluateAmend{Time: 1, Voucher: id}))
		}
	}
	for len(made) > 0 {
		n := min(perBlock, len(made))
		c.extend(made[:n]...)
		made = made[n:]
	}
	v := open(b, c, vfs.NewMem())
	defer v.Close()
	if err := v.Update(b.Context()); err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		entries, err := v.All(Voucher(ids[n*7919%vouchers]), 1000)
		if err != nil || len(entries) != records {
			b.Fatal(len(entries), err)
		}
	}
}

// BenchmarkUpdate indexes blocks of 4,000 records about vouchers.
func BenchmarkUpdate(b *testing.B) {
	const perBlock = 4000
	c := newTree()
	issue := by(key(1), record.VoucherIssue{Time: 1, GTIN: gtin, Serial: "A1", Buyer: key(2)})
	c.extend(issue)
	v := open(b, c, vfs.NewMem())
	defer v.Close()
	for b.Loop() {
		b.StopTimer()
		var made []*record.Record
		for i := range perBlock {
			made = append(made, by(key(i), record.EvaluateAmend{Time: 1, Voucher: issue.ID()}))
		}
		c.extend(made...)
		b.StartTimer()
		if err := v.Update(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perBlock, "ns/record")
}

// BenchmarkFollow follows a chain of cases of all kinds block by block, standings
// included.
func BenchmarkFollow(b *testing.B) {
	c := corpus.Build()
	ch := &valid{params: c.Params, known: map[pow.Hash]*chaintest.Block{}}
	ch.moveTo(c.Tip)
	records := 0
	for _, block := range c.Tip.Chain() {
		records += len(block.Records)
	}
	for b.Loop() {
		v := open(b, ch, vfs.NewMem())
		for _, block := range c.Tip.Chain() {
			ch.moveTo(block)
			if err := v.Update(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		if err := v.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*records), "µs/record")
}

// BenchmarkOverdue asks for the overdue claims of 20,000 and of 1,000,000 vouchers: a fifth
// have a claim, of which a quarter are overdue, and 10,000 shipments are stuck. The
// entries are written from standings, without a chain.
func BenchmarkOverdue(b *testing.B) {
	for _, vouchers := range []int{20_000, 1_000_000} {
		b.Run(fmt.Sprint(vouchers), func(b *testing.B) {
			v := open(b, newTree(), vfs.NewMem())
			defer v.Close()
			if err := v.modify(); err != nil {
				b.Fatal(err)
			}
			writeOverdue(b, v, vouchers)
			for _, q := range []struct {
				name string
				ask  func() (int, error)
			}{
				{"sellers", func() (int, error) { ranks, err := v.MostOverdue(BySeller, Rank{}, 50); return len(ranks), err }},
				{"states", func() (n int, err error) {
					for _, s := range LiveClaims() {
						of, failed := v.Count(Claims, All(), OverdueIn(rules.ClaimState(s)))
						n, err = n+int(of), errors.Join(err, failed)
					}
					return n, err
				}},
				{"claims", func() (int, error) { list, err := v.Deadlines(All(), Deadline{}, 50); return len(list), err }},
				{"gaps", func() (int, error) { list, err := v.Held(All(), Deadline{}, 50); return len(list), err }},
				{"count-gaps", func() (int, error) { n, err := v.CountHeld(All(), 1<<40); return int(n), err }},
			} {
				b.Run(q.name, func(b *testing.B) {
					for b.Loop() {
						if n, err := q.ask(); err != nil || n == 0 {
							b.Fatal(n, err)
						}
					}
				})
			}
		})
	}
}

// writeOverdue writes what the standings of claims and of stuck shipments give.
func writeOverdue(b *testing.B, v *Views, vouchers int) {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	check := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	s := settler{counts: map[string]int64{}}
	put := func(kind Kind, now *standing) {
		id := digest(int(now.place.Index))
		entries, counts := now.entries(thing{kind, id})
		for key, value := range entries {
			check(s.batch.Set([]byte(key), value, nil))
		}
		for key := range counts {
			s.counts[key]++
		}
		check(s.batch.Set(placeKey(now.place), id[:], nil))
	}
	check(v.read(func(db *pebble.DB) error {
		for i := range vouchers / 5 {
			if i%1000 == 0 {
				s.batch = db.NewIndexedBatch()
				s.db = s.batch
			}
			overdue := i%4 == 0
			state := uint8(rules.ClaimOpen)
			if i%16 == 0 {
				state = uint8(rules.ClaimEscalated)
			}
			put(Claims, &standing{place: store.Place{Index: uint32(i)}, state: state, overdue: overdue, deadline: uint64(i), scopes: []Scope{
				OfSeller(key(rng.IntN(10_000))), OfHolder(key(rng.IntN(1 << 30))), OfMaker(key(rng.IntN(500))), OfProduct(record.GTIN(1 + rng.IntN(2000))),
			}})
			if i < 10_000 {
				put(Shipments, &standing{place: store.Place{Height: 1, Index: uint32(i)}, state: uint8(rules.ShipmentInTransit), deadline: uint64(i), scopes: []Scope{OfCarrier(key(rng.IntN(100)))}})
			}
			if i%1000 == 999 || i+1 == vouchers/5 {
				check(s.writeCounts())
				clear(s.counts)
				check(s.batch.Commit(pebble.NoSync))
			}
		}
		return nil
	}))
}
