package credit

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"

	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// drawn plays cases at random: each block has a record that the rules allow, whatever it
// is, so that claims take every way that there is.
type drawn struct {
	*chaintest.Story
	rng   *rand.Rand
	cases []*drawnCase
	done  map[string]int // records by what they are
}

type drawnCase struct {
	voucher, shipment, claim, payment record.ID
	pickup                            record.Key
}

// devFaucets derives the keys once: that takes longer than all else.
var devFaucets = sync.OnceValue(network.DevFaucets)

// drawCases returns a chain of random cases. All periods take a day of three blocks.
func drawCases(seed uint64, blocks int) *drawn {
	d := newDrawn(seed)
	for range blocks {
		if d.rng.IntN(3) == 0 {
			d.Tip = d.Extend(d.Tip)
			continue
		}
		for !d.try() {
		}
	}
	return d
}

func newDrawn(seed uint64) *drawn {
	p := chaintest.Network(func(p *network.Params) {
		a := &p.AfterSales
		a.Day = 3 * 64
		for _, days := range []*uint16{&a.RespondDays, &a.EscalateDays, &a.ExecuteDays, &a.ConfirmDays, &a.RulingDays, &a.AttemptDays, &a.ShipDays, &a.CarryDays} {
			*days = 1
		}
		a.ReturnDays, a.EvaluateDays, a.ExecuteDays = 1000, 1000, 4
	})
	return &drawn{Story: chaintest.NewStory(p, "1 Test Street"), rng: rand.New(rand.NewPCG(seed, 0)), done: map[string]int{}}
}

// arriveLate returns a chain in which goods arrive, by a ruling or by the carrier, after a
// supervisor has ordered a refund or, if executed, after the seller has given one.
func arriveLate(ruled, executed bool) *drawn {
	d := newDrawn(0)
	file := func(author record.Key, p record.Payload) record.ID {
		frame := d.Frame(d.Tip, author)
		frame.Payload = p
		r := d.Sign(frame)
		d.Tip = d.Extend(d.Tip, r)
		return r.ID()
	}
	wait := func(blocks int) { d.Tip = d.Grow(d.Tip, blocks, 0) }
	d.Sell()
	d.Send()
	d.HandOver()
	wait(10)
	now, carrier := record.Time(d.Tip.Header.Time), record.PublicOf(devFaucets()[d.SecondCarrier])
	if ruled {
		file(carrier, record.ProofOfAttempt{Time: now, Shipment: d.Shipment})
	}
	claim := file(d.Buyer, record.ClaimOpen{Time: now, Voucher: d.Voucher, Ground: record.Delivery, Remedy: record.Refund, Description: record.Digest{3}})
	if executed {
		file(d.Seller, record.ClaimRespond{Time: now, Claim: claim, Action: record.Authorise, Remedy: record.Refund, Refund: drawnPrice})
		payment := file(d.Seller, record.Pay{To: d.Buyer, Amount: drawnPrice, Reference: claim})
		file(d.Seller, record.SettleExecute{Time: now, Claim: claim, Remedy: record.Refund, Payment: payment})
	} else {
		file(d.Seller, record.ClaimRespond{Time: now, Claim: claim, Action: record.Reject, Cause: record.Misuse})
		file(d.Buyer, record.ClaimEscalate{Time: now, Claim: claim})
		file(d.Supervisor, record.Ruling{Time: now, Subject: record.OnClaim, ID: claim, Outcome: record.Ordered, Remedy: record.Refund, Refund: drawnPrice, ExecuteDays: 3, Text: record.Digest{5}})
	}
	if ruled {
		file(d.Supervisor, record.Ruling{Time: now, Subject: record.OnShipment, ID: d.Shipment, Outcome: record.RuledDelivered, Text: record.Digest{5}})
	} else {
		d.Deliver()
	}
	wait(20)
	return d
}

