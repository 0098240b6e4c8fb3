package ledger

import "stele/node/record"

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
