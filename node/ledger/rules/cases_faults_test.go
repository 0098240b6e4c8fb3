package rules

import (
	"slices"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// faultList collects reasons to reject a record.
type faultList map[reject.Reason]bool

func (f faultList) add(is bool, reasons ...reject.Reason) {
	if is {
		for _, r := range reasons {
			f[r] = true
		}
	}
}

// faults returns reasons to reject a record: none if it is valid, and else at
// least the one for which it is rejected.
func (m *cases) faults(r *record.Record) faultList {
	f := faultList{}
	author := m.person(r.Key)
	for _, k := range append([]record.Key{r.Key}, r.Payload.CoSigners()...) {
		if p := m.person(k); p != nil {
			f.add(p.key() != k, reject.KeyRotated)
		}
	}
	switch p := r.Payload.(type) {
	case record.Pay:
		to := m.person(p.To)
		f.add(to == author, reject.SelfPayment)
	case record.KeyRotate:
		f.add(m.person(p.New) != nil, reject.KeyInUse)
	case record.VoucherIssue:
		m.saleFaults(f, author, p)
	case record.VoucherTransfer, record.VoucherVoid:
		m.voucherFaults(f, author, r.Payload)
	case record.ShipmentCreate:
		m.shipFaults(f, author, p)
	case record.CustodyHandover, record.DeliveryConfirm, record.DeliveryException, record.ProofOfAttempt:
		m.custodyFaults(f, author, r.Payload)
	case record.ClaimOpen:
		m.openFaults(f, author, p)
	case record.Ruling:
		m.rulingFaults(f, author, p)
	case record.SettleExecute:
		m.settleFaults(f, author, p)
	case record.Evaluate, record.EvaluateAmend, record.SellerReply, record.RewardClaim:
		m.evaluationFaults(f, author, r.Payload)
	case record.RecallNotice:
		f.add(!author.is(record.Supervisor) && author.name != "maker", reject.NotSupervisor)
		f.add(!author.is(record.Supervisor) && author.name == "maker" && !author.is(record.Manufacturer), reject.MakerRevoked)
	case record.SellerSuspend:
		f.add(!author.is(record.Supervisor), reject.NotSupervisor)
		f.add(!m.person(p.Seller).is(record.Seller), reject.RoleNotHeld)
		f.add(m.person(p.Seller).suspended, reject.AlreadySuspended)
	case record.SellerRestore:
		f.add(!author.is(record.Supervisor), reject.NotSupervisor)
		f.add(!m.person(p.Seller).suspended, reject.NotSuspended)
	case record.Correction:
		f.add(m.authors[p.Record] == nil, reject.RecordUnknown)
		f.add(m.authors[p.Record] != nil && m.authors[p.Record] != author, reject.CorrectionByOther)
	default:
		m.claimFaults(f, author, r.Payload)
	}
	return f
}

func (m *cases) saleFaults(f faultList, author *person, p record.VoucherIssue) {
	f.add(!author.is(record.Seller), reject.RoleNotHeld)
	f.add(author.suspended, reject.SellerSuspended)
	f.add(m.person(p.Buyer) == author, reject.SelfSale)
	old := m.items[p.Serial]
	f.add(old != nil && !old.final(), reject.ItemSold)
}

func (m *cases) voucherFaults(f faultList, author *person, payload record.Payload) {
	switch p := payload.(type) {
	case record.VoucherTransfer:
		v := m.sale(p.Voucher)
		f.add(author != v.holder, reject.NotHolder)
		f.add(v.state != "active" || m.expired(v), reject.WrongState)
		f.add(v.live() != nil, reject.ClaimLive)
		f.add(m.person(p.To) == v.holder, reject.SelfTransfer)
	case record.VoucherVoid:
		v := m.sale(p.Voucher)
		f.add(author != v.seller, reject.NotSeller)
		f.add(v.final(), reject.WrongState)
		f.add(v.state == "active" || last(v.parcels).away(), reject.VoidAfterShipment)
		f.add(v.live() != nil, reject.ClaimLive)
		f.add(m.person(p.Holder) != v.holder, reject.NotHolder)
	}
}

func (m *cases) shipFaults(f faultList, author *person, p record.ShipmentCreate) {
	v, carrier := m.sale(p.Voucher), m.person(p.Carrier)
	f.add(carrier.key() != p.Carrier, reject.KeyRotated)
	f.add(!carrier.is(record.Carrier), reject.RoleNotHeld)
	if p.Leg == record.Outbound {
		f.add(author != v.seller, reject.NotSender)
		f.add(v.state == "void", reject.ShipmentOfVoid)
		f.add(v.state == "refunded" || v.state == "replaced", reject.WrongState)
		f.add(v.state == "active" || last(v.parcels).away(), reject.AlreadyShipped)
		f.add(v.live() != nil && v.live().done != 0, reject.ClaimLive)
		return
	}
	c := m.complaint(p.Claim)
	f.add(c.sale != v, reject.ClaimOfOtherVoucher)
	if p.Leg == record.Return {
		f.add(author != v.holder, reject.NotSender)
		f.add(author != c.holder, reject.NotSender)
		f.add(c.state != "authorised", reject.WrongState)
		f.add(!c.back, reject.ReturnUnneeded)
		f.add(last(c.returns).away(), reject.AlreadyShipped)
		return
	}
	f.add(author != v.seller && author.name != "maker", reject.NotSender)
	f.add(slices.Contains([]string{"open", "offered", "authorised", "closed-delivered"}, c.state), reject.WrongState)
	f.add(v.state == "refunded" || v.state == "replaced", reject.WrongState)
	f.add(c.received == 0 && c.state != "executed", reject.ReturnOutstanding)
	f.add(last(c.again).away(), reject.AlreadyShipped)
}

func (m *cases) custodyFaults(f faultList, author *person, payload record.Payload) {
	id := record.Subjects(payload)[0]
	h := m.parcel(id)
	p, ok := payload.(record.DeliveryException)
	missed := ok && p.Kind == record.Lost && author == h.sender && (h.state == "in-transit" || h.state == "attempted")
	f.add(h.custodian() != author && !missed, reject.NotCustodian)
	switch p := payload.(type) {
	case record.CustodyHandover:
		to := m.person(p.To)
		switch h.state {
		case "created":
			f.add(h.leg == record.Return && h.claim.closed(), reject.WrongState)
			f.add(to != h.carrier, reject.WrongCarrier)
			f.add(!to.is(record.Carrier), reject.RoleNotHeld)
		case "in-transit":
			f.add(!to.is(record.Carrier), reject.RoleNotHeld)
		case "exception":
			f.add(to != h.sender, reject.WrongState)
		default:
			f.add(true, reject.WrongState)
		}
	case record.DeliveryConfirm:
		f.add(h.state == "delivered", reject.AlreadyDelivered)
		f.add(h.state != "in-transit" && h.state != "delivered" && !(h.state == "exception" && h.lost && h.left), reject.WrongState)
		f.add(h.leg == record.Outbound && h.sale.state != "issued" && h.state != "delivered", reject.WrongState)
		want := pickupKey
		if h.leg != record.Outbound {
			want = backPickupKey
		}
		f.add(p.PickupKey != want, reject.WrongPickupKey, reject.WrongLeg)
		f.add(p.ChallengeHeight >= m.height, reject.ChallengeTooNew)
		f.add(p.ChallengeHeight+caseParams.AfterSales.ChallengeBlocks < m.height, reject.ChallengeTooOld)
		f.add(m.nonces[nonceOf{author, p.ChallengeNonce}], reject.ChallengeUsed)
	case record.DeliveryException:
		f.add(h.state != "created" && h.state != "in-transit" && !missed, reject.WrongState)
		f.add(h.state == "attempted" && author != h.sender, reject.NotCustodian)
		f.add(missed && (author != h.custodian() || h.state == "attempted") && !m.silent(h), reject.LostTooEarly)
	case record.ProofOfAttempt:
		f.add(h.state != "in-transit", reject.WrongState)
		f.add(m.now <= h.moved+14*day, reject.AttemptTooEarly)
	}
}

func (m *cases) openFaults(f faultList, author *person, p record.ClaimOpen) {
	v := m.sale(p.Voucher)
	f.add(author != v.holder, reject.ClaimByOther)
	f.add(v.live() != nil, reject.SecondClaim)
	recalled := m.recalled[v.sold.Serial] || m.recalled[""]
	f.add(p.Ground == record.Recall && !recalled, reject.NotRecalled)
	switch {
	case v.state == "void":
		f.add(true, reject.ClaimOnVoid)
	case v.state == "refunded":
		f.add(true, reject.ClaimOnRefunded)
	case v.state == "replaced":
		f.add(true, reject.ClaimOnReplaced)
	case v.state == "issued":
		f.add(p.Ground != record.Delivery || !m.missing(v), reject.NotDelivered)
		f.add(p.Remedy == record.Repair, reject.NotEntitled)
	case m.expired(v):
		f.add(p.Ground != record.Recall, reject.WarrantyOver)
	case p.Ground == record.Delivery:
		f.add(true, reject.NotEntitled)
	case p.Ground == record.NoReason:
		f.add(!v.sold.Distance || p.Remedy != record.Refund || m.now > v.delivered+7*day, reject.NotEntitled)
	case p.Ground == record.Fault && p.Remedy == record.Refund:
		f.add(m.now > v.delivered+7*day, reject.NotEntitled)
	case p.Ground == record.Fault && p.Remedy == record.Replace:
		again := v.repairs >= 2 && v.fault == int(p.FaultCode)
		f.add(m.now > v.delivered+15*day && !again, reject.NotEntitled)
	}
}

// claimFaults is for records about a claim by its parties.
func (m *cases) claimFaults(f faultList, author *person, payload record.Payload) {
	c := m.complaint(record.Subjects(payload)[0])
	dealer := author == c.sale.seller || author.name == "maker"
	in := func(states ...string) bool { return slices.Contains(states, c.state) }
	over := func(since uint32, days uint32) bool { return m.now > since+days*day }
	switch p := payload.(type) {
	case record.ClaimRespond:
		f.add(!dealer, reject.ResponseByOther)
		f.add(!in("open"), reject.AlreadyResponded)
		f.add(in("escalated", "ordered", "defaulted"), reject.ResponseAfterEscalation)
		if p.Servicer != (record.Key{}) {
			f.add(m.person(p.Servicer).key() != p.Servicer, reject.KeyRotated)
			f.add(!m.person(p.Servicer).is(record.Servicer), reject.RoleNotHeld)
		}
		f.add(p.ReturnNeeded && c.sale.delivered == 0, reject.ReturnUnneeded)
		as := p.Remedy == c.opened.Remedy && (p.Remedy != record.Refund || p.Refund == c.sale.sold.Price)
		f.add(p.Action == record.Authorise && !as, reject.RemedyDiffers)
	case record.ClaimAnswer:
		f.add(author != c.holder, reject.NotHolder)
		f.add(!in("offered"), reject.WrongState)
	case record.EvidenceAdd:
		role := m.roleIn(c, author)
		f.add(role == "", reject.EvidenceByOther)
		f.add(c.closed(), reject.EvidenceAfterClose)
		f.add(c.evidence[author] >= int(caseParams.AfterSales.EvidenceLimit), reject.EvidenceLimit)
	case record.InspectionReport:
		named := author == c.named
		if p.Seller != (record.Key{}) {
			named = m.person(p.Seller) == c.sale.seller
			f.add(!named, reject.NotSeller)
		}
		f.add(author != c.sale.seller && !(named && author.is(record.Servicer)), reject.NotInspector)
		f.add(!in("received"), reject.WrongState)
	case record.ClaimWithdraw:
		f.add(author != c.holder, reject.NotHolder)
		f.add(in("received", "inspected"), reject.WithdrawAfterReceipt)
		f.add(!in("open", "offered", "authorised", "received", "inspected"), reject.WrongState)
	case record.ClaimEscalate:
		f.add(author != c.holder, reject.NotHolder)
		f.add(!in("open", "rejected", "authorised", "received", "inspected"), reject.WrongState)
		f.add(in("open") && !over(c.since, 10), reject.EscalationTooEarly)
		f.add(in("authorised", "received", "inspected") && !over(c.agreed, 30), reject.EscalationTooEarly)
	case record.SettleConfirm:
		f.add(author != c.holder, reject.ConfirmByOther)
		f.add(!in("executed"), reject.WrongState)
	case record.ClaimClose:
		f.add(author != c.holder && !dealer, reject.NotAParty)
		f.add(in("defaulted") && author != c.holder, reject.NotAParty)
		f.add(!in("escalated", "defaulted"), reject.WrongState)
		f.add(in("escalated") && !over(c.since, 63), reject.CloseTooEarly)
	}
}

// roleIn returns what somebody is to a claim, "" if nothing.
func (m *cases) roleIn(c *complaint, p *person) string {
	carries := false
	for _, h := range []*parcel{last(c.sale.parcels), last(c.returns), last(c.again)} {
		carries = carries || h != nil && h.carrier == p
	}
	switch {
	case p == c.holder:
		return "holder"
	case p == c.sale.seller:
		return "seller"
	case p.name == "maker":
		return "maker"
	case p == c.named || p == c.inspector:
		return "servicer"
	case carries:
		return "carrier"
	}
	return ""
}

func (m *cases) rulingFaults(f faultList, author *person, p record.Ruling) {
	f.add(!author.is(record.Supervisor), reject.NotSupervisor)
	if p.Subject == record.OnShipment {
		h := m.parcel(p.ID)
		moves := p.Outcome == record.RuledLost && (h.state == "created" || h.state == "in-transit")
		f.add(h.state != "attempted" && !moves, reject.WrongState)
		f.add(moves && !m.silent(h), reject.LostTooEarly)
		f.add(p.Outcome == record.RuledDelivered && h.leg == record.Outbound && h.sale.state != "issued", reject.WrongState)
		v := h.sale
		f.add(author == h.sender || author == h.carrier || author == v.seller || author == v.buyer || author == v.holder, reject.RulingByParty)
		return
	}
	c := m.complaint(p.ID)
	f.add(c.state != "escalated", reject.RulingNotEscalated)
	f.add(c.state == "ordered" || c.state == "defaulted" || c.state == "closed-dismissed", reject.AlreadyRuled)
	f.add(m.roleIn(c, author) != "" || author == c.sale.buyer || author == c.sale.holder, reject.RulingByParty)
}

func (m *cases) settleFaults(f faultList, author *person, p record.SettleExecute) {
	c := m.complaint(p.Claim)
	f.add(author != c.sale.seller && author.name != "maker", reject.NotAParty)
	f.add(!slices.Contains([]string{"authorised", "inspected", "ordered", "defaulted"}, c.state), reject.WrongState)
	f.add(c.state == "authorised" && c.back, reject.ReturnOutstanding)
	f.add(p.Remedy != c.remedy, reject.RemedyDiffers)
	switch p.Remedy {
	case record.Refund:
		pay := m.payments[p.Payment]
		if pay == nil {
			f.add(true, reject.PaymentUnknown)
			return
		}
		f.add(pay.claim != c, reject.PaymentForOther)
		f.add(pay.used, reject.PaymentUsed)
		f.add(pay.to != c.holder, reject.PaymentToOther)
		f.add(pay.round != c.rounds, reject.PaymentTooEarly)
		f.add(pay.amount < c.refund, reject.PaymentTooSmall)
	case record.Replace:
		v := m.sale(p.Replacement)
		f.add(p.Holder != (record.Key{}) && m.person(p.Holder) != c.holder, reject.NotHolder)
		f.add(v.replaces, reject.ReplacementUsed)
		fit := v != c.sale && v.issued >= c.agreed && v.holder == c.holder && (v.state == "issued" || v.state == "active") && !m.expired(v)
		f.add(!fit || v.seller != c.sale.seller && v.seller != author, reject.ReplacementUnfit)
	}
}

func (m *cases) evaluationFaults(f faultList, author *person, payload record.Payload) {
	v := m.sale(record.Subjects(payload)[0])
	switch payload.(type) {
	case record.Evaluate:
		f.add(author == v.holder && author != v.buyer, reject.SecondHand)
		f.add(author != v.buyer, reject.NotBuyer)
		f.add(v.evaluated != "", reject.AlreadyEvaluated)
		f.add(v.delivered == 0, reject.EvaluationTooEarly)
		f.add(v.delivered != 0 && m.now > v.delivered+180*day, reject.EvaluationTooLate)
		f.add(author == v.seller || author.name == "maker", reject.OwnGoods)
	case record.EvaluateAmend:
		f.add(author != v.buyer, reject.NotBuyer)
		f.add(v.evaluated == "", reject.EvaluationUnknown)
		f.add(v.evaluated == "amended", reject.AlreadyAmended)
		f.add(!slices.ContainsFunc(v.claims, (*complaint).closed), reject.AmendWithoutClaim)
	case record.SellerReply:
		f.add(author != v.seller, reject.NotSeller)
		f.add(v.evaluated == "", reject.EvaluationUnknown)
		f.add(v.replied, reject.AlreadyReplied)
	case record.RewardClaim:
		f.add(author != v.buyer, reject.NotBuyer)
		f.add(v.evaluated == "", reject.EvaluationUnknown)
		f.add(v.rewarded, reject.AlreadyRewarded)
		f.add(m.height < v.evaluatedAt+caseParams.AfterSales.RewardDelay, reject.RewardTooEarly)
	}
}
