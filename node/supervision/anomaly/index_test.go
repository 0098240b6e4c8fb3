package anomaly

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/credit"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// short are the numbers of a network whose windows and periods are short.
func short() Params { return Params{Window: 2, Period: 8, credit: credit.ParamsOf(network.Main)} }

// market makes records of a few sellers, carriers and buyers, of which some are honest.
type market struct {
	rng     *rand.Rand
	next    uint32                // number of the next fresh key
	now     map[uint32]record.Key // of accounts whose key has changed
	sold    []record.ID
	buyers  []record.Key // of sold
	ships   []record.ID  // on the way
	of      []record.ID  // their vouchers
	arrived []record.ID
	claims  []record.ID
	cheap   bool
	add     func(author record.Key, p record.Payload) record.ID
}

// key returns the present key of an account.
func (m *market) key(number uint32) record.Key {
	if k, ok := m.now[number]; ok {
		return k
	}
	return key(number)
}

// records returns the records of a block: a few of all kinds, or many of one.
func (m *market) records() (all []*record.Record) {
	m.add = func(author record.Key, p record.Payload) record.ID {
		r := by(author, p)
		all = append(all, r)
		return r.ID()
	}
	kind, mixed, count := m.rng.IntN(10), m.rng.IntN(4) > 0, m.rng.IntN(7)
	if !mixed {
		count = 15 + m.rng.IntN(20)
	}
	m.cheap = m.rng.IntN(2) == 0
	seller, carrier := uint32(m.rng.IntN(3)), 10+uint32(m.rng.IntN(3))
	for range count {
		if mixed {
			kind = m.rng.IntN(10)
		}
		m.some(kind, seller, carrier)
	}
	return all
}

// some adds records of a kind.
func (m *market) some(kind int, seller, carrier uint32) {
	switch {
	case kind <= 1 || len(m.sold) == 0:
		m.sell(seller, carrier)
	case kind == 2 && len(m.ships) > 0:
		m.deliver(carrier)
	case kind <= 4 && len(m.arrived) > 0:
		m.evaluate()
	case kind == 5:
		m.pay()
	case kind == 6:
		i := m.rng.IntN(len(m.sold))
		m.claims = append(m.claims, m.add(m.buyers[i], record.ClaimOpen{Time: 1, Voucher: m.sold[i], Ground: record.Fault}))
	case kind == 7 && m.rng.IntN(4) == 0:
		m.next++
		account := uint32(m.rng.IntN(13))
		m.add(m.key(account), record.KeyRotate{New: key(100 + m.next)})
		m.now[account] = key(100 + m.next)
	case kind == 8: // all at once
		m.sell(seller, carrier)
		m.deliver(carrier)
		m.evaluate()
	}
}

func (m *market) sell(seller, carrier uint32) {
	m.next++
	buyer := key(100 + m.next)
	if n := len(m.buyers); n > 0 && m.rng.IntN(4) == 0 {
		buyer = m.buyers[m.rng.IntN(n)]
	}
	price := record.Amount(20_000_000)
	if !m.cheap {
		price *= record.Amount(1 + m.rng.IntN(3))
	}
	id := m.add(m.key(seller), record.VoucherIssue{Time: 1, GTIN: 1, Serial: "A", Buyer: buyer, Price: price})
	ship := m.add(m.key(seller), record.ShipmentCreate{Time: 1, Voucher: id, Carrier: m.key(carrier)})
	m.sold, m.buyers, m.ships, m.of = append(m.sold, id), append(m.buyers, buyer), append(m.ships, ship), append(m.of, id)
}

// deliver delivers what was sent last.
func (m *market) deliver(carrier uint32) {
	i := len(m.ships) - 1
	if m.rng.IntN(10) == 0 {
		m.add(key(50), record.Ruling{Time: 1, Subject: record.OnShipment, ID: m.ships[i], Outcome: record.RuledDelivered})
	} else {
		m.add(m.key(carrier), record.DeliveryConfirm{Time: 1, Shipment: m.ships[i]})
	}
	m.arrived, m.ships, m.of = append(m.arrived, m.of[i]), m.ships[:i], m.of[:i]
}

