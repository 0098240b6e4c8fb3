package ledger

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/node/record"
	"stele/node/reject"
)

func newCases() *cases {
	m := &cases{
		now: began, height: 1000,
		payments: map[record.ID]*paidOut{}, items: map[record.Serial]*saleCase{}, recalled: map[record.Serial]bool{},
		authors: map[record.ID]*person{}, nonces: map[nonceOf]bool{},
	}
	add := func(name string, k record.Key, roles ...record.Role) {
		m.people = append(m.people, &person{name: name, keys: []record.Key{k}, roles: roles, balance: funds})
	}
	add("maker", theMaker, record.Manufacturer)
	add("seller", theSeller, record.Seller)
	add("dealer", otherSeller, record.Seller)
	add("carrier", theCarrier, record.Carrier)
	add("next carrier", nextCarrier, record.Carrier)
	add("servicer", theServicer, record.Servicer)
	add("supervisor", theSupervisor, record.Supervisor)
	add("buyer", theBuyer)
	add("holder", theHolder)
	add("stranger", aStranger)
	add("other maker", otherMaker, record.Manufacturer)
	return m
}

// apply does what a valid record says.
func (m *cases) apply(r *record.Record) {
	author := m.person(r.Key)
	author.seq++
	author.balance -= r.Fee
	if r.Type() >= record.TypeProductRegister {
		m.authors[r.ID()] = author
	}
	switch p := r.Payload.(type) {
	case record.Pay:
		to := m.person(p.To)
		author.balance -= p.Amount
		to.balance += p.Amount
		if c := m.complaint(record.ID(p.Reference)); c != nil && !c.closed() {
			m.payments[r.ID()] = &paidOut{claim: c, to: to, amount: p.Amount, round: c.rounds}
		}
	case record.KeyRotate:
		author.keys = append(author.keys, p.New)
	case record.VoucherIssue:
		buyer := m.person(p.Buyer)
		author.balance -= p.Burn + p.Stipend
		buyer.balance += p.Stipend
		m.pool += p.Burn / 2
		m.burned += p.Burn - p.Burn/2
		v := &saleCase{id: r.ID(), state: "issued", seller: author, buyer: buyer, holder: buyer, sold: p, issued: m.now}
		m.vouchers = append(m.vouchers, v)
		m.items[p.Serial] = v
	case record.VoucherTransfer:
		m.sale(p.Voucher).holder = m.person(p.To)
	case record.VoucherVoid:
		m.sale(p.Voucher).state = "void"
	case record.ShipmentCreate:
		v := m.sale(p.Voucher)
		h := &parcel{id: r.ID(), state: "created", sale: v, leg: p.Leg, sender: author, carrier: m.person(p.Carrier), since: m.now}
		m.shipments = append(m.shipments, h)
		switch p.Leg {
		case record.Outbound:
			v.parcels = append(v.parcels, h)
		case record.Return:
			h.claim = m.complaint(p.Claim)
			h.claim.returns = append(h.claim.returns, h)
		case record.Replacement:
			h.claim = m.complaint(p.Claim)
			h.claim.again = append(h.claim.again, h)
		}
	case record.CustodyHandover:
		h := m.parcel(p.Shipment)
		if h.state == "exception" {
			h.state = "returned"
		} else {
			h.state, h.left, h.carrier = "in-transit", true, m.person(p.To)
		}
		h.since = m.now
	case record.DeliveryConfirm:
		m.nonces[nonceOf{author, p.ChallengeNonce}] = true
		m.arrive(m.parcel(p.Shipment))
	case record.DeliveryException:
		m.parcel(p.Shipment).state = "exception"
	case record.ProofOfAttempt:
		m.parcel(p.Shipment).state = "attempted"
	case record.ClaimOpen:
		v := m.sale(p.Voucher)
		c := &complaint{id: r.ID(), state: "open", since: m.now, sale: v, holder: author, opened: p, evidence: map[string]int{}}
		m.claims = append(m.claims, c)
		v.claims = append(v.claims, c)
	case record.Evaluate:
		v := m.sale(p.Voucher)
		v.evaluated, v.evaluatedAt = "given", m.height
	case record.EvaluateAmend:
		m.sale(p.Voucher).evaluated = "amended"
	case record.SellerReply:
		m.sale(p.Voucher).replied = true
	case record.RewardClaim:
		v := m.sale(p.Voucher)
		v.rewarded = true
		author.balance += v.sold.Burn / 2
		m.pool -= v.sold.Burn / 2
		m.rewards += v.sold.Burn / 2
	case record.RecallNotice:
		m.recalled[p.Serial] = true
	case record.SellerSuspend:
		m.person(p.Seller).suspended = true
	case record.SellerRestore:
		m.person(p.Seller).suspended = false
	case record.Ruling:
		m.rule(p)
	case record.Correction:
	default:
		m.applyToClaim(author, r.Payload)
	}
}

