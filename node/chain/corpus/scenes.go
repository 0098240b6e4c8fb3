package corpus

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// scenes are about one kind of record each.
var scenes = []struct {
	name string
	play func(w *play)
}{
	{"claimed time", (*play).sceneClaimedTime},
	{"products", (*play).sceneProducts},
	{"sales", (*play).sceneSales},
	{"a product whose maker was revoked", (*play).sceneRevokedMaker},
	{"a second voucher for an item", (*play).sceneSecondVoucher},
	{"a suspended seller", (*play).sceneSuspendedSeller},
	{"transfers", (*play).sceneTransfers},
	{"undone sales", (*play).sceneUndoneSales},
	{"shipments", (*play).sceneShipments},
	{"deliveries", (*play).sceneDeliveries},
	{"the pick-up key of another leg", (*play).scenePickupKeys},
	{"attempts", (*play).sceneAttempts},
	{"a silent carrier", (*play).sceneSilentCarrier},
	{"a silent seller", (*play).sceneSilentSeller},
	{"claims", (*play).sceneClaims},
	{"claims on what was settled", (*play).sceneSettledVouchers},
	{"claims after the warranty", (*play).sceneWarranties},
	{"sold in a shop", (*play).sceneShop},
	{"responses", (*play).sceneResponses},
	{"answers", (*play).sceneAnswers},
	{"an offer that lapses", (*play).sceneLapsedOffer},
	{"a return that lapses", (*play).sceneLapsedReturn},
	{"escalations", (*play).sceneEscalations},
	{"evidence", (*play).sceneEvidence},
	{"inspections and withdrawals", (*play).sceneInspectionsAndWithdrawals},
	{"a servicer whom nobody named", (*play).sceneServicer},
	{"returns", (*play).sceneReturns},
	{"an order that is not executed", (*play).sceneDefault},
	{"goods that go back", (*play).sceneGoodsGoBack},
	{"rulings", (*play).sceneRulings},
	{"refunds", (*play).sceneRefunds},
	{"replacements", (*play).sceneReplacements},
	{"evaluations", (*play).sceneEvaluations},
	{"late evaluations", (*play).sceneLateEvaluations},
	{"own goods", (*play).sceneOwnGoods},
	{"a key that bought does not become the seller's", (*play).sceneBuyersKeys},
	{"recalls", (*play).sceneRecalls},
	{"corrections", (*play).sceneCorrections},
	{"forms", (*play).sceneForms},
	{"conflicts", (*play).sceneConflicts},
	{"a life with a repair", (*play).sceneRepair},
	{"a life with a ruling", (*play).sceneRuling},
	{"a life with a replacement", (*play).sceneReplacement},
}

func (w *play) sceneClaimedTime() {
	p := w.recall("X")
	p.Time = w.now() + mostAhead
	w.do(w.maker, p)
	p.Time = w.now() + mostAhead + 1
	w.refuse(reject.TimeInFuture, w.maker, p)
}

func (w *play) sceneProducts() {
	p := record.ProductRegister{Time: w.now(), GTIN: soldGTIN, WarrantyDays: 365, Terms: record.Digest{7}}
	w.refuse(reject.ProductTaken, w.otherMaker, p)
	w.refuse(reject.RoleNotHeld, w.seller, p)
	w.do(w.maker, p)
}

