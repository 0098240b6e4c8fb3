package traffic

import (
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// book is the state that a step reads.
type book struct {
	rules.View
	rules.Context
}

// days returns how many days ago a median time was.
func (b book) days(since uint32) uint64 {
	return uint64(max(b.MedianTime, since)-since) / uint64(b.Params.AfterSales.Day)
}

// step returns what a party to the case does now, or nil if all of them wait.
func (g *Generator) step(l *life, b book) (*draft, error) {
	if l.voucher == (record.ID{}) {
		return nil, nil // its sale was refused
	}
	v, err := rules.GetVoucher(b, b.Context, l.voucher)
	if err != nil {
		return nil, err
	}
	if v == nil { // it got into no block
		l.over = true
		return nil, nil
	}
	if v.State == rules.VoucherVoid {
		l.over = true
		return nil, nil
	}
	var c *rules.Claim
	if v.Claim != (record.ID{}) {
		if c, err = rules.GetClaim(b, b.Context, v.Claim); err != nil {
			return nil, err
		}
		l.claim = v.Claim
	}
	// The goods first, wherever they are.
	shipments := []record.ID{v.Shipment}
	if c != nil {
		shipments = append(shipments, c.Return, c.SendBack)
	}
	if g.waits(l, append(shipments, v.ID, v.Claim)...) {
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
		l.shipment = id
		if d, err := g.carry(l, b, v, h); d != nil || err != nil {
			return d, err
		}
	}
	if c != nil && v.ClaimLive {
		if v.Shipment == (record.ID{}) && c.Executed == 0 && chance(c.ID, "sent at last", 30) {
			return g.ship(l, v, g.players.byKey[v.Seller], record.Outbound, record.ID{})
		}
		return g.settle(l, b, v, c)
	}
	if c != nil {
		if d, err := g.giveBack(l, v, c); d != nil || err != nil {
			return d, err
		}
	}
	switch v.State {
	case rules.VoucherIssued:
		return g.dispatch(l, b, v)
	case rules.VoucherActive, rules.VoucherExpired:
		if d := g.transfer(l, b, v); d != nil {
			return d, nil
		}
		if d := g.complain(l, b, v); d != nil {
			return d, nil
		}
	}
	return g.evaluate(l, b, v)
}

// sell returns the sale of an item, or nil if it cannot be sold now.
func (g *Generator) sell(l *life, seller *player, buyer *author) *draft {
	p := &g.players
	product := p.product(l)
	if seller == nil || !seller.ready || seller.suspended || !product.known || seller.resting {
		return nil
	}
	params := g.o.Params.AfterSales
	price := record.Coin + record.Amount(luck(l.name(), "price")%uint64(50*record.Coin))
	name := l.name()
	d := g.by(seller.author, record.VoucherIssue{
		Time: g.now(), GTIN: product.gtin, Serial: l.serial(), Buyer: record.PublicOf(buyer.key),
		Invoice: digest("invoice", l.serial()), Price: price, Quantity: 1,
		Distance:     chance(name, "distance", 70),
		WarrantyDays: product.days + uint16(luck(name, "warranty")%30),
		Terms:        product.terms,
		Burn:         max(params.VoucherFee, (price*record.Amount(params.FeePermille)+999)/1000),
		Stipend:      4 * params.MinStipend,
	}, buyer.key)
	d.life = l
	d.sent = func(id record.ID) {
		if l.voucher == (record.ID{}) {
			p.lives = append(p.lives, l)
		}
		l.voucher = id
	}
	g.follow(d)
	return d
}

// transfer sells an item on.
func (g *Generator) transfer(l *life, b book, v *rules.Voucher) *draft {
	p := &g.players
	if v.State != rules.VoucherActive || v.Holder != v.Buyer || !chance(v.ID, "transfer", 12) ||
		b.days(v.Delivered) < 2+luck(v.ID, "transfer after")%20 {
		return nil
	}
	to := p.people[luck(v.ID, "transfer to")%uint64(len(p.people))]
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
