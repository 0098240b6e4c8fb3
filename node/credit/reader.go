package credit

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/record"
	"stele/node/views"
)

// ErrHeight means that the index has no block of the height yet.
var ErrHeight = errors.New("height is above the chain")

// Reader answers questions about scores. Safe for concurrent use.
type Reader struct {
	views *views.Views
	index *Index

	earlier sync.Mutex // held while scores of an earlier height are computed
}

// NewReader returns a reader of an index, and of the views whose table it is.
func NewReader(v *views.Views, x *Index) *Reader { return &Reader{views: v, index: x} }

// Params returns the numbers of the network.
func (r *Reader) Params() Params { return r.index.params }

// At is where a score holds.
type At struct {
	Height uint32
	Period uint32 // of the height
	Market Market // of the period
}

// Ranked is a place in the ranking.
type Ranked struct {
	Owner     Owner
	Place     int // 1: the best
	Value     uint32
	Suspended bool
	Parts     Parts
}

// Ranking is a part of the order of all sellers or products with evidence.
type Ranking struct {
	At
	Total  int
	Ranked []Ranked
}

// Sellers returns the sellers from a place on, at most limit: the best first, and of
// equal scores the one with the lower key. It holds at the tip of the index.
func (r *Reader) Sellers(from, limit int) (Ranking, error) {
	return r.ranking(sellerOwner, from, limit)
}

// Products is [Reader.Sellers] for products.
func (r *Reader) Products(from, limit int) (Ranking, error) {
	return r.ranking(productOwner, from, limit)
}

func (r *Reader) ranking(kind byte, from, limit int) (Ranking, error) {
	if err := r.views.Err(); err != nil {
		return Ranking{}, err
	}
	r.index.mu.Lock()
	defer r.index.mu.Unlock()
	return r.index.board.page(kind, from, limit), nil
}

// page returns a part of the order of the owners of a kind.
func (b *board) page(kind byte, from, limit int) Ranking {
	all := b.ranking(kind)
	page := Ranking{At: At{b.tip.Height, b.now, b.market}, Total: len(all), Ranked: []Ranked{}}
	for i := max(from, 1); i <= len(all) && len(page.Ranked) < limit; i++ {
		s := all[i-1]
		page.Ranked = append(page.Ranked, Ranked{s.owner, i, s.value, s.flags&suspended != 0, s.parts})
	}
	return page
}

// Line is what one period adds to a score.
type Line struct {
	PeriodBucket
	Said    uint32 // mean outcome of its vouchers, by weight
	Mean    uint32 // the same with the invented sales
	Running bool   // the period is not over
	Fifths  int    // of the mean that are among the worse two fifths of all, 0 to 5
}

// Explanation is a score with all that it follows from.
type Explanation struct {
	At
	Owner     Owner
	Value     uint32 // the score; 0 if suspended
	Suspended bool
	Revoked   bool // the seller lost its role
	Parts     Parts
	Lines     []Line // of the periods in the window with evidence, in order
}

// Explain returns the score of an owner after the block of a height, for any height of
// the chain. Errors: ErrHeight, those of [views.Views.Ask].
func (r *Reader) Explain(o Owner, height uint32) (e Explanation, err error) {
	err = r.at(height, func(v *versions) error {
		at, err := r.index.params.at(v, height)
		if err == nil {
			e, err = r.index.params.explain(v, at, o)
		}
		return err
	})
	return e, err
}

// Tip returns the height of the last block of the index.
func (r *Reader) Tip() (height uint32, err error) {
	err = r.views.Ask(func(_ pebble.Reader, tip views.Tip) error {
		height = tip.Height
		return nil
	})
	return height, err
}

// at calls f with the entries after the block of a height.
func (r *Reader) at(height uint32, f func(*versions) error) error {
	return r.views.Ask(func(db pebble.Reader, tip views.Tip) error {
		if height > tip.Height {
			return fmt.Errorf("%w: the index has the blocks up to height %d", ErrHeight, tip.Height)
		}
		v, err := newVersions(db, int64(height))
		if err != nil {
			return err
		}
		return errorsOf(f(v), v.Close())
	})
}

// at returns where scores after the block of a height hold.
func (p Params) at(v *versions, height uint32) (at At, err error) {
	at = At{Height: height, Period: p.PeriodOf(height)}
	at.Market, err = marketAt(v, at.Period)
	return at, err
}

// explain computes the score of an owner.
func (p Params) explain(v *versions, at At, o Owner) (e Explanation, err error) {
	e = Explanation{At: at, Owner: o}
	var buckets []PeriodBucket
	for period := at.Period - min(at.Period, Window-1); period <= at.Period; period++ {
		value, ok, err := v.Get(bucketName(period, o))
		if err != nil {
			return e, err
		}
		if !ok {
			continue
		}
		b, err := decodeBucket(value)
		if err != nil {
			return e, err
		}
		if b.Vouchers > 0 {
			buckets = append(buckets, PeriodBucket{period, b})
		}
	}
	if account, ok := o.Seller(); ok {
		f, err := flagsAt(v, account)
		if err != nil {
			return e, err
		}
		e.Suspended, e.Revoked = f&suspended != 0, f&revoked != 0
	}
	var past means
	e.Parts, past = p.score(at.Period, at.Market, buckets)
	if e.Value = e.Parts.Value; e.Suspended {
		e.Value = 0
	}
	e.Lines = lines(at.Period, &e.Parts, past, buckets)
	return e, nil
}

