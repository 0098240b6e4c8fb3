package credit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

// The market of the benchmarks.
const (
	benchSellers     = 10_000
	benchProducts    = 2000
	benchEvaluations = 1_000_000
	benchPerBlock    = 4000
)

// benchMarket is an index of a chain of sales that are evaluated, with files of its own
// and without the views: they would take minutes for a million sales. It names what the
// views would name, so times lack what they take for that.
type benchMarket struct {
	*testing.B
	x      *Index
	db     *pebble.DB
	rng    *rand.Rand
	height uint32
	sales  []benchSale
	known  map[record.ID]int       // indexes of sales
	named  map[record.ID]benchSale // those of the block, as the views have them at hand
	took   time.Duration           // by the index, but for the writing of its entries
}

type benchSale struct {
	id      record.ID
	at      store.Place
	seller  record.Key
	product record.GTIN
}

// newBenchMarket builds a market: blocks of 4,000 records, over 26 periods.
func newBenchMarket(b *testing.B, evaluations int) *benchMarket {
	b.Helper()
	m := &benchMarket{B: b, x: NewIndex(network.Main), rng: rand.New(rand.NewPCG(1, 2)), known: map[record.ID]int{}}
	blocks := evaluations * 2 / benchPerBlock
	m.x.params.Period = uint32(blocks/(Window-1) + 1)
	var err error
	// A quarter of the cache of the views: they read too.
	m.db, err = pebble.Open(b.TempDir(), &pebble.Options{DisableWAL: true, MemTableSize: 16 << 20, CacheSize: 8 << 20, Logger: benchLogger{}})
	if err == nil {
		err = m.x.Load(m.db, nil)
	}
	if err != nil {
		b.Fatal(err)
	}
	m.add()
	for range blocks {
		first := len(m.sales)
		records := m.sell(benchPerBlock / 2)
		for _, s := range m.sales[first:] {
			records = append(records, by(key(1), record.Evaluate{Voucher: s.id, Product: m.score(), Service: m.score(), Logistics: m.score()}))
		}
		m.add(records...)
	}
	return m
}

// sell makes sales for the next block, of which they are the first records.
func (m *benchMarket) sell(n int) (records []*record.Record) {
	for i := range n {
		s := benchSale{
			at:     store.Place{Height: m.height, Index: uint32(1 + i)},
			seller: key(uint32(benchSellers * m.rng.Float64() * m.rng.Float64())), product: record.GTIN(1 + m.rng.IntN(benchProducts)),
		}
		r := by(s.seller, record.VoucherIssue{Time: 1, GTIN: s.product, Serial: "A", Price: record.Amount(1+m.rng.IntN(300)) * 10_000_000})
		s.id = r.ID()
		m.known[s.id] = len(m.sales)
		m.sales = append(m.sales, s)
		records = append(records, r)
	}
	return records
}

func (m *benchMarket) score() uint8 { return uint8(min(5, 1+m.rng.IntN(7))) }

// add adds a block, and returns what the index took for it.
func (m *benchMarket) add(records ...*record.Record) time.Duration {
	m.Helper()
	m.named = make(map[record.ID]benchSale, len(records))
	for _, r := range records {
		id := r.ID()
		if subjects := record.Subjects(r.Payload); len(subjects) > 0 {
			id = subjects[0]
		}
		m.named[id] = m.sales[m.known[id]]
	}
	coinbase := record.New(record.Record{Payload: record.Coinbase{Height: m.height}})
	b := &views.TableBlock{
		Block: &block.Block{Records: append([]*record.Record{coinbase}, records...)}, Height: m.height,
		MedianTime: 60 * m.height, Before: 60 * (m.height - min(m.height, 1)), Names: m,
	}
	began := clock()
	change, err := m.x.Index(m.db, b)
	took := clock() - began
	if err != nil {
		m.Fatal(err)
	}
	batch := m.db.NewBatch()
	for _, e := range change.Entries {
		if err := batch.Set(e.Key, e.Value, nil); err != nil {
			m.Fatal(err)
		}
	}
	if err := batch.Commit(pebble.NoSync); err != nil {
		m.Fatal(err)
	}
	began = clock()
	if err := change.Done(m.db); err != nil {
		m.Fatal(err)
	}
	took += clock() - began
	m.took += took
	m.height++
	return took
}

