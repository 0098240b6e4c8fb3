package record

import (
	"encoding/hex"

	"stele/node/ledger/fields"
	"stele/node/ledger/reject"
)

// Leg is the direction of a shipment: from the seller to the holder, back to
// the seller for a claim, or to the holder again after a repair.
type Leg uint8

// The values of Leg.
const (
	Outbound Leg = 1 + iota
	Return
	Replacement
)

var legWords = fields.Words{"outbound", "return", "replacement"}

// String returns the word for it.
func (c Leg) String() string { return legWords.Name(uint8(c)) }

// MarshalText returns String.
func (c Leg) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *Leg) UnmarshalText(b []byte) error { return fields.Parse(c, legWords, "leg", b) }

// ExceptionKind is what went wrong with a shipment.
type ExceptionKind uint8

// The values of ExceptionKind.
const (
	Lost ExceptionKind = 1 + iota
	Damaged
	Refused
	Misdelivered
)

var exceptionKindWords = fields.Words{"lost", "damaged", "refused", "misdelivered"}

// String returns the word for it.
func (c ExceptionKind) String() string { return exceptionKindWords.Name(uint8(c)) }

// MarshalText returns String.
func (c ExceptionKind) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what String returns.
func (c *ExceptionKind) UnmarshalText(b []byte) error {
	return fields.Parse(c, exceptionKindWords, "kind", b)
}

// Nonce is chosen by the carrier for one challenge.
type Nonce [16]byte

// MarshalText returns 32 hexadecimal digits.
func (n Nonce) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, n[:]), nil }

// UnmarshalText reads what MarshalText returns.
func (n *Nonce) UnmarshalText(b []byte) error {
	got, err := hex.DecodeString(string(b))
	if err != nil || len(got) != len(n) {
		return reject.New(reject.NotCanonical, "%.40q is not %d hexadecimal digits", b, 2*len(n))
	}
	copy(n[:], got)
	return nil
}

// ShipmentCreate hands goods over to the post. The author is the sender. The
// record's ID names the shipment. Of the recipient it has only a commitment
// (package recipient): name and address travel off the chain, sealed to the
// carrier.
//
// Encoding: time u32 | voucher 32 | leg u8 | claim 32 | carrier 32 | commitment
// 32 | pickup hash 32 | blob hash 32.
type ShipmentCreate struct {
	Time       Time   `json:"time"`
	Voucher    ID     `json:"voucher"`
	Leg        Leg    `json:"leg"`
	Claim      ID     `json:"claim"`       // that the goods travel for; zero for outbound
	Carrier    Key    `json:"carrier"`     // who takes the goods from the sender
	Commitment Digest `json:"commitment"`  // to the recipient's data
	PickupHash Digest `json:"pickup_hash"` // SHA-256 of the pick-up key, which signs at delivery
	BlobHash   Digest `json:"blob_hash"`   // SHA-256 of the sealed data
}

// Type returns [TypeShipmentCreate].
func (ShipmentCreate) Type() Type { return TypeShipmentCreate }

// CoSigners returns nil.
func (ShipmentCreate) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p ShipmentCreate) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *ShipmentCreate) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Voucher)
	fields.Choice(f, &p.Leg)
	fields.Hash(f, &p.Claim)
	fields.Hash(f, &p.Carrier)
	fields.Hash(f, &p.Commitment)
	fields.Hash(f, &p.PickupHash)
	fields.Hash(f, &p.BlobHash)
}

// Check checks the fields by themselves.
func (p ShipmentCreate) Check() error {
	if (p.Leg == Outbound) != (p.Claim == ID{}) {
		return reject.New(reject.MissingID, "a shipment names a claim if it is a return or a replacement, and only then; its leg is %v", p.Leg)
	}
	return first(p.Time.check(), named("voucher", p.Voucher), legWords.Check("leg", uint8(p.Leg)))
}

// CustodyHandover passes goods from the custodian, who is the author, to the
// next carrier, who signs too; or back to the sender, after an exception.
// BlobHash is of the data sealed again, to the next carrier.
//
// Encoding: time u32 | shipment 32 | to 32 | blob hash 32.
type CustodyHandover struct {
	Time     Time   `json:"time"`
	Shipment ID     `json:"shipment"`
	To       Key    `json:"to"`
	BlobHash Digest `json:"blob_hash"` // zero if the goods go back to the sender
}

