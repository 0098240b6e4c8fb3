package credit

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"stele/node/ledger/record"
)

// full makes TestAttacks use many markets and print the table of docs/credit.md: make
// attack-table.
var full = flag.Bool("attacks", false, "run all attacks on many markets and print their table")

// The market of the attacks: 200 sellers with quality Beta(6, 2), 16,000 sales in 26
// periods, volumes and prices lognormal. docs/credit.md says what is measured.
const (
	marketSellers = 200
	marketSales   = 16_000
	marketPeriods = Window
)

// trade is a sale of the market.
type trade struct {
	seller int
	period uint32
	price  float64 // coins
	scores uint8   // sum of three; 0: none
	end    End
	off    bool // returned without a reason
}

// bazaar is a market of sellers of known quality.
type bazaar struct {
	rng     *rand.Rand
	quality []float64
	level   []float64 // usual price
	trades  []trade
}

func gauss(rng *rand.Rand, sigma float64) float64 { return math.Exp(sigma * rng.NormFloat64()) }

// gamma draws from a gamma distribution with a whole shape.
func gamma(rng *rand.Rand, shape int) (sum float64) {
	for range shape {
		sum += rng.ExpFloat64()
	}
	return sum
}

func newBazaar(seed uint64) *bazaar {
	m := &bazaar{rng: rand.New(rand.NewPCG(seed, 1))}
	var volume []float64
	total := 0.0
	for range marketSellers {
		a, b := gamma(m.rng, 6), gamma(m.rng, 2)
		m.quality = append(m.quality, a/(a+b))
		m.level = append(m.level, gauss(m.rng, 0.8))
		total += gauss(m.rng, 1)
		volume = append(volume, total)
	}
	for range marketSales {
		at, _ := slices.BinarySearch(volume, m.rng.Float64()*total)
		m.sell(at, m.quality[at], uint32(m.rng.IntN(marketPeriods)), m.level[at]*gauss(m.rng, 0.5))
	}
	return m
}

// clone returns a copy to which an attack can add.
func (m *bazaar) clone() *bazaar {
	c := *m
	c.rng = rand.New(rand.NewPCG(7, 7))
	c.quality, c.level, c.trades = slices.Clone(m.quality), slices.Clone(m.level), slices.Clone(m.trades)
	return &c
}

// pick draws a value with its chance.
func pick(rng *rand.Rand, values []uint8, chances []float64) uint8 {
	r := rng.Float64()
	for i, chance := range chances {
		if r -= chance; r < 0 {
			return values[i]
		}
	}
	return values[len(values)-1]
}

// sell adds a real sale of a quality: who is content speaks less and claims seldom.
func (m *bazaar) sell(seller int, quality float64, period uint32, price float64) {
	t, rng := trade{seller: seller, period: period, price: price}, m.rng
	chance := func(p float64) bool { return rng.Float64() < p }
	good := chance(quality)
	scores := pick(rng, []uint8{3, 4, 6, 8}, []float64{0.35, 0.25, 0.25, 0.15})
	speaks, claims, handled := chance(0.6), chance(0.5), chance(min(1, quality+0.1))
	if good {
		scores = pick(rng, []uint8{15, 14, 13, 12}, []float64{0.6, 0.2, 0.15, 0.05})
		speaks, claims, handled = chance(0.4), chance(0.01), chance(0.97)
	}
	switch {
	case claims && handled:
		t.end = Settled
		scores = max(scores, 9) // amended
	case claims && chance(0.6) && chance(0.9): // escalated, and ruled for the holder
		if t.end = Ordered; chance(0.4 * (1 - quality)) {
			t.end = Defaulted
		}
	}
	if speaks {
		t.scores = scores
	}
	m.trades = append(m.trades, t)
}

// flood adds praised sales that never were, over the last months.
func (m *bazaar) flood(seller, n int, price float64, months int) {
	for i := range n {
		m.trades = append(m.trades, trade{seller: seller, period: uint32(marketPeriods - 1 - i%(2*months)), price: price, scores: 15})
	}
}