func (m *cases) arrive(h *parcel) {
	h.state, h.since = "delivered", m.now
	switch h.leg {
	case record.Outbound:
		h.sale.state, h.sale.delivered = "active", m.now
	case record.Return:
		if c := h.claim; !c.closed() {
			c.received = m.now
			if c.state == "authorised" {
				c.state, c.since = "received", m.now
			}
		}
	}
}

func (m *cases) rule(p record.Ruling) {
	switch p.Outcome {
	case record.RuledDelivered:
		m.arrive(m.parcel(p.ID))
	case record.RuledLost:
		m.parcel(p.ID).state = "lost"
	case record.Dismissed:
		m.close(m.complaint(p.ID), "closed-dismissed")
	case record.Ordered:
		c := m.complaint(p.ID)
		c.remedy, c.refund, c.back, c.orderDays = p.Remedy, p.Refund, false, p.ExecuteDays
		m.agree(c, "ordered")
	}
}

func (m *cases) agree(c *complaint, state string) {
	c.state, c.since, c.agreed = state, m.now, m.now
	c.rounds++
}

func (m *cases) applyToClaim(author *person, payload record.Payload) {
	c := m.complaint(record.Subjects(payload)[0])
	enter := func(state string) { c.state, c.since = state, m.now }
	switch p := payload.(type) {
	case record.ClaimRespond:
		c.remedy, c.refund, c.back = p.Remedy, p.Refund, p.ReturnNeeded
		switch p.Action {
		case record.Authorise:
			m.agree(c, "authorised")
		case record.Reject:
			enter("rejected")
		case record.Offer:
			enter("offered")
		}
	case record.ClaimAnswer:
		if p.Accept {
			m.agree(c, "authorised")
		} else {
			enter("escalated")
		}
	case record.EvidenceAdd:
		c.evidence[m.roleIn(c, author)]++
	case record.InspectionReport:
		if author != c.sale.seller {
			c.inspector = author
		}
		if p.Finding == record.Confirmed {
			enter("inspected")
		} else {
			enter("rejected")
		}
	case record.ClaimWithdraw:
		m.close(c, "closed-withdrawn")
	case record.ClaimClose:
		m.close(c, "closed-unresolved")
	case record.ClaimEscalate:
		enter("escalated")
	case record.SettleExecute:
		if p.Remedy == record.Refund {
			m.payments[p.Payment].used = true
		}
		if p.Remedy == record.Replace {
			m.sale(p.Replacement).replaces = true
		}
		c.done = m.now
		enter("executed")
	case record.SettleConfirm:
		if p.Accept {
			m.close(c, "closed-settled")
		} else {
			enter("escalated")
		}
	}
}

// history draws records for the model. What it chooses in a block follows from
// one number of rapid's: its own choices are too often the first.
type history struct {
	*rand.Rand
	*cases
	keys  int
	nonce uint64
}

func pickOf[E any](r *rand.Rand, all ...E) E { return all[r.IntN(len(all))] }

func (h *history) some() *person { return pickOf(h.Rand, h.people...) }

