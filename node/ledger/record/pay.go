package record

import (
	"encoding/binary"

	"stele/node/ledger/fields"
	"stele/node/ledger/reject"
)

// Pay moves an amount from the author to another key.
//
// Encoding: to 32 | amount u64 | reference 32.
type Pay struct {
	To        Key    `json:"to"`
	Amount    Amount `json:"amount"`    // more than 0
	Reference ID     `json:"reference"` // what the payment is for: the id of a record, or any 32 bytes; zero: nothing
}

// Type returns [TypePay].
func (Pay) Type() Type { return TypePay }

// Append appends the encoding.
func (p Pay) Append(b []byte) []byte {
	b = append(b, p.To[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Amount))
	return append(b, p.Reference[:]...)
}

func decodePay(f *fields.Coder) Payload {
	var p Pay
	fields.Hash(f, &p.To)
	f.Uint64((*uint64)(&p.Amount))
	fields.Hash(f, &p.Reference)
	return p
}

// CoSigners returns nil.
func (Pay) CoSigners() []Key { return nil }

// Check checks the amount.
func (p Pay) Check() error { return checkAmount("amount", p.Amount, 1) }

// checkFrame rejects a payment to oneself.
func (p Pay) checkFrame(r *Record) error {
	if p.To == r.Key {
		return reject.New(reject.SelfPayment, "the author %v pays itself", r.Key)
	}
	return nil
}
