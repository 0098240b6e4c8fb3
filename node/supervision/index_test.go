package supervision

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/chain/corpus"
	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/views"
)

// of returns the filter for a scope.
func of(s views.Scope) query.Of {
	account, gtin := s.Account(), s.Product()
	switch s {
	case views.OfProduct(gtin):
		return query.Of{Product: &gtin}
	case views.OfSeller(account):
		return query.Of{Seller: &account}
	case views.OfMaker(account):
		return query.Of{Maker: &account}
	case views.OfCarrier(account):
		return query.Of{Carrier: &account}
	}
	return query.Of{}
}

// compare holds all answers against the model.
func (m *naive) compare() {
	m.Helper()
	c, err := m.Coverage()
	m.check(err)
	if !c.Complete() || c.Records != c.RecordsChecked || c.Blocks != uint64(m.tip.Height())+1 {
		m.Fatalf("height %d: coverage %+v", m.tip.Height(), c)
	}
	got := map[record.Type]uint64{}
	var records uint64
	for _, t := range c.Types {
		got[t.Type] = t.Checked
		records += t.Checked
	}
	if !maps.Equal(got, m.types) || records != c.Records {
		m.Fatalf("height %d: %v records, want %v", m.tip.Height(), got, m.types)
	}
	scopes := map[views.Scope]bool{views.All(): true}
	for _, by := range m.counts {
		for scope := range by {
			scopes[scope] = true
		}
	}
	for scope := range scopes {
		counts, err := m.Counts(of(scope))
		m.check(err)
		for s, by := range m.counts {
			if counts[s] != by[scope] {
				m.Fatalf("height %d: %d of series %c of %v, want %d", m.tip.Height(), counts[s], s, scope, by[scope])
			}
		}
		for s, n := range counts {
			if n != m.counts[s][scope] {
				m.Fatalf("height %d: %d of series %c of %v, want %d", m.tip.Height(), n, s, scope, m.counts[s][scope])
			}
		}
	}
	m.compareTimes()
	m.compareOverdue()
}

// compareTimes holds percentiles and the lists behind them against the model.
func (m *naive) compareTimes() {
	m.Helper()
	for x, by := range m.times {
		for scope, want := range by {
			t, err := m.Times(x, of(scope))
			m.check(err)
			if t.Count != uint64(len(want)) || t.Longest != want[len(want)-1] {
				m.Fatalf("height %d: %v of %v: %+v, want %d times up to %d", m.tip.Height(), x, scope, t, len(want), want[len(want)-1])
			}
			for p, got := range map[int]uint32{50: t.P50, 90: t.P90, 99: t.P99} {
				exact := want[(len(want)*p+99)/100-1]
				if got < exact || uint64(got-exact)*finest > uint64(exact) {
					m.Fatalf("height %d: %d %% of %v of %v: %d, want %d", m.tip.Height(), p, x, scope, got, exact)
				}
			}
			var list []uint32
			for _, s := range pages(m.node, 30, func(in query.Range) (query.Page[Timed], error) { return m.Slowest(x, of(scope), in) }) {
				list = append(list, s.Seconds)
			}
			slices.Reverse(list)
			if !slices.Equal(list, want) {
				m.Fatalf("height %d: %v of %v: %v, want %v", m.tip.Height(), x, scope, list, want)
			}
		}
	}
}

// compareOverdue holds overdue claims and their counts against the model.
func (m *naive) compareOverdue() {
	m.Helper()
	list, count := m.overdue(m.params)
	got := map[record.ID]uint64{}
	for _, c := range pages(m.node, 20, func(in query.Range) (query.Page[OverdueClaim], error) { return m.OverdueClaims(query.Of{}, in) }) {
		got[c.ID] = c.Over
		if c.Turn.Role != waitsFor(c.State) || c.Turn.Role == "" {
			m.Fatalf("height %d: the overdue claim %v in state %v waits for %q", m.tip.Height(), c.ID, c.State, c.Turn.Role)
		}
	}
	if !maps.Equal(got, list) {
		m.Fatalf("height %d: overdue %v, want %v", m.tip.Height(), got, list)
	}
	total := map[views.Scope]uint64{views.All(): uint64(len(list))}
	for _, by := range []Group{BySeller, ByProduct, ByMaker} {
		for _, c := range pages(m.node, 2, func(in query.Range) (query.Page[OverdueCount], error) { return m.Overdue(by, in) }) {
			filter := c.Of(by)
			scope, err := m.query.Scope(filter)
			m.check(err)
			total[scope] = c.Count
			var waits uint64
			for _, w := range c.Waits {
				waits += w.Count
			}
			behind := pages(m.node, 50, func(in query.Range) (query.Page[OverdueClaim], error) { return m.OverdueClaims(filter, in) })
			if waits != c.Count || uint64(len(behind)) != c.Count || c.Worst == nil || c.Worst.ID != behind[0].ID {
				m.Fatalf("height %d: %+v, behind it %d", m.tip.Height(), c, len(behind))
			}
		}
	}
	count[views.All()] = uint64(len(list))
	if !maps.Equal(total, count) {
		m.Fatalf("height %d: overdue %v, want %v", m.tip.Height(), total, count)
	}
}

