package record

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"stele/engine/pow"
	"stele/node/ledger/reject"
)

// someTime is a claimed time.
const someTime Time = 1_780_000_000

func someID(n byte) ID { return ID{31: n} }

// someGTIN is the example of the GS1 General Specifications, section 7.9.
const someGTIN GTIN = 6291041500213

// aftersales returns a good payload of each after-sales type, and some more.
func aftersales() []Payload {
	key, digest := PublicOf(testKey(7)), Digest{1, 2, 3}
	return []Payload{
		ProductRegister{Time: someTime, GTIN: someGTIN, WarrantyDays: 730, Terms: digest},
		VoucherIssue{
			Time: someTime, GTIN: someGTIN, Serial: `A-1/"x"_%`, Buyer: key, Invoice: digest, Price: 25 * Coin, Quantity: 2,
			Distance: true, WarrantyDays: 730, Terms: digest, Burn: Coin / 8, Stipend: Coin / 100,
		},
		VoucherTransfer{Time: someTime, Voucher: someID(1), To: key},
		VoucherVoid{Time: someTime, Voucher: someID(1), Holder: key, Cause: VoidMistake},
		ShipmentCreate{Time: someTime, Voucher: someID(1), Leg: Outbound, Carrier: key, Commitment: digest, PickupHash: digest, BlobHash: digest},
		ShipmentCreate{Time: someTime, Voucher: someID(1), Leg: Return, Claim: someID(3), Carrier: key},
		CustodyHandover{Time: someTime, Shipment: someID(2), To: key, BlobHash: digest},
		DeliveryConfirm{Time: someTime, Shipment: someID(2), PickupKey: key, ChallengeHeight: 77, ChallengeNonce: Nonce{1, 15: 9}},
		DeliveryException{Time: someTime, Shipment: someID(2), Kind: Misdelivered, Evidence: digest},
		ProofOfAttempt{Time: someTime, Shipment: someID(2), Evidence: digest},
		ClaimOpen{Time: someTime, Voucher: someID(1), Ground: Recall, FaultCode: 500, Remedy: Repair, Description: digest},
		ClaimRespond{Time: someTime, Claim: someID(3), Action: Authorise, Remedy: Refund, Refund: Coin, ReturnNeeded: true, Servicer: PublicOf(testKey(2)), Text: digest},
		ClaimRespond{Time: someTime, Claim: someID(3), Action: Reject, Cause: OtherCause},
		ClaimRespond{Time: someTime, Claim: someID(3), Action: Offer, Remedy: Repair},
		ClaimAnswer{Time: someTime, Claim: someID(3), Accept: true},
		EvidenceAdd{Time: someTime, Claim: someID(3), Evidence: digest, Note: "the hinge\nis broken: 铰链"},
		InspectionReport{Time: someTime, Claim: someID(3), Finding: NoFault, Report: digest},
		InspectionReport{Time: someTime, Claim: someID(3), Finding: Confirmed, Seller: PublicOf(testKey(2)), Report: digest},
		ClaimWithdraw{Time: someTime, Claim: someID(3)},
		ClaimEscalate{Time: someTime, Claim: someID(3), Text: digest},
		Ruling{Time: someTime, Subject: OnClaim, ID: someID(3), Outcome: Ordered, Remedy: Refund, Refund: Coin, ExecuteDays: 14, Text: digest},
		Ruling{Time: someTime, Subject: OnClaim, ID: someID(3), Outcome: Dismissed},
		Ruling{Time: someTime, Subject: OnShipment, ID: someID(2), Outcome: RuledLost},
		SettleExecute{Time: someTime, Claim: someID(3), Remedy: Refund, Payment: someID(4)},
		SettleExecute{Time: someTime, Claim: someID(3), Remedy: Replace, Replacement: someID(5), Holder: key},
		SettleExecute{Time: someTime, Claim: someID(3), Remedy: Repair, Report: digest},
		SettleConfirm{Time: someTime, Claim: someID(3)},
		ClaimClose{Time: someTime, Claim: someID(3)},
		Evaluate{Time: someTime, Voucher: someID(1), Product: 1, Service: 3, Logistics: 5, Text: digest},
		EvaluateAmend{Time: someTime, Voucher: someID(1), Product: 2, Service: 2, Logistics: 2},
		SellerReply{Time: someTime, Voucher: someID(1), Text: digest},
		RewardClaim{Time: someTime, Voucher: someID(1)},
		RecallNotice{Time: someTime, GTIN: someGTIN, Serial: "0", Text: digest},
		RecallNotice{Time: someTime, GTIN: someGTIN, Text: digest},
		SellerSuspend{Time: someTime, Seller: key, Cause: FalseSales, Text: digest},
		SellerRestore{Time: someTime, Seller: key, Cause: Remedied},
		Correction{Time: someTime, Record: someID(9), Cause: DidNotOccur, Correct: digest},
	}
}

