package pool

import (
	"stele/node/ledger"
	"stele/node/record"
	"stele/node/reject"
)

// mostHeld is how many records Add looks at before others get a turn.
const mostHeld = 256

// Add admits records to the pool. It returns an error for each, or nil for one
// that was accepted: that one is in the journal, on disk. Records of one account
// must come in order; a record may rest on others of the same call.
//
// A record that is refused gives an error with a reason (reject.Of), among
// them those of record.Check, record.Verify and ledger.Apply, and
// [reject.AlreadyPooled], [reject.FeeRateTooLow], [reject.QueueFull],
// [reject.PoolFull], [reject.ReplacementTooLow]. Any other error means that the
// state or the journal failed. If it was the journal, the record may be in the
// pool, but would not survive a crash: add it again. As long as the journal
// fails, nothing more is admitted.
//
// A record takes the place of one with the same account and sequence number if
// it pays a tenth more, and at least the minimum rate more, if its rate is not
// lower, and if those behind it in the queue remain valid.
func (p *Pool) Add(records ...*record.Record) []error {
	verdicts := make([]error, len(records))
	if p.failing.Load() {
		if err := p.Flush(); err != nil {
			for i := range verdicts {
				verdicts[i] = err
			}
			return verdicts
		}
	}
	// The cheapest questions first: no signature is checked of a record that is
	// refused anyway.
	p.screen(records, verdicts)
	p.verify(records, verdicts)
	p.admit(records, verdicts)

	unsaved := false
	for _, err := range verdicts {
		unsaved = unsaved || err == nil || isPooled(err)
	}
	if unsaved {
		if err := p.Flush(); err != nil {
			for i, verdict := range verdicts {
				if verdict == nil || isPooled(verdict) {
					verdicts[i] = err
				}
			}
		}
	}
	return verdicts
}

func isPooled(err error) bool {
	reason, _ := reject.Of(err)
	return reason == reject.AlreadyPooled
}

// screen refuses what can be refused without checking a signature or applying
// a record.
func (p *Pool) screen(records []*record.Record, verdicts []error) {
	rotated := map[record.Key]bool{} // keys that records of this call bring into use
	for at := 0; at < len(records); at += mostHeld {
		end := min(at+mostHeld, len(records))
		p.mu.Lock()
		v, c := p.o.View(), p.o.Context()
		for i, r := range records[at:end] {
			err := p.screenOne(v, c, r, rotated[r.Key])
			if rotate, ok := r.Payload.(record.KeyRotate); ok && err == nil {
				rotated[rotate.New] = true
			}
			verdicts[at+i] = err
		}
		p.mu.Unlock()
	}
}

// screenOne looks at one record. The account of a new key is not known yet.
func (p *Pool) screenOne(v ledger.View, c ledger.Context, r *record.Record, newKey bool) error {
	if p.table.records[r.ID()] != nil {
		return errPooled(r)
	}
	if p.forged.has(r.FullHash()) {
		return reject.New(reject.BadSignature, "the signatures of this record were found to be bad before")
	}
	if err := r.Check(c.Params.ID); err != nil {
		return err
	}
	switch rate := RateOf(r); {
	case r.Payload.Type() == record.TypeCoinbase:
		return reject.New(reject.MisplacedCoinbase, "a COINBASE can only be in a block")
	case rate < p.o.MinRate:
		return reject.New(reject.FeeRateTooLow, "the fee is %d per 1000 bytes, at least %d are asked for", rate, p.o.MinRate)
	case c.Height > r.ValidUntil:
		return reject.New(reject.Expired, "valid until height %d, the next block has height %d", r.ValidUntil, c.Height)
	case newKey:
		return nil
	}
	q, account, err := p.find(v, r.Key)
	if err != nil {
		return err
	}
	next := account.Seq
	if q != nil {
		next = max(next, q.next())
	}
	switch {
	case r.Seq < account.Seq:
		return reject.New(reject.SequenceUsed, "sequence number %d is used, the next is %d", r.Seq, next)
	case r.Seq > next && r.Seq-next >= uint64(p.o.MaxPerAccount):
		return errGap(r, next)
	}
	if err := checkFee(v, c, account, r.Fee); err != nil {
		return err
	}
	if old := q.at(r.Seq); old != nil {
		return p.checkReplacement(*old, r)
	}
	return p.checkRoom(q, r)
}

// checkFee refuses a fee that the account does not have, nor will have in the
// next block by a coinbase that matures.
func checkFee(v ledger.View, c ledger.Context, account ledger.Account, fee record.Amount) error {
	if fee <= account.Balance {
		return nil
	}
	state, err := confirmed(v, c)
	if err != nil {
		return err
	}
	if account, err = ledger.GetAccount(state, account.ID); err != nil {
		return err
	}
	if fee > account.Balance {
		return reject.New(reject.InsufficientFunds, "the fee is %v, the balance %v", fee, account.Balance)
	}
	return nil
}

