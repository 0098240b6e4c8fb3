package supervision

import (
	"cmp"
	"slices"

	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/views"
)

// naive counts what the blocks of a chain have, by asking the rules of the ledger for the
// state before and after each record. It knows nothing of the index.
type naive struct {
	*node
	tip      *chaintest.Block
	accounts map[record.Key]record.Key
	claims   []record.ID // in order
	vouchers map[record.ID]*rules.Voucher
	authors  map[record.ID]record.ID // of records about a voucher: which

	counts  map[Series]map[views.Scope]uint64
	types   map[record.Type]uint64
	times   map[Measure]map[views.Scope][]uint32
	reached map[record.ID]bool // vouchers
	settled map[record.ID]bool // vouchers
	faulted map[record.ID]int  // claims: how often an order was not carried out in time
}

// scan counts the blocks up to a tip.
func scan(n *node, tip *chaintest.Block) *naive {
	n.Helper()
	m := &naive{
		node: n, tip: tip, accounts: map[record.Key]record.Key{}, vouchers: map[record.ID]*rules.Voucher{}, authors: map[record.ID]record.ID{},
		counts: map[Series]map[views.Scope]uint64{}, types: map[record.Type]uint64{}, times: map[Measure]map[views.Scope][]uint32{},
		reached: map[record.ID]bool{}, settled: map[record.ID]bool{}, faulted: map[record.ID]int{},
	}
	for _, b := range tip.Chain() {
		m.block(b)
	}
	for _, by := range m.times {
		for _, list := range by {
			slices.Sort(list)
		}
	}
	return m
}

// scopes returns for whom what happens to a voucher counts.
func (m *naive) scopes(voucher record.ID) []views.Scope {
	m.Helper()
	v := m.vouchers[voucher]
	if v == nil {
		return []views.Scope{views.All()}
	}
	product, err := rules.GetProduct(m.tip.View(), v.GTIN)
	m.check(err)
	return []views.Scope{views.All(), views.OfSeller(v.Seller), views.OfProduct(v.GTIN), views.OfMaker(product.Maker)}
}

func (m *naive) count(s Series, scopes ...views.Scope) {
	for _, scope := range scopes {
		if m.counts[s] == nil {
			m.counts[s] = map[views.Scope]uint64{}
		}
		m.counts[s][scope]++
	}
}

func (m *naive) time(x Measure, seconds uint32, scopes ...views.Scope) {
	for _, scope := range scopes {
		if m.times[x] == nil {
			m.times[x] = map[views.Scope][]uint32{}
		}
		m.times[x][scope] = append(m.times[x][scope], seconds)
	}
}

// block counts a block: what time alone has decided when it finds the state, then its
// records, one after the other.
func (m *naive) block(b *chaintest.Block) {
	m.Helper()
	for _, r := range b.Records {
		m.types[r.Type()]++
	}
	if b.Parent == nil {
		return
	}
	c := rules.Context{Params: m.params, Height: b.Height(), MedianTime: b.Parent.Node().MedianTime()}
	s := rules.NewState(b.Parent.View())
	m.look(s, c)
	m.check(rules.Begin(s, c))
	for _, r := range b.Records[1:] {
		m.before(s, c, r)
		m.check(rules.Apply(s, c, r))
		m.after(s, c, r)
	}
	m.look(s, c)
}

// look counts claims that are in default or settled, each once for each order.
func (m *naive) look(s rules.View, c rules.Context) {
	m.Helper()
	for _, id := range m.claims {
		claim, err := rules.GetClaim(s, c, id)
		m.check(err)
		if claim.Defaulted && m.faulted[id] == 0 {
			m.faulted[id] = 1
			m.count(Defaults, m.scopes(claim.Voucher)...)
		}
		if claim.Ground == record.Recall && claim.State == rules.ClaimSettled && !m.settled[claim.Voucher] {
			m.settled[claim.Voucher] = true
			m.count(Remedied, m.scopes(claim.Voucher)...)
		}
	}
}

