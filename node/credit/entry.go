package credit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

// The index keeps every version of an entry: its key ends with the height at which it
// was written, inverted, so that the version of a height is the first one at or after
// the key of that height. So the index answers for any height, and a block is taken
// back by removing the entries of its height.
//
// After the prefix comes the kind. Integers are big-endian.
//
//	b  period owner                  bucket: sums, and the vouchers that the block changed
//	c  id                            claim
//	d  deadline claim                nothing: the claim may lapse then
//	f  account                       flags of a seller
//	h  period                        hash of the block that decides its audits
//	m  period                        market
//	o  product account period        nothing: the account sold the product in the period
//	v  place                         voucher
const (
	prefix = 'C'

	bucketEntry   = 'b'
	claimEntry    = 'c'
	deadlineEntry = 'd'
	flagsEntry    = 'f'
	auditEntry    = 'h'
	marketEntry   = 'm'
	offerEntry    = 'o'
	voucherEntry  = 'v'
)

// errEntry means that an entry is none that the index writes.
func errEntry(key, value []byte) error {
	return fmt.Errorf("credit entry %x has the value %x", key, value)
}

// nameSize is the most that a key takes, that of an offer.
const nameSize = 2 + 8 + 32 + 4 + views.VersionSize

// name begins the key of an entry.
func name(kind byte) []byte { return append(make([]byte, 0, nameSize), prefix, kind) }

func bucketName(period uint32, o Owner) []byte {
	key := binary.BigEndian.AppendUint32(name(bucketEntry), period)
	return append(append(key, o.kind), o.name[:]...)
}

const bucketNameSize = 2 + 4 + 1 + 32

// cutBucketName returns what bucketName was made of.
func cutBucketName(key []byte) (period uint32, o Owner) {
	return binary.BigEndian.Uint32(key[2:]), Owner{key[6], [32]byte(key[7:])}
}

func idName(kind byte, id [32]byte) []byte { return append(name(kind), id[:]...) }

// voucherName is of the place of a voucher, so that the sales of some time lie together.
func voucherName(at store.Place) []byte {
	key := binary.BigEndian.AppendUint32(name(voucherEntry), at.Height)
	return binary.BigEndian.AppendUint32(key, at.Index)
}

func deadlineName(deadline uint64, claim record.ID) []byte {
	return append(binary.BigEndian.AppendUint64(name(deadlineEntry), deadline), claim[:]...)
}

func auditName(period uint32) []byte {
	return binary.BigEndian.AppendUint32(name(auditEntry), period)
}

func marketName(period uint32) []byte {
	return binary.BigEndian.AppendUint32(name(marketEntry), period)
}

// offer is that an account sells a product.
type offer struct {
	product record.GTIN
	seller  record.Key // the account's first key
}

func (o offer) name(period uint32) []byte { return offerName(o.product, o.seller, period) }

func offerName(gtin record.GTIN, seller record.Key, period uint32) []byte {
	key := append(binary.BigEndian.AppendUint64(name(offerEntry), uint64(gtin)), seller[:]...)
	return binary.BigEndian.AppendUint32(key, period)
}

// versions reads entries as they were after the blocks up to a height.
type versions struct {
	*views.Versions
	db pebble.Reader
}

// newVersions returns a reader, which the caller closes. Height -1 is before genesis.
func newVersions(db pebble.Reader, height int64) (*versions, error) {
	v, err := views.NewVersions(db, prefix, height)
	return &versions{v, db}, err
}

// The first byte of a voucher is the sum of its scores, with these bits.
const (
	scoresMask = 0x0f
	offBit     = 0x10
	movedBit   = 0x20
	endsBit    = 0x40 // the numbers of its ends follow
	claimBit   = 0x80 // its claim follows
)

// voucherSize is the most that a voucher takes.
const voucherSize = 1 + 10 + 5 + 4*3 + 32

