package anomaly

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/engine/pow"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/views"
)

// stopwatch is an index that measures what it adds to following a chain, but for the
// writing of its entries.
type stopwatch struct {
	index *Index
	took  time.Duration
}

// Index implements [views.Table].
func (s *stopwatch) Index(db pebble.Reader, b *views.TableBlock) (views.TableChange, error) {
	began := time.Now()
	change, err := s.index.Index(db, b)
	s.took += time.Since(began)
	return change, err
}

func (s *stopwatch) Prefix() byte                              { return s.index.Prefix() }
func (s *stopwatch) Load(db pebble.Reader, t *views.Tip) error { return s.index.Load(db, t) }

// BenchmarkIndex measures the index while it follows sales of 10,000 sellers with their
// shipments, deliveries and evaluations, and payments that fund a tenth of the buyers.
func BenchmarkIndex(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := &tree{blocks: map[pow.Hash]*link{}}
	tip := c.add(nil)
	records := 0
	const blocks, perBlock = 40, 800
	for range blocks {
		var all []*record.Record
		for range perBlock {
			seller, buyer := key(uint32(10_000*rng.Float64()*rng.Float64())), key(rng.Uint32())
			sale := by(seller, record.VoucherIssue{Time: 1, GTIN: 1, Serial: "A", Buyer: buyer, Price: record.Amount(1+rng.IntN(300)) * 10_000_000})
			ship := by(seller, record.ShipmentCreate{Time: 1, Voucher: sale.ID()})
			all = append(all, sale, ship, by(key(20_000+rng.Uint32N(50)), record.DeliveryConfirm{Time: 1, Shipment: ship.ID()}))
			all = append(all, by(buyer, record.Evaluate{Time: 1, Voucher: sale.ID(), Product: 5, Service: 5, Logistics: 5}))
			if rng.IntN(10) == 0 {
				all = append(all, by(key(30_000+rng.Uint32N(100)), record.Pay{To: buyer, Amount: 1}))
			}
		}
		records += len(all)
		tip = c.add(tip, all...)
	}
	for b.Loop() {
		w := &stopwatch{index: NewIndex(network.Main)}
		c.tip = tip
		v, err := views.Open("views", views.Options{Chain: c, FS: vfs.NewMem(), Tables: []views.Table{w}})
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if err := v.Update(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(w.took.Nanoseconds())/float64(records), "ns/record")
		b.ReportMetric(float64(time.Since(began).Nanoseconds())/float64(records), "ns/record-views")
		if err := v.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
