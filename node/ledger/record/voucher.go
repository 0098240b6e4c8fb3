package record

import (
	"stele/node/ledger/reject"

	"stele/node/ledger/fields"
)

// ProductRegister makes a product known, with the warranty that every seller
// has to give at least. The author is a manufacturer; the product is then its
// own, and it may register it again with other terms for later vouchers.
//
// Encoding: time u32 | GTIN u64 | warranty u16 | terms 32.
type ProductRegister struct {
	Time         Time   `json:"time"`
	GTIN         GTIN   `json:"gtin"`
	WarrantyDays uint16 `json:"warranty_days"`
	Terms        Digest `json:"terms"` // of the warranty's text
}

// VoucherIssue is the proof of a sale and the buyer's warranty certificate: the
// invoice and the three-guarantees voucher of China's Provisions on Liability
// for Repair, Replacement and Return (1995). The author is the seller; the
// buyer signs too. The record's ID names the voucher.
//
// Encoding: time u32 | GTIN u64 | buyer 32 | invoice 32 | price u64 | quantity
// u32 | distance u8 | warranty u16 | terms 32 | burn u64 | stipend u64 | serial
// (length u16, characters).
type VoucherIssue struct {
	Time         Time   `json:"time"`
	GTIN         GTIN   `json:"gtin"`
	Buyer        Key    `json:"buyer"` // made for this voucher, so that nobody learns what else the buyer has
	Invoice      Digest `json:"invoice"`
	Price        Amount `json:"price"`
	Quantity     uint32 `json:"quantity"`
	Distance     bool   `json:"distance"` // sold at a distance: may be returned without a reason (Consumer Law, article 25)
	WarrantyDays uint16 `json:"warranty_days"`
	Terms        Digest `json:"terms"`   // those of the product
	Burn         Amount `json:"burn"`    // paid by the seller; what makes a false sale cost something
	Stipend      Amount `json:"stipend"` // moves from the seller to the buyer, for the fees of the buyer's records
	Serial       Serial `json:"serial"`
}

// VoucherTransfer gives a voucher to another holder, who signs too.
//
// Encoding: time u32 | voucher 32 | to 32.
type VoucherTransfer struct {
	Time    Time `json:"time"`
	Voucher ID   `json:"voucher"`
	To      Key  `json:"to"`
}

// VoucherVoid undoes a sale before the goods leave. The author is the seller;
// the holder signs too.
//
// Encoding: time u32 | voucher 32 | holder 32 | cause u8.
type VoucherVoid struct {
	Time    Time      `json:"time"`
	Voucher ID        `json:"voucher"`
	Holder  Key       `json:"holder"`
	Cause   VoidCause `json:"cause"`
}

// VoidCause is why a sale was undone.
type VoidCause uint8

// The causes of a VOUCHER_VOID.
const (
	VoidCancelled VoidCause = 1 + iota
	VoidOutOfStock
	VoidMistake
)

var voidCauses = fields.Words{"cancelled", "out-of-stock", "mistake"}

func (c VoidCause) String() string               { return voidCauses.Name(uint8(c)) }
func (c VoidCause) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
func (c *VoidCause) UnmarshalText(b []byte) (err error) {
	return fields.Parse(c, voidCauses, "cause", b)
}

// Type returns [TypeProductRegister].
func (ProductRegister) Type() Type { return TypeProductRegister }

// Type returns [TypeVoucherIssue].
func (VoucherIssue) Type() Type { return TypeVoucherIssue }

// Type returns [TypeVoucherTransfer].
func (VoucherTransfer) Type() Type { return TypeVoucherTransfer }

// Type returns [TypeVoucherVoid].
func (VoucherVoid) Type() Type { return TypeVoucherVoid }

// CoSigners returns nil.
func (ProductRegister) CoSigners() []Key { return nil }

// CoSigners returns the buyer.
func (p VoucherIssue) CoSigners() []Key { return []Key{p.Buyer} }

// CoSigners returns the new holder.
func (p VoucherTransfer) CoSigners() []Key { return []Key{p.To} }

// CoSigners returns the holder.
func (p VoucherVoid) CoSigners() []Key { return []Key{p.Holder} }

func (p *ProductRegister) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	f.Uint64((*uint64)(&p.GTIN))
	f.Uint16(&p.WarrantyDays)
	fields.Hash(f, &p.Terms)
}

func (p *VoucherIssue) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	f.Uint64((*uint64)(&p.GTIN))
	fields.Hash(f, &p.Buyer)
	fields.Hash(f, &p.Invoice)
	f.Uint64((*uint64)(&p.Price))
	f.Uint32(&p.Quantity)
	f.Flag(&p.Distance)
	f.Uint16(&p.WarrantyDays)
	fields.Hash(f, &p.Terms)
	f.Uint64((*uint64)(&p.Burn))
	f.Uint64((*uint64)(&p.Stipend))
	fields.Text16(f, &p.Serial)
}

func (p *VoucherTransfer) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Voucher)
	fields.Hash(f, &p.To)
}

func (p *VoucherVoid) layout(f *fields.Coder) {
	f.Uint32((*uint32)(&p.Time))
	fields.Hash(f, &p.Voucher)
	fields.Hash(f, &p.Holder)
	fields.Choice(f, &p.Cause)
}

// Append appends the encoding.
func (p ProductRegister) Append(b []byte) []byte { return appendLayout(b, &p) }

// Append appends the encoding.
func (p VoucherIssue) Append(b []byte) []byte { return appendLayout(b, &p) }

// Append appends the encoding.
func (p VoucherTransfer) Append(b []byte) []byte { return appendLayout(b, &p) }

// Append appends the encoding.
func (p VoucherVoid) Append(b []byte) []byte { return appendLayout(b, &p) }

// Check checks the fields by themselves.
func (p ProductRegister) Check() error { return first(p.Time.check(), p.GTIN.check()) }

// Check checks the fields by themselves.
func (p VoucherIssue) Check() error {
	if p.Quantity == 0 {
		return reject.New(reject.ZeroQuantity, "the quantity is 0")
	}
	return first(
		p.Time.check(), p.GTIN.check(), p.Serial.check(),
		checkAmount("price", p.Price, 1), checkAmount("burn", p.Burn, 1), checkAmount("stipend", p.Stipend, 0),
	)
}

// checkFrame rejects a sale to oneself.
func (p VoucherIssue) checkFrame(r *Record) error {
	if p.Buyer == r.Key {
		return reject.New(reject.SelfSale, "the seller %v is the buyer", r.Key)
	}
	return nil
}

// Check checks the fields by themselves.
func (p VoucherTransfer) Check() error { return first(p.Time.check(), named("voucher", p.Voucher)) }

// checkFrame rejects a transfer to oneself.
func (p VoucherTransfer) checkFrame(r *Record) error {
	if p.To == r.Key {
		return reject.New(reject.SelfTransfer, "the holder %v gives the voucher to itself", r.Key)
	}
	return nil
}

// Check checks the fields by themselves.
func (p VoucherVoid) Check() error {
	return first(p.Time.check(), named("voucher", p.Voucher), voidCauses.Check("cause", uint8(p.Cause)))
}
