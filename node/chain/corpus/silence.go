package corpus

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// What happens when a party does nothing.

func (w *scenario) silentCarrier() {
	w.sell()
	w.send(w.seller, record.Outbound)
	w.later(30*day - hour)
	w.reject(reject.LostTooEarly, w.seller, w.Lost())
	w.reject(reject.NotCustodian, w.seller, w.Damaged())
	w.reject(reject.LostTooEarly, w.supervisor, w.RuleShipment(record.RuledLost))
	w.reject(reject.NotDelivered, w.Buyer, w.Open(record.Delivery, record.Refund))
	w.later(2 * hour)
	w.do(w.seller, w.Lost())
	w.Claim = w.do(w.Buyer, w.Open(record.Delivery, record.Refund))
	w.do(w.Carrier, w.Confirm(w.Pickup)) // after all
	w.reject(reject.AlreadyResponded, w.seller, w.Rejection())
	w.do(w.Buyer, w.Transfer(w.holder))

	w.sell()
	w.send(w.seller, record.Outbound)
	w.later(30*day + hour)
	w.do(w.supervisor, w.RuleShipment(record.RuledLost))
	w.reject(reject.WrongState, w.Carrier, w.Confirm(w.Pickup))
	w.Claim = w.do(w.Buyer, w.Open(record.Delivery, record.Replace))

	w.sell()
	w.send(w.seller, record.Outbound)
	w.later(29 * day)
	w.do(w.Carrier, w.Attempt()) // is no change of custody
	w.reject(reject.LostTooEarly, w.seller, w.Lost())
	w.later(day + hour)
	w.do(w.seller, w.Lost())

	w.sell()
	w.send(w.seller, record.Outbound)
	w.later(30*day + hour)
	w.Claim = w.do(w.Buyer, w.Open(record.Delivery, record.Refund))
	w.do(w.seller, w.Authorise(record.Refund, false))
	w.do(w.seller, w.Refunded(w.pay(w.Buyer, price)))
	w.do(w.Carrier, w.Confirm(w.Pickup)) // too late for the claim
	w.do(w.Buyer, w.Settle(true))
	w.reject(reject.ClaimOnRefunded, w.Buyer, w.Open(record.Fault, record.Repair))
}

func (w *scenario) silentSeller() {
	w.sell()
	w.later(30*day - hour)
	w.reject(reject.NotDelivered, w.Buyer, w.Open(record.Delivery, record.Refund))
	w.later(2 * hour)
	w.reject(reject.NotEntitled, w.Buyer, w.Open(record.Delivery, record.Repair))
	w.Claim = w.do(w.Buyer, w.Open(record.Delivery, record.Refund))
	w.send(w.seller, record.Outbound)
	w.do(w.Carrier, w.Confirm(w.Pickup))
	w.do(w.Buyer, w.Open(record.Fault, record.Repair)) // the other claim is closed

	w.sell()
	w.later(30*day + hour)
	w.Claim = w.do(w.Buyer, w.Open(record.Delivery, record.Refund))
	w.do(w.seller, w.Authorise(record.Refund, false))
	w.do(w.seller, w.Refunded(w.pay(w.Buyer, price)))
	w.reject(reject.ClaimLive, w.seller, w.Ship(record.Outbound))
	w.do(w.Buyer, w.Settle(true))

	w.sell()
	w.Shipment = w.do(w.seller, w.Ship(record.Outbound))
	w.reject(reject.NotDelivered, w.Buyer, w.Open(record.Delivery, record.Refund))
	w.do(w.seller, w.Damaged())
	w.do(w.seller, w.Ship(record.Outbound))
	w.do(w.Buyer, w.Open(record.Delivery, record.Refund)) // a delivery that failed once
}

func (w *scenario) lapsedOffer() {
	w.complain(record.Refund)
	w.do(w.seller, w.Offer(record.Repair))
	w.later(10*day + hour)
	w.reject(reject.WrongState, w.Buyer, w.Answer(true))
	w.do(w.Buyer, w.Escalate())

	w.complain(record.Refund)
	w.do(w.seller, w.Offer(record.Repair))
	w.later(40*day + hour)
	w.reject(reject.WrongState, w.Buyer, w.Escalate())
	w.do(w.Buyer, w.Transfer(w.holder)) // the claim is closed
}

