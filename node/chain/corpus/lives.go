package corpus

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Two records that exclude each other make a block invalid, whichever comes
// first, and each of them alone is good.
func (w *play) sceneConflicts() {
	sale := w.sale()
	w.conflict(reject.ItemSold, w.record(w.seller, sale), w.record(w.otherSeller, sale))
	w.conflict(reject.ItemSold, w.record(w.otherSeller, sale), w.record(w.seller, sale))

	w.deliver()
	open := w.open(record.Fault, record.Repair)
	w.conflict(reject.SecondClaim, w.record(w.buyer, open), w.next(w.buyer, open))
	w.conflict(reject.ClaimLive, w.record(w.buyer, open), w.next(w.buyer, w.transfer(w.holder)))
	w.conflict(reject.ClaimByOther, w.record(w.buyer, w.transfer(w.holder)), w.next(w.buyer, open))
	w.conflict(reject.AlreadyEvaluated, w.record(w.buyer, w.evaluation()), w.next(w.buyer, w.evaluation()))

	w.claim = w.do(w.buyer, open)
	w.conflict(reject.AlreadyResponded, w.record(w.seller, w.rejection()), w.record(w.maker, w.authorise(record.Repair, false)))
	w.conflict(reject.AlreadyResponded, w.record(w.buyer, w.withdraw()), w.record(w.seller, w.rejection()))
	w.extend(w.name("an answer and evidence in a block"), w.record(w.seller, w.rejection()), w.record(w.maker, w.evidence()))
}

// A fault is repaired by the servicer: the goods go there and come back.
func (w *play) sceneRepair() {
	w.complain(record.Repair)
	w.do(w.buyer, w.evidence())
	w.do(w.seller, w.authorise(record.Repair, true))
	w.send(w.buyer, record.Return)
	w.do(w.carrier, w.confirm(w.backPickup))
	w.do(w.servicer, w.inspection(record.Confirmed))
	w.do(w.seller, w.repaired())
	w.do(w.buyer, w.settle(true))
	w.do(w.buyer, w.evaluation())
	w.do(w.seller, w.reply())
	w.wait(w.height() + w.Params.AfterSales.RewardDelay)
	w.do(w.buyer, w.reward())
}

// A claim is rejected, contested, and ordered by a supervisor; what the seller
// does then is disputed, and confirmed by silence the second time.
func (w *play) sceneRuling() {
	w.complain(record.Refund)
	w.do(w.seller, w.rejection())
	w.do(w.buyer, w.escalate())
	w.do(w.supervisor, w.order(record.Refund, price/2))
	w.refuse(reject.PaymentTooSmall, w.seller, w.refunded(w.pay(w.buyer, price/2-1)))
	w.do(w.seller, w.refunded(w.pay(w.buyer, price/2)))
	w.later(7*day + hour)
	w.refuse(reject.WrongState, w.buyer, w.settle(false)) // silence has confirmed it
	w.refuse(reject.ClaimOnRefunded, w.buyer, w.open(record.Fault, record.Repair))
}

// A claim goes with the goods to the next holder, who gets others.
func (w *play) sceneReplacement() {
	w.deliver()
	w.do(w.buyer, w.transfer(w.holder))
	w.claim = w.do(w.holder, w.open(record.Fault, record.Replace))
	w.do(w.seller, w.offer(record.Repair))
	w.do(w.holder, w.answer(false))
	w.do(w.supervisor, w.order(record.Replace, 0))
	w.later(hour)
	again := w.sale()
	again.Buyer = w.holder
	w.do(w.seller, w.replaced(w.do(w.seller, again)))
	w.do(w.holder, w.settle(true))
	w.refuse(reject.ClaimOnReplaced, w.holder, w.open(record.Fault, record.Repair))
}