// before counts the times that a record ends, by the state before it.
func (m *naive) before(s *rules.State, c rules.Context, r *record.Record) {
	m.Helper()
	claim := func(id record.ID) *rules.Claim {
		claim, err := rules.GetClaim(s, c, id)
		m.check(err)
		return claim
	}
	switch p := r.Payload.(type) {
	case record.ClaimRespond:
		of := claim(p.Claim)
		m.time(Answer, c.MedianTime-of.Opened, m.scopes(of.Voucher)...)
	case record.SettleExecute:
		of := claim(p.Claim)
		m.time(Execution, c.MedianTime-of.Agreed, m.scopes(of.Voucher)...)
	case record.Ruling:
		if p.Subject == record.OnClaim {
			of := claim(p.ID)
			m.time(Ruling, c.MedianTime-of.Since, m.scopes(of.Voucher)...)
		}
	case record.CustodyHandover:
		m.carried(s, c, p.Shipment)
	case record.DeliveryConfirm:
		m.carried(s, c, p.Shipment)
	}
}

func (m *naive) carried(s rules.View, c rules.Context, id record.ID) {
	m.Helper()
	h, err := rules.GetShipment(s, id)
	m.check(err)
	if h.Left {
		m.time(Carry, c.MedianTime-h.Held, views.All(), views.OfCarrier(h.Carrier))
	}
}

// after counts the events that a record is.
func (m *naive) after(s *rules.State, c rules.Context, r *record.Record) {
	m.Helper()
	about, series := record.ID{}, []Series(nil)
	claimed := func(id record.ID, of ...Series) {
		claim, err := rules.GetClaim(s, c, id)
		m.check(err)
		about, series = claim.Voucher, of
	}
	switch p := r.Payload.(type) {
	case record.VoucherIssue:
		v, err := rules.GetVoucher(s, c, r.ID())
		m.check(err)
		m.vouchers[r.ID()] = v
		about, series = r.ID(), []Series{Sales}
	case record.Evaluate:
		about, series = p.Voucher, []Series{Evaluations}
	case record.ClaimOpen:
		m.claims = append(m.claims, r.ID())
		about, series = p.Voucher, []Series{Claims}
		if p.Ground == record.Recall && !m.reached[p.Voucher] {
			m.reached[p.Voucher] = true
			series = append(series, Reached)
		}
	case record.ClaimRespond:
		claimed(p.Claim, Answers)
	case record.ClaimEscalate:
		claimed(p.Claim, Escalations)
	case record.ClaimAnswer:
		if !p.Accept {
			claimed(p.Claim, Escalations)
		}
	case record.SettleConfirm:
		if !p.Accept {
			claimed(p.Claim, Escalations)
		}
	case record.SettleExecute:
		claimed(p.Claim, Remedies)
	case record.Ruling:
		if p.Subject == record.OnShipment {
			h, err := rules.GetShipment(s, p.ID)
			m.check(err)
			about, series = h.Voucher, []Series{Rulings}
		} else {
			claimed(p.ID, Rulings, map[record.Outcome]Series{record.Ordered: Orders, record.Dismissed: Dismissals}[p.Outcome])
		}
	case record.Correction:
		about, series = m.authors[p.Record], []Series{Corrections}
	}
	m.remember(r, about)
	for _, of := range series {
		m.count(of, m.scopes(about)...)
	}
}

// remember keeps which voucher a record is about.
func (m *naive) remember(r *record.Record, about record.ID) {
	for _, id := range record.Subjects(r.Payload) {
		if m.vouchers[id] != nil {
			about = cmp.Or(about, id)
		}
		about = cmp.Or(about, m.authors[id])
	}
	m.authors[r.ID()] = about
}

// overdue returns the overdue claims, and in how many it is whose turn, by the state.
func (m *naive) overdue(p *network.Params) (list map[record.ID]uint64, count map[views.Scope]uint64) {
	m.Helper()
	c := rules.Context{Params: p, Height: m.tip.Height() + 1, MedianTime: m.tip.Node().MedianTime()}
	list, count = map[record.ID]uint64{}, map[views.Scope]uint64{}
	for _, id := range m.claims {
		claim, err := rules.GetClaim(m.tip.View(), c, id)
		m.check(err)
		period, end := claim.Deadline(&p.AfterSales)
		if period == 0 || claim.State.Closed() || uint64(c.MedianTime) <= end {
			continue
		}
		list[id] = uint64(c.MedianTime) - end
		for _, scope := range m.scopes(claim.Voucher) {
			count[scope]++
		}
	}
	return list, count
}
