package rules

import (
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// loadVoucher returns a voucher as it is at c, for a rule. If its claim has lapsed,
// it writes that into the state first.
func loadVoucher(s *State, c Context, id record.ID) (*Voucher, error) {
	v, lapsed, err := voucherAt(s, c, id)
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, reject.New(reject.VoucherUnknown, "there is no voucher %v", id)
	}
	if lapsed != nil {
		err = putCase(s, v, lapsed)
	}
	return v, err
}

// voucherFor is loadVoucher, with the parts that the author of a record plays.
func voucherFor(s *State, c Context, id record.ID, author Account) (*Voucher, part, error) {
	v, err := loadVoucher(s, c, id)
	if err != nil {
		return nil, 0, err
	}
	who, err := partsOf(s, v, author)
	return v, who, err
}

// loadClaim returns a claim and its voucher as they are at c, for a rule.
func loadClaim(s *State, c Context, id record.ID) (*Claim, *Voucher, error) {
	claim, _, err := claimAt(s, c, id)
	if err != nil {
		return nil, nil, err
	}
	if claim == nil {
		return nil, nil, reject.New(reject.ClaimUnknown, "there is no claim %v", id)
	}
	v, err := loadVoucher(s, c, claim.Voucher)
	return claim, v, err
}

// loadShipment returns a shipment for a rule.
func loadShipment(v View, id record.ID) (*Shipment, error) {
	h, err := GetShipment(v, id)
	if err == nil && h == nil {
		err = reject.New(reject.ShipmentUnknown, "there is no shipment %v", id)
	}
	return h, err
}

// putCase writes a voucher and its claim.
func putCase(s *State, v *Voucher, claim *Claim) error {
	if err := putVoucher(s, v); err != nil {
		return err
	}
	return putClaim(s, claim)
}

// partsOf returns the parts that an account plays for a voucher.
func partsOf(view View, v *Voucher, a Account) (part, error) {
	var who part
	for _, is := range []struct {
		part part
		yes  bool
	}{
		{seller, a.ID == v.Seller},
		{buyer, a.ID == v.Buyer},
		{holder, a.ID == v.Holder},
		{supervisor, a.Roles.Has(record.Supervisor)},
	} {
		if is.yes {
			who |= is.part
		}
	}
	product, err := GetProduct(view, v.GTIN)
	if err == nil && product == nil {
		err = errNoEntry(productEntry, v.ID)
	}
	if err == nil && a.ID == product.Maker {
		who |= maker
	}
	return who, err
}

// involved are the parts whose players cannot rule on a case.
const involved = seller | maker | holder | buyer | sender | custodian | servicer

// authorKey is the key of the entry that names the author of an after-sales record.
func authorKey(id record.ID) []byte { return idKey(authorEntry, id) }

// GetAuthor returns the account that was the author of an after-sales record,
// and false if no such record has the id.
func GetAuthor(v View, id record.ID) (record.Key, bool, error) {
	key := authorKey(id)
	value, err := get(v, key)
	if err != nil || value == nil {
		return record.Key{}, false, err
	}
	if len(value) != len(record.Key{}) {
		return record.Key{}, false, errState(key, value)
	}
	return record.Key(value), true, nil
}