// Type returns [TypeCustodyHandover].
func (CustodyHandover) Type() Type { return TypeCustodyHandover }

// CoSigners returns who takes the goods.
func (p CustodyHandover) CoSigners() []Key { return []Key{p.To} }

// Append appends the encoding.
func (p CustodyHandover) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *CustodyHandover) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Shipment)
	fields.Hash(f, &p.To)
	fields.Hash(f, &p.BlobHash)
}

// Check checks the fields by themselves.
func (p CustodyHandover) Check() error {
	return first(p.Time.check(), named("shipment", p.Shipment))
}

// checkFrame rejects a handover to oneself.
func (p CustodyHandover) checkFrame(r *Record) error {
	if p.To == r.Key {
		return reject.New(reject.SelfTransfer, "the custodian %v hands over to itself", r.Key)
	}
	return nil
}

// DeliveryConfirm proves that the goods reached their recipient. The author is
// the custodian. The carrier chooses a challenge, and the pick-up key signs the
// record that holds it: who has not the key cannot collect the goods, and no
// older signature will do.
//
// Encoding: time u32 | shipment 32 | pickup key 32 | challenge height u32 |
// challenge nonce 16.
type DeliveryConfirm struct {
	Time            Time   `json:"time"`
	Shipment        ID     `json:"shipment"`
	PickupKey       Key    `json:"pickup_key"`       // its SHA-256 stands in the shipment
	ChallengeHeight uint32 `json:"challenge_height"` // height of the tip when the carrier chose the challenge
	ChallengeNonce  Nonce  `json:"challenge_nonce"`
}

// Type returns [TypeDeliveryConfirm].
func (DeliveryConfirm) Type() Type { return TypeDeliveryConfirm }

// CoSigners returns the pick-up key.
func (p DeliveryConfirm) CoSigners() []Key { return []Key{p.PickupKey} }

// Append appends the encoding.
func (p DeliveryConfirm) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *DeliveryConfirm) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Shipment)
	fields.Hash(f, &p.PickupKey)
	f.Uint32(&p.ChallengeHeight)
	f.Fixed(p.ChallengeNonce[:])
}

// Check checks the fields by themselves.
func (p DeliveryConfirm) Check() error {
	return first(p.Time.check(), named("shipment", p.Shipment))
}

// DeliveryException says that a delivery failed. The author is the custodian.
//
// Encoding: time u32 | shipment 32 | kind u8 | evidence 32.
type DeliveryException struct {
	Time     Time          `json:"time"`
	Shipment ID            `json:"shipment"`
	Kind     ExceptionKind `json:"kind"`
	Evidence Digest        `json:"evidence"`
}

// Type returns [TypeDeliveryException].
func (DeliveryException) Type() Type { return TypeDeliveryException }

// CoSigners returns nil.
func (DeliveryException) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p DeliveryException) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *DeliveryException) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Shipment)
	fields.Choice(f, &p.Kind)
	fields.Hash(f, &p.Evidence)
}

// Check checks the fields by themselves.
func (p DeliveryException) Check() error {
	return first(p.Time.check(), named("shipment", p.Shipment), exceptionKindWords.Check("kind", uint8(p.Kind)))
}

// ProofOfAttempt says that the carrier tried to deliver for a long time and
// found nobody. The author is the custodian. A supervisor then decides with a
// RULING.
//
// Encoding: time u32 | shipment 32 | evidence 32.
type ProofOfAttempt struct {
	Time     Time   `json:"time"`
	Shipment ID     `json:"shipment"`
	Evidence Digest `json:"evidence"`
}

// Type returns [TypeProofOfAttempt].
func (ProofOfAttempt) Type() Type { return TypeProofOfAttempt }

// CoSigners returns nil.
func (ProofOfAttempt) CoSigners() []Key { return nil }

// Append appends the encoding.
func (p ProofOfAttempt) Append(b []byte) []byte { return appendLayout(b, &p) }

func (p *ProofOfAttempt) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Shipment)
	fields.Hash(f, &p.Evidence)
}

// Check checks the fields by themselves.
func (p ProofOfAttempt) Check() error {
	return first(p.Time.check(), named("shipment", p.Shipment))
}
