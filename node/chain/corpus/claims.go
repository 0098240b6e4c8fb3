package corpus

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

func (w *play) sceneClaims() {
	w.sell()
	w.refuse(reject.ClaimByOther, w.seller, w.open(record.Fault, record.Repair))
	w.refuse(reject.NotDelivered, w.buyer, w.open(record.Fault, record.Repair))
	w.refuse(reject.NotDelivered, w.buyer, w.open(record.Delivery, record.Refund))
	w.send(w.seller, record.Outbound)
	w.refuse(reject.NotDelivered, w.buyer, w.open(record.Delivery, record.Refund))
	w.do(w.carrier, w.confirm(w.pickup))
	w.refuse(reject.NotEntitled, w.buyer, w.open(record.Delivery, record.Refund))
	w.refuse(reject.NotRecalled, w.buyer, w.open(record.Recall, record.Repair))
	w.refuse(reject.NotEntitled, w.buyer, w.open(record.NoReason, record.Repair))
	w.do(w.buyer, w.transfer(w.holder))
	w.refuse(reject.ClaimByOther, w.buyer, w.open(record.Fault, record.Repair)) // does not hold it any more
	w.claim = w.do(w.holder, w.open(record.Fault, record.Repair))
	w.refuse(reject.SecondClaim, w.holder, w.open(record.Fault, record.Repair))
	p := w.withdraw()
	p.Claim = unknownID
	w.refuse(reject.ClaimUnknown, w.holder, p)
}

func (w *play) sceneSettledVouchers() {
	w.complain(record.Refund)
	w.do(w.seller, w.authorise(record.Refund, false))
	w.do(w.seller, w.refunded(w.pay(w.buyer, price)))
	w.do(w.buyer, w.settle(true))
	w.refuse(reject.ClaimOnRefunded, w.buyer, w.open(record.Fault, record.Repair))
	w.complain(record.Replace)
	w.do(w.seller, w.authorise(record.Replace, false))
	w.do(w.seller, w.replaced(w.do(w.seller, w.sale())))
	w.do(w.buyer, w.settle(true))
	w.refuse(reject.ClaimOnReplaced, w.buyer, w.open(record.Fault, record.Repair))
}

func (w *play) sceneWarranties() {
	w.deliver()
	w.later(365*day - hour)
	w.do(w.buyer, w.open(record.Fault, record.Repair))
	w.deliver()
	w.later(365*day + hour)
	w.refuse(reject.WarrantyOver, w.buyer, w.open(record.Fault, record.Repair))
	w.refuse(reject.NotRecalled, w.buyer, w.open(record.Recall, record.Repair))
	w.refuse(reject.WrongState, w.buyer, w.transfer(w.holder))
	w.do(w.maker, w.recall(w.serial))
	w.refuse(reject.WarrantyOver, w.buyer, w.open(record.Fault, record.Repair))
	w.do(w.buyer, w.open(record.Recall, record.Refund))
}

func (w *play) sceneShop() {
	p := w.sale()
	p.Distance = false
	w.voucher = w.do(w.seller, p)
	w.send(w.seller, record.Outbound)
	w.do(w.carrier, w.confirm(w.pickup))
	w.refuse(reject.NotEntitled, w.buyer, w.open(record.NoReason, record.Refund))
}

func (w *play) sceneResponses() {
	w.complain(record.Refund)
	w.refuse(reject.ResponseByOther, w.otherSeller, w.rejection())
	w.refuse(reject.ResponseByOther, w.buyer, w.rejection())
	w.refuse(reject.RemedyDiffers, w.seller, w.authorise(record.Repair, false))
	p := w.authorise(record.Refund, false)
	p.Refund--
	w.refuse(reject.RemedyDiffers, w.seller, p)
	w.do(w.maker, w.rejection())
	w.refuse(reject.AlreadyResponded, w.seller, w.authorise(record.Refund, false))
	w.do(w.buyer, w.escalate())
	w.refuse(reject.ResponseAfterEscalation, w.seller, w.authorise(record.Refund, false))
}

func (w *play) sceneAnswers() {
	w.complain(record.Refund)
	w.refuse(reject.WrongState, w.buyer, w.answer(true))
	w.do(w.seller, w.offer(record.Repair))
	w.refuse(reject.NotHolder, w.seller, w.answer(true))
}

func (w *play) sceneEscalations() {
	w.complain(record.Repair)
	w.later(10*day - hour)
	w.refuse(reject.EscalationTooEarly, w.buyer, w.escalate())
	w.later(2 * hour)
	w.refuse(reject.NotHolder, w.seller, w.escalate())
	w.do(w.buyer, w.escalate())
	w.refuse(reject.WrongState, w.buyer, w.escalate())
	w.later(63*day - hour)
	w.refuse(reject.CloseTooEarly, w.buyer, w.end())
	w.later(2 * hour)
	w.refuse(reject.NotAParty, w.supervisor, w.end())
	w.do(w.seller, w.end())
	w.refuse(reject.RulingNotEscalated, w.supervisor, w.dismissal())
}

