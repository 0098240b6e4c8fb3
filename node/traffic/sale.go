package traffic

import (
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// chainView is the state that a step reads.
type chainView struct {
	rules.View
	rules.Context
}

// days returns how many days ago a median time was.
func (b chainView) days(since uint32) uint64 {
	return uint64(max(b.MedianTime, since)-since) / uint64(b.Params.AfterSales.Day)
}

// step returns what a party to the case does now, or nil if all of them wait.
func (g *Generator) step(sc *saleCase, b chainView) (*draft, error) {
	if sc.voucher == (record.ID{}) {
		return nil, nil // its sale was rejected
	}
	v, err := rules.GetVoucher(b, b.Context, sc.voucher)
	if err != nil {
		return nil, err
	}
	if v == nil || v.State == rules.VoucherVoid { // nil: it got into no block
		sc.over = true
		return nil, nil
	}
	var c *rules.Claim
	if v.Claim != (record.ID{}) {
		if c, err = rules.GetClaim(b, b.Context, v.Claim); err != nil {
			return nil, err
		}
		sc.claim = v.Claim
	}
	// The goods first, wherever they are.
	shipments := []record.ID{v.Shipment}
	if c != nil {
		shipments = append(shipments, c.Return, c.SendBack)
	}
	if g.waits(sc, append(shipments, v.ID, v.Claim)...) {
		return nil, nil
	}
	for _, id := range shipments {
		if id == (record.ID{}) {
			continue
		}
		h, err := rules.GetShipment(b, id)
		if err != nil || h == nil {
			return nil, err
		}
		sc.shipment = id
		if d, err := g.carry(sc, b, v, h); d != nil || err != nil {
			return d, err
		}
	}
	return g.afterGoods(sc, b, v, c)
}

// afterGoods returns what a case does while no parcel of it is under way. c is nil if
// nobody has complained.
func (g *Generator) afterGoods(sc *saleCase, b chainView, v *rules.Voucher, c *rules.Claim) (*draft, error) {
	if c != nil && v.ClaimLive {
		if v.Shipment == (record.ID{}) && c.Executed == 0 && chance(c.ID, "sent at last", 30) {
			return g.ship(sc, v, g.players.byKey[v.Seller], record.Outbound, record.ID{})
		}
		return g.settle(sc, b, v, c)
	}
	if c != nil {
		if d, err := g.giveBack(sc, v, c); d != nil || err != nil {
			return d, err
		}
	}
	switch v.State {
	case rules.VoucherIssued:
		return g.dispatch(sc, b, v)
	case rules.VoucherActive, rules.VoucherExpired:
		if d := g.transfer(sc, b, v); d != nil {
			return d, nil
		}
		if d := g.complain(sc, b, v); d != nil {
			return d, nil
		}
	}
	return g.evaluate(sc, b, v)
}

// sell returns the sale of an item, or nil if it cannot be sold now.
func (g *Generator) sell(sc *saleCase, seller *player, buyer *author) *draft {
	p := &g.players
	product := p.product(sc)
	if seller == nil || !seller.ready || seller.suspended || !product.known || seller.resting {
		return nil
	}
	params := g.o.Params.AfterSales
	price := record.Coin + record.Amount(roll(sc.name(), "price")%uint64(50*record.Coin))
	name := sc.name()
	d := g.by(seller.author, record.VoucherIssue{
		Time: g.now(), GTIN: product.gtin, Serial: sc.serial(), Buyer: record.PublicOf(buyer.key),
		Invoice: digest("invoice", sc.serial()), Price: price, Quantity: 1,
		Distance:     chance(name, "distance", 70),
		WarrantyDays: product.days + uint16(roll(name, "warranty")%30),
		Terms:        product.terms,
		Burn:         max(params.VoucherFee, (price*record.Amount(params.FeePermille)+999)/1000),
		Stipend:      4 * params.MinStipend,
	}, buyer.key)
	d.sc = sc
	d.sent = func(id record.ID) {
		if sc.voucher == (record.ID{}) {
			p.cases = append(p.cases, sc)
		}
		sc.voucher = id
	}
	g.follow(d)
	return d
}

// transfer sells an item on.
func (g *Generator) transfer(sc *saleCase, b chainView, v *rules.Voucher) *draft {
	p := &g.players
	if v.State != rules.VoucherActive || v.Holder != v.Buyer || !chance(v.ID, "transfer", 12) ||
		b.days(v.Delivered) < 2+roll(v.ID, "transfer after")%20 {
		return nil
	}
	to := p.people[roll(v.ID, "transfer to")%uint64(len(p.people))]
	if v.Holder == to.id() {
		return nil
	}
	return g.party(v.Holder, record.VoucherTransfer{Time: g.now(), Voucher: v.ID, To: to.id()}, to.key)
}

// party returns a draft of a party to the case, or nil if the generator cannot
// sign for it.
func (g *Generator) party(id record.Key, payload record.Payload, with ...record.PrivateKey) *draft {
	a := g.players.byKey[id]
	if a == nil {
		return nil
	}
	return g.by(a, payload, with...)
}
