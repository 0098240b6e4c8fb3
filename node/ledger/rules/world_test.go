package rules

import (
	"encoding/binary"
	"testing"

	"github.com/minio/sha256-simd"

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
	price                 = 100 * record.Coin
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
	c       Context
	serials int
	nonces  uint64
	voucher record.ID // the last of each
	ship    record.ID
	claim   record.ID
}

func newWorld(t testing.TB) *world {
	return &world{
		TB: t, State: NewState(caseView),
		c: Context{Params: caseParams, Height: 1000, MedianTime: began},
	}
}

// later lets days and seconds pass.
func (w *world) later(days, seconds int) { w.c.MedianTime += uint32(days*day + seconds) }

// record makes the author's next record. Its author is named by its first key.
func (w *world) record(author record.Key, p record.Payload) *record.Record {
	w.Helper()
	a := account(w, w.State, author)
	return record.New(record.Record{Version: p.Type().Version(), Seq: a.Seq, ValidUntil: 1 << 30, Fee: 10, Key: a.Key, Payload: p})
}

// try applies a record, which may be refused.
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

// refuse fails unless a record is refused for that reason and leaves no change.
func (w *world) refuse(want reject.Reason, author record.Key, p record.Payload) {
	w.Helper()
	mark := w.Mark()
	err := w.try(author, p)
	if got, _ := reject.Of(err); got != want {
		w.Errorf("%v by %v: %v, want the reason %s", p.Type(), author, err, want)
	}
	if w.Mark() != mark {
		w.Error("the refused record left a change")
	}
	refused[want] = true
}

// refused are the reasons that were seen.
var refused = map[reject.Reason]bool{}

func (w *world) now() record.Time { return record.Time(w.c.MedianTime) }

func (w *world) sale() record.VoucherIssue {
	w.serials++
	return record.VoucherIssue{
		Time: w.now(), GTIN: theGTIN, Serial: record.Serial(binaryText(w.serials)), Buyer: theBuyer, Price: price, Quantity: 1,
		Distance: true, WarrantyDays: 365, Terms: record.Digest{7}, Burn: price / 200, Stipend: record.Coin / 100,
	}
}

func binaryText(n int) string {
	var b []byte
	for ; n > 0; n /= 2 {
		b = append(b, '0'+byte(n%2))
	}
	return string(b)
}

// sell makes a new voucher, the world's.
func (w *world) sell() record.ID {
	w.Helper()
	w.voucher = w.do(theSeller, w.sale())
	return w.voucher
}

func pickupHash(k record.Key) record.Digest { return sha256.Sum256(k[:]) }

func (w *world) shipment(leg record.Leg) record.ShipmentCreate {
	p := record.ShipmentCreate{Time: w.now(), Voucher: w.voucher, Leg: leg, Carrier: theCarrier, PickupHash: pickupHash(pickupKey)}
	if leg != record.Outbound {
		p.Claim, p.PickupHash = w.claim, pickupHash(backPickupKey)
	}
	return p
}

func (w *world) handover(to record.Key) record.CustodyHandover {
	return record.CustodyHandover{Time: w.now(), Shipment: w.ship, To: to}
}

func (w *world) confirm(key record.Key) record.DeliveryConfirm {
	w.nonces++
	var nonce record.Nonce
	binary.BigEndian.PutUint64(nonce[:], w.nonces)
	return record.DeliveryConfirm{Time: w.now(), Shipment: w.ship, PickupKey: key, ChallengeHeight: w.c.Height - 1, ChallengeNonce: nonce}
}

// send ships goods and hands them to the carrier.
func (w *world) send(from record.Key, leg record.Leg) {
	w.Helper()
	w.ship = w.do(from, w.shipment(leg))
	w.do(from, w.handover(theCarrier))
}

func (w *world) fail() record.DeliveryException {
	return record.DeliveryException{Time: w.now(), Shipment: w.ship, Kind: record.Damaged}
}

// lose reports goods lost.
func (w *world) lose() record.DeliveryException {
	return record.DeliveryException{Time: w.now(), Shipment: w.ship, Kind: record.Lost}
}

// deliver brings a new voucher to its buyer.
func (w *world) deliver() {
	w.Helper()
	w.sell()
	w.send(theSeller, record.Outbound)
	w.do(theCarrier, w.confirm(pickupKey))
}

func (w *world) open(ground record.Ground, remedy record.Remedy) record.ClaimOpen {
	return record.ClaimOpen{Time: w.now(), Voucher: w.voucher, Ground: ground, FaultCode: 5, Remedy: remedy}
}

// complain opens a claim on a voucher that was just delivered.
func (w *world) complain(remedy record.Remedy) {
	w.Helper()
	w.deliver()
	w.claim = w.do(theBuyer, w.open(record.Fault, remedy))
}

func (w *world) authorise(remedy record.Remedy, back bool) record.ClaimRespond {
	p := record.ClaimRespond{Time: w.now(), Claim: w.claim, Action: record.Authorise, Remedy: remedy, ReturnNeeded: back}
	if remedy == record.Refund {
		p.Refund = price
	}
	if back {
		p.Servicer = theServicer
	}
	return p
}

