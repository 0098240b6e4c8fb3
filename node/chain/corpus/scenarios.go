package corpus

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// scenarios are about one kind of record each.
var scenarios = []struct {
	title string
	run   func(w *scenario)
}{
	{"claimed time", (*scenario).claimedTime},
	{"products", (*scenario).products},
	{"sales", (*scenario).sales},
	{"a product whose maker was revoked", (*scenario).revokedMaker},
	{"a second voucher for an item", (*scenario).secondVoucher},
	{"a suspended seller", (*scenario).suspendedSeller},
	{"transfers", (*scenario).transfers},
	{"undone sales", (*scenario).undoneSales},
	{"shipments", (*scenario).shipments},
	{"deliveries", (*scenario).deliveries},
	{"the pick-up key of another leg", (*scenario).pickupKeys},
	{"attempts", (*scenario).attempts},
	{"a silent carrier", (*scenario).silentCarrier},
	{"a silent seller", (*scenario).silentSeller},
	{"claims", (*scenario).claims},
	{"claims on what was settled", (*scenario).settledVouchers},
	{"claims after the warranty", (*scenario).warranties},
	{"sold in a shop", (*scenario).shop},
	{"responses", (*scenario).responses},
	{"answers", (*scenario).answers},
	{"an offer that lapses", (*scenario).lapsedOffer},
	{"a return that lapses", (*scenario).lapsedReturn},
	{"escalations", (*scenario).escalations},
	{"evidence", (*scenario).evidence},
	{"inspections and withdrawals", (*scenario).inspectionsAndWithdrawals},
	{"a servicer whom nobody named", (*scenario).servicer},
	{"returns", (*scenario).returns},
	{"an order that is not executed", (*scenario).defaulted},
	{"goods that go back", (*scenario).goodsGoBack},
	{"rulings", (*scenario).rulings},
	{"refunds", (*scenario).refunds},
	{"replacements", (*scenario).replacements},
	{"evaluations", (*scenario).evaluations},
	{"late evaluations", (*scenario).lateEvaluations},
	{"own goods", (*scenario).ownGoods},
	{"a key that bought does not become the seller's", (*scenario).buyersKeys},
	{"recalls", (*scenario).recalls},
	{"corrections", (*scenario).corrections},
	{"forms", (*scenario).forms},
	{"conflicts", (*scenario).conflicts},
	{"a life with a repair", (*scenario).repair},
	{"a life with a ruling", (*scenario).ruling},
	{"a life with a replacement", (*scenario).replacement},
}

func (w *scenario) claimedTime() {
	p := w.Recall("X")
	p.Time = w.now() + maxAhead
	w.do(w.maker, p)
	p.Time = w.now() + maxAhead + 1
	w.reject(reject.TimeInFuture, w.maker, p)
}

func (w *scenario) products() {
	p := record.ProductRegister{Time: w.now(), GTIN: soldGTIN, WarrantyDays: 365, Terms: record.Digest{7}}
	w.reject(reject.ProductTaken, w.otherMaker, p)
	w.reject(reject.RoleNotHeld, w.seller, p)
	w.do(w.maker, p)
}

func (w *scenario) sales() {
	sale := func(want reject.Reason, author record.Key, change func(p *record.VoucherIssue)) {
		p := w.Sale()
		change(&p)
		w.reject(want, author, p)
	}
	sale(reject.RoleNotHeld, w.stranger, func(p *record.VoucherIssue) {})
	sale(reject.ProductUnknown, w.seller, func(p *record.VoucherIssue) { p.GTIN = noGTIN })
	sale(reject.WarrantyTooShort, w.seller, func(p *record.VoucherIssue) { p.WarrantyDays = 364 })
	sale(reject.TermsDiffer, w.seller, func(p *record.VoucherIssue) { p.Terms[0]++ })
	sale(reject.BurnTooSmall, w.seller, func(p *record.VoucherIssue) { p.Burn-- })
	sale(reject.BurnTooSmall, w.seller, func(p *record.VoucherIssue) { p.Price, p.Burn = 1, w.Params.AfterSales.VoucherFee-1 })
	sale(reject.StipendTooSmall, w.seller, func(p *record.VoucherIssue) { p.Stipend = w.Params.AfterSales.MinStipend - 1 })
	sale(reject.InsufficientFunds, w.seller, func(p *record.VoucherIssue) { p.Burn = fortune })
	sale(reject.InsufficientFunds, w.seller, func(p *record.VoucherIssue) { p.Stipend = fortune })
	sale(reject.SelfSale, w.seller, func(p *record.VoucherIssue) { p.Buyer = w.seller })
	w.do(w.Buyer, record.KeyRotate{New: w.key()})
	sale(reject.KeyRotated, w.seller, func(p *record.VoucherIssue) {})
	sale(reject.SelfSale, w.seller, func(p *record.VoucherIssue) { p.Buyer = w.seller })
}