// scores returns the score of each seller at the end, with the numbers of the market as
// each period fixes them.
func (m *bazaar) scores() []uint32 {
	n := len(m.quality)
	by := make([][marketPeriods]Bucket, n)
	for _, t := range m.trades {
		v := voucher{Weight: mainParams.Weight(record.Amount(t.price * float64(record.Coin))), Home: never}
		v.change(t.period, func(v *voucher) {
			v.Scores, v.Off = t.scores, t.off
			if t.end != NoEnd {
				v.Ends[t.end] = 1
			}
		})
		by[t.seller][t.period].add(v.share(), 1)
	}
	buckets := make([][]PeriodBucket, n)
	for i := range by {
		for period := range uint32(marketPeriods) {
			if b := by[i][period]; b.Vouchers > 0 {
				buckets[i] = append(buckets[i], PeriodBucket{period, b})
			}
		}
	}
	market, parts := startMarket, make([]Parts, n)
	for now := range uint32(marketPeriods) {
		if now > 0 {
			market = MarketOf(parts)
		}
		for i := range parts {
			parts[i] = mainParams.Score(now, market, buckets[i])
		}
	}
	values := make([]uint32, n)
	for i := range parts {
		values[i] = parts[i].Value
	}
	return values
}

// rank returns the place of a seller, 1 for the best.
func (m *bazaar) rank(seller int) float64 {
	values, place := m.scores(), 1.0
	for i, v := range values {
		if v > values[seller] || v == values[seller] && i < seller {
			place++
		}
	}
	return place
}

// spearman returns the correlation of the ranks by score with those by true quality.
func (m *bazaar) spearman() float64 {
	values := m.scores()
	ranks := func(less func(a, b int) bool) []float64 {
		order := make([]int, len(values))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(a, b int) int {
			switch {
			case less(a, b):
				return -1
			case less(b, a):
				return 1
			}
			return 0
		})
		rank := make([]float64, len(values))
		for place, i := range order {
			rank[i] = float64(place)
		}
		return rank
	}
	a, b := ranks(func(a, b int) bool { return values[a] < values[b] }), ranks(func(a, b int) bool { return m.quality[a] < m.quality[b] })
	sum, n := 0.0, float64(len(values))
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return 1 - 6*sum/(n*(n*n-1))
}

// among returns the seller of middle volume among some places by quality, the worst first.
func (m *bazaar) among(from, to int) int {
	order, volume := make([]int, marketSellers), make([]int, marketSellers)
	for i := range order {
		order[i] = i
	}
	for _, t := range m.trades {
		volume[t.seller]++
	}
	slices.SortFunc(order, func(a, b int) int { return int(math.Copysign(1, m.quality[a]-m.quality[b])) })
	some := order[from:to]
	slices.SortFunc(some, func(a, b int) int { return volume[a] - volume[b] })
	return some[len(some)/2]
}

// bad is the attacker, good is a seller among the best.
func (m *bazaar) bad() int  { return m.among(0, 10) }
func (m *bazaar) good() int { return m.among(marketSellers-30, marketSellers-10) }

// alone takes all sales of a seller away.
func (m *bazaar) alone(seller int) {
	m.trades = slices.DeleteFunc(m.trades, func(t trade) bool { return t.seller == seller })
}

// newcomer adds a seller.
func (m *bazaar) newcomer() int {
	m.quality, m.level = append(m.quality, 0.92), append(m.level, 1)
	return len(m.quality) - 1
}

// attack is a row of the table: what somebody does, and whose rank is measured.
type attack struct {
	name string
	do   func(m *bazaar) (whose int)
	// Bounds of the mean rank: what keeps the method honest.
	least, most float64
	slow        bool // only in the full table
}

func flooded(n int, price float64, months int) func(*bazaar) int {
	return func(m *bazaar) int {
		s := m.bad()
		if price == 0 {
			m.flood(s, n, m.level[s], months)
		} else {
			m.flood(s, n, price, months)
		}
		return s
	}
}

func honestNewcomer(sales, periods int) func(*bazaar) int {
	return func(m *bazaar) int {
		s := m.newcomer()
		for range sales {
			m.sell(s, 0.92, uint32(marketPeriods-1-m.rng.IntN(periods)), gauss(m.rng, 0.5))
		}
		return s
	}
}

func betrayal(periods int) func(*bazaar) int {
	return func(m *bazaar) int {
		s := m.good()
		m.alone(s)
		for period := range uint32(marketPeriods) {
			sales, quality := 8, 0.95
			if int(period) >= marketPeriods-periods {
				sales, quality = 24, 0.3
			}
			for range sales {
				m.sell(s, quality, period, m.level[s]*gauss(m.rng, 0.5))
			}
		}
		return s
	}
}

func newName(months int) func(*bazaar) int {
	return func(m *bazaar) int {
		s := m.newcomer()
		m.flood(s, 5000, 1, months)
		return s
	}
}

