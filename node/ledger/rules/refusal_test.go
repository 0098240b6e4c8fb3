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
			p := w.Recall("")
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
				p := w.Sale()
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
			w.refuse(reject.MakerRevoked, theSeller, w.Sale())
		}},
		{"a second voucher for an item", func(w *world) {
			p := w.Sale()
			w.Voucher = w.do(theSeller, p)
			w.refuse(reject.ItemSold, otherSeller, p)
			w.do(theSeller, w.Void(theBuyer))
			w.do(otherSeller, p)
		}},
		{"a suspended seller", func(w *world) {
			suspend := record.SellerSuspend{Time: w.now(), Seller: theSeller, Cause: record.Complaints}
			restore := record.SellerRestore{Time: w.now(), Seller: theSeller, Cause: record.Remedied}
			w.refuse(reject.NotSuspended, theSupervisor, restore)
			w.refuse(reject.NotSupervisor, aStranger, suspend)
			w.do(theSupervisor, suspend)
			w.refuse(reject.SellerSuspended, theSeller, w.Sale())
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
			w.refuse(reject.WrongState, theBuyer, w.Transfer(theHolder))
			w.deliver()
			w.refuse(reject.NotHolder, theSeller, w.Transfer(theHolder))
			w.refuse(reject.NotHolder, theHolder, w.Transfer(theHolder))
			w.refuse(reject.SelfTransfer, theBuyer, w.Transfer(theBuyer))
			w.do(theBuyer, w.Transfer(theHolder))
			w.refuse(reject.NotHolder, theBuyer, w.Transfer(aStranger)) // a past holder
			w.Claim = w.do(theHolder, w.Open(record.Fault, record.Repair))
			w.refuse(reject.ClaimLive, theHolder, w.Transfer(theBuyer))
			w.do(theHolder, w.Withdraw())
			w.do(theHolder, w.Transfer(theBuyer))
		}},
		{"undone sales", func(w *world) {
			w.sell()
			w.refuse(reject.NotSeller, theBuyer, w.Void(theBuyer))
			w.refuse(reject.NotSeller, otherSeller, w.Void(theBuyer))
			w.refuse(reject.NotHolder, theSeller, w.Void(theHolder))
			w.Shipment = w.do(theSeller, w.Ship(record.Outbound))
			w.refuse(reject.VoidAfterShipment, theSeller, w.Void(theBuyer))
			w.do(theSeller, w.HandOver(theCarrier))
			w.do(theCarrier, w.Damaged())
			w.refuse(reject.VoidAfterShipment, theSeller, w.Void(theBuyer))
			w.Claim = w.do(theBuyer, w.Open(record.Delivery, record.Refund))
			w.do(theCarrier, w.HandOver(theSeller))
			w.refuse(reject.ClaimLive, theSeller, w.Void(theBuyer))
			w.do(theBuyer, w.Withdraw())
			w.do(theSeller, w.Void(theBuyer))
			w.refuse(reject.WrongState, theSeller, w.Void(theBuyer))
			w.refuse(reject.ShipmentOfVoid, theSeller, w.Ship(record.Outbound))
			w.refuse(reject.ClaimOnVoid, theBuyer, w.Open(record.Fault, record.Repair))
			w.deliver()
			w.refuse(reject.VoidAfterShipment, theSeller, w.Void(theBuyer))
		}},

		{"shipments", func(w *world) {
			w.sell()
			p := w.Ship(record.Outbound)
			w.refuse(reject.NotSender, theBuyer, p)
			p.Carrier = aStranger
			w.refuse(reject.RoleNotHeld, theSeller, p)
			p.Voucher = someID
			w.refuse(reject.VoucherUnknown, theSeller, p)
			w.Shipment = w.do(theSeller, w.Ship(record.Outbound))
			w.refuse(reject.AlreadyShipped, theSeller, w.Ship(record.Outbound))
			w.refuse(reject.NotCustodian, theCarrier, w.HandOver(nextCarrier))
			w.refuse(reject.WrongCarrier, theSeller, w.HandOver(nextCarrier))
			w.refuse(reject.WrongState, theSeller, w.Confirm(pickupKey))
			w.do(theSeller, w.HandOver(theCarrier))
			w.refuse(reject.NotCustodian, theSeller, w.HandOver(nextCarrier))
			w.refuse(reject.RoleNotHeld, theCarrier, w.HandOver(aStranger))
			w.refuse(reject.RoleNotHeld, theCarrier, w.HandOver(theSeller)) // without an exception
			w.do(theCarrier, w.HandOver(nextCarrier))
			w.refuse(reject.NotCustodian, theCarrier, w.Damaged())
			w.refuse(reject.NotCustodian, theCarrier, w.Attempt())
			w.do(nextCarrier, w.Damaged())
			w.refuse(reject.WrongState, nextCarrier, w.HandOver(theCarrier))
			w.refuse(reject.AlreadyShipped, theSeller, w.Ship(record.Outbound))
			w.do(nextCarrier, w.HandOver(theSeller))
			w.send(theSeller, record.Outbound)
			w.do(theCarrier, w.Confirm(pickupKey))
			w.refuse(reject.AlreadyShipped, theSeller, w.Ship(record.Outbound))
			w.Shipment = someID
			w.refuse(reject.ShipmentUnknown, theCarrier, w.Damaged())
			w.refuse(reject.ShipmentUnknown, theSupervisor, w.RuleShipment(record.RuledLost))
		}},
		{"deliveries", func(w *world) {
			w.sell()
			w.send(theSeller, record.Outbound)
			w.refuse(reject.NotCustodian, nextCarrier, w.Confirm(pickupKey))
			w.refuse(reject.WrongPickupKey, theCarrier, w.Confirm(someKey(121)))
			p := w.Confirm(pickupKey)
			p.ChallengeHeight = w.c.Height - caseParams.AfterSales.ChallengeBlocks - 1
			w.refuse(reject.ChallengeTooOld, theCarrier, p)
			p.ChallengeHeight = w.c.Height
			w.refuse(reject.ChallengeTooNew, theCarrier, p)
			p.ChallengeHeight = w.c.Height - caseParams.AfterSales.ChallengeBlocks
			w.do(theCarrier, p)
			w.refuse(reject.AlreadyDelivered, theCarrier, w.Confirm(pickupKey))

			w.sell()
			w.send(theSeller, record.Outbound)
			p.Shipment, p.ChallengeHeight = w.Shipment, w.c.Height-1
			w.refuse(reject.ChallengeUsed, theCarrier, p)
			w.do(theCarrier, w.HandOver(nextCarrier))
			w.do(nextCarrier, p) // another carrier's nonce is its own
		}},
		{"the pick-up key of another leg", func(w *world) {
			w.complain(record.Repair)
			w.do(theSeller, w.Authorise(record.Repair, true))
			w.send(theBuyer, record.Return)
			w.refuse(reject.WrongLeg, theCarrier, w.Confirm(pickupKey))
			w.do(theCarrier, w.Confirm(backPickupKey))
		}},
		{"attempts", func(w *world) {
			w.sell()
			w.send(theSeller, record.Outbound)
			w.refuse(reject.LostTooEarly, theSupervisor, w.RuleShipment(record.RuledLost))
			w.refuse(reject.LostTooEarly, theSeller, w.Lost())
			w.later(14, 0)
			w.refuse(reject.AttemptTooEarly, theCarrier, w.Attempt())
			w.later(0, 1)
			w.do(theCarrier, w.Attempt())
			w.refuse(reject.NotSupervisor, theServicer, w.RuleShipment(record.RuledLost))
			w.setRoles(theCarrier, 1<<record.Carrier|1<<record.Supervisor)
			w.refuse(reject.RulingByParty, theCarrier, w.RuleShipment(record.RuledDelivered))
			w.do(theSupervisor, w.RuleShipment(record.RuledLost))
			w.refuse(reject.WrongState, theSupervisor, w.RuleShipment(record.RuledLost))
			w.Claim = w.do(theBuyer, w.Open(record.Delivery, record.Refund))
		}},

		{"claims", func(w *world) {
			w.sell()
			w.refuse(reject.ClaimByOther, theSeller, w.Open(record.Fault, record.Repair))
			w.refuse(reject.NotDelivered, theBuyer, w.Open(record.Fault, record.Repair))
			w.refuse(reject.NotDelivered, theBuyer, w.Open(record.Delivery, record.Refund))
			w.send(theSeller, record.Outbound)
			w.refuse(reject.NotDelivered, theBuyer, w.Open(record.Delivery, record.Refund))
			w.do(theCarrier, w.Confirm(pickupKey))
			w.refuse(reject.NotEntitled, theBuyer, w.Open(record.Delivery, record.Refund))
			w.refuse(reject.NotRecalled, theBuyer, w.Open(record.Recall, record.Repair))
			w.refuse(reject.NotEntitled, theBuyer, w.Open(record.NoReason, record.Repair))
			w.do(theBuyer, w.Transfer(theHolder))
			w.refuse(reject.ClaimByOther, theBuyer, w.Open(record.Fault, record.Repair)) // does not hold it any more
			w.Claim = w.do(theHolder, w.Open(record.Fault, record.Repair))
			w.refuse(reject.SecondClaim, theHolder, w.Open(record.Fault, record.Repair))
			p := w.Withdraw()
			p.Claim = someID
			w.refuse(reject.ClaimUnknown, theHolder, p)
		}},
		{"claims on what was settled", func(w *world) {
			w.complain(record.Refund)
			w.do(theSeller, w.Authorise(record.Refund, false))
			w.do(theSeller, w.Refunded(w.pay(theBuyer, price)))
			w.do(theBuyer, w.Settle(true))
			w.refuse(reject.ClaimOnRefunded, theBuyer, w.Open(record.Fault, record.Repair))
			w.complain(record.Replace)
			w.do(theSeller, w.Authorise(record.Replace, false))
			w.do(theSeller, w.Replaced(w.do(theSeller, w.Sale())))
			w.do(theBuyer, w.Settle(true))
			w.refuse(reject.ClaimOnReplaced, theBuyer, w.Open(record.Fault, record.Repair))
		}},
		{"claims after the warranty", func(w *world) {
			w.deliver()
			w.later(365, 0)
			w.do(theBuyer, w.Open(record.Fault, record.Repair))
			w.deliver()
			w.later(365, 1)
			w.refuse(reject.WarrantyOver, theBuyer, w.Open(record.Fault, record.Repair))
			w.refuse(reject.NotRecalled, theBuyer, w.Open(record.Recall, record.Repair))
			w.refuse(reject.WrongState, theBuyer, w.Transfer(theHolder))
			w.do(theMaker, w.Recall(w.getVoucher().Serial))
			w.refuse(reject.WarrantyOver, theBuyer, w.Open(record.Fault, record.Repair))
			w.do(theBuyer, w.Open(record.Recall, record.Refund))
		}},
		{"sold in a shop", func(w *world) {
			p := w.Sale()
			p.Distance = false
			w.Voucher = w.do(theSeller, p)
			w.send(theSeller, record.Outbound)
			w.do(theCarrier, w.Confirm(pickupKey))
			w.refuse(reject.NotEntitled, theBuyer, w.Open(record.NoReason, record.Refund))
		}},

		{"responses", func(w *world) {
			w.complain(record.Refund)
			w.refuse(reject.ResponseByOther, otherSeller, w.Rejection())
			w.refuse(reject.ResponseByOther, theBuyer, w.Rejection())
			w.refuse(reject.RemedyDiffers, theSeller, w.Authorise(record.Repair, false))
			p := w.Authorise(record.Refund, false)
			p.Refund--
			w.refuse(reject.RemedyDiffers, theSeller, p)
			w.do(theMaker, w.Rejection())
			w.refuse(reject.AlreadyResponded, theSeller, w.Authorise(record.Refund, false))
			w.do(theBuyer, w.Escalate())
			w.refuse(reject.ResponseAfterEscalation, theSeller, w.Authorise(record.Refund, false))
		}},
		{"answers", func(w *world) {
			w.complain(record.Refund)
			w.refuse(reject.WrongState, theBuyer, w.Answer(true))
			w.do(theSeller, w.Offer(record.Repair))
			w.refuse(reject.NotHolder, theSeller, w.Answer(true))
		}},
		{"escalations", func(w *world) {
			w.complain(record.Repair)
			w.later(10, 0)
			w.refuse(reject.EscalationTooEarly, theBuyer, w.Escalate())
			w.later(0, 1)
			w.refuse(reject.NotHolder, theSeller, w.Escalate())
			w.do(theBuyer, w.Escalate())
			w.refuse(reject.WrongState, theBuyer, w.Escalate())
			w.later(63, 0)
			w.refuse(reject.CloseTooEarly, theBuyer, w.CloseClaim())
			w.later(0, 1)
			w.refuse(reject.NotAParty, theSupervisor, w.CloseClaim())
			w.do(theSeller, w.CloseClaim())
			w.refuse(reject.RulingNotEscalated, theSupervisor, w.Dismissal())
		}},
		{"evidence", func(w *world) {
			w.complain(record.Repair)
			w.refuse(reject.EvidenceByOther, aStranger, w.Evidence())
			w.refuse(reject.EvidenceByOther, theServicer, w.Evidence()) // has nothing to do with it
			w.refuse(reject.EvidenceByOther, nextCarrier, w.Evidence())
			for range caseParams.AfterSales.EvidenceLimit {
				w.do(theBuyer, w.Evidence())
			}
			w.refuse(reject.EvidenceLimit, theBuyer, w.Evidence())
			w.do(theSeller, w.Evidence())
			for range caseParams.AfterSales.EvidenceLimit {
				w.do(theCarrier, w.Evidence())
			}
			w.refuse(reject.EvidenceLimit, theCarrier, w.Evidence())
			first := w.Claim
			w.complain(record.Repair)
			w.do(theCarrier, w.Evidence()) // to another claim
			w.Claim = first
			w.do(theBuyer, w.Withdraw())
			w.refuse(reject.EvidenceAfterClose, theSeller, w.Evidence())
		}},
		{"inspections and withdrawals", func(w *world) {
			w.complain(record.Repair)
			w.do(theSeller, w.Authorise(record.Repair, true))
			w.refuse(reject.ReturnOutstanding, theSeller, w.Repaired())
			w.refuse(reject.NotSender, theSeller, w.Ship(record.Return))
			w.refuse(reject.NotSender, theBuyer, w.Ship(record.Replacement))
			w.refuse(reject.WrongState, theSeller, w.Ship(record.Replacement))
			w.refuse(reject.WrongState, theServicer, w.Inspection(record.Confirmed)) // whom the seller named
			w.send(theBuyer, record.Return)
			w.refuse(reject.AlreadyShipped, theBuyer, w.Ship(record.Return))
			w.do(theCarrier, w.Confirm(backPickupKey))
			w.refuse(reject.WithdrawAfterReceipt, theBuyer, w.Withdraw())
			w.refuse(reject.NotInspector, theBuyer, w.Inspection(record.Confirmed))
			w.refuse(reject.NotInspector, theMaker, w.Inspection(record.Confirmed))
			w.do(theServicer, w.Inspection(record.Confirmed))
			w.refuse(reject.WithdrawAfterReceipt, theBuyer, w.Withdraw())
		}},
		{"returns", func(w *world) {
			w.complain(record.Repair)
			first := w.Voucher
			w.do(theSeller, w.Authorise(record.Repair, false))
			w.refuse(reject.ReturnUnneeded, theBuyer, w.Ship(record.Return))
			w.sell()
			w.refuse(reject.ClaimOfOtherVoucher, theBuyer, w.Ship(record.Return))
			w.Voucher = first
			w.Claim = someID
			w.refuse(reject.ClaimUnknown, theBuyer, w.Ship(record.Return))
		}},
		{"rulings", func(w *world) {
			w.complain(record.Repair)
			w.refuse(reject.RulingNotEscalated, theSupervisor, w.Dismissal())
			w.do(theSeller, w.Rejection())
			w.do(theBuyer, w.Escalate())
			w.refuse(reject.NotSupervisor, theServicer, w.Dismissal())
			for _, k := range []record.Key{theSeller, theMaker, theBuyer, theCarrier} {
				was := account(w, w.State, k).Roles
				w.setRoles(k, was|1<<record.Supervisor)
				w.refuse(reject.RulingByParty, k, w.Dismissal())
				w.setRoles(k, was)
				w.refuse(reject.NotSupervisor, k, w.Dismissal()) // revoked
			}
			w.do(theSupervisor, w.Order(record.Repair, 0))
			w.refuse(reject.AlreadyRuled, theSupervisor, w.Dismissal())
			w.later(6, 0)
			w.refuse(reject.AlreadyRuled, theSupervisor, w.Dismissal()) // defaulted
			w.refuse(reject.NotAParty, theSeller, w.CloseClaim())
			w.complain(record.Repair)
			w.do(theSeller, w.Offer(record.Repair))
			w.do(theBuyer, w.Answer(false))
			w.do(theSupervisor, w.Dismissal())
			w.refuse(reject.AlreadyRuled, theSupervisor, w.Order(record.Repair, 0))
		}},
		{"refunds", func(w *world) {
			w.complain(record.Refund)
			first, early := w.Claim, w.pay(theBuyer, price)
			w.do(theSeller, w.Authorise(record.Refund, false))
			w.refuse(reject.PaymentTooEarly, theSeller, w.Refunded(early))
			w.refuse(reject.PaymentUnknown, theSeller, w.Refunded(someID))
			w.refuse(reject.PaymentToOther, theSeller, w.Refunded(w.pay(theHolder, price)))
			w.refuse(reject.PaymentTooSmall, theSeller, w.Refunded(w.pay(theBuyer, price-1)))
			w.refuse(reject.RemedyDiffers, theSeller, w.Repaired())
			good := w.pay(theBuyer, price)
			w.refuse(reject.NotAParty, otherSeller, w.Refunded(good))
			w.do(theSeller, w.Refunded(good))
			w.refuse(reject.ConfirmByOther, theSeller, w.Settle(true))
			w.do(theBuyer, w.Settle(false))
			w.do(theSupervisor, w.Order(record.Refund, price+1))
			w.refuse(reject.PaymentUsed, theSeller, w.Refunded(good))
			w.refuse(reject.PaymentTooSmall, theSeller, w.Refunded(w.pay(theBuyer, price)))
			other := w.pay(theBuyer, price+1)
			w.complain(record.Refund)
			w.do(theSeller, w.Authorise(record.Refund, false))
			w.refuse(reject.PaymentForOther, theSeller, w.Refunded(other))
			w.Claim = first
			w.do(theSeller, w.Refunded(other))
			w.do(theBuyer, w.Settle(true))
			w.refuse(reject.PaymentUnknown, theSeller, w.refundedClosed())
		}},
		{"replacements", func(w *world) {
			w.complain(record.Replace)
			old := w.Voucher
			early := w.do(theSeller, w.Sale())
			w.later(0, 1)
			w.do(theSeller, w.Authorise(record.Replace, false))
			w.refuse(reject.ReplacementUnfit, theSeller, w.Replaced(early))
			w.refuse(reject.ReplacementUnfit, theSeller, w.Replaced(old))
			w.refuse(reject.VoucherUnknown, theSeller, w.Replaced(someID))
			p := w.Sale()
			p.Buyer = theHolder
			w.refuse(reject.ReplacementUnfit, theSeller, w.Replaced(w.do(theSeller, p)))
			w.refuse(reject.ReplacementUnfit, theSeller, w.Replaced(w.do(otherSeller, w.Sale())))
			undone := w.do(theSeller, w.Sale())
			w.Voucher = undone
			w.do(theSeller, w.Void(theBuyer))
			w.refuse(reject.ReplacementUnfit, theSeller, w.Replaced(undone))
			p = w.Sale()
			p.GTIN = otherGTIN
			settlement := w.Replaced(w.do(theSeller, p))
			w.refuse(reject.ReplacementDiffers, theSeller, settlement)
			settlement.Holder = theHolder
			w.refuse(reject.NotHolder, theSeller, settlement)
			settlement.Holder = theBuyer
			w.do(theSeller, settlement)
			w.do(theBuyer, w.Settle(false))
			w.do(theSupervisor, w.Order(record.Replace, 0))
			w.refuse(reject.ReplacementUsed, theSeller, settlement)
		}},

		{"evaluations", func(w *world) {
			w.refuse(reject.VoucherUnknown, theBuyer, w.Evaluation())
			w.sell()
			w.refuse(reject.EvaluationTooEarly, theBuyer, w.Evaluation())
			w.deliver()
			w.refuse(reject.NotBuyer, aStranger, w.Evaluation())
			w.refuse(reject.NotBuyer, theSeller, w.Evaluation())
			w.refuse(reject.EvaluationUnknown, theBuyer, w.Amendment())
			w.refuse(reject.EvaluationUnknown, theBuyer, w.Reward())
			w.refuse(reject.EvaluationUnknown, theSeller, w.Reply())
			w.do(theBuyer, w.Transfer(theHolder))
			w.refuse(reject.SecondHand, theHolder, w.Evaluation())
			w.do(theBuyer, w.Evaluation()) // though it sold the goods
			w.refuse(reject.AlreadyEvaluated, theBuyer, w.Evaluation())
			w.refuse(reject.AmendWithoutClaim, theBuyer, w.Amendment())
			w.refuse(reject.NotSeller, theBuyer, w.Reply())
			w.do(theSeller, w.Reply())
			w.refuse(reject.AlreadyReplied, theSeller, w.Reply())
			w.Claim = w.do(theHolder, w.Open(record.Fault, record.Repair))
			w.refuse(reject.AmendWithoutClaim, theBuyer, w.Amendment())
			w.do(theHolder, w.Withdraw())
			w.refuse(reject.NotBuyer, theHolder, w.Amendment())
			w.do(theBuyer, w.Amendment())
			w.refuse(reject.AlreadyAmended, theBuyer, w.Amendment())
			w.c.Height += caseParams.AfterSales.RewardDelay - 1
			w.refuse(reject.RewardTooEarly, theBuyer, w.Reward())
			w.c.Height++
			w.refuse(reject.NotBuyer, theHolder, w.Reward())
			w.do(theBuyer, w.Reward())
			w.refuse(reject.AlreadyRewarded, theBuyer, w.Reward())
		}},
		{"late evaluations", func(w *world) {
			w.deliver()
			w.later(180, 1)
			w.refuse(reject.EvaluationTooLate, theBuyer, w.Evaluation())
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
			w.refuse(reject.OwnGoods, theMaker, w.Evaluation())
		}},
		{"a key that bought does not become the seller's", func(w *world) {
			p := w.Sale()
			p.Buyer = someKey(122)
			w.do(theSeller, p)
			w.refuse(reject.KeyInUse, theSeller, record.KeyRotate{New: someKey(122)})
			w.deliver()
			w.do(theBuyer, w.Transfer(someKey(123)))
			w.refuse(reject.KeyInUse, theSeller, record.KeyRotate{New: someKey(123)})
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
			w.refuse(reject.KeyInUse, aStranger, record.KeyRotate{New: k})
			w.do(aStranger, record.Pay{To: k, Amount: record.Coin})
			w.do(k, w.Confirm(pickupKey)) // it still answers for the goods
		}},
		{"an empty reward pool", func(w *world) {
			w.deliver()
			w.do(theBuyer, w.Evaluation())
			w.c.Height += caseParams.AfterSales.RewardDelay
			if err := putUint(w.State, uint64(price/400-1), rewardPoolEntry); err != nil {
				w.Fatal(err)
			}
			w.refuse(reject.RewardPoolShort, theBuyer, w.Reward())
		}},

		{"recalls", func(w *world) {
			w.refuse(reject.NotSupervisor, theSeller, w.Recall(""))
			w.refuse(reject.NotSupervisor, otherMaker, w.Recall("1"))
			p := w.Recall("")
			p.GTIN = 36000291452
			w.refuse(reject.ProductUnknown, theSupervisor, p)
		}},
		{"recalls by a maker that was revoked", func(w *world) {
			w.setRoles(theMaker, 0)
			w.refuse(reject.MakerRevoked, theMaker, w.Recall(""))
			w.refuse(reject.MakerRevoked, theMaker, w.Recall("1"))
			w.setRoles(theMaker, 1<<record.Supervisor)
			w.do(theMaker, w.Recall("1"))
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
			w.refuse(reject.EvidenceLimit, theCarrier, w.Evidence())
			w.do(nextCarrier, w.Evidence()) // has a limit of its own
			w.do(theCarrier, record.KeyRotate{New: someKey(127)})
			w.refuse(reject.EvidenceLimit, theCarrier, w.Evidence()) // under another key
		}},
		{"corrections", func(w *world) {
			w.sell()
			p := record.Correction{Time: w.now(), Record: w.Voucher, Cause: record.WrongData}
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