// evaluate evaluates what was delivered last.
func (m *market) evaluate() {
	i := len(m.arrived) - 1
	m.add(key(60), record.Evaluate{Time: 1, Voucher: m.arrived[i], Product: 5, Service: 5, Logistics: 5})
	m.arrived = m.arrived[:i]
}

// pay makes a payment between a buyer and one of a few purses, sometimes for a claim.
func (m *market) pay() {
	buyer, purse := m.buyers[m.rng.IntN(len(m.buyers))], m.key(uint32(m.rng.IntN(5)))
	pay := record.Pay{To: buyer, Amount: 1}
	if m.rng.IntN(4) == 0 && len(m.claims) > 0 {
		pay.Reference = m.claims[m.rng.IntN(len(m.claims))]
	}
	if m.rng.IntN(2) == 0 {
		buyer, purse, pay.To = purse, buyer, purse
	}
	m.add(purse, pay)
}

// After any changes of branches, the findings are those of a naive scan of the chain.
func TestFindings(t *testing.T) {
	seen := map[Kind]int{}
	rapid.Check(t, func(t *rapid.T) {
		c := &tree{blocks: map[pow.Hash]*link{}}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		seq = 0
		m := &market{rng: rng, now: map[uint32]record.Key{}}
		at := c.add(nil, by(key(70), record.ProductRegister{Time: 1, GTIN: 1}))
		tips := []*link{at}
		c.tip = at
		f := follow(t, c, short())
		defer f.close()
		for range 2 + rng.IntN(4) {
			for range 1 + rng.IntN(14) {
				at = c.add(at, m.records()...)
				tips = append(tips, at)
			}
			f.moveTo(at)
			f.compare(scan(short(), at), seen)
			at = tips[rng.IntN(len(tips))]
			*m = market{rng: rng, next: m.next, now: map[uint32]record.Key{}} // what comes next is about nothing on other branches
			f.moveTo(at)
			f.compare(scan(short(), at), seen)
		}
	})
	for _, kind := range Kinds() {
		if seen[kind] == 0 {
			t.Errorf("no finding is a %s", kind)
		}
	}
}

// sorted returns ids in order: what one payment counts has no order.
func sorted(ids []record.ID) []record.ID {
	return slices.SortedFunc(slices.Values(ids), func(a, b record.ID) int { return bytes.Compare(a[:], b[:]) })
}

// compare compares the findings with those of a scan.
func (f *follower) compare(want *naive, seen map[Kind]int) {
	f.Helper()
	got := f.all(Filter{})
	for _, x := range got {
		seen[x.Kind]++
		w, ok := want.found[x.ID()]
		if !ok {
			f.Fatalf("height %d: %s is no finding of a scan: %+v", f.tree.tip.height, x.ID(), x)
		}
		if x.Measure != w.Measure || x.To != w.To || x.Counted != w.Counted || !slices.Equal(sorted(x.Records), sorted(w.Records)) {
			f.Fatalf("height %d: %s is %+v, of a scan %+v", f.tree.tip.height, x.ID(), x, w)
		}
	}
	if len(got) != len(want.found) {
		f.Fatalf("height %d: %d findings, of a scan %d", f.tree.tip.height, len(got), len(want.found))
	}
	if !slices.IsSortedFunc(got, func(a, b Finding) int { return int(b.From) - int(a.From) }) {
		f.Fatal("the newest are not first")
	}
	for _, kind := range Kinds() {
		part := slices.DeleteFunc(slices.Clone(got), func(x Finding) bool { return x.Kind != kind || x.end < f.tree.tip.height })
		if some := f.all(Filter{Kind: kind, Since: f.tree.tip.height}); len(some) != len(part) || len(some) > 0 && !reflect.DeepEqual(some, part) {
			f.Fatalf("%d findings of kind %s, want %d", len(some), kind, len(part))
		}
	}
}