func (w *scenario) revokedMaker() {
	w.revoke(record.Manufacturer, w.maker)
	w.reject(reject.MakerRevoked, w.seller, w.Sale())
	w.grant(record.Manufacturer, w.maker)
}

func (w *scenario) secondVoucher() {
	p := w.Sale()
	w.Voucher = w.do(w.seller, p)
	w.reject(reject.ItemSold, w.otherSeller, p)
	w.do(w.seller, w.Void(w.Buyer))
	w.do(w.otherSeller, p)
}

func (w *scenario) suspendedSeller() {
	suspend := record.SellerSuspend{Time: w.now(), Seller: w.seller, Cause: record.Complaints}
	restore := record.SellerRestore{Time: w.now(), Seller: w.seller, Cause: record.Remedied}
	w.reject(reject.NotSuspended, w.supervisor, restore)
	w.reject(reject.NotSupervisor, w.stranger, suspend)
	w.do(w.supervisor, suspend)
	w.reject(reject.SellerSuspended, w.seller, w.Sale())
	w.reject(reject.AlreadySuspended, w.supervisor, suspend)
	w.reject(reject.NotSupervisor, w.seller, restore)
	w.do(w.supervisor, restore)
	w.sell()
	suspend.Seller = w.stranger
	w.reject(reject.RoleNotHeld, w.supervisor, suspend)
}

func (w *scenario) transfers() {
	w.reject(reject.VoucherUnknown, w.Buyer, record.VoucherTransfer{Time: w.now(), Voucher: unknownID, To: w.holder})
	w.sell()
	w.reject(reject.WrongState, w.Buyer, w.Transfer(w.holder))
	w.deliver()
	w.reject(reject.NotHolder, w.seller, w.Transfer(w.holder))
	w.reject(reject.NotHolder, w.holder, w.Transfer(w.stranger))
	w.reject(reject.SelfTransfer, w.Buyer, w.Transfer(w.Buyer))
	w.do(w.Buyer, w.Transfer(w.holder))
	w.reject(reject.NotHolder, w.Buyer, w.Transfer(w.stranger)) // a past holder
	w.Claim = w.do(w.holder, w.Open(record.Fault, record.Repair))
	w.reject(reject.ClaimLive, w.holder, w.Transfer(w.Buyer))
	w.do(w.holder, w.Withdraw())
	w.do(w.holder, w.Transfer(w.Buyer))
}

func (w *scenario) undoneSales() {
	w.sell()
	w.reject(reject.NotSeller, w.Buyer, w.Void(w.holder))
	w.reject(reject.NotSeller, w.otherSeller, w.Void(w.Buyer))
	w.reject(reject.NotHolder, w.seller, w.Void(w.holder))
	w.Shipment = w.do(w.seller, w.Ship(record.Outbound))
	w.reject(reject.VoidAfterShipment, w.seller, w.Void(w.Buyer))
	w.do(w.seller, w.HandOver(w.Carrier))
	w.do(w.Carrier, w.Damaged())
	w.reject(reject.VoidAfterShipment, w.seller, w.Void(w.Buyer))
	w.Claim = w.do(w.Buyer, w.Open(record.Delivery, record.Refund))
	w.do(w.Carrier, w.HandOver(w.seller))
	w.reject(reject.ClaimLive, w.seller, w.Void(w.Buyer))
	w.do(w.Buyer, w.Withdraw())
	w.do(w.seller, w.Void(w.Buyer))
	w.reject(reject.WrongState, w.seller, w.Void(w.Buyer))
	w.reject(reject.ShipmentOfVoid, w.seller, w.Ship(record.Outbound))
	w.reject(reject.ClaimOnVoid, w.Buyer, w.Open(record.Fault, record.Repair))
	w.deliver()
	w.reject(reject.VoidAfterShipment, w.seller, w.Void(w.Buyer))
}