var benchBegan = time.Now()

func clock() time.Duration { return time.Since(benchBegan) }

// Account, Subject, Place and SoldBy implement views.Names.
func (m *benchMarket) Account(k record.Key) (record.Key, error) { return k, nil }

func (m *benchMarket) Subject(id record.ID) (views.Subject, error) {
	return views.Subject{Voucher: id}, nil
}

func (m *benchMarket) Place(id record.ID) (store.Place, error) {
	return m.named[id].at, nil
}

func (m *benchMarket) Sale(id record.ID) (views.Sale, error) {
	s := m.named[id]
	return views.Sale{Seller: s.seller, GTIN: s.product}, nil
}

// benchLogger keeps Pebble silent.
type benchLogger struct{}

func (benchLogger) Infof(string, ...any)              {}
func (benchLogger) Errorf(string, ...any)             {}
func (benchLogger) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// BenchmarkIndex builds the index from scratch for up to a million evaluations, and then
// times blocks of 4,000 records and a page of the ranking.
func BenchmarkIndex(b *testing.B) {
	for _, evaluations := range []int{benchEvaluations / 10, benchEvaluations} {
		b.Run(fmt.Sprint(evaluations), func(b *testing.B) {
			for b.Loop() {
				m := newBenchMarket(b, evaluations)
				b.ReportMetric(m.took.Seconds(), "s/rebuild")
				m.blocks()
				m.pages()
				if err := m.db.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// evaluate makes new evaluations of some of the newest sales.
func (m *benchMarket) evaluate(newest int) (records []*record.Record) {
	for range benchPerBlock {
		s := m.sales[len(m.sales)-1-m.rng.IntN(newest)]
		records = append(records, by(key(1), record.EvaluateAmend{Voucher: s.id, Product: m.score(), Service: 1, Logistics: 5}))
	}
	return records
}

// blocks times blocks of 4,000 records: sales, evaluations of the last sales, and those of
// sales from all over the chain, as they are and when none is in memory.
func (m *benchMarket) blocks() {
	for _, kind := range []struct {
		name string
		make func() []*record.Record
	}{
		{"sales", func() []*record.Record { return m.sell(benchPerBlock) }},
		{"new", func() []*record.Record { return m.evaluate(10 * benchPerBlock) }},
		{"old", func() []*record.Record { return m.evaluate(len(m.sales)) }},
		{"cold", func() []*record.Record { m.x.recent.clear(); return m.evaluate(len(m.sales)) }},
	} {
		var took []float64
		for range 7 {
			took = append(took, float64(m.add(kind.make()...).Microseconds())/1000)
		}
		slices.Sort(took)
		m.ReportMetric(took[len(took)/2], "ms/block-"+kind.name)
		m.ReportMetric(took[0], "ms/block-"+kind.name+"-least")
	}
}

// pages times the first page of the ranking when all scores have to be computed, as after
// the first block of a period, when a block has changed some, and when none has; and an
// explanation.
func (m *benchMarket) pages() {
	r := NewReader(new(views.Views), m.x)
	m.x.board.begin(m.x.board.now, m.x.board.market)
	for _, name := range []string{"ms/page-of-period", "ms/page-after-block", "ms/page"} {
		if name == "ms/page-after-block" {
			m.add(m.evaluate(len(m.sales))...)
		}
		began := clock()
		page, err := r.Sellers(1, 100)
		if err != nil || len(page.Ranked) != 100 {
			m.Fatal(len(page.Ranked), err)
		}
		m.ReportMetric(float64((clock()-began).Microseconds())/1000, name)
	}
	began := clock()
	v, err := newVersions(m.db, int64(m.height-1))
	if err != nil {
		m.Fatal(err)
	}
	at, err := m.x.params.at(v, m.height-1)
	if err == nil {
		_, err = m.x.params.explain(v, at, OfSeller(m.sales[0].seller))
	}
	if err := errorsOf(err, v.Close()); err != nil {
		m.Fatal(err)
	}
	m.ReportMetric(float64((clock()-began).Microseconds())/1000, "ms/explanation")
}
