package corpus

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// What happens when a party does nothing.

func (w *play) sceneSilentCarrier() {
	w.sell()
	w.send(w.seller, record.Outbound)
	w.later(30*day - hour)
	w.refuse(reject.LostTooEarly, w.seller, w.lose())
	w.refuse(reject.NotCustodian, w.seller, w.fail())
	w.refuse(reject.LostTooEarly, w.supervisor, w.ruleShipment(record.RuledLost))
	w.refuse(reject.NotDelivered, w.buyer, w.open(record.Delivery, record.Refund))
	w.later(2 * hour)
	w.do(w.seller, w.lose())
	w.claim = w.do(w.buyer, w.open(record.Delivery, record.Refund))
	w.do(w.carrier, w.confirm(w.pickup)) // after all
	w.refuse(reject.AlreadyResponded, w.seller, w.rejection())
	w.do(w.buyer, w.transfer(w.holder))

	w.sell()
	w.send(w.seller, record.Outbound)
	w.later(30*day + hour)
	w.do(w.supervisor, w.ruleShipment(record.RuledLost))
	w.refuse(reject.WrongState, w.carrier, w.confirm(w.pickup))
	w.claim = w.do(w.buyer, w.open(record.Delivery, record.Replace))

	w.sell()
	w.send(w.seller, record.Outbound)
	w.later(29 * day)
	w.do(w.carrier, w.attempt()) // is no change of custody
	w.refuse(reject.LostTooEarly, w.seller, w.lose())
	w.later(day + hour)
	w.do(w.seller, w.lose())

	w.sell()
	w.send(w.seller, record.Outbound)
	w.later(30*day + hour)
	w.claim = w.do(w.buyer, w.open(record.Delivery, record.Refund))
	w.do(w.seller, w.authorise(record.Refund, false))
	w.do(w.seller, w.refunded(w.pay(w.buyer, price)))
	w.do(w.carrier, w.confirm(w.pickup)) // too late for the claim
	w.do(w.buyer, w.settle(true))
	w.refuse(reject.ClaimOnRefunded, w.buyer, w.open(record.Fault, record.Repair))
}

func (w *play) sceneSilentSeller() {
	w.sell()
	w.later(30*day - hour)
	w.refuse(reject.NotDelivered, w.buyer, w.open(record.Delivery, record.Refund))
	w.later(2 * hour)
	w.refuse(reject.NotEntitled, w.buyer, w.open(record.Delivery, record.Repair))
	w.claim = w.do(w.buyer, w.open(record.Delivery, record.Refund))
	w.send(w.seller, record.Outbound)
	w.do(w.carrier, w.confirm(w.pickup))
	w.do(w.buyer, w.open(record.Fault, record.Repair)) // the other claim is closed

	w.sell()
	w.later(30*day + hour)
	w.claim = w.do(w.buyer, w.open(record.Delivery, record.Refund))
	w.do(w.seller, w.authorise(record.Refund, false))
	w.do(w.seller, w.refunded(w.pay(w.buyer, price)))
	w.refuse(reject.ClaimLive, w.seller, w.shipment(record.Outbound))
	w.do(w.buyer, w.settle(true))

	w.sell()
	w.ship = w.do(w.seller, w.shipment(record.Outbound))
	w.refuse(reject.NotDelivered, w.buyer, w.open(record.Delivery, record.Refund))
	w.do(w.seller, w.fail())
	w.do(w.seller, w.shipment(record.Outbound))
	w.do(w.buyer, w.open(record.Delivery, record.Refund)) // a delivery that failed once
}

func (w *play) sceneLapsedOffer() {
	w.complain(record.Refund)
	w.do(w.seller, w.offer(record.Repair))
	w.later(10*day + hour)
	w.refuse(reject.WrongState, w.buyer, w.answer(true))
	w.do(w.buyer, w.escalate())

	w.complain(record.Refund)
	w.do(w.seller, w.offer(record.Repair))
	w.later(40*day + hour)
	w.refuse(reject.WrongState, w.buyer, w.escalate())
	w.do(w.buyer, w.transfer(w.holder)) // the claim is closed
}

