package pool

import (
	"errors"
	"time"

	"golang.org/x/time/rate"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

// maxHeld is how many records Add judges before it releases the lock for others, and
// how many it hands over for a check of their signatures.
const maxHeld = 256

// maxBegun is how many parts of maxHeld records have their signatures checked while Add
// screens further ones.
const maxBegun = 4

// fewSignatures is the maximum number of signatures that may be checked in vain: they
// cost about as much as the verdict of the state.
const fewSignatures = 2

// maxTornPause is the longest pause before records are judged again whose state seemed
// corrupt.
const maxTornPause = 64 * time.Millisecond

// errPostponed is the verdict on a record that must wait for others of the same call.
var errPostponed = errors.New("postponed")

// Add admits records to the pool. It returns an error for each, or nil for an accepted
// one, which is then in the journal on disk. The records of one account must be in
// order; a record may depend on others of the same call. Safe for concurrent use.
//
// The error of a rejected record has a reason (reject.Of), among them those of
// record.Check, record.Verify and rules.Apply, and [reject.AlreadyPooled],
// [reject.FeeRateTooLow], [reject.QueueFull], [reject.PoolFull],
// [reject.ReplacementTooLow]. Any other error means that the state or the journal
// failed. If it was the journal, the record may be in the pool, but would not survive a
// crash: add it again. As long as the journal fails, no record is admitted.
//
// A record replaces one with the same account and sequence number if it pays a tenth
// more, and at least the minimum rate more, if its rate is not lower, and if those
// behind it in the queue remain valid.
func (p *Pool) Add(records ...*record.Record) []error { return p.AddFrom(nil, records...) }

// AddFrom is Add for records from one sender. The signatures of a record that is
// rejected after they were checked cost one token each of the sender's budget. A record
// with more signatures than tokens are left is rejected with [reject.OverBudget]; so
// the limiter needs a burst of at least record.MaxApprovers+1. Nil: no limit.
func (p *Pool) AddFrom(budget *rate.Limiter, records ...*record.Record) []error {
	verdicts := make([]error, len(records))
	if p.failing.Load() {
		if err := p.Flush(); err != nil {
			for i := range verdicts {
				verdicts[i] = err
			}
			return verdicts
		}
	}
	p.judge(budget, records, verdicts)
	p.judgeTorn(budget, records, verdicts)

	var accepted, unsaved int
	for _, err := range verdicts {
		if err == nil {
			accepted++
		}
		if err == nil || isPooled(err) {
			unsaved++
		}
	}
	p.mu.Lock()
	p.counts.Accepted += uint64(accepted)
	p.counts.Rejected += uint64(len(records) - accepted)
	for i, err := range verdicts {
		if reason, rejected := reject.Of(err); rejected {
			p.rejections[reason]++
			if isPolicy(reason) {
				remember(p.recent.rejected, records[i])
			}
		}
	}
	p.mu.Unlock()
	if unsaved > 0 {
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

// judgeTorn judges the records again for which the state seemed corrupt: a block may
// have been connected or disconnected between two reads that belong together. That
// passes within milliseconds. After about 130 ms the state counts as corrupt.
func (p *Pool) judgeTorn(budget *rate.Limiter, records []*record.Record, verdicts []error) {
	for pause := time.Millisecond; pause <= maxTornPause; pause *= 2 {
		torn := false
		for i := range verdicts {
			if !errors.Is(verdicts[i], rules.ErrState) {
				continue
			}
			if !torn {
				time.Sleep(pause)
				torn = true
			}
			p.judge(budget, records[i:i+1], verdicts[i:i+1])
		}
		if !torn {
			return
		}
	}
}

func isPooled(err error) bool {
	reason, _ := reject.Of(err)
	return reason == reject.AlreadyPooled
}

// judge gives each record its verdict, and puts the accepted ones into the pool. The
// cheapest checks come first: a record that fails them costs no check of signatures.
// While the signatures of some records are checked on other processors, those before
// them are admitted and those behind them screened.
func (p *Pool) judge(budget *rate.Limiter, records []*record.Record, verdicts []error) {
	clear(verdicts)
	queues := newCallQueues(len(records))
	var begun []*part
	for at := 0; at < len(records); at += maxHeld {
		end := min(at+maxHeld, len(records))
		next := &part{records: records[at:end], verdicts: verdicts[at:end], applied: make([]*rules.State, end-at)}
		p.screen(queues, next)
		if budget != nil || len(records) <= maxHeld {
			p.conclude(budget, next)
			continue
		}
		p.begin(next)
		begun = append(begun, next)
		if len(begun) > maxBegun {
			p.conclude(nil, begun[0])
			begun = begun[1:]
		}
	}
	for _, c := range begun {
		p.conclude(nil, c)
	}

	for i, err := range verdicts {
		if err == errPostponed {
			p.judge(budget, records[i:i+1], verdicts[i:i+1]) // alone it is not postponed again
		}
	}
}

// part is some of the records of one call.
type part struct {
	records  []*record.Record
	verdicts []error

	checking *record.Checking // of its records without a verdict; nil: not begun

	// applied has, for each record with an account of which no other record waits, the
	// state of the next block with that record; else nil. It is valid in this epoch.
	applied []*rules.State
	epoch   uint64
}

// unjudged returns the records without a verdict, and their indices.
func (c *part) unjudged() (records []*record.Record, of []int) {
	for i, err := range c.verdicts {
		if err == nil {
			records, of = append(records, c.records[i]), append(of, i)
		}
	}
	return records, of
}

// begin begins to check the signatures of the records without a verdict.
func (p *Pool) begin(c *part) {
	records, _ := c.unjudged()
	c.checking = p.o.Verifier.StartEach(records)
}

// conclude gives the records without a verdict theirs.
func (p *Pool) conclude(budget *rate.Limiter, c *part) {
	good := p.verify(budget, c)
	p.admit(c)
	for _, i := range good {
		if _, rejected := reject.Of(c.verdicts[i]); rejected && !isPooled(c.verdicts[i]) {
			spend(budget, c.records[i])
		}
	}
}

// spend takes one token from a budget for each signature of a record. The budget may
// become negative, since several calls may spend it at once.
func spend(budget *rate.Limiter, r *record.Record) {
	if budget != nil {
		budget.ReserveN(time.Now(), len(r.Signatures))
	}
}

// callQueue is the state of the records of one account in one call, which depend on each
// other.
type callQueue struct {
	begun     bool // one of them has passed the screen
	postponed bool // one of them is postponed, and so are all behind it
}

// callQueues are the queues of one call.
type callQueues struct {
	byAccount map[record.Key]*callQueue
	rotated   map[record.Key]*callQueue // by keys that records of this call bring into use
}

func newCallQueues(records int) callQueues {
	return callQueues{byAccount: make(map[record.Key]*callQueue, records), rotated: map[record.Key]*callQueue{}}
}

// of returns the queue of an account, of which a record has this key.
func (q callQueues) of(key record.Key, account record.Key) *callQueue {
	if found := q.rotated[key]; found != nil {
		return found
	}
	found := q.byAccount[account]
	if found == nil {
		found = &callQueue{}
		q.byAccount[account] = found
	}
	return found
}

// screen rejects records as far as that is possible without checking a signature.
func (p *Pool) screen(queues callQueues, part *part) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, c := p.o.View(), p.o.Context()
	part.epoch = p.epoch
	for i, r := range part.records {
		q, account, err := p.find(v, r.Key)
		if err != nil {
			part.verdicts[i] = err
			continue
		}
		before := queues.of(r.Key, account.ID)
		part.applied[i], err = p.screenOne(v, c, q, account, r, before)
		if err == nil || err == errPostponed {
			before.begun = true
			before.postponed = err == errPostponed
			if rotate, ok := r.Payload.(record.KeyRotate); ok {
				queues.rotated[rotate.New] = before
			}
		}
		part.verdicts[i] = err
	}
}

// screenOne screens one record. Before is the state of its account in this call: if a
// record of it has passed, the pool does not yet have what this record depends on. Then
// one with many signatures is postponed, so that the state judges it first. It returns
// the state with the record, if no other record of the account waits.
func (p *Pool) screenOne(v rules.View, c rules.Context, q *queue, account rules.Account, r *record.Record, before *callQueue) (*rules.State, error) {
	if err := p.screenAlone(c, r); err != nil {
		return nil, err
	}
	switch {
	case before.postponed, before.begun && len(r.Signatures) > fewSignatures:
		return nil, errPostponed
	case before.begun:
		return nil, nil
	}
	next := account.Seq
	if q != nil {
		next = max(next, q.next())
	}
	switch {
	case r.Seq < account.Seq:
		return nil, reject.New(reject.SequenceUsed, "sequence number %d is used, the next is %d", r.Seq, next)
	case r.Seq > next:
		return nil, errGap(r, next)
	}
	if err := checkFee(v, c, account, r.Fee); err != nil {
		return nil, err
	}
	if old := q.at(r.Seq); old != nil {
		return nil, p.checkReplacement(*old, r)
	}
	if err := p.checkRoom(q, r); err != nil {
		return nil, err
	}
	return p.try(v, c, q, r)
}

// screenAlone screens a record without its account.
func (p *Pool) screenAlone(c rules.Context, r *record.Record) error {
	if p.table.records[r.ID()] != nil {
		return errPooled(r)
	}
	if p.forged.Has(r.FullHash()) {
		return reject.New(reject.BadSignature, "the signatures of this record were found to be bad before")
	}
	if err := r.Check(c.Params.ID); err != nil {
		return err
	}
	switch rate := RateOf(r); {
	case r.Payload.Type() == record.TypeCoinbase:
		return reject.New(reject.MisplacedCoinbase, "a COINBASE can only be in a block")
	case rate < p.o.MinRate:
		return reject.New(reject.FeeRateTooLow, "the fee is %d per 1000 bytes, the minimum is %d", rate, p.o.MinRate)
	case c.Height > r.ValidUntil:
		return reject.New(reject.Expired, "valid until height %d, the next block has height %d", r.ValidUntil, c.Height)
	}
	return nil
}

// try applies a record behind the last of its account, without adding it. It returns the
// state after it, if there is no other: q is nil.
func (p *Pool) try(v rules.View, c rules.Context, q *queue, r *record.Record) (*rules.State, error) {
	if err := p.checkRotation(r, nil); err != nil {
		return nil, err
	}
	if q == nil {
		state, err := nextBlockState(v, c)
		if err != nil {
			return nil, err
		}
		return state, rules.Apply(state, c, r)
	}
	state, err := p.state(v, c, q)
	if err != nil {
		return nil, err
	}
	q.state, q.epoch = state, p.epoch
	return nil, rules.Apply(rules.NewState(state.Frozen()), c, r)
}

// checkFee rejects a fee that the account cannot pay, not even with a coinbase that
// matures in the next block.
func checkFee(v rules.View, c rules.Context, account rules.Account, fee record.Amount) error {
	if fee <= account.Balance {
		return nil
	}
	state, err := nextBlockState(v, c)
	if err != nil {
		return err
	}
	if account, err = rules.GetAccount(state, account.ID); err != nil {
		return err
	}
	if fee > account.Balance {
		return reject.New(reject.InsufficientFunds, "the fee is %v, but the author has only %v", fee, account.Balance)
	}
	return nil
}

// verify checks the signatures of the records without a verdict, as far as the
// budget allows, and returns the indices of those that are good.
func (p *Pool) verify(budget *rate.Limiter, c *part) (good []int) {
	if budget == nil {
		records, of := c.unjudged()
		if c.checking == nil {
			return p.checked(budget, c, of, p.signatures.verify(records))
		}
		return p.checked(budget, c, of, c.checking.WaitEach())
	}
	for i := 0; i < len(c.records); {
		left := budget.Tokens()
		var batch []*record.Record
		var of []int
		for ; i < len(c.records); i++ {
			if c.verdicts[i] != nil {
				continue
			}
			n := float64(len(c.records[i].Signatures))
			if n > left && len(batch) > 0 {
				break // after this batch, the tokens of its good records are available again
			}
			if n > left {
				c.verdicts[i] = errOverBudget
				continue
			}
			left -= n
			batch, of = append(batch, c.records[i]), append(of, i)
		}
		good = append(good, p.checked(budget, c, of, p.signatures.verify(batch))...)
	}
	return good
}

// checked notes verdicts on signatures: those of the records with some indices, which it
// returns as far as they are good.
func (p *Pool) checked(budget *rate.Limiter, c *part, of []int, errs []error) (good []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for k, i := range of {
		c.verdicts[i] = errs[k]
		if errs[k] == nil {
			good = append(good, i)
			continue
		}
		p.forged.Add(c.records[i].FullHash())
		spend(budget, c.records[i])
	}
	return good
}

// admit puts the records without a verdict into the pool, if the state allows
// it.
func (p *Pool) admit(part *part) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, c := p.o.View(), p.o.Context()
	for i, r := range part.records {
		if part.verdicts[i] != nil {
			continue
		}
		applied := part.applied[i]
		if part.epoch != p.epoch {
			applied = nil
		}
		part.verdicts[i] = p.admitOne(v, c, r, applied)
	}
}

// admitOne puts a record with good signatures into the pool. Applied is the state with
// the record if no other record of its account waited; it may be nil.
func (p *Pool) admitOne(v rules.View, c rules.Context, r *record.Record, applied *rules.State) error {
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
		err = p.append(v, c, q, account, r, applied)
	}
	if err != nil {
		return err
	}
	p.save(r)
	p.evict()
	if p.table.records[r.ID()] == nil {
		return p.errFull(r, RateOf(r))
	}
	p.announce(r)
	return nil
}

