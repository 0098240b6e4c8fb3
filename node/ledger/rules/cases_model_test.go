package rules

import (
	"slices"

	"stele/node/ledger/record"
)

// cases is a second model of the after-sales domain, in plain words and without
// tables: what happens by time alone happens when the time comes.
type cases struct {
	now, height uint32
	people      []*person
	vouchers    []*saleCase
	shipments   []*parcel
	claims      []*complaint
	payments    map[record.ID]*paidOut
	items       map[record.Serial]*saleCase // the last sale of each
	recalled    map[record.Serial]bool      // "": all
	authors     map[record.ID]*person
	nonces      map[nonceOf]bool

	pool, burned, rewards record.Amount
}

type person struct {
	name      string
	keys      []record.Key // the last one signs
	roles     []record.Role
	balance   record.Amount
	seq       uint64
	suspended bool
}

func (p *person) key() record.Key          { return p.keys[len(p.keys)-1] }
func (p *person) is(role record.Role) bool { return slices.Contains(p.roles, role) }

type saleCase struct {
	id                    record.ID
	state                 string
	seller, buyer, holder *person
	sold                  record.VoucherIssue
	issued, delivered     uint32
	inRepair              uint32
	repairs, fault        int
	parcels               []*parcel // outbound
	claims                []*complaint
	replaces              bool
	evaluated             string // "", "given", "amended"
	evaluatedAt           uint32 // height
	replied, rewarded     bool
}

type parcel struct {
	id              record.ID
	state           string
	sale            *saleCase
	claim           *complaint
	leg             record.Leg
	sender, carrier *person
	left, lost      bool
	moved           uint32 // when it last changed hands
}

type complaint struct {
	id             record.ID
	state          string
	since          uint32
	sale           *saleCase
	holder         *person
	opened         record.ClaimOpen
	remedy         record.Remedy
	refund         record.Amount
	back           bool
	agreed         uint32
	sendFrom       uint32 // since when the holder has the goods that have to come back
	moved          uint32 // when they left the holder, changed hands or were lost; 0 if the holder has them
	rounds         int
	orderDays      uint16
	received, done uint32
	returns, again []*parcel
	named          *person // by the response, to inspect the goods
	inspector      *person // who did so, if not the seller
	evidence       map[*person]int
}

type paidOut struct {
	claim  *complaint
	to     *person
	amount record.Amount
	round  int
	used   bool
}

type nonceOf struct {
	carrier *person
	nonce   record.Nonce
}

func (m *cases) person(k record.Key) *person {
	for _, p := range m.people {
		if slices.Contains(p.keys, k) {
			return p
		}
	}
	return nil
}

func (m *cases) sale(id record.ID) *saleCase {
	for _, v := range m.vouchers {
		if v.id == id {
			return v
		}
	}
	return nil
}

func (m *cases) parcel(id record.ID) *parcel {
	for _, h := range m.shipments {
		if h.id == id {
			return h
		}
	}
	return nil
}

func (m *cases) complaint(id record.ID) *complaint {
	for _, c := range m.claims {
		if c.id == id {
			return c
		}
	}
	return nil
}

func (c *complaint) closed() bool { return len(c.state) > 6 && c.state[:6] == "closed" }

func (v *saleCase) live() *complaint {
	if n := len(v.claims); n > 0 && !v.claims[n-1].closed() {
		return v.claims[n-1]
	}
	return nil
}

func (v *saleCase) final() bool {
	return v.state == "void" || v.state == "refunded" || v.state == "replaced"
}

// expired reports whether the warranty is over.
func (m *cases) expired(v *saleCase) bool {
	return v.state == "active" && m.now > v.delivered+max(uint32(v.sold.WarrantyDays), 15)*day+v.inRepair
}