// try files a random record, and reports whether the rules allow it.
func (d *drawn) try() bool {
	author, p, what := d.draw()
	frame := d.Frame(d.Tip, author)
	frame.Payload, frame.Version = p, p.Type().Version()
	r := record.New(frame)
	s := rules.NewState(d.Tip.View())
	c := rules.Context{Params: d.Params, Height: d.Tip.Height() + 1, MedianTime: d.Tip.Node().MedianTime()}
	if r.Check(d.Params.ID) != nil || rules.Begin(s, c) != nil || rules.Apply(s, c, r) != nil {
		return false
	}
	r = d.Sign(frame)
	d.Tip = d.Extend(d.Tip, r)
	d.done[what]++
	d.remember(r)
	return true
}

// remember keeps the ids that later records name.
func (d *drawn) remember(r *record.Record) {
	switch p := r.Payload.(type) {
	case record.VoucherIssue:
		d.cases = append(d.cases, &drawnCase{voucher: r.ID()})
	case record.ShipmentCreate:
		d.of(func(c *drawnCase) bool { return c.voucher == p.Voucher }).shipment = r.ID()
	case record.ClaimOpen:
		d.of(func(c *drawnCase) bool { return c.voucher == p.Voucher }).claim = r.ID()
	case record.Pay:
		d.of(func(c *drawnCase) bool { return c.claim == p.Reference }).payment = r.ID()
	}
}

func (d *drawn) of(is func(*drawnCase) bool) *drawnCase {
	for _, c := range d.cases {
		if is(c) {
			return c
		}
	}
	panic("no such case")
}

const drawnPrice = 100 * record.Coin

// draw returns a random record, its author, and what it is.
func (d *drawn) draw() (record.Key, record.Payload, string) {
	now, a := record.Time(d.Tip.Header.Time), &d.Params.AfterSales
	if len(d.cases) == 0 || d.rng.IntN(400) == 0 {
		return d.Seller, record.VoucherIssue{
			Time: now, GTIN: chaintest.GTIN, Serial: record.Serial(fmt.Sprint(len(d.cases))), Buyer: d.Buyer, Invoice: record.Digest{2}, Price: drawnPrice,
			Quantity: 1, Distance: true, WarrantyDays: 365, Terms: record.Digest{1}, Burn: rules.MinBurn(a, drawnPrice), Stipend: a.MinStipend,
		}, "sale"
	}
	c := d.cases[max(0, len(d.cases)-1-d.rng.IntN(4))]
	switch d.rng.IntN(4) {
	case 0:
		return d.drawParcel(c, now)
	case 1:
		return d.drawSupervisor(c, now)
	case 2:
		return d.drawSeller(c, now)
	}
	return d.drawBuyer(c, now)
}

func (d *drawn) drawParcel(c *drawnCase, now record.Time) (record.Key, record.Payload, string) {
	carrier := record.PublicOf(devFaucets()[d.FirstCarrier])
	switch d.rng.IntN(6) {
	case 0:
		if c.pickup == (record.Key{}) {
			c.pickup = record.PublicOf(d.NewKey())
		}
		return d.Seller, record.ShipmentCreate{
			Time: now, Voucher: c.voucher, Leg: record.Outbound, Carrier: carrier,
			Commitment: record.Digest{9}, PickupHash: recipient.PickupHash(c.pickup), BlobHash: record.Digest{8},
		}, "shipment"
	case 1, 2:
		return d.Seller, record.CustodyHandover{Time: now, Shipment: c.shipment, To: carrier, BlobHash: record.Digest{8}}, "handover"
	case 3:
		var nonce record.Nonce
		binary.BigEndian.PutUint64(nonce[:], d.rng.Uint64())
		return carrier, record.DeliveryConfirm{Time: now, Shipment: c.shipment, PickupKey: c.pickup, ChallengeHeight: d.Tip.Height(), ChallengeNonce: nonce}, "delivery"
	case 4:
		return carrier, record.DeliveryException{Time: now, Shipment: c.shipment, Kind: record.Lost}, "lost"
	}
	return carrier, record.ProofOfAttempt{Time: now, Shipment: c.shipment}, "attempt"
}

