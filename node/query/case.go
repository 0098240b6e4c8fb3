package query

import (
	"errors"
	"fmt"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// Voucher is a voucher as the next block finds it.
type Voucher struct {
	rules.Voucher
	// WarrantyEnd is the last second of the warranty, times of repair counted in;
	// 0 if the goods are not delivered.
	WarrantyEnd uint64
	Evaluation  *Evaluation // nil: none
	// Sale is the payload of the VOUCHER_ISSUE, with the digests of invoice and
	// terms. It is nil in lists, and if its block is pruned.
	Sale *record.VoucherIssue
}

// Evaluation is what the first buyer thinks.
type Evaluation struct {
	rules.Evaluation
	Reward record.Amount // that it is worth, whatever the scores
}

// Claim is a claim as the next block finds it.
type Claim struct {
	rules.Claim
	Seller   record.Key
	GTIN     record.GTIN
	Serial   record.Serial
	Deadline *Deadline // nil: nothing is waited for
}

// Deadline is the period that runs.
type Deadline struct {
	Period rules.Period
	Time   uint64 // its last second, of median time
	Passed bool   // whether the next block comes after it
}

// Shipment is where goods are.
type Shipment struct {
	rules.Shipment
	// LostFrom is until when it counts as on its way though nothing happens, and
	// AttemptFrom until when the carrier has to try before it can prove the
	// attempt. 0 if it is not under way.
	LostFrom, AttemptFrom uint64
}

// Item is one item of a product.
type Item struct {
	GTIN     record.GTIN
	Serial   record.Serial
	Product  *rules.Product // nil: nobody registered it
	Recalled bool           // the item, or all of the product
	Voucher  *Voucher       // the last one; nil: it was never sold
}

// Voucher returns the voucher with an id. Errors: [ErrNotFound], and those of the
// store.
func (r *Reader) Voucher(id record.ID) (*Voucher, error) {
	v, err := one(r, "voucher", id, (*now).voucher)
	if err != nil {
		return nil, err
	}
	found, err := r.chain.FindRecord(id)
	if errors.Is(err, store.ErrPruned) || errors.Is(err, store.ErrNotFound) {
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	if sale, ok := found.Record.Payload.(record.VoucherIssue); ok {
		v.Sale = &sale
	}
	return v, nil
}

// Claim returns the claim with an id. Errors: those of [Reader.Voucher].
func (r *Reader) Claim(id record.ID) (*Claim, error) { return one(r, "claim", id, (*now).claim) }

// Shipment returns the shipment with an id. Errors: those of [Reader.Voucher].
func (r *Reader) Shipment(id record.ID) (*Shipment, error) {
	return one(r, "shipment", id, (*now).shipment)
}

// one returns what an id names.
func one[T any](r *Reader, kind string, id record.ID, read func(*now, record.ID) (*T, error)) (*T, error) {
	thing, err := looked(r, func(n *now) (*T, error) { return read(n, id) })
	if err == nil && thing == nil {
		err = fail(ErrNotFound, "the chain has no %s with this id", kind)
	}
	return thing, err
}

// Item returns an item of a product. Errors: [ErrNotFound], and those of the
// store.
func (r *Reader) Item(gtin record.GTIN, serial record.Serial) (*Item, error) {
	return looked(r, func(n *now) (*Item, error) { return n.item(gtin, serial) })
}

// item returns an item, or an error if nothing is known of it.
func (n *now) item(gtin record.GTIN, serial record.Serial) (*Item, error) {
	item, err := rules.GetItem(n.view, gtin, serial)
	if err != nil {
		return nil, err
	}
	res := &Item{GTIN: gtin, Serial: item.Serial, Recalled: item.Recalled}
	if res.Product, err = rules.GetProduct(n.view, gtin); err != nil {
		return nil, err
	}
	if res.Product != nil {
		res.Recalled = res.Recalled || res.Product.Recalled
	}
	if item.Voucher != (record.ID{}) {
		if res.Voucher, err = n.voucher(item.Voucher); err != nil {
			return nil, err
		}
	}
	if res.Product == nil && res.Voucher == nil && !res.Recalled {
		return nil, fail(ErrNotFound, "nothing is known of this item")
	}
	return res, nil
}

// voucher returns a voucher with its evaluation, or nil if there is none.
func (n *now) voucher(id record.ID) (*Voucher, error) {
	v, err := rules.GetVoucher(n.view, n.at, id)
	if err != nil || v == nil {
		return nil, err
	}
	e, err := rules.GetEvaluation(n.view, id)
	if err != nil {
		return nil, err
	}
	res := &Voucher{Voucher: *v, WarrantyEnd: v.End(n.params())}
	if e != nil {
		res.Evaluation = &Evaluation{*e, rules.EvaluationReward(v)}
	}
	return res, nil
}

// claim returns a claim, or nil if there is none.
func (n *now) claim(id record.ID) (*Claim, error) {
	c, err := rules.GetClaim(n.view, n.at, id)
	if err != nil || c == nil {
		return nil, err
	}
	v, err := rules.GetVoucher(n.view, n.at, c.Voucher)
	if err == nil && v == nil {
		err = fmt.Errorf("%w: claim %v has no voucher", rules.ErrState, id)
	}
	if err != nil {
		return nil, err
	}
	res := &Claim{Claim: *c, Seller: v.Seller, GTIN: v.GTIN, Serial: v.Serial}
	if period, end := c.Deadline(n.params()); period != 0 {
		res.Deadline = &Deadline{period, end, uint64(n.at.MedianTime) > end}
	}
	return res, nil
}

// shipment returns a shipment, or nil if there is none.
func (n *now) shipment(id record.ID) (*Shipment, error) {
	h, err := rules.GetShipment(n.view, id)
	if err != nil || h == nil {
		return nil, err
	}
	return &Shipment{Shipment: *h, LostFrom: h.LostFrom(n.params()), AttemptFrom: h.AttemptFrom(n.params())}, nil
}