func (h *history) named(name string) *person {
	return h.people[slices.IndexFunc(h.people, func(p *person) bool { return p.name == name })]
}

// mostly returns one person, and now and then another.
func (h *history) mostly(p *person) *person {
	if h.IntN(10) == 0 {
		return h.some()
	}
	return p
}

// keyOf returns the key of a person, and now and then one that was rotated.
func (h *history) keyOf(p *person) record.Key {
	if len(p.keys) > 1 && h.IntN(20) == 0 {
		return p.keys[0]
	}
	return p.key()
}

func (h *history) yes() bool { return h.IntN(2) == 0 }

func (h *history) remedy() record.Remedy {
	return pickOf(h.Rand, record.Refund, record.Replace, record.Repair)
}

// draw draws a record that is often valid, and else nearly so.
func (h *history) draw() *record.Record {
	author, payload := h.common()
	switch kind := h.IntN(20); {
	case payload != nil:
	case len(h.vouchers) == 0 || kind == 0:
		author, payload = h.newSale()
	case len(h.claims) > 0 && kind < 11:
		author, payload = h.aboutClaim(last(h.claims))
		if kind < 3 {
			author, payload = h.aboutClaim(pickOf(h.Rand, h.claims...))
		}
	case len(h.shipments) > 0 && kind < 15:
		author, payload = h.aboutParcel(h.shipments[max(0, len(h.shipments)-1-h.IntN(3))])
	default:
		author, payload = h.aboutSale(h.vouchers[max(0, len(h.vouchers)-1-h.IntN(3))])
	}
	return record.New(record.Record{
		Version: 1, Seq: author.seq, ValidUntil: 1 << 30, Key: h.keyOf(author), Payload: payload,
	})
}

// next draws a record, and mostly one that is valid.
func (h *history) next() *record.Record {
	r := h.draw()
	for try := h.IntN(20); try > 0 && len(h.faults(r)) > 0; try-- {
		r = h.draw()
	}
	return r
}

// common draws records that are about no case.
func (h *history) common() (*person, record.Payload) {
	at := record.Time(h.now)
	switch h.IntN(150) {
	case 0:
		h.keys++
		return h.some(), record.KeyRotate{New: benchKey(h.keys)}
	case 1:
		return h.mostly(h.named("supervisor")), record.SellerSuspend{Time: at, Seller: h.mostly(h.named("seller")).key()}
	case 2, 3, 4:
		return h.mostly(h.named("supervisor")), record.SellerRestore{Time: at, Seller: h.mostly(h.named("seller")).key()}
	case 5:
		serial := record.Serial(pickOf(h.Rand, "1", "2"))
		return h.mostly(h.named("maker")), record.RecallNotice{Time: at, GTIN: theGTIN, Serial: serial}
	case 6:
		ids := slices.SortedFunc(maps.Keys(h.authors), func(a, b record.ID) int { return slices.Compare(a[:], b[:]) })
		if len(ids) > 0 {
			id := pickOf(h.Rand, ids...)
			return h.mostly(h.authors[id]), record.Correction{Time: at, Record: id}
		}
	}
	return nil, nil
}

func (h *history) newSale() (*person, record.Payload) {
	p := record.VoucherIssue{
		Time: record.Time(h.now), GTIN: theGTIN, Buyer: h.keyOf(h.mostly(pickOf(h.Rand, h.named("buyer"), h.named("maker")))),
		Price: 7, Quantity: 1, Distance: h.yes(), WarrantyDays: 365, Terms: record.Digest{7},
		Burn: caseParams.AfterSales.VoucherFee + record.Amount(h.IntN(4)), Stipend: record.Coin / 100,
		Serial: record.Serial(fmt.Sprint(1 + h.IntN(4))),
	}
	return h.mostly(h.named("seller")), p
}