func (w *scenario) shipments() {
	w.sell()
	p := w.Ship(record.Outbound)
	w.reject(reject.NotSender, w.Buyer, p)
	p.Carrier = w.stranger
	w.reject(reject.RoleNotHeld, w.seller, p)
	p.Voucher = unknownID
	w.reject(reject.VoucherUnknown, w.seller, p)
	w.Shipment = w.do(w.seller, w.Ship(record.Outbound))
	w.reject(reject.AlreadyShipped, w.seller, w.Ship(record.Outbound))
	w.reject(reject.NotCustodian, w.Carrier, w.HandOver(w.nextCarrier))
	w.reject(reject.WrongCarrier, w.seller, w.HandOver(w.nextCarrier))
	w.reject(reject.WrongState, w.seller, w.Confirm(w.Pickup))
	w.do(w.seller, w.HandOver(w.Carrier))
	w.reject(reject.NotCustodian, w.seller, w.HandOver(w.nextCarrier))
	w.reject(reject.RoleNotHeld, w.Carrier, w.HandOver(w.stranger))
	w.reject(reject.RoleNotHeld, w.Carrier, w.HandOver(w.seller)) // without an exception
	w.do(w.Carrier, w.HandOver(w.nextCarrier))
	w.reject(reject.NotCustodian, w.Carrier, w.Damaged())
	w.reject(reject.NotCustodian, w.Carrier, w.Attempt())
	w.do(w.nextCarrier, w.Damaged())
	w.reject(reject.WrongState, w.nextCarrier, w.HandOver(w.Carrier))
	w.reject(reject.AlreadyShipped, w.seller, w.Ship(record.Outbound))
	w.do(w.nextCarrier, w.HandOver(w.seller))
	w.send(w.seller, record.Outbound)
	w.do(w.Carrier, w.Confirm(w.Pickup))
	w.reject(reject.AlreadyShipped, w.seller, w.Ship(record.Outbound))
	w.Shipment = unknownID
	w.reject(reject.ShipmentUnknown, w.Carrier, w.Damaged())
	w.reject(reject.ShipmentUnknown, w.supervisor, w.RuleShipment(record.RuledLost))
}

func (w *scenario) deliveries() {
	w.sell()
	w.send(w.seller, record.Outbound)
	w.reject(reject.NotCustodian, w.nextCarrier, w.Confirm(w.Pickup))
	w.reject(reject.WrongPickupKey, w.Carrier, w.Confirm(w.key()))
	p := w.Confirm(w.Pickup)
	p.ChallengeHeight = w.height() - w.Params.AfterSales.ChallengeBlocks - 1
	w.reject(reject.ChallengeTooOld, w.Carrier, p)
	p.ChallengeHeight = w.height()
	w.reject(reject.ChallengeTooNew, w.Carrier, p)
	p.ChallengeHeight = w.height() - w.Params.AfterSales.ChallengeBlocks
	w.do(w.Carrier, p)
	w.reject(reject.AlreadyDelivered, w.Carrier, w.Confirm(w.Pickup))

	w.sell()
	w.send(w.seller, record.Outbound)
	p.Shipment, p.ChallengeHeight = w.Shipment, w.height()-1
	w.reject(reject.ChallengeUsed, w.Carrier, p)
	w.do(w.Carrier, w.HandOver(w.nextCarrier))
	w.do(w.nextCarrier, p) // another carrier's nonce is its own
}

func (w *scenario) pickupKeys() {
	w.complain(record.Repair)
	w.do(w.seller, w.Authorise(record.Repair, true))
	w.send(w.Buyer, record.Return)
	w.reject(reject.WrongLeg, w.Carrier, w.Confirm(w.Pickup))
	w.do(w.Carrier, w.Confirm(w.BackPickup))
}

func (w *scenario) attempts() {
	w.sell()
	w.send(w.seller, record.Outbound)
	w.reject(reject.LostTooEarly, w.supervisor, w.RuleShipment(record.RuledLost))
	w.later(14*day - hour)
	w.reject(reject.AttemptTooEarly, w.Carrier, w.Attempt())
	w.later(2 * hour)
	w.do(w.Carrier, w.Attempt())
	w.reject(reject.NotSupervisor, w.Servicer, w.RuleShipment(record.RuledLost))
	w.grant(record.Supervisor, w.Carrier)
	w.reject(reject.RulingByParty, w.Carrier, w.RuleShipment(record.RuledDelivered))
	w.revoke(record.Supervisor, w.Carrier)
	w.do(w.supervisor, w.RuleShipment(record.RuledLost))
	w.reject(reject.WrongState, w.supervisor, w.RuleShipment(record.RuledLost))
	w.Claim = w.do(w.Buyer, w.Open(record.Delivery, record.Refund))
}

