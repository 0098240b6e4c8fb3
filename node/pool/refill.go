package pool

import (
	"bytes"
	"cmp"
	"slices"

	"stele/node/block"
	"stele/node/ledger"
	"stele/node/record"
	"stele/node/reject"
)

// claim is an entry and the account that it belongs to.
type claim struct {
	entry
	account record.Key
}

// refill puts entries, which are in no queue, into queues as far as they are
// valid now. The others are forgotten; those that are in one of the blocks count
// as mined. The error is that of the view; entries that could not be judged
// are in no queue then, and still in the journal.
func (p *Pool) refill(v ledger.View, c ledger.Context, entries []entry, mined []*block.Block) error {
	if len(entries) == 0 {
		return nil
	}
	in := map[record.ID]bool{}
	for _, b := range mined {
		for _, r := range b.Records {
			in[r.ID()] = true
		}
	}
	var waiting []entry
	for _, e := range entries {
		if in[e.ID()] {
			p.forget([]entry{e}, &p.counts.Mined)
		} else {
			waiting = append(waiting, e)
		}
	}
	claims, err := p.claims(v, waiting)
	for len(claims) > 0 {
		n := 1
		for n < len(claims) && claims[n].account == claims[0].account {
			n++
		}
		if e := p.settle(v, c, claims[:n]); e != nil {
			err = cmp.Or(err, e)
		}
		claims = claims[n:]
	}
	return err
}

// claims finds the account of each entry and sorts them by account and
// sequence number; of two with the same number the better paying comes first. A
// key that one of the entries brings into use signs for the account of that
// entry.
func (p *Pool) claims(v ledger.View, entries []entry) ([]claim, error) {
	before := map[record.Key]record.Key{} // the key that each new key follows
	for _, e := range entries {
		if rotate, ok := e.Payload.(record.KeyRotate); ok {
			before[rotate.New] = e.Key
		}
	}
	accounts := map[record.Key]record.Key{}
	accountOf := func(key record.Key) (record.Key, error) {
		if account, ok := accounts[key]; ok {
			return account, nil
		}
		first := key
		for range len(before) { // records that contradict each other could make a circle
			prior, ok := before[first]
			if !ok {
				break
			}
			first = prior
		}
		account, err := ledger.GetAccount(v, first)
		if err == nil {
			accounts[key] = account.ID
		}
		return account.ID, err
	}
	claims := make([]claim, 0, len(entries))
	for _, e := range entries {
		account, err := accountOf(e.Key)
		if err != nil {
			return nil, err
		}
		claims = append(claims, claim{e, account})
	}
	slices.SortFunc(claims, func(a, b claim) int {
		return cmp.Or(
			bytes.Compare(a.account[:], b.account[:]),
			cmp.Compare(a.Seq, b.Seq),
			cmp.Compare(b.rate, a.rate),
			cmp.Compare(a.arrival, b.arrival),
		)
	})
	return claims, nil
}

// settle makes the queue of an account of the entries that claim it, which
// must be in order.
func (p *Pool) settle(v ledger.View, c ledger.Context, claims []claim) error {
	q := newQueue(claims[0].account)
	state, err := confirmed(v, c)
	if err != nil {
		return err
	}
	var kept []entry
	defer func() {
		if len(kept) > 0 {
			p.table.splice(q, 0, 0, kept...)
		}
	}()
	for _, claim := range claims {
		err := p.checkRotation(claim.Record, nil)
		if err == nil {
			err = ledger.Apply(state, c, claim.Record)
		}
		if _, refused := reject.Of(err); refused {
			p.forget([]entry{claim.entry}, &p.counts.Invalid)
		} else if err != nil {
			return err
		} else {
			kept = append(kept, claim.entry)
		}
	}
	return nil
}
