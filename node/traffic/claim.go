package traffic

import (
	"cmp"
	"errors"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// complain opens a claim, if the holder wants something that the warranty gives.
func (g *Generator) complain(sc *saleCase, b chainView, v *rules.Voucher) *draft {
	if v.State == rules.VoucherExpired && !v.Recalled {
		return nil
	}
	p := &b.Params.AfterSales
	// What comes after the last claim follows from it.
	name, percent := v.ID, uint64(45)
	if v.Claim != (record.ID{}) {
		name, percent = v.Claim, 40
	}
	age := b.days(v.Delivered)
	open := record.ClaimOpen{Time: g.now(), Voucher: v.ID, Ground: record.Fault, FaultCode: 1 + uint16(roll(v.ID, "fault")%9), Remedy: record.Repair}
	open.Description = digest("fault", name)
	switch {
	case v.Recalled && chance(name, "recalled", 50):
		open.Ground, open.Remedy = record.Recall, record.Refund+record.Remedy(roll(name, "remedy")%3)
	case !chance(name, "claim", percent) || v.State != rules.VoucherActive:
		return nil
	case v.Distance && age < uint64(p.ReturnDays) && chance(name, "no reason", 20):
		open.Ground, open.FaultCode, open.Remedy = record.NoReason, 0, record.Refund
	case age < roll(name, "claim after")%min(25, uint64(v.WarrantyDays)):
		return nil // not broken yet
	case age < uint64(p.ReturnDays):
		open.Remedy = record.Refund + record.Remedy(roll(name, "remedy")%3)
	case age < uint64(p.ExchangeDays):
		open.Remedy = record.Replace + record.Remedy(roll(name, "remedy")%2)
	case v.Repairs >= p.RepairLimit && v.LastFault == open.FaultCode:
		open.Remedy = record.Replace
	}
	return g.party(v.Holder, open)
}

// settle does what the next party to an open claim does.
func (g *Generator) settle(sc *saleCase, b chainView, v *rules.Voucher, c *rules.Claim) (*draft, error) {
	if d, err := g.prove(sc, b, v, c); d != nil || err != nil {
		return d, err
	}
	p := &b.Params.AfterSales
	period, end := c.Deadline(p)
	over := period != 0 && uint64(b.MedianTime) > end
	if over && period == rules.ExecutePeriod && chance(c.ID, "patient", 80) {
		return g.escalate(c), nil
	}
	switch c.State {
	case rules.ClaimOpen:
		switch n := roll(c.ID, "response") % 100; {
		case chance(c.ID, "withdraw", 6):
			return g.withdraw(c), nil
		case n < 85:
			return g.respond(sc, v, c, n), nil
		case over && chance(c.ID, "escalate", 80):
			return g.escalate(c), nil
		}
	case rules.ClaimOffered:
		if chance(c.ID, "no answer", 20) {
			return nil, nil
		}
		return g.party(c.Holder, record.ClaimAnswer{Time: g.now(), Claim: c.ID, Accept: chance(c.ID, "accept", 65)}), nil
	case rules.ClaimRejected:
		if d, err := g.giveBack(sc, v, c); d != nil || err != nil {
			return d, err
		}
		if chance(c.ID, "contest", 60) && !over {
			return g.escalate(c), nil
		}
	case rules.ClaimAuthorised:
		switch {
		case c.ReturnNeeded && chance(c.ID, "keep", 6):
			return g.withdraw(c), nil
		case c.ReturnNeeded && c.Received == 0 && chance(c.ID, "never sent back", 8):
		case c.ReturnNeeded && c.Received == 0:
			return g.sendBack(sc, b, v, c)
		case !chance(c.ID, "idle", 12):
			return g.execute(sc, b, v, c)
		}
	case rules.ClaimReceived:
		return g.inspect(v, c), nil
	case rules.ClaimInspected:
		return g.execute(sc, b, v, c)
	case rules.ClaimExecuted:
		return g.confirm(sc, v, c)
	case rules.ClaimEscalated:
		if chance(c.ID, "no ruling", 12) {
			if over {
				return g.party(c.Holder, record.ClaimClose{Time: g.now(), Claim: c.ID}), nil
			}
			return nil, nil
		}
		return g.rule(v, c), nil
	case rules.ClaimOrdered:
		if !chance(c.ID, "default", 25) {
			return g.execute(sc, b, v, c)
		}
	case rules.ClaimDefaulted:
		switch {
		case chance(c.ID, "late", 50):
			return g.execute(sc, b, v, c)
		case chance(c.ID, "give up", 60):
			return g.party(c.Holder, record.ClaimClose{Time: g.now(), Claim: c.ID}), nil
		}
	}
	return nil, nil
}

// confirm returns what follows the execution of a remedy: repaired goods go back,
// and the holder is content, or not, or says nothing.
func (g *Generator) confirm(sc *saleCase, v *rules.Voucher, c *rules.Claim) (*draft, error) {
	if c.Remedy == record.Repair && c.Received != 0 && c.SendBack == (record.ID{}) {
		return g.ship(sc, v, g.players.byKey[v.Seller], record.Replacement, c.ID)
	}
	switch n := roll(c.ID, "content") % 100; {
	case n < 75:
		return g.party(c.Holder, record.SettleConfirm{Time: g.now(), Claim: c.ID, Accept: true}), nil
	case n < 85 && !c.Ruled && c.Round < 2:
		return g.party(c.Holder, record.SettleConfirm{Time: g.now(), Claim: c.ID}), nil
	}
	return nil, nil
}

// giveBack sends goods to the holder that came back, and for which no remedy is
// given.
func (g *Generator) giveBack(sc *saleCase, v *rules.Voucher, c *rules.Claim) (*draft, error) {
	if c.Received == 0 || c.SendBack != (record.ID{}) || c.State == rules.ClaimSettled || v.State.Final() || !chance(c.ID, "given back", 70) {
		return nil, nil
	}
	return g.ship(sc, v, g.players.byKey[v.Seller], record.Replacement, c.ID)
}

// prove adds evidence of a party to the claim.
func (g *Generator) prove(sc *saleCase, b chainView, v *rules.Voucher, c *rules.Claim) (*draft, error) {
	h, err := rules.GetShipment(b, v.Shipment)
	if err != nil {
		return nil, err
	}
	var carrier record.Key // that had the goods last
	if h != nil {
		carrier = h.Carrier
	}
	for _, x := range []struct {
		name string
		id   record.Key
		note string
	}{
		{"holder's evidence", c.Holder, "Photographs of the fault."},
		{"seller's evidence", v.Seller, "The packing was intact when the goods left."},
		{"servicer's evidence", cmp.Or(c.Inspector, c.Servicer), "Oscillogram of the power supply."},
		{"carrier's evidence", carrier, "The parcel was whole at the door."},
	} {
		if x.id == (record.Key{}) || !sc.once(c.ID, x.name, 15) {
			continue
		}
		sc.did(c.ID, x.name)
		return g.party(x.id, record.EvidenceAdd{Time: g.now(), Claim: c.ID, Evidence: digest(x.name, c.ID), Note: x.note}), nil
	}
	return nil, nil
}

// respond answers a claim: n is what the seller is like.
func (g *Generator) respond(sc *saleCase, v *rules.Voucher, c *rules.Claim, n uint64) *draft {
	r := record.ClaimRespond{Time: g.now(), Claim: c.ID, Action: record.Authorise, Remedy: c.Asked, Text: digest("response", c.ID)}
	r.ReturnNeeded = c.Ground != record.Delivery && c.Asked != 0 && chance(c.ID, "return", 60)
	switch {
	case n >= 70:
		r.Action = record.Offer
		r.Remedy = record.Repair
		if c.Asked == record.Repair || c.Ground == record.Delivery {
			r.Remedy = record.Refund
		}
	case n >= 55:
		r.Action, r.Remedy, r.ReturnNeeded = record.Reject, 0, false
		r.Cause = record.Misuse + record.RejectCause(roll(c.ID, "cause")%6)
	}
	if r.ReturnNeeded && chance(c.ID, "named", 50) {
		r.Servicer = g.servicer(c)
	}
	if r.Remedy == record.Refund {
		r.Refund = v.Price
		if r.Action == record.Offer {
			r.Refund = v.Price / 2
		}
	}
	by := v.Seller
	if chance(c.ID, "by maker", 20) {
		by = g.players.product(sc).maker.id()
	}
	return g.party(by, r)
}

func (g *Generator) withdraw(c *rules.Claim) *draft {
	return g.party(c.Holder, record.ClaimWithdraw{Time: g.now(), Claim: c.ID})
}

func (g *Generator) escalate(c *rules.Claim) *draft {
	return g.party(c.Holder, record.ClaimEscalate{Time: g.now(), Claim: c.ID, Text: digest("escalation", c.ID)})
}

// sendBack sends faulty goods to the seller. Goods that got lost are not sent
// again: the parties have to settle it otherwise.
func (g *Generator) sendBack(sc *saleCase, b chainView, v *rules.Voucher, c *rules.Claim) (*draft, error) {
	if c.Return != (record.ID{}) {
		h, err := rules.GetShipment(b, c.Return)
		if err != nil || h == nil || h.State != rules.ShipmentReturned {
			return nil, err
		}
	}
	return g.ship(sc, v, g.players.byKey[c.Holder], record.Return, c.ID)
}

func (g *Generator) inspect(v *rules.Voucher, c *rules.Claim) *draft {
	finding := record.Confirmed
	if chance(c.ID, "no fault", 15) {
		finding = record.NoFault
	}
	report := record.InspectionReport{Time: g.now(), Claim: c.ID, Finding: finding, Report: digest("inspection", c.ID)}
	seller := g.players.byKey[v.Seller]
	switch {
	case seller == nil || !chance(c.ID, "servicer", 70):
		return g.party(v.Seller, report)
	case c.Servicer != (record.Key{}):
		return g.party(c.Servicer, report)
	}
	report.Seller = record.PublicOf(seller.key)
	return g.party(g.servicer(c), report, seller.key)
}

// servicer returns who inspects the goods of a claim, if not the seller.
func (g *Generator) servicer(c *rules.Claim) record.Key {
	servicers := g.players.servicers
	return servicers[roll(c.ID, "which")%uint64(len(servicers))].id()
}

// execute gives the holder the remedy: a payment or a new voucher first, and
// then the record that names it.
func (g *Generator) execute(sc *saleCase, b chainView, v *rules.Voucher, c *rules.Claim) (*draft, error) {
	by := v.Seller
	x := record.SettleExecute{Time: g.now(), Claim: c.ID, Remedy: c.Remedy}
	switch c.Remedy {
	case record.Refund:
		if sc.paid != (paid{c.ID, c.Round}) {
			return g.refund(sc, v, c), nil
		}
		if _, err := g.o.Chain.Find(sc.payment); errors.Is(err, store.ErrNotFound) { // it was rejected after all
			return g.refund(sc, v, c), nil
		}
		x.Payment = sc.payment
	case record.Replace:
		other, fit, err := g.replacement(sc, b, v, c)
		if err != nil {
			return nil, err
		}
		if fit == (record.ID{}) {
			holder := g.players.byKey[c.Holder]
			if holder == nil {
				return nil, nil
			}
			d := g.sell(other, g.players.player(v.Seller), holder)
			if d != nil {
				d.sc = sc
			}
			return d, nil
		}
		x.Replacement = fit
	default:
		x.Report = digest("repair", c.ID)
	}
	return g.party(by, x), nil
}

// replacement returns the voucher that was issued for a claim, or else a case
// for one that can be.
func (g *Generator) replacement(sc *saleCase, b chainView, v *rules.Voucher, c *rules.Claim) (other *saleCase, fit record.ID, err error) {
	for again := sc.again + 1; ; again++ {
		other = &saleCase{number: sc.number, again: again}
		item, err := rules.GetItem(b, v.GTIN, other.serial())
		if err != nil || item.Voucher == (record.ID{}) {
			return other, record.ID{}, err
		}
		w, err := rules.GetVoucher(b, b.Context, item.Voucher)
		if err != nil {
			return nil, record.ID{}, err
		}
		if w.Replaces == (record.ID{}) && w.Issued >= c.Agreed && w.Holder == c.Holder && !w.State.Final() {
			return nil, w.ID, nil
		}
	}
}

// paid says what a payment was made for.
type paid struct {
	claim record.ID
	round uint8
}

// refund pays the holder.
func (g *Generator) refund(sc *saleCase, v *rules.Voucher, c *rules.Claim) *draft {
	holder := g.players.byKey[c.Holder]
	if holder == nil {
		return nil
	}
	d := g.party(v.Seller, record.Pay{To: record.PublicOf(holder.key), Amount: c.Refund, Reference: c.ID})
	if d != nil {
		d.sent = func(id record.ID) { sc.payment, sc.paid = id, paid{c.ID, c.Round} }
	}
	return d
}
