package match

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/credit"
	"stele/node/credit/lot"
	"stele/node/ledger/record"
)

// drawOf returns the draw of a query whose network is any bytes.
func drawOf(network, block, query []byte) *lot.Lot {
	return lot.New(slices.Concat([]byte(tag), network, block, query))
}

// The draw is that of another implementation.
func TestVectors(t *testing.T) {
	var all struct {
		Share []struct{ Score, Share uint64 }
		Draw  []struct {
			Network, Block, Query string
			Sellers               []struct{ Number, Score, Standing, Vouchers uint32 }
			Order                 []int
		}
	}
	text, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil || len(all.Share) == 0 || len(all.Draw) == 0 {
		t.Fatal("no vectors", err)
	}
	for _, v := range all.Share {
		if got := share(uint32(v.Score)); got != v.Share {
			t.Errorf("share(%d) = %d, want %d", v.Score, got, v.Share)
		}
	}
	bytes := func(text string) []byte {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, v := range all.Draw {
		var sellers []Seller
		for _, s := range v.Sellers {
			parts := credit.Parts{Standing: s.Standing, Vouchers: s.Vouchers}
			sellers = append(sellers, Seller{Score: s.Score, Newcomer: parts.Newcomer()})
		}
		if got := order(drawOf(bytes(v.Network), bytes(v.Block), bytes(v.Query)), sellers); !slices.Equal(got, v.Order) {
			t.Errorf("block %.4s, query %.4s: %v, want %v", v.Block, v.Query, got, v.Order)
		}
	}
}

// The seed has the network's number, the block and the query, in this order.
func TestSeed(t *testing.T) {
	network := binary.LittleEndian.AppendUint32(nil, 7)
	if got, want := newDraw(7, pow.Hash{1}, Query{2}), drawOf(network, append([]byte{1}, make([]byte, 31)...), append([]byte{2}, make([]byte, 31)...)); *got != *want {
		t.Errorf("lot %+v, want %+v", got, want)
	}
}

// market returns sellers of all kinds.
func market() (sellers []Seller) {
	for i := range 40 {
		sellers = append(sellers, Seller{
			Account: record.Key{byte(i)}, Score: uint32(26000 + (i*7919)%38000), Newcomer: i%5 < 2,
		})
	}
	return sellers
}

// Over 100,000 queries, sellers get the first place by their shares, and newcomers one
// place in ten more. The same holds for the second place, behind a given first one.
func TestFair(t *testing.T) {
	const draws = 100_000
	sellers := market()
	first, second, behind := make([]int, len(sellers)), make([]int, len(sellers)), 0
	leader := 0
	for i := range sellers {
		if sellers[i].Score > sellers[leader].Score {
			leader = i
		}
	}
	for i := range uint64(draws) {
		var q Query
		binary.LittleEndian.PutUint64(q[:], i)
		d := newDraw(1, pow.Hash{1}, q)
		rest := make([]int, len(sellers))
		for i := range rest {
			rest[i] = i
		}
		at := place(d, sellers, rest)
		first[at]++
		if at == leader {
			rest = slices.Delete(rest, at, at+1)
			second[rest[place(d, sellers, rest)]]++
			behind++
		}
	}
	isFair(t, "first place", sellers, first, draws, -1)
	isFair(t, "second place", sellers, second, behind, leader)
}

// isFair compares counts with the chances by a chi-square test. A fair draw fails it once
// in a million.
func isFair(t *testing.T, what string, sellers []Seller, counts []int, draws, without int) {
	t.Helper()
	sum, newcomers := 0.0, 0.0
	for i, s := range sellers {
		if i == without {
			continue
		}
		sum += float64(share(s.Score))
		if s.Newcomer {
			newcomers++
		}
	}
	chi, degrees := 0.0, -1.0
	for i, s := range sellers {
		if i == without {
			if counts[i] > 0 {
				t.Errorf("%s: a seller has two places", what)
			}
			continue
		}
		chance := 0.9 * float64(share(s.Score)) / sum
		if s.Newcomer {
			chance += 0.1 / newcomers
		}
		want := chance * float64(draws)
		chi += (float64(counts[i]) - want) * (float64(counts[i]) - want) / want
		degrees++
	}
	// Wilson and Hilferty: the quantile of 1 - 1e-6 has 4.753 standard deviations.
	limit := degrees * math.Pow(1-2/(9*degrees)+4.753*math.Sqrt(2/(9*degrees)), 3)
	t.Logf("%s: chi-square %.1f with %.0f degrees of freedom, limit %.1f", what, chi, degrees, limit)
	if chi > limit || chi < degrees/4 {
		t.Errorf("%s: the draw is not fair", what)
	}
}

// Each seller has at most one place, and an answer is what a redraw gives, unless
// something in it is changed.
func TestRedraw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Answer{Network: 1, Block: pow.Hash{rapid.Byte().Draw(t, "block")}, Query: Query{rapid.Byte().Draw(t, "query")}}
		n := rapid.IntRange(2, 30).Draw(t, "sellers")
		for i := range n {
			a.Sellers = append(a.Sellers, Seller{
				record.Key{byte(i + 1)}, rapid.Uint32Range(20000, credit.One).Draw(t, "score"), rapid.Bool().Draw(t, "new"),
			})
		}
		a.Draw()
		if got := len(a.Order); got != min(n, Places) {
			t.Fatalf("%d places", got)
		}
		if err := a.Redraw(); err != nil {
			t.Fatal(err)
		}
		i := rapid.IntRange(0, len(a.Order)-2).Draw(t, "place")
		moved := a
		moved.Order = slices.Clone(a.Order)
		moved.Order[i], moved.Order[i+1] = moved.Order[i+1], moved.Order[i]
		short := a
		short.Order = a.Order[:len(a.Order)-1]
		unsorted := a
		unsorted.Sellers = slices.Clone(a.Sellers)
		slices.Reverse(unsorted.Sellers)
		above := a
		above.Sellers = slices.Clone(a.Sellers)
		above.Sellers[0].Score = credit.One + 1
		for name, cheat := range map[string]Answer{"moved": moved, "short": short, "unsorted": unsorted, "above": above} {
			var f *Fault
			if err := cheat.Redraw(); !errors.As(err, &f) {
				t.Errorf("%s: %v", name, err)
			}
		}
		cheats := map[string]func(*Answer){
			"network": func(c *Answer) { c.Network++ },
			"product": func(c *Answer) { c.Product++ },
			"query":   func(c *Answer) { c.Query[1]++ },
			"height":  func(c *Answer) { c.Height++ },
			"block":   func(c *Answer) { c.Block[1]++ },
			"score":   func(c *Answer) { c.Sellers[0].Score-- },
			"new":     func(c *Answer) { c.Sellers[0].Newcomer = !c.Sellers[0].Newcomer },
			"left":    func(c *Answer) { c.Sellers = c.Sellers[1:] },
			"added":   func(c *Answer) { c.Sellers = append(c.Sellers, Seller{Account: record.Key{200}}) },
		}
		for name, change := range cheats {
			cheat := a
			cheat.Sellers = slices.Clone(a.Sellers)
			change(&cheat)
			var f *Fault
			if err := cheat.Compare(&a); !errors.As(err, &f) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := a.Compare(&a); err != nil {
			t.Error(err)
		}
	})
}

func TestEpochAt(t *testing.T) {
	for _, v := range []struct {
		tip, height uint32
		ok          bool
	}{
		{0, 0, false}, {147, 0, false}, {148, 143, true}, {149, 143, true}, {291, 143, true}, {292, 287, true},
	} {
		if height, ok := EpochAt(v.tip); height != v.height || ok != v.ok {
			t.Errorf("EpochAt(%d) = %d, %t; want %d, %t", v.tip, height, ok, v.height, v.ok)
		}
	}
}

func BenchmarkOrder(b *testing.B) {
	var sellers []Seller
	for i := range 1000 {
		sellers = append(sellers, Seller{Account: record.Key{byte(i), byte(i >> 8)}, Score: uint32(30000 + i*30), Newcomer: i%4 == 0})
	}
	for i := 0; b.Loop(); i++ {
		Order(1, pow.Hash{1}, Query{byte(i), byte(i >> 8)}, sellers)
	}
}