func last[T any](all []*T) *T {
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// away reports whether somebody else than the sender has the goods, or will.
func (h *parcel) away() bool {
	return h != nil && h.state != "returned" && (h.state != "exception" || h.left)
}

// silent reports whether goods under way did not change hands for 30 days.
func (m *cases) silent(h *parcel) bool {
	return (h.state == "created" || h.state == "in-transit" || h.state == "attempted") && m.now > h.moved+30*day
}

// missing reports whether the holder of a voucher can say that nothing arrives.
func (m *cases) missing(v *saleCase) bool {
	h := last(v.parcels)
	if h == nil {
		return m.now > v.issued+30*day
	}
	return len(v.parcels) > 1 || h.state == "exception" || h.state == "returned" || h.state == "lost" || m.silent(h)
}

func (h *parcel) custodian() *person {
	if !h.left || h.state == "returned" {
		return h.sender
	}
	return h.carrier
}

// pass lets time pass, and does what it decides.
func (m *cases) pass(seconds uint32) {
	m.now += seconds
	for _, c := range m.claims {
		late := func(since uint32, days uint16) bool { return m.now > since+uint32(days)*day }
		a := &caseParams.AfterSales
		if c.state == "offered" && late(c.since, a.RespondDays) {
			c.state, c.since = "rejected", c.since+uint32(a.RespondDays)*day
		}
		switch {
		case c.state == "authorised" && c.sendFrom != 0 && late(c.sendFrom, a.ExecuteDays):
			m.close(c, "closed-withdrawn")
		case c.state == "authorised" && c.moved != 0 && late(c.moved, 30+63):
			m.close(c, "closed-withdrawn")
		case c.state == "rejected" && late(c.since, a.EscalateDays):
			m.close(c, "closed-rejected")
		case c.state == "executed" && late(c.since, a.ConfirmDays):
			m.close(c, "closed-settled")
		case c.state == "ordered" && late(c.agreed, c.orderDays):
			c.state = "defaulted"
		}
	}
}

func (m *cases) close(c *complaint, state string) {
	c.state = state
	if state != "closed-settled" {
		return
	}
	switch v := c.sale; c.remedy {
	case record.Refund:
		v.state = "refunded"
	case record.Replace:
		v.state = "replaced"
	case record.Repair:
		if v.fault != int(c.opened.FaultCode) {
			v.fault, v.repairs = int(c.opened.FaultCode), 0
		}
		v.repairs++
		if c.received > 0 && c.received < c.done {
			v.inRepair += c.done - c.received
		}
	}
}

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
		h := &parcel{id: r.ID(), state: "created", sale: v, leg: p.Leg, sender: author, carrier: m.person(p.Carrier), moved: m.now}
		m.shipments = append(m.shipments, h)
		switch p.Leg {
		case record.Outbound:
			v.parcels = append(v.parcels, h)
		case record.Return:
			h.claim = m.complaint(p.Claim)
			if len(h.claim.returns) == 0 {
				h.claim.sendFrom = m.now
			}
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
		h.moved = m.now
		m.returning(h)
	case record.DeliveryConfirm:
		m.nonces[nonceOf{author, p.ChallengeNonce}] = true
		m.arrive(m.parcel(p.Shipment))
	case record.DeliveryException:
		h := m.parcel(p.Shipment)
		h.state, h.lost = "exception", p.Kind == record.Lost
		m.returning(h)
	case record.ProofOfAttempt:
		m.parcel(p.Shipment).state = "attempted"
	case record.ClaimOpen:
		v := m.sale(p.Voucher)
		c := &complaint{id: r.ID(), state: "open", since: m.now, sale: v, holder: author, opened: p, evidence: map[*person]int{}}
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

// returning stops the clock of who has to send goods back while they are away,
// and starts it when a carrier gave them back. While they are away the clock of
// the carriers runs.
func (m *cases) returning(h *parcel) {
	if h.leg != record.Return || !h.left || h.claim.state != "authorised" || last(h.claim.returns) != h {
		return
	}
	h.claim.sendFrom, h.claim.moved = 0, m.now
	if !h.away() {
		h.claim.sendFrom, h.claim.moved = m.now, 0
	}
}

func (m *cases) arrive(h *parcel) {
	h.state = "delivered"
	switch h.leg {
	case record.Outbound:
		h.sale.state, h.sale.delivered = "active", m.now
		if c := h.sale.live(); c != nil && c.done == 0 {
			c.state, c.since = "closed-delivered", m.now
		}
	case record.Return:
		c := h.claim
		if c.received = m.now; c.state == "authorised" {
			c.state, c.since = "received", m.now
		}
	}
}

func (m *cases) rule(p record.Ruling) {
	switch p.Outcome {
	case record.RuledDelivered:
		m.arrive(m.parcel(p.ID))
	case record.RuledLost:
		m.parcel(p.ID).state = "lost"
		m.returning(m.parcel(p.ID))
	case record.Dismissed:
		m.close(m.complaint(p.ID), "closed-dismissed")
	case record.Ordered:
		c := m.complaint(p.ID)
		c.remedy, c.refund, c.back, c.orderDays = p.Remedy, p.Refund, false, p.ExecuteDays
		m.agree(c, "ordered")
	}
}

func (m *cases) agree(c *complaint, state string) {
	c.state, c.since, c.agreed, c.sendFrom = state, m.now, m.now, 0
	if c.back {
		c.sendFrom = m.now
	}
	c.rounds++
}

func (m *cases) applyToClaim(author *person, payload record.Payload) {
	c := m.complaint(record.Subjects(payload)[0])
	enter := func(state string) { c.state, c.since = state, m.now }
	switch p := payload.(type) {
	case record.ClaimRespond:
		c.remedy, c.refund, c.back = p.Remedy, p.Refund, p.ReturnNeeded
		if p.Servicer != (record.Key{}) {
			c.named = m.person(p.Servicer)
		}
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
		c.evidence[author]++
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
		if c.state == "defaulted" {
			m.close(c, "closed-defaulted")
		} else {
			m.close(c, "closed-unresolved")
		}
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
