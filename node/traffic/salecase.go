package traffic

import (
	"encoding/binary"
	"fmt"
	"slices"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

// saleCase is the case of one voucher, from the sale to its end. What happens in it
// follows from the chain and from chance; the fields that do not name it only save
// look-ups.
type saleCase struct {
	number int // of the sale; the item's serial number and the buyer's key follow from it
	again  int // number of replacements before this voucher

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
	maxOpen   = 2000    // open cases at once
	patience  = 80      // blocks without a record, after which a case is dropped
	recovered = 1000    // sales that are looked at after a start
	maxLeft   = 100_000 // records in the pool that are looked at after a start
	maxGap    = 32      // sales in a row that never got into a block, at most
)

// serialForm is the form of serial numbers: the number of the sale, and that of the
// replacement.
const serialForm = "%08d-%d"

// chance reports whether something happens that does so in that many of 100
// cases. For an ID and a name the answer is always the same.
func chance(id record.ID, name string, percent uint64) bool { return roll(id, name)%100 < percent }

// roll returns a number that looks random and follows from an ID and a name.
func roll(id record.ID, name string) uint64 {
	sum := pow.Sum(append(id[:], name...))
	return binary.LittleEndian.Uint64(sum[:])
}

// once reports whether something happens now that happens in that many of 100
// cases, and then once.
func (sc *saleCase) once(id record.ID, name string, percent uint64) bool {
	key := fmt.Sprintf("%s %x", name, id[:8])
	return !sc.done[key] && chance(id, name, percent)
}

// did records that it happened.
func (sc *saleCase) did(id record.ID, name string) {
	if sc.done == nil {
		sc.done = map[string]bool{}
	}
	sc.done[fmt.Sprintf("%s %x", name, id[:8])] = true
}

// serial returns the serial number of the item.
func (sc *saleCase) serial() record.Serial {
	return record.Serial(fmt.Sprintf(serialForm, sc.number, sc.again))
}

// name is an id for chance before there is a voucher.
func (sc *saleCase) name() record.ID { return pow.Sum([]byte(sc.serial())) }

// product returns what is sold in a sale: it follows from the number.
func (p *players) product(sc *saleCase) *product {
	return &p.products[pow.Sum(fmt.Append(nil, "product", sc.number))[0]%uint8(len(p.products))]
}

func (p *players) newCase(number, again int) *saleCase {
	p.author(buyerName(number))
	return &saleCase{number: number, again: again}
}

// queueActions looks up all open cases after a new block, and queues what their
// parties do next.
func (g *Generator) queueActions() error {
	p := &g.players
	p.queue = nil
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
	first := len(p.queue)
	for _, sc := range p.cases {
		if sc.pending != (record.ID{}) && g.o.Pool.Get(sc.pending) != nil {
			continue
		}
		d, err := g.step(sc, chainView{v, c})
		if err != nil {
			return err
		}
		if d != nil {
			d.sc = sc
			p.queue = append(p.queue, d)
		} else if g.height > sc.moved+patience {
			sc.over = true
		}
	}
	g.random.Shuffle(len(p.queue)-first, func(i, j int) {
		p.queue[first+i], p.queue[first+j] = p.queue[first+j], p.queue[first+i]
	})
	p.dropClosed()
	return nil
}

// dropClosed removes the cases that are over, and their buyers.
func (p *players) dropClosed() {
	open := map[int]bool{}
	for _, sc := range p.cases {
		open[sc.number] = open[sc.number] || !sc.over
	}
	for _, sc := range p.cases {
		if !open[sc.number] {
			delete(p.byKey, p.buyer(sc.number))
		}
	}
	p.cases = slices.DeleteFunc(p.cases, func(sc *saleCase) bool { return sc.over })
}

// buyer returns the key of the buyer of a sale.
func (p *players) buyer(number int) record.Key { return record.PublicOf(p.secret(buyerName(number))) }

func buyerName(number int) string { return fmt.Sprintf("buyer %d", number) }

// nextAction returns what a player does next: what a case waits for, or a new sale.
func (g *Generator) nextAction() (*draft, error) {
	p := &g.players
	for len(p.queue) > 0 {
		d := p.queue[0]
		p.queue = p.queue[1:]
		if d.author.resting {
			continue
		}
		if d.sc != nil {
			g.follow(d)
		}
		return d, nil
	}
	if len(p.cases) >= maxOpen {
		return nil, nil
	}
	seller := p.sellers[g.random.IntN(len(p.sellers))]
	sc := p.newCase(p.next, 0)
	d := g.sell(sc, seller, p.author(buyerName(sc.number)))
	if d == nil {
		delete(p.byKey, p.buyer(sc.number))
		return nil, nil
	}
	p.next++
	return d, nil
}

// follow makes the case remember the record when it is admitted.
func (g *Generator) follow(d *draft) {
	sc, sent := d.sc, d.sent
	d.sent = func(id record.ID) {
		sc.pending, sc.last, sc.by, sc.moved = id, id, d.author, g.height
		if sent != nil {
			sent(id)
		}
	}
}

// recoverPooled finds the records of an earlier run that are still in the pool, by
// what they are about, and the sales among them.
func (g *Generator) recoverPooled() {
	p := &g.players
	p.left = map[record.ID]record.ID{}
	for _, r := range g.o.Pool.Best(maxLeft) {
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
		if again == 0 && number >= p.next && number < p.next+maxOpen {
			p.next = number + 1
		}
		sc := p.newCase(number, again)
		sc.voucher, sc.pending, sc.moved = r.ID(), r.ID(), g.o.Chain.Tip().Height
		p.cases = append(p.cases, sc)
	}
}

// waits reports whether a record of an earlier run about one of the IDs is still
// in the pool.
func (g *Generator) waits(sc *saleCase, ids ...record.ID) bool {
	for _, id := range ids {
		if left, ok := g.players.left[id]; ok && g.o.Pool.Get(left) != nil {
			sc.pending = left
			return true
		}
	}
	return false
}

// recover finds the cases of an earlier run in the chain.
func (g *Generator) recover(v rules.View) error {
	p := &g.players
	used := func(from int) (bool, error) { // one of the sales from that number on
		for n := range maxGap {
			a, err := rules.GetAccount(v, p.buyer(from+n))
			if err != nil || a.Seq > 0 || a.Balance > 0 {
				return err == nil, err
			}
		}
		return false, nil
	}
	// Find the first number from which on none is used: first double, then halve.
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
			sc := p.newCase(n, again)
			item, err := rules.GetItem(v, p.product(sc).gtin, sc.serial())
			if err != nil {
				return err
			}
			if item.Voucher == (record.ID{}) {
				if again == 0 {
					delete(p.byKey, p.buyer(n))
				}
				break
			}
			sc.voucher, sc.moved = item.Voucher, g.o.Chain.Tip().Height
			p.cases = append(p.cases, sc)
		}
	}
	return nil
}
