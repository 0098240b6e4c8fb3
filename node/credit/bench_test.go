package credit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/views"
)

// The market of the benchmarks.
const (
	benchSellers     = 10_000
	benchEvaluations = 1_000_000
	benchPerBlock    = 4000
)

// benchChain returns a chain of sales, of which some are claimed, and their evaluations:
// blocks of 4,000 records, over 26 periods.
func benchChain(evaluations int) (c *tree, period uint32) {
	rng := rand.New(rand.NewPCG(1, 2))
	c = newTree(network.Main)
	c.tip = c.add(nil)
	blocks := evaluations * 2 / benchPerBlock
	period = uint32(blocks/(Window-1) + 1)
	for range blocks {
		var records, pending []*record.Record
		for range benchPerBlock / 2 {
			seller := key(uint32(float64(benchSellers) * rng.Float64() * rng.Float64()))
			issue := by(seller, record.VoucherIssue{
				Time: 1, GTIN: record.GTIN(1 + rng.IntN(2000)), Serial: "A", Buyer: key(rng.Uint32()), Price: record.Amount(1+rng.IntN(300)) * 10_000_000,
			})
			records = append(records, issue)
			scores := func() uint8 { return uint8(min(5, 1+rng.IntN(7))) }
			pending = append(pending, by(key(1), record.Evaluate{Voucher: issue.ID(), Product: scores(), Service: scores(), Logistics: scores()}))
		}
		c.tip = c.add(c.tip, append(records, pending...)...)
	}
	return c, period
}

// stopwatch is an index that measures what it adds to following a chain, but for the
// writing of its entries.
type stopwatch struct {
	x    *Index
	took time.Duration
}

func (s *stopwatch) Prefix() byte { return s.x.Prefix() }

func (s *stopwatch) Load(db pebble.Reader, tip *views.Tip) error { return s.x.Load(db, tip) }

func (s *stopwatch) Index(db pebble.Reader, b *views.TableBlock) (views.TableChange, error) {
	began := time.Now()
	change, err := s.x.Index(db, b)
	s.took += time.Since(began)
	done := change.Done
	change.Done = func(db pebble.Reader) error {
		began := time.Now()
		err := done(db)
		s.took += time.Since(began)
		return err
	}
	return change, err
}

// BenchmarkIndex builds the index from scratch on chains of up to a million evaluations,
// and then times blocks of 4,000 records and a page of the ranking.
func BenchmarkIndex(b *testing.B) {
	for _, evaluations := range []int{benchEvaluations / 50, benchEvaluations / 10, benchEvaluations} {
		b.Run(fmt.Sprint(evaluations), func(b *testing.B) {
			c, period := benchChain(evaluations)
			for b.Loop() {
				x := NewIndex(c.params)
				x.params.Period = period
				watch := &stopwatch{x: x}
				v, err := views.Open("views", views.Options{Chain: c, FS: vfs.NewMem(), Tables: []views.Table{watch}})
				if err != nil {
					b.Fatal(err)
				}
				f := &follower{b, c, x, v, NewReader(v, x)}
				f.moveTo(c.tip)
				b.ReportMetric(watch.took.Seconds(), "s/rebuild")
				benchBlocks(b, f, watch)
				benchRanking(b, f)
				f.close()
			}
		})
	}
}

// benchBlocks times blocks of 4,000 evaluations, of new sales and of sales from all over
// the chain: the latter change the most, and are in no cache.
func benchBlocks(b *testing.B, f *follower, watch *stopwatch) {
	b.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	path := f.tree.tip.path()[1:]
	for _, kind := range []struct {
		name   string
		newest int // blocks from which the sales are
	}{{"new", min(10, len(path))}, {"old", len(path)}} {
		var took []float64
		for range 7 {
			var records []*record.Record
			for range benchPerBlock {
				l := path[len(path)-1-rng.IntN(kind.newest)]
				issue := l.Records[1+rng.IntN(benchPerBlock/2)]
				records = append(records, by(key(1), record.EvaluateAmend{Voucher: issue.ID(), Product: uint8(1 + rng.IntN(5)), Service: 1, Logistics: 5}))
			}
			before := watch.took
			f.moveTo(f.tree.add(f.tree.tip, records...))
			took = append(took, float64((watch.took-before).Microseconds())/1000)
		}
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2], "ms/block-"+kind.name)
		b.ReportMetric(took[0], "ms/block-"+kind.name+"-least")
	}
}

// benchRanking times the first page after a block, for which scores are computed again,
// and the next one.
func benchRanking(b *testing.B, f *follower) {
	b.Helper()
	for _, name := range []string{"ms/page-after-block", "ms/page"} {
		began := time.Now()
		page, err := f.Sellers(1, 100)
		if err != nil || len(page.Ranked) != 100 {
			b.Fatal(len(page.Ranked), err)
		}
		b.ReportMetric(float64(time.Since(began).Microseconds())/1000, name)
	}
	began := time.Now()
	if _, err := f.Explain(OfSeller(key(1)), f.tree.tip.height); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms/explanation")
}