// Every payload survives its encoding and its JSON form, and obeys the rules.
func TestAftersalesRoundTrips(t *testing.T) {
	seen := map[Type]bool{}
	for _, p := range aftersales() {
		seen[p.Type()] = true
		t.Run(p.Type().String(), func(t *testing.T) {
			r := New(Record{Network: testNetwork, Version: p.Type().Version(), Seq: 3, ValidUntil: 99, Fee: 5, Key: PublicOf(testKey(1)), Payload: p})
			if err := r.Check(testNetwork); err != nil {
				t.Fatal(err)
			}
			got, err := Decode(r.Encode())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Payload, p) {
				t.Errorf("decoded as %+v, want %+v", got.Payload, p)
			}
			text, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			var back Record
			if err := json.Unmarshal(text, &back); err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			if !reflect.DeepEqual(back.Payload, p) {
				t.Errorf("%s became %+v", text, back.Payload)
			}
			// No shorter payload is one.
			body := p.Append(nil)
			for n := range body {
				if got, err := decodePayload(p.Type(), body[:n]); err == nil {
					t.Fatalf("%d of %d bytes were read as %+v", n, len(body), got)
				}
			}
		})
	}
	for _, kind := range Types() {
		if kind >= TypeProductRegister && !seen[kind] {
			t.Errorf("no example of %v", kind)
		}
	}
}

