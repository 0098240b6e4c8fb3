package rules

import (
	"testing"

	"stele/node/ledger/casetest"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// The parties of the cases in the tests. Customers are the buyers of the
// vouchers one after the other.
var (
	theMaker      = someKey(101)
	theSeller     = someKey(102)
	theBuyer      = someKey(103) // of the first voucher
	theHolder     = someKey(104) // to whom vouchers are transferred
	theCarrier    = someKey(105)
	nextCarrier   = someKey(106)
	theServicer   = someKey(107)
	theSupervisor = someKey(108)
	aStranger     = someKey(109)
	otherSeller   = someKey(110)
	otherMaker    = someKey(111)
	pickupKey     = someKey(112)
	backPickupKey = someKey(113)
)

const (
	theGTIN   record.GTIN = 6291041500213
	otherGTIN record.GTIN = 96385074
	day                   = 100 // seconds
	began                 = 1_780_000_000
	price                 = casetest.Price
	funds                 = 1000 * record.Coin
)

// caseParams are testParams with days of a hundred seconds.
var caseParams = func() *network.Params {
	p := *testParams
	p.AfterSales = network.Dev.AfterSales
	p.AfterSales.Day = day
	p.Alloc = nil
	for _, k := range []record.Key{
		theMaker, theSeller, theBuyer, theHolder, theCarrier, nextCarrier, theServicer, theSupervisor, aStranger, otherSeller, otherMaker,
	} {
		p.Alloc = append(p.Alloc, network.Allocation{Key: k, Amount: funds})
	}
	return &p
}()

// caseView is a state in which the parties have their roles and the products
// are registered.
var caseView = func() mapView {
	v := genesisView(caseParams)
	s := NewState(v)
	for k, role := range map[record.Key]record.Role{
		theMaker: record.Manufacturer, otherMaker: record.Manufacturer, theSeller: record.Seller, otherSeller: record.Seller,
		theCarrier: record.Carrier, nextCarrier: record.Carrier, theServicer: record.Servicer, theSupervisor: record.Supervisor,
	} {
		a, err := GetAccount(s, k)
		if err != nil {
			panic(err)
		}
		a.Roles |= 1 << role
		if err := putAccount(s, &a); err != nil {
			panic(err)
		}
	}
	for _, gtin := range []record.GTIN{theGTIN, otherGTIN} {
		if err := putProduct(s, &Product{GTIN: gtin, Maker: theMaker, WarrantyDays: 365, Terms: record.Digest{7}}); err != nil {
			panic(err)
		}
	}
	v.connect(s.Changes())
	return v
}()

// world is a state on which the parties act.
type world struct {
	testing.TB
	*State
	casetest.Acts
	c Context
}

func newWorld(t testing.TB) *world {
	w := &world{
		TB: t, State: NewState(caseView),
		c: Context{Params: caseParams, Height: 1000, MedianTime: began},
	}
	w.Acts = casetest.Acts{
		Clock: w.now, Height: func() uint32 { return w.c.Height },
		GTIN: theGTIN, Buyer: theBuyer, Carrier: theCarrier, Servicer: theServicer, Pickup: pickupKey, BackPickup: backPickupKey,
	}
	return w
}

// later lets days and seconds pass.
func (w *world) later(days, seconds int) { w.c.MedianTime += uint32(days*day + seconds) }

// record makes the author's next record. Its author is named by its first key.
func (w *world) record(author record.Key, p record.Payload) *record.Record {
	w.Helper()
	a := account(w, w.State, author)
	return record.New(record.Record{Version: p.Type().Version(), Seq: a.Seq, ValidUntil: 1 << 30, Fee: 10, Key: a.Key, Payload: p})
}

// try applies a record, which may be rejected.
func (w *world) try(author record.Key, p record.Payload) error {
	w.Helper()
	return Apply(w.State, w.c, w.record(author, p))
}

// do applies a valid record and returns its id.
func (w *world) do(author record.Key, p record.Payload) record.ID {
	w.Helper()
	r := w.record(author, p)
	if err := Apply(w.State, w.c, r); err != nil {
		w.Fatal(err)
	}
	return r.ID()
}

// reject fails unless a record is rejected for that reason and leaves no change.
func (w *world) reject(want reject.Reason, author record.Key, p record.Payload) {
	w.Helper()
	mark := w.Mark()
	err := w.try(author, p)
	if got, _ := reject.Of(err); got != want {
		w.Errorf("%v by %v: %v, want the reason %s", p.Type(), author, err, want)
	}
	if w.Mark() != mark {
		w.Error("the rejected record left a change")
	}
	rejected[want] = true
}

// rejected are the reasons that were seen.
var rejected = map[reject.Reason]bool{}

func (w *world) now() record.Time { return record.Time(w.c.MedianTime) }

// sell makes a new voucher, the world's.
func (w *world) sell() record.ID {
	w.Helper()
	w.Voucher = w.do(theSeller, w.Sale())
	return w.Voucher
}

// send ships goods and hands them to the carrier.
func (w *world) send(from record.Key, leg record.Leg) {
	w.Helper()
	w.Shipment = w.do(from, w.Ship(leg))
	w.do(from, w.HandOver(theCarrier))
}

// deliver brings a new voucher to its buyer.
func (w *world) deliver() {
	w.Helper()
	w.sell()
	w.send(theSeller, record.Outbound)
	w.do(theCarrier, w.Confirm(pickupKey))
}

// complain opens a claim on a voucher that was just delivered.
func (w *world) complain(remedy record.Remedy) {
	w.Helper()
	w.deliver()
	w.Claim = w.do(theBuyer, w.Open(record.Fault, remedy))
}

// pay pays a refund for the world's claim.
func (w *world) pay(to record.Key, amount record.Amount) record.ID {
	w.Helper()
	return w.do(theSeller, w.RefundPay(to, amount))
}

// getVoucher returns the world's voucher as it is now.
func (w *world) getVoucher() *Voucher {
	w.Helper()
	v, err := GetVoucher(w.State, w.c, w.Voucher)
	if err != nil || v == nil {
		w.Fatalf("voucher %v, %v", v, err)
	}
	return v
}

func (w *world) getClaim() *Claim {
	w.Helper()
	c, err := GetClaim(w.State, w.c, w.Claim)
	if err != nil || c == nil {
		w.Fatalf("claim %v, %v", c, err)
	}
	return c
}

func (w *world) getShipment() *Shipment {
	w.Helper()
	h, err := GetShipment(w.State, w.Shipment)
	if err != nil || h == nil {
		w.Fatalf("shipment %v, %v", h, err)
	}
	return h
}