// encode appends a voucher. Few have a claim, so most take 6 to 8 bytes.
func (v *voucher) encode(b []byte) []byte {
	first := v.Scores
	hasEnds, hasClaim := v.Ends != [len(v.Ends)]uint16{}, v.Claim != record.ID{}
	for _, f := range []struct {
		on  bool
		bit byte
	}{{v.Off, offBit}, {v.Moved, movedBit}, {hasEnds, endsBit}, {hasClaim, claimBit}} {
		if f.on {
			first |= f.bit
		}
	}
	b = binary.AppendUvarint(append(b, first), v.Weight)
	b = binary.AppendUvarint(b, uint64(v.Home+1)) // 0: never
	if hasEnds {
		for _, n := range v.Ends[1:] {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	if hasClaim {
		b = append(b, v.Claim[:]...)
	}
	return b
}

func decodeVoucher(b []byte) (v voucher, err error) {
	if len(b) == 0 {
		return v, errSize
	}
	first, bad := b[0], false
	v.Scores, v.Off, v.Moved = first&scoresMask, first&offBit != 0, first&movedBit != 0
	b = b[1:]
	number := func(limit uint64) uint64 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > limit {
			bad = true
			return 0
		}
		b = b[size:]
		return n
	}
	v.Weight = number(math.MaxUint64)
	v.Home = uint32(number(math.MaxUint32)) - 1
	if first&endsBit != 0 {
		for i := range v.Ends[1:] {
			v.Ends[1+i] = uint16(number(math.MaxUint16))
		}
	}
	if first&claimBit != 0 {
		if len(b) != len(v.Claim) {
			return voucher{}, errSize
		}
		v.Claim, b = record.ID(b), nil
	}
	if bad || len(b) > 0 {
		return voucher{}, errSize
	}
	return v, nil
}

func bit(on bool) byte {
	if on {
		return 1
	}
	return 0
}

const claimSize = 32 + 5 + 8

func (c *claim) encode() []byte {
	b := append(make([]byte, 0, claimSize), c.Voucher[:]...)
	b = append(b, byte(c.Ground), byte(c.Remedy), byte(c.State), bit(c.Executed), byte(c.End))
	return binary.BigEndian.AppendUint64(b, c.Deadline)
}

func decodeClaim(b []byte) (*claim, error) {
	if len(b) != claimSize || b[36] > byte(Defaulted) {
		return nil, errSize
	}
	return &claim{
		Voucher: record.ID(b), Ground: record.Ground(b[32]), Remedy: record.Remedy(b[33]), State: claimState(b[34]),
		Executed: b[35] != 0, End: End(b[36]), Deadline: binary.BigEndian.Uint64(b[37:]),
	}, nil
}

const bucketSize = 3*4 + 2*8

// encodeBucket appends the vouchers that the block changed, so that the versions of a
// bucket list all that ever were in it.
func encodeBucket(b Bucket, changed []record.ID) []byte {
	to := make([]byte, 0, bucketSize+32*len(changed))
	for _, n := range []uint32{b.Vouchers, b.Ends, b.Settled} {
		to = binary.BigEndian.AppendUint32(to, n)
	}
	to = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(to, b.Weight), b.Outcome)
	for _, id := range changed {
		to = append(to, id[:]...)
	}
	return to
}

func decodeBucket(b []byte) (Bucket, error) {
	if len(b) < bucketSize || (len(b)-bucketSize)%32 != 0 {
		return Bucket{}, errSize
	}
	return Bucket{
		binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]),
		binary.BigEndian.Uint64(b[12:]), binary.BigEndian.Uint64(b[20:]),
	}, nil
}

func (m Market) encode() []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, m.Prior), m.Low)
}

func decodeMarket(b []byte) (Market, error) {
	if len(b) != 8 {
		return Market{}, errSize
	}
	return Market{binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])}, nil
}

// flags say whether an account may sell.
type flags byte

const (
	suspended flags = 1 << iota // by a supervisor
	revoked                     // it lost the role
)

func decodeFlags(b []byte) (flags, error) {
	if len(b) != 1 {
		return 0, errSize
	}
	return flags(b[0]), nil
}

// errSize means that a value is none that was encoded.
var errSize = errors.New("credit entry is damaged")