// verify checks the signatures of the records without a verdict.
func (p *Pool) verify(records []*record.Record, verdicts []error) {
	var screened []*record.Record
	var of []int
	for i, r := range records {
		if verdicts[i] == nil {
			screened, of = append(screened, r), append(of, i)
		}
	}
	if len(screened) == 0 {
		return
	}
	errs := p.o.Verifier.VerifyEach(screened)

	p.mu.Lock()
	defer p.mu.Unlock()
	for i, err := range errs {
		verdicts[of[i]] = err
		if err != nil {
			p.forged.add(screened[i].FullHash())
		}
	}
}

// admit puts the records without a verdict into the pool, if the state allows
// it.
func (p *Pool) admit(records []*record.Record, verdicts []error) {
	for at := 0; at < len(records); at += mostHeld {
		end := min(at+mostHeld, len(records))
		p.mu.Lock()
		v, c := p.o.View(), p.o.Context()
		for i, r := range records[at:end] {
			if verdicts[at+i] == nil {
				verdicts[at+i] = p.admitOne(v, c, r)
			}
			if verdicts[at+i] == nil {
				p.counts.Accepted++
			} else {
				p.counts.Refused++
			}
		}
		p.mu.Unlock()
	}
}

// admitOne puts a record with good signatures into the pool.
func (p *Pool) admitOne(v ledger.View, c ledger.Context, r *record.Record) error {
	if p.table.records[r.ID()] != nil {
		return errPooled(r)
	}
	q, account, err := p.find(v, r.Key)
	if err != nil {
		return err
	}
	if q.at(r.Seq) != nil {
		err = p.replace(v, c, q, r)
	} else {
		err = p.append(v, c, q, account, r)
	}
	if err != nil {
		return err
	}
	p.save(r)
	p.evict()
	if p.table.records[r.ID()] == nil {
		return p.errFull(r, RateOf(r))
	}
	return nil
}

// append puts a record behind the last of its account.
func (p *Pool) append(v ledger.View, c ledger.Context, q *queue, account ledger.Account, r *record.Record) error {
	if q == nil {
		q = newQueue(account.ID)
	} else if next := q.next(); r.Seq > next {
		return errGap(r, next)
	}
	if err := p.checkRoom(q, r); err != nil {
		return err
	}
	if err := p.checkRotation(r, nil); err != nil {
		return err
	}
	state, err := p.state(v, c, q)
	if err != nil {
		return err
	}
	if err := ledger.Apply(state, c, r); err != nil {
		return err
	}
	p.table.splice(q, len(q.entries), 0, p.entry(r))
	q.state, q.epoch = state, p.epoch
	return nil
}

// replace puts a record in the place of the one in q with its sequence number.
func (p *Pool) replace(v ledger.View, c ledger.Context, q *queue, r *record.Record) error {
	i := int(r.Seq - q.first)
	old := q.entries[i].Record
	if err := p.checkReplacement(q.entries[i], r); err != nil {
		return err
	}
	if err := p.checkRotation(r, old); err != nil {
		return err
	}
	state, err := confirmed(v, c)
	if err != nil {
		return err
	}
	if err := p.apply(state, c, q, q.entries[:i]); err != nil {
		return err
	}
	if err := ledger.Apply(state, c, r); err != nil {
		return err
	}
	for _, behind := range q.entries[i+1:] {
		err := ledger.Apply(state, c, behind.Record)
		if reason, refused := reject.Of(err); refused {
			return reject.New(reason, "it would make record %v behind it invalid: %v", behind.ID(), err)
		}
		if err != nil {
			return err
		}
	}
	p.table.splice(q, i, 1, p.entry(r))
	q.state, q.epoch = state, p.epoch
	p.unsave(old)
	p.counts.Replaced++
	return nil
}

// state returns the confirmed state with the records of q applied. Q may be
// empty.
func (p *Pool) state(v ledger.View, c ledger.Context, q *queue) (*ledger.State, error) {
	if q.state != nil && q.epoch == p.epoch {
		return q.state, nil
	}
	state, err := confirmed(v, c)
	if err != nil {
		return nil, err
	}
	if err := p.apply(state, c, q, q.entries); err != nil {
		return nil, err
	}
	return state, nil
}

// confirmed returns the state in which the records of the next block are
// applied: what matures with that block can be spent in it.
func confirmed(v ledger.View, c ledger.Context) (*ledger.State, error) {
	state := ledger.NewState(v)
	return state, ledger.Begin(state, c)
}

// apply applies the first records of q. One that was mined, of which Update has
// not told yet, is left out. Another one that fails is for Update to drop.
func (p *Pool) apply(s *ledger.State, c ledger.Context, q *queue, entries []entry) error {
	for _, e := range entries {
		err := ledger.Apply(s, c, e.Record)
		if reason, refused := reject.Of(err); reason == reject.SequenceUsed {
			continue
		} else if refused {
			p.suspects[q] = true
			return reject.New(reject.SequenceGap, "record %v of this account, which waits in the pool, may not be valid any more (%v): try again after the next block", e.ID(), err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