func (h *history) aboutSale(v *saleCase) (*person, record.Payload) {
	at := record.Time(h.now)
	switch h.IntN(12) {
	case 0:
		return h.mostly(v.holder), record.VoucherTransfer{Time: at, Voucher: v.id, To: h.keyOf(h.some())}
	case 1:
		return h.mostly(v.seller), record.VoucherVoid{Time: at, Voucher: v.id, Holder: h.keyOf(h.mostly(v.holder))}
	case 2, 3, 4:
		return h.mostly(v.seller), record.ShipmentCreate{Time: at, Voucher: v.id, Leg: record.Outbound,
			Carrier: h.keyOf(h.mostly(h.named("carrier"))), PickupHash: pickupHash(pickupKey)}
	case 5, 6, 7:
		ground := pickOf(h.Rand, record.Fault, record.Fault, record.NoReason, record.Delivery, record.Recall)
		return h.mostly(v.holder), record.ClaimOpen{Time: at, Voucher: v.id, Ground: ground,
			FaultCode: uint16(1 + h.IntN(2)), Remedy: h.remedy()}
	case 8:
		return h.mostly(v.buyer), record.Evaluate{Time: at, Voucher: v.id, Product: uint8(1 + h.IntN(5))}
	case 9:
		return h.mostly(v.buyer), record.EvaluateAmend{Time: at, Voucher: v.id}
	case 10:
		return h.mostly(v.seller), record.SellerReply{Time: at, Voucher: v.id}
	}
	return h.mostly(v.buyer), record.RewardClaim{Time: at, Voucher: v.id}
}

func (h *history) aboutParcel(p *parcel) (*person, record.Payload) {
	at := record.Time(h.now)
	has := h.mostly(p.custodian())
	switch h.IntN(10) {
	case 0, 1, 2:
		to := p.carrier
		if p.state == "exception" {
			to = p.sender
		} else if p.left {
			to = h.named("next carrier")
		}
		return has, record.CustodyHandover{Time: at, Shipment: p.id, To: h.keyOf(h.mostly(to))}
	case 3, 4, 5, 6:
		key := pickupKey
		if (p.leg != record.Outbound) != (h.IntN(10) == 0) {
			key = backPickupKey
		}
		if h.IntN(10) > 0 {
			h.nonce++
		}
		var nonce record.Nonce
		binary.BigEndian.PutUint64(nonce[:], h.nonce)
		return has, record.DeliveryConfirm{Time: at, Shipment: p.id, PickupKey: key, ChallengeNonce: nonce,
			ChallengeHeight: h.height - uint32(pickOf(h.Rand, 0, 1, 1, 1, 2, 143, 144, 145))}
	case 7:
		return has, record.DeliveryException{Time: at, Shipment: p.id, Kind: record.Refused}
	case 8:
		return has, record.ProofOfAttempt{Time: at, Shipment: p.id}
	}
	return h.mostly(h.named("supervisor")), record.Ruling{Time: at, Subject: record.OnShipment, ID: p.id,
		Outcome: pickOf(h.Rand, record.RuledDelivered, record.RuledLost)}
}

