package record

import (
	"unicode/utf8"

	"stele/node/ledger/fields"
	"stele/node/ledger/reject"
)

// Ground is why a claim is made: the goods are faulty, a distance sale is
// undone, the delivery failed, or the product was recalled.
type Ground uint8

// The values of Ground.
const (
	Fault Ground = 1 + iota
	NoReason
	Delivery
	Recall
)

var groundWords = fields.Words{"fault", "no-reason", "delivery", "recall"}

// String returns the word for it.
func (c Ground) String() string { return groundWords.Name(uint8(c)) }

// MarshalText returns String.
func (c Ground) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *Ground) UnmarshalText(b []byte) error { return fields.Parse(c, groundWords, "ground", b) }

// Remedy is what a claim asks for or gets.
type Remedy uint8

// The values of Remedy.
const (
	Refund Remedy = 1 + iota
	Replace
	Repair
)

var remedyWords = fields.Words{"refund", "replace", "repair"}

// String returns the word for it.
func (c Remedy) String() string { return remedyWords.Name(uint8(c)) }

// MarshalText returns String.
func (c Remedy) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *Remedy) UnmarshalText(b []byte) error { return fields.Parse(c, remedyWords, "remedy", b) }

// Response is what a seller or maker answers to a claim.
type Response uint8

// The values of Response.
const (
	Authorise Response = 1 + iota
	Reject
	Offer
)

var responseWords = fields.Words{"authorise", "reject", "offer"}

// String returns the word for it.
func (c Response) String() string { return responseWords.Name(uint8(c)) }

// MarshalText returns String.
func (c Response) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *Response) UnmarshalText(b []byte) error { return fields.Parse(c, responseWords, "action", b) }

// RejectCause is why a claim is rejected: the exclusions of the Provisions of
// 1995, and others.
type RejectCause uint8

// The values of RejectCause.
const (
	Misuse RejectCause = 1 + iota
	Opened
	AlteredVoucher
	ForceMajeure
	OutOfTerms
	OtherCause
)

var rejectCauseWords = fields.Words{"misuse", "opened", "altered-voucher", "force-majeure", "out-of-terms", "other"}

// String returns the word for it.
func (c RejectCause) String() string { return rejectCauseWords.Name(uint8(c)) }

// MarshalText returns String.
func (c RejectCause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *RejectCause) UnmarshalText(b []byte) error {
	return fields.Parse(c, rejectCauseWords, "cause", b)
}

// Finding is what an inspection finds.
type Finding uint8

// The values of Finding.
const (
	Confirmed Finding = 1 + iota
	NoFault
)

var findingWords = fields.Words{"confirmed", "no-fault"}

// String returns the word for it.
func (c Finding) String() string { return findingWords.Name(uint8(c)) }

// MarshalText returns String.
func (c Finding) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *Finding) UnmarshalText(b []byte) error { return fields.Parse(c, findingWords, "finding", b) }

// ClaimOpen asks for a remedy under a voucher. The author is the holder. The
// record's ID names the claim.
//
// Encoding: time u32 | voucher 32 | ground u8 | fault code u16 | remedy u8 |
// description 32.
type ClaimOpen struct {
	Time        Time   `json:"time"`
	Voucher     ID     `json:"voucher"`
	Ground      Ground `json:"ground"`
	FaultCode   uint16 `json:"fault_code"` // what is broken, in the maker's numbers; equal codes are the same fault
	Remedy      Remedy `json:"remedy"`
	Description Digest `json:"description"`
}

// Type returns [TypeClaimOpen].
func (ClaimOpen) Type() Type { return TypeClaimOpen }

// CoSigners returns nil.
func (ClaimOpen) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p ClaimOpen) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *ClaimOpen) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Voucher)
	fields.Choice(f, &p.Ground)
	f.Uint16(&p.FaultCode)
	fields.Choice(f, &p.Remedy)
	fields.Hash(f, &p.Description)
}

// Check checks the fields by themselves.
func (p ClaimOpen) Check() error {
	return first(p.Time.check(), named("voucher", p.Voucher), groundWords.Check("ground", uint8(p.Ground)), remedyWords.Check("remedy", uint8(p.Remedy)))
}

// ClaimRespond answers an open claim. The author is the seller or the maker.
//
// Encoding: time u32 | claim 32 | action u8 | cause u8 | remedy u8 | refund u64
// | return needed u8 | servicer 32 | text 32.
type ClaimRespond struct {
	Time         Time        `json:"time"`
	Claim        ID          `json:"claim"`
	Action       Response    `json:"action"`
	Cause        RejectCause `json:"cause"`         // if rejected, else 0
	Remedy       Remedy      `json:"remedy"`        // authorised or offered, else 0
	Refund       Amount      `json:"refund"`        // if the remedy is a refund, else 0
	ReturnNeeded bool        `json:"return_needed"` // the goods have to come back first
	Servicer     Key         `json:"servicer"`      // who may inspect them beside the seller; zero: nobody
	Text         Digest      `json:"text"`
}

