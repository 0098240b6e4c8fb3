package views

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/minio/sha256-simd"

	"stele/node/ledger/record"
	"stele/node/store"
)

// List names a list of entries in the order of the chain.
type List struct {
	kind byte
	name [32]byte
}

// The kinds of lists. They are part of the format.
const (
	voucherList   = 'v'
	claimList     = 'c'
	shipmentList  = 's'
	itemList      = 'i'
	productList   = 'g'
	partyList     = 'p'
	blobList      = 'b'
	blobForList   = 'B'
	soldList      = 'S'
	claimsList    = 'C'
	shipmentsList = 'T'
	servicedList  = 'x'

	claimsUnderList        = 'V'
	shipmentsForList       = 'W'
	productsList           = 'M'
	evaluationsList        = 'e'
	evaluationsOfList      = 'E'
	evaluationsProductList = 'G'
	rulingsList            = 'r'
	recallsList            = 'R'
	suspensionsList        = 'u'
	paymentsList           = 'P'
)

// Voucher lists the records about a voucher, its claims and shipments included.
func Voucher(id record.ID) List { return List{voucherList, id} }

// Claim lists the records about a claim, its return shipments and payments
// included.
func Claim(id record.ID) List { return List{claimList, id} }

// Shipment lists the records about a shipment.
func Shipment(id record.ID) List { return List{shipmentList, id} }

// Item lists the records about all vouchers of an item, and the recalls that
// name it.
func Item(gtin record.GTIN, serial record.Serial) List { return List{itemList, itemName(gtin, serial)} }

// Product lists the registrations and recalls of a product.
func Product(gtin record.GTIN) List { return List{productList, itemName(gtin, "")} }

// itemName returns the name of an item: the number of its product in 8 bytes,
// big-endian, and its serial number of at most 20 characters.
func itemName(gtin record.GTIN, serial record.Serial) (name [32]byte) {
	binary.BigEndian.PutUint64(name[:], uint64(gtin))
	copy(name[8:], serial)
	return name
}

// Blob lists the records that name a blob.
func Blob(hash record.Digest) List { return List{blobList, hash} }

// BlobFor lists the records that name a blob together with a carrier. Carrier is
// the first key of its account. Other records that name the blob are not in the
// list.
func BlobFor(hash record.Digest, carrier record.Key) List {
	return List{blobForList, sha256.Sum256(append(hash[:], carrier[:]...))}
}

// Party lists the records that an account signed, or that name it: as carrier, as
// servicer, as a supervised seller, in a role, or as the payee of a payment for a
// claim. Account is its first key: see [Views.Account]. A payment to a key that
// the account took over later stays in the list of that key.
func Party(account record.Key) List { return List{partyList, account} }

// SoldBy lists the vouchers that an account issued.
func SoldBy(account record.Key) List { return List{soldList, account} }

// ClaimsOf lists the claims that an account opened, and those that it may answer:
// under vouchers that it issued, and about products that it makes.
func ClaimsOf(account record.Key) List { return List{claimsList, account} }

// ServicedBy lists the claims whose responses name an account as the servicer, each as
// often as they do.
func ServicedBy(account record.Key) List { return List{servicedList, account} }

// ShipmentsOf lists the shipments that an account sent or took over, each as
// often as it did.
func ShipmentsOf(account record.Key) List { return List{shipmentsList, account} }

// ClaimsUnder lists the claims under a voucher.
func ClaimsUnder(voucher record.ID) List { return List{claimsUnderList, voucher} }

// ShipmentsFor lists the shipments of the goods of a voucher.
func ShipmentsFor(voucher record.ID) List { return List{shipmentsForList, voucher} }

// ProductsOf lists the products that an account registered first. The id of an
// entry is that of a product: see [ProductID].
func ProductsOf(maker record.Key) List { return List{productsList, maker} }

// ProductID returns the number of the product that an entry of [ProductsOf] names.
func ProductID(id record.ID) record.GTIN { return record.GTIN(binary.BigEndian.Uint64(id[:])) }

// Evaluations lists the vouchers that were evaluated, by their first evaluations.
func Evaluations() List { return List{kind: evaluationsList} }

// EvaluationsOf is [Evaluations] of the vouchers that an account issued.
func EvaluationsOf(seller record.Key) List { return List{evaluationsOfList, seller} }

// EvaluationsOfProduct is [Evaluations] of the vouchers for a product.
func EvaluationsOfProduct(gtin record.GTIN) List {
	return List{evaluationsProductList, itemName(gtin, "")}
}

