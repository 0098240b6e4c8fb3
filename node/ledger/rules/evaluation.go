package rules

import (
	"stele/node/ledger/fields"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// EvaluationState is the state of an evaluation.
type EvaluationState uint8

// The states of an evaluation. The zero value is none.
const (
	EvaluationGiven   EvaluationState = 1 + iota
	EvaluationAmended                 // replaced, once, after a claim
)

var evaluationStates = fields.Words{"given", "amended"}

// String returns the word for it.
func (s EvaluationState) String() string { return evaluationStates.Name(uint8(s)) }

// MarshalText returns String.
func (s EvaluationState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Evaluation has the scores that the first buyer gives a purchase, from 1 to 5.
type Evaluation struct {
	Voucher record.ID
	State   EvaluationState

	Height    uint32 // of the block with the EVALUATE, from which the reward's delay counts
	Time      uint32 // median time of that block
	Product   uint8
	Service   uint8
	Logistics uint8
	Replied   bool // the seller answered
	Rewarded  bool // the reward was paid
}

func (e *Evaluation) layout(f *fields.Coder) {
	fields.ChoiceUpTo(f, &e.State, EvaluationAmended)
	f.Require(e.State != 0)
	f.Uint32(&e.Height)
	f.Uint32(&e.Time)
	f.Uint8(&e.Product)
	f.Uint8(&e.Service)
	f.Uint8(&e.Logistics)
	f.Flags(&e.Replied, &e.Rewarded)
}

// GetEvaluation returns the evaluation of a voucher, or nil if there is none.
func GetEvaluation(v View, voucher record.ID) (*Evaluation, error) {
	e := &Evaluation{Voucher: voucher}
	if ok, err := getEntry(v, idKey(evaluationEntry, voucher), e); !ok {
		return nil, err
	}
	return e, nil
}

func putEvaluation(s *State, e *Evaluation) error {
	return putEntry(s, idKey(evaluationEntry, e.Voucher), e)
}

// EvaluationReward returns the reward for the evaluation of a voucher: half of what
// its seller burned, rounded down, whatever the scores. So a sale to oneself always
// costs more than it earns.
func EvaluationReward(v *Voucher) record.Amount { return v.Burn / 2 }

// evaluationStep is what a record does to an evaluation, which is a new one if
// there was none.
type evaluationStep struct {
	*Evaluation
	voucher *Voucher
	to      EvaluationState
}

// stepEvaluation returns what a record of a type by an account does to the
// evaluation of a voucher.
func stepEvaluation(s *State, c Context, author Account, on record.Type, voucher record.ID) (evaluationStep, error) {
	v, who, err := voucherFor(s, c, voucher, author)
	if err != nil {
		return evaluationStep{}, err
	}
	e, err := GetEvaluation(s, voucher)
	if err != nil {
		return evaluationStep{}, err
	}
	if e == nil {
		e = &Evaluation{Voucher: voucher}
	}
	if on == record.TypeEvaluate && who&(holder|buyer) == holder {
		return evaluationStep{}, reject.New(reject.SecondHand, "%v is a later holder of the voucher %v, not its first buyer", author.Key, voucher)
	}
	row, err := evaluationBook.next(e.State, on, "", who)
	if err != nil {
		return evaluationStep{}, err
	}
	if on == record.TypeEvaluate && who&(seller|maker) != 0 {
		return evaluationStep{}, reject.New(reject.OwnGoods, "the buyer %v is %v of the goods", author.Key, who&(seller|maker))
	}
	return evaluationStep{e, v, row.To}, nil
}

func stepEvaluate(s *State, c Context, author Account, p record.Evaluate) (evaluationStep, error) {
	e, err := stepEvaluation(s, c, author, p.Type(), p.Voucher)
	if err != nil {
		return evaluationStep{}, err
	}
	end := e.voucher.evaluationEnd(&c.Params.AfterSales)
	switch {
	case e.voucher.Delivered == 0:
		err = reject.New(reject.EvaluationTooEarly, "the goods of voucher %v are not delivered", p.Voucher)
	case uint64(c.MedianTime) > end:
		err = reject.New(reject.EvaluationTooLate, "the median time is %v, the evaluation was possible until %v", record.Time(c.MedianTime), record.Time(end))
	}
	return e, err
}

// evaluationEnd returns the last second in which the first buyer can evaluate.
func (v *Voucher) evaluationEnd(p *network.AfterSales) uint64 {
	return after(v.Delivered, p.EvaluateDays, p)
}

// evaluate stores an evaluation.
func evaluate(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.Evaluate)
	e, err := stepEvaluate(s, c, author, p)
	if err != nil {
		return err
	}
	e.State, e.Height, e.Time = e.to, c.Height, c.MedianTime
	e.Product, e.Service, e.Logistics = p.Product, p.Service, p.Logistics
	return putEvaluation(s, e.Evaluation)
}

func stepAmend(s *State, c Context, author Account, p record.EvaluateAmend) (evaluationStep, error) {
	e, err := stepEvaluation(s, c, author, p.Type(), p.Voucher)
	if err == nil && !e.voucher.ClaimClosed {
		err = reject.New(reject.AmendWithoutClaim, "no claim on voucher %v was closed", p.Voucher)
	}
	return e, err
}

// amendEvaluation replaces an evaluation.
func amendEvaluation(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.EvaluateAmend)
	e, err := stepAmend(s, c, author, p)
	if err != nil {
		return err
	}
	e.State = e.to
	e.Product, e.Service, e.Logistics = p.Product, p.Service, p.Logistics
	return putEvaluation(s, e.Evaluation)
}