func (w *play) sceneEvidence() {
	w.complain(record.Repair)
	w.refuse(reject.EvidenceByOther, w.stranger, w.evidence())
	w.refuse(reject.EvidenceByOther, w.servicer, w.evidence()) // has nothing to do with it
	w.refuse(reject.EvidenceByOther, w.nextCarrier, w.evidence())
	for range w.Params.AfterSales.EvidenceLimit {
		w.do(w.buyer, w.evidence())
	}
	w.refuse(reject.EvidenceLimit, w.buyer, w.evidence())
	w.do(w.seller, w.evidence())
	w.do(w.carrier, w.evidence())
	w.do(w.seller, w.authorise(record.Repair, true))
	w.ship = w.do(w.buyer, w.shipment(record.Return))
	w.do(w.buyer, w.handover(w.carrier))
	w.do(w.carrier, w.handover(w.nextCarrier))
	for range w.Params.AfterSales.EvidenceLimit - 1 {
		w.do(w.carrier, w.evidence())
	}
	w.refuse(reject.EvidenceLimit, w.carrier, w.evidence())
	w.do(w.nextCarrier, w.evidence()) // has a limit of its own
	w.do(w.buyer, w.withdraw())
	w.refuse(reject.EvidenceAfterClose, w.seller, w.evidence())
}

func (w *play) sceneInspectionsAndWithdrawals() {
	w.complain(record.Repair)
	w.do(w.seller, w.authorise(record.Repair, true))
	w.refuse(reject.ReturnOutstanding, w.seller, w.repaired())
	w.refuse(reject.NotSender, w.seller, w.shipment(record.Return))
	w.refuse(reject.NotSender, w.buyer, w.shipment(record.Replacement))
	w.refuse(reject.WrongState, w.seller, w.shipment(record.Replacement))
	w.refuse(reject.WrongState, w.servicer, w.inspection(record.Confirmed))
	w.send(w.buyer, record.Return)
	w.refuse(reject.AlreadyShipped, w.buyer, w.shipment(record.Return))
	w.do(w.carrier, w.confirm(w.backPickup))
	w.refuse(reject.WithdrawAfterReceipt, w.buyer, w.withdraw())
	w.refuse(reject.NotInspector, w.buyer, w.inspection(record.Confirmed))
	w.refuse(reject.NotInspector, w.maker, w.inspection(record.Confirmed))
	w.do(w.servicer, w.inspection(record.Confirmed))
	w.refuse(reject.WithdrawAfterReceipt, w.buyer, w.withdraw())
}

func (w *play) sceneServicer() {
	w.complain(record.Repair)
	p := w.authorise(record.Repair, true)
	p.Servicer = w.stranger
	w.refuse(reject.RoleNotHeld, w.seller, p)
	p.Servicer = record.Key{}
	w.do(w.seller, p)
	w.send(w.buyer, record.Return)
	w.do(w.carrier, w.confirm(w.backPickup))
	w.refuse(reject.NotInspector, w.servicer, w.inspection(record.NoFault))
	w.refuse(reject.EvidenceByOther, w.servicer, w.evidence())
	report := w.inspection(record.Confirmed)
	report.Seller = w.otherSeller
	w.refuse(reject.NotSeller, w.servicer, report)
	report.Seller = w.seller
	w.refuse(reject.NotInspector, w.buyer, report)
	w.do(w.servicer, report)
	w.do(w.servicer, w.evidence())

	w.complain(record.Repair)
	w.do(w.seller, w.authorise(record.Repair, true))
	w.do(w.servicer, w.evidence()) // a party as soon as it is named
	w.send(w.buyer, record.Return)
	w.do(w.carrier, w.confirm(w.backPickup))
	w.grant(record.Servicer, w.stranger)
	w.refuse(reject.NotInspector, w.stranger, w.inspection(record.NoFault))
	report = w.inspection(record.NoFault)
	report.Seller = w.seller
	w.do(w.stranger, report)
	w.do(w.stranger, w.evidence())
	w.do(w.servicer, w.evidence()) // stays a party
	w.do(w.buyer, w.escalate())
	for _, k := range []record.Key{w.servicer, w.stranger} {
		w.grant(record.Supervisor, k)
		w.refuse(reject.RulingByParty, k, w.dismissal())
		w.revoke(record.Supervisor, k)
	}

	w.complain(record.Repair)
	w.do(w.seller, w.authorise(record.Repair, true))
	w.send(w.buyer, record.Return)
	w.do(w.carrier, w.confirm(w.backPickup))
	w.do(w.servicer, w.inspection(record.Confirmed))
}