// What is wrong with a payload by itself has a reason of its own.
func TestAftersalesRejected(t *testing.T) {
	author := PublicOf(testKey(1))
	for _, test := range []struct {
		name string
		want reject.Reason
		Payload
	}{
		{"no time", reject.BadTime, ClaimWithdraw{Claim: someID(3)}},
		{"a time before Bitcoin", reject.BadTime, ClaimWithdraw{Time: earliest - 1, Claim: someID(3)}},
		{"GTIN 0", reject.BadGTIN, ProductRegister{Time: someTime}},
		{"check digit", reject.BadGTIN, ProductRegister{Time: someTime, GTIN: someGTIN + 1}},
		{"15 digits", reject.BadGTIN, ProductRegister{Time: someTime, GTIN: 1e14}},
		{"no voucher", reject.MissingID, VoucherTransfer{Time: someTime, To: author}},
		{"to oneself", reject.SelfTransfer, VoucherTransfer{Time: someTime, Voucher: someID(1), To: author}},
		{"void without cause", reject.UnknownChoice, VoucherVoid{Time: someTime, Voucher: someID(1)}},
		{"void with unknown cause", reject.UnknownChoice, VoucherVoid{Time: someTime, Voucher: someID(1), Cause: 4}},
		{"outbound with a claim", reject.MissingID, ShipmentCreate{Time: someTime, Voucher: someID(1), Leg: Outbound, Claim: someID(3)}},
		{"return without a claim", reject.MissingID, ShipmentCreate{Time: someTime, Voucher: someID(1), Leg: Return}},
		{"leg 4", reject.UnknownChoice, ShipmentCreate{Time: someTime, Voucher: someID(1), Leg: 4, Claim: someID(3)}},
		{"handover to oneself", reject.SelfTransfer, CustodyHandover{Time: someTime, Shipment: someID(1), To: author}},
		{"rejected with a remedy", reject.ContraryFields, ClaimRespond{Time: someTime, Claim: someID(3), Action: Reject, Cause: Misuse, Remedy: Repair}},
		{"rejected with a servicer", reject.ContraryFields, ClaimRespond{Time: someTime, Claim: someID(3), Action: Reject, Cause: Misuse, Servicer: PublicOf(testKey(2))}},
		{"inspected and consented to by one", reject.DuplicateSigner, InspectionReport{Time: someTime, Claim: someID(3), Finding: NoFault, Seller: author}},
		{"rejected without a cause", reject.UnknownChoice, ClaimRespond{Time: someTime, Claim: someID(3), Action: Reject}},
		{"offered with a cause", reject.ContraryFields, ClaimRespond{Time: someTime, Claim: someID(3), Action: Offer, Cause: Misuse, Remedy: Repair}},
		{"refund of nothing", reject.AmountOutOfRange, ClaimRespond{Time: someTime, Claim: someID(3), Action: Authorise, Remedy: Refund}},
		{"repair with a refund", reject.ContraryFields, ClaimRespond{Time: someTime, Claim: someID(3), Action: Authorise, Remedy: Repair, Refund: 1}},
		{"long note", reject.BadText, EvidenceAdd{Time: someTime, Claim: someID(3), Note: string(make([]byte, MaxNote+1))}},
		{"bell in a note", reject.BadText, EvidenceAdd{Time: someTime, Claim: someID(3), Note: "\a"}},
		{"broken UTF-8", reject.BadText, EvidenceAdd{Time: someTime, Claim: someID(3), Note: "\xff"}},
		{"a claim is delivered", reject.ContraryFields, Ruling{Time: someTime, Subject: OnClaim, ID: someID(3), Outcome: RuledDelivered}},
		{"a shipment is dismissed", reject.ContraryFields, Ruling{Time: someTime, Subject: OnShipment, ID: someID(3), Outcome: Dismissed}},
		{"dismissed with days", reject.ContraryFields, Ruling{Time: someTime, Subject: OnClaim, ID: someID(3), Outcome: Dismissed, ExecuteDays: 1}},
		{"ordered without days", reject.ContraryFields, Ruling{Time: someTime, Subject: OnClaim, ID: someID(3), Outcome: Ordered, Remedy: Repair}},
		{"refund without payment", reject.ContraryFields, SettleExecute{Time: someTime, Claim: someID(3), Remedy: Refund}},
		{"repair with a voucher", reject.ContraryFields, SettleExecute{Time: someTime, Claim: someID(3), Remedy: Repair, Replacement: someID(1)}},
		{"consent to a repair", reject.ContraryFields, SettleExecute{Time: someTime, Claim: someID(3), Remedy: Repair, Holder: PublicOf(testKey(2))}},
		{"score 0", reject.ScoreOutOfRange, Evaluate{Time: someTime, Voucher: someID(1), Product: 1, Service: 0, Logistics: 5}},
		{"score 6", reject.ScoreOutOfRange, EvaluateAmend{Time: someTime, Voucher: someID(1), Product: 1, Service: 6, Logistics: 5}},
		{"serial with a space", reject.BadSerial, RecallNotice{Time: someTime, GTIN: someGTIN, Serial: "a b"}},
		{"long serial", reject.BadSerial, RecallNotice{Time: someTime, GTIN: someGTIN, Serial: "123456789012345678901"}},
		{"correction of nothing", reject.MissingID, Correction{Time: someTime, Cause: WrongData}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := New(Record{Network: testNetwork, Version: test.Type().Version(), Key: author, Payload: test.Payload})
			if got, _ := reject.Of(r.Check(testNetwork)); got != test.want {
				t.Errorf("%v, want %v", r.Check(testNetwork), test.want)
			}
		})
	}

	sale := aftersales()[1].(VoucherIssue)
	for name, test := range map[string]struct {
		change func(*VoucherIssue)
		want   reject.Reason
	}{
		"no quantity": {func(p *VoucherIssue) { p.Quantity = 0 }, reject.ZeroQuantity},
		"no price":    {func(p *VoucherIssue) { p.Price = 0 }, reject.AmountOutOfRange},
		"huge price":  {func(p *VoucherIssue) { p.Price = MaxAmount + 1 }, reject.AmountOutOfRange},
		"no burn":     {func(p *VoucherIssue) { p.Burn = 0 }, reject.AmountOutOfRange},
		"no serial":   {func(p *VoucherIssue) { p.Serial = "" }, reject.BadSerial},
		"to oneself":  {func(p *VoucherIssue) { p.Buyer = author }, reject.SelfSale},
	} {
		p := sale
		test.change(&p)
		r := New(Record{Network: testNetwork, Version: p.Type().Version(), Key: author, Payload: p})
		if got, _ := reject.Of(r.Check(testNetwork)); got != test.want {
			t.Errorf("%s: %v, want %v", name, r.Check(testNetwork), test.want)
		}
	}
}

// Flags have one encoding.
func TestFlagIsCanonical(t *testing.T) {
	b := ClaimAnswer{Time: someTime, Claim: someID(3), Accept: true}.Append(nil)
	b[len(b)-1] = 2
	if _, err := decodePayload(TypeClaimAnswer, b); err == nil {
		t.Error("the flag 2 was read")
	}
}

func TestParseGTIN(t *testing.T) {
	for digits, good := range map[string]bool{
		"6291041500213": true, "06291041500213": true, "96385074": true, "036000291452": true,
		"6291041500214": false, "629104150021": false, "": false, "+291041500213": false, "6291_41500213": false, "00000000": false, "६२९१०": false,
	} {
		g, err := ParseGTIN(digits)
		if good != (err == nil) {
			t.Errorf("%s: %v, %v", digits, g, err)
		}
	}
}

