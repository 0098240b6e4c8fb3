package supervision

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

// market is a market of the benchmarks: it says of every voucher who sold it, by its id.
type market struct{}

const (
	benchSellers  = 10_000
	benchProducts = 2000
)

// key returns the key of a number.
func key(n uint32) (k record.Key) {
	binary.BigEndian.PutUint32(k[:], n)
	k[31] = 1
	return k
}

func (market) Account(k record.Key) (record.Key, error) { return k, nil }

func (market) Subject(record.ID) (views.Subject, error) { return views.Subject{}, nil }

// Sale is that of a few large sellers and many small ones.
func (market) Sale(id record.ID) (views.Sale, error) {
	x := binary.BigEndian.Uint32(id[:]) % benchSellers
	product := binary.BigEndian.Uint32(id[4:]) % benchProducts
	return views.Sale{Seller: key(x * x / benchSellers), GTIN: record.GTIN(1 + product), Maker: key(1 << 20 / (1 + product))}, nil
}

// builder makes an index from blocks of records that nobody checks.
type builder struct {
	*testing.B
	db     *pebble.DB
	x      *Index
	rng    *rand.Rand
	height uint32
	median uint32
	seq    uint64
	open   []record.ID // claims that are not answered
	agreed []record.ID
	ruled  []record.ID // claims that wait for a ruling
}

// quiet drops the messages of Pebble, and fails where it gives up.
type quiet struct{ *testing.B }

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}

func newBuilder(b *testing.B) *builder {
	b.Helper()
	o := &pebble.Options{Logger: quiet{b}, FS: vfs.NewMem(), DisableWAL: true, FormatMajorVersion: pebble.FormatValueSeparation, MemTableSize: 16 << 20, CacheSize: 32 << 20}
	o.EnsureDefaults()
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open("index", o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	return &builder{B: b, db: db, x: NewIndex(network.Main), rng: rand.New(rand.NewPCG(1, 2)), median: 1_700_000_000}
}

func (b *builder) by(p record.Payload) *record.Record {
	b.seq++
	return record.New(record.Record{Network: 1, Version: 1, Seq: b.seq, Key: key(1), Payload: p})
}

// take removes some random ids from a list.
func (b *builder) take(from *[]record.ID, n int) (taken []record.ID) {
	for range min(n, len(*from)) {
		i := b.rng.IntN(len(*from))
		taken = append(taken, (*from)[i])
		last := len(*from) - 1
		(*from)[i], *from = (*from)[last], (*from)[:last]
	}
	return taken
}

// block adds a block with a number of sales, a fifth as many claims, and what becomes of
// earlier ones.
func (b *builder) block(sales int) {
	var records []*record.Record
	file := func(p record.Payload) record.ID {
		r := b.by(p)
		records = append(records, r)
		return r.ID()
	}
	for i := range sales {
		id := file(record.VoucherIssue{Time: 1, GTIN: 1, Serial: "A"})
		if i%5 == 0 {
			b.open = append(b.open, file(record.ClaimOpen{Time: 1, Voucher: id, Ground: record.Fault, Remedy: record.Repair}))
		}
	}
	for i, id := range b.take(&b.open, sales/5-sales/50) {
		if i%8 == 0 {
			file(record.ClaimRespond{Time: 1, Claim: id, Action: record.Reject, Cause: record.Misuse})
			file(record.ClaimEscalate{Time: 1, Claim: id})
			b.ruled = append(b.ruled, id)
			continue
		}
		file(record.ClaimRespond{Time: 1, Claim: id, Action: record.Authorise, Remedy: record.Repair})
		b.agreed = append(b.agreed, id)
	}
	for _, id := range b.take(&b.ruled, sales/50) {
		file(record.Ruling{Time: 1, Subject: record.OnClaim, ID: id, Outcome: record.Ordered, Remedy: record.Repair, ExecuteDays: uint16(1 + b.rng.IntN(9))})
	}
	for _, id := range b.take(&b.agreed, sales/6) {
		file(record.SettleExecute{Time: 1, Claim: id, Remedy: record.Repair})
	}
	before := b.median
	b.median += 3600 + b.rng.Uint32N(7200)
	step, err := b.x.index(b.db, &aBlock{records: records, height: b.height, median: b.median, before: before, known: market{}})
	if err != nil {
		b.Fatal(err)
	}
	b.height++
	batch := b.db.NewBatch()
	for _, e := range step.added {
		if err := batch.Set(e.Key, e.Value, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := batch.Commit(pebble.NoSync); err != nil {
		b.Fatal(err)
	}
	b.x.remember(step)
}

// BenchmarkQuestions asks an index of many vouchers what the API asks. The index is built
// through the table's own code, without a chain. What an answer reads of the chain is not
// in it: at most a page of records.
func BenchmarkQuestions(b *testing.B) {
	for _, vouchers := range []int{20_000, 1_000_000} {
		b.Run(fmt.Sprint(vouchers), func(b *testing.B) {
			m := newBuilder(b)
			for range vouchers / 1000 {
				m.block(1000)
			}
			v, err := views.NewVersions(m.db, prefix, int64(m.height))
			if err != nil {
				b.Fatal(err)
			}
			defer v.Close()
			questions(b, m.db, v, heights{0, m.height}, heights{m.height / 4, m.height / 2})
		})
	}
}

// questions times each question.
func questions(b *testing.B, db pebble.Reader, v *views.Versions, whole, part heights) {
	seller := views.OfSeller(key(0))
	page := func(list []byte, at heights) error {
		entries, err := listIn(db, list, store.Place{}, at, 51)
		if err == nil && len(entries) == 0 {
			err = fmt.Errorf("the list is empty")
		}
		return err
	}
	for _, q := range []struct {
		name string
		ask  func() error
	}{
		{"coverage", func() error {
			for _, t := range record.Types() {
				if _, err := counter(v, counterName(records, t, views.All()), whole); err != nil {
					return err
				}
			}
			return nil
		}},
		{"counts", func() error { _, err := countsIn(v, views.All(), whole); return err }},
		{"counts-seller-span", func() error { _, err := countsIn(v, seller, part); return err }},
		{"response-times", func() error { return threeTimes(v, views.All(), whole) }},
		{"response-times-span", func() error { return threeTimes(v, views.All(), part) }},
		{"response-times-seller", func() error { return threeTimes(v, seller, whole) }},
		{"slowest", func() error {
			_, _, err := slowestIn(db, timesName(Answer, views.All()), timeKey(Answer, views.All(), 0, lastPlace), whole, 50)
			return err
		}},
		{"slowest-of-one-block", func() error { // reads as many as one page may
			_, _, err := slowestIn(db, timesName(Answer, views.All()), timeKey(Answer, views.All(), 0, lastPlace), heights{whole.to - 1, whole.to - 1}, 200)
			return err
		}},
		{"rulings", func() error { return page(listName(Rulings, views.All()), whole) }},
		{"rulings-span", func() error { return page(listName(Rulings, views.All()), part) }},
		{"defaults", func() error { return page(listName(Defaults, views.All()), whole) }},
	} {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				if err := q.ask(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// threeTimes asks as ResponseTimes does.
func threeTimes(v *views.Versions, of views.Scope, in heights) error {
	for _, m := range []Measure{Answer, Execution, Ruling} {
		if _, err := timesIn(v, m, of, in); err != nil {
			return err
		}
	}
	return nil
}
