package rules

import (
	"bytes"
	"errors"
	"testing"

	"stele/node/ledger/fields"
	"stele/node/ledger/record"
)

func encode(p layout) []byte {
	var f fields.Coder
	p.layout(&f)
	return f.Bytes()
}

// entries returns an empty entry of each kind.
func entries() []layout {
	return []layout{&Voucher{}, &Shipment{}, &Claim{}, &Evaluation{}, &Product{}, &Item{}, &refundPay{}}
}

// someEntries are entries with much and with little in them.
func someEntries() []layout {
	k, id := record.Key{1, 2, 3}, record.ID{4, 5}
	return []layout{
		&Voucher{
			State: VoucherActive, GTIN: theGTIN, Serial: "A1", Seller: k, Buyer: theBuyer, Holder: theHolder, Price: 5, Quantity: 6, Distance: true,
			WarrantyDays: 7, Burn: 8, Issued: 9, Delivered: 10, Extended: 11, Repairs: 12, LastFault: 13, Shipment: id, Claim: id, Replaces: id,
			ClaimLive: true, ClaimClosed: true, Resent: true,
		},
		&Shipment{State: ShipmentLost, Voucher: id, Leg: record.Return, Claim: id, Sender: k, Carrier: k, PickupHash: record.Digest{1}, Kind: record.Lost, Left: true, Since: 3, Held: 2},
		&Claim{
			State: ClaimOrdered, Since: 1, Voucher: id, Holder: k, Ground: record.Recall, FaultCode: 2, Asked: record.Repair, Opened: 3,
			Remedy: record.Refund, Refund: 4, ReturnNeeded: true, Agreed: 5, Round: 6, OrderDays: 7, SendFrom: 9, Moved: 10, Received: 8, Executed: 9, Settlement: id,
			Return: id, SendBack: id, Servicer: k, Inspector: k, Ruled: true, Defaulted: true,
		},
		&Evaluation{State: EvaluationAmended, Height: 1, Time: 2, Product: 3, Service: 4, Logistics: 5, Replied: true, Rewarded: true},
		&Product{Maker: k, WarrantyDays: 1, Terms: record.Digest{2}, Recalled: true},
		&Item{Voucher: id, Recalled: true},
		&refundPay{Claim: id, To: k, Amount: 1, Round: 2, Used: true},
		&Voucher{State: VoucherIssued, Serial: "1"}, &Shipment{State: ShipmentCreated}, &Claim{State: ClaimOpen},
		&Evaluation{State: EvaluationGiven}, &Product{}, &Item{}, &refundPay{},
	}
}

// The value of an entry is read back as it was, and nothing else than what is
// written is read.
func TestEntryRoundTrip(t *testing.T) {
	for i, want := range someEntries() {
		value := encode(want)
		got := entries()[i%len(entries())]
		if !decode(got, value) {
			t.Errorf("%T: not read", want)
		}
		if !bytes.Equal(encode(got), value) {
			t.Errorf("%T: %+v became %+v", want, want, got)
		}
		for n := range value {
			if decode(entries()[i%len(entries())], value[:n]) {
				t.Errorf("%T: the first %d bytes were read", want, n)
			}
		}
		if decode(entries()[i%len(entries())], append(value, 0)) {
			t.Errorf("%T: one byte more was read", want)
		}
	}
}

// Bytes that are read as an entry are written as the same bytes.
func FuzzEntry(f *testing.F) {
	for i, e := range someEntries() {
		f.Add(uint8(i), encode(e))
	}
	f.Fuzz(func(t *testing.T, kind uint8, value []byte) {
		all := entries()
		e := all[int(kind)%len(all)]
		if decode(e, value) && !bytes.Equal(encode(e), value) {
			t.Errorf("%T: %x became %x", e, value, encode(e))
		}
	})
}

// A state that no rule can have written is reported as such, and never taken for a
// rejection.
func TestCorruptEntries(t *testing.T) {
	id := record.ID{9}
	c := Context{Params: caseParams, MedianTime: began}
	for name, test := range map[string]struct {
		key  []byte
		read func(v View) error
	}{
		"voucher":    {idKey(voucherEntry, id), func(v View) error { _, err := GetVoucher(v, c, id); return err }},
		"shipment":   {idKey(shipmentEntry, id), func(v View) error { _, err := GetShipment(v, id); return err }},
		"claim":      {idKey(claimEntry, id), func(v View) error { _, err := GetClaim(v, c, id); return err }},
		"evaluation": {idKey(evaluationEntry, id), func(v View) error { _, err := GetEvaluation(v, id); return err }},
		"product":    {productKey(productEntry, theGTIN), func(v View) error { _, err := GetProduct(v, theGTIN); return err }},
		"item":       {itemKey(theGTIN, "1"), func(v View) error { _, err := liveVoucher(v, c, theGTIN, "1"); return err }},
		"author":     {authorKey(id), func(v View) error { _, _, err := GetAuthor(v, id); return err }},
	} {
		if err := test.read(mapView{}); err != nil {
			t.Errorf("%s: %v where there is none", name, err)
		}
		if err := test.read(mapView{string(test.key): {1, 2, 3}}); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v, want ErrState", name, err)
		}
		lost := errors.New("disk lost")
		if err := test.read(brokenView{lost}); !errors.Is(err, lost) {
			t.Errorf("%s: %v, want %v", name, err, lost)
		}
	}
	v := mapView{string(idKey(voucherEntry, id)): encode(&Voucher{State: VoucherActive, Serial: "1", Claim: id, ClaimLive: true})}
	if _, err := GetVoucher(v, c, id); !errors.Is(err, ErrState) {
		t.Errorf("a voucher whose claim is missing: %v", err)
	}
}
