package rules

import (
	"bytes"
	"strings"
	"testing"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// What time alone decides happens one second after the last second of its
// period, as much for who looks as for who writes.
func TestLapses(t *testing.T) {
	for _, test := range []struct {
		from, to string
		days     int
		period   Period
		record   func(w *world) record.Payload // of the holder, possible until then
		reason   reject.Reason                 // afterwards
	}{
		{"offered", "rejected", 10, RespondPeriod, func(w *world) record.Payload { return w.Answer(true) }, reject.WrongState},
		{"authorised/return", "closed-withdrawn", 30, SendPeriod, func(w *world) record.Payload { return w.Ship(record.Return) }, reject.WrongState},
		{"rejected", "closed-rejected", 30, EscalatePeriod, func(w *world) record.Payload { return w.Escalate() }, reject.WrongState},
		{"executed", "closed-settled", 7, ConfirmPeriod, func(w *world) record.Payload { return w.Settle(false) }, reject.WrongState},
		{"ordered", "defaulted", 5, OrderPeriod, nil, ""},
	} {
		t.Run(test.from, func(t *testing.T) {
			w := newWorld(t)
			waysToClaim[test.from](w)
			since := w.c.MedianTime
			if period, end := w.getClaim().Deadline(&w.c.Params.AfterSales); period != test.period || end != uint64(since)+uint64(test.days)*day {
				t.Errorf("deadline %v %d, want %v, %d days after %d", period, end, test.period, test.days, since)
			}
			w.later(test.days, 0)
			if got := w.getClaim().State.String(); got != strings.Split(test.from, "/")[0] {
				t.Errorf("in the last second %s", got)
			}
			mark := w.Mark()
			if test.record != nil {
				w.do(theHolder, test.record(w))
				w.Revert(mark)
			}
			w.later(0, 1)
			claim := w.getClaim()
			if claim.State.String() != test.to || claim.Since != since+uint32(test.days*day) {
				t.Errorf("%v since %d", claim.State, claim.Since)
			}
			if claim.Defaulted != (claim.State == ClaimDefaulted) {
				t.Errorf("defaulted: %t", claim.Defaulted)
			}
			if test.record != nil {
				w.reject(test.reason, theHolder, test.record(w))
			}
		})
	}
}

// It makes no difference when somebody first touches a case after a deadline:
// the state says the same afterwards.
func TestLapseIsMadeReal(t *testing.T) {
	w := newWorld(t)
	waysToClaim["executed"](w)
	id := w.Claim
	w.later(7, 1)
	w.do(theHolder, w.Transfer(aStranger)) // not possible with an open claim
	stored := &Claim{ID: id}
	if ok, err := getEntry(w.State, idKey(claimEntry, id), stored); !ok || err != nil || stored.State != ClaimSettled {
		t.Errorf("the state has %v, %v", stored.State, err)
	}
	if v := w.getVoucher(); v.ClaimLive || !v.ClaimClosed || v.Repairs != 1 || v.Holder != aStranger {
		t.Errorf("%+v", v)
	}
	w.later(50, 0)
	if *stored != *w.getClaim() {
		t.Errorf("%+v, %+v", stored, w.getClaim())
	}
}

// A claim that settles by silence frees the item for another sale.
func TestLapsedRefundFreesItem(t *testing.T) {
	w := newWorld(t)
	w.complain(record.Refund)
	w.do(theSeller, w.Authorise(record.Refund, false))
	w.do(theSeller, w.Refunded(w.pay(theBuyer, price)))
	sold := w.getVoucher()
	again := w.Sale()
	again.Serial = sold.Serial
	w.later(7, 0)
	w.reject(reject.ItemSold, otherSeller, again)
	if v, err := liveVoucher(w.State, w.c, sold.GTIN, sold.Serial); err != nil || v == nil || v.ID != sold.ID {
		t.Errorf("%+v, %v", v, err)
	}
	w.later(0, 1)
	if v, err := liveVoucher(w.State, w.c, sold.GTIN, sold.Serial); err != nil || v != nil {
		t.Errorf("%+v, %v", v, err)
	}
	if state := w.getVoucher().State; state != VoucherRefunded {
		t.Error(state)
	}
	w.Voucher = w.do(otherSeller, again)
	if v, err := liveVoucher(w.State, w.c, sold.GTIN, sold.Serial); err != nil || v == nil || v.ID != w.Voucher {
		t.Errorf("%+v, %v", v, err)
	}
}

// Each remedy can be asked for until the last second of its days.
func TestEntitlement(t *testing.T) {
	for _, test := range []struct {
		ground record.Ground
		remedy record.Remedy
		days   int // -1: never
	}{
		{record.Fault, record.Refund, 7},
		{record.Fault, record.Replace, 15},
		{record.Fault, record.Repair, 365},
		{record.NoReason, record.Refund, 7},
		{record.NoReason, record.Replace, -1},
		{record.NoReason, record.Repair, -1},
	} {
		w := newWorld(t)
		w.deliver()
		if test.days < 0 {
			w.reject(reject.NotEntitled, theBuyer, w.Open(test.ground, test.remedy))
			continue
		}
		w.later(test.days, 0)
		mark := w.Mark()
		w.do(theBuyer, w.Open(test.ground, test.remedy))
		w.Revert(mark)
		w.later(0, 1)
		want := reject.NotEntitled
		if test.days == 365 {
			want = reject.WarrantyOver
		}
		w.reject(want, theBuyer, w.Open(test.ground, test.remedy))
	}
	for _, remedy := range []record.Remedy{record.Refund, record.Replace, record.Repair} {
		w := newWorld(t)
		w.deliver()
		w.later(1000, 0)
		w.do(theSupervisor, w.Recall(""))
		w.do(theBuyer, w.Open(record.Recall, remedy))
	}
	for remedy, want := range map[record.Remedy]reject.Reason{record.Refund: "", record.Replace: "", record.Repair: reject.NotEntitled} {
		w := newWorld(t)
		w.sell()
		w.send(theSeller, record.Outbound)
		w.do(theCarrier, w.Damaged())
		if got, _ := reject.Of(w.try(theBuyer, w.Open(record.Delivery, remedy))); got != want {
			t.Errorf("%v of what was not delivered: %q", remedy, got)
		}
	}
}

// Whatever the seller and the maker promise, the buyer has the days of the law.
func TestShortWarranty(t *testing.T) {
	w := newWorld(t)
	if err := putProduct(w.State, &Product{GTIN: theGTIN, Maker: theMaker, Terms: record.Digest{7}}); err != nil {
		t.Fatal(err)
	}
	p := w.Sale()
	p.WarrantyDays = 0
	w.Voucher = w.do(theSeller, p)
	w.send(theSeller, record.Outbound)
	w.do(theCarrier, w.Confirm(pickupKey))
	w.later(7, 0)
	mark := w.Mark()
	w.do(theBuyer, w.Open(record.NoReason, record.Refund))
	w.Revert(mark)
	w.later(8, 0)
	mark = w.Mark()
	w.do(theBuyer, w.Open(record.Fault, record.Replace))
	w.Revert(mark)
	w.later(0, 1)
	w.reject(reject.WarrantyOver, theBuyer, w.Open(record.Fault, record.Repair))
}

// A repair lengthens the warranty by the time that it took. After two of the
// same fault the goods are exchanged.
func TestRepairs(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	w.later(20, 0)
	end := w.getVoucher().End(&w.c.Params.AfterSales)
	for n := uint8(1); n <= 2; n++ {
		w.reject(reject.NotEntitled, theBuyer, w.Open(record.Fault, record.Replace))
		w.Claim = w.do(theBuyer, w.Open(record.Fault, record.Repair))
		w.do(theSeller, w.Authorise(record.Repair, true))
		w.later(1, 0)
		w.send(theBuyer, record.Return)
		w.do(theCarrier, w.Confirm(backPickupKey))
		w.later(3, 7)
		w.do(theSeller, w.Inspection(record.Confirmed))
		w.do(theSeller, w.Repaired())
		w.send(theSeller, record.Replacement)
		w.do(theCarrier, w.Confirm(backPickupKey))
		w.later(1, 0)
		w.do(theBuyer, w.Settle(true))
		end += 3*day + 7
		if v := w.getVoucher(); v.Repairs != n || v.LastFault != 5 || v.End(&w.c.Params.AfterSales) != end {
			t.Errorf("%d repairs of fault %d, until %d, want %d", v.Repairs, v.LastFault, v.End(&w.c.Params.AfterSales), end)
		}
	}
	other := w.Open(record.Fault, record.Replace)
	other.FaultCode++
	w.reject(reject.NotEntitled, theBuyer, other)
	w.do(theBuyer, w.Open(record.Fault, record.Replace))
}

// A warranty that ends while a claim is open comes back with the days that the
// repair took.
func TestRepairAcrossEnd(t *testing.T) {
	w := newWorld(t)
	w.deliver()
	w.later(364, 0)
	w.Claim = w.do(theBuyer, w.Open(record.Fault, record.Repair))
	w.do(theSeller, w.Authorise(record.Repair, true))
	w.send(theBuyer, record.Return)
	w.do(theCarrier, w.Confirm(backPickupKey))
	w.later(20, 0)
	if state := w.getVoucher().State; state != VoucherExpired {
		t.Error(state)
	}
	w.do(theSeller, w.Inspection(record.Confirmed))
	w.do(theSeller, w.Repaired())
	w.do(theBuyer, w.Settle(true))
	if state := w.getVoucher().State; state != VoucherActive {
		t.Error(state)
	}
	w.later(1, 0)
	if state := w.getVoucher().State; state != VoucherActive {
		t.Error(state)
	}
	w.later(0, 1)
	if state := w.getVoucher().State; state != VoucherExpired {
		t.Error(state)
	}
}

// Goods that arrive when a claim is with the supervisors leave it there, and a
// repair that was done before they came counts no time.
func TestLateReturn(t *testing.T) {
	w := newWorld(t)
	waysToClaim["authorised/sent"](w)
	w.do(theHolder, w.Escalate())
	w.do(theSupervisor, w.Order(record.Repair, 0))
	w.do(theSeller, w.Repaired())
	w.later(1, 0)
	w.do(theCarrier, w.Confirm(backPickupKey))
	if c := w.getClaim(); c.State != ClaimExecuted || c.Received != w.c.MedianTime {
		t.Errorf("%+v", c)
	}
	w.do(theHolder, w.Settle(true))
	if v := w.getVoucher(); v.Extended != 0 || v.Repairs != 1 {
		t.Errorf("%+v", v)
	}
}

// Two records of a block that cannot both be: the first wins, and the block is
// invalid for the second.
func TestConflictInBlock(t *testing.T) {
	w := newWorld(t)
	w.complain(record.Repair)
	sold := w.Sale()
	for name, pair := range map[string][2]*record.Record{
		"two responses":    {w.record(theSeller, w.Rejection()), w.record(theMaker, w.Authorise(record.Repair, false))},
		"response, end":    {w.record(theBuyer, w.Withdraw()), w.record(theSeller, w.Rejection())},
		"two sales of one": {w.record(theSeller, sold), w.record(otherSeller, sold)},
	} {
		coinbase := newCoinbase(w.c.Height, miner, 0)
		w.c.Params = caseParams
		before := NewState(flat(w.State))
		if err := ApplyBlock(before, w.c, []*record.Record{coinbase, pair[0]}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := ApplyBlock(NewState(flat(w.State)), w.c, []*record.Record{coinbase, pair[1]}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err := ApplyBlock(NewState(flat(w.State)), w.c, []*record.Record{coinbase, pair[0], pair[1]})
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte(": record 2: ")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// flat returns what a state of the parties says as a view.
func flat(s *State) mapView {
	v := mapView{}
	for key, value := range caseView {
		v[key] = value
	}
	v.connect(s.Changes())
	return v
}