// People write times in their own zone, and choices as words.
func TestJSONFromPeople(t *testing.T) {
	p := types[TypeDeliveryException]
	good := `{"time":"2026-11-22T22:00:00+01:00","shipment":"` + pow.Hash{1}.String() + `","kind":"damaged","evidence":"` + strings.Repeat("00", 32) + `"}`
	got, err := p.fromJSON([]byte(good))
	if err != nil || got.(DeliveryException).Time.String() != "2026-11-22T21:00:00Z" || got.(DeliveryException).Kind != Damaged {
		t.Errorf("%+v, %v", got, err)
	}
}

// Every after-sales payload claims a time, has a name for each signer's part,
// and names what it is about if it has a field for that.
func TestSubjects(t *testing.T) {
	for _, p := range aftersales() {
		if got := New(Record{Payload: p}).ClaimedTime(); got != someTime {
			t.Errorf("%v: claimed time %v", p.Type(), got)
		}
		if parts := SignerParts(p); len(parts) != 1+len(p.CoSigners()) {
			t.Errorf("%v: parts %q for %d signers", p.Type(), parts, 1+len(p.CoSigners()))
		}
		var want []ID
		v := reflect.ValueOf(p)
		for i := range v.NumField() {
			if id, ok := v.Field(i).Interface().(ID); ok && id != (ID{}) {
				want = append(want, id)
			}
		}
		if got := Subjects(p); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: subjects %v, want %v", p.Type(), got, want)
		}
	}
	if got := Subjects(Pay{Reference: ID{5}}); len(got) != 1 || got[0] != (ID{5}) || New(Record{Payload: Pay{}}).ClaimedTime() != 0 {
		t.Errorf("PAY: %v, %v", got, New(Record{Payload: Pay{}}).ClaimedTime())
	}
	for _, kind := range Types() {
		if r, err := types[kind].fromJSON([]byte("{}")); err == nil {
			t.Errorf("%v: read from nothing as %+v", kind, r)
		}
	}
}

// Errors of people name the field and what was
// expected there.
func TestJSONNamesField(t *testing.T) {
	sale := aftersales()[1].(VoucherIssue)
	good, err := json.Marshal(New(Record{Network: testNetwork, Version: 1, Key: PublicOf(testKey(1)), Payload: sale}))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		old, new string
		reason   reject.Reason
		words    []string
	}{
		{`"price":"25"`, `"price":25`, reject.BadRecordEncoding, []string{`field "price"`, `25 is not an amount in a string`}},
		{`"price":"25"`, `"price":"25 coins"`, reject.BadRecordEncoding, []string{`field "price"`, "want a decimal"}},
		{`"quantity":2`, `"quantity":2.5`, reject.BadRecordEncoding, []string{`field "quantity"`, "a whole number from 0 to 4294967295"}},
		{`"quantity":2`, `"quantity":"2"`, reject.BadRecordEncoding, []string{`field "quantity"`, "a whole number"}},
		{`"warranty_days":730`, `"warranty_days":65536`, reject.BadRecordEncoding, []string{`field "warranty_days"`, "from 0 to 65535"}},
		{`"distance":true`, `"distance":"yes"`, reject.BadRecordEncoding, []string{`field "distance"`, "true or false"}},
		{`"time":"2026`, `"time":"2026-02-30T00:00:00Z","x":"2026`, reject.BadRecordEncoding, []string{"unknown field", `"x"`}},
		{`"time":"2026-05-28`, `"time":"2026-02-30`, reject.BadTime, []string{`field "time"`, "2026-11-22T21:00:00Z"}},
		{`"gtin":"06291041500213"`, `"gtin":"06291041500214"`, reject.BadGTIN, []string{`field "gtin"`, "must be 3"}},
		{`"gtin":"06291041500213"`, `"gtin":6291041500213`, reject.BadRecordEncoding, []string{`field "gtin"`, "a string"}},
		{`"fee":"0"`, `"fee":0`, reject.BadRecordEncoding, []string{`field "fee"`, "an amount in a string"}},
		{`"serial":`, `"series":`, reject.BadRecordEncoding, []string{`unknown field "series"`, `"serial"`}},
	} {
		text := strings.Replace(string(good), test.old, test.new, 1)
		if text == string(good) {
			t.Fatalf("%s is not in %s", test.old, good)
		}
		var r Record
		err := r.UnmarshalJSON([]byte(text))
		wantReason(t, err, test.reason)
		for _, words := range test.words {
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%s: %v, want %q in it", test.new, err, words)
			}
		}
	}
}