// Rulings lists the rulings on claims and shipments.
func Rulings() List { return List{kind: rulingsList} }

// Recalls lists the recalls.
func Recalls() List { return List{kind: recallsList} }

// Suspensions lists the records that suspend a seller or let it sell again.
func Suspensions() List { return List{kind: suspensionsList} }

// Payments lists the payments from and to an account, and the coinbases that pay
// it. A payment to a key that the account took over later stays in the list of that
// key.
func Payments(account record.Key) List { return List{paymentsList, account} }

// Entry is something in a list: the id of a record in a list of records, or of
// a voucher, claim or shipment.
type Entry struct {
	store.Place // of the record that brought it into the list
	ID          record.ID
}

// Next returns the place after e, from which the next page of a list begins.
func (e Entry) Next() store.Place { return store.Place{Height: e.Height, Index: e.Index + 1} }

// List returns the first entries of a list at or after from, at most limit.
func (v *Views) List(l List, from store.Place, limit int) (entries []Entry, err error) {
	err = v.ask(func(db pebble.Reader) error {
		entries, err = readList(db, l, from, limit)
		return err
	})
	return entries, err
}

// All returns all entries of a list. Errors: ErrTooMany if there are more than
// limit.
func (v *Views) All(l List, limit int) ([]Entry, error) {
	entries, err := v.List(l, store.Place{}, limit+1)
	if err == nil && len(entries) > limit {
		err = ErrTooMany
	}
	return entries, err
}

func readList(db pebble.Reader, l List, from store.Place, limit int) ([]Entry, error) {
	end := listKey(l, store.Place{Height: 1<<32 - 1, Index: 1<<32 - 1})
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: listKey(l, from), UpperBound: end})
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	var entries []Entry
	for ok := iter.First(); ok && len(entries) < limit; ok = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return nil, err
		}
		if len(iter.Key()) != listKeySize {
			return nil, errEntry(iter.Key(), value)
		}
		e, err := readEntry(db, iter.Key(), value)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, iter.Error()
}

// readEntry returns the entry of a list whose key ends with its place. Without a
// value it is the record at the place.
func readEntry(db pebble.Reader, key, value []byte) (Entry, error) {
	at := decodePlace(key[len(key)-placeSize:])
	switch len(value) {
	case 32:
		return Entry{at, record.ID(value)}, nil
	case 0:
	default:
		return Entry{}, errEntry(key, value)
	}
	id, closer, err := db.Get(placeKey(at))
	if errors.Is(err, pebble.ErrNotFound) {
		return Entry{}, fmt.Errorf("%w: no record at height %d, index %d, as entry %x has it", errDamaged, at.Height, at.Index, key)
	}
	if err != nil {
		return Entry{}, err
	}
	defer closer.Close()
	if len(id) != 32 {
		return Entry{}, errEntry(placeKey(at), id)
	}
	return Entry{at, record.ID(id)}, nil
}

// lastBefore returns the id of the last entry of a list before a place, or zero.
func lastBefore(db pebble.Reader, l List, at store.Place) (id record.ID, err error) {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: listKey(l, store.Place{}), UpperBound: listKey(l, at)})
	if err != nil {
		return id, err
	}
	defer iter.Close()
	if !iter.Last() {
		return id, iter.Error()
	}
	value, err := iter.ValueAndErr()
	if err != nil {
		return id, err
	}
	e, err := readEntry(db, iter.Key(), value)
	return e.ID, err
}

// Account returns the first key of the account that has or had the key k, as of
// the tip of the views.
func (v *Views) Account(k record.Key) (account record.Key, err error) {
	err = v.ask(func(db pebble.Reader) error {
		account, err = (&reader{db: db, below: 1 << 32}).account(k)
		return err
	})
	return account, err
}

// Subject is what a record is about. Ids are zero where there is none. A voucher,
// claim or shipment is about itself too.
type Subject struct{ Voucher, Claim, Shipment record.ID }

// SubjectOf returns what a record is about; nothing if the views do not have it.
func (v *Views) SubjectOf(id record.ID) (s Subject, err error) {
	err = v.ask(func(db pebble.Reader) error {
		rel, _, err := (&reader{db: db, below: 1 << 32}).relation(id)
		s = Subject{rel.voucher, rel.claim, rel.shipment}
		return err
	})
	return s, err
}
