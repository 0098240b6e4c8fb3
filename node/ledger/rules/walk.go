package rules

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"stele/node/ledger/record"
)

// Entries is a [View] whose entries can be read in the order of their keys.
type Entries interface {
	View
	// Range calls fn for the entries whose keys begin with prefix, in the order of
	// keys. It stops at the first error, of fn or of the state, and returns it. The
	// slices are valid during the call.
	Range(prefix []byte, fn func(key, value []byte) error) error
}

// ErrNotEntries means that a view has no order of its entries.
var ErrNotEntries = errors.New("the entries of this state cannot be listed")

// Range implements [Entries], if the state after the last block does.
func (p pastView) Range(prefix []byte, fn func(key, value []byte) error) error {
	after, ok := p.after.(Entries)
	if !ok {
		return ErrNotEntries
	}
	// Keys that are added from here on have the same values in after.
	old := p.sorted(string(prefix))
	next := func() error { // the first of old
		e := old[0]
		if old = old[1:]; e.value == nil {
			return nil
		}
		return fn([]byte(e.key), e.value)
	}
	err := after.Range(prefix, func(key, value []byte) error {
		for len(old) > 0 && old[0].key < string(key) {
			if err := next(); err != nil {
				return err
			}
		}
		if len(old) > 0 && old[0].key == string(key) {
			return next()
		}
		return fn(key, value)
	})
	for err == nil && len(old) > 0 {
		err = next()
	}
	return err
}

// pastEntry is the old value of a key, nil if there was none.
type pastEntry struct {
	key   string
	value []byte
}

// sorted returns the old values of the keys that begin with prefix, in their order.
func (p *Past) sorted(prefix string) []pastEntry {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var all []pastEntry
	for key, value := range p.old {
		if strings.HasPrefix(key, prefix) {
			all = append(all, pastEntry{key, value})
		}
	}
	slices.SortFunc(all, func(a, b pastEntry) int { return strings.Compare(a.key, b.key) })
	return all
}

// here is a view that has the entry at hand which a walk has come to.
type here struct {
	View
	key, value []byte
}

// Get implements [View].
func (h *here) Get(key []byte) ([]byte, error) {
	if bytes.Equal(key, h.key) {
		return h.value, nil
	}
	return h.View.Get(key)
}

// each calls fn for all that get returns by the ids of the entries of a kind.
func each[T any](v Entries, kind byte, get func(View, record.ID) (*T, error), fn func(*T) error) error {
	at := here{View: v}
	return v.Range([]byte{kind}, func(key, value []byte) error {
		if len(key) != 1+len(record.ID{}) {
			return errState(key, value)
		}
		at.key, at.value = key, value
		thing, err := get(&at, record.ID(key[1:]))
		if err == nil && thing == nil {
			err = errState(key, value)
		}
		if err != nil {
			return err
		}
		return fn(thing)
	})
}

// EachVoucher calls fn for all vouchers as [GetVoucher] returns them, by their ids in
// the order of their bytes. It stops at the first error and returns it.
func EachVoucher(v Entries, c Context, fn func(*Voucher) error) error {
	get := func(v View, id record.ID) (*Voucher, error) { return GetVoucher(v, c, id) }
	return each(v, voucherEntry, get, fn)
}

// EachClaim is [EachVoucher] for claims, as [GetClaim] returns them.
func EachClaim(v Entries, c Context, fn func(*Claim) error) error {
	get := func(v View, id record.ID) (*Claim, error) { return GetClaim(v, c, id) }
	return each(v, claimEntry, get, fn)
}

// EachShipment is [EachVoucher] for shipments, as [GetShipment] returns them.
func EachShipment(v Entries, fn func(*Shipment) error) error {
	return each(v, shipmentEntry, GetShipment, fn)
}

// EachEvaluation is [EachVoucher] for evaluations, by the ids of their vouchers.
func EachEvaluation(v Entries, fn func(*Evaluation) error) error {
	return each(v, evaluationEntry, GetEvaluation, fn)
}

// EachProduct is [EachVoucher] for products, by their numbers.
func EachProduct(v Entries, fn func(*Product) error) error {
	return v.Range([]byte{productEntry}, func(key, value []byte) error {
		if len(key) != 1+8 {
			return errState(key, value)
		}
		p := &Product{GTIN: record.GTIN(binary.BigEndian.Uint64(key[1:]))}
		if !decode(p, value) {
			return errState(key, value)
		}
		return fn(p)
	})
}

// EachAccount is [EachVoucher] for accounts that have or had anything, by their first
// keys.
func EachAccount(v Entries, fn func(*Account) error) error {
	return v.Range([]byte{accountEntry}, func(key, value []byte) error {
		if len(value) == aliasSize {
			return nil // a later key of an account
		}
		if len(key) != 1+len(record.Key{}) {
			return errState(key, value)
		}
		a, ok := decodeAccount(record.Key(key[1:]), value)
		if !ok {
			return errState(key, value)
		}
		return fn(&a)
	})
}
