package rules

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// EvaluationState is how far an evaluation is.
type EvaluationState uint8

// The states of an evaluation. The zero value is none.
const (
	EvaluationGiven   EvaluationState = 1 + iota
	EvaluationAmended                 // replaced, once, after a claim
)

var evaluationStates = words{"none", "given", "amended"}

// String returns the word for it.
func (s EvaluationState) String() string { return evaluationStates.name(uint8(s)) }

// MarshalText returns String.
func (s EvaluationState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Evaluation is what the first buyer of a voucher thinks. Scores are 1 to 5.
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

func (e *Evaluation) layout(f *coder) {
	choice(f, &e.State, EvaluationAmended)
	f.bad = f.bad || e.State == 0
	f.uint32(&e.Height)
	f.uint32(&e.Time)
	f.uint8(&e.Product)
	f.uint8(&e.Service)
	f.uint8(&e.Logistics)
	f.flags(&e.Replied, &e.Rewarded)
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

// EvaluationReward returns what the evaluation of a voucher is worth: half of
// what its seller burned, rounded down, whatever the scores. So an order with
// oneself always costs more than it earns.
func EvaluationReward(v *Voucher) record.Amount { return v.Burn / 2 }

// stepEvaluation finds out what a record may do to the evaluation of a voucher.
// The evaluation is a new one if there is none.
func stepEvaluation(s *State, c Context, r *record.Record, author Account, voucher record.ID) (*Evaluation, *Voucher, *row[EvaluationState], error) {
	v, who, err := voucherFor(s, c, voucher, author)
	if err != nil {
		return nil, nil, nil, err
	}
	e, err := GetEvaluation(s, voucher)
	if err != nil {
		return nil, nil, nil, err
	}
	if e == nil {
		e = &Evaluation{Voucher: voucher}
	}
	if r.Type() == record.TypeEvaluate && who&(holder|buyer) == holder {
		return nil, nil, nil, reject.New(reject.SecondHand, "%v is a later holder of the voucher %v, not its first buyer", author.Key, voucher)
	}
	row, err := evaluationBook.next(e.State, r.Type(), "", who)
	if err != nil {
		return nil, nil, nil, err
	}
	if r.Type() == record.TypeEvaluate && who&(seller|maker) != 0 {
		return nil, nil, nil, reject.New(reject.OwnGoods, "the buyer %v is %v of the goods", author.Key, who&(seller|maker))
	}
	return e, v, row, nil
}

// evaluate keeps what the first buyer thinks.
func evaluate(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.Evaluate)
	e, v, row, err := stepEvaluation(s, c, r, author, p.Voucher)
	if err != nil {
		return err
	}
	end := after(v.Delivered, c.Params.AfterSales.EvaluateDays, &c.Params.AfterSales)
	switch {
	case v.Delivered == 0:
		return reject.New(reject.EvaluationTooEarly, "the goods of voucher %v are not delivered", v.ID)
	case uint64(c.MedianTime) > end:
		return reject.New(reject.EvaluationTooLate, "the median time is %v, the evaluation was possible until %v", record.Time(c.MedianTime), record.Time(end))
	}
	e.State, e.Height, e.Time = row.To, c.Height, c.MedianTime
	e.Product, e.Service, e.Logistics = p.Product, p.Service, p.Logistics
	return putEvaluation(s, e)
}

// amendEvaluation replaces an evaluation.
func amendEvaluation(s *State, c Context, r *record.Record, author Account) error {
	p := r.Payload.(record.EvaluateAmend)
	e, v, row, err := stepEvaluation(s, c, r, author, p.Voucher)
	if err != nil {
		return err
	}
	if !v.ClaimClosed {
		return reject.New(reject.AmendWithoutClaim, "no claim on voucher %v was closed", v.ID)
	}
	e.State = row.To
	e.Product, e.Service, e.Logistics = p.Product, p.Service, p.Logistics
	return putEvaluation(s, e)
}

// replyToEvaluation is the seller's answer.
func replyToEvaluation(s *State, c Context, r *record.Record, author Account) error {
	e, v, row, err := stepEvaluation(s, c, r, author, r.Payload.(record.SellerReply).Voucher)
	if err != nil {
		return err
	}
	if e.Replied {
		return reject.New(reject.AlreadyReplied, "the evaluation of voucher %v has a reply", v.ID)
	}
	e.State, e.Replied = row.To, true
	return putEvaluation(s, e)
}

// payReward moves the reward of an evaluation from the pool to the first buyer.
func payReward(s *State, c Context, r *record.Record, author Account) error {
	e, v, row, err := stepEvaluation(s, c, r, author, r.Payload.(record.RewardClaim).Voucher)
	if err != nil {
		return err
	}
	reward, delay := EvaluationReward(v), c.Params.AfterSales.RewardDelay
	pool, err := RewardPool(s)
	switch {
	case err != nil:
		return err
	case e.Rewarded:
		return reject.New(reject.AlreadyRewarded, "the evaluation of voucher %v is rewarded", v.ID)
	case c.Height-e.Height < delay:
		return reject.New(reject.RewardTooEarly, "%d blocks after the evaluation, the reward takes %d", c.Height-e.Height, delay)
	case reward > pool:
		return reject.New(reject.RewardPoolShort, "the reward is %v, the pool has %v", reward, pool)
	}
	if err := takeFrom(s, rewardPoolEntry, reward); err != nil {
		return err
	}
	if err := credit(s, author, reward); err != nil {
		return err
	}
	e.State, e.Rewarded = row.To, true
	return putEvaluation(s, e)
}
