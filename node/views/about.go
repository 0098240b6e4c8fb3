package views

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/block"
	"stele/node/ledger/record"
)

// About is what a record of a block is about, and whom it concerns.
type About struct {
	Subject
	GTIN   record.GTIN   // of the voucher's item, or of the product that the record names; 0: none
	Serial record.Serial // of the item; "": none
	// Parties are the accounts that signed the record, those that it names, and the seller
	// of the voucher: their first keys as of the block, without repetitions.
	Parties []record.Key
}

// AboutBlock returns what each record of a block at a height is about, whether the block
// is part of the chain or has left it. Errors: [ErrIncomplete], [ErrClosed], and
// [ErrElsewhere] if the views lack the block before it, as after a deep reorganisation.
func (v *Views) AboutBlock(b *block.Block, height uint32) (about []About, err error) {
	err = v.ask(func(db pebble.Reader) error {
		if err := v.checkParent(db, b, height); err != nil {
			return err
		}
		x, err := index(db, b, height)
		if err != nil {
			return err
		}
		about = make([]About, len(b.Records))
		for i, r := range b.Records {
			a, failed := x.about(r)
			about[i], err = a, errors.Join(err, failed)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return about, nil
}

// ErrElsewhere means that the views are on another branch than a block.
var ErrElsewhere = errors.New("views are on another branch")

// checkParent reports an error if the views do not have the block before one at a height.
func (v *Views) checkParent(db pebble.Reader, b *block.Block, height uint32) error {
	if height == 0 {
		return nil
	}
	tip, err := readTip(db, []byte{tipEntry})
	if err != nil {
		return err
	}
	if tip == nil || tip.Height+1 < height {
		return ErrElsewhere
	}
	at, ok := v.o.Chain.Header(tip.Hash)
	parent, known := v.o.Chain.Header(b.Header.Prev)
	if !ok || !known || !at.InChain || !parent.InChain {
		return ErrElsewhere
	}
	return nil
}

// about returns what a record is about that is indexed already.
func (x *indexer) about(r *record.Record) (a About, err error) {
	keys := partyKeys(r)
	rel, _, err := x.relation(r.ID())
	if err != nil {
		return a, err
	}
	a.Subject = Subject{rel.voucher, rel.claim, rel.shipment}
	switch p := r.Payload.(type) {
	case record.ProductRegister:
		a.GTIN = p.GTIN
	case record.RecallNotice:
		a.GTIN, a.Serial = p.GTIN, p.Serial
	}
	if rel.voucher != (record.ID{}) {
		s, err := x.sale(rel.voucher)
		if err != nil {
			return a, err
		}
		keys = append(keys, s.seller)
		a.GTIN = record.GTIN(binary.BigEndian.Uint64(s.item[:]))
		a.Serial = record.Serial(strings.TrimRight(string(s.item[8:]), "\x00"))
	}
	for _, key := range keys {
		account, err := x.account(key)
		if err != nil {
			return a, err
		}
		if account != (record.Key{}) && !slices.Contains(a.Parties, account) {
			a.Parties = append(a.Parties, account)
		}
	}
	return a, nil
}