func (h *history) aboutClaim(c *complaint) (*person, record.Payload) {
	at, dealer := record.Time(h.now), h.mostly(c.sale.seller)
	refund := func(remedy record.Remedy) record.Amount {
		if remedy != record.Refund {
			return 0
		}
		return 7 + record.Amount(h.IntN(6)/5)
	}
	asked := c.opened.Remedy
	switch h.IntN(18) {
	case 0, 1, 2:
		p := record.ClaimRespond{Time: at, Claim: c.id, Action: record.Authorise, Remedy: asked, Refund: refund(asked), ReturnNeeded: h.yes()}
		if h.IntN(3) == 0 {
			p = record.ClaimRespond{Time: at, Claim: c.id, Action: record.Reject, Cause: record.Misuse}
		} else if h.yes() {
			p.Action, p.Remedy = record.Offer, h.remedy()
			p.Refund = refund(p.Remedy)
		}
		return dealer, p
	case 3:
		return h.mostly(c.holder), record.ClaimAnswer{Time: at, Claim: c.id, Accept: h.yes()}
	case 4:
		return h.some(), record.EvidenceAdd{Time: at, Claim: c.id}
	case 5, 6:
		return h.mostly(h.named("servicer")), record.InspectionReport{Time: at, Claim: c.id, Finding: pickOf(h.Rand, record.Confirmed, record.NoFault)}
	case 7:
		return h.mostly(c.holder), record.ClaimWithdraw{Time: at, Claim: c.id}
	case 8, 9:
		return h.mostly(c.holder), record.ClaimEscalate{Time: at, Claim: c.id}
	case 10:
		remedy := h.remedy()
		p := record.Ruling{Time: at, Subject: record.OnClaim, ID: c.id, Outcome: record.Ordered, Remedy: remedy, Refund: refund(remedy), ExecuteDays: 20}
		if h.yes() {
			p.Outcome, p.Remedy, p.Refund, p.ExecuteDays = record.Dismissed, 0, 0, 0
		}
		return h.mostly(h.named("supervisor")), p
	case 11:
		return dealer, record.Pay{To: h.mostly(c.holder).key(), Amount: 7 + record.Amount(h.IntN(3)-1), Reference: record.Reference(c.id)}
	case 12, 13:
		return dealer, h.settlement(c)
	case 14:
		return h.mostly(c.holder), record.SettleConfirm{Time: at, Claim: c.id, Accept: h.yes()}
	case 15:
		return h.mostly(c.holder), record.ClaimClose{Time: at, Claim: c.id}
	case 16:
		return h.mostly(c.holder), record.ShipmentCreate{Time: at, Voucher: c.sale.id, Leg: record.Return, Claim: c.id,
			Carrier: h.named("carrier").key(), PickupHash: pickupHash(backPickupKey)}
	}
	return dealer, record.ShipmentCreate{Time: at, Voucher: c.sale.id, Leg: record.Replacement, Claim: c.id,
		Carrier: h.named("carrier").key(), PickupHash: pickupHash(backPickupKey)}
}

func (h *history) settlement(c *complaint) record.Payload {
	p := record.SettleExecute{Time: record.Time(h.now), Claim: c.id, Remedy: c.remedy}
	if c.remedy == 0 || h.IntN(10) == 0 {
		p.Remedy = h.remedy()
	}
	switch p.Remedy {
	case record.Refund:
		p.Payment = record.ID{1}
		ids := slices.SortedFunc(maps.Keys(h.payments), func(a, b record.ID) int { return slices.Compare(a[:], b[:]) })
		if len(ids) > 0 {
			p.Payment = pickOf(h.Rand, ids...)
		}
	case record.Replace:
		p.Replacement = last(h.vouchers).id
	}
	return p
}

