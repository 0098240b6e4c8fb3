package rules

import (
	"testing"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// Goods that a silent carrier has are lost after a while: for their sender, for
// the holder, and for supervisors.
func TestSilentCarrier(t *testing.T) {
	w := newWorld(t)
	w.sell()
	w.send(theSeller, record.Outbound)
	w.later(30, 0)
	w.reject(reject.LostTooEarly, theSeller, w.Lost())
	w.reject(reject.NotCustodian, theSeller, w.Damaged()) // it does not know in what state they are
	w.reject(reject.LostTooEarly, theSupervisor, w.RuleShipment(record.RuledLost))
	w.reject(reject.NotDelivered, theBuyer, w.Open(record.Delivery, record.Refund))
	mark := w.Mark()
	w.do(theCarrier, w.HandOver(nextCarrier)) // counts from here again
	w.later(0, 1)
	w.reject(reject.LostTooEarly, theSeller, w.Lost())
	w.reject(reject.NotDelivered, theBuyer, w.Open(record.Delivery, record.Refund))
	w.Revert(mark)

	for name, record := range map[string]func() (record.Key, record.Payload){
		"sender":     func() (record.Key, record.Payload) { return theSeller, w.Lost() },
		"supervisor": func() (record.Key, record.Payload) { return theSupervisor, w.RuleShipment(record.RuledLost) },
		"holder":     func() (record.Key, record.Payload) { return theBuyer, w.Open(record.Delivery, record.Replace) },
	} {
		mark := w.Mark()
		w.do(record())
		if v := w.getVoucher(); v.State != VoucherIssued {
			t.Errorf("%s: %v", name, v.State)
		}
		w.Revert(mark)
	}

	// Nobody is at home, and no supervisor rules: the carrier has the goods. That it
	// proves its attempt gives it no more time.
	w.c.MedianTime--
	w.do(theCarrier, w.Attempt())
	w.reject(reject.LostTooEarly, theSeller, w.Lost())
	w.reject(reject.NotDelivered, theBuyer, w.Open(record.Delivery, record.Refund))
	w.reject(reject.NotCustodian, theCarrier, w.Lost())
	w.later(0, 1)
	mark = w.Mark()
	w.do(theBuyer, w.Open(record.Delivery, record.Refund))
	w.Revert(mark)
	w.do(theSeller, w.Lost())
	w.do(theCarrier, w.HandOver(theSeller)) // they come back after all
	w.send(theSeller, record.Outbound)
}

// A seller that does not send what it sold, or sends it again and again, owes
// the price or other goods.
func TestSilentSeller(t *testing.T) {
	w := newWorld(t)
	w.sell()
	w.later(30, 0)
	w.reject(reject.NotDelivered, theBuyer, w.Open(record.Delivery, record.Refund))
	w.later(0, 1)
	w.reject(reject.NotEntitled, theBuyer, w.Open(record.Delivery, record.Repair))
	for _, remedy := range []record.Remedy{record.Refund, record.Replace} {
		mark := w.Mark()
		w.do(theBuyer, w.Open(record.Delivery, remedy))
		w.Revert(mark)
	}

	w = newWorld(t)
	w.sell()
	w.later(29, 0)
	w.Shipment = w.do(theSeller, w.Ship(record.Outbound)) // on paper
	w.later(30, 0)
	w.reject(reject.NotDelivered, theBuyer, w.Open(record.Delivery, record.Refund))
	w.do(theSeller, w.Damaged())
	w.Shipment = w.do(theSeller, w.Ship(record.Outbound)) // again, before anybody could act
	w.do(theBuyer, w.Open(record.Delivery, record.Refund))
}

// Goods that arrive after all close a claim that they did not, before a remedy
// was given. A claim for which one was given goes on.
func TestLateDelivery(t *testing.T) {
	open := func(w *world) { w.Claim = w.do(theBuyer, w.Open(record.Delivery, record.Refund)) }
	reject := func(w *world) { open(w); w.do(theSeller, w.Rejection()) }
	authorise := func(w *world) { open(w); w.do(theSeller, w.Authorise(record.Refund, false)) }
	escalate := func(w *world) { reject(w); w.do(theBuyer, w.Escalate()) }
	order := func(w *world) { escalate(w); w.do(theSupervisor, w.Order(record.Refund, price)) }
	execute := func(w *world) { authorise(w); w.do(theSeller, w.Refunded(w.pay(theBuyer, price))) }
	for name, test := range map[string]struct {
		reach          func(w *world)
		claim, voucher string
	}{
		"open":        {open, "closed-delivered", "active"},
		"offered":     {func(w *world) { open(w); w.do(theSeller, w.Offer(record.Repair)) }, "closed-delivered", "active"},
		"rejected":    {reject, "closed-delivered", "active"},
		"authorised":  {authorise, "closed-delivered", "active"},
		"escalated":   {escalate, "closed-delivered", "active"},
		"ordered":     {order, "closed-delivered", "active"},
		"defaulted":   {func(w *world) { order(w); w.later(6, 0) }, "closed-delivered", "active"},
		"executed":    {execute, "executed", "active"},
		"disputed":    {func(w *world) { execute(w); w.do(theBuyer, w.Settle(false)) }, "escalated", "active"},
		"closed":      {func(w *world) { open(w); w.do(theBuyer, w.Withdraw()) }, "closed-withdrawn", "active"},
		"lost":        {func(w *world) { w.do(theSeller, w.Lost()); open(w) }, "closed-delivered", "active"},
		"lost, found": {func(w *world) { w.do(theCarrier, w.Lost()); open(w) }, "closed-delivered", "active"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.sell()
			w.send(theSeller, record.Outbound)
			w.later(30, 1)
			test.reach(w)
			w.do(theCarrier, w.Confirm(pickupKey))
			claim, voucher := w.getClaim(), w.getVoucher()
			if claim.State.String() != test.claim || voucher.State.String() != test.voucher || voucher.Delivered != w.c.MedianTime ||
				voucher.ClaimLive == claim.State.Closed() || claim.Defaulted != (name == "defaulted") {
				t.Errorf("claim %v, voucher %+v", claim.State, voucher)
			}
			if claim.State == ClaimExecuted {
				w.later(7, 1)
				if got := w.getVoucher().State; got != VoucherRefunded {
					t.Errorf("after the refund was confirmed by silence: %v", got)
				}
			}
		})
	}
}

