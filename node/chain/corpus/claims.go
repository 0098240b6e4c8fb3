package corpus

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

func (w *scenario) claims() {
	w.sell()
	w.reject(reject.ClaimByOther, w.seller, w.Open(record.Fault, record.Repair))
	w.reject(reject.NotDelivered, w.Buyer, w.Open(record.Fault, record.Repair))
	w.reject(reject.NotDelivered, w.Buyer, w.Open(record.Delivery, record.Refund))
	w.send(w.seller, record.Outbound)
	w.reject(reject.NotDelivered, w.Buyer, w.Open(record.Delivery, record.Refund))
	w.do(w.Carrier, w.Confirm(w.Pickup))
	w.reject(reject.NotEntitled, w.Buyer, w.Open(record.Delivery, record.Refund))
	w.reject(reject.NotRecalled, w.Buyer, w.Open(record.Recall, record.Repair))
	w.reject(reject.NotEntitled, w.Buyer, w.Open(record.NoReason, record.Repair))
	w.do(w.Buyer, w.Transfer(w.holder))
	w.reject(reject.ClaimByOther, w.Buyer, w.Open(record.Fault, record.Repair)) // does not hold it any more
	w.Claim = w.do(w.holder, w.Open(record.Fault, record.Repair))
	w.reject(reject.SecondClaim, w.holder, w.Open(record.Fault, record.Repair))
	p := w.Withdraw()
	p.Claim = unknownID
	w.reject(reject.ClaimUnknown, w.holder, p)
}

func (w *scenario) settledVouchers() {
	w.complain(record.Refund)
	w.do(w.seller, w.Authorise(record.Refund, false))
	w.do(w.seller, w.Refunded(w.pay(w.Buyer, price)))
	w.do(w.Buyer, w.Settle(true))
	w.reject(reject.ClaimOnRefunded, w.Buyer, w.Open(record.Fault, record.Repair))
	w.complain(record.Replace)
	w.do(w.seller, w.Authorise(record.Replace, false))
	w.do(w.seller, w.Replaced(w.do(w.seller, w.Sale())))
	w.do(w.Buyer, w.Settle(true))
	w.reject(reject.ClaimOnReplaced, w.Buyer, w.Open(record.Fault, record.Repair))
}

func (w *scenario) warranties() {
	w.deliver()
	w.later(365*day - hour)
	w.do(w.Buyer, w.Open(record.Fault, record.Repair))
	w.deliver()
	w.later(365*day + hour)
	w.reject(reject.WarrantyOver, w.Buyer, w.Open(record.Fault, record.Repair))
	w.reject(reject.NotRecalled, w.Buyer, w.Open(record.Recall, record.Repair))
	w.reject(reject.WrongState, w.Buyer, w.Transfer(w.holder))
	w.do(w.maker, w.Recall(w.Serial))
	w.reject(reject.WarrantyOver, w.Buyer, w.Open(record.Fault, record.Repair))
	w.do(w.Buyer, w.Open(record.Recall, record.Refund))
}

func (w *scenario) shop() {
	p := w.Sale()
	p.Distance = false
	w.Voucher = w.do(w.seller, p)
	w.send(w.seller, record.Outbound)
	w.do(w.Carrier, w.Confirm(w.Pickup))
	w.reject(reject.NotEntitled, w.Buyer, w.Open(record.NoReason, record.Refund))
}

func (w *scenario) responses() {
	w.complain(record.Refund)
	w.reject(reject.ResponseByOther, w.otherSeller, w.Rejection())
	w.reject(reject.ResponseByOther, w.Buyer, w.Rejection())
	w.reject(reject.RemedyDiffers, w.seller, w.Authorise(record.Repair, false))
	p := w.Authorise(record.Refund, false)
	p.Refund--
	w.reject(reject.RemedyDiffers, w.seller, p)
	w.do(w.maker, w.Rejection())
	w.reject(reject.AlreadyResponded, w.seller, w.Authorise(record.Refund, false))
	w.do(w.Buyer, w.Escalate())
	w.reject(reject.ResponseAfterEscalation, w.seller, w.Authorise(record.Refund, false))
}

func (w *scenario) answers() {
	w.complain(record.Refund)
	w.reject(reject.WrongState, w.Buyer, w.Answer(true))
	w.do(w.seller, w.Offer(record.Repair))
	w.reject(reject.NotHolder, w.seller, w.Answer(true))
}

func (w *scenario) escalations() {
	w.complain(record.Repair)
	w.later(10*day - hour)
	w.reject(reject.EscalationTooEarly, w.Buyer, w.Escalate())
	w.later(2 * hour)
	w.reject(reject.NotHolder, w.seller, w.Escalate())
	w.do(w.Buyer, w.Escalate())
	w.reject(reject.WrongState, w.Buyer, w.Escalate())
	w.later(63*day - hour)
	w.reject(reject.CloseTooEarly, w.Buyer, w.CloseClaim())
	w.later(2 * hour)
	w.reject(reject.NotAParty, w.supervisor, w.CloseClaim())
	w.do(w.seller, w.CloseClaim())
	w.reject(reject.RulingNotEscalated, w.supervisor, w.Dismissal())
}

