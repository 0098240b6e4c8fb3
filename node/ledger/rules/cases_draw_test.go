package rules

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"stele/node/ledger/casetest"
	"stele/node/ledger/record"
)

// history draws records for the model. What it chooses in a block follows from
// one number of rapid's: its own choices are too often the first.
type history struct {
	*rand.Rand
	*cases
	keys  int
	nonce uint64
}

func pickOf[E any](r *rand.Rand, all ...E) E { return all[r.IntN(len(all))] }

func (h *history) some() *person { return pickOf(h.Rand, h.people...) }

func (h *history) named(name string) *person {
	return h.people[slices.IndexFunc(h.people, func(p *person) bool { return p.name == name })]
}

// mostly returns one person, and now and then another.
func (h *history) mostly(p *person) *person {
	if h.IntN(10) == 0 {
		return h.some()
	}
	return p
}

// keyOf returns the key of a person, and now and then one that was rotated.
func (h *history) keyOf(p *person) record.Key {
	if len(p.keys) > 1 && h.IntN(20) == 0 {
		return p.keys[0]
	}
	return p.key()
}

func (h *history) yes() bool { return h.IntN(2) == 0 }

func (h *history) remedy() record.Remedy {
	return pickOf(h.Rand, record.Refund, record.Replace, record.Repair)
}

// draw draws a record that is often valid, and else nearly so.
func (h *history) draw() *record.Record {
	author, payload := h.common()
	switch kind := h.IntN(20); {
	case payload != nil:
	case len(h.vouchers) == 0 || kind == 0:
		author, payload = h.newSale()
	case len(h.claims) > 0 && kind < 11:
		author, payload = h.aboutClaim(last(h.claims))
		if kind < 3 {
			author, payload = h.aboutClaim(pickOf(h.Rand, h.claims...))
		}
	case len(h.shipments) > 0 && kind < 15:
		author, payload = h.aboutParcel(h.shipments[max(0, len(h.shipments)-1-h.IntN(3))])
	default:
		author, payload = h.aboutSale(h.vouchers[max(0, len(h.vouchers)-1-h.IntN(3))])
	}
	return record.New(record.Record{
		Version: payload.Type().Version(), Seq: author.seq, ValidUntil: 1 << 30, Key: h.keyOf(author), Payload: payload,
	})
}

// next draws a record, and mostly one that is valid.
func (h *history) next() *record.Record {
	r := h.draw()
	for try := h.IntN(20); try > 0 && len(h.faults(r)) > 0; try-- {
		r = h.draw()
	}
	return r
}

// common draws records that are about no case.
func (h *history) common() (*person, record.Payload) {
	at := record.Time(h.now)
	switch h.IntN(150) {
	case 0:
		h.keys++
		return h.some(), record.KeyRotate{New: benchKey(h.keys)}
	case 1:
		return h.mostly(h.named("supervisor")), record.SellerSuspend{Time: at, Seller: h.mostly(h.named("seller")).key()}
	case 2, 3, 4:
		return h.mostly(h.named("supervisor")), record.SellerRestore{Time: at, Seller: h.mostly(h.named("seller")).key()}
	case 5:
		serial := record.Serial(pickOf(h.Rand, "1", "2"))
		return h.mostly(h.named("maker")), record.RecallNotice{Time: at, GTIN: theGTIN, Serial: serial}
	case 6:
		ids := slices.SortedFunc(maps.Keys(h.authors), func(a, b record.ID) int { return slices.Compare(a[:], b[:]) })
		if len(ids) > 0 {
			id := pickOf(h.Rand, ids...)
			return h.mostly(h.authors[id]), record.Correction{Time: at, Record: id}
		}
	}
	return nil, nil
}

func (h *history) newSale() (*person, record.Payload) {
	p := record.VoucherIssue{
		Time: record.Time(h.now), GTIN: theGTIN, Buyer: h.keyOf(h.mostly(pickOf(h.Rand, h.named("buyer"), h.named("maker")))),
		Price: 7, Quantity: 1, Distance: h.yes(), WarrantyDays: 365, Terms: record.Digest{7},
		Burn: caseParams.AfterSales.VoucherFee + record.Amount(h.IntN(4)), Stipend: record.Coin / 100,
		Serial: record.Serial(fmt.Sprint(1 + h.IntN(4))),
	}
	return h.mostly(h.named("seller")), p
}

func (h *history) aboutSale(v *saleCase) (*person, record.Payload) {
	at := record.Time(h.now)
	switch h.IntN(12) {
	case 0:
		return h.mostly(v.holder), record.VoucherTransfer{Time: at, Voucher: v.id, To: h.keyOf(h.some())}
	case 1:
		return h.mostly(v.seller), record.VoucherVoid{Time: at, Voucher: v.id, Holder: h.keyOf(h.mostly(v.holder))}
	case 2, 3, 4:
		return h.mostly(v.seller), record.ShipmentCreate{Time: at, Voucher: v.id, Leg: record.Outbound,
			Carrier: h.keyOf(h.mostly(h.named("carrier"))), PickupHash: casetest.PickupHash(pickupKey)}
	case 5, 6, 7:
		ground := pickOf(h.Rand, record.Fault, record.Fault, record.NoReason, record.Delivery, record.Recall)
		return h.mostly(v.holder), record.ClaimOpen{Time: at, Voucher: v.id, Ground: ground,
			FaultCode: uint16(1 + h.IntN(2)), Remedy: h.remedy()}
	case 8:
		return h.mostly(v.buyer), record.Evaluate{Time: at, Voucher: v.id, Product: uint8(1 + h.IntN(5))}
	case 9:
		return h.mostly(v.buyer), record.EvaluateAmend{Time: at, Voucher: v.id}
	case 10:
		return h.mostly(v.seller), record.SellerReply{Time: at, Voucher: v.id}
	}
	return h.mostly(v.buyer), record.RewardClaim{Time: at, Voucher: v.id}
}

