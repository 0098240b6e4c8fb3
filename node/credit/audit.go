package credit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"stele/engine/pow"
	"stele/node/credit/lot"
	"stele/node/ledger/record"
	"stele/node/views"
)

// auditTag begins the seed of the draw of an audit.
const auditTag = "stele/audit/v1"

// auditDepth is which block after a period decides its audits: so deep that a miner that
// does not like its hash would have to give up a block, and the period is settled.
const auditDepth = 6

// ErrNotDrawn means that the block that decides the audits of a period is not in the
// chain yet.
var ErrNotDrawn = errors.New("the audits of the period are not drawn yet")

// Audit is the voucher of a seller that is drawn for a period: the seller shows a
// supervisor its invoice, payment and carriage.
type Audit struct {
	Period   uint32
	Seller   record.Key // first key of its account
	Voucher  record.ID
	Vouchers int    // of the seller that count in the period, at its end
	Weight   uint64 // of all of them together
	Drawn    uint64 // the number below Weight that was drawn
}

// Audits are those of a period, or some of them.
type Audits struct {
	Period uint32
	End    uint32   // height of the last block of the period: the vouchers are those after it
	Height uint32   // of the block that decides
	Block  pow.Hash // its hash
	Audits []Audit  // by the sellers' keys
	Next   record.Key
	More   bool // audits of sellers from Next on follow
}

// DrawnPeriods returns how many periods, from the first one on, have their audits drawn
// when the chain has a height.
func (p Params) DrawnPeriods(height uint32) uint32 {
	if height < auditDepth-1 {
		return 0
	}
	return (height - (auditDepth - 1)) / p.Period
}

// auditedBy returns the period whose audits the block at a height decides.
func (p Params) auditedBy(height uint32) (period uint32, ok bool) {
	drawn := p.DrawnPeriods(height)
	return drawn - 1, drawn > 0 && drawn > p.DrawnPeriods(height-1)
}

// DrawAudit draws one of the vouchers of a seller, which must be sorted by their ids: each
// with a chance that is its part of their weight. It returns its index, and the number
// that was drawn. Network is the id of the network, and block the hash of the block that
// decides. There must be a voucher.
func DrawAudit(network uint32, block pow.Hash, seller record.Key, vouchers []Evidence) (index int, drawn uint64) {
	seed := binary.LittleEndian.AppendUint32([]byte(auditTag), network)
	seed = append(append(seed, block[:]...), seller[:]...)
	sum := uint64(0)
	for _, v := range vouchers {
		sum += v.Weight
	}
	drawn = lot.New(seed).Below(sum)
	for left := drawn; left >= vouchers[index].Weight; index++ {
		left -= vouchers[index].Weight
	}
	return index, drawn
}

// Audits returns all audits of a period. Errors: ErrNotDrawn, those of
// [views.Views.Ask].
func (r *Reader) Audits(period uint32) ([]Audit, error) {
	page, err := r.AuditPage(period, record.Key{}, math.MaxInt)
	return page.Audits, err
}

// AuditOf returns the audit of a seller, named by the first key of its account; none if no
// voucher of its counts in the period. Errors: those of [Reader.Audits].
func (r *Reader) AuditOf(period uint32, seller record.Key) (Audits, error) {
	return r.audits(period, func(v *versions, a *Audits) error { return v.draw(r.index.network, a, seller) })
}

// AuditPage returns the audits of the sellers from a key on, at most limit. Errors: those
// of [Reader.Audits].
func (r *Reader) AuditPage(period uint32, from record.Key, limit int) (Audits, error) {
	return r.audits(period, func(v *versions, a *Audits) error {
		for seller, ok, err := v.sellerFrom(period, from); ok || err != nil; seller, ok, err = v.sellerAfter(period, seller) {
			if err != nil {
				return err
			}
			if len(a.Audits) == limit {
				a.Next, a.More = seller, true
				return nil
			}
			if err := v.draw(r.index.network, a, seller); err != nil {
				return err
			}
		}
		return nil
	})
}

// audits calls f with the entries at the end of a period.
func (r *Reader) audits(period uint32, f func(*versions, *Audits) error) (a Audits, err error) {
	p := r.index.params
	a = Audits{Period: period, Audits: []Audit{}}
	err = r.views.Ask(func(db pebble.Reader, tip views.Tip) error {
		if period >= p.DrawnPeriods(tip.Height) {
			at := (uint64(period)+1)*uint64(p.Period) + auditDepth - 1
			return fmt.Errorf("%w: the block at height %d decides those of period %d, the chain has height %d", ErrNotDrawn, at, period, tip.Height)
		}
		a.End = (period+1)*p.Period - 1
		a.Height = a.End + auditDepth
		v, err := newVersions(db, int64(tip.Height))
		if err != nil {
			return err
		}
		hash, ok, err := v.Get(auditName(period))
		if err == nil && (!ok || len(hash) != len(a.Block)) {
			err = errEntry(auditName(period), hash)
		}
		if err == nil {
			a.Block = pow.Hash(hash)
			v.Rewind(int64(a.End))
			err = f(v, &a)
		}
		return errorsOf(err, v.Close())
	})
	return a, err
}

// draw adds the audit of a seller, if it has vouchers that count.
func (v *versions) draw(network uint32, a *Audits, seller record.Key) error {
	vouchers, err := v.evidence(OfSeller(seller), a.Period, record.ID{}, 0)
	if err != nil || len(vouchers) == 0 {
		return err
	}
	one := Audit{Period: a.Period, Seller: seller, Vouchers: len(vouchers)}
	for _, x := range vouchers {
		one.Weight += x.Weight
	}
	var index int
	index, one.Drawn = DrawAudit(network, a.Block, seller, vouchers)
	one.Voucher = vouchers[index].Voucher
	a.Audits = append(a.Audits, one)
	return nil
}

// sellerFrom returns the first seller, from a key on, that ever had a bucket of a period.
func (v *versions) sellerFrom(period uint32, from record.Key) (seller record.Key, ok bool, err error) {
	return v.sellerAt(period, bucketName(period, OfSeller(from)))
}

// sellerAfter returns the next one.
func (v *versions) sellerAfter(period uint32, seller record.Key) (next record.Key, ok bool, err error) {
	return v.sellerAt(period, append(views.Version(bucketName(period, OfSeller(seller)), 0), 0))
}

func (v *versions) sellerAt(period uint32, from []byte) (seller record.Key, ok bool, err error) {
	key, ok, err := v.Next(from, name(bucketEntry))
	if err != nil || !ok || len(key) < bucketNameSize {
		return seller, false, err
	}
	in, owner := cutBucketName(key)
	seller, isSeller := owner.Seller()
	return seller, in == period && isSeller, nil
}