// attacks are the rows of the table in docs/credit.md.
var attacks = []attack{
	{name: "no attack", do: flooded(0, 1, 1), least: 150, most: 201},
	{name: "5,000 invented sales in a month", do: flooded(5000, 0, 1), least: 145, most: 201},
	{name: "5,000 of the cheapest in a month", do: flooded(5000, 0.1, 1), least: 145, most: 201},
	{name: "5,000 invented sales in four months", do: flooded(5000, 0, 4), least: 95, most: 201},
	{name: "5,000 of the cheapest in six months", do: flooded(5000, 0.1, 6), least: 90, most: 201},
	{name: "5,000 invented sales in six months", do: flooded(5000, 0, 6), slow: true},
	{name: "5,000 invented sales in nine months", do: flooded(5000, 0, 9), slow: true},
	{name: "20,000 invented sales in a month", do: flooded(20_000, 0, 1), least: 145, most: 201, slow: true},
	{name: "200 camouflaged by real purchases elsewhere", do: func(m *bazaar) int {
		s := m.bad()
		for range 600 {
			shop := m.rng.IntN(marketSellers)
			m.sell(shop, m.quality[shop], uint32(marketPeriods-1-m.rng.IntN(3)), 0.4*m.level[shop])
		}
		m.flood(s, 200, m.level[s], 1)
		return s
	}, least: 145, most: 201},
	{name: "a ring of the ten worst, 200 sales each", do: func(m *bazaar) int {
		s := m.bad()
		order := make([]int, marketSellers)
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(a, b int) int { return int(math.Copysign(1, m.quality[a]-m.quality[b])) })
		for _, member := range order[:10] {
			m.flood(member, 200, m.level[s], 1)
		}
		return s
	}, least: 145, most: 201},
	{name: "betrayal, before", do: betrayal(0), most: 40},
	{name: "betrayal, after one month", do: betrayal(2), slow: true},
	{name: "betrayal, after two months", do: betrayal(4), least: 150, most: 201},
	{name: "25 dear bad sales behind 200 cheap good ones", do: func(m *bazaar) int {
		s := m.good()
		m.alone(s)
		for range 200 {
			m.sell(s, 0.98, uint32(m.rng.IntN(marketPeriods)), 0.1*gauss(m.rng, 0.5))
		}
		for range 25 {
			m.sell(s, 0.25, uint32(marketPeriods-1-m.rng.IntN(8)), 8*gauss(m.rng, 0.5))
		}
		return s
	}, least: 145, most: 201},
	{name: "a new name, flooded for a month", do: newName(1), slow: true},
	{name: "a new name, flooded for three months", do: newName(3), slow: true},
	{name: "a new name, flooded for six months", do: newName(6), slow: true},
	{name: "honest newcomer, 10 sales in two weeks", do: honestNewcomer(10, 1), slow: true},
	{name: "honest newcomer, 100 sales in two months", do: honestNewcomer(100, 4), slow: true},
	{name: "honest newcomer, 200 sales in half a year", do: honestNewcomer(200, 13), most: 70},
}

// The score orders honest sellers by their quality, and attacks move it no more than
// docs/credit.md says. Returned goods lower nobody.
func TestAttacks(t *testing.T) {
	seeds := uint64(6)
	if *full {
		seeds = 48
	}
	var markets []*bazaar
	agreement, least, most := 0.0, 1.0, 0.0
	for seed := range seeds {
		m := newBazaar(seed)
		markets = append(markets, m)
		one := m.spearman()
		agreement, least, most = agreement+one/float64(seeds), min(least, one), max(most, one)
	}
	t.Logf("Spearman %.3f, of single markets %.3f to %.3f", agreement, least, most)
	if agreement < 0.69 {
		t.Errorf("the score agrees with the quality by %.3f only", agreement)
	}
	for _, a := range attacks {
		if a.slow && !*full {
			continue
		}
		mean := 0.0
		for _, m := range markets {
			c := m.clone()
			whose := a.do(c)
			mean += c.rank(whose) / float64(seeds)
		}
		if *full {
			fmt.Printf("| %s | %.0f |\n", a.name, mean)
		}
		if a.most > 0 && (mean < a.least || mean > a.most) {
			t.Errorf("%s: rank %.0f, want %.0f to %.0f", a.name, mean, a.least, a.most)
		}
	}
	for _, m := range markets {
		c := m.clone()
		s, before := c.good(), m.scores()
		for range 200 {
			c.trades = append(c.trades, trade{seller: s, period: marketPeriods - 1, price: m.level[s], scores: 3, off: true})
		}
		if after := c.scores(); after[s] != before[s] {
			t.Errorf("returned goods move a score from %d to %d", before[s], after[s])
		}
	}
}
