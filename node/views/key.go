package views

import (
	"encoding/binary"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/store"
)

// The first byte of a key is the kind of the entry. Integers in keys and values
// are big-endian, so that they sort as the chain does.
//
// These follow from the blocks alone:
//
//	a  key                    account: height, first key of the account that the key was rotated to
//	b  height                 block: see BlockSummary
//	i                         identity: version, network, genesis
//	l  list place             id of what is listed; nothing: the record at the place
//	m  number of the product  maker: height, first key of the account that registered it
//	n  type                   how many records of the type the chain has
//	o  place                  id of the record at the place, if a list has it
//	r  id                     relation: place, voucher, claim, shipment
//	s  voucher                sale: height, seller, item
//	t                         tip: height, hash
//	x table                   tip of a table: height, hash
//	A to Z ...                entries of the table: see Table
//
// These follow from the state at the tip and its median time (standing.go):
//
//	c  kind scope state       how many things are in the state
//	d  scope deadline place   nothing: the claim of the record at the place waits until then
//	e                         the median time for which the other entries hold
//	g  role account           nothing: the account has the role
//	h  scope time place       nothing: the goods of the shipment of the record at the place should change hands until then
//	k  kind, kind of a scope, ^count, name of the scope    nothing: so many things of it are overdue
//	p  kind id                nothing: the standing of the thing is to be renewed
//	q  kind scope state place nothing: the thing of the record at the place is in the state
//	w  time voucher           nothing: from then on time alone changes the case
//	z  kind id                standing
const (
	accountEntry  = 'a'
	blockEntry    = 'b'
	countEntry    = 'c'
	deadlineEntry = 'd'
	settledEntry  = 'e'
	roleEntry     = 'g'
	heldEntry     = 'h'
	identityEntry = 'i'
	rankEntry     = 'k'
	listEntry     = 'l'
	makerEntry    = 'm'
	numberEntry   = 'n'
	placeEntry    = 'o'
	pendingEntry  = 'p'
	stateEntry    = 'q'
	relationEntry = 'r'
	saleEntry     = 's'
	tipEntry      = 't'
	timeEntry     = 'w'
	tableEntry    = 'x'
	standingEntry = 'z'
)

func entryKey(kind byte, name []byte) []byte {
	return append([]byte{kind}, name...)
}

// listSize is the length of a list's name, listKeySize that of the key of one of
// its entries.
const (
	listSize    = 1 + 32
	placeSize   = 8
	listKeySize = 1 + listSize + placeSize
)

func listKey(l List, at store.Place) []byte {
	key := make([]byte, 0, listKeySize)
	key = append(key, listEntry, l.kind)
	key = append(key, l.name[:]...)
	return appendPlace(key, at)
}

// placeKey is the key of the id of the record at a place.
func placeKey(at store.Place) []byte { return appendPlace([]byte{placeEntry}, at) }

func appendPlace(b []byte, p store.Place) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, p.Height), p.Index)
}

func decodePlace(b []byte) store.Place {
	return store.Place{Height: binary.BigEndian.Uint32(b), Index: binary.BigEndian.Uint32(b[4:])}
}

// relation is what a record belongs to. Ids are zero where there is none.
type relation struct {
	at                       store.Place // of the record
	voucher, claim, shipment record.ID
}

const relationSize = placeSize + 3*32

func (r *relation) encode() []byte {
	b := appendPlace(make([]byte, 0, relationSize), r.at)
	b = append(b, r.voucher[:]...)
	b = append(b, r.claim[:]...)
	return append(b, r.shipment[:]...)
}

func decodeRelation(b []byte) relation {
	return relation{decodePlace(b), record.ID(b[8:]), record.ID(b[40:]), record.ID(b[72:])}
}

// sale is what a voucher says for ever.
type sale struct {
	height uint32
	seller record.Key // the account's first key
	item   [32]byte   // name of its list
}

// product returns the number of the product.
func (s *sale) product() record.GTIN { return record.GTIN(binary.BigEndian.Uint64(s.item[:])) }

const saleSize = 4 + 32 + 32

func (s *sale) encode() []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, saleSize), s.height)
	b = append(b, s.seller[:]...)
	return append(b, s.item[:]...)
}

func decodeSale(b []byte) sale {
	return sale{binary.BigEndian.Uint32(b), record.Key(b[4:]), [32]byte(b[36:])}
}

// BlockSummary is what the records of a block add up to.
type BlockSummary struct {
	Records uint32
	Size    uint32        // bytes of the encoded block
	Fees    record.Amount // of all records; half of them is burned
	Reward  record.Amount // that the coinbase claims
	Payee   record.Key    // whom the coinbase pays; zero in the genesis block
}

const blockSummarySize = 4 + 4 + 8 + 8 + 32

func (s *BlockSummary) encode() []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, blockSummarySize), s.Records)
	b = binary.BigEndian.AppendUint32(b, s.Size)
	b = binary.BigEndian.AppendUint64(b, uint64(s.Fees))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Reward))
	return append(b, s.Payee[:]...)
}

func decodeBlockSummary(b []byte) BlockSummary {
	return BlockSummary{
		binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), record.Amount(binary.BigEndian.Uint64(b[8:])),
		record.Amount(binary.BigEndian.Uint64(b[16:])), record.Key(b[24:]),
	}
}

func blockKey(height uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{blockEntry}, height)
}

const accountSize = 4 + 32

func encodeAccount(height uint32, id record.Key) []byte {
	return append(binary.BigEndian.AppendUint32(nil, height), id[:]...)
}

// Tip is the last block that the views have.
type Tip struct {
	Height uint32
	Hash   pow.Hash
}

const tipSize = 4 + 32

func (t Tip) encode() []byte {
	return append(binary.BigEndian.AppendUint32(nil, t.Height), t.Hash[:]...)
}

func decodeTip(b []byte) Tip {
	return Tip{binary.BigEndian.Uint32(b), pow.Hash(b[4:])}
}
