package record

import (
	"stele/node/ledger/reject"

	"stele/node/ledger/fields"
)

// Subject is the kind of thing that a ruling is about.
type Subject uint8

// The values of Subject.
const (
	OnClaim Subject = 1 + iota
	OnShipment
)

var subjectWords = fields.Words{"claim", "shipment"}

// String returns the word for it.
func (c Subject) String() string { return subjectWords.Name(uint8(c)) }

// MarshalText returns String.
func (c Subject) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *Subject) UnmarshalText(b []byte) error { return fields.Parse(c, subjectWords, "subject", b) }

// Outcome is what a ruling says: ordered or dismissed of a claim, delivered or
// lost of a shipment.
type Outcome uint8

// The values of Outcome.
const (
	Ordered Outcome = 1 + iota
	Dismissed
	RuledDelivered
	RuledLost
)

var outcomeWords = fields.Words{"ordered", "dismissed", "delivered", "lost"}

// String returns the word for it.
func (c Outcome) String() string { return outcomeWords.Name(uint8(c)) }

// MarshalText returns String.
func (c Outcome) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *Outcome) UnmarshalText(b []byte) error { return fields.Parse(c, outcomeWords, "outcome", b) }

// SuspendCause is why a seller is suspended or restored.
type SuspendCause uint8

// The values of SuspendCause.
const (
	Complaints SuspendCause = 1 + iota
	FalseSales
	Defaults
	Remedied
	OtherSuspendCause
)

var suspendCauseWords = fields.Words{"complaints", "false-sales", "defaults", "remedied", "other"}

// String returns the word for it.
func (c SuspendCause) String() string { return suspendCauseWords.Name(uint8(c)) }

// MarshalText returns String.
func (c SuspendCause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *SuspendCause) UnmarshalText(b []byte) error {
	return fields.Parse(c, suspendCauseWords, "cause", b)
}

// CorrectionCause is what is wrong with a record: the reasons of an EPCIS
// error declaration (CBV 2.0, ER-incorrect_data and ER-did_not_occur).
type CorrectionCause uint8

// The values of CorrectionCause.
const (
	WrongData CorrectionCause = 1 + iota
	DidNotOccur
)

var correctionCauseWords = fields.Words{"wrong-data", "did-not-occur"}

// String returns the word for it.
func (c CorrectionCause) String() string { return correctionCauseWords.Name(uint8(c)) }

// MarshalText returns String.
func (c CorrectionCause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *CorrectionCause) UnmarshalText(b []byte) error {
	return fields.Parse(c, correctionCauseWords, "cause", b)
}

// Ruling decides an escalated claim, or what became of a shipment. The author
// is a supervisor who is no party.
//
// Encoding: time u32 | subject u8 | id 32 | outcome u8 | remedy u8 | refund u64
// | execute days u16 | text 32.
type Ruling struct {
	Time        Time    `json:"time"`
	Subject     Subject `json:"subject"`
	ID          ID      `json:"id"` // of the claim or shipment
	Outcome     Outcome `json:"outcome"`
	Remedy      Remedy  `json:"remedy"`       // if ordered, else 0
	Refund      Amount  `json:"refund"`       // if the remedy is a refund, else 0
	ExecuteDays uint16  `json:"execute_days"` // if ordered: days to do it in; else 0
	Text        Digest  `json:"text"`
}

// Type returns [TypeRuling].
func (Ruling) Type() Type { return TypeRuling }

// CoSigners returns nil.
func (Ruling) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p Ruling) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *Ruling) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Choice(f, &p.Subject)
	fields.Hash(f, &p.ID)
	fields.Choice(f, &p.Outcome)
	fields.Choice(f, &p.Remedy)
	f.Uint64((*uint64)(&p.Refund))
	f.Uint16(&p.ExecuteDays)
	fields.Hash(f, &p.Text)
}