func (w *play) sceneReturns() {
	w.complain(record.Repair)
	first := w.voucher
	w.do(w.seller, w.authorise(record.Repair, false))
	w.refuse(reject.ReturnUnneeded, w.buyer, w.shipment(record.Return))
	w.sell()
	w.refuse(reject.ClaimOfOtherVoucher, w.buyer, w.shipment(record.Return))
	w.voucher = first
	w.claim = unknownID
	w.refuse(reject.ClaimUnknown, w.buyer, w.shipment(record.Return))
}

func (w *play) sceneRulings() {
	w.complain(record.Repair)
	w.refuse(reject.RulingNotEscalated, w.supervisor, w.dismissal())
	w.do(w.seller, w.rejection())
	w.do(w.buyer, w.escalate())
	w.refuse(reject.NotSupervisor, w.servicer, w.dismissal())
	for _, k := range []record.Key{w.seller, w.maker, w.buyer, w.carrier} {
		w.grant(record.Supervisor, k)
		w.refuse(reject.RulingByParty, k, w.dismissal())
		w.revoke(record.Supervisor, k)
		w.refuse(reject.NotSupervisor, k, w.dismissal())
	}
	w.do(w.supervisor, w.order(record.Repair, 0))
	w.refuse(reject.AlreadyRuled, w.supervisor, w.dismissal())
	w.later(6*day - hour)
	w.refuse(reject.AlreadyRuled, w.supervisor, w.dismissal()) // defaulted
	w.complain(record.Repair)
	w.do(w.seller, w.offer(record.Repair))
	w.do(w.buyer, w.answer(false))
	w.do(w.supervisor, w.dismissal())
	w.refuse(reject.AlreadyRuled, w.supervisor, w.order(record.Repair, 0))
}

func (w *play) sceneRefunds() {
	w.complain(record.Refund)
	first, early := w.claim, w.pay(w.buyer, price)
	w.do(w.seller, w.authorise(record.Refund, false))
	w.refuse(reject.PaymentTooEarly, w.seller, w.refunded(early))
	w.refuse(reject.PaymentUnknown, w.seller, w.refunded(unknownID))
	w.refuse(reject.PaymentToOther, w.seller, w.refunded(w.pay(w.holder, price)))
	w.refuse(reject.PaymentTooSmall, w.seller, w.refunded(w.pay(w.buyer, price-1)))
	w.refuse(reject.RemedyDiffers, w.seller, w.repaired())
	good := w.pay(w.buyer, price)
	w.refuse(reject.NotAParty, w.otherSeller, w.refunded(good))
	w.do(w.seller, w.refunded(good))
	w.refuse(reject.ConfirmByOther, w.seller, w.settle(true))
	w.do(w.buyer, w.settle(false))
	w.do(w.supervisor, w.order(record.Refund, price+1))
	w.refuse(reject.PaymentUsed, w.seller, w.refunded(good))
	w.refuse(reject.PaymentTooSmall, w.seller, w.refunded(w.pay(w.buyer, price)))
	other := w.pay(w.buyer, price+1)
	w.complain(record.Refund)
	w.do(w.seller, w.authorise(record.Refund, false))
	w.refuse(reject.PaymentForOther, w.seller, w.refunded(other))
	w.claim = first
	w.do(w.seller, w.refunded(other))
	w.do(w.buyer, w.settle(true))
	w.refuse(reject.PaymentUnknown, w.seller, w.refundedClosed())
}

func (w *play) sceneReplacements() {
	w.complain(record.Replace)
	old := w.voucher
	early := w.do(w.seller, w.sale())
	w.later(2 * hour)
	w.do(w.seller, w.authorise(record.Replace, false))
	w.refuse(reject.ReplacementUnfit, w.seller, w.replaced(early))
	w.refuse(reject.ReplacementUnfit, w.seller, w.replaced(old))
	w.refuse(reject.VoucherUnknown, w.seller, w.replaced(unknownID))
	p := w.sale()
	p.Buyer = w.holder
	w.refuse(reject.ReplacementUnfit, w.seller, w.replaced(w.do(w.seller, p)))
	w.refuse(reject.ReplacementUnfit, w.seller, w.replaced(w.do(w.otherSeller, w.sale())))
	undone := w.do(w.seller, w.sale())
	w.voucher = undone
	w.do(w.seller, w.void(w.buyer))
	w.refuse(reject.ReplacementUnfit, w.seller, w.replaced(undone))
	p = w.sale()
	p.GTIN = otherGTIN
	settlement := w.replaced(w.do(w.seller, p))
	w.refuse(reject.ReplacementDiffers, w.seller, settlement)
	settlement.Holder = w.holder
	w.refuse(reject.NotHolder, w.seller, settlement)
	settlement.Holder = w.buyer
	w.do(w.seller, settlement)
	w.do(w.buyer, w.settle(false))
	w.do(w.supervisor, w.order(record.Replace, 0))
	w.refuse(reject.ReplacementUsed, w.seller, settlement)
}
