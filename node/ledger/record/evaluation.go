package record

import (
	"stele/node/ledger/reject"

	"stele/node/ledger/fields"
)

// checkScores rejects scores that are not 1 to 5.
func checkScores(scores ...uint8) error {
	for _, n := range scores {
		if n < 1 || n > 5 {
			return reject.New(reject.ScoreOutOfRange, "the score %d is not 1 to 5", n)
		}
	}
	return nil
}

// Evaluate scores a purchase. The author is the first buyer of a
// voucher, once.
//
// Encoding: time u32 | voucher 32 | product u8 | service u8 | logistics u8 |
// text 32.
type Evaluate struct {
	Time      Time   `json:"time"`
	Voucher   ID     `json:"voucher"`
	Product   uint8  `json:"product"`   // 1 to 5
	Service   uint8  `json:"service"`   // 1 to 5
	Logistics uint8  `json:"logistics"` // 1 to 5
	Text      Digest `json:"text"`
}

// Type returns [TypeEvaluate].
func (Evaluate) Type() Type { return TypeEvaluate }

// CoSigners returns nil.
func (Evaluate) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p Evaluate) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *Evaluate) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Voucher)
	f.Uint8(&p.Product)
	f.Uint8(&p.Service)
	f.Uint8(&p.Logistics)
	fields.Hash(f, &p.Text)
}

// Check checks the fields by themselves.
func (p Evaluate) Check() error {
	return first(p.Time.check(), named("voucher", p.Voucher), checkScores(p.Product, p.Service, p.Logistics))
}

// EvaluateAmend replaces an evaluation, once, after a claim was closed. The
// author is the first buyer.
//
// Encoding: time u32 | voucher 32 | product u8 | service u8 | logistics u8 |
// text 32.
type EvaluateAmend struct {
	Time      Time   `json:"time"`
	Voucher   ID     `json:"voucher"`
	Product   uint8  `json:"product"`   // 1 to 5
	Service   uint8  `json:"service"`   // 1 to 5
	Logistics uint8  `json:"logistics"` // 1 to 5
	Text      Digest `json:"text"`
}

// Type returns [TypeEvaluateAmend].
func (EvaluateAmend) Type() Type { return TypeEvaluateAmend }

// CoSigners returns nil.
func (EvaluateAmend) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p EvaluateAmend) Append(b []byte) []byte { return Evaluate(p).Append(b) }

func (p *EvaluateAmend) layout(f *fields.Coder) { (*Evaluate)(p).layout(f) }

// Check checks the fields by themselves.
func (p EvaluateAmend) Check() error { return Evaluate(p).Check() }

// SellerReply answers an evaluation, once. The author is the seller.
//
// Encoding: time u32 | voucher 32 | text 32.
type SellerReply struct {
	Time    Time   `json:"time"`
	Voucher ID     `json:"voucher"`
	Text    Digest `json:"text"`
}

// Type returns [TypeSellerReply].
func (SellerReply) Type() Type { return TypeSellerReply }

// CoSigners returns nil.
func (SellerReply) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p SellerReply) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *SellerReply) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Voucher)
	fields.Hash(f, &p.Text)
}

// Check checks the fields by themselves.
func (p SellerReply) Check() error {
	return first(p.Time.check(), named("voucher", p.Voucher))
}

// RewardClaim pays the reward of an evaluation to the first buyer, who is the
// author: half of what the seller burned for the voucher, whatever the scores.
//
// Encoding: time u32 | voucher 32.
type RewardClaim struct {
	Time    Time `json:"time"`
	Voucher ID   `json:"voucher"`
}

// Type returns [TypeRewardClaim].
func (RewardClaim) Type() Type { return TypeRewardClaim }

// CoSigners returns nil.
func (RewardClaim) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p RewardClaim) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *RewardClaim) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Voucher)
}

// Check checks the fields by themselves.
func (p RewardClaim) Check() error {
	return first(p.Time.check(), named("voucher", p.Voucher))
}
