package rules

import (
	"stele/node/ledger/fields"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// VoucherState is the state of a voucher.
type VoucherState uint8

// The states of a voucher. The zero value is none.
const (
	VoucherIssued   VoucherState = 1 + iota // sold, not delivered
	VoucherActive                           // delivered
	VoucherExpired                          // the warranty is over; follows from the time alone
	VoucherVoid                             // the sale was undone before delivery
	VoucherRefunded                         // a claim was settled with money
	VoucherReplaced                         // a claim was settled with other goods
)

var voucherStates = fields.Words{"issued", "active", "expired", "void", "refunded", "replaced"}

// String returns the word for it.
func (s VoucherState) String() string { return voucherStates.Name(uint8(s)) }

// MarshalText returns String.
func (s VoucherState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Final reports whether the voucher is over, so that its item can be sold again.
func (s VoucherState) Final() bool { return s >= VoucherVoid }

// Voucher is the proof of a sale and the warranty certificate, as it is now.
// Its parties are named by the first keys of their accounts. Times are median
// times past of blocks, in seconds since 1970.
type Voucher struct {
	ID    record.ID
	State VoucherState

	GTIN         record.GTIN
	Serial       record.Serial
	Seller       record.Key
	Buyer        record.Key // the first one
	Holder       record.Key
	Price        record.Amount
	Quantity     uint32
	Distance     bool // sold at a distance
	WarrantyDays uint16
	Burn         record.Amount

	Issued    uint32
	Delivered uint32 // 0 if it is not
	Extended  uint32 // seconds in repair, by which the warranty is longer
	Repairs   uint8  // of the fault LastFault, one after the other
	LastFault uint16

	Shipment record.ID // the last one to the holder, with which it was or will be delivered
	Claim    record.ID // the last one
	Replaces record.ID // the claim that was settled with this voucher

	ClaimLive   bool // Claim is not closed
	ClaimClosed bool // some claim was closed
	Resent      bool // a delivery failed, and the goods were sent again
	Recalled    bool // the item or all of the product; from their entries
}

func (v *Voucher) layout(f *fields.Coder) {
	stored := v.State
	if stored == VoucherExpired {
		stored = VoucherActive
	}
	fields.ChoiceUpTo(f, &stored, VoucherReplaced)
	f.Require(stored != 0 && stored != VoucherExpired)
	if f.Reading() {
		v.State = stored
	}
	f.Flags(&v.Distance, &v.ClaimLive, &v.ClaimClosed, &v.Resent)
	f.Uint64((*uint64)(&v.GTIN))
	fields.Text8(f, &v.Serial)
	fields.Hash(f, &v.Seller)
	fields.Hash(f, &v.Buyer)
	fields.Optional(f, &v.Holder, v.Buyer)
	f.Uint64((*uint64)(&v.Price))
	f.Uint32(&v.Quantity)
	f.Uint16(&v.WarrantyDays)
	f.Uint64((*uint64)(&v.Burn))
	f.Uint32(&v.Issued)
	f.Uint32(&v.Delivered)
	f.Uint32(&v.Extended)
	f.Uint8(&v.Repairs)
	f.Uint16(&v.LastFault)
	fields.Optional(f, &v.Shipment, record.ID{})
	fields.Optional(f, &v.Claim, record.ID{})
	fields.Optional(f, &v.Replaces, record.ID{})
}

// End returns the last second of the warranty, in seconds since 1970. It is 0 if the
// goods are not delivered. The warranty is at least as long as the law lets the
// buyer return or exchange the goods, whatever the seller says.
func (v *Voucher) End(p *network.AfterSales) uint64 {
	if v.Delivered == 0 {
		return 0
	}
	return after(v.Delivered, max(v.WarrantyDays, p.ReturnDays, p.ExchangeDays), p) + uint64(v.Extended)
}

// Late reports whether the delivery of a voucher that is issued has failed, or
// takes so long that it counts as failed. Last is its last shipment, or nil. Once a
// delivery has failed, the holder need not wait for the next one: otherwise a seller
// could send the goods again and again.
func (v *Voucher) Late(last *Shipment, c Context) bool {
	p := &c.Params.AfterSales
	switch {
	case last == nil:
		return uint64(c.MedianTime) > after(v.Issued, p.ShipDays, p)
	case v.Resent, last.State == ShipmentException, last.State == ShipmentReturned, last.State == ShipmentLost:
		return true
	}
	from := last.LostFrom(p)
	return from != 0 && uint64(c.MedianTime) > from
}

// after returns the time that is a number of days after another.
func after(time uint32, days uint16, p *network.AfterSales) uint64 {
	return uint64(time) + uint64(days)*uint64(p.Day)
}

// GetVoucher returns the voucher as it is at c: with what time alone decides, even
// if the state does not say so yet. It returns nil if there is no
// such voucher.
func GetVoucher(v View, c Context, id record.ID) (*Voucher, error) {
	voucher, _, err := voucherAt(v, c, id)
	if err != nil || voucher == nil {
		return nil, err
	}
	item, err := GetItem(v, voucher.GTIN, voucher.Serial)
	if err != nil {
		return nil, err
	}
	product, err := GetProduct(v, voucher.GTIN)
	if err != nil {
		return nil, err
	}
	voucher.Recalled = item.Recalled || product != nil && product.Recalled
	return voucher, nil
}

// voucherAt returns the voucher as it is at c. If its claim has lapsed, and the state
// does not say so yet, it returns the claim too.
func voucherAt(v View, c Context, id record.ID) (voucher *Voucher, lapsed *Claim, err error) {
	voucher = &Voucher{ID: id}
	if ok, err := getEntry(v, idKey(voucherEntry, id), voucher); !ok {
		return nil, nil, err
	}
	if voucher.ClaimLive {
		claim, wasLive, err := claimAt(v, c, voucher.Claim)
		if err != nil {
			return nil, nil, err
		}
		if claim == nil {
			return nil, nil, errNoEntry(claimEntry, voucher.Claim)
		}
		if wasLive && claim.State.Closed() {
			voucher.close(claim)
			lapsed = claim
		}
	}
	if voucher.State == VoucherActive && uint64(c.MedianTime) > voucher.End(&c.Params.AfterSales) {
		voucher.State = VoucherExpired
	}
	return voucher, lapsed, nil
}

func putVoucher(s *State, v *Voucher) error { return putEntry(s, idKey(voucherEntry, v.ID), v) }

// close applies the end of its claim to a voucher.
func (v *Voucher) close(claim *Claim) {
	v.ClaimLive, v.ClaimClosed = false, true
	if claim.State != ClaimSettled {
		return
	}
	for _, row := range voucherTable {
		if row.On == 0 && row.From == v.State && row.Choice == claim.Remedy.String() {
			v.State = row.To
			break
		}
	}
	if claim.Remedy != record.Repair {
		return
	}
	if claim.FaultCode != v.LastFault || v.Repairs == 0 {
		v.LastFault, v.Repairs = claim.FaultCode, 0
	}
	v.Repairs = min(v.Repairs, 254) + 1
	if claim.Received != 0 && claim.Received < claim.Executed {
		v.Extended += claim.Executed - claim.Received
	}
}