// append adds a record behind the last of its account. Applied is as for admitOne.
func (p *Pool) append(v rules.View, c rules.Context, q *queue, account rules.Account, r *record.Record, applied *rules.State) error {
	if q == nil {
		q = newQueue(account.ID)
	} else if next := q.next(); r.Seq > next {
		return errGap(r, next)
	}
	if len(q.entries) > 0 || r.Seq != account.Seq {
		applied = nil // the account has changed meanwhile
	}
	if err := p.checkRoom(q, r); err != nil {
		return err
	}
	if err := p.checkRotation(r, nil); err != nil {
		return err
	}
	state := applied
	if state == nil {
		var err error
		if state, err = p.state(v, c, q); err != nil {
			return err
		}
		if err := rules.Apply(state, c, r); err != nil {
			return err
		}
	}
	p.table.splice(q, len(q.entries), 0, p.entry(r))
	q.state, q.epoch = state, p.epoch
	return nil
}

// replace puts a record in the place of the one in q with its sequence number.
func (p *Pool) replace(v rules.View, c rules.Context, q *queue, r *record.Record) error {
	i := int(r.Seq - q.first)
	old := q.entries[i].Record
	if err := p.checkReplacement(q.entries[i], r); err != nil {
		return err
	}
	if err := p.checkRotation(r, old); err != nil {
		return err
	}
	state, err := nextBlockState(v, c)
	if err != nil {
		return err
	}
	if err := p.apply(state, c, q, q.entries[:i]); err != nil {
		return err
	}
	if err := rules.Apply(state, c, r); err != nil {
		return err
	}
	for _, behind := range q.entries[i+1:] {
		err := rules.Apply(state, c, behind.Record)
		if reason, rejected := reject.Of(err); rejected {
			return reject.New(reason, "it would make record %v behind it invalid: %v", behind.ID(), err)
		}
		if err != nil {
			return err
		}
	}
	p.table.splice(q, i, 1, p.entry(r))
	q.state, q.epoch = state, p.epoch
	p.unsave(old)
	remember(p.recent.left, old)
	p.counts.Replaced++
	return nil
}