func (w *world) rejection() record.ClaimRespond {
	return record.ClaimRespond{Time: w.now(), Claim: w.claim, Action: record.Reject, Cause: record.Misuse}
}

func (w *world) offer(remedy record.Remedy) record.ClaimRespond {
	p := w.authorise(remedy, false)
	p.Action = record.Offer
	return p
}

func (w *world) answer(accept bool) record.ClaimAnswer {
	return record.ClaimAnswer{Time: w.now(), Claim: w.claim, Accept: accept}
}

func (w *world) inspection(f record.Finding) record.InspectionReport {
	return record.InspectionReport{Time: w.now(), Claim: w.claim, Finding: f}
}

func (w *world) withdraw() record.ClaimWithdraw {
	return record.ClaimWithdraw{Time: w.now(), Claim: w.claim}
}

func (w *world) escalate() record.ClaimEscalate {
	return record.ClaimEscalate{Time: w.now(), Claim: w.claim}
}

func (w *world) evidence() record.EvidenceAdd {
	return record.EvidenceAdd{Time: w.now(), Claim: w.claim}
}

func (w *world) order(remedy record.Remedy, refund record.Amount) record.Ruling {
	return record.Ruling{Time: w.now(), Subject: record.OnClaim, ID: w.claim, Outcome: record.Ordered, Remedy: remedy, Refund: refund, ExecuteDays: 5}
}

func (w *world) dismissal() record.Ruling {
	return record.Ruling{Time: w.now(), Subject: record.OnClaim, ID: w.claim, Outcome: record.Dismissed}
}

func (w *world) ruleShipment(o record.Outcome) record.Ruling {
	return record.Ruling{Time: w.now(), Subject: record.OnShipment, ID: w.ship, Outcome: o}
}

func (w *world) attempt() record.ProofOfAttempt {
	return record.ProofOfAttempt{Time: w.now(), Shipment: w.ship}
}

func (w *world) repaired() record.SettleExecute {
	return record.SettleExecute{Time: w.now(), Claim: w.claim, Remedy: record.Repair}
}

func (w *world) refunded(payment record.ID) record.SettleExecute {
	return record.SettleExecute{Time: w.now(), Claim: w.claim, Remedy: record.Refund, Payment: payment}
}

func (w *world) replaced(voucher record.ID) record.SettleExecute {
	return record.SettleExecute{Time: w.now(), Claim: w.claim, Remedy: record.Replace, Replacement: voucher}
}

func (w *world) settle(accept bool) record.SettleConfirm {
	return record.SettleConfirm{Time: w.now(), Claim: w.claim, Accept: accept}
}

func (w *world) end() record.ClaimClose { return record.ClaimClose{Time: w.now(), Claim: w.claim} }

// pay pays a refund for the world's claim.
func (w *world) pay(to record.Key, amount record.Amount) record.ID {
	w.Helper()
	return w.do(theSeller, record.Pay{To: to, Amount: amount, Reference: w.claim})
}

func (w *world) evaluation() record.Evaluate {
	return record.Evaluate{Time: w.now(), Voucher: w.voucher, Product: 5, Service: 4, Logistics: 3}
}

func (w *world) amendment() record.EvaluateAmend {
	return record.EvaluateAmend{Time: w.now(), Voucher: w.voucher, Product: 1, Service: 1, Logistics: 1}
}

func (w *world) reply() record.SellerReply {
	return record.SellerReply{Time: w.now(), Voucher: w.voucher}
}

func (w *world) reward() record.RewardClaim {
	return record.RewardClaim{Time: w.now(), Voucher: w.voucher}
}

func (w *world) transfer(to record.Key) record.VoucherTransfer {
	return record.VoucherTransfer{Time: w.now(), Voucher: w.voucher, To: to}
}

func (w *world) void(holder record.Key) record.VoucherVoid {
	return record.VoucherVoid{Time: w.now(), Voucher: w.voucher, Holder: holder, Cause: record.VoidCancelled}
}

func (w *world) recall(serial record.Serial) record.RecallNotice {
	return record.RecallNotice{Time: w.now(), GTIN: theGTIN, Serial: serial}
}

// getVoucher returns the world's voucher as it is now.
func (w *world) getVoucher() *Voucher {
	w.Helper()
	v, err := GetVoucher(w.State, w.c, w.voucher)
	if err != nil || v == nil {
		w.Fatalf("voucher %v, %v", v, err)
	}
	return v
}

func (w *world) getClaim() *Claim {
	w.Helper()
	c, err := GetClaim(w.State, w.c, w.claim)
	if err != nil || c == nil {
		w.Fatalf("claim %v, %v", c, err)
	}
	return c
}

func (w *world) getShipment() *Shipment {
	w.Helper()
	h, err := GetShipment(w.State, w.ship)
	if err != nil || h == nil {
		w.Fatalf("shipment %v, %v", h, err)
	}
	return h
}