// Whoever has claimed that nothing was sent can still get the goods, and a
// supervisor's ruling that they arrived closes the claim as a delivery does.
func TestSentAfterClaim(t *testing.T) {
	w := newWorld(t)
	w.sell()
	w.later(30, 1)
	w.Claim = w.do(theBuyer, w.Open(record.Delivery, record.Refund))
	mark := w.Mark()
	w.send(theSeller, record.Outbound)
	w.later(14, 1)
	w.do(theCarrier, w.Attempt())
	w.do(theSupervisor, w.RuleShipment(record.RuledDelivered))
	if c := w.getClaim(); c.State != ClaimDelivered {
		t.Error(c.State)
	}
	if v := w.getVoucher(); v.State != VoucherActive || v.ClaimLive || !v.ClaimClosed {
		t.Errorf("%+v", v)
	}
	w.Claim = w.do(theBuyer, w.Open(record.Fault, record.Repair))
	w.Revert(mark)

	w.c.MedianTime -= 14*day + 1
	w.Claim = w.getVoucher().Claim
	w.do(theSeller, w.Authorise(record.Refund, false))
	w.do(theSeller, w.Refunded(w.pay(theBuyer, price)))
	w.reject(reject.ClaimLive, theSeller, w.Ship(record.Outbound))
}

// An offer that nobody answers lapses, and the rejection that it then is lapses
// too, whoever looks when.
func TestOfferLapses(t *testing.T) {
	w := newWorld(t)
	w.complain(record.Refund)
	w.do(theSeller, w.Offer(record.Repair))
	w.later(10, 1)
	mark := w.Mark()
	w.do(theBuyer, w.Escalate())
	w.Revert(mark)
	w.later(29, day-1)
	w.do(theBuyer, w.Escalate()) // the last second
	w.Revert(mark)
	w.later(0, 1)
	w.reject(reject.WrongState, theBuyer, w.Escalate())
	if c := w.getClaim(); c.State != ClaimRefused || c.Since != began+40*day {
		t.Errorf("%v since %d", c.State, c.Since)
	}
	w.later(3650, 0)
	c := w.getClaim()
	if c.State != ClaimRefused || c.Since != began+40*day {
		t.Errorf("%v since %d", c.State, c.Since)
	}
	w.c.MedianTime = c.Since + 1
	w.do(theBuyer, w.Transfer(theHolder)) // the voucher is free
}