func (d *drawn) drawSupervisor(c *drawnCase, now record.Time) (record.Key, record.Payload, string) {
	p := record.Ruling{Time: now, Subject: record.OnClaim, ID: c.claim, Outcome: record.Ordered, Remedy: record.Refund, Refund: drawnPrice, ExecuteDays: uint16(1 + d.rng.IntN(4)), Text: record.Digest{5}}
	switch d.rng.IntN(4) {
	case 0:
		p = record.Ruling{Time: now, Subject: record.OnClaim, ID: c.claim, Outcome: record.Dismissed, Text: record.Digest{5}}
		return d.Supervisor, p, "dismissed"
	case 1:
		p = record.Ruling{Time: now, Subject: record.OnShipment, ID: c.shipment, Outcome: record.RuledDelivered, Text: record.Digest{5}}
		return d.Supervisor, p, "ruled delivered"
	}
	return d.Supervisor, p, "ordered"
}

func (d *drawn) drawSeller(c *drawnCase, now record.Time) (record.Key, record.Payload, string) {
	respond := record.ClaimRespond{Time: now, Claim: c.claim, Action: record.Authorise, Remedy: record.Refund, Refund: drawnPrice}
	switch d.rng.IntN(6) {
	case 0:
		return d.Seller, respond, "authorised"
	case 1:
		if d.rng.IntN(3) > 0 {
			break
		}
		return d.Seller, record.ClaimRespond{Time: now, Claim: c.claim, Action: record.Reject, Cause: record.Misuse}, "rejected"
	case 2:
		if d.rng.IntN(20) == 0 {
			return d.Seller, record.VoucherVoid{Time: now, Voucher: c.voucher, Holder: d.Buyer, Cause: 1}, "void"
		}
		respond.Action, respond.Refund = record.Offer, drawnPrice/2
		return d.Seller, respond, "offered"
	case 3:
		if c.payment != (record.ID{}) && d.rng.IntN(8) > 0 {
			break
		}
		return d.Seller, record.Pay{To: d.Buyer, Amount: drawnPrice, Reference: c.claim}, "paid"
	}
	return d.Seller, record.SettleExecute{Time: now, Claim: c.claim, Remedy: record.Refund, Payment: c.payment}, "executed"
}

func (d *drawn) drawBuyer(c *drawnCase, now record.Time) (record.Key, record.Payload, string) {
	scores := func() uint8 { return uint8(1 + d.rng.IntN(5)) }
	switch d.rng.IntN(12) {
	case 0, 1:
		ground := []record.Ground{record.Fault, record.NoReason, record.Delivery, record.Delivery}[d.rng.IntN(4)]
		return d.Buyer, record.ClaimOpen{Time: now, Voucher: c.voucher, Ground: ground, Remedy: record.Refund, Description: record.Digest{3}}, "claim " + ground.String()
	case 2:
		return d.Buyer, record.ClaimAnswer{Time: now, Claim: c.claim, Accept: d.rng.IntN(2) == 0}, "answered"
	case 3:
		if d.rng.IntN(4) == 0 {
			return d.Buyer, record.ClaimWithdraw{Time: now, Claim: c.claim}, "withdrawn"
		}
		fallthrough
	case 4, 5:
		return d.Buyer, record.ClaimEscalate{Time: now, Claim: c.claim}, "escalated"
	case 6:
		return d.Buyer, record.SettleConfirm{Time: now, Claim: c.claim, Accept: true}, "accepted"
	case 7, 8:
		return d.Buyer, record.SettleConfirm{Time: now, Claim: c.claim}, "disputed"
	case 9:
		return d.Buyer, record.ClaimClose{Time: now, Claim: c.claim}, "closed"
	case 10:
		return d.Buyer, record.Evaluate{Time: now, Voucher: c.voucher, Product: scores(), Service: scores(), Logistics: scores()}, "evaluated"
	}
	return d.Buyer, record.EvaluateAmend{Time: now, Voucher: c.voucher, Product: scores(), Service: scores(), Logistics: scores()}, "amended"
}