// Type returns [TypeClaimRespond].
func (ClaimRespond) Type() Type { return TypeClaimRespond }

// CoSigners returns nil.
func (ClaimRespond) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p ClaimRespond) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *ClaimRespond) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Claim)
	fields.Choice(f, &p.Action)
	fields.Choice(f, &p.Cause)
	fields.Choice(f, &p.Remedy)
	f.Uint64((*uint64)(&p.Refund))
	f.Flag(&p.ReturnNeeded)
	fields.Hash(f, &p.Servicer)
	fields.Hash(f, &p.Text)
}

// Check checks the fields by themselves.
func (p ClaimRespond) Check() error {
	if err := first(p.Time.check(), named("claim", p.Claim), responseWords.Check("action", uint8(p.Action))); err != nil {
		return err
	}
	if p.Action == Reject {
		if p.Remedy != 0 || p.Refund != 0 || p.ReturnNeeded || p.Servicer != (Key{}) {
			return reject.New(reject.ContraryFields, "a rejection has no remedy, refund, return or servicer")
		}
		return rejectCauseWords.Check("cause", uint8(p.Cause))
	}
	if p.Cause != 0 {
		return reject.New(reject.ContraryFields, "only a rejection has a cause")
	}
	return first(remedyWords.Check("remedy", uint8(p.Remedy)), checkRefund(p.Remedy, p.Refund))
}

// checkRefund rejects a refund without an amount, and an amount without a refund.
func checkRefund(remedy Remedy, amount Amount) error {
	if remedy == Refund {
		return checkAmount("refund", amount, 1)
	}
	if amount != 0 {
		return reject.New(reject.ContraryFields, "the remedy is %v, but there is a refund of %v", remedy, amount)
	}
	return nil
}

// ClaimAnswer accepts or declines what was offered. The author is the holder.
//
// Encoding: time u32 | claim 32 | accept u8.
type ClaimAnswer struct {
	Time   Time `json:"time"`
	Claim  ID   `json:"claim"`
	Accept bool `json:"accept"`
}

// Type returns [TypeClaimAnswer].
func (ClaimAnswer) Type() Type { return TypeClaimAnswer }

// CoSigners returns nil.
func (ClaimAnswer) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p ClaimAnswer) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *ClaimAnswer) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Claim)
	f.Flag(&p.Accept)
}

// Check checks the fields by themselves.
func (p ClaimAnswer) Check() error {
	return first(p.Time.check(), named("claim", p.Claim))
}

// MaxNote is the longest note of an EVIDENCE_ADD, in bytes.
const MaxNote = 1024

// EvidenceAdd adds evidence to a claim that is not closed. The author is a
// party to it. The note is public for ever: no names, no addresses.
//
// Encoding: time u32 | claim 32 | evidence 32 | note (length u16, bytes).
type EvidenceAdd struct {
	Time     Time   `json:"time"`
	Claim    ID     `json:"claim"`
	Evidence Digest `json:"evidence"`
	Note     string `json:"note"` // UTF-8 without control characters
}

// Type returns [TypeEvidenceAdd].
func (EvidenceAdd) Type() Type { return TypeEvidenceAdd }

// CoSigners returns nil.
func (EvidenceAdd) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p EvidenceAdd) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *EvidenceAdd) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Claim)
	fields.Hash(f, &p.Evidence)
	fields.Text16(f, &p.Note)
}

// Check checks the fields by themselves.
func (p EvidenceAdd) Check() error {
	if len(p.Note) > MaxNote {
		return reject.New(reject.BadText, "the note has %d bytes, at most %d", len(p.Note), MaxNote)
	}
	if !utf8.ValidString(p.Note) {
		return reject.New(reject.BadText, "the note is not UTF-8")
	}
	for _, c := range p.Note {
		if c < ' ' && c != '\n' || c >= 0x7f && c <= 0x9f {
			return reject.New(reject.BadText, "the note has the control character %U", c)
		}
	}
	return first(p.Time.check(), named("claim", p.Claim))
}

// InspectionReport reports on goods that came back. The
// author is the seller, the servicer that the response to the claim names, or
// another one to whom the seller consents by signing too.
//
// Encoding: time u32 | claim 32 | finding u8 | seller 32 | report 32.
type InspectionReport struct {
	Time    Time    `json:"time"`
	Claim   ID      `json:"claim"`
	Finding Finding `json:"finding"`
	Seller  Key     `json:"seller"` // who consents to the author; else zero
	Report  Digest  `json:"report"`
}

// Type returns [TypeInspectionReport].
func (InspectionReport) Type() Type { return TypeInspectionReport }

// CoSigners returns the seller who consents, if any.
func (p InspectionReport) CoSigners() []Key {
	if p.Seller == (Key{}) {
		return nil
	}
	return []Key{p.Seller}
}