func (w *scenario) evidence() {
	w.complain(record.Repair)
	w.reject(reject.EvidenceByOther, w.stranger, w.Evidence())
	w.reject(reject.EvidenceByOther, w.Servicer, w.Evidence()) // has nothing to do with it
	w.reject(reject.EvidenceByOther, w.nextCarrier, w.Evidence())
	for range w.Params.AfterSales.EvidenceLimit {
		w.do(w.Buyer, w.Evidence())
	}
	w.reject(reject.EvidenceLimit, w.Buyer, w.Evidence())
	w.do(w.seller, w.Evidence())
	w.do(w.Carrier, w.Evidence())
	w.do(w.seller, w.Authorise(record.Repair, true))
	w.Shipment = w.do(w.Buyer, w.Ship(record.Return))
	w.do(w.Buyer, w.HandOver(w.Carrier))
	w.do(w.Carrier, w.HandOver(w.nextCarrier))
	for range w.Params.AfterSales.EvidenceLimit - 1 {
		w.do(w.Carrier, w.Evidence())
	}
	w.reject(reject.EvidenceLimit, w.Carrier, w.Evidence())
	w.do(w.nextCarrier, w.Evidence()) // has a limit of its own
	w.do(w.Buyer, w.Withdraw())
	w.reject(reject.EvidenceAfterClose, w.seller, w.Evidence())
}

func (w *scenario) inspectionsAndWithdrawals() {
	w.complain(record.Repair)
	w.do(w.seller, w.Authorise(record.Repair, true))
	w.reject(reject.ReturnOutstanding, w.seller, w.Repaired())
	w.reject(reject.NotSender, w.seller, w.Ship(record.Return))
	w.reject(reject.NotSender, w.Buyer, w.Ship(record.Replacement))
	w.reject(reject.WrongState, w.seller, w.Ship(record.Replacement))
	w.reject(reject.WrongState, w.Servicer, w.Inspection(record.Confirmed))
	w.send(w.Buyer, record.Return)
	w.reject(reject.AlreadyShipped, w.Buyer, w.Ship(record.Return))
	w.do(w.Carrier, w.Confirm(w.BackPickup))
	w.reject(reject.WithdrawAfterReceipt, w.Buyer, w.Withdraw())
	w.reject(reject.NotInspector, w.Buyer, w.Inspection(record.Confirmed))
	w.reject(reject.NotInspector, w.maker, w.Inspection(record.Confirmed))
	w.do(w.Servicer, w.Inspection(record.Confirmed))
	w.reject(reject.WithdrawAfterReceipt, w.Buyer, w.Withdraw())
}

func (w *scenario) servicer() {
	w.complain(record.Repair)
	p := w.Authorise(record.Repair, true)
	p.Servicer = w.stranger
	w.reject(reject.RoleNotHeld, w.seller, p)
	p.Servicer = record.Key{}
	w.do(w.seller, p)
	w.send(w.Buyer, record.Return)
	w.do(w.Carrier, w.Confirm(w.BackPickup))
	w.reject(reject.NotInspector, w.Servicer, w.Inspection(record.NoFault))
	w.reject(reject.EvidenceByOther, w.Servicer, w.Evidence())
	report := w.Inspection(record.Confirmed)
	report.Seller = w.otherSeller
	w.reject(reject.NotSeller, w.Servicer, report)
	report.Seller = w.seller
	w.reject(reject.NotInspector, w.Buyer, report)
	w.do(w.Servicer, report)
	w.do(w.Servicer, w.Evidence())

	w.complain(record.Repair)
	w.do(w.seller, w.Authorise(record.Repair, true))
	w.do(w.Servicer, w.Evidence()) // a party as soon as it is named
	w.send(w.Buyer, record.Return)
	w.do(w.Carrier, w.Confirm(w.BackPickup))
	w.grant(record.Servicer, w.stranger)
	w.reject(reject.NotInspector, w.stranger, w.Inspection(record.NoFault))
	report = w.Inspection(record.NoFault)
	report.Seller = w.seller
	w.do(w.stranger, report)
	w.do(w.stranger, w.Evidence())
	w.do(w.Servicer, w.Evidence()) // stays a party
	w.do(w.Buyer, w.Escalate())
	for _, k := range []record.Key{w.Servicer, w.stranger} {
		w.grant(record.Supervisor, k)
		w.reject(reject.RulingByParty, k, w.Dismissal())
		w.revoke(record.Supervisor, k)
	}

	w.complain(record.Repair)
	w.do(w.seller, w.Authorise(record.Repair, true))
	w.send(w.Buyer, record.Return)
	w.do(w.Carrier, w.Confirm(w.BackPickup))
	w.do(w.Servicer, w.Inspection(record.Confirmed))
}