// lines shows the buckets of a score, and what became of them.
func lines(now uint32, parts *Parts, past means, buckets []PeriodBucket) (all []Line) {
	count := Fifths(past.of[:past.n])
	for i, b := range buckets {
		line := Line{PeriodBucket: b, Said: uint32(b.Outcome / b.Weight), Running: b.Period == now}
		if i < past.n {
			line.Mean, line.Fifths = past.of[i], count[i]
		}
		if line.Running {
			line.Mean = parts.Running
		}
		all = append(all, line)
	}
	return all
}

// Evidence is a voucher that counts in a period.
type Evidence struct {
	Voucher record.ID
	Weight  uint64
	Scores  uint8          // sum of the three of its evaluation; 0: none
	Ends    map[End]uint16 // how its claims ended
	Outcome uint32
	Moved   bool // it counts in this period because its outcome got worse then, not because it was the first one
}

// Evidence returns the vouchers of an owner that count in a period, after the block of a
// height: the first limit by their ids, from one on.
func (r *Reader) Evidence(o Owner, period, height uint32, from record.ID, limit int) (list []Evidence, err error) {
	err = r.at(height, func(v *versions) (err error) {
		list, err = v.evidence(o, period, from, limit)
		return err
	})
	return list, err
}

// evidence returns the vouchers of an owner that count in a period: the first limit by
// their ids, from one on.
func (v *versions) evidence(o Owner, period uint32, from record.ID, limit int) (list []Evidence, err error) {
	ids, err := v.everIn(bucketName(period, o))
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if bytes.Compare(id[:], from[:]) < 0 {
			continue
		}
		sale, err := v.voucherOf(id)
		if err != nil {
			return nil, err
		}
		if sale.Home != period || sale.outcome() == none {
			continue // it counts elsewhere now
		}
		if list = append(list, sale.evidence(id)); len(list) == limit {
			break
		}
	}
	return list, nil
}

// everIn returns the vouchers that were ever in a bucket, in order.
func (v *versions) everIn(name []byte) (ids []record.ID, err error) {
	err = v.History(name, func(value []byte) error {
		if _, err := decodeBucket(value); err != nil {
			return err
		}
		for changed := value[bucketSize:]; len(changed) > 0; changed = changed[32:] {
			ids = append(ids, record.ID(changed))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(ids, func(a, b record.ID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids), nil
}

func (v *voucher) evidence(id record.ID) Evidence {
	e := Evidence{Voucher: id, Weight: v.Weight, Scores: v.Scores, Ends: map[End]uint16{}, Outcome: v.outcome(), Moved: v.Moved}
	for end, n := range v.Ends {
		if n > 0 {
			e.Ends[End(end)] = n
		}
	}
	return e
}

// Offers returns the sellers that sold a product in the window and may sell, with their
// scores after the block of a height, by their keys. Errors: [views.ErrTooMany] if there
// are more than limit.
func (r *Reader) Offers(gtin record.GTIN, height uint32, limit int) (all []Explanation, err error) {
	err = r.at(height, func(v *versions) error {
		at, err := r.index.params.at(v, height)
		if err != nil {
			return err
		}
		sellers, err := v.sellers(gtin, at.Period)
		if err != nil {
			return err
		}
		for _, seller := range sellers {
			e, err := r.index.params.explain(v, at, OfSeller(seller))
			if err != nil {
				return err
			}
			if e.Suspended || e.Revoked {
				continue
			}
			if len(all) == limit {
				return views.ErrTooMany
			}
			all = append(all, e)
		}
		return nil
	})
	return all, err
}

// sellers returns who sold a product in the window that ends with a period, in order.
func (v *versions) sellers(gtin record.GTIN, now uint32) (sellers []record.Key, err error) {
	err = v.Scan(offerName(gtin, record.Key{}, 0), offerName(gtin+1, record.Key{}, 0), func(name, value []byte) error {
		if len(name) != 2+8+32+4 {
			return errEntry(name, value)
		}
		seller, period := record.Key(name[10:]), binary.BigEndian.Uint32(name[42:])
		if period+Window > now && (len(sellers) == 0 || sellers[len(sellers)-1] != seller) {
			sellers = append(sellers, seller)
		}
		return nil
	})
	return sellers, err
}

// voucherOf returns the voucher of an id.
func (v *versions) voucherOf(id record.ID) (sale voucher, err error) {
	at, err := views.PlaceOf(v.db, id)
	if err != nil {
		return sale, err
	}
	value, ok, err := v.Get(voucherName(at))
	if err != nil || !ok {
		return sale, errorsOf(err, errEntry(id[:], nil))
	}
	return decodeVoucher(value)
}