func (w *scenario) evaluations() {
	w.reject(reject.VoucherUnknown, w.Buyer, w.Evaluation())
	w.sell()
	w.reject(reject.EvaluationTooEarly, w.Buyer, w.Evaluation())
	w.deliver()
	w.reject(reject.NotBuyer, w.stranger, w.Evaluation())
	w.reject(reject.NotBuyer, w.seller, w.Evaluation())
	w.reject(reject.EvaluationUnknown, w.Buyer, w.Amendment())
	w.reject(reject.EvaluationUnknown, w.Buyer, w.Reward())
	w.reject(reject.EvaluationUnknown, w.seller, w.Reply())
	w.do(w.Buyer, w.Transfer(w.holder))
	w.reject(reject.SecondHand, w.holder, w.Evaluation())
	evaluated := w.height()
	w.do(w.Buyer, w.Evaluation()) // though it sold the goods
	w.reject(reject.AlreadyEvaluated, w.Buyer, w.Evaluation())
	w.reject(reject.AmendWithoutClaim, w.Buyer, w.Amendment())
	w.reject(reject.NotSeller, w.Buyer, w.Reply())
	w.do(w.seller, w.Reply())
	w.reject(reject.AlreadyReplied, w.seller, w.Reply())
	w.Claim = w.do(w.holder, w.Open(record.Fault, record.Repair))
	w.reject(reject.AmendWithoutClaim, w.Buyer, w.Amendment())
	w.do(w.holder, w.Withdraw())
	w.reject(reject.NotBuyer, w.holder, w.Amendment())
	w.do(w.Buyer, w.Amendment())
	w.reject(reject.AlreadyAmended, w.Buyer, w.Amendment())
	w.wait(evaluated + w.Params.AfterSales.RewardDelay - 1)
	w.reject(reject.RewardTooEarly, w.Buyer, w.Reward())
	w.wait(evaluated + w.Params.AfterSales.RewardDelay)
	w.reject(reject.NotBuyer, w.holder, w.Reward())
	w.do(w.Buyer, w.Reward())
	w.reject(reject.AlreadyRewarded, w.Buyer, w.Reward())
}

func (w *scenario) lateEvaluations() {
	w.deliver()
	w.later(180*day + hour)
	w.reject(reject.EvaluationTooLate, w.Buyer, w.Evaluation())
	w.deliver()
	w.later(180*day - hour)
	w.do(w.Buyer, w.Evaluation())
}

func (w *scenario) ownGoods() {
	p := w.Sale()
	p.Buyer = w.maker
	w.Voucher = w.do(w.seller, p)
	w.send(w.seller, record.Outbound)
	w.do(w.Carrier, w.Confirm(w.Pickup))
	w.reject(reject.OwnGoods, w.maker, w.Evaluation())
}

func (w *scenario) buyersKeys() {
	p := w.Sale()
	p.Buyer = w.key()
	w.do(w.seller, p)
	w.reject(reject.KeyInUse, w.seller, record.KeyRotate{New: p.Buyer})
	w.deliver()
	next := w.key()
	w.do(w.Buyer, w.Transfer(next))
	w.reject(reject.KeyInUse, w.seller, record.KeyRotate{New: next})
}

func (w *scenario) recalls() {
	w.reject(reject.NotSupervisor, w.seller, w.Recall(""))
	w.reject(reject.NotSupervisor, w.otherMaker, w.Recall("1"))
	p := w.Recall("")
	p.GTIN = noGTIN
	w.reject(reject.ProductUnknown, w.supervisor, p)
	w.revoke(record.Manufacturer, w.maker)
	w.reject(reject.MakerRevoked, w.maker, w.Recall("1"))
	w.grant(record.Manufacturer, w.maker)
	w.do(w.maker, w.Recall("1"))
}

func (w *scenario) corrections() {
	w.sell()
	p := record.Correction{Time: w.now(), Record: w.Voucher, Cause: record.WrongData}
	w.reject(reject.CorrectionByOther, w.Buyer, p)
	w.do(w.seller, p)
	p.Record = unknownID
	w.reject(reject.RecordUnknown, w.seller, p)
	p.Record = w.pay(w.Buyer, 1) // no after-sales record
	w.reject(reject.RecordUnknown, w.seller, p)
}
