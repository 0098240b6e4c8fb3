package views

import (
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/node/ledger/record"
	"stele/node/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const gtin record.GTIN = 6291041500213

// The whole life of a sale, and who finds which of its records where.
func TestLists(t *testing.T) {
	seller, buyer, heir, carrier, second, supervisor, maker := key(1), key(2), key(3), key(4), key(5), key(6), key(7)
	heirLater := key(33)
	one := func(r *record.Record) []*record.Record { return []*record.Record{r} }

	product := by(maker, record.ProductRegister{Time: 1, GTIN: gtin})
	issue := by(seller, record.VoucherIssue{Time: 1, GTIN: gtin, Serial: "A1", Buyer: buyer})
	voucher := issue.ID()
	ship := by(seller, record.ShipmentCreate{Time: 1, Voucher: voucher, Leg: record.Outbound, Carrier: carrier, BlobHash: digest(1)})
	handover := by(carrier, record.CustodyHandover{Time: 1, Shipment: ship.ID(), To: second, BlobHash: digest(2)})
	deliver := by(second, record.DeliveryConfirm{Time: 1, Shipment: ship.ID(), PickupKey: key(99)})
	transfer := by(buyer, record.VoucherTransfer{Time: 1, Voucher: voucher, To: heir})
	rotate := by(heir, record.KeyRotate{New: heirLater})
	claim := by(heirLater, record.ClaimOpen{Time: 1, Voucher: voucher})
	evidence := by(heirLater, record.EvidenceAdd{Time: 1, Claim: claim.ID()})
	corrected := by(heirLater, record.Correction{Time: 1, Record: evidence.ID()})
	respond := by(seller, record.ClaimRespond{Time: 1, Claim: claim.ID(), Action: record.Offer, Servicer: key(8)})
	ruling := by(supervisor, record.Ruling{Time: 1, Subject: record.OnClaim, ID: claim.ID(), Outcome: record.Ordered})
	pay := by(seller, record.Pay{To: heirLater, Amount: 5, Reference: claim.ID()})
	other := by(seller, record.Pay{To: heirLater, Amount: 5, Reference: voucher})
	replacement := by(seller, record.VoucherIssue{Time: 1, GTIN: gtin, Serial: "B2", Buyer: heirLater})
	settle := by(seller, record.SettleExecute{Time: 1, Claim: claim.ID(), Payment: pay.ID(), Replacement: replacement.ID()})
	recall := by(supervisor, record.RecallNotice{Time: 1, GTIN: gtin, Serial: "A1"})
	recallAll := by(supervisor, record.RecallNotice{Time: 1, GTIN: gtin})
	suspend := by(supervisor, record.SellerSuspend{Time: 1, Seller: seller})
	confirm := by(heirLater, record.SettleConfirm{Time: 1, Claim: claim.ID(), Accept: true})
	evaluate := by(buyer, record.Evaluate{Time: 1, Voucher: voucher, Product: 5, Service: 5, Logistics: 5})

	c := newTree()
	c.extend(product, issue)
	c.extend(ship, handover)
	for _, r := range []*record.Record{
		deliver, transfer, rotate, claim, evidence, corrected, respond, ruling, pay, other, replacement, settle, recall, recallAll, suspend,
	} {
		c.extend(one(r)...)
	}
	v := open(t, c, vfs.NewMem())
	defer v.Close()
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func(name string, l List, want ...*record.Record) {
		t.Helper()
		var ids []record.ID
		for _, r := range want {
			ids = append(ids, r.ID())
		}
		got, err := v.All(l, 100)
		if err != nil {
			t.Fatal(err)
		}
		var gotIDs []record.ID
		for _, e := range got {
			gotIDs = append(gotIDs, e.ID)
		}
		if !slices.Equal(gotIDs, ids) {
			t.Errorf("%s: %v, want %v", name, gotIDs, ids)
		}
	}
	c.extend(confirm, evaluate)
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("claims under the voucher", ClaimsUnder(voucher), claim)
	check("shipments for the voucher", ShipmentsFor(voucher), ship)
	check("rulings", Rulings(), ruling)
	check("recalls", Recalls(), recall, recallAll)
	check("suspensions", Suspensions(), suspend)
	check("payments of the seller", Payments(seller), pay, other)
	check("payments of the heir", Payments(heir), pay, other)
	check("evaluations", Evaluations(), issue) // by the voucher
	check("evaluations of the seller", EvaluationsOf(seller), issue)
	check("evaluations of the product", EvaluationsOfProduct(gtin), issue)
	check("voucher", Voucher(voucher), issue, ship, handover, deliver, transfer, claim, evidence, corrected, respond, ruling, pay, settle, confirm, evaluate)
	check("item", Item(gtin, "A1"), issue, ship, handover, deliver, transfer, claim, evidence, corrected, respond, ruling, pay, settle, recall, confirm, evaluate)
	check("replacement", Voucher(replacement.ID()), replacement, settle)
	check("claim", Claim(claim.ID()), claim, evidence, corrected, respond, ruling, pay, settle, confirm)
	check("shipment", Shipment(ship.ID()), ship, handover, deliver)
	check("product", Product(gtin), product, recallAll)
	check("servicer", Party(key(8)), respond)
	check("first blob", Blob(digest(1)), ship)
	check("second blob", Blob(digest(2)), handover)
	check("first blob, for its carrier", BlobFor(digest(1), carrier), ship)
	check("first blob, for the next carrier", BlobFor(digest(1), second))
	check("second blob, for the next carrier", BlobFor(digest(2), second), handover)
	check("seller", Party(seller), issue, ship, respond, pay, replacement, settle, suspend)
	check("buyer", Party(buyer), issue, transfer, evaluate)
	check("heir", Party(heir), transfer, rotate, claim, evidence, corrected, pay, replacement, confirm)
	check("later key of the heir", Party(heirLater))
	check("pick-up key", Party(key(99)))
	check("carrier", Party(carrier), ship, handover)
	check("supervisor", Party(supervisor), ruling, recall, recallAll, suspend)
	check("sold", SoldBy(seller), issue, replacement)
	check("claims of the heir", ClaimsOf(heir), claim)
	check("claims of the seller", ClaimsOf(seller), claim)
	check("claims of the maker", ClaimsOf(maker), claim)
	check("claims of the servicer", ServicedBy(key(8)), claim)
	check("claims of the seller as servicer", ServicedBy(seller))
	check("shipments of the second carrier", ShipmentsOf(second), ship)
	check("shipments of the seller", ShipmentsOf(seller), ship)
	if a, err := v.Account(heirLater); a != heir || err != nil {
		t.Errorf("account %v, %v; want %v", a, err, heir)
	}

	// Page by page it is the same list.
	whole, err := v.All(Voucher(voucher), 100)
	if err != nil {
		t.Fatal(err)
	}
	var pages []Entry
	for from := (store.Place{}); ; from = pages[len(pages)-1].Next() {
		page, err := v.List(Voucher(voucher), from, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		pages = append(pages, page...)
	}
	if !slices.Equal(pages, whole) {
		t.Errorf("pages %v, whole %v", pages, whole)
	}
	if _, err := v.All(Voucher(voucher), 3); !errors.Is(err, ErrTooMany) {
		t.Errorf("a list that is too long: %v", err)
	}

	// Back to the beginning, and nothing is left.
	genesis := c.tip.ancestor(0)
	c.tip = genesis
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, v, c)
	if len(dump(t, v)) != 4 { // identity, tip, the block and the number of its coinbases
		t.Errorf("left over: %v", dump(t, v))
	}
}

// A payment to a key that becomes one of an account's later is found under the
// key, as it was when the block was read.
func TestPaidBeforeRotation(t *testing.T) {
	seller, buyer, later := key(1), key(2), key(3)
	product := by(key(9), record.ProductRegister{Time: 1, GTIN: gtin})
	issue := by(seller, record.VoucherIssue{Time: 1, GTIN: gtin, Serial: "A1", Buyer: buyer})
	claim := by(buyer, record.ClaimOpen{Time: 1, Voucher: issue.ID()})
	before := by(seller, record.Pay{To: later, Amount: 5, Reference: claim.ID()})
	rotate := by(buyer, record.KeyRotate{New: later})
	after := by(seller, record.Pay{To: later, Amount: 5, Reference: claim.ID()})
	c := newTree()
	c.extend(product, issue, claim, before)
	c.extend(rotate, after)
	v := open(t, c, vfs.NewMem())
	defer v.Close()
	if err := v.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	for list, want := range map[List][]*record.Record{
		Party(buyer):      {issue, claim, rotate, after},
		Party(later):      {before},
		Claim(claim.ID()): {claim, before, after},
	} {
		entries, err := v.All(list, 10)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(entries, want, func(e Entry, r *record.Record) bool { return e.ID == r.ID() }) {
			t.Errorf("%c: %v", list.kind, entries)
		}
	}
}
