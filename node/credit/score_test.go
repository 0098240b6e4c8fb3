package credit

import (
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// mainParams are the numbers of the main network.
var mainParams = ParamsOf(network.Main)

// vectors have small inputs, and what another implementation computes of them.
type vectors struct {
	Weight []struct {
		Price  uint64
		Weight uint64
	}
	Upper  []struct{ N, S, Bound uint64 }
	Lowest []struct {
		Means []uint32
		Mean  uint32
	}
	Score []struct {
		Name    string
		Now     uint32
		Records []struct {
			Period, Voucher uint32
			Price           *uint64
			Scores          uint8
			End             string
		}
		Score uint32
		Parts struct {
			Usual                                             uint64
			Core, Whole, Recent, Claims, Sat, Age, Prior, Low uint32
			Running                                           *uint32
			Periods                                           [][2]uint32
		}
	}
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVectorsOfParts(t *testing.T) {
	all := readVectors(t)
	if len(all.Weight) == 0 || len(all.Upper) == 0 || len(all.Lowest) == 0 {
		t.Fatal("vectors are missing")
	}
	for _, v := range all.Weight {
		if got := mainParams.Weight(record.Amount(v.Price)); got != v.Weight {
			t.Errorf("weight of %d: %d, want %d", v.Price, got, v.Weight)
		}
	}
	for _, v := range all.Upper {
		if got := upper(v.N, v.S); uint64(got) != v.Bound {
			t.Errorf("upper(%d, %d) = %d, want %d", v.N, v.S, got, v.Bound)
		}
	}
	for _, v := range all.Lowest {
		if got := lowest(v.Means); got != v.Mean {
			t.Errorf("lowest(%v) = %d, want %d", v.Means, got, v.Mean)
		}
		sum := uint64(0)
		for i, n := range Fifths(v.Means) {
			sum += uint64(n) * uint64(v.Means[i])
		}
		if got := uint32(sum / uint64(taken*len(v.Means))); got != v.Mean {
			t.Errorf("the fifths of %v give %d, want %d", v.Means, got, v.Mean)
		}
	}
}

func TestVectorsOfScores(t *testing.T) {
	for _, v := range readVectors(t).Score {
		b := newBook(mainParams)
		for _, r := range v.Records {
			sale := b.sales[r.Voucher]
			if r.Price != nil {
				b.sell(r.Voucher, record.Amount(*r.Price))
				continue
			}
			sale.change(r.Period, func(sale *voucher) {
				if r.End != "" {
					sale.Ends[slices.Index(endWords, r.End)+1]++
				} else {
					sale.Scores = r.Scores
				}
			})
		}
		parts, past := mainParams.score(v.Now, startMarket, b.buckets())
		want := v.Parts
		got := [...]uint32{parts.Value, parts.Core, parts.Whole, parts.Recent, parts.Claims, parts.Satisfied, parts.Standing, startMarket.Prior, startMarket.Low}
		if wanted := [...]uint32{v.Score, want.Core, want.Whole, want.Recent, want.Claims, want.Sat, want.Age, want.Prior, want.Low}; got != wanted {
			t.Errorf("%s: score and parts %v, want %v", v.Name, got, wanted)
		}
		if parts.Usual != want.Usual || parts.InRunning != (want.Running != nil) || parts.InRunning && parts.Running != *want.Running {
			t.Errorf("%s: usual %d, running %d; want %d, %v", v.Name, parts.Usual, parts.Running, want.Usual, want.Running)
		}
		for i, p := range want.Periods {
			if past.of[i] != p[1] {
				t.Errorf("%s: mean of period %d is %d, want %d", v.Name, p[0], past.of[i], p[1])
			}
		}
	}
}

// book holds the sales of one seller.
type book struct {
	params Params
	sales  map[uint32]*voucher
}

func newBook(p Params) *book { return &book{p, map[uint32]*voucher{}} }

func (b *book) sell(id uint32, price record.Amount) *voucher {
	b.sales[id] = &voucher{Weight: b.params.Weight(price), Home: never}
	return b.sales[id]
}

// buckets adds the sales up.
func (b *book) buckets() (all []PeriodBucket) {
	by := map[uint32]Bucket{}
	for _, v := range b.sales {
		if share := v.share(); share.Vouchers > 0 {
			sum := by[v.Home]
			sum.add(share, 1)
			by[v.Home] = sum
		}
	}
	for period, bucket := range by {
		all = append(all, PeriodBucket{period, bucket})
	}
	slices.SortFunc(all, func(a, b PeriodBucket) int { return int(a.Period) - int(b.Period) })
	return all
}

// The best evaluation in the running period lowers no part of a score, and the worst
// one raises none.
func TestMonotone(t *testing.T) {
	prices := []record.Amount{1_000_000, 100_000_000, 3_000_000_000}
	rapid.Check(t, func(t *rapid.T) {
		const now = 9
		b := newBook(mainParams)
		for i := range rapid.Uint32Range(1, 60).Draw(t, "sales") {
			v := b.sell(i, rapid.SampledFrom(prices).Draw(t, "price"))
			scores := uint8(rapid.IntRange(3, 15).Draw(t, "scores"))
			v.change(rapid.Uint32Range(0, now).Draw(t, "period"), func(v *voucher) { v.Scores = scores })
			if rapid.IntRange(0, 9).Draw(t, "claim") == 0 {
				end := rapid.SampledFrom([]End{Settled, Ordered}).Draw(t, "end")
				v.change(v.Home, func(v *voucher) { v.Ends[end]++ })
			}
		}
		before, _ := mainParams.score(now, startMarket, b.buckets())
		if all := b.buckets(); all[0].Period == now {
			return // without a closed period the usual weight and the standing are not fixed
		}
		v, best := b.sell(1000, rapid.SampledFrom(prices).Draw(t, "price")), rapid.Bool().Draw(t, "best")
		v.change(now, func(v *voucher) {
			v.Scores = 3
			if best {
				v.Scores = 15
			}
		})
		after, _ := mainParams.score(now, startMarket, b.buckets())
		for _, part := range [...]struct {
			name          string
			before, after uint32
		}{
			{"score", before.Value, after.Value},
			{"core", before.Core, after.Core},
			{"whole", before.Whole, after.Whole},
			{"recent", before.Recent, after.Recent},
			{"claims", before.Claims, after.Claims},
		} {
			if best && part.after < part.before || !best && part.after > part.before {
				t.Errorf("best %v: %s goes from %d to %d", best, part.name, part.before, part.after)
			}
		}
	})
}

// The bound is that of exact arithmetic.
func TestUpperIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(0, 1<<45).Draw(t, "n")
		s := rapid.Uint64Range(0, n).Draw(t, "s")
		one := big.NewInt(One)
		bn, bs := big.NewInt(int64(n+2*One)), big.NewInt(int64(s+2*One))
		spread := new(big.Int).Sub(bn, bs)
		spread.Mul(spread, bs).Div(spread, bn).Mul(spread, one).Add(spread, big.NewInt(One*One/4))
		want := spread.Sqrt(spread)
		want.Add(want, bs).Add(want, big.NewInt(One/2)).Mul(want, one).Div(want, bn.Add(bn, one))
		if got := upper(n, s); uint64(got) != want.Uint64() {
			t.Errorf("upper(%d, %d) = %d, want %v", n, s, got, want)
		}
	})
}