// dump returns all entries of the index.
func (n *node) dump() map[string]string {
	n.Helper()
	all := map[string]string{}
	n.check(n.views.Ask(func(db pebble.Reader, _ views.Tip) error {
		iter, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
		if err != nil {
			return err
		}
		for ok := iter.First(); ok; ok = iter.Next() {
			all[fmt.Sprintf("%q", iter.Key())] = fmt.Sprintf("%x", iter.Value())
		}
		return iter.Close()
	}))
	return all
}

// sameAsScratch compares the index with one that is built anew.
func (n *node) sameAsScratch() {
	n.Helper()
	x := NewIndex(n.params)
	v, err := views.Open("views", views.Options{Chain: n.chain, FS: vfs.NewMem(), Tables: []views.Table{x}})
	n.check(err)
	n.check(v.Update(n.Context()))
	fresh := &node{T: n.T, Reader: NewReader(n.query, v, x)}
	got, want := n.dump(), fresh.dump()
	n.check(v.Close())
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			n.Fatalf("entry %s is %s, built anew %s", key, got[key], want[key])
		}
	}
	if len(got) != len(want) {
		n.Fatalf("%d entries, built anew %d", len(got), len(want))
	}
}

// At the end of every branch, and at heights in between, the answers for a chain of cases
// of all kinds are those of a model that scans the blocks and asks the rules, and the index
// is that built from scratch.
func TestTraffic(t *testing.T) {
	builder, tip := trafficChain()
	rng := rand.New(rand.NewPCG(1, 2))
	n := open(t, builder.Params, builder.Genesis, time.Unix(int64(builder.Params.GenesisTime), 0).Add(24*time.Hour))
	for _, b := range tip.Chain() {
		n.moveTo(b)
		if b.Height()%10 == 0 {
			scan(n, b).compare()
		}
	}
	best := tip
	for i := range 3 {
		from := 20 + rng.Uint32N(30)
		branch := best
		for blocks := int(tip.Height() - from); branch.Work().Cmp(best.Work()) <= 0; blocks++ {
			branch = remix(builder, tip, from, blocks, rng)
		}
		best = branch
		n.moveTo(branch)
		m := scan(n, branch)
		m.compare()
		n.sameAsScratch()
		if i == 0 {
			m.saw(Sales, Evaluations, Claims, Answers, Escalations, Rulings, Orders, Dismissals, Remedies, Defaults)
		}
	}
}

// saw fails if a chain that was meant to have events of some series has none.
func (m *naive) saw(all ...Series) {
	m.Helper()
	for _, s := range all {
		if m.counts[s][views.All()] == 0 {
			m.Errorf("the chain has no event of the series %c", s)
		}
	}
	for _, x := range []Measure{Answer, Execution, Ruling, Carry} {
		if len(m.times[x][views.All()]) == 0 {
			m.Errorf("the chain has no time of the measure %v", x)
		}
	}
	if list, _ := m.overdue(m.params); len(list) == 0 {
		m.Error("no claim is overdue")
	}
}

// The same for the chain of the corpus, which has every kind of record.
func TestCorpus(t *testing.T) {
	c := corpus.Build()
	blocks := c.Tip.Chain()
	n := open(t, c.Params, blocks[0], c.Now)
	n.moveTo(c.Tip)
	m := scan(n, c.Tip)
	m.compare()
	n.sameAsScratch()
	if len(m.types) < len(record.Types()) {
		t.Errorf("the chain has %d types of records, of %d", len(m.types), len(record.Types()))
	}
	m.saw(Corrections, Reached)
}
