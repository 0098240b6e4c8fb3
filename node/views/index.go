package views

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/store"
)

// entry is an entry that a block adds.
type entry struct{ key, value []byte }

// reader reads the entries that were written below a height.
type reader struct {
	db    pebble.Reader
	below uint64
	known map[string][]byte // entries that were read or added already; may be nil
}

// get returns an entry whose value begins with the height at which it was
// written, or nil if there is none.
func (r *reader) get(kind byte, name []byte, size int) ([]byte, error) {
	key := entryKey(kind, name)
	if value, ok := r.known[string(key)]; ok {
		return value, nil
	}
	value, err := r.read(key, size)
	if err == nil && r.known != nil {
		r.known[string(key)] = value
	}
	return value, err
}

func (r *reader) read(key []byte, size int) ([]byte, error) {
	value, closer, err := r.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	if len(value) != size {
		return nil, errEntry(key, value)
	}
	if uint64(binary.BigEndian.Uint32(value)) >= r.below {
		return nil, nil
	}
	return slices.Clone(value), nil
}

func (r *reader) relation(id record.ID) (relation, bool, error) {
	b, err := r.get(relationEntry, id[:], relationSize)
	if err != nil || b == nil {
		return relation{}, false, err
	}
	return decodeRelation(b), true, nil
}

func (r *reader) sale(voucher record.ID) (sale, error) {
	b, err := r.get(saleEntry, voucher[:], saleSize)
	if err == nil && b == nil {
		err = fmt.Errorf("%w: voucher %v has no sale", errDamaged, voucher)
	}
	if err != nil {
		return sale{}, err
	}
	return decodeSale(b), nil
}

func (r *reader) account(k record.Key) (record.Key, error) {
	b, err := r.get(accountEntry, k[:], accountSize)
	if err != nil || b == nil {
		return k, err
	}
	return record.Key(b[4:]), nil
}

// indexer derives what a block adds.
type indexer struct {
	reader
	added   []entry
	types   map[record.Type]uint64 // how many records of each type
	touched map[thing]bool         // whose standing the block may change

	id    record.ID // of the record that is being read
	named bool      // an entry has the id for its place
}

// index returns what the block at a height adds to the entries below it, in
// order.
func index(db pebble.Reader, b *block.Block, height uint32) (*indexer, error) {
	x := &indexer{
		reader: reader{db: db, below: uint64(height), known: map[string][]byte{}},
		types:  map[record.Type]uint64{}, touched: map[thing]bool{},
	}
	summary := BlockSummary{Records: uint32(len(b.Records)), Size: uint32(b.Size())}
	for i, r := range b.Records {
		if err := x.record(r, store.Place{Height: height, Index: uint32(i)}); err != nil {
			return nil, fmt.Errorf("record %d of block %d: %w", i, height, err)
		}
		x.types[r.Type()]++
		summary.Fees += r.Fee
		if coinbase, ok := r.Payload.(record.Coinbase); ok {
			summary.Reward, summary.Payee = coinbase.Value, r.Key
		}
	}
	x.added = append(x.added, entry{key: blockKey(height), value: summary.encode()})
	return x, nil
}

// touch notes that a block may change the standing of a thing.
func (x *indexer) touch(kind Kind, id [32]byte) {
	if id != ([32]byte{}) {
		x.touched[thing{kind, id}] = true
	}
}

// touchAccount is touch for the account of a key.
func (x *indexer) touchAccount(k record.Key) error {
	account, err := x.account(k)
	if err == nil {
		x.touch(accounts, account)
	}
	return err
}

// touchClaimBefore touches the last claim under a voucher before a new one. Time
// alone can have closed it, and it is no longer the claim of the voucher.
func (x *indexer) touchClaimBefore(voucher record.ID, at store.Place) error {
	before, err := lastBefore(x.db, ClaimsUnder(voucher), store.Place{Height: at.Height})
	x.touch(Claims, before)
	return err
}

// remember adds an entry that later records need.
func (x *indexer) remember(kind byte, name, value []byte) {
	key := entryKey(kind, name)
	x.known[string(key)] = value
	x.added = append(x.added, entry{key: key, value: value})
}

// list adds an entry to a list: the record that is being read, which is at the
// place, or a thing that was made before. A record is in many lists: those of a case
// have its id, so that a history is read in one pass; for the others it is written
// once.
func (x *indexer) list(l List, at store.Place, id record.ID) {
	e := entry{key: listKey(l, at)}
	if id != x.id || l.kind == voucherList || l.kind == claimList || l.kind == shipmentList {
		e.value = id[:]
	} else if !x.named {
		x.named = true
		x.added = append(x.added, entry{key: placeKey(at), value: id[:]})
	}
	x.added = append(x.added, e)
}