// compare fails unless the state is what the model says, and no value came or
// went.
func (m *cases) compare(t *rapid.T, v View) {
	c := Context{Params: caseParams, Height: m.height, MedianTime: m.now}
	sum := m.pool
	for _, p := range m.people {
		for _, k := range p.keys {
			a, err := GetAccount(v, k)
			if err != nil || a.ID != p.keys[0] || a.Key != p.key() || a.Balance != p.balance || a.Seq != p.seq || a.Roles.Suspended() != p.suspended {
				t.Fatalf("%s is %+v, %v, want %+v", p.name, a, err, p)
			}
		}
		sum += p.balance
	}
	pool, err1 := RewardPool(v)
	supply, err2 := Supply(v)
	if err1 != nil || err2 != nil || pool != m.pool || supply != sum || supply != record.Amount(len(caseParams.Alloc))*funds-m.burned {
		t.Fatalf("pool %v, want %v; supply %v, but there is %v, and %v were burned", pool, m.pool, supply, sum, m.burned)
	}
	for _, want := range m.vouchers {
		got, err := GetVoucher(v, c, want.id)
		if err != nil {
			t.Fatal(err)
		}
		state := want.state
		if m.expired(want) {
			state = "expired"
		}
		if got.State.String() != state || got.Seller != want.seller.keys[0] || got.Holder != want.holder.keys[0] || got.Buyer != want.buyer.keys[0] ||
			got.ClaimLive != (want.live() != nil) || got.Extended != want.inRepair || int(got.Repairs) != want.repairs || got.Delivered != want.delivered ||
			got.Recalled != m.recalled[want.sold.Serial] {
			t.Fatalf("voucher %+v, want %+v", got, want)
		}
		e, err := GetEvaluation(v, want.id)
		if err != nil || (e == nil) != (want.evaluated == "") {
			t.Fatalf("evaluation %+v, %v, want %+v", e, err, want)
		}
		if e != nil && (e.State.String() != want.evaluated || e.Rewarded != want.rewarded || e.Replied != want.replied) {
			t.Fatalf("evaluation %+v, want %+v", e, want)
		}
	}
	for _, want := range m.shipments {
		got, err := GetShipment(v, want.id)
		if err != nil || got.State.String() != want.state || got.Custodian() != want.custodian().keys[0] {
			t.Fatalf("shipment %+v, %v, want %+v", got, err, want)
		}
	}
	for _, want := range m.claims {
		got, err := GetClaim(v, c, want.id)
		if err != nil || got.State.String() != want.state || got.Remedy != want.remedy || got.Holder != want.holder.keys[0] || int(got.Round) != want.rounds ||
			got.Received != want.received || got.Executed != want.done {
			t.Fatalf("claim %+v, %v, want %+v", got, err, want)
		}
	}
}

// Random histories of cases agree with the model: each record is refused exactly
// if the model has a reason, and for such a reason; the state says what the model
// says; no value comes or goes; undo leads back to the state before.
func TestCases(t *testing.T) {
	seen, steps := map[record.Type]int{}, 0
	rapid.Check(t, func(t *rapid.T) {
		view := mapView(maps.Clone(caseView))
		h := &history{cases: newCases(), keys: 10_000}
		for _, seed := range rapid.SliceOfN(rapid.Uint64(), 40, 60).Draw(t, "blocks") {
			h.Rand = rand.New(rand.NewPCG(seed, 0))
			h.height += uint32(pickOf(h.Rand, 1, 1, 1, 1, 20))
			h.pass(uint32(pickOf(h.Rand, 0, 0, 0, 1, 1, 6, 8, 12, 31, 64)*day + h.IntN(2)))
			h.compare(t, view)
			before, s := view.hash(), NewState(view)
			c := Context{Params: caseParams, Height: h.height, MedianTime: h.now}
			for range h.IntN(20) {
				r := h.next()
				faults, mark := h.faults(r), s.Mark()
				err := Apply(s, c, r)
				reason, _ := reject.Of(err)
				switch {
				case err == nil && len(faults) == 0:
					h.apply(r)
					seen[r.Type()]++
				case err == nil || !faults[reason]:
					t.Fatalf("%v %+v by %s: %v, want one of %v", r.Type(), r.Payload, h.person(r.Key).name, err, faults)
				case s.Mark() != mark:
					t.Fatalf("%+v: refused, but left a change", r)
				}
				steps++
			}
			h.compare(t, s)
			changes := s.Changes()
			undo, err := DecodeUndo(EncodeUndo(changes))
			if err != nil {
				t.Fatal(err)
			}
			view.connect(changes)
			after := view.hash()
			view.disconnect(undo)
			if view.hash() != before {
				t.Fatal("undo leads to another state")
			}
			view.connect(changes)
			if view.hash() != after || before == after && len(changes) > 0 {
				t.Fatal("the way back leads to another state")
			}
		}
		if h.rewards > h.burned || h.pool+h.rewards > h.burned+record.Amount(len(h.vouchers)) {
			t.Fatalf("rewards of %v, pool %v, %v burned", h.rewards, h.pool, h.burned)
		}
	})
	t.Logf("%d steps; valid records by type: %v", steps, seen)
}