// Check checks the fields by themselves.
func (p Ruling) Check() error {
	if err := first(p.Time.check(), named("subject", p.ID), subjectWords.Check("subject", uint8(p.Subject)), outcomeWords.Check("outcome", uint8(p.Outcome))); err != nil {
		return err
	}
	if (p.Subject == OnClaim) != (p.Outcome == Ordered || p.Outcome == Dismissed) {
		return reject.New(reject.ContraryFields, "a %v cannot be ruled %v", p.Subject, p.Outcome)
	}
	if p.Outcome != Ordered {
		if p.Remedy != 0 || p.Refund != 0 || p.ExecuteDays != 0 {
			return reject.New(reject.ContraryFields, "only an order has a remedy, a refund and days")
		}
		return nil
	}
	if p.ExecuteDays == 0 {
		return reject.New(reject.ContraryFields, "invalid execute_days 0: an order gives at least one day")
	}
	return first(remedyWords.Check("remedy", uint8(p.Remedy)), checkRefund(p.Remedy, p.Refund))
}

// RecallNotice calls a product back, or one item of it: its holders may make
// claims even after the warranty. The author is a supervisor or the product's
// maker.
//
// Encoding: time u32 | GTIN u64 | text 32 | serial (length u16, characters).
type RecallNotice struct {
	Time   Time   `json:"time"`
	GTIN   GTIN   `json:"gtin"`
	Text   Digest `json:"text"`
	Serial Serial `json:"serial"` // empty: all items
}

// Type returns [TypeRecallNotice].
func (RecallNotice) Type() Type { return TypeRecallNotice }

// CoSigners returns nil.
func (RecallNotice) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p RecallNotice) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *RecallNotice) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	f.Uint64((*uint64)(&p.GTIN))
	fields.Hash(f, &p.Text)
	fields.Text16(f, &p.Serial)
}

// Check checks the fields by themselves.
func (p RecallNotice) Check() error {
	if p.Serial != "" {
		if err := p.Serial.check(); err != nil {
			return err
		}
	}
	return first(p.Time.check(), p.GTIN.check())
}

// SellerSuspend keeps a seller from issuing vouchers. The author is a
// supervisor.
//
// Encoding: time u32 | seller 32 | cause u8 | text 32.
type SellerSuspend struct {
	Time   Time         `json:"time"`
	Seller Key          `json:"seller"`
	Cause  SuspendCause `json:"cause"`
	Text   Digest       `json:"text"`
}

// Type returns [TypeSellerSuspend].
func (SellerSuspend) Type() Type { return TypeSellerSuspend }

// CoSigners returns nil.
func (SellerSuspend) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p SellerSuspend) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *SellerSuspend) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Seller)
	fields.Choice(f, &p.Cause)
	fields.Hash(f, &p.Text)
}

// Check checks the fields by themselves.
func (p SellerSuspend) Check() error {
	return first(p.Time.check(), suspendCauseWords.Check("cause", uint8(p.Cause)))
}

// SellerRestore lets a suspended seller issue vouchers again. The author is a
// supervisor.
//
// Encoding: time u32 | seller 32 | cause u8 | text 32.
type SellerRestore struct {
	Time   Time         `json:"time"`
	Seller Key          `json:"seller"`
	Cause  SuspendCause `json:"cause"`
	Text   Digest       `json:"text"`
}

// Type returns [TypeSellerRestore].
func (SellerRestore) Type() Type { return TypeSellerRestore }

// CoSigners returns nil.
func (SellerRestore) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p SellerRestore) Append(b []byte) []byte { return SellerSuspend(p).Append(b) }

func (p *SellerRestore) layout(f *fields.Coder) { (*SellerSuspend)(p).layout(f) }

// Check checks the fields by themselves.
func (p SellerRestore) Check() error { return SellerSuspend(p).Check() }

// Correction says that a record is wrong, and by its hash what would be right.
// It changes nothing that the record did: a record is never deleted (EPCIS
// errorDeclaration). The author is that of the record.
//
// Encoding: time u32 | record 32 | cause u8 | correct 32.
type Correction struct {
	Time    Time            `json:"time"`
	Record  ID              `json:"record"`
	Cause   CorrectionCause `json:"cause"`
	Correct Digest          `json:"correct"`
}

// Type returns [TypeCorrection].
func (Correction) Type() Type { return TypeCorrection }

// CoSigners returns nil.
func (Correction) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p Correction) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *Correction) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Record)
	fields.Choice(f, &p.Cause)
	fields.Hash(f, &p.Correct)
}

// Check checks the fields by themselves.
func (p Correction) Check() error {
	return first(p.Time.check(), named("record", p.Record), correctionCauseWords.Check("cause", uint8(p.Cause)))
}
