package query

import (
	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

// VouchersSoldBy returns the vouchers that the account of a key issued, the
// oldest first. Errors: [ErrInvalid], [ErrNoViews], and those of the store.
func (r *Reader) VouchersSoldBy(key record.Key, in Range) (Page[Voucher], error) {
	account, err := r.accountOf(key)
	if err != nil {
		return Page[Voucher]{}, err
	}
	return things(r, r.listed(views.SoldBy(account)), in, (*now).voucher, nil)
}

// VouchersHeldBy returns the vouchers that the account of a key holds, the oldest
// first. Errors: those of [Reader.VouchersSoldBy].
func (r *Reader) VouchersHeldBy(key record.Key, in Range) (Page[Voucher], error) {
	return r.Vouchers(Of{Holder: &key}, VoucherStates(), in)
}

// ClaimsOf returns the claims that the account of a key opened, and those that it
// may answer as seller or maker, the oldest first. Errors: those of
// [Reader.VouchersSoldBy].
func (r *Reader) ClaimsOf(key record.Key, in Range) (Page[Claim], error) {
	account, err := r.accountOf(key)
	if err != nil {
		return Page[Claim]{}, err
	}
	return things(r, r.listed(views.ClaimsOf(account)), in, (*now).claim, nil)
}

// ClaimsServicedBy returns the claims in which the account of a key may inspect the goods,
// as the last response that names a servicer says: in the order of the responses, and a
// claim as often as they name it, but on each page once. Errors: those of
// [Reader.VouchersSoldBy].
func (r *Reader) ClaimsServicedBy(key record.Key, in Range) (Page[Claim], error) {
	account, err := r.accountOf(key)
	if err != nil {
		return Page[Claim]{}, err
	}
	return things(r, r.listed(views.ServicedBy(account)), in, (*now).claim, func(c *Claim) bool { return c.Servicer == account })
}

// ShipmentsOf returns the shipments that the account of a key sent or carried.
// Errors: those of [Reader.VouchersSoldBy].
func (r *Reader) ShipmentsOf(key record.Key, in Range) (Page[Shipment], error) {
	account, err := r.accountOf(key)
	if err != nil {
		return Page[Shipment]{}, err
	}
	return things(r, r.listed(views.ShipmentsOf(account)), in, (*now).shipment, nil)
}

// source reads entries of a list from a place on.
type source func(from store.Place, limit int) ([]views.Entry, error)

// listed is a list of the views as a source.
func (r *Reader) listed(l views.List) source {
	return func(from store.Place, limit int) ([]views.Entry, error) {
		v, err := r.lists()
		if err != nil {
			return nil, err
		}
		entries, err := v.List(l, from, limit)
		if err != nil {
			return nil, err
		}
		return r.upTo(entries)
	}
}

// For one page of a list, about maxRead things are read at most, of which not all may
// belong on it: at first as many as the page has room for, then rereadSize at a time.
const (
	maxRead    = 2000
	rereadSize = 100
)

// things returns a page of a list of things: those that keep wants, each once.
// Keep may be nil.
func things[T any](r *Reader, from source, in Range, read func(*now, record.ID) (*T, error), keep func(*T) bool) (Page[T], error) {
	return looked(r, func(n *now) (Page[T], error) { return thingsOf(n, from, in, read, keep) })
}

// thingsOf is things in a state.
func thingsOf[T any](n *now, from source, in Range, read func(*now, record.ID) (*T, error), keep func(*T) bool) (Page[T], error) {
	page := Page[T]{Items: []T{}}
	at, err := in.From.place()
	if err != nil {
		return page, err
	}
	seen := map[record.ID]bool{}
	size := in.Limit
	for done := 0; done < maxRead; {
		entries, err := from(at, size)
		if err != nil {
			return page, err
		}
		for _, e := range entries {
			if at = e.Next(); seen[e.ID] {
				continue
			}
			seen[e.ID] = true
			thing, err := read(n, e.ID)
			if err != nil {
				return page, err
			}
			if thing == nil || keep != nil && !keep(thing) {
				continue // nil: the chain has changed its branch
			}
			page.Items = append(page.Items, *thing)
			if len(page.Items) == in.Limit {
				page.Next = placeCursor(at)
				return page, nil
			}
		}
		if len(entries) < size {
			return page, nil
		}
		done += size
		size = max(size, rereadSize)
	}
	page.Next = placeCursor(at)
	return page, nil
}