// Append appends the encoding.
func (p InspectionReport) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *InspectionReport) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Claim)
	fields.Choice(f, &p.Finding)
	fields.Hash(f, &p.Seller)
	fields.Hash(f, &p.Report)
}

// Check checks the fields by themselves.
func (p InspectionReport) Check() error {
	return first(p.Time.check(), named("claim", p.Claim), findingWords.Check("finding", uint8(p.Finding)))
}

// ClaimWithdraw ends a claim. The author is the holder.
//
// Encoding: time u32 | claim 32.
type ClaimWithdraw struct {
	Time  Time `json:"time"`
	Claim ID   `json:"claim"`
}

// Type returns [TypeClaimWithdraw].
func (ClaimWithdraw) Type() Type { return TypeClaimWithdraw }

// CoSigners returns nil.
func (ClaimWithdraw) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p ClaimWithdraw) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *ClaimWithdraw) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Claim)
}

// Check checks the fields by themselves.
func (p ClaimWithdraw) Check() error {
	return first(p.Time.check(), named("claim", p.Claim))
}

// ClaimEscalate takes a claim to the supervisors. The author is the holder.
//
// Encoding: time u32 | claim 32 | text 32.
type ClaimEscalate struct {
	Time  Time   `json:"time"`
	Claim ID     `json:"claim"`
	Text  Digest `json:"text"`
}

// Type returns [TypeClaimEscalate].
func (ClaimEscalate) Type() Type { return TypeClaimEscalate }

// CoSigners returns nil.
func (ClaimEscalate) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p ClaimEscalate) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *ClaimEscalate) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Claim)
	fields.Hash(f, &p.Text)
}

// Check checks the fields by themselves.
func (p ClaimEscalate) Check() error {
	return first(p.Time.check(), named("claim", p.Claim))
}

// SettleExecute gives the holder the remedy. The author is the seller or the
// maker. If the replacement is another product the holder consents by signing
// too.
//
// Encoding: time u32 | claim 32 | remedy u8 | payment 32 | replacement 32 |
// holder 32 | report 32.
type SettleExecute struct {
	Time        Time   `json:"time"`
	Claim       ID     `json:"claim"`
	Remedy      Remedy `json:"remedy"`
	Payment     ID     `json:"payment"`     // of a refund: a PAY to the holder whose reference is the claim; else zero
	Replacement ID     `json:"replacement"` // the new voucher; else zero
	Holder      Key    `json:"holder"`      // who consents to another product; else zero
	Report      Digest `json:"report"`      // of a repair
}

// Type returns [TypeSettleExecute].
func (SettleExecute) Type() Type { return TypeSettleExecute }

// CoSigners returns the holder who consents, if any.
func (p SettleExecute) CoSigners() []Key {
	if p.Holder == (Key{}) {
		return nil
	}
	return []Key{p.Holder}
}

// Append appends the encoding.
func (p SettleExecute) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *SettleExecute) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Claim)
	fields.Choice(f, &p.Remedy)
	fields.Hash(f, &p.Payment)
	fields.Hash(f, &p.Replacement)
	fields.Hash(f, &p.Holder)
	fields.Hash(f, &p.Report)
}

// Check checks the fields by themselves.
func (p SettleExecute) Check() error {
	if (p.Remedy == Refund) != (p.Payment != ID{}) || (p.Remedy == Replace) != (p.Replacement != ID{}) || p.Holder != (Key{}) && p.Remedy != Replace {
		return reject.New(reject.ContraryFields, "a refund names its payment, a replacement its voucher, and nothing else does; the remedy is %v", p.Remedy)
	}
	return first(p.Time.check(), named("claim", p.Claim), remedyWords.Check("remedy", uint8(p.Remedy)))
}

// SettleConfirm accepts or disputes the remedy that was given. The author is
// the holder.
//
// Encoding: time u32 | claim 32 | accept u8.
type SettleConfirm struct {
	Time   Time `json:"time"`
	Claim  ID   `json:"claim"`
	Accept bool `json:"accept"`
}

// Type returns [TypeSettleConfirm].
func (SettleConfirm) Type() Type { return TypeSettleConfirm }

// CoSigners returns nil.
func (SettleConfirm) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p SettleConfirm) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *SettleConfirm) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Claim)
	f.Flag(&p.Accept)
}

// Check checks the fields by themselves.
func (p SettleConfirm) Check() error {
	return first(p.Time.check(), named("claim", p.Claim))
}

// ClaimClose ends a claim that no supervisor ruled on in time. The author is
// the holder, the seller or the maker.
//
// Encoding: time u32 | claim 32.
type ClaimClose struct {
	Time  Time `json:"time"`
	Claim ID   `json:"claim"`
}

// Type returns [TypeClaimClose].
func (ClaimClose) Type() Type { return TypeClaimClose }

// CoSigners returns nil.
func (ClaimClose) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p ClaimClose) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *ClaimClose) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Claim)
}

// Check checks the fields by themselves.
func (p ClaimClose) Check() error {
	return first(p.Time.check(), named("claim", p.Claim))
}