// Goods that have to come back and do not end the claim. Its clock stands still
// while they are on their way, or lost, and begins anew when their holder has them
// again.
func TestReturnLapses(t *testing.T) {
	begin := func() *world {
		w := newWorld(t)
		w.complain(record.Repair)
		w.do(theSeller, w.Authorise(record.Repair, true))
		w.later(29, 0)
		w.Shipment = w.do(theBuyer, w.Ship(record.Return))
		return w
	}
	is := func(w *world, state ClaimState) {
		t.Helper()
		if got := w.getClaim().State; got != state {
			t.Errorf("the claim is %v, want %v", got, state)
		}
	}

	w := begin() // on paper
	w.later(30, 0)
	is(w, ClaimAuthorised)
	w.later(0, 1)
	is(w, ClaimWithdrawn)
	w.reject(reject.WrongState, theBuyer, w.HandOver(theCarrier)) // they would be gone for nothing
	w.do(theBuyer, w.Damaged())
	w.do(theBuyer, w.Open(record.Fault, record.Repair)) // the voucher is free

	w = begin() // on their way
	w.do(theBuyer, w.HandOver(theCarrier))
	w.later(93, 0)
	is(w, ClaimAuthorised)
	w.do(theBuyer, w.Lost())
	w.later(93, 0)
	is(w, ClaimAuthorised)
	mark, ship := w.Mark(), w.Shipment
	w.do(theBuyer, w.Escalate())
	w.Revert(mark)
	w.do(theCarrier, w.Confirm(backPickupKey)) // after all
	is(w, ClaimReceived)
	w.Revert(mark)
	w.do(theCarrier, w.HandOver(theBuyer))
	w.later(30, 0)
	is(w, ClaimAuthorised)
	w.send(theBuyer, record.Return)
	w.Revert(mark)
	w.Shipment = ship
	w.do(theCarrier, w.HandOver(theBuyer))
	w.later(30, 1)
	is(w, ClaimWithdrawn)
	w.reject(reject.WrongState, theBuyer, w.Ship(record.Return))

	w = begin() // ruled lost
	w.later(0, 1)
	w.do(theBuyer, w.HandOver(theCarrier))
	w.later(30, 1)
	w.do(theSupervisor, w.RuleShipment(record.RuledLost))
	w.later(93, 0)
	is(w, ClaimAuthorised)
	w.do(theBuyer, w.Escalate())

	// Shipments on paper give the holder 30 days once: no carrier ever has the goods.
	w = begin()
	w.later(29, 0)
	w.do(theBuyer, w.Damaged())
	w.later(1, 0)
	is(w, ClaimAuthorised)
	w.Shipment = w.do(theBuyer, w.Ship(record.Return))
	mark, ship = w.Mark(), w.Shipment
	w.later(0, 1)
	is(w, ClaimWithdrawn)
	w.reject(reject.WrongState, theBuyer, w.HandOver(theCarrier))
	w.Revert(mark)
	w.c.MedianTime--
	w.Shipment = ship
	w.do(theBuyer, w.HandOver(theCarrier)) // in the last second
	w.later(29, 0)
	is(w, ClaimAuthorised)
	w.do(theCarrier, w.Damaged())
	w.do(theCarrier, w.HandOver(theBuyer)) // who has 30 days again
	w.later(29, 0)
	w.Shipment = w.do(theBuyer, w.Ship(record.Return))
	w.do(theBuyer, w.Damaged())
	w.later(1, 0)
	is(w, ClaimAuthorised)
	w.later(0, 1)
	is(w, ClaimWithdrawn)

	// Nobody can ask for goods that never arrived.
	w = newWorld(t)
	w.sell()
	w.later(30, 1)
	w.Claim = w.do(theBuyer, w.Open(record.Delivery, record.Refund))
	w.reject(reject.ReturnUnneeded, theSeller, w.Authorise(record.Refund, true))
}

// A return that does not arrive ends the claim, if its holder does not go to the
// supervisors: 93 days after it last changed hands, or its carriage failed.
func TestReturnNeverArrives(t *testing.T) {
	for name, happens := range map[string]func(w *world){
		"silent carrier": func(*world) {},
		"next carrier":   func(w *world) { w.later(90, 0); w.do(theCarrier, w.HandOver(nextCarrier)) },
		"damaged":        func(w *world) { w.later(90, 0); w.do(theCarrier, w.Damaged()) },
		"given up":       func(w *world) { w.later(90, 0); w.do(theBuyer, w.Lost()) },
		"ruled lost":     func(w *world) { w.later(90, 0); w.do(theSupervisor, w.RuleShipment(record.RuledLost)) },
		"attempted": func(w *world) { // which is no change of custody
			w.later(90, 0)
			w.do(theCarrier, w.Attempt())
			w.c.MedianTime -= 90 * day
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.complain(record.Repair)
			w.do(theSeller, w.Authorise(record.Repair, true))
			w.later(29, 0)
			w.send(theBuyer, record.Return)
			happens(w)
			end := w.c.MedianTime + 93*day
			if period, got := w.getClaim().Deadline(&w.c.Params.AfterSales); period != ArrivePeriod || got != uint64(end) {
				t.Errorf("deadline %v %d, want %v %d", period, got, ArrivePeriod, end)
			}
			w.c.MedianTime = end
			mark := w.Mark()
			w.do(theBuyer, w.Escalate()) // the last second
			w.Revert(mark)
			w.later(0, 1)
			w.reject(reject.WrongState, theBuyer, w.Escalate())
			if c := w.getClaim(); c.State != ClaimWithdrawn || c.Since != end {
				t.Errorf("%v since %d, want %v since %d", c.State, c.Since, ClaimWithdrawn, end)
			}
			w.do(theBuyer, w.Transfer(theHolder)) // the voucher is free
			if w.getShipment().State != ShipmentInTransit {
				return
			}
			w.do(w.getShipment().Carrier, w.Confirm(backPickupKey)) // after all
			if c := w.getClaim(); c.State != ClaimWithdrawn || c.Received != w.c.MedianTime {
				t.Errorf("%v, received %d", c.State, c.Received)
			}
			w.send(theSeller, record.Replacement)
		})
	}
}

