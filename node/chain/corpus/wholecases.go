package corpus

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Two records that exclude each other make a block invalid, whichever is the
// first. Each of them alone is valid.
func (w *scenario) conflicts() {
	sale := w.Sale()
	w.conflict(reject.ItemSold, w.record(w.seller, sale), w.record(w.otherSeller, sale))
	w.conflict(reject.ItemSold, w.record(w.otherSeller, sale), w.record(w.seller, sale))

	w.deliver()
	open := w.Open(record.Fault, record.Repair)
	w.conflict(reject.SecondClaim, w.record(w.Buyer, open), w.next(w.Buyer, open))
	w.conflict(reject.ClaimLive, w.record(w.Buyer, open), w.next(w.Buyer, w.Transfer(w.holder)))
	w.conflict(reject.ClaimByOther, w.record(w.Buyer, w.Transfer(w.holder)), w.next(w.Buyer, open))
	w.conflict(reject.AlreadyEvaluated, w.record(w.Buyer, w.Evaluation()), w.next(w.Buyer, w.Evaluation()))

	w.Claim = w.do(w.Buyer, open)
	w.conflict(reject.AlreadyResponded, w.record(w.seller, w.Rejection()), w.record(w.maker, w.Authorise(record.Repair, false)))
	w.conflict(reject.AlreadyResponded, w.record(w.Buyer, w.Withdraw()), w.record(w.seller, w.Rejection()))
	w.extend(w.name("an answer and evidence in a block"), w.record(w.seller, w.Rejection()), w.record(w.maker, w.Evidence()))
}

// A fault is repaired by the servicer: the goods go there and come back.
func (w *scenario) repair() {
	w.complain(record.Repair)
	w.do(w.Buyer, w.Evidence())
	w.do(w.seller, w.Authorise(record.Repair, true))
	w.send(w.Buyer, record.Return)
	w.do(w.Carrier, w.Confirm(w.BackPickup))
	w.do(w.Servicer, w.Inspection(record.Confirmed))
	w.do(w.seller, w.Repaired())
	w.do(w.Buyer, w.Settle(true))
	w.do(w.Buyer, w.Evaluation())
	w.do(w.seller, w.Reply())
	w.wait(w.height() + w.Params.AfterSales.RewardDelay)
	w.do(w.Buyer, w.Reward())
}

// A claim is rejected, contested, and ordered by a supervisor; what the seller
// does then is disputed, and confirmed by silence the second time.
func (w *scenario) ruling() {
	w.complain(record.Refund)
	w.do(w.seller, w.Rejection())
	w.do(w.Buyer, w.Escalate())
	w.do(w.supervisor, w.Order(record.Refund, price/2))
	w.reject(reject.PaymentTooSmall, w.seller, w.Refunded(w.pay(w.Buyer, price/2-1)))
	w.do(w.seller, w.Refunded(w.pay(w.Buyer, price/2)))
	w.later(7*day + hour)
	w.reject(reject.WrongState, w.Buyer, w.Settle(false)) // silence has confirmed it
	w.reject(reject.ClaimOnRefunded, w.Buyer, w.Open(record.Fault, record.Repair))
}

// The next holder of the goods makes a claim, and gets a replacement.
func (w *scenario) replacement() {
	w.deliver()
	w.do(w.Buyer, w.Transfer(w.holder))
	w.Claim = w.do(w.holder, w.Open(record.Fault, record.Replace))
	w.do(w.seller, w.Offer(record.Repair))
	w.do(w.holder, w.Answer(false))
	w.do(w.supervisor, w.Order(record.Replace, 0))
	w.later(hour)
	again := w.Sale()
	again.Buyer = w.holder
	w.do(w.seller, w.Replaced(w.do(w.seller, again)))
	w.do(w.holder, w.Settle(true))
	w.reject(reject.ClaimOnReplaced, w.holder, w.Open(record.Fault, record.Repair))
}