func stepReply(s *State, c Context, author Account, p record.SellerReply) (evaluationStep, error) {
	e, err := stepEvaluation(s, c, author, p.Type(), p.Voucher)
	if err == nil && e.Replied {
		err = reject.New(reject.AlreadyReplied, "the evaluation of voucher %v has a reply", p.Voucher)
	}
	return e, err
}

// replyToEvaluation is the seller's answer.
func replyToEvaluation(s *State, c Context, r *record.Record, author Account) error {
	e, err := stepReply(s, c, author, r.Payload.(record.SellerReply))
	if err != nil {
		return err
	}
	e.State, e.Replied = e.to, true
	return putEvaluation(s, e.Evaluation)
}

func stepReward(s *State, c Context, author Account, p record.RewardClaim) (evaluationStep, error) {
	e, err := stepEvaluation(s, c, author, p.Type(), p.Voucher)
	if err != nil {
		return evaluationStep{}, err
	}
	reward, delay := EvaluationReward(e.voucher), c.Params.AfterSales.RewardDelay
	pool, err := RewardPool(s)
	switch {
	case err != nil:
	case e.Rewarded:
		err = reject.New(reject.AlreadyRewarded, "the evaluation of voucher %v is rewarded", p.Voucher)
	case c.Height-e.Height < delay:
		err = reject.New(reject.RewardTooEarly, "%d blocks after the evaluation, the reward takes %d", c.Height-e.Height, delay)
	case reward > pool:
		err = reject.New(reject.RewardPoolShort, "the reward is %v, the pool has %v", reward, pool)
	}
	return e, err
}

// payReward moves the reward of an evaluation from the pool to the first buyer.
func payReward(s *State, c Context, r *record.Record, author Account) error {
	e, err := stepReward(s, c, author, r.Payload.(record.RewardClaim))
	if err != nil {
		return err
	}
	reward := EvaluationReward(e.voucher)
	if err := takeFrom(s, rewardPoolEntry, reward); err != nil {
		return err
	}
	if err := credit(s, author, reward); err != nil {
		return err
	}
	e.State, e.Rewarded = e.to, true
	return putEvaluation(s, e.Evaluation)
}