// A seller that does not execute an order does not block the voucher for ever:
// its holder may give the claim up. The default stays with the seller.
func TestDefaultIsGivenUp(t *testing.T) {
	w := newWorld(t)
	w.complain(record.Repair)
	w.do(theSeller, w.Rejection())
	w.do(theBuyer, w.Escalate())
	w.do(theSupervisor, w.Order(record.Repair, 0))
	w.reject(reject.WrongState, theBuyer, w.CloseClaim())
	w.later(5, 1)
	w.do(theBuyer, w.CloseClaim())
	if c := w.getClaim(); c.State != ClaimGivenUp || !c.State.Closed() || !c.Defaulted {
		t.Errorf("%+v", c)
	}
	w.reject(reject.WrongState, theSeller, w.Repaired())
	w.Claim = w.do(theBuyer, w.Open(record.Fault, record.Repair))
}

// Goods that came back for a claim can always be sent to their holder again,
// however the claim ends, unless they are the seller's now.
func TestGoodsGoBack(t *testing.T) {
	noFault := func(w *world) { w.do(theServicer, w.Inspection(record.NoFault)) }
	escalated := func(w *world) { noFault(w); w.do(theBuyer, w.Escalate()) }
	inspected := func(w *world) { w.do(theServicer, w.Inspection(record.Confirmed)) }
	ordered := func(w *world) { escalated(w); w.do(theSupervisor, w.Order(record.Repair, 0)) }
	defaulted := func(w *world) { ordered(w); w.later(5, 1) }
	for state, reach := range map[string]func(w *world){
		"received":          func(*world) {},
		"inspected":         inspected,
		"rejected":          noFault,
		"closed-rejected":   func(w *world) { noFault(w); w.later(30, 1) },
		"escalated":         escalated,
		"closed-dismissed":  func(w *world) { escalated(w); w.do(theSupervisor, w.Dismissal()) },
		"closed-unresolved": func(w *world) { escalated(w); w.later(63, 1); w.do(theSeller, w.CloseClaim()) },
		"ordered":           ordered,
		"defaulted":         defaulted,
		"closed-defaulted":  func(w *world) { defaulted(w); w.do(theBuyer, w.CloseClaim()) },
		"closed-settled":    func(w *world) { inspected(w); w.do(theSeller, w.Repaired()); w.do(theBuyer, w.Settle(true)) },
	} {
		t.Run(state, func(t *testing.T) {
			w := newWorld(t)
			w.complain(record.Repair)
			w.do(theSeller, w.Authorise(record.Repair, true))
			w.send(theBuyer, record.Return)
			w.do(theCarrier, w.Confirm(backPickupKey))
			reach(w)
			if got := w.getClaim().State.String(); got != state {
				t.Fatalf("the way to %s leads to %s", state, got)
			}
			w.reject(reject.NotSender, theBuyer, w.Ship(record.Replacement))
			w.send(theSeller, record.Replacement)
			w.reject(reject.AlreadyShipped, theSeller, w.Ship(record.Replacement))
			w.do(theCarrier, w.Confirm(backPickupKey))
			w.reject(reject.AlreadyShipped, theSeller, w.Ship(record.Replacement))
			if got := w.getClaim().State.String(); got != state {
				t.Errorf("the claim is %s, was %s", got, state)
			}
		})
	}

	w := newWorld(t) // withdrawn while they were on their way
	w.complain(record.Repair)
	w.do(theSeller, w.Authorise(record.Repair, true))
	w.send(theBuyer, record.Return)
	w.do(theBuyer, w.Withdraw())
	w.reject(reject.ReturnOutstanding, theSeller, w.Ship(record.Replacement))
	w.do(theCarrier, w.Confirm(backPickupKey))
	w.send(theSeller, record.Replacement)

	w = newWorld(t) // refunded: the seller keeps them
	w.complain(record.Refund)
	w.do(theSeller, w.Authorise(record.Refund, true))
	w.send(theBuyer, record.Return)
	w.do(theCarrier, w.Confirm(backPickupKey))
	w.do(theServicer, w.Inspection(record.Confirmed))
	w.do(theSeller, w.Refunded(w.pay(theBuyer, price)))
	w.do(theBuyer, w.Settle(true))
	w.reject(reject.WrongState, theSeller, w.Ship(record.Replacement))
}
