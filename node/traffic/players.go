package traffic

import (
	"fmt"

	"github.com/minio/sha256-simd"

	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// players are the parties to after-sales records, and their open cases.
type players struct {
	origin record.PrivateKey // the players' keys follow from it

	makers, sellers, carriers, servicers, supervisors []*player
	people                                            []*player // who get vouchers from their first buyers
	all                                               []*player
	products                                          []product
	byKey                                             map[record.Key]*author // whom the generator can sign for
	waits                                             map[string]record.ID   // records that belong to no case, by their end

	left  map[record.ID]record.ID // records of an earlier run in the pool, by what they are about
	found bool                    // whether the cases of an earlier run were looked for
	next  int                     // number of the next case
	cases []*saleCase             // open cases
	queue []*draft
}

// player is a party with a role, which it keeps.
type player struct {
	*author
	name  string
	role  record.Role // 0: none
	ready bool        // it has the role and some money

	suspended bool // of a seller
	published bool // of a carrier: its key for sealed data
}

// product is what a maker makes.
type product struct {
	gtin  record.GTIN
	maker *player
	days  uint16 // of warranty
	terms record.Digest
	known bool
}

const (
	playerFunds = 10_000 * record.Coin // that a player gets
	playerFloor = 1_000 * record.Coin  // when it has less
	playerFee   = 2_000                // to twice as much
)

func newPlayers(origin record.PrivateKey) players {
	p := players{origin: origin, byKey: map[record.Key]*author{}, waits: map[string]record.ID{}}
	add := func(role record.Role, name string, n int) []*player {
		var all []*player
		for i := range n {
			x := &player{name: fmt.Sprintf("%s %d", name, i+1), role: role}
			x.author = p.author(x.name)
			all = append(all, x)
		}
		p.all = append(p.all, all...)
		return all
	}
	p.supervisors = add(record.Supervisor, "supervisor", 2)
	p.makers = add(record.Manufacturer, "maker", 3)
	p.sellers = add(record.Seller, "seller", 6)
	p.carriers = add(record.Carrier, "carrier", 4)
	p.servicers = add(record.Servicer, "servicer", 2)
	p.people = add(0, "person", 8)
	for i := range 2 * len(p.makers) {
		p.products = append(p.products, product{
			gtin:  gtin(690_123_456_000 + uint64(i)),
			maker: p.makers[i%len(p.makers)],
			days:  uint16(30 * (i + 1)),
			terms: digest("terms of product", i),
		})
	}
	return p
}

// secret returns the signing key of a name.
func (p *players) secret(name string) record.PrivateKey {
	text := "stele traffic player " + name + "\x00"
	return record.KeyFromSeed(sha256.Sum256(append([]byte(text), p.origin.Seed()...)))
}

// author returns the account of a name, for which the generator can sign.
func (p *players) author(name string) *author {
	key := p.secret(name)
	public := record.PublicOf(key)
	if a := p.byKey[public]; a != nil {
		return a
	}
	a := &author{first: key, key: key}
	p.byKey[public] = a
	return a
}

// id returns the key of the account.
func (a *author) id() record.Key { return record.PublicOf(a.first) }

// gtin adds the last digit to the others.
func gtin(digits uint64) record.GTIN {
	for last := range uint64(10) {
		if g, err := record.ParseGTIN(record.GTIN(10*digits + last).String()); err == nil {
			return g
		}
	}
	panic("no last digit fits")
}

// digest stands for the hash of a document.
func digest(what string, n any) record.Digest {
	return sha256.Sum256(fmt.Appendf(nil, "%s %v", what, n))
}

// prepare finds out who has a role and money, and which products are registered,
// and queues what is missing.
func (g *Generator) prepare(v rules.View) error {
	p := &g.players
	for _, x := range p.all {
		a, err := rules.GetAccount(v, x.id())
		if err != nil {
			return err
		}
		x.ready, x.suspended = x.role == 0 || a.Roles.Has(x.role), a.Roles.Suspended()
		if !x.ready {
			g.queueBy(x.name+" gets its role", g.payer(), record.RoleGrant{Role: x.role, Key: x.id(), Approvers: g.payments.roots}, g.o.Roots...)
		}
		if x.role == record.Carrier && x.ready && !x.published {
			g.publish(x)
		}
		if a.Balance < playerFloor {
			x.ready = x.ready && a.Balance > playerFloor/10
			g.queueBy(x.name+" gets money", g.payer(), record.Pay{To: x.id(), Amount: playerFunds})
		}
	}
	for i := range p.products {
		x := &p.products[i]
		known, err := rules.GetProduct(v, x.gtin)
		if err != nil {
			return err
		}
		if x.known = known != nil; !x.known && x.maker.ready {
			g.queueBy(x.gtin.String()+" is registered", x.maker.author, record.ProductRegister{Time: g.now(), GTIN: x.gtin, WarrantyDays: x.days, Terms: x.terms})
		}
	}
	return nil
}

// publish publishes the key that data are sealed to for a carrier. Without it,
// the carrier gets nothing to carry.
func (g *Generator) publish(carrier *player) {
	notice, err := recipient.NewNotice(carrier.key)
	if err == nil {
		err = g.o.Custody.Publish(notice)
	}
	if err != nil {
		g.o.Log.Debug("traffic: carrier has no notice", "carrier", carrier.name, "err", err)
	}
	carrier.published = err == nil
}

// queueBy queues a record that belongs to no case, unless an earlier one for the
// same end is still pending.
func (g *Generator) queueBy(end string, a *author, payload record.Payload, with ...record.PrivateKey) {
	p := &g.players
	if a == nil || g.o.Pool.Get(p.waits[end]) != nil {
		return
	}
	d := g.by(a, payload, with...)
	d.sent = func(id record.ID) { p.waits[end] = id }
	p.queue = append(p.queue, d)
}

// by returns a draft with the fee of players.
func (g *Generator) by(a *author, payload record.Payload, with ...record.PrivateKey) *draft {
	return &draft{author: a, payload: payload, with: with, fee: playerFee + record.Amount(g.random.Uint64N(playerFee))}
}