func (w *scenario) returns() {
	w.complain(record.Repair)
	first := w.Voucher
	w.do(w.seller, w.Authorise(record.Repair, false))
	w.reject(reject.ReturnUnneeded, w.Buyer, w.Ship(record.Return))
	w.sell()
	w.reject(reject.ClaimOfOtherVoucher, w.Buyer, w.Ship(record.Return))
	w.Voucher = first
	w.Claim = unknownID
	w.reject(reject.ClaimUnknown, w.Buyer, w.Ship(record.Return))
}

func (w *scenario) rulings() {
	w.complain(record.Repair)
	w.reject(reject.RulingNotEscalated, w.supervisor, w.Dismissal())
	w.do(w.seller, w.Rejection())
	w.do(w.Buyer, w.Escalate())
	w.reject(reject.NotSupervisor, w.Servicer, w.Dismissal())
	for _, k := range []record.Key{w.seller, w.maker, w.Buyer, w.Carrier} {
		w.grant(record.Supervisor, k)
		w.reject(reject.RulingByParty, k, w.Dismissal())
		w.revoke(record.Supervisor, k)
		w.reject(reject.NotSupervisor, k, w.Dismissal())
	}
	w.do(w.supervisor, w.Order(record.Repair, 0))
	w.reject(reject.AlreadyRuled, w.supervisor, w.Dismissal())
	w.later(6*day - hour)
	w.reject(reject.AlreadyRuled, w.supervisor, w.Dismissal()) // defaulted
	w.complain(record.Repair)
	w.do(w.seller, w.Offer(record.Repair))
	w.do(w.Buyer, w.Answer(false))
	w.do(w.supervisor, w.Dismissal())
	w.reject(reject.AlreadyRuled, w.supervisor, w.Order(record.Repair, 0))
}

func (w *scenario) refunds() {
	w.complain(record.Refund)
	first, early := w.Claim, w.pay(w.Buyer, price)
	w.do(w.seller, w.Authorise(record.Refund, false))
	w.reject(reject.PaymentTooEarly, w.seller, w.Refunded(early))
	w.reject(reject.PaymentUnknown, w.seller, w.Refunded(unknownID))
	w.reject(reject.PaymentToOther, w.seller, w.Refunded(w.pay(w.holder, price)))
	w.reject(reject.PaymentTooSmall, w.seller, w.Refunded(w.pay(w.Buyer, price-1)))
	w.reject(reject.RemedyDiffers, w.seller, w.Repaired())
	good := w.pay(w.Buyer, price)
	w.reject(reject.NotAParty, w.otherSeller, w.Refunded(good))
	w.do(w.seller, w.Refunded(good))
	w.reject(reject.ConfirmByOther, w.seller, w.Settle(true))
	w.do(w.Buyer, w.Settle(false))
	w.do(w.supervisor, w.Order(record.Refund, price+1))
	w.reject(reject.PaymentUsed, w.seller, w.Refunded(good))
	w.reject(reject.PaymentTooSmall, w.seller, w.Refunded(w.pay(w.Buyer, price)))
	other := w.pay(w.Buyer, price+1)
	w.complain(record.Refund)
	w.do(w.seller, w.Authorise(record.Refund, false))
	w.reject(reject.PaymentForOther, w.seller, w.Refunded(other))
	w.Claim = first
	w.do(w.seller, w.Refunded(other))
	w.do(w.Buyer, w.Settle(true))
	w.reject(reject.PaymentUnknown, w.seller, w.refundedClosed())
}

func (w *scenario) replacements() {
	w.complain(record.Replace)
	old := w.Voucher
	early := w.do(w.seller, w.Sale())
	w.later(2 * hour)
	w.do(w.seller, w.Authorise(record.Replace, false))
	w.reject(reject.ReplacementUnfit, w.seller, w.Replaced(early))
	w.reject(reject.ReplacementUnfit, w.seller, w.Replaced(old))
	w.reject(reject.VoucherUnknown, w.seller, w.Replaced(unknownID))
	p := w.Sale()
	p.Buyer = w.holder
	w.reject(reject.ReplacementUnfit, w.seller, w.Replaced(w.do(w.seller, p)))
	w.reject(reject.ReplacementUnfit, w.seller, w.Replaced(w.do(w.otherSeller, w.Sale())))
	undone := w.do(w.seller, w.Sale())
	w.Voucher = undone
	w.do(w.seller, w.Void(w.Buyer))
	w.reject(reject.ReplacementUnfit, w.seller, w.Replaced(undone))
	p = w.Sale()
	p.GTIN = otherGTIN
	settlement := w.Replaced(w.do(w.seller, p))
	w.reject(reject.ReplacementDiffers, w.seller, settlement)
	settlement.Holder = w.holder
	w.reject(reject.NotHolder, w.seller, settlement)
	settlement.Holder = w.Buyer
	w.do(w.seller, settlement)
	w.do(w.Buyer, w.Settle(false))
	w.do(w.supervisor, w.Order(record.Replace, 0))
	w.reject(reject.ReplacementUsed, w.seller, settlement)
}
