package traffic

import (
	"encoding/binary"
	"fmt"
	"slices"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// life is the case of one voucher, from the sale to its end. What happens in it
// follows from the chain and from [life.chance]; the fields that are not its
// name only save looking things up.
type life struct {
	number int // of the sale; the item's serial number and the buyer's key follow from it
	again  int // how many replacements were there before this voucher

	voucher  record.ID     // zero: not issued yet
	shipment record.ID     // the last one
	claim    record.ID     // the last one
	payment  record.ID     // of a refund that is not settled yet
	paid     paid          // for what
	blob     record.Digest // that was sealed last

	pending record.ID       // sent, and perhaps not mined yet
	done    map[string]bool // what happens once, by name
	last    record.ID       // the last record, and its author
	by      *author
	moved   uint32 // height at which something happened last
	over    bool
}

const (
	mostOpen  = 2000    // cases that are played at once
	patience  = 80      // blocks without anything, after which a case is left alone
	recovered = 1000    // sales that are looked at after a start
	mostLeft  = 100_000 // records in the pool that are looked at after a start
	mostGap   = 32      // sales in a row that never got into a block, at most
)

// serialForm has the number of the sale, and of the replacement.
const serialForm = "%08d-%d"

// chance tells whether something happens that does so in that many of 100
// cases. It is always the same for an id and a name.
func chance(id record.ID, name string, percent uint64) bool { return luck(id, name)%100 < percent }

// luck is a number that follows from an id and a name.
func luck(id record.ID, name string) uint64 {
	sum := pow.Sum(append(id[:], name...))
	return binary.LittleEndian.Uint64(sum[:])
}

// once tells whether something shall happen now that happens in that many of
// 100 cases, and then once.
func (l *life) once(id record.ID, name string, percent uint64) bool {
	key := fmt.Sprintf("%s %x", name, id[:8])
	return !l.done[key] && chance(id, name, percent)
}

// did notes what happens once.
func (l *life) did(id record.ID, name string) {
	if l.done == nil {
		l.done = map[string]bool{}
	}
	l.done[fmt.Sprintf("%s %x", name, id[:8])] = true
}

// serial returns the serial number of the item.
func (l *life) serial() record.Serial {
	return record.Serial(fmt.Sprintf(serialForm, l.number, l.again))
}

// name is an id for chance before there is a voucher.
func (l *life) name() record.ID { return pow.Sum([]byte(l.serial())) }

// product returns what is sold in a sale: it follows from the number.
func (p *players) product(l *life) *product {
	return &p.products[pow.Sum(fmt.Append(nil, "product", l.number))[0]%uint8(len(p.products))]
}

func (p *players) newLife(number, again int) *life {
	p.author(buyerName(number))
	return &life{number: number, again: again}
}

// cue looks at all open cases after a new block, and cues what their parties do
// next.
func (g *Generator) cue() error {
	p := &g.players
	p.cues = nil
	for _, a := range p.byKey {
		a.resting, a.asked = false, false
	}
	v, c := g.view()
	if err := g.prepare(v); err != nil {
		return err
	}
	if !p.found {
		if err := g.recover(v); err != nil {
			return err
		}
		p.found = true
	}
	if err := g.supervise(v, c.Height); err != nil {
		return err
	}
	first := len(p.cues)
	for _, l := range p.lives {
		if l.pending != (record.ID{}) && g.o.Pool.Get(l.pending) != nil {
			continue
		}
		d, err := g.step(l, book{v, c})
		if err != nil {
			return err
		}
		if d != nil {
			d.life = l
			p.cues = append(p.cues, d)
		} else if g.height > l.moved+patience {
			l.over = true
		}
	}
	g.random.Shuffle(len(p.cues)-first, func(i, j int) {
		p.cues[first+i], p.cues[first+j] = p.cues[first+j], p.cues[first+i]
	})
	p.forget()
	return nil
}

// forget leaves the cases that are over, and their buyers.
func (p *players) forget() {
	open := map[int]bool{}
	for _, l := range p.lives {
		open[l.number] = open[l.number] || !l.over
	}
	for _, l := range p.lives {
		if !open[l.number] {
			delete(p.byKey, p.buyer(l.number))
		}
	}
	p.lives = slices.DeleteFunc(p.lives, func(l *life) bool { return l.over })
}

// buyer returns the key of the buyer of a sale.
func (p *players) buyer(number int) record.Key { return record.PublicOf(p.secret(buyerName(number))) }

func buyerName(number int) string { return fmt.Sprintf("buyer %d", number) }

// play returns what a player does next: what a case waits for, or a new sale.
func (g *Generator) play() (*draft, error) {
	p := &g.players
	for len(p.cues) > 0 {
		d := p.cues[0]
		p.cues = p.cues[1:]
		if d.author.resting {
			continue
		}
		if d.life != nil {
			g.follow(d)
		}
		return d, nil
	}
	if len(p.lives) >= mostOpen {
		return nil, nil
	}
	seller := p.sellers[g.random.IntN(len(p.sellers))]
	l := p.newLife(p.next, 0)
	d := g.sell(l, seller, p.author(buyerName(l.number)))
	if d == nil {
		delete(p.byKey, p.buyer(l.number))
		return nil, nil
	}
	p.next++
	return d, nil
}

// follow lets the case remember the record.
func (g *Generator) follow(d *draft) {
	l, sent := d.life, d.sent
	d.sent = func(id record.ID) {
		l.pending, l.last, l.by, l.moved = id, id, d.author, g.height
		if sent != nil {
			sent(id)
		}
	}
}

// recoverPooled finds what an earlier run has left in the pool: which record
// waits for what it is about, and sales that are in no block yet.
func (g *Generator) recoverPooled() {
	p := &g.players
	p.left = map[record.ID]record.ID{}
	for _, r := range g.o.Pool.Best(mostLeft) {
		for _, id := range record.Subjects(r.Payload) {
			p.left[id] = r.ID()
		}
		sale, ok := r.Payload.(record.VoucherIssue)
		if !ok {
			continue
		}
		var number, again int
		if _, err := fmt.Sscanf(string(sale.Serial), serialForm, &number, &again); err != nil {
			continue // somebody else's
		}
		if again == 0 && number >= p.next && number < p.next+mostOpen {
			p.next = number + 1
		}
		l := p.newLife(number, again)
		l.voucher, l.pending, l.moved = r.ID(), r.ID(), g.o.Chain.Tip().Height
		p.lives = append(p.lives, l)
	}
}

// waits tells whether a record of an earlier run about one of the ids is still
// in the pool.
func (g *Generator) waits(l *life, ids ...record.ID) bool {
	for _, id := range ids {
		if left, ok := g.players.left[id]; ok && g.o.Pool.Get(left) != nil {
			l.pending = left
			return true
		}
	}
	return false
}

// recover finds the cases of an earlier run in the chain.
func (g *Generator) recover(v rules.View) error {
	p := &g.players
	used := func(from int) (bool, error) { // one of the sales from that number on
		for n := range mostGap {
			a, err := rules.GetAccount(v, p.buyer(from+n))
			if err != nil || a.Seq > 0 || a.Balance > 0 {
				return err == nil, err
			}
		}
		return false, nil
	}
	// The first number from which on nothing is used: doubling, then halving.
	low, high := 0, 1
	for {
		yes, err := used(high)
		if err != nil {
			return err
		}
		if !yes {
			break
		}
		low, high = high, 2*high
	}
	for low < high {
		middle := (low + high) / 2
		yes, err := used(middle)
		if err != nil {
			return err
		}
		if yes {
			low = middle + 1
		} else {
			high = middle
		}
	}
	p.next = low
	g.recoverPooled()
	for n := max(0, low-recovered); n < low; n++ {
		for again := 0; ; again++ {
			l := p.newLife(n, again)
			item, err := rules.GetItem(v, p.product(l).gtin, l.serial())
			if err != nil {
				return err
			}
			if item.Voucher == (record.ID{}) {
				if again == 0 {
					delete(p.byKey, p.buyer(n))
				}
				break
			}
			l.voucher, l.moved = item.Voucher, g.o.Chain.Tip().Height
			p.lives = append(p.lives, l)
		}
	}
	return nil
}
