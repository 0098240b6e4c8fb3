package credit

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"
	"testing"

	"stele/engine/pow"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// naiveAudit draws from weights as docs/credit.md has it. It returns an index and the
// number drawn.
func naiveAudit(network uint32, block pow.Hash, seller record.Key, weights []uint64) (int, uint64) {
	sum := new(big.Int)
	for _, w := range weights {
		sum.Add(sum, new(big.Int).SetUint64(w))
	}
	seed := sha256.Sum256(slices.Concat([]byte("stele/audit/v1"), binary.LittleEndian.AppendUint32(nil, network), block[:], seller[:]))
	all := new(big.Int).Lsh(big.NewInt(1), 64)
	limit := new(big.Int).Sub(all, new(big.Int).Mod(all, sum))
	for i := uint64(0); ; i++ {
		hash := sha256.Sum256(binary.LittleEndian.AppendUint64(seed[:], i))
		r := new(big.Int).SetUint64(binary.LittleEndian.Uint64(hash[:8]))
		if r.Cmp(limit) >= 0 {
			continue
		}
		drawn := r.Mod(r, sum).Uint64()
		end := new(big.Int)
		for at, w := range weights {
			if end.Add(end, new(big.Int).SetUint64(w)).Cmp(new(big.Int).SetUint64(drawn)) > 0 {
				return at, drawn
			}
		}
	}
}

// compareAudits compares the audits of all periods with those that the model draws at the
// end of each. It returns how many there are.
func compareAudits(f *follower, model func(*link) *naive) (count int) {
	f.Helper()
	p := f.index.params
	tip := f.tree.tip
	for period := uint32(0); ; period++ {
		end := (period+1)*p.Period - 1
		got, err := f.Audits(period)
		if end+6 > tip.height {
			if !errors.Is(err, ErrNotDrawn) || p.DrawnPeriods(tip.height) != period {
				f.Fatalf("height %d: period %d: %v, and %d are drawn", tip.height, period, err, p.DrawnPeriods(tip.height))
			}
			return count
		}
		if err != nil {
			f.Fatal(err)
		}
		bySeller := map[record.Key][]record.ID{}
		sales := model(tip.ancestor(end)).sales
		for id, s := range sales {
			if s.now.outcome >= 0 && s.home == int(period) {
				bySeller[s.seller] = append(bySeller[s.seller], id)
			}
		}
		if len(got) != len(bySeller) || !slices.IsSortedFunc(got, func(a, b Audit) int { return bytes.Compare(a.Seller[:], b.Seller[:]) }) {
			f.Fatalf("period %d: %d audits, want %d in order", period, len(got), len(bySeller))
		}
		for _, a := range got {
			ids := bySeller[a.Seller]
			slices.SortFunc(ids, func(a, b record.ID) int { return bytes.Compare(a[:], b[:]) })
			var weights []uint64
			sum := uint64(0)
			for _, id := range ids {
				weights = append(weights, min(max(uint64(sales[id].price)*5/1000, 100_000), 6_400_000))
				sum += weights[len(weights)-1]
			}
			at, drawn := naiveAudit(f.index.network, tip.ancestor(end+6).hash, a.Seller, weights)
			if want := (Audit{period, a.Seller, ids[at], len(ids), sum, drawn}); a != want {
				f.Fatalf("period %d: %+v, want %+v", period, a, want)
			}
			count++
		}
		f.pages(period, got)
	}
}

// pages reads audits page by page, and one by one.
func (f *follower) pages(period uint32, want []Audit) {
	f.Helper()
	var all []Audit
	for from, more := (record.Key{}), true; more; {
		page, err := f.AuditPage(period, from, 2)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, page.Audits...)
		from, more = page.Next, page.More
	}
	if !slices.Equal(all, want) {
		f.Fatalf("period %d: in pages %v, want %v", period, all, want)
	}
	for _, a := range want {
		one, err := f.AuditOf(period, a.Seller)
		if err != nil || len(one.Audits) != 1 || one.Audits[0] != a {
			f.Fatalf("%v: %v %v", a, one, err)
		}
	}
	if none, err := f.AuditOf(period, record.Key{7}); err != nil || len(none.Audits) > 0 {
		f.Fatalf("an audit of nobody: %v %v", none, err)
	}
}

// The draw is that of another implementation, in another language.
func TestAuditVectors(t *testing.T) {
	many := make([]uint64, 1000)
	for i := range many {
		many[i] = 1
	}
	for _, v := range []struct {
		network       uint32
		block, seller byte
		weights       []uint64
		index         int
		drawn         uint64
	}{
		{1, 1, 2, []uint64{100000}, 0, 84311},
		{1, 1, 2, []uint64{100000, 6400000, 250000}, 1, 184311},
		{2, 1, 2, []uint64{100000, 6400000, 250000}, 1, 4687164},
		{1, 3, 2, many, 282, 282},
		{1, 1, 4, []uint64{1 << 62, 1 << 62, 1<<62 + 1}, 2, 10751508718856315432},
	} {
		var list []Evidence
		for i, w := range v.weights {
			list = append(list, Evidence{Voucher: record.ID{byte(i)}, Weight: w})
		}
		block, seller := pow.Hash(bytes.Repeat([]byte{v.block}, 32)), record.Key(bytes.Repeat([]byte{v.seller}, 32))
		if at, drawn := DrawAudit(v.network, block, seller, list); at != v.index || drawn != v.drawn {
			t.Errorf("%+v: drawn %d, %d", v, at, drawn)
		}
		if at, drawn := naiveAudit(v.network, block, seller, v.weights); at != v.index || drawn != v.drawn {
			t.Errorf("%+v: the model draws %d, %d", v, at, drawn)
		}
	}
}

// On networks with long periods, the first audits are drawn at height 2021.
func TestDrawnPeriods(t *testing.T) {
	p := ParamsOf(network.Main)
	for height, want := range map[uint32]uint32{0: 0, 5: 0, 2016: 0, 2020: 0, 2021: 1, 2022: 1, 4036: 1, 4037: 2} {
		if got := p.DrawnPeriods(height); got != want {
			t.Errorf("height %d: %d periods, want %d", height, got, want)
		}
		if period, ok := p.auditedBy(height); ok != (height == 2021 || height == 4037) || ok && period != want-1 {
			t.Errorf("height %d decides period %d, %t", height, period, ok)
		}
	}
}