// record adds a record to the lists that it belongs to.
func (x *indexer) record(r *record.Record, at store.Place) error {
	id := r.ID()
	x.id, x.named = id, false
	switch p := r.Payload.(type) {
	case record.Coinbase:
		if r.Key == (record.Key{}) {
			return nil // that of the genesis block pays nobody
		}
		return x.give(paymentsList, r.Key, at, id)
	case record.Pay:
		if err := errors.Join(x.give(paymentsList, r.Key, at, id), x.give(paymentsList, p.To, at, id)); err != nil {
			return err
		}
		ref, ok, err := x.relation(record.ID(p.Reference))
		if err != nil || !ok || ref.claim != record.ID(p.Reference) {
			return err // it pays for no claim
		}
	}
	rel, err := x.relate(r, at)
	if err != nil {
		return err
	}
	if r.Type() >= record.TypeProductRegister || rel.voucher != (record.ID{}) {
		x.remember(relationEntry, id[:], rel.encode())
	}
	x.touch(Vouchers, rel.voucher)
	x.touch(Claims, rel.claim)
	x.touch(Shipments, rel.shipment)
	if err := x.subject(rel, at, id); err != nil {
		return err
	}
	if err := x.things(r, rel); err != nil {
		return err
	}
	return x.parties(r, at)
}

// relate returns what a record is about. A voucher, claim or shipment is also about
// itself.
func (x *indexer) relate(r *record.Record, at store.Place) (relation, error) {
	rel := relation{at: at}
	for _, subject := range record.Subjects(r.Payload) {
		of, _, err := x.relation(subject)
		if err != nil {
			return rel, err
		}
		for _, f := range []struct{ to, from *record.ID }{
			{&rel.voucher, &of.voucher}, {&rel.claim, &of.claim}, {&rel.shipment, &of.shipment},
		} {
			if *f.to == (record.ID{}) {
				*f.to = *f.from
			}
		}
	}
	switch p := r.Payload.(type) {
	case record.VoucherIssue:
		rel.voucher = r.ID()
		seller, err := x.account(r.Key)
		if err != nil {
			return rel, err
		}
		s := sale{height: at.Height, seller: seller, item: itemName(p.GTIN, p.Serial)}
		x.remember(saleEntry, rel.voucher[:], s.encode())
	case record.ClaimOpen:
		rel.claim = r.ID()
	case record.ShipmentCreate:
		rel.shipment = r.ID()
	}
	return rel, nil
}

// subject adds a record to the lists of what it is about.
func (x *indexer) subject(rel relation, at store.Place, id record.ID) error {
	if rel.voucher != (record.ID{}) {
		s, err := x.sale(rel.voucher)
		if err != nil {
			return err
		}
		x.list(Voucher(rel.voucher), at, id)
		x.list(List{itemList, s.item}, at, id)
	}
	if rel.claim != (record.ID{}) {
		x.list(Claim(rel.claim), at, id)
	}
	if rel.shipment != (record.ID{}) {
		x.list(Shipment(rel.shipment), at, id)
	}
	return nil
}

// things adds what a record creates or moves to the lists of its parties.
func (x *indexer) things(r *record.Record, rel relation) error {
	id, at := r.ID(), rel.at
	switch p := r.Payload.(type) {
	case record.ProductRegister:
		x.list(Product(p.GTIN), at, id)
		return x.product(p.GTIN, r.Key, at)
	case record.RecallNotice:
		x.list(Recalls(), at, id)
		if p.Serial == "" {
			x.list(Product(p.GTIN), at, id)
		} else {
			x.list(Item(p.GTIN, p.Serial), at, id)
		}
	case record.VoucherIssue:
		return x.give(soldList, r.Key, at, id)
	case record.ShipmentCreate:
		x.list(ShipmentsFor(rel.voucher), at, id)
		return errors.Join(x.blob(p.BlobHash, p.Carrier, at, id), x.give(shipmentsList, r.Key, at, id), x.give(shipmentsList, p.Carrier, at, id))
	case record.CustodyHandover:
		return errors.Join(x.blob(p.BlobHash, p.To, at, id), x.give(shipmentsList, p.To, at, p.Shipment))
	case record.SettleExecute:
		return x.replaced(p, rel, id)
	case record.ClaimOpen:
		s, err := x.sale(rel.voucher)
		if err != nil {
			return err
		}
		if err := x.touchClaimBefore(rel.voucher, at); err != nil {
			return err
		}
		x.list(ClaimsUnder(rel.voucher), at, id)
		maker, err := x.maker(s.item)
		if err != nil {
			return err
		}
		return errors.Join(x.give(claimsList, r.Key, at, id), x.give(claimsList, s.seller, at, id), x.give(claimsList, maker, at, id))
	case record.ClaimRespond:
		if p.Servicer != (record.Key{}) {
			return x.give(servicedList, p.Servicer, at, p.Claim)
		}
	case record.Evaluate:
		s, err := x.sale(rel.voucher)
		if err != nil {
			return err
		}
		for _, l := range []List{Evaluations(), EvaluationsOf(s.seller), EvaluationsOfProduct(s.product())} {
			x.list(l, at, rel.voucher)
		}
	case record.Ruling:
		x.list(Rulings(), at, id)
	case record.SellerSuspend:
		x.list(Suspensions(), at, id)
		return x.touchAccount(p.Seller)
	case record.SellerRestore:
		x.list(Suspensions(), at, id)
		return x.touchAccount(p.Seller)
	case record.RoleGrant:
		return x.touchAccount(p.Key)
	case record.RoleRevoke:
		return x.touchAccount(p.Key)
	}
	return nil
}