func (w *play) sceneLapsedReturn() {
	w.complain(record.Repair)
	w.do(w.seller, w.authorise(record.Repair, true))
	w.later(30*day + hour)
	w.refuse(reject.WrongState, w.buyer, w.shipment(record.Return))
	w.claim = w.do(w.buyer, w.open(record.Fault, record.Repair)) // the other one is closed

	w.do(w.seller, w.authorise(record.Repair, true))
	w.ship = w.do(w.buyer, w.shipment(record.Return))
	w.later(30*day + hour)
	w.refuse(reject.WrongState, w.buyer, w.handover(w.carrier)) // for a claim that is closed
	w.do(w.buyer, w.fail())
	w.claim = w.do(w.buyer, w.open(record.Fault, record.Repair))

	w.do(w.seller, w.authorise(record.Repair, true))
	w.ship = w.do(w.buyer, w.shipment(record.Return))
	w.later(29 * day)
	w.do(w.buyer, w.fail())
	w.ship = w.do(w.buyer, w.shipment(record.Return)) // gives no more time
	w.later(day + hour)
	w.refuse(reject.WrongState, w.buyer, w.handover(w.carrier))
	w.do(w.buyer, w.fail())
	w.claim = w.do(w.buyer, w.open(record.Fault, record.Repair))

	w.do(w.seller, w.authorise(record.Repair, true))
	w.send(w.buyer, record.Return)
	w.later(30*day + hour)
	w.do(w.carrier, w.confirm(w.backPickup)) // the clock stood still
	w.refuse(reject.WithdrawAfterReceipt, w.buyer, w.withdraw())

	w.complain(record.Repair)
	w.do(w.seller, w.authorise(record.Repair, true))
	w.send(w.buyer, record.Return)
	w.later(93*day - hour)
	w.refuse(reject.ReturnOutstanding, w.seller, w.repaired())
	w.later(2 * hour) // it never arrived
	w.refuse(reject.WrongState, w.buyer, w.escalate())
	w.do(w.buyer, w.transfer(w.holder)) // the claim is closed

	w.sell()
	w.later(30*day + hour)
	w.claim = w.do(w.buyer, w.open(record.Delivery, record.Refund))
	w.refuse(reject.ReturnUnneeded, w.seller, w.authorise(record.Refund, true))
}

func (w *play) sceneDefault() {
	w.complain(record.Repair)
	w.do(w.seller, w.rejection())
	w.do(w.buyer, w.escalate())
	w.do(w.supervisor, w.order(record.Repair, 0))
	w.refuse(reject.WrongState, w.buyer, w.end())
	w.later(5*day + hour)
	w.refuse(reject.NotAParty, w.seller, w.end())
	w.do(w.buyer, w.end())
	w.refuse(reject.WrongState, w.seller, w.repaired())
	w.do(w.buyer, w.open(record.Fault, record.Repair))
}

func (w *play) sceneGoodsGoBack() {
	back := func() {
		w.complain(record.Refund)
		w.do(w.seller, w.authorise(record.Refund, true))
		w.send(w.buyer, record.Return)
		w.do(w.carrier, w.confirm(w.backPickup))
	}
	w.complain(record.Repair)
	w.do(w.seller, w.rejection())
	w.refuse(reject.ReturnOutstanding, w.seller, w.shipment(record.Replacement))

	back()
	w.do(w.seller, w.inspection(record.NoFault))
	w.refuse(reject.NotSender, w.buyer, w.shipment(record.Replacement))
	w.send(w.seller, record.Replacement)
	w.refuse(reject.AlreadyShipped, w.seller, w.shipment(record.Replacement))
	w.do(w.carrier, w.confirm(w.backPickup))

	back()
	w.do(w.seller, w.inspection(record.NoFault))
	w.later(30*day + hour) // closed
	w.send(w.seller, record.Replacement)
	w.do(w.carrier, w.confirm(w.backPickup))

	back()
	w.do(w.seller, w.inspection(record.Confirmed))
	w.do(w.seller, w.refunded(w.pay(w.buyer, price)))
	w.do(w.buyer, w.settle(true))
	w.refuse(reject.WrongState, w.seller, w.shipment(record.Replacement)) // the goods are the seller's
}