func (w *play) sceneSales() {
	sale := func(want reject.Reason, author record.Key, change func(p *record.VoucherIssue)) {
		p := w.sale()
		change(&p)
		w.refuse(want, author, p)
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
	w.do(w.buyer, record.KeyRotate{New: w.key()})
	sale(reject.KeyRotated, w.seller, func(p *record.VoucherIssue) {})
	sale(reject.SelfSale, w.seller, func(p *record.VoucherIssue) { p.Buyer = w.seller })
}

func (w *play) sceneRevokedMaker() {
	w.revoke(record.Manufacturer, w.maker)
	w.refuse(reject.MakerRevoked, w.seller, w.sale())
	w.grant(record.Manufacturer, w.maker)
}

func (w *play) sceneSecondVoucher() {
	p := w.sale()
	w.voucher = w.do(w.seller, p)
	w.refuse(reject.ItemSold, w.otherSeller, p)
	w.do(w.seller, w.void(w.buyer))
	w.do(w.otherSeller, p)
}

func (w *play) sceneSuspendedSeller() {
	suspend := record.SellerSuspend{Time: w.now(), Seller: w.seller, Cause: record.Complaints}
	restore := record.SellerRestore{Time: w.now(), Seller: w.seller, Cause: record.Remedied}
	w.refuse(reject.NotSuspended, w.supervisor, restore)
	w.refuse(reject.NotSupervisor, w.stranger, suspend)
	w.do(w.supervisor, suspend)
	w.refuse(reject.SellerSuspended, w.seller, w.sale())
	w.refuse(reject.AlreadySuspended, w.supervisor, suspend)
	w.refuse(reject.NotSupervisor, w.seller, restore)
	w.do(w.supervisor, restore)
	w.sell()
	suspend.Seller = w.stranger
	w.refuse(reject.RoleNotHeld, w.supervisor, suspend)
}

func (w *play) sceneTransfers() {
	w.refuse(reject.VoucherUnknown, w.buyer, record.VoucherTransfer{Time: w.now(), Voucher: unknownID, To: w.holder})
	w.sell()
	w.refuse(reject.WrongState, w.buyer, w.transfer(w.holder))
	w.deliver()
	w.refuse(reject.NotHolder, w.seller, w.transfer(w.holder))
	w.refuse(reject.NotHolder, w.holder, w.transfer(w.stranger))
	w.refuse(reject.SelfTransfer, w.buyer, w.transfer(w.buyer))
	w.do(w.buyer, w.transfer(w.holder))
	w.refuse(reject.NotHolder, w.buyer, w.transfer(w.stranger)) // a past holder
	w.claim = w.do(w.holder, w.open(record.Fault, record.Repair))
	w.refuse(reject.ClaimLive, w.holder, w.transfer(w.buyer))
	w.do(w.holder, w.withdraw())
	w.do(w.holder, w.transfer(w.buyer))
}

func (w *play) sceneUndoneSales() {
	w.sell()
	w.refuse(reject.NotSeller, w.buyer, w.void(w.holder))
	w.refuse(reject.NotSeller, w.otherSeller, w.void(w.buyer))
	w.refuse(reject.NotHolder, w.seller, w.void(w.holder))
	w.ship = w.do(w.seller, w.shipment(record.Outbound))
	w.refuse(reject.VoidAfterShipment, w.seller, w.void(w.buyer))
	w.do(w.seller, w.handover(w.carrier))
	w.do(w.carrier, w.fail())
	w.refuse(reject.VoidAfterShipment, w.seller, w.void(w.buyer))
	w.claim = w.do(w.buyer, w.open(record.Delivery, record.Refund))
	w.do(w.carrier, w.handover(w.seller))
	w.refuse(reject.ClaimLive, w.seller, w.void(w.buyer))
	w.do(w.buyer, w.withdraw())
	w.do(w.seller, w.void(w.buyer))
	w.refuse(reject.WrongState, w.seller, w.void(w.buyer))
	w.refuse(reject.ShipmentOfVoid, w.seller, w.shipment(record.Outbound))
	w.refuse(reject.ClaimOnVoid, w.buyer, w.open(record.Fault, record.Repair))
	w.deliver()
	w.refuse(reject.VoidAfterShipment, w.seller, w.void(w.buyer))
}

func (w *play) sceneShipments() {
	w.sell()
	p := w.shipment(record.Outbound)
	w.refuse(reject.NotSender, w.buyer, p)
	p.Carrier = w.stranger
	w.refuse(reject.RoleNotHeld, w.seller, p)
	p.Voucher = unknownID
	w.refuse(reject.VoucherUnknown, w.seller, p)
	w.ship = w.do(w.seller, w.shipment(record.Outbound))
	w.refuse(reject.AlreadyShipped, w.seller, w.shipment(record.Outbound))
	w.refuse(reject.NotCustodian, w.carrier, w.handover(w.nextCarrier))
	w.refuse(reject.WrongCarrier, w.seller, w.handover(w.nextCarrier))
	w.refuse(reject.WrongState, w.seller, w.confirm(w.pickup))
	w.do(w.seller, w.handover(w.carrier))
	w.refuse(reject.NotCustodian, w.seller, w.handover(w.nextCarrier))
	w.refuse(reject.RoleNotHeld, w.carrier, w.handover(w.stranger))
	w.refuse(reject.RoleNotHeld, w.carrier, w.handover(w.seller)) // without an exception
	w.do(w.carrier, w.handover(w.nextCarrier))
	w.refuse(reject.NotCustodian, w.carrier, w.fail())
	w.refuse(reject.NotCustodian, w.carrier, w.attempt())
	w.do(w.nextCarrier, w.fail())
	w.refuse(reject.WrongState, w.nextCarrier, w.handover(w.carrier))
	w.refuse(reject.AlreadyShipped, w.seller, w.shipment(record.Outbound))
	w.do(w.nextCarrier, w.handover(w.seller))
	w.send(w.seller, record.Outbound)
	w.do(w.carrier, w.confirm(w.pickup))
	w.refuse(reject.AlreadyShipped, w.seller, w.shipment(record.Outbound))
	w.ship = unknownID
	w.refuse(reject.ShipmentUnknown, w.carrier, w.fail())
	w.refuse(reject.ShipmentUnknown, w.supervisor, w.ruleShipment(record.RuledLost))
}

func (w *play) sceneDeliveries() {
	w.sell()
	w.send(w.seller, record.Outbound)
	w.refuse(reject.NotCustodian, w.nextCarrier, w.confirm(w.pickup))
	w.refuse(reject.WrongPickupKey, w.carrier, w.confirm(w.key()))
	p := w.confirm(w.pickup)
	p.ChallengeHeight = w.height() - w.Params.AfterSales.ChallengeBlocks - 1
	w.refuse(reject.ChallengeTooOld, w.carrier, p)
	p.ChallengeHeight = w.height()
	w.refuse(reject.ChallengeTooNew, w.carrier, p)
	p.ChallengeHeight = w.height() - w.Params.AfterSales.ChallengeBlocks
	w.do(w.carrier, p)
	w.refuse(reject.AlreadyDelivered, w.carrier, w.confirm(w.pickup))

	w.sell()
	w.send(w.seller, record.Outbound)
	p.Shipment, p.ChallengeHeight = w.ship, w.height()-1
	w.refuse(reject.ChallengeUsed, w.carrier, p)
	w.do(w.carrier, w.handover(w.nextCarrier))
	w.do(w.nextCarrier, p) // another carrier's nonce is its own
}

func (w *play) scenePickupKeys() {
	w.complain(record.Repair)
	w.do(w.seller, w.authorise(record.Repair, true))
	w.send(w.buyer, record.Return)
	w.refuse(reject.WrongLeg, w.carrier, w.confirm(w.pickup))
	w.do(w.carrier, w.confirm(w.backPickup))
}

func (w *play) sceneAttempts() {
	w.sell()
	w.send(w.seller, record.Outbound)
	w.refuse(reject.LostTooEarly, w.supervisor, w.ruleShipment(record.RuledLost))
	w.later(14*day - hour)
	w.refuse(reject.AttemptTooEarly, w.carrier, w.attempt())
	w.later(2 * hour)
	w.do(w.carrier, w.attempt())
	w.refuse(reject.NotSupervisor, w.servicer, w.ruleShipment(record.RuledLost))
	w.grant(record.Supervisor, w.carrier)
	w.refuse(reject.RulingByParty, w.carrier, w.ruleShipment(record.RuledDelivered))
	w.revoke(record.Supervisor, w.carrier)
	w.do(w.supervisor, w.ruleShipment(record.RuledLost))
	w.refuse(reject.WrongState, w.supervisor, w.ruleShipment(record.RuledLost))
	w.claim = w.do(w.buyer, w.open(record.Delivery, record.Refund))
}

func (w *play) sceneEvaluations() {
	w.refuse(reject.VoucherUnknown, w.buyer, w.evaluation())
	w.sell()
	w.refuse(reject.EvaluationTooEarly, w.buyer, w.evaluation())
	w.deliver()
	w.refuse(reject.NotBuyer, w.stranger, w.evaluation())
	w.refuse(reject.NotBuyer, w.seller, w.evaluation())
	w.refuse(reject.EvaluationUnknown, w.buyer, w.amendment())
	w.refuse(reject.EvaluationUnknown, w.buyer, w.reward())
	w.refuse(reject.EvaluationUnknown, w.seller, w.reply())
	w.do(w.buyer, w.transfer(w.holder))
	w.refuse(reject.SecondHand, w.holder, w.evaluation())
	evaluated := w.height()
	w.do(w.buyer, w.evaluation()) // though it sold the goods
	w.refuse(reject.AlreadyEvaluated, w.buyer, w.evaluation())
	w.refuse(reject.AmendWithoutClaim, w.buyer, w.amendment())
	w.refuse(reject.NotSeller, w.buyer, w.reply())
	w.do(w.seller, w.reply())
	w.refuse(reject.AlreadyReplied, w.seller, w.reply())
	w.claim = w.do(w.holder, w.open(record.Fault, record.Repair))
	w.refuse(reject.AmendWithoutClaim, w.buyer, w.amendment())
	w.do(w.holder, w.withdraw())
	w.refuse(reject.NotBuyer, w.holder, w.amendment())
	w.do(w.buyer, w.amendment())
	w.refuse(reject.AlreadyAmended, w.buyer, w.amendment())
	w.wait(evaluated + w.Params.AfterSales.RewardDelay - 1)
	w.refuse(reject.RewardTooEarly, w.buyer, w.reward())
	w.wait(evaluated + w.Params.AfterSales.RewardDelay)
	w.refuse(reject.NotBuyer, w.holder, w.reward())
	w.do(w.buyer, w.reward())
	w.refuse(reject.AlreadyRewarded, w.buyer, w.reward())
}

func (w *play) sceneLateEvaluations() {
	w.deliver()
	w.later(180*day + hour)
	w.refuse(reject.EvaluationTooLate, w.buyer, w.evaluation())
	w.deliver()
	w.later(180*day - hour)
	w.do(w.buyer, w.evaluation())
}

func (w *play) sceneOwnGoods() {
	p := w.sale()
	p.Buyer = w.maker
	w.voucher = w.do(w.seller, p)
	w.send(w.seller, record.Outbound)
	w.do(w.carrier, w.confirm(w.pickup))
	w.refuse(reject.OwnGoods, w.maker, w.evaluation())
}

func (w *play) sceneBuyersKeys() {
	p := w.sale()
	p.Buyer = w.key()
	w.do(w.seller, p)
	w.refuse(reject.KeyInUse, w.seller, record.KeyRotate{New: p.Buyer})
	w.deliver()
	next := w.key()
	w.do(w.buyer, w.transfer(next))
	w.refuse(reject.KeyInUse, w.seller, record.KeyRotate{New: next})
}

func (w *play) sceneRecalls() {
	w.refuse(reject.NotSupervisor, w.seller, w.recall(""))
	w.refuse(reject.NotSupervisor, w.otherMaker, w.recall("1"))
	p := w.recall("")
	p.GTIN = noGTIN
	w.refuse(reject.ProductUnknown, w.supervisor, p)
	w.revoke(record.Manufacturer, w.maker)
	w.refuse(reject.MakerRevoked, w.maker, w.recall("1"))
	w.grant(record.Manufacturer, w.maker)
	w.do(w.maker, w.recall("1"))
}

func (w *play) sceneCorrections() {
	w.sell()
	p := record.Correction{Time: w.now(), Record: w.voucher, Cause: record.WrongData}
	w.refuse(reject.CorrectionByOther, w.buyer, p)
	w.do(w.seller, p)
	p.Record = unknownID
	w.refuse(reject.RecordUnknown, w.seller, p)
	p.Record = w.pay(w.buyer, 1) // no after-sales record
	w.refuse(reject.RecordUnknown, w.seller, p)
}