func (w *scenario) lapsedReturn() {
	w.complain(record.Repair)
	w.do(w.seller, w.Authorise(record.Repair, true))
	w.later(30*day + hour)
	w.reject(reject.WrongState, w.Buyer, w.Ship(record.Return))
	w.Claim = w.do(w.Buyer, w.Open(record.Fault, record.Repair)) // the other one is closed

	w.do(w.seller, w.Authorise(record.Repair, true))
	w.Shipment = w.do(w.Buyer, w.Ship(record.Return))
	w.later(30*day + hour)
	w.reject(reject.WrongState, w.Buyer, w.HandOver(w.Carrier)) // for a claim that is closed
	w.do(w.Buyer, w.Damaged())
	w.Claim = w.do(w.Buyer, w.Open(record.Fault, record.Repair))

	w.do(w.seller, w.Authorise(record.Repair, true))
	w.Shipment = w.do(w.Buyer, w.Ship(record.Return))
	w.later(29 * day)
	w.do(w.Buyer, w.Damaged())
	w.Shipment = w.do(w.Buyer, w.Ship(record.Return)) // gives no more time
	w.later(day + hour)
	w.reject(reject.WrongState, w.Buyer, w.HandOver(w.Carrier))
	w.do(w.Buyer, w.Damaged())
	w.Claim = w.do(w.Buyer, w.Open(record.Fault, record.Repair))

	w.do(w.seller, w.Authorise(record.Repair, true))
	w.send(w.Buyer, record.Return)
	w.later(30*day + hour)
	w.do(w.Carrier, w.Confirm(w.BackPickup)) // the clock stood still
	w.reject(reject.WithdrawAfterReceipt, w.Buyer, w.Withdraw())

	w.complain(record.Repair)
	w.do(w.seller, w.Authorise(record.Repair, true))
	w.send(w.Buyer, record.Return)
	w.later(93*day - hour)
	w.reject(reject.ReturnOutstanding, w.seller, w.Repaired())
	w.later(2 * hour) // it never arrived
	w.reject(reject.WrongState, w.Buyer, w.Escalate())
	w.do(w.Buyer, w.Transfer(w.holder)) // the claim is closed

	w.sell()
	w.later(30*day + hour)
	w.Claim = w.do(w.Buyer, w.Open(record.Delivery, record.Refund))
	w.reject(reject.ReturnUnneeded, w.seller, w.Authorise(record.Refund, true))
}

func (w *scenario) defaulted() {
	w.complain(record.Repair)
	w.do(w.seller, w.Rejection())
	w.do(w.Buyer, w.Escalate())
	w.do(w.supervisor, w.Order(record.Repair, 0))
	w.reject(reject.WrongState, w.Buyer, w.CloseClaim())
	w.later(5*day + hour)
	w.reject(reject.NotAParty, w.seller, w.CloseClaim())
	w.do(w.Buyer, w.CloseClaim())
	w.reject(reject.WrongState, w.seller, w.Repaired())
	w.do(w.Buyer, w.Open(record.Fault, record.Repair))
}

func (w *scenario) goodsGoBack() {
	back := func() {
		w.complain(record.Refund)
		w.do(w.seller, w.Authorise(record.Refund, true))
		w.send(w.Buyer, record.Return)
		w.do(w.Carrier, w.Confirm(w.BackPickup))
	}
	w.complain(record.Repair)
	w.do(w.seller, w.Rejection())
	w.reject(reject.ReturnOutstanding, w.seller, w.Ship(record.Replacement))

	back()
	w.do(w.seller, w.Inspection(record.NoFault))
	w.reject(reject.NotSender, w.Buyer, w.Ship(record.Replacement))
	w.send(w.seller, record.Replacement)
	w.reject(reject.AlreadyShipped, w.seller, w.Ship(record.Replacement))
	w.do(w.Carrier, w.Confirm(w.BackPickup))

	back()
	w.do(w.seller, w.Inspection(record.NoFault))
	w.later(30*day + hour) // closed
	w.send(w.seller, record.Replacement)
	w.do(w.Carrier, w.Confirm(w.BackPickup))

	back()
	w.do(w.seller, w.Inspection(record.Confirmed))
	w.do(w.seller, w.Refunded(w.pay(w.Buyer, price)))
	w.do(w.Buyer, w.Settle(true))
	w.reject(reject.WrongState, w.seller, w.Ship(record.Replacement)) // the goods are the seller's
}
