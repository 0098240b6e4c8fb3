package credit

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/chain/corpus"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// remix returns the last block of a branch that leaves the chain of tip at a height. It
// has the same records as far as they are valid, some of them blocks later.
func remix(b *chaintest.Builder, tip *chaintest.Block, from uint32, blocks int, rng *rand.Rand) *chaintest.Block {
	chain := tip.Chain()
	at, waiting := chain[from], []*record.Record(nil)
	for i := range blocks {
		if next := int(from) + 1 + i; next < len(chain) {
			waiting = append(waiting, chain[next].Records[1:]...)
		}
		s := rules.NewState(at.View())
		c := rules.Context{Params: b.Params, Height: at.Height() + 1, MedianTime: at.Node().MedianTime()}
		var taken, later []*record.Record
		for _, r := range waiting {
			if rng.IntN(8) == 0 || rules.Apply(s, c, r) != nil {
				later = append(later, r)
			} else {
				taken = append(taken, r)
			}
		}
		at, waiting = b.Extend(at, taken...), later
	}
	return at
}

// At every height, and after changes of branches, the index of a chain of cases of all
// kinds is that built from scratch, and its numbers are those of a model that asks the
// rules of the ledger.
func TestCases(t *testing.T) {
	builder, tip := trafficChain()
	rng := rand.New(rand.NewPCG(1, 2))
	tips := []*chaintest.Block{tip}
	for range 3 {
		tips = append(tips, remix(builder, tip, 20+rng.Uint32N(30), 5+rng.IntN(20), rng))
	}
	seen := kinds{ends: map[End]int{}}
	seen.checkChain(t, builder.Params, rng, tips...)
	made := corpus.Build()
	seen.checkChain(t, made.Params, rng, made.Tip)
	for seed := range uint64(3) {
		drawn := drawCases(seed, 400)
		seen.checkChain(t, drawn.Params, rng, drawn.Tip)
	}
	for _, ruled := range []bool{false, true} {
		for _, executed := range []bool{false, true} {
			late := arriveLate(ruled, executed)
			seen.checkChain(t, late.Params, rng, late.Tip)
		}
	}
	for end := Settled; end <= Defaulted; end++ {
		if seen.ends[end] == 0 {
			t.Errorf("no claim is %v", end)
		}
	}
	if seen.audits == 0 {
		t.Error("no audit was drawn")
	}
	if seen.moved == 0 || seen.off == 0 {
		t.Errorf("the outcome of %d sales got worse later, and %d were undone", seen.moved, seen.off)
	}
}

// kinds counts what the chains of a test have.
type kinds struct {
	ends       map[End]int
	moved, off int
	audits     int
}

// checkChain compares an index with the model at every height of the first branch, and
// after random changes of branches.
func (k *kinds) checkChain(t *testing.T, p *network.Params, rng *rand.Rand, branches ...*chaintest.Block) {
	const period = 5
	t.Helper()
	c := newTree(p)
	var tips []*link
	for _, b := range branches {
		tips = append(tips, c.addValid(b))
	}
	models := map[pow.Hash]*naive{}
	var model func(l *link) *naive
	model = func(l *link) *naive {
		if l.parent == nil {
			return newNaive(period)
		}
		if models[l.hash] == nil {
			m := model(l.parent).clone()
			m.apply(p, l)
			models[l.hash] = m
		}
		return models[l.hash]
	}
	f := follow(t, c, period)
	defer f.close()
	for _, l := range tips[0].path()[1:] {
		f.moveTo(l)
		model(l).compare(f)
	}
	for range 5 {
		to := tips[rng.IntN(len(tips))]
		f.moveTo(to.ancestor(to.height - rng.Uint32N(to.height/2)))
		model(f.tree.tip).compare(f)
		f.sameAsScratch()
		k.audits += compareAudits(f, model)
	}
	f.moveTo(tips[0])
	k.audits += compareAudits(f, model)
	k.count(f, models[tips[0].hash])
}

// count adds what an index has.
func (k *kinds) count(f *follower, m *naive) {
	f.Helper()
	for id, s := range m.sales {
		if s.home < 0 {
			continue
		}
		if s.now.outcome < 0 {
			k.off++
			continue
		}
		list, err := f.Evidence(OfSeller(s.seller), uint32(s.home), f.tree.tip.height, id, 1)
		if err != nil || len(list) != 1 {
			f.Fatal(len(list), err)
		}
		for end, n := range list[0].Ends {
			k.ends[end] += int(n)
		}
		if list[0].Moved {
			k.moved++
		}
	}
}

