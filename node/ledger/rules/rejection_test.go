package rules

import (
	"slices"
	"testing"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// someRejection is a history in which records are rejected.
type someRejection struct {
	name string
	run  func(w *world)
}

// unknownID names nothing.
var unknownID = record.ID{9}

// Every rejection that the rules of after-sales have, each with its own reason.
func TestAftersalesRejects(t *testing.T) {
	for _, test := range slices.Concat(
		saleRejections,
		custodyRejections,
		claimRejections,
		settlementRejections,
		evaluationRejections,
		otherRejections,
	) {
		t.Run(test.name, func(t *testing.T) { test.run(newWorld(t)) })
	}

	all := reject.All()
	first, last := slices.Index(all, reject.AlreadyAmended), slices.Index(all, reject.WrongState)
	for _, reason := range all[first : last+1] {
		if !rejected[reason] {
			t.Errorf("no record was rejected as %s", reason)
		}
	}
}

// refundedClosed is a refund of a closed claim with a payment that came late.
func (w *world) refundedClosed() record.SettleExecute {
	late := w.pay(theBuyer, price)
	w.complain(record.Refund)
	w.do(theSeller, w.Authorise(record.Refund, false))
	return w.Refunded(late)
}

func (w *world) setRoles(k record.Key, roles Roles) {
	w.Helper()
	a := account(w, w.State, k)
	a.Roles = roles
	if err := putAccount(w.State, &a); err != nil {
		w.Fatal(err)
	}
}

// saleRejections are those of who registers and sells products.
var saleRejections = []someRejection{
	{"claimed time", func(w *world) {
		p := w.Recall("")
		p.Time += maxAhead
		w.do(theMaker, p)
		p.Time++
		w.reject(reject.TimeInFuture, theMaker, p)
	}},
	{"products", func(w *world) {
		p := record.ProductRegister{Time: w.now(), GTIN: theGTIN, WarrantyDays: 30}
		w.reject(reject.ProductTaken, otherMaker, p)
		w.reject(reject.RoleNotHeld, theSeller, p)
		w.do(theMaker, p)
	}},
	{"sales", func(w *world) {
		sale := func(want reject.Reason, author record.Key, change func(p *record.VoucherIssue)) {
			p := w.Sale()
			change(&p)
			w.reject(want, author, p)
		}
		sale(reject.RoleNotHeld, aStranger, func(p *record.VoucherIssue) {})
		sale(reject.ProductUnknown, theSeller, func(p *record.VoucherIssue) { p.GTIN = 36000291452 })
		sale(reject.WarrantyTooShort, theSeller, func(p *record.VoucherIssue) { p.WarrantyDays = 364 })
		sale(reject.TermsDiffer, theSeller, func(p *record.VoucherIssue) { p.Terms[0]++ })
		sale(reject.BurnTooSmall, theSeller, func(p *record.VoucherIssue) { p.Burn-- })
		sale(reject.BurnTooSmall, theSeller, func(p *record.VoucherIssue) { p.Price, p.Burn = 1, caseParams.AfterSales.VoucherFee-1 })
		sale(reject.StipendTooSmall, theSeller, func(p *record.VoucherIssue) { p.Stipend = caseParams.AfterSales.MinStipend - 1 })
		sale(reject.InsufficientFunds, theSeller, func(p *record.VoucherIssue) { p.Burn = funds })
		sale(reject.InsufficientFunds, theSeller, func(p *record.VoucherIssue) { p.Stipend = funds - 10 })
		sale(reject.SelfSale, theSeller, func(p *record.VoucherIssue) { p.Buyer = theSeller })
		w.do(theBuyer, record.KeyRotate{New: someKey(120)})
		sale(reject.KeyRotated, theSeller, func(p *record.VoucherIssue) {})
		sale(reject.SelfSale, theSeller, func(p *record.VoucherIssue) { p.Buyer = theSeller })
	}},
	{"a product whose maker was revoked", func(w *world) {
		w.setRoles(theMaker, 0)
		w.reject(reject.MakerRevoked, theSeller, w.Sale())
	}},
	{"a second voucher for an item", func(w *world) {
		p := w.Sale()
		w.Voucher = w.do(theSeller, p)
		w.reject(reject.ItemSold, otherSeller, p)
		w.do(theSeller, w.Void(theBuyer))
		w.do(otherSeller, p)
	}},
	{"a suspended seller", func(w *world) {
		suspend := record.SellerSuspend{Time: w.now(), Seller: theSeller, Cause: record.Complaints}
		restore := record.SellerRestore{Time: w.now(), Seller: theSeller, Cause: record.Remedied}
		w.reject(reject.NotSuspended, theSupervisor, restore)
		w.reject(reject.NotSupervisor, aStranger, suspend)
		w.do(theSupervisor, suspend)
		w.reject(reject.SellerSuspended, theSeller, w.Sale())
		w.reject(reject.AlreadySuspended, theSupervisor, suspend)
		w.reject(reject.NotSupervisor, theSeller, restore)
		w.do(theSupervisor, restore)
		w.sell()
		suspend.Seller = aStranger
		w.reject(reject.RoleNotHeld, theSupervisor, suspend)
	}},
	{"transfers", func(w *world) {
		w.reject(reject.VoucherUnknown, theBuyer, record.VoucherTransfer{Time: w.now(), Voucher: unknownID, To: theHolder})
		w.sell()
		w.reject(reject.WrongState, theBuyer, w.Transfer(theHolder))
		w.deliver()
		w.reject(reject.NotHolder, theSeller, w.Transfer(theHolder))
		w.reject(reject.NotHolder, theHolder, w.Transfer(theHolder))
		w.reject(reject.SelfTransfer, theBuyer, w.Transfer(theBuyer))
		w.do(theBuyer, w.Transfer(theHolder))
		w.reject(reject.NotHolder, theBuyer, w.Transfer(aStranger)) // a past holder
		w.Claim = w.do(theHolder, w.Open(record.Fault, record.Repair))
		w.reject(reject.ClaimLive, theHolder, w.Transfer(theBuyer))
		w.do(theHolder, w.Withdraw())
		w.do(theHolder, w.Transfer(theBuyer))
	}},
	{"undone sales", func(w *world) {
		w.sell()
		w.reject(reject.NotSeller, theBuyer, w.Void(theBuyer))
		w.reject(reject.NotSeller, otherSeller, w.Void(theBuyer))
		w.reject(reject.NotHolder, theSeller, w.Void(theHolder))
		w.Shipment = w.do(theSeller, w.Ship(record.Outbound))
		w.reject(reject.VoidAfterShipment, theSeller, w.Void(theBuyer))
		w.do(theSeller, w.HandOver(theCarrier))
		w.do(theCarrier, w.Damaged())
		w.reject(reject.VoidAfterShipment, theSeller, w.Void(theBuyer))
		w.Claim = w.do(theBuyer, w.Open(record.Delivery, record.Refund))
		w.do(theCarrier, w.HandOver(theSeller))
		w.reject(reject.ClaimLive, theSeller, w.Void(theBuyer))
		w.do(theBuyer, w.Withdraw())
		w.do(theSeller, w.Void(theBuyer))
		w.reject(reject.WrongState, theSeller, w.Void(theBuyer))
		w.reject(reject.ShipmentOfVoid, theSeller, w.Ship(record.Outbound))
		w.reject(reject.ClaimOnVoid, theBuyer, w.Open(record.Fault, record.Repair))
		w.deliver()
		w.reject(reject.VoidAfterShipment, theSeller, w.Void(theBuyer))
	}},
}

// custodyRejections are those of who sends and delivers goods.
var custodyRejections = []someRejection{
	{"shipments", func(w *world) {
		w.sell()
		p := w.Ship(record.Outbound)
		w.reject(reject.NotSender, theBuyer, p)
		p.Carrier = aStranger
		w.reject(reject.RoleNotHeld, theSeller, p)
		p.Voucher = unknownID
		w.reject(reject.VoucherUnknown, theSeller, p)
		w.Shipment = w.do(theSeller, w.Ship(record.Outbound))
		w.reject(reject.AlreadyShipped, theSeller, w.Ship(record.Outbound))
		w.reject(reject.NotCustodian, theCarrier, w.HandOver(nextCarrier))
		w.reject(reject.WrongCarrier, theSeller, w.HandOver(nextCarrier))
		w.reject(reject.WrongState, theSeller, w.Confirm(pickupKey))
		w.do(theSeller, w.HandOver(theCarrier))
		w.reject(reject.NotCustodian, theSeller, w.HandOver(nextCarrier))
		w.reject(reject.RoleNotHeld, theCarrier, w.HandOver(aStranger))
		w.reject(reject.RoleNotHeld, theCarrier, w.HandOver(theSeller)) // without an exception
		w.do(theCarrier, w.HandOver(nextCarrier))
		w.reject(reject.NotCustodian, theCarrier, w.Damaged())
		w.reject(reject.NotCustodian, theCarrier, w.Attempt())
		w.do(nextCarrier, w.Damaged())
		w.reject(reject.WrongState, nextCarrier, w.HandOver(theCarrier))
		w.reject(reject.AlreadyShipped, theSeller, w.Ship(record.Outbound))
		w.do(nextCarrier, w.HandOver(theSeller))
		w.send(theSeller, record.Outbound)
		w.do(theCarrier, w.Confirm(pickupKey))
		w.reject(reject.AlreadyShipped, theSeller, w.Ship(record.Outbound))
		w.Shipment = unknownID
		w.reject(reject.ShipmentUnknown, theCarrier, w.Damaged())
		w.reject(reject.ShipmentUnknown, theSupervisor, w.RuleShipment(record.RuledLost))
	}},
	{"deliveries", func(w *world) {
		w.sell()
		w.send(theSeller, record.Outbound)
		w.reject(reject.NotCustodian, nextCarrier, w.Confirm(pickupKey))
		w.reject(reject.WrongPickupKey, theCarrier, w.Confirm(someKey(121)))
		p := w.Confirm(pickupKey)
		p.ChallengeHeight = w.c.Height - caseParams.AfterSales.ChallengeBlocks - 1
		w.reject(reject.ChallengeTooOld, theCarrier, p)
		p.ChallengeHeight = w.c.Height
		w.reject(reject.ChallengeTooNew, theCarrier, p)
		p.ChallengeHeight = w.c.Height - caseParams.AfterSales.ChallengeBlocks
		w.do(theCarrier, p)
		w.reject(reject.AlreadyDelivered, theCarrier, w.Confirm(pickupKey))

		w.sell()
		w.send(theSeller, record.Outbound)
		p.Shipment, p.ChallengeHeight = w.Shipment, w.c.Height-1
		w.reject(reject.ChallengeUsed, theCarrier, p)
		w.do(theCarrier, w.HandOver(nextCarrier))
		w.do(nextCarrier, p) // another carrier's nonce is its own
	}},
	{"the pick-up key of another leg", func(w *world) {
		w.complain(record.Repair)
		w.do(theSeller, w.Authorise(record.Repair, true))
		w.send(theBuyer, record.Return)
		w.reject(reject.WrongLeg, theCarrier, w.Confirm(pickupKey))
		w.do(theCarrier, w.Confirm(backPickupKey))
	}},
	{"attempts", func(w *world) {
		w.sell()
		w.send(theSeller, record.Outbound)
		w.reject(reject.LostTooEarly, theSupervisor, w.RuleShipment(record.RuledLost))
		w.reject(reject.LostTooEarly, theSeller, w.Lost())
		w.later(14, 0)
		w.reject(reject.AttemptTooEarly, theCarrier, w.Attempt())
		w.later(0, 1)
		w.do(theCarrier, w.Attempt())
		w.reject(reject.NotSupervisor, theServicer, w.RuleShipment(record.RuledLost))
		w.setRoles(theCarrier, 1<<record.Carrier|1<<record.Supervisor)
		w.reject(reject.RulingByParty, theCarrier, w.RuleShipment(record.RuledDelivered))
		w.do(theSupervisor, w.RuleShipment(record.RuledLost))
		w.reject(reject.WrongState, theSupervisor, w.RuleShipment(record.RuledLost))
		w.Claim = w.do(theBuyer, w.Open(record.Delivery, record.Refund))
	}},
}

// claimRejections are those of who claims, answers and rules.
var claimRejections = []someRejection{
	{"claims", func(w *world) {
		w.sell()
		w.reject(reject.ClaimByOther, theSeller, w.Open(record.Fault, record.Repair))
		w.reject(reject.NotDelivered, theBuyer, w.Open(record.Fault, record.Repair))
		w.reject(reject.NotDelivered, theBuyer, w.Open(record.Delivery, record.Refund))
		w.send(theSeller, record.Outbound)
		w.reject(reject.NotDelivered, theBuyer, w.Open(record.Delivery, record.Refund))
		w.do(theCarrier, w.Confirm(pickupKey))
		w.reject(reject.NotEntitled, theBuyer, w.Open(record.Delivery, record.Refund))
		w.reject(reject.NotRecalled, theBuyer, w.Open(record.Recall, record.Repair))
		w.reject(reject.NotEntitled, theBuyer, w.Open(record.NoReason, record.Repair))
		w.do(theBuyer, w.Transfer(theHolder))
		w.reject(reject.ClaimByOther, theBuyer, w.Open(record.Fault, record.Repair)) // does not hold it any more
		w.Claim = w.do(theHolder, w.Open(record.Fault, record.Repair))
		w.reject(reject.SecondClaim, theHolder, w.Open(record.Fault, record.Repair))
		p := w.Withdraw()
		p.Claim = unknownID
		w.reject(reject.ClaimUnknown, theHolder, p)
	}},
	{"claims on what was settled", func(w *world) {
		w.complain(record.Refund)
		w.do(theSeller, w.Authorise(record.Refund, false))
		w.do(theSeller, w.Refunded(w.pay(theBuyer, price)))
		w.do(theBuyer, w.Settle(true))
		w.reject(reject.ClaimOnRefunded, theBuyer, w.Open(record.Fault, record.Repair))
		w.complain(record.Replace)
		w.do(theSeller, w.Authorise(record.Replace, false))
		w.do(theSeller, w.Replaced(w.do(theSeller, w.Sale())))
		w.do(theBuyer, w.Settle(true))
		w.reject(reject.ClaimOnReplaced, theBuyer, w.Open(record.Fault, record.Repair))
	}},
	{"claims after the warranty", func(w *world) {
		w.deliver()
		w.later(365, 0)
		w.do(theBuyer, w.Open(record.Fault, record.Repair))
		w.deliver()
		w.later(365, 1)
		w.reject(reject.WarrantyOver, theBuyer, w.Open(record.Fault, record.Repair))
		w.reject(reject.NotRecalled, theBuyer, w.Open(record.Recall, record.Repair))
		w.reject(reject.WrongState, theBuyer, w.Transfer(theHolder))
		w.do(theMaker, w.Recall(w.getVoucher().Serial))
		w.reject(reject.WarrantyOver, theBuyer, w.Open(record.Fault, record.Repair))
		w.do(theBuyer, w.Open(record.Recall, record.Refund))
	}},
	{"sold in a shop", func(w *world) {
		p := w.Sale()
		p.Distance = false
		w.Voucher = w.do(theSeller, p)
		w.send(theSeller, record.Outbound)
		w.do(theCarrier, w.Confirm(pickupKey))
		w.reject(reject.NotEntitled, theBuyer, w.Open(record.NoReason, record.Refund))
	}},
	{"responses", func(w *world) {
		w.complain(record.Refund)
		w.reject(reject.ResponseByOther, otherSeller, w.Rejection())
		w.reject(reject.ResponseByOther, theBuyer, w.Rejection())
		w.reject(reject.RemedyDiffers, theSeller, w.Authorise(record.Repair, false))
		p := w.Authorise(record.Refund, false)
		p.Refund--
		w.reject(reject.RemedyDiffers, theSeller, p)
		w.do(theMaker, w.Rejection())
		w.reject(reject.AlreadyResponded, theSeller, w.Authorise(record.Refund, false))
		w.do(theBuyer, w.Escalate())
		w.reject(reject.ResponseAfterEscalation, theSeller, w.Authorise(record.Refund, false))
	}},
	{"answers", func(w *world) {
		w.complain(record.Refund)
		w.reject(reject.WrongState, theBuyer, w.Answer(true))
		w.do(theSeller, w.Offer(record.Repair))
		w.reject(reject.NotHolder, theSeller, w.Answer(true))
	}},
	{"escalations", func(w *world) {
		w.complain(record.Repair)
		w.later(10, 0)
		w.reject(reject.EscalationTooEarly, theBuyer, w.Escalate())
		w.later(0, 1)
		w.reject(reject.NotHolder, theSeller, w.Escalate())
		w.do(theBuyer, w.Escalate())
		w.reject(reject.WrongState, theBuyer, w.Escalate())
		w.later(63, 0)
		w.reject(reject.CloseTooEarly, theBuyer, w.CloseClaim())
		w.later(0, 1)
		w.reject(reject.NotAParty, theSupervisor, w.CloseClaim())
		w.do(theSeller, w.CloseClaim())
		w.reject(reject.RulingNotEscalated, theSupervisor, w.Dismissal())
	}},
	{"evidence", func(w *world) {
		w.complain(record.Repair)
		w.reject(reject.EvidenceByOther, aStranger, w.Evidence())
		w.reject(reject.EvidenceByOther, theServicer, w.Evidence()) // has nothing to do with it
		w.reject(reject.EvidenceByOther, nextCarrier, w.Evidence())
		for range caseParams.AfterSales.EvidenceLimit {
			w.do(theBuyer, w.Evidence())
		}
		w.reject(reject.EvidenceLimit, theBuyer, w.Evidence())
		w.do(theSeller, w.Evidence())
		for range caseParams.AfterSales.EvidenceLimit {
			w.do(theCarrier, w.Evidence())
		}
		w.reject(reject.EvidenceLimit, theCarrier, w.Evidence())
		first := w.Claim
		w.complain(record.Repair)
		w.do(theCarrier, w.Evidence()) // to another claim
		w.Claim = first
		w.do(theBuyer, w.Withdraw())
		w.reject(reject.EvidenceAfterClose, theSeller, w.Evidence())
	}},
	{"evidence of several carriers", func(w *world) {
		w.sell()
		w.send(theSeller, record.Outbound)
		w.do(theCarrier, w.HandOver(nextCarrier))
		w.do(nextCarrier, w.Confirm(pickupKey))
		w.Claim = w.do(theBuyer, w.Open(record.Fault, record.Repair))
		w.do(theSeller, w.Authorise(record.Repair, true))
		w.send(theBuyer, record.Return)
		for range caseParams.AfterSales.EvidenceLimit {
			w.do(theCarrier, w.Evidence())
		}
		w.reject(reject.EvidenceLimit, theCarrier, w.Evidence())
		w.do(nextCarrier, w.Evidence()) // has a limit of its own
		w.do(theCarrier, record.KeyRotate{New: someKey(127)})
		w.reject(reject.EvidenceLimit, theCarrier, w.Evidence()) // under another key
	}},
	{"inspections and withdrawals", func(w *world) {
		w.complain(record.Repair)
		w.do(theSeller, w.Authorise(record.Repair, true))
		w.reject(reject.ReturnOutstanding, theSeller, w.Repaired())
		w.reject(reject.NotSender, theSeller, w.Ship(record.Return))
		w.reject(reject.NotSender, theBuyer, w.Ship(record.Replacement))
		w.reject(reject.WrongState, theSeller, w.Ship(record.Replacement))
		w.reject(reject.WrongState, theServicer, w.Inspection(record.Confirmed)) // whom the seller named
		w.send(theBuyer, record.Return)
		w.reject(reject.AlreadyShipped, theBuyer, w.Ship(record.Return))
		w.do(theCarrier, w.Confirm(backPickupKey))
		w.reject(reject.WithdrawAfterReceipt, theBuyer, w.Withdraw())
		w.reject(reject.NotInspector, theBuyer, w.Inspection(record.Confirmed))
		w.reject(reject.NotInspector, theMaker, w.Inspection(record.Confirmed))
		w.do(theServicer, w.Inspection(record.Confirmed))
		w.reject(reject.WithdrawAfterReceipt, theBuyer, w.Withdraw())
	}},
	{"returns", func(w *world) {
		w.complain(record.Repair)
		first := w.Voucher
		w.do(theSeller, w.Authorise(record.Repair, false))
		w.reject(reject.ReturnUnneeded, theBuyer, w.Ship(record.Return))
		w.sell()
		w.reject(reject.ClaimOfOtherVoucher, theBuyer, w.Ship(record.Return))
		w.Voucher = first
		w.Claim = unknownID
		w.reject(reject.ClaimUnknown, theBuyer, w.Ship(record.Return))
	}},
	{"rulings", func(w *world) {
		w.complain(record.Repair)
		w.reject(reject.RulingNotEscalated, theSupervisor, w.Dismissal())
		w.do(theSeller, w.Rejection())
		w.do(theBuyer, w.Escalate())
		w.reject(reject.NotSupervisor, theServicer, w.Dismissal())
		for _, k := range []record.Key{theSeller, theMaker, theBuyer, theCarrier} {
			was := account(w, w.State, k).Roles
			w.setRoles(k, was|1<<record.Supervisor)
			w.reject(reject.RulingByParty, k, w.Dismissal())
			w.setRoles(k, was)
			w.reject(reject.NotSupervisor, k, w.Dismissal()) // revoked
		}
		w.do(theSupervisor, w.Order(record.Repair, 0))
		w.reject(reject.AlreadyRuled, theSupervisor, w.Dismissal())
		w.later(6, 0)
		w.reject(reject.AlreadyRuled, theSupervisor, w.Dismissal()) // defaulted
		w.reject(reject.NotAParty, theSeller, w.CloseClaim())
		w.complain(record.Repair)
		w.do(theSeller, w.Offer(record.Repair))
		w.do(theBuyer, w.Answer(false))
		w.do(theSupervisor, w.Dismissal())
		w.reject(reject.AlreadyRuled, theSupervisor, w.Order(record.Repair, 0))
	}},
}

// settlementRejections are those of who gives a remedy.
var settlementRejections = []someRejection{
	{"refunds", func(w *world) {
		w.complain(record.Refund)
		first, early := w.Claim, w.pay(theBuyer, price)
		w.do(theSeller, w.Authorise(record.Refund, false))
		w.reject(reject.PaymentTooEarly, theSeller, w.Refunded(early))
		w.reject(reject.PaymentUnknown, theSeller, w.Refunded(unknownID))
		w.reject(reject.PaymentToOther, theSeller, w.Refunded(w.pay(theHolder, price)))
		w.reject(reject.PaymentTooSmall, theSeller, w.Refunded(w.pay(theBuyer, price-1)))
		w.reject(reject.RemedyDiffers, theSeller, w.Repaired())
		good := w.pay(theBuyer, price)
		w.reject(reject.NotAParty, otherSeller, w.Refunded(good))
		w.do(theSeller, w.Refunded(good))
		w.reject(reject.ConfirmByOther, theSeller, w.Settle(true))
		w.do(theBuyer, w.Settle(false))
		w.do(theSupervisor, w.Order(record.Refund, price+1))
		w.reject(reject.PaymentUsed, theSeller, w.Refunded(good))
		w.reject(reject.PaymentTooSmall, theSeller, w.Refunded(w.pay(theBuyer, price)))
		other := w.pay(theBuyer, price+1)
		w.complain(record.Refund)
		w.do(theSeller, w.Authorise(record.Refund, false))
		w.reject(reject.PaymentForOther, theSeller, w.Refunded(other))
		w.Claim = first
		w.do(theSeller, w.Refunded(other))
		w.do(theBuyer, w.Settle(true))
		w.reject(reject.PaymentUnknown, theSeller, w.refundedClosed())
	}},
	{"replacements", func(w *world) {
		w.complain(record.Replace)
		old := w.Voucher
		early := w.do(theSeller, w.Sale())
		w.later(0, 1)
		w.do(theSeller, w.Authorise(record.Replace, false))
		w.reject(reject.ReplacementUnfit, theSeller, w.Replaced(early))
		w.reject(reject.ReplacementUnfit, theSeller, w.Replaced(old))
		w.reject(reject.VoucherUnknown, theSeller, w.Replaced(unknownID))
		p := w.Sale()
		p.Buyer = theHolder
		w.reject(reject.ReplacementUnfit, theSeller, w.Replaced(w.do(theSeller, p)))
		w.reject(reject.ReplacementUnfit, theSeller, w.Replaced(w.do(otherSeller, w.Sale())))
		undone := w.do(theSeller, w.Sale())
		w.Voucher = undone
		w.do(theSeller, w.Void(theBuyer))
		w.reject(reject.ReplacementUnfit, theSeller, w.Replaced(undone))
		p = w.Sale()
		p.GTIN = otherGTIN
		settlement := w.Replaced(w.do(theSeller, p))
		w.reject(reject.ReplacementDiffers, theSeller, settlement)
		settlement.Holder = theHolder
		w.reject(reject.NotHolder, theSeller, settlement)
		settlement.Holder = theBuyer
		w.do(theSeller, settlement)
		w.do(theBuyer, w.Settle(false))
		w.do(theSupervisor, w.Order(record.Replace, 0))
		w.reject(reject.ReplacementUsed, theSeller, settlement)
	}},
}

// evaluationRejections are those of who evaluates.
var evaluationRejections = []someRejection{
	{"evaluations", func(w *world) {
		w.reject(reject.VoucherUnknown, theBuyer, w.Evaluation())
		w.sell()
		w.reject(reject.EvaluationTooEarly, theBuyer, w.Evaluation())
		w.deliver()
		w.reject(reject.NotBuyer, aStranger, w.Evaluation())
		w.reject(reject.NotBuyer, theSeller, w.Evaluation())
		w.reject(reject.EvaluationUnknown, theBuyer, w.Amendment())
		w.reject(reject.EvaluationUnknown, theBuyer, w.Reward())
		w.reject(reject.EvaluationUnknown, theSeller, w.Reply())
		w.do(theBuyer, w.Transfer(theHolder))
		w.reject(reject.SecondHand, theHolder, w.Evaluation())
		w.do(theBuyer, w.Evaluation()) // though it sold the goods
		w.reject(reject.AlreadyEvaluated, theBuyer, w.Evaluation())
		w.reject(reject.AmendWithoutClaim, theBuyer, w.Amendment())
		w.reject(reject.NotSeller, theBuyer, w.Reply())
		w.do(theSeller, w.Reply())
		w.reject(reject.AlreadyReplied, theSeller, w.Reply())
		w.Claim = w.do(theHolder, w.Open(record.Fault, record.Repair))
		w.reject(reject.AmendWithoutClaim, theBuyer, w.Amendment())
		w.do(theHolder, w.Withdraw())
		w.reject(reject.NotBuyer, theHolder, w.Amendment())
		w.do(theBuyer, w.Amendment())
		w.reject(reject.AlreadyAmended, theBuyer, w.Amendment())
		w.c.Height += caseParams.AfterSales.RewardDelay - 1
		w.reject(reject.RewardTooEarly, theBuyer, w.Reward())
		w.c.Height++
		w.reject(reject.NotBuyer, theHolder, w.Reward())
		w.do(theBuyer, w.Reward())
		w.reject(reject.AlreadyRewarded, theBuyer, w.Reward())
	}},
	{"late evaluations", func(w *world) {
		w.deliver()
		w.later(180, 1)
		w.reject(reject.EvaluationTooLate, theBuyer, w.Evaluation())
		w.deliver()
		w.later(180, 0)
		w.do(theBuyer, w.Evaluation())
	}},
	{"own goods", func(w *world) {
		p := w.Sale()
		p.Buyer = theMaker
		w.Voucher = w.do(theSeller, p)
		w.send(theSeller, record.Outbound)
		w.do(theCarrier, w.Confirm(pickupKey))
		w.reject(reject.OwnGoods, theMaker, w.Evaluation())
	}},
	{"an empty reward pool", func(w *world) {
		w.deliver()
		w.do(theBuyer, w.Evaluation())
		w.c.Height += caseParams.AfterSales.RewardDelay
		if err := putUint(w.State, uint64(price/400-1), rewardPoolEntry); err != nil {
			w.Fatal(err)
		}
		w.reject(reject.RewardPoolShort, theBuyer, w.Reward())
	}},
}

// otherRejections are those of who rotates keys, recalls and corrects.
var otherRejections = []someRejection{
	{"a key that bought does not become the seller's", func(w *world) {
		p := w.Sale()
		p.Buyer = someKey(122)
		w.do(theSeller, p)
		w.reject(reject.KeyInUse, theSeller, record.KeyRotate{New: someKey(122)})
		w.deliver()
		w.do(theBuyer, w.Transfer(someKey(123)))
		w.reject(reject.KeyInUse, theSeller, record.KeyRotate{New: someKey(123)})
	}},
	{"a key that was a carrier does not become another's", func(w *world) {
		k, roots := someKey(124), []record.Key{root1, root2}
		w.do(theSeller, record.RoleGrant{Key: k, Role: record.Carrier, Approvers: roots})
		w.sell()
		p := w.Ship(record.Outbound)
		p.Carrier = k
		w.Shipment = w.do(theSeller, p)
		w.do(theSeller, w.HandOver(k))
		w.do(theSeller, record.RoleRevoke{Key: k, Role: record.Carrier, Approvers: roots})
		w.reject(reject.KeyInUse, aStranger, record.KeyRotate{New: k})
		w.do(aStranger, record.Pay{To: k, Amount: record.Coin})
		w.do(k, w.Confirm(pickupKey)) // it still answers for the goods
	}},
	{"recalls", func(w *world) {
		w.reject(reject.NotSupervisor, theSeller, w.Recall(""))
		w.reject(reject.NotSupervisor, otherMaker, w.Recall("1"))
		p := w.Recall("")
		p.GTIN = 36000291452
		w.reject(reject.ProductUnknown, theSupervisor, p)
	}},
	{"recalls by a maker that was revoked", func(w *world) {
		w.setRoles(theMaker, 0)
		w.reject(reject.MakerRevoked, theMaker, w.Recall(""))
		w.reject(reject.MakerRevoked, theMaker, w.Recall("1"))
		w.setRoles(theMaker, 1<<record.Supervisor)
		w.do(theMaker, w.Recall("1"))
	}},
	{"corrections", func(w *world) {
		w.sell()
		p := record.Correction{Time: w.now(), Record: w.Voucher, Cause: record.WrongData}
		w.reject(reject.CorrectionByOther, theBuyer, p)
		w.do(theSeller, p)
		p.Record = unknownID
		w.reject(reject.RecordUnknown, theSeller, p)
		p.Record = w.pay(theBuyer, 1) // no after-sales record
		w.reject(reject.RecordUnknown, theSeller, p)
	}},
}
