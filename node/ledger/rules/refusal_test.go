package rules

import (
	"slices"
	"testing"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Every refusal that the rules of after-sales have, each with its own reason.
func TestAftersalesRefuses(t *testing.T) {
	someID := record.ID{9}
	for _, test := range []struct {
		name string
		run  func(w *world)
	}{
		{"claimed time", func(w *world) {
			p := w.recall("")
			p.Time += mostAhead
			w.do(theMaker, p)
			p.Time++
			w.refuse(reject.TimeInFuture, theMaker, p)
		}},

		{"products", func(w *world) {
			p := record.ProductRegister{Time: w.now(), GTIN: theGTIN, WarrantyDays: 30}
			w.refuse(reject.ProductTaken, otherMaker, p)
			w.refuse(reject.RoleNotHeld, theSeller, p)
			w.do(theMaker, p)
		}},

		{"sales", func(w *world) {
			sale := func(want reject.Reason, author record.Key, change func(p *record.VoucherIssue)) {
				p := w.sale()
				change(&p)
				w.refuse(want, author, p)
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
			w.refuse(reject.MakerRevoked, theSeller, w.sale())
		}},
		{"a second voucher for an item", func(w *world) {
			p := w.sale()
			w.voucher = w.do(theSeller, p)
			w.refuse(reject.ItemSold, otherSeller, p)
			w.do(theSeller, w.void(theBuyer))
			w.do(otherSeller, p)
		}},
		{"a suspended seller", func(w *world) {
			suspend := record.SellerSuspend{Time: w.now(), Seller: theSeller, Cause: record.Complaints}
			restore := record.SellerRestore{Time: w.now(), Seller: theSeller, Cause: record.Remedied}
			w.refuse(reject.NotSuspended, theSupervisor, restore)
			w.refuse(reject.NotSupervisor, aStranger, suspend)
			w.do(theSupervisor, suspend)
			w.refuse(reject.SellerSuspended, theSeller, w.sale())
			w.refuse(reject.AlreadySuspended, theSupervisor, suspend)
			w.refuse(reject.NotSupervisor, theSeller, restore)
			w.do(theSupervisor, restore)
			w.sell()
			suspend.Seller = aStranger
			w.refuse(reject.RoleNotHeld, theSupervisor, suspend)
		}},

		{"transfers", func(w *world) {
			w.refuse(reject.VoucherUnknown, theBuyer, record.VoucherTransfer{Time: w.now(), Voucher: someID, To: theHolder})
			w.sell()
			w.refuse(reject.WrongState, theBuyer, w.transfer(theHolder))
			w.deliver()
			w.refuse(reject.NotHolder, theSeller, w.transfer(theHolder))
			w.refuse(reject.NotHolder, theHolder, w.transfer(theHolder))
			w.refuse(reject.SelfTransfer, theBuyer, w.transfer(theBuyer))
			w.do(theBuyer, w.transfer(theHolder))
			w.refuse(reject.NotHolder, theBuyer, w.transfer(aStranger)) // a past holder
			w.claim = w.do(theHolder, w.open(record.Fault, record.Repair))
			w.refuse(reject.ClaimLive, theHolder, w.transfer(theBuyer))
			w.do(theHolder, w.withdraw())
			w.do(theHolder, w.transfer(theBuyer))
		}},
		{"undone sales", func(w *world) {
			w.sell()
			w.refuse(reject.NotSeller, theBuyer, w.void(theBuyer))
			w.refuse(reject.NotSeller, otherSeller, w.void(theBuyer))
			w.refuse(reject.NotHolder, theSeller, w.void(theHolder))
			w.ship = w.do(theSeller, w.shipment(record.Outbound))
			w.refuse(reject.VoidAfterShipment, theSeller, w.void(theBuyer))
			w.do(theSeller, w.handover(theCarrier))
			w.do(theCarrier, w.fail())
			w.refuse(reject.VoidAfterShipment, theSeller, w.void(theBuyer))
			w.claim = w.do(theBuyer, w.open(record.Delivery, record.Refund))
			w.do(theCarrier, w.handover(theSeller))
			w.refuse(reject.ClaimLive, theSeller, w.void(theBuyer))
			w.do(theBuyer, w.withdraw())
			w.do(theSeller, w.void(theBuyer))
			w.refuse(reject.WrongState, theSeller, w.void(theBuyer))
			w.refuse(reject.ShipmentOfVoid, theSeller, w.shipment(record.Outbound))
			w.refuse(reject.ClaimOnVoid, theBuyer, w.open(record.Fault, record.Repair))
			w.deliver()
			w.refuse(reject.VoidAfterShipment, theSeller, w.void(theBuyer))
		}},

		{"shipments", func(w *world) {
			w.sell()
			p := w.shipment(record.Outbound)
			w.refuse(reject.NotSender, theBuyer, p)
			p.Carrier = aStranger
			w.refuse(reject.RoleNotHeld, theSeller, p)
			p.Voucher = someID
			w.refuse(reject.VoucherUnknown, theSeller, p)
			w.ship = w.do(theSeller, w.shipment(record.Outbound))
			w.refuse(reject.AlreadyShipped, theSeller, w.shipment(record.Outbound))
			w.refuse(reject.NotCustodian, theCarrier, w.handover(nextCarrier))
			w.refuse(reject.WrongCarrier, theSeller, w.handover(nextCarrier))
			w.refuse(reject.WrongState, theSeller, w.confirm(pickupKey))
			w.do(theSeller, w.handover(theCarrier))
			w.refuse(reject.NotCustodian, theSeller, w.handover(nextCarrier))
			w.refuse(reject.RoleNotHeld, theCarrier, w.handover(aStranger))
			w.refuse(reject.RoleNotHeld, theCarrier, w.handover(theSeller)) // without an exception
			w.do(theCarrier, w.handover(nextCarrier))
			w.refuse(reject.NotCustodian, theCarrier, w.fail())
			w.refuse(reject.NotCustodian, theCarrier, w.attempt())
			w.do(nextCarrier, w.fail())
			w.refuse(reject.WrongState, nextCarrier, w.handover(theCarrier))
			w.refuse(reject.AlreadyShipped, theSeller, w.shipment(record.Outbound))
			w.do(nextCarrier, w.handover(theSeller))
			w.send(theSeller, record.Outbound)
			w.do(theCarrier, w.confirm(pickupKey))
			w.refuse(reject.AlreadyShipped, theSeller, w.shipment(record.Outbound))
			w.ship = someID
			w.refuse(reject.ShipmentUnknown, theCarrier, w.fail())
			w.refuse(reject.ShipmentUnknown, theSupervisor, w.ruleShipment(record.RuledLost))
		}},
		{"deliveries", func(w *world) {
			w.sell()
			w.send(theSeller, record.Outbound)
			w.refuse(reject.NotCustodian, nextCarrier, w.confirm(pickupKey))
			w.refuse(reject.WrongPickupKey, theCarrier, w.confirm(someKey(121)))
			p := w.confirm(pickupKey)
			p.ChallengeHeight = w.c.Height - caseParams.AfterSales.ChallengeBlocks - 1
			w.refuse(reject.ChallengeTooOld, theCarrier, p)
			p.ChallengeHeight = w.c.Height
			w.refuse(reject.ChallengeTooNew, theCarrier, p)
			p.ChallengeHeight = w.c.Height - caseParams.AfterSales.ChallengeBlocks
			w.do(theCarrier, p)
			w.refuse(reject.AlreadyDelivered, theCarrier, w.confirm(pickupKey))

			w.sell()
			w.send(theSeller, record.Outbound)
			p.Shipment, p.ChallengeHeight = w.ship, w.c.Height-1
			w.refuse(reject.ChallengeUsed, theCarrier, p)
			w.do(theCarrier, w.handover(nextCarrier))
			w.do(nextCarrier, p) // another carrier's nonce is its own
		}},
		{"the pick-up key of another leg", func(w *world) {
			w.complain(record.Repair)
			w.do(theSeller, w.authorise(record.Repair, true))
			w.send(theBuyer, record.Return)
			w.refuse(reject.WrongLeg, theCarrier, w.confirm(pickupKey))
			w.do(theCarrier, w.confirm(backPickupKey))
		}},
		{"attempts", func(w *world) {
			w.sell()
			w.send(theSeller, record.Outbound)
			w.refuse(reject.LostTooEarly, theSupervisor, w.ruleShipment(record.RuledLost))
			w.refuse(reject.LostTooEarly, theSeller, w.lose())
			w.later(14, 0)
			w.refuse(reject.AttemptTooEarly, theCarrier, w.attempt())
			w.later(0, 1)
			w.do(theCarrier, w.attempt())
			w.refuse(reject.NotSupervisor, theServicer, w.ruleShipment(record.RuledLost))
			w.setRoles(theCarrier, 1<<record.Carrier|1<<record.Supervisor)
			w.refuse(reject.RulingByParty, theCarrier, w.ruleShipment(record.RuledDelivered))
			w.do(theSupervisor, w.ruleShipment(record.RuledLost))
			w.refuse(reject.WrongState, theSupervisor, w.ruleShipment(record.RuledLost))
			w.claim = w.do(theBuyer, w.open(record.Delivery, record.Refund))
		}},

		{"claims", func(w *world) {
			w.sell()
			w.refuse(reject.ClaimByOther, theSeller, w.open(record.Fault, record.Repair))
			w.refuse(reject.NotDelivered, theBuyer, w.open(record.Fault, record.Repair))
			w.refuse(reject.NotDelivered, theBuyer, w.open(record.Delivery, record.Refund))
			w.send(theSeller, record.Outbound)
			w.refuse(reject.NotDelivered, theBuyer, w.open(record.Delivery, record.Refund))
			w.do(theCarrier, w.confirm(pickupKey))
			w.refuse(reject.NotEntitled, theBuyer, w.open(record.Delivery, record.Refund))
			w.refuse(reject.NotRecalled, theBuyer, w.open(record.Recall, record.Repair))
			w.refuse(reject.NotEntitled, theBuyer, w.open(record.NoReason, record.Repair))
			w.do(theBuyer, w.transfer(theHolder))
			w.refuse(reject.ClaimByOther, theBuyer, w.open(record.Fault, record.Repair)) // does not hold it any more
			w.claim = w.do(theHolder, w.open(record.Fault, record.Repair))
			w.refuse(reject.SecondClaim, theHolder, w.open(record.Fault, record.Repair))
			p := w.withdraw()
			p.Claim = someID
			w.refuse(reject.ClaimUnknown, theHolder, p)
		}},
		{"claims on what was settled", func(w *world) {
			w.complain(record.Refund)
			w.do(theSeller, w.authorise(record.Refund, false))
			w.do(theSeller, w.refunded(w.pay(theBuyer, price)))
			w.do(theBuyer, w.settle(true))
			w.refuse(reject.ClaimOnRefunded, theBuyer, w.open(record.Fault, record.Repair))
			w.complain(record.Replace)
			w.do(theSeller, w.authorise(record.Replace, false))
			w.do(theSeller, w.replaced(w.do(theSeller, w.sale())))
			w.do(theBuyer, w.settle(true))
			w.refuse(reject.ClaimOnReplaced, theBuyer, w.open(record.Fault, record.Repair))
		}},
		{"claims after the warranty", func(w *world) {
			w.deliver()
			w.later(365, 0)
			w.do(theBuyer, w.open(record.Fault, record.Repair))
			w.deliver()
			w.later(365, 1)
			w.refuse(reject.WarrantyOver, theBuyer, w.open(record.Fault, record.Repair))
			w.refuse(reject.NotRecalled, theBuyer, w.open(record.Recall, record.Repair))
			w.refuse(reject.WrongState, theBuyer, w.transfer(theHolder))
			w.do(theMaker, w.recall(w.getVoucher().Serial))
			w.refuse(reject.WarrantyOver, theBuyer, w.open(record.Fault, record.Repair))
			w.do(theBuyer, w.open(record.Recall, record.Refund))
		}},
		{"sold in a shop", func(w *world) {
			p := w.sale()
			p.Distance = false
			w.voucher = w.do(theSeller, p)
			w.send(theSeller, record.Outbound)
			w.do(theCarrier, w.confirm(pickupKey))
			w.refuse(reject.NotEntitled, theBuyer, w.open(record.NoReason, record.Refund))
		}},

		{"responses", func(w *world) {
			w.complain(record.Refund)
			w.refuse(reject.ResponseByOther, otherSeller, w.rejection())
			w.refuse(reject.ResponseByOther, theBuyer, w.rejection())
			w.refuse(reject.RemedyDiffers, theSeller, w.authorise(record.Repair, false))
			p := w.authorise(record.Refund, false)
			p.Refund--
			w.refuse(reject.RemedyDiffers, theSeller, p)
			w.do(theMaker, w.rejection())
			w.refuse(reject.AlreadyResponded, theSeller, w.authorise(record.Refund, false))
			w.do(theBuyer, w.escalate())
			w.refuse(reject.ResponseAfterEscalation, theSeller, w.authorise(record.Refund, false))
		}},
		{"answers", func(w *world) {
			w.complain(record.Refund)
			w.refuse(reject.WrongState, theBuyer, w.answer(true))
			w.do(theSeller, w.offer(record.Repair))
			w.refuse(reject.NotHolder, theSeller, w.answer(true))
		}},
		{"escalations", func(w *world) {
			w.complain(record.Repair)
			w.later(10, 0)
			w.refuse(reject.EscalationTooEarly, theBuyer, w.escalate())
			w.later(0, 1)
			w.refuse(reject.NotHolder, theSeller, w.escalate())
			w.do(theBuyer, w.escalate())
			w.refuse(reject.WrongState, theBuyer, w.escalate())
			w.later(63, 0)
			w.refuse(reject.CloseTooEarly, theBuyer, w.end())
			w.later(0, 1)
			w.refuse(reject.NotAParty, theSupervisor, w.end())
			w.do(theSeller, w.end())
			w.refuse(reject.RulingNotEscalated, theSupervisor, w.dismissal())
		}},
		{"evidence", func(w *world) {
			w.complain(record.Repair)
			w.refuse(reject.EvidenceByOther, aStranger, w.evidence())
			w.refuse(reject.EvidenceByOther, theServicer, w.evidence()) // has nothing to do with it
			w.refuse(reject.EvidenceByOther, nextCarrier, w.evidence())
			for range caseParams.AfterSales.EvidenceLimit {
				w.do(theBuyer, w.evidence())
			}
			w.refuse(reject.EvidenceLimit, theBuyer, w.evidence())
			w.do(theSeller, w.evidence())
			for range caseParams.AfterSales.EvidenceLimit {
				w.do(theCarrier, w.evidence())
			}
			w.refuse(reject.EvidenceLimit, theCarrier, w.evidence())
			first := w.claim
			w.complain(record.Repair)
			w.do(theCarrier, w.evidence()) // to another claim
			w.claim = first
			w.do(theBuyer, w.withdraw())
			w.refuse(reject.EvidenceAfterClose, theSeller, w.evidence())
		}},
		{"inspections and withdrawals", func(w *world) {
			w.complain(record.Repair)
			w.do(theSeller, w.authorise(record.Repair, true))
			w.refuse(reject.ReturnOutstanding, theSeller, w.repaired())
			w.refuse(reject.NotSender, theSeller, w.shipment(record.Return))
			w.refuse(reject.NotSender, theBuyer, w.shipment(record.Replacement))
			w.refuse(reject.WrongState, theSeller, w.shipment(record.Replacement))
			w.refuse(reject.WrongState, theServicer, w.inspection(record.Confirmed)) // whom the seller named
			w.send(theBuyer, record.Return)
			w.refuse(reject.AlreadyShipped, theBuyer, w.shipment(record.Return))
			w.do(theCarrier, w.confirm(backPickupKey))
			w.refuse(reject.WithdrawAfterReceipt, theBuyer, w.withdraw())
			w.refuse(reject.NotInspector, theBuyer, w.inspection(record.Confirmed))
			w.refuse(reject.NotInspector, theMaker, w.inspection(record.Confirmed))
			w.do(theServicer, w.inspection(record.Confirmed))
			w.refuse(reject.WithdrawAfterReceipt, theBuyer, w.withdraw())
		}},
		{"returns", func(w *world) {
			w.complain(record.Repair)
			first := w.voucher
			w.do(theSeller, w.authorise(record.Repair, false))
			w.refuse(reject.ReturnUnneeded, theBuyer, w.shipment(record.Return))
			w.sell()
			w.refuse(reject.ClaimOfOtherVoucher, theBuyer, w.shipment(record.Return))
			w.voucher = first
			w.claim = someID
			w.refuse(reject.ClaimUnknown, theBuyer, w.shipment(record.Return))
		}},
		{"rulings", func(w *world) {
			w.complain(record.Repair)
			w.refuse(reject.RulingNotEscalated, theSupervisor, w.dismissal())
			w.do(theSeller, w.rejection())
			w.do(theBuyer, w.escalate())
			w.refuse(reject.NotSupervisor, theServicer, w.dismissal())
			for _, k := range []record.Key{theSeller, theMaker, theBuyer, theCarrier} {
				was := account(w, w.State, k).Roles
				w.setRoles(k, was|1<<record.Supervisor)
				w.refuse(reject.RulingByParty, k, w.dismissal())
				w.setRoles(k, was)
				w.refuse(reject.NotSupervisor, k, w.dismissal()) // revoked
			}
			w.do(theSupervisor, w.order(record.Repair, 0))
			w.refuse(reject.AlreadyRuled, theSupervisor, w.dismissal())
			w.later(6, 0)
			w.refuse(reject.AlreadyRuled, theSupervisor, w.dismissal()) // defaulted
			w.refuse(reject.NotAParty, theSeller, w.end())
			w.complain(record.Repair)
			w.do(theSeller, w.offer(record.Repair))
			w.do(theBuyer, w.answer(false))
			w.do(theSupervisor, w.dismissal())
			w.refuse(reject.AlreadyRuled, theSupervisor, w.order(record.Repair, 0))
		}},
		{"refunds", func(w *world) {
			w.complain(record.Refund)
			first, early := w.claim, w.pay(theBuyer, price)
			w.do(theSeller, w.authorise(record.Refund, false))
			w.refuse(reject.PaymentTooEarly, theSeller, w.refunded(early))
			w.refuse(reject.PaymentUnknown, theSeller, w.refunded(someID))
			w.refuse(reject.PaymentToOther, theSeller, w.refunded(w.pay(theHolder, price)))
			w.refuse(reject.PaymentTooSmall, theSeller, w.refunded(w.pay(theBuyer, price-1)))
			w.refuse(reject.RemedyDiffers, theSeller, w.repaired())
			good := w.pay(theBuyer, price)
			w.refuse(reject.NotAParty, otherSeller, w.refunded(good))
			w.do(theSeller, w.refunded(good))
			w.refuse(reject.ConfirmByOther, theSeller, w.settle(true))
			w.do(theBuyer, w.settle(false))
			w.do(theSupervisor, w.order(record.Refund, price+1))
			w.refuse(reject.PaymentUsed, theSeller, w.refunded(good))
			w.refuse(reject.PaymentTooSmall, theSeller, w.refunded(w.pay(theBuyer, price)))
			other := w.pay(theBuyer, price+1)
			w.complain(record.Refund)
			w.do(theSeller, w.authorise(record.Refund, false))
			w.refuse(reject.PaymentForOther, theSeller, w.refunded(other))
			w.claim = first
			w.do(theSeller, w.refunded(other))
			w.do(theBuyer, w.settle(true))
			w.refuse(reject.PaymentUnknown, theSeller, w.refundedClosed())
		}},
		{"replacements", func(w *world) {
			w.complain(record.Replace)
			old := w.voucher
			early := w.do(theSeller, w.sale())
			w.later(0, 1)
			w.do(theSeller, w.authorise(record.Replace, false))
			w.refuse(reject.ReplacementUnfit, theSeller, w.replaced(early))
			w.refuse(reject.ReplacementUnfit, theSeller, w.replaced(old))
			w.refuse(reject.VoucherUnknown, theSeller, w.replaced(someID))
			p := w.sale()
			p.Buyer = theHolder
			w.refuse(reject.ReplacementUnfit, theSeller, w.replaced(w.do(theSeller, p)))
			w.refuse(reject.ReplacementUnfit, theSeller, w.replaced(w.do(otherSeller, w.sale())))
			undone := w.do(theSeller, w.sale())
			w.voucher = undone
			w.do(theSeller, w.void(theBuyer))
			w.refuse(reject.ReplacementUnfit, theSeller, w.replaced(undone))
			p = w.sale()
			p.GTIN = otherGTIN
			settlement := w.replaced(w.do(theSeller, p))
			w.refuse(reject.ReplacementDiffers, theSeller, settlement)
			settlement.Holder = theHolder
			w.refuse(reject.NotHolder, theSeller, settlement)
			settlement.Holder = theBuyer
			w.do(theSeller, settlement)
			w.do(theBuyer, w.settle(false))
			w.do(theSupervisor, w.order(record.Replace, 0))
			w.refuse(reject.ReplacementUsed, theSeller, settlement)
		}},

		{"evaluations", func(w *world) {
			w.refuse(reject.VoucherUnknown, theBuyer, w.evaluation())
			w.sell()
			w.refuse(reject.EvaluationTooEarly, theBuyer, w.evaluation())
			w.deliver()
			w.refuse(reject.NotBuyer, aStranger, w.evaluation())
			w.refuse(reject.NotBuyer, theSeller, w.evaluation())
			w.refuse(reject.EvaluationUnknown, theBuyer, w.amendment())
			w.refuse(reject.EvaluationUnknown, theBuyer, w.reward())
			w.refuse(reject.EvaluationUnknown, theSeller, w.reply())
			w.do(theBuyer, w.transfer(theHolder))
			w.refuse(reject.SecondHand, theHolder, w.evaluation())
			w.do(theBuyer, w.evaluation()) // though it sold the goods
			w.refuse(reject.AlreadyEvaluated, theBuyer, w.evaluation())
			w.refuse(reject.AmendWithoutClaim, theBuyer, w.amendment())
			w.refuse(reject.NotSeller, theBuyer, w.reply())
			w.do(theSeller, w.reply())
			w.refuse(reject.AlreadyReplied, theSeller, w.reply())
			w.claim = w.do(theHolder, w.open(record.Fault, record.Repair))
			w.refuse(reject.AmendWithoutClaim, theBuyer, w.amendment())
			w.do(theHolder, w.withdraw())
			w.refuse(reject.NotBuyer, theHolder, w.amendment())
			w.do(theBuyer, w.amendment())
			w.refuse(reject.AlreadyAmended, theBuyer, w.amendment())
			w.c.Height += caseParams.AfterSales.RewardDelay - 1
			w.refuse(reject.RewardTooEarly, theBuyer, w.reward())
			w.c.Height++
			w.refuse(reject.NotBuyer, theHolder, w.reward())
			w.do(theBuyer, w.reward())
			w.refuse(reject.AlreadyRewarded, theBuyer, w.reward())
		}},
		{"late evaluations", func(w *world) {
			w.deliver()
			w.later(180, 1)
			w.refuse(reject.EvaluationTooLate, theBuyer, w.evaluation())
			w.deliver()
			w.later(180, 0)
			w.do(theBuyer, w.evaluation())
		}},
		{"own goods", func(w *world) {
			p := w.sale()
			p.Buyer = theMaker
			w.voucher = w.do(theSeller, p)
			w.send(theSeller, record.Outbound)
			w.do(theCarrier, w.confirm(pickupKey))
			w.refuse(reject.OwnGoods, theMaker, w.evaluation())
		}},
		{"a key that bought does not become the seller's", func(w *world) {
			p := w.sale()
			p.Buyer = someKey(122)
			w.do(theSeller, p)
			w.refuse(reject.KeyInUse, theSeller, record.KeyRotate{New: someKey(122)})
			w.deliver()
			w.do(theBuyer, w.transfer(someKey(123)))
			w.refuse(reject.KeyInUse, theSeller, record.KeyRotate{New: someKey(123)})
		}},
		{"a key that was a carrier does not become another's", func(w *world) {
			k, roots := someKey(124), []record.Key{root1, root2}
			w.do(theSeller, record.RoleGrant{Key: k, Role: record.Carrier, Approvers: roots})
			w.sell()
			p := w.shipment(record.Outbound)
			p.Carrier = k
			w.ship = w.do(theSeller, p)
			w.do(theSeller, w.handover(k))
			w.do(theSeller, record.RoleRevoke{Key: k, Role: record.Carrier, Approvers: roots})
			w.refuse(reject.KeyInUse, aStranger, record.KeyRotate{New: k})
			w.do(aStranger, record.Pay{To: k, Amount: record.Coin})
			w.do(k, w.confirm(pickupKey)) // it still answers for the goods
		}},
		{"an empty reward pool", func(w *world) {
			w.deliver()
			w.do(theBuyer, w.evaluation())
			w.c.Height += caseParams.AfterSales.RewardDelay
			if err := putUint(w.State, uint64(price/400-1), rewardPoolEntry); err != nil {
				w.Fatal(err)
			}
			w.refuse(reject.RewardPoolShort, theBuyer, w.reward())
		}},

		{"recalls", func(w *world) {
			w.refuse(reject.NotSupervisor, theSeller, w.recall(""))
			w.refuse(reject.NotSupervisor, otherMaker, w.recall("1"))
			p := w.recall("")
			p.GTIN = 36000291452
			w.refuse(reject.ProductUnknown, theSupervisor, p)
		}},
		{"recalls by a maker that was revoked", func(w *world) {
			w.setRoles(theMaker, 0)
			w.refuse(reject.MakerRevoked, theMaker, w.recall(""))
			w.refuse(reject.MakerRevoked, theMaker, w.recall("1"))
			w.setRoles(theMaker, 1<<record.Supervisor)
			w.do(theMaker, w.recall("1"))
		}},
		{"evidence of several carriers", func(w *world) {
			w.sell()
			w.send(theSeller, record.Outbound)
			w.do(theCarrier, w.handover(nextCarrier))
			w.do(nextCarrier, w.confirm(pickupKey))
			w.claim = w.do(theBuyer, w.open(record.Fault, record.Repair))
			w.do(theSeller, w.authorise(record.Repair, true))
			w.send(theBuyer, record.Return)
			for range caseParams.AfterSales.EvidenceLimit {
				w.do(theCarrier, w.evidence())
			}
			w.refuse(reject.EvidenceLimit, theCarrier, w.evidence())
			w.do(nextCarrier, w.evidence()) // has a limit of its own
			w.do(theCarrier, record.KeyRotate{New: someKey(127)})
			w.refuse(reject.EvidenceLimit, theCarrier, w.evidence()) // under another key
		}},
		{"corrections", func(w *world) {
			w.sell()
			p := record.Correction{Time: w.now(), Record: w.voucher, Cause: record.WrongData}
			w.refuse(reject.CorrectionByOther, theBuyer, p)
			w.do(theSeller, p)
			p.Record = someID
			w.refuse(reject.RecordUnknown, theSeller, p)
			p.Record = w.pay(theBuyer, 1) // no after-sales record
			w.refuse(reject.RecordUnknown, theSeller, p)
		}},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(newWorld(t)) })
	}

	all := reject.All()
	first, last := slices.Index(all, reject.AlreadyAmended), slices.Index(all, reject.WrongState)
	for _, reason := range all[first : last+1] {
		if !refused[reason] {
			t.Errorf("no record was refused as %s", reason)
		}
	}
}

// refundedClosed is a refund of a closed claim with a payment that came late.
func (w *world) refundedClosed() record.SettleExecute {
	late := w.pay(theBuyer, price)
	w.complain(record.Refund)
	w.do(theSeller, w.authorise(record.Refund, false))
	return w.refunded(late)
}

func (w *world) setRoles(k record.Key, roles Roles) {
	w.Helper()
	a := account(w, w.State, k)
	a.Roles = roles
	if err := putAccount(w.State, &a); err != nil {
		w.Fatal(err)
	}
}