// An answer for an earlier height is that of an index that ends there.
func TestEarlierHeights(t *testing.T) {
	const period = 5
	builder, tip := trafficChain()
	c := newTree(builder.Params)
	main := c.addValid(tip)
	f, early := follow(t, c, period), follow(t, newTree(builder.Params), period)
	defer f.close()
	defer early.close()
	early.tree.addValid(tip)
	f.moveTo(main)
	for height := uint32(0); height <= main.height; height += 7 {
		early.moveTo(early.tree.blocks[main.ancestor(height).hash])
		sameRanking(t, height, f.SellersAt, early.Sellers)
		sameRanking(t, height, f.ProductsAt, early.Products)
		for owner, want := range early.scores() {
			got, err := f.Explain(owner, height)
			if err != nil {
				t.Fatal(err)
			}
			if got.Value != want.Value || got.Parts != want.Parts {
				t.Errorf("height %d: %+v, want %+v", height, got.Parts, want.Parts)
			}
		}
	}
	if _, err := f.Explain(OfProduct(1), main.height+1); err == nil {
		t.Error("a score above the chain")
	}
	if _, err := f.SellersAt(main.height+1, 1, 1); !errors.Is(err, ErrHeight) {
		t.Errorf("a ranking above the chain: %v", err)
	}
}

// sameRanking compares the ranking of an earlier height with that of an index that ends
// there.
func sameRanking(t *testing.T, height uint32, earlier func(height uint32, from, limit int) (Ranking, error), now func(from, limit int) (Ranking, error)) {
	t.Helper()
	for _, from := range []int{1, 3} {
		got, err := earlier(height, from, 4)
		want, err2 := now(from, 4)
		if err != nil || err2 != nil || got.At != want.At || got.Total != want.Total || !slices.Equal(got.Ranked, want.Ranked) {
			t.Errorf("height %d: ranking %+v, want %+v; %v, %v", height, got, want, err, err2)
		}
	}
}

// Over many periods with many sellers, the numbers of the market, the window and the
// standing are those of the model, whatever the chain does.
func TestMarkets(t *testing.T) {
	for seed := range uint64(3) {
		const period, sellers = 2, 24
		rng := rand.New(rand.NewPCG(seed, 0))
		c := newTree(network.Main)
		models := map[pow.Hash]*naive{}
		at := c.add(nil, products(5)...)
		models[at.hash] = newNaive(period)
		grow := func(parent *link) *link {
			m := models[parent.hash].clone()
			m.begin(parent.height + 1)
			l := c.add(parent, m.random(rng, sellers, int((parent.height+1)/period))...)
			models[l.hash] = m
			return l
		}
		var all []*link
		for range 60 {
			at = grow(at)
			all = append(all, at)
		}
		f := follow(t, c, period)
		f.moveTo(at)
		if len(models[at.hash].market) == 0 {
			t.Fatal("no period has numbers of its own")
		}
		models[at.hash].compare(f)
		for range 4 {
			at = all[len(all)-1-rng.IntN(20)]
			for range rng.IntN(6) {
				at = grow(at)
				all = append(all, at)
			}
			f.moveTo(at)
			models[at.hash].compare(f)
		}
		f.sameAsScratch()
		f.close()
	}
}

// products registers the products below a number.
func products(below record.GTIN) (records []*record.Record) {
	for gtin := range below {
		records = append(records, by(key(1001), record.ProductRegister{Time: 1, GTIN: gtin}))
	}
	return records
}

// random makes sales and evaluations, and applies them.
func (n *naive) random(rng *rand.Rand, sellers uint32, period int) (records []*record.Record) {
	for s := range sellers {
		if rng.IntN(3) == 0 {
			continue
		}
		price := record.Amount(rng.IntN(300)) * 10_000_000
		issue := by(key(s), record.VoucherIssue{Time: 1, GTIN: record.GTIN(s % 5), Serial: "A", Buyer: key(1000), Price: price})
		scores := [3]uint8{}
		for i := range scores {
			scores[i] = uint8(1 + rng.IntN(5))
			if rng.Uint32N(sellers) > s {
				scores[i] = 5
			}
		}
		records = append(records, issue, by(key(1000), record.Evaluate{Voucher: issue.ID(), Product: scores[0], Service: scores[1], Logistics: scores[2]}))
		sale := &naiveSale{seller: key(s), gtin: record.GTIN(s % 5), price: price, sold: uint32(period), now: outlook{outcome: -1}, home: -1}
		sale.see(outlook{outcome: (int(scores[0]) + int(scores[1]) + int(scores[2]) - 3) * 8}, period)
		n.sales[issue.ID()] = sale
	}
	return records
}