// Where a sale counts follows the outcome down, but not up.
func TestHome(t *testing.T) {
	v := &voucher{Home: never}
	v.change(1, func(*voucher) {})
	if v.Home != never || v.share() != (Bucket{}) {
		t.Error("a sale that nobody evaluated counts")
	}
	for _, step := range []struct {
		change        func()
		now           uint32
		home, outcome uint32
	}{
		{func() { v.Scores = 9 }, 2, 2, One / 2},
		{func() { v.Scores = 15 }, 3, 2, One},
		{func() { v.Ends[Settled]++ }, 5, 5, One - One/8},
		{func() { v.Ends[Settled]-- }, 6, 5, One},
		{func() { v.Ends[Defaulted]++ }, 7, 7, 0},
		{func() { v.Off = true }, 8, 7, none},
	} {
		v.change(step.now, func(*voucher) { step.change() })
		if v.Home != step.home || v.outcome() != step.outcome {
			t.Errorf("period %d: home %d, outcome %d; want %d, %d", step.now, v.Home, v.outcome(), step.home, step.outcome)
		}
	}
	if v.share() != (Bucket{}) {
		t.Error("a sale that was undone counts")
	}
}

func TestMarketOf(t *testing.T) {
	var all []Parts
	for i := range uint32(established - 1) {
		all = append(all, Parts{Standing: Full, Whole: 1000 + i, Core: 500 + i})
	}
	all = append(all, Parts{Standing: Full - 1, Whole: 1, Core: 1})
	if got := MarketOf(all); got != startMarket {
		t.Errorf("with 19 sellers: %v", got)
	}
	all = append(all, Parts{Standing: Full, Whole: 5000, Core: 5000})
	if got, want := MarketOf(all), (Market{1004, 504}); got != want {
		t.Errorf("with 20 sellers: %v, want %v", got, want)
	}
}