// state returns the confirmed state with the records of q applied. Q may be
// empty.
func (p *Pool) state(v rules.View, c rules.Context, q *queue) (*rules.State, error) {
	if q.state != nil && q.epoch == p.epoch {
		return q.state, nil
	}
	state, err := nextBlockState(v, c)
	if err != nil {
		return nil, err
	}
	if err := p.apply(state, c, q, q.entries); err != nil {
		return nil, err
	}
	return state, nil
}

// nextBlockState returns the state in which the records of the next block are applied.
// It is not the confirmed state: what matures with that block can be spent in it.
func nextBlockState(v rules.View, c rules.Context) (*rules.State, error) {
	state := rules.NewState(v)
	return state, rules.Begin(state, c)
}

// apply applies the first records of q. One that was mined, for which Follow has not
// been called yet, is left out. If another one fails, the next Follow judges q again.
func (p *Pool) apply(s *rules.State, c rules.Context, q *queue, entries []entry) error {
	for _, e := range entries {
		err := rules.Apply(s, c, e.Record)
		if reason, rejected := reject.Of(err); reason == reject.SequenceUsed {
			continue
		} else if rejected {
			p.suspects[q] = true
			return reject.New(reject.SequenceGap, "record %v of this account, which waits in the pool, may be invalid now (%v): try again after the next block", e.ID(), err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