// product remembers who registered a product first. That account stays its maker.
func (x *indexer) product(gtin record.GTIN, by record.Key, at store.Place) error {
	name := binary.BigEndian.AppendUint64(nil, uint64(gtin))
	known, err := x.get(makerEntry, name, accountSize)
	if err != nil || known != nil {
		return err
	}
	account, err := x.account(by)
	if err == nil {
		x.remember(makerEntry, name, encodeAccount(at.Height, account))
		x.list(ProductsOf(account), at, itemName(gtin, ""))
	}
	return err
}

// maker returns the account that registered the product of an item.
func (x *indexer) maker(item [32]byte) (record.Key, error) {
	b, err := x.get(makerEntry, item[:8], accountSize)
	if err == nil && b == nil {
		err = fmt.Errorf("%w: product %d has no maker", errDamaged, binary.BigEndian.Uint64(item[:]))
	}
	if err != nil {
		return record.Key{}, err
	}
	return record.Key(b[4:]), nil
}

// give adds a thing to a list of the account of a key, as it is known now.
func (x *indexer) give(kind byte, to record.Key, at store.Place, id record.ID) error {
	account, err := x.account(to)
	if err == nil {
		x.list(List{kind, account}, at, id)
	}
	return err
}

// blob adds a record to the lists of the blob that it names for a carrier.
func (x *indexer) blob(hash record.Digest, carrier record.Key, at store.Place, id record.ID) error {
	if hash == (record.Digest{}) {
		return nil
	}
	account, err := x.account(carrier)
	if err == nil {
		x.list(Blob(hash), at, id)
		x.list(BlobFor(hash, account), at, id)
	}
	return err
}

// replaced adds a settlement to the lists of the replacement voucher.
func (x *indexer) replaced(p record.SettleExecute, rel relation, id record.ID) error {
	if p.Replacement == (record.ID{}) || p.Replacement == rel.voucher {
		return nil
	}
	s, err := x.sale(p.Replacement)
	if err != nil {
		return err
	}
	x.touch(Vouchers, p.Replacement)
	x.list(Voucher(p.Replacement), rel.at, id)
	x.list(List{itemList, s.item}, rel.at, id)
	return nil
}

// parties adds a record to the lists of the accounts that signed it or that it
// names, and remembers the account of a new key.
func (x *indexer) parties(r *record.Record, at store.Place) error {
	if p, ok := r.Payload.(record.KeyRotate); ok {
		account, err := x.account(r.Key)
		if err != nil {
			return err
		}
		x.remember(accountEntry, p.New[:], encodeAccount(at.Height, account))
	}
	id := r.ID()
	for _, key := range partyKeys(r) {
		if err := x.give(partyList, key, at, id); err != nil {
			return err
		}
	}
	return nil
}

// partyKeys returns the keys of the parties that signed a record or that it names.
func partyKeys(r *record.Record) []record.Key {
	keys := r.Signers()
	switch p := r.Payload.(type) {
	case record.DeliveryConfirm:
		keys = keys[:1] // a pick-up key names no account
	case record.ShipmentCreate:
		keys = append(keys, p.Carrier)
	case record.ClaimRespond:
		if p.Servicer != (record.Key{}) {
			keys = append(keys, p.Servicer)
		}
	case record.Pay:
		keys = append(keys, p.To)
	case record.SellerSuspend:
		keys = append(keys, p.Seller)
	case record.SellerRestore:
		keys = append(keys, p.Seller)
	case record.RoleGrant:
		keys = append(keys, p.Key)
	case record.RoleRevoke:
		keys = append(keys, p.Key)
	case record.KeyRotate:
		keys = keys[:1]
	}
	return keys
}