func (h *history) aboutParcel(p *parcel) (*person, record.Payload) {
	at := record.Time(h.now)
	has := h.mostly(p.custodian())
	switch h.IntN(10) {
	case 0, 1, 2:
		to := p.carrier
		if p.state == "exception" {
			to = p.sender
		} else if p.left {
			to = h.named("next carrier")
		}
		return has, record.CustodyHandover{Time: at, Shipment: p.id, To: h.keyOf(h.mostly(to))}
	case 3, 4, 5, 6:
		key := pickupKey
		if (p.leg != record.Outbound) != (h.IntN(10) == 0) {
			key = backPickupKey
		}
		if h.IntN(10) > 0 {
			h.nonce++
		}
		var nonce record.Nonce
		binary.BigEndian.PutUint64(nonce[:], h.nonce)
		return has, record.DeliveryConfirm{Time: at, Shipment: p.id, PickupKey: key, ChallengeNonce: nonce,
			ChallengeHeight: h.height - uint32(pickOf(h.Rand, 0, 1, 1, 1, 2, 143, 144, 145))}
	case 7:
		return h.mostly(pickOf(h.Rand, has, p.sender)), record.DeliveryException{Time: at, Shipment: p.id, Kind: pickOf(h.Rand, record.Refused, record.Lost)}
	case 8:
		return has, record.ProofOfAttempt{Time: at, Shipment: p.id}
	}
	return h.mostly(h.named("supervisor")), record.Ruling{Time: at, Subject: record.OnShipment, ID: p.id,
		Outcome: pickOf(h.Rand, record.RuledDelivered, record.RuledLost)}
}

func (h *history) aboutClaim(c *complaint) (*person, record.Payload) {
	at, dealer := record.Time(h.now), h.mostly(c.sale.seller)
	refund := func(remedy record.Remedy) record.Amount {
		if remedy != record.Refund {
			return 0
		}
		return 7 + record.Amount(h.IntN(6)/5)
	}
	asked := c.opened.Remedy
	switch h.IntN(18) {
	case 0, 1, 2:
		p := record.ClaimRespond{Time: at, Claim: c.id, Action: record.Authorise, Remedy: asked, Refund: refund(asked), ReturnNeeded: h.yes()}
		if h.IntN(3) == 0 {
			p = record.ClaimRespond{Time: at, Claim: c.id, Action: record.Reject, Cause: record.Misuse}
		} else if h.yes() {
			p.Action, p.Remedy = record.Offer, h.remedy()
			p.Refund = refund(p.Remedy)
		}
		if p.Action != record.Reject && h.yes() {
			p.Servicer = h.keyOf(h.mostly(h.named("servicer")))
		}
		return dealer, p
	case 3:
		return h.mostly(c.holder), record.ClaimAnswer{Time: at, Claim: c.id, Accept: h.yes()}
	case 4:
		return h.some(), record.EvidenceAdd{Time: at, Claim: c.id}
	case 5, 6:
		p := record.InspectionReport{Time: at, Claim: c.id, Finding: pickOf(h.Rand, record.Confirmed, record.NoFault)}
		if h.yes() {
			p.Seller = h.keyOf(dealer)
		}
		return h.mostly(h.named("servicer")), p
	case 7:
		return h.mostly(c.holder), record.ClaimWithdraw{Time: at, Claim: c.id}
	case 8, 9:
		return h.mostly(c.holder), record.ClaimEscalate{Time: at, Claim: c.id}
	case 10:
		remedy := h.remedy()
		p := record.Ruling{Time: at, Subject: record.OnClaim, ID: c.id, Outcome: record.Ordered, Remedy: remedy, Refund: refund(remedy), ExecuteDays: 20}
		if h.yes() {
			p.Outcome, p.Remedy, p.Refund, p.ExecuteDays = record.Dismissed, 0, 0, 0
		}
		return h.mostly(h.named("supervisor")), p
	case 11:
		return dealer, record.Pay{To: h.keyOf(h.mostly(c.holder)), Amount: 7 + record.Amount(h.IntN(3)-1), Reference: c.id}
	case 12, 13:
		return dealer, h.settlement(c)
	case 14:
		return h.mostly(c.holder), record.SettleConfirm{Time: at, Claim: c.id, Accept: h.yes()}
	case 15:
		return h.mostly(c.holder), record.ClaimClose{Time: at, Claim: c.id}
	case 16:
		return h.mostly(c.holder), record.ShipmentCreate{Time: at, Voucher: c.sale.id, Leg: record.Return, Claim: c.id,
			Carrier: h.named("carrier").key(), PickupHash: casetest.PickupHash(backPickupKey)}
	}
	return dealer, record.ShipmentCreate{Time: at, Voucher: c.sale.id, Leg: record.Replacement, Claim: c.id,
		Carrier: h.named("carrier").key(), PickupHash: casetest.PickupHash(backPickupKey)}
}

func (h *history) settlement(c *complaint) record.Payload {
	p := record.SettleExecute{Time: record.Time(h.now), Claim: c.id, Remedy: c.remedy}
	if c.remedy == 0 || h.IntN(10) == 0 {
		p.Remedy = h.remedy()
	}
	switch p.Remedy {
	case record.Refund:
		p.Payment = record.ID{1}
		ids := slices.SortedFunc(maps.Keys(h.payments), func(a, b record.ID) int { return slices.Compare(a[:], b[:]) })
		if len(ids) > 0 {
			p.Payment = pickOf(h.Rand, ids...)
		}
	case record.Replace:
		p.Replacement = last(h.vouchers).id
	}
	return p
}
