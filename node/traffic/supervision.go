package traffic

import (
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
)

const (
	suspendEvery = 15  // blocks
	suspendedFor = 5   // blocks
	recallEvery  = 20  // blocks, of one item; every tenth time of all items
	correctEvery = 200 // cases and blocks
)

// supervise does what supervisors and makers do that belongs to no claim, and
// corrects records.
func (g *Generator) supervise(v rules.View, height uint32) error {
	p := &g.players
	for i, x := range p.sellers {
		s := g.supervisor(digestID("seller", i))
		switch {
		case s == nil:
		case x.suspended && g.random.IntN(suspendedFor) == 0:
			g.queueBy(x.name+" sells or not", s.author, record.SellerRestore{Time: g.now(), Seller: x.id(), Cause: record.Remedied, Text: digest("restored", height)})
		case !x.suspended && x.ready && g.random.IntN(suspendEvery*len(p.sellers)) == 0:
			g.queueBy(x.name+" sells or not", s.author, record.SellerSuspend{Time: g.now(), Seller: x.id(), Cause: record.Complaints, Text: digest("suspended", height)})
		}
	}
	if len(p.cases) == 0 {
		return nil
	}
	if sc := p.cases[g.random.IntN(len(p.cases))]; g.random.IntN(recallEvery) == 0 {
		product := p.product(sc)
		notice := record.RecallNotice{Time: g.now(), GTIN: product.gtin, Serial: sc.serial(), Text: digest("recall", height)}
		if g.random.IntN(10) == 0 {
			notice.Serial = ""
		}
		by := product.maker
		if g.random.IntN(2) == 0 {
			by = g.supervisor(sc.voucher)
		}
		if by != nil && by.ready {
			g.queueBy("recall", by.author, notice)
		}
	}
	for _, sc := range p.cases {
		if sc.by == nil || g.random.IntN(correctEvery) != 0 {
			continue
		}
		author, ok, err := rules.GetAuthor(v, sc.last)
		if err != nil {
			return err
		}
		if ok && author == sc.by.id() {
			g.queueBy("correction", sc.by, record.Correction{Time: g.now(), Record: sc.last, Cause: record.WrongData, Correct: digest("right", sc.last)})
			sc.by = nil
		}
	}
	return nil
}

// digestID names something that has no id.
func digestID(what string, n any) record.ID { return record.ID(digest(what, n)) }

// supervisor returns the supervisor for a case, or nil if it has no role yet.
func (g *Generator) supervisor(id record.ID) *player {
	all := g.players.supervisors
	if s := all[roll(id, "supervisor")%uint64(len(all))]; s.ready {
		return s
	}
	return nil
}

// rule decides a claim.
func (g *Generator) rule(v *rules.Voucher, c *rules.Claim) *draft {
	s := g.supervisor(c.ID)
	if s == nil {
		return nil
	}
	r := record.Ruling{Time: g.now(), Subject: record.OnClaim, ID: c.ID, Outcome: record.Dismissed, Text: digest("ruling", c.ID)}
	if chance(c.ID, "ordered", 65) {
		r.Outcome, r.Remedy, r.ExecuteDays = record.Ordered, c.Asked, uint16(5+roll(c.ID, "days")%10)
		if r.Remedy == record.Refund {
			r.Refund = v.Price
		}
	}
	return g.by(s.author, r)
}
