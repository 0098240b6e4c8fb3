package rules

import (
	"encoding/binary"

	"stele/node/ledger/fields"
	"stele/node/ledger/record"
)

// Product is what the state knows of a product.
type Product struct {
	GTIN         record.GTIN
	Maker        record.Key // the account that registered it
	WarrantyDays uint16     // that a seller has to give at least
	Terms        record.Digest
	Recalled     bool // all items of it
}

// Item is what the state knows of one item of a product.
type Item struct {
	GTIN     record.GTIN
	Serial   record.Serial
	Voucher  record.ID // the last one for it; zero if there was none
	Recalled bool      // this item, if the product is not
}

func (p *Product) layout(f *fields.Coder) {
	fields.Hash(f, &p.Maker)
	f.Uint16(&p.WarrantyDays)
	fields.Hash(f, &p.Terms)
	f.Flags(&p.Recalled)
}

func (i *Item) layout(f *fields.Coder) {
	fields.Optional(f, &i.Voucher, record.ID{})
	f.Flags(&i.Recalled)
}

// productKey is the key of a product, and the prefix of the keys of its items.
func productKey(kind byte, gtin record.GTIN) []byte {
	return binary.BigEndian.AppendUint64(append(make([]byte, 0, 1+8+20), kind), uint64(gtin))
}

func itemKey(gtin record.GTIN, serial record.Serial) []byte {
	return append(productKey(itemEntry, gtin), serial...)
}

// GetProduct returns a product, or nil if nobody registered it.
func GetProduct(v View, gtin record.GTIN) (*Product, error) {
	p := &Product{GTIN: gtin}
	if ok, err := getEntry(v, productKey(productEntry, gtin), p); !ok {
		return nil, err
	}
	return p, nil
}

func putProduct(s *State, p *Product) error {
	return putEntry(s, productKey(productEntry, p.GTIN), p)
}

// GetItem returns an item. An item that was never sold or recalled is zero but for
// its GTIN and serial number.
func GetItem(v View, gtin record.GTIN, serial record.Serial) (Item, error) {
	i := Item{GTIN: gtin, Serial: serial}
	_, err := getEntry(v, itemKey(gtin, serial), &i)
	return i, err
}

func putItem(s *State, i *Item) error { return putEntry(s, itemKey(i.GTIN, i.Serial), i) }
