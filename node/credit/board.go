package credit

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/record"
	"stele/node/views"
)

// board holds in memory what the scores at the tip follow from, and the scores.
type board struct {
	params Params
	tip    views.Tip
	now    uint32 // period of the tip
	market Market
	owners map[Owner]*standing
	ranks  map[byte]*ranks
}

// ranks has the owners of a kind.
type ranks struct {
	order []*standing // the best first, but for those that are dirty or new
	dirty []*standing // whose scores are to be computed again
}

// standing is a seller or product on the board.
type standing struct {
	owner   Owner
	buckets []PeriodBucket // of the window and the period before it
	flags   flags
	parts   Parts
	value   uint32 // for the order: 0 if suspended
	dirty   bool   // it is among the dirty ones
}

func newBoard(p Params) board {
	return board{params: p, market: startMarket, owners: map[Owner]*standing{}, ranks: map[byte]*ranks{sellerOwner: {}, productOwner: {}}}
}

// load fills an empty board with what the index has at a tip.
func (b *board) load(db pebble.Reader, tip views.Tip) (err error) {
	b.tip, b.now = tip, b.params.PeriodOf(tip.Height)
	v, err := newVersions(db, int64(tip.Height))
	if err != nil {
		return err
	}
	defer func() { err = errorsOf(err, v.Close()) }()
	if b.market, err = marketAt(v, b.now); err != nil {
		return err
	}
	first := b.now - min(b.now, Window)
	err = v.Scan(bucketName(first, Owner{}), bucketName(b.now+1, Owner{}), func(name, value []byte) error {
		if len(name) != bucketNameSize {
			return errEntry(name, value)
		}
		bucket, err := decodeBucket(value)
		if err != nil {
			return err
		}
		period, owner := cutBucketName(name)
		b.set(b.of(owner), period, bucket)
		return nil
	})
	if err != nil {
		return err
	}
	return v.Scan(name(flagsEntry), name(flagsEntry+1), func(name, value []byte) error {
		f, err := decodeFlags(value)
		if err == nil {
			b.mark(OfSeller(record.Key(name[2:])), f)
		}
		return err
	})
}

// marketAt returns the numbers of a period.
func marketAt(v *versions, period uint32) (Market, error) {
	value, ok, err := v.Get(marketName(period))
	if !ok {
		return startMarket, err
	}
	return decodeMarket(value)
}

// of returns the standing of an owner.
func (b *board) of(o Owner) *standing {
	s := b.owners[o]
	if s == nil {
		s = &standing{owner: o}
		b.owners[o] = s
		b.touch(s)
	}
	return s
}

// touch notes that a score is to be computed again.
func (b *board) touch(s *standing) {
	if !s.dirty {
		s.dirty = true
		r := b.ranks[s.owner.kind]
		r.dirty = append(r.dirty, s)
	}
}

// search returns where the bucket of a period is, or belongs.
func (s *standing) search(period uint32) (at int, found bool) {
	return slices.BinarySearchFunc(s.buckets, period, func(p PeriodBucket, period uint32) int { return cmp.Compare(p.Period, period) })
}

// bucket returns a bucket of an owner, nil if it is not on the board, and false if the
// period is too old for the board.
func (b *board) bucket(s *standing, period uint32) (bucket Bucket, ok bool) {
	if period+Window < b.now {
		return bucket, false
	}
	if s != nil {
		if at, found := s.search(period); found {
			bucket = s.buckets[at].Bucket
		}
	}
	return bucket, true
}

// set puts a bucket on the board.
func (b *board) set(s *standing, period uint32, bucket Bucket) {
	if period+Window < b.now {
		return
	}
	b.touch(s)
	at, found := s.search(period)
	switch {
	case bucket.Vouchers == 0 && found:
		s.buckets = slices.Delete(s.buckets, at, at+1)
	case bucket.Vouchers == 0:
	case found:
		s.buckets[at].Bucket = bucket
	default:
		s.buckets = slices.Insert(s.buckets, at, PeriodBucket{period, bucket})
	}
}

// mark sets the flags of a seller.
func (b *board) mark(seller Owner, f flags) {
	s := b.of(seller)
	s.flags = f
	b.touch(s)
}

// markAgain reads the flags of some accounts again.
func (b *board) markAgain(db pebble.Reader, accounts []record.Key) (err error) {
	if len(accounts) == 0 {
		return nil
	}
	v, err := newVersions(db, int64(b.tip.Height))
	if err != nil {
		return err
	}
	defer func() { err = errorsOf(err, v.Close()) }()
	for _, account := range accounts {
		f, err := flagsAt(v, account)
		if err != nil {
			return err
		}
		b.mark(OfSeller(account), f)
	}
	return nil
}

func flagsAt(v *versions, account record.Key) (flags, error) {
	value, ok, err := v.Get(idName(flagsEntry, account))
	if !ok {
		return 0, err
	}
	return decodeFlags(value)
}

// begin begins a period: all scores change.
func (b *board) begin(period uint32, m Market) {
	b.now, b.market = period, m
	for _, s := range b.owners {
		for len(s.buckets) > 0 && s.buckets[0].Period+Window < period {
			s.buckets = s.buckets[1:]
		}
		b.touch(s)
	}
}

// marketNow returns the numbers of the period after the one of the tip, at its end.
func (b *board) marketNow() Market {
	var sellers []Parts
	for _, s := range b.refresh(sellerOwner) {
		sellers = append(sellers, s.parts)
	}
	return MarketOf(sellers)
}

// refresh computes the scores of a kind that may have changed, and returns all owners of
// the kind, those with evidence first, the best first.
func (b *board) refresh(kind byte) []*standing {
	r := b.ranks[kind]
	if len(r.dirty) == 0 {
		return r.order
	}
	r.order = slices.DeleteFunc(r.order, func(s *standing) bool { return s.dirty })
	for _, s := range r.dirty {
		s.dirty = false
		s.parts = b.params.Score(b.now, b.market, s.buckets)
		s.value = s.parts.Value
		if s.flags&suspended != 0 {
			s.value = 0
		}
	}
	slices.SortFunc(r.dirty, compare)
	r.order = merge(r.order, r.dirty)
	clear(r.dirty)
	r.dirty = r.dirty[:0]
	return r.order
}

// compare orders standings.
func compare(x, y *standing) int {
	if x, y := x.parts.Vouchers == 0, y.parts.Vouchers == 0; x != y {
		return cmp.Compare(bit(x), bit(y))
	}
	if x.value != y.value {
		return cmp.Compare(y.value, x.value)
	}
	return bytes.Compare(x.owner.name[:], y.owner.name[:])
}

// merge merges what is in order into what is in order.
func merge(into, from []*standing) []*standing {
	i, j := len(into), len(from)
	into = append(into, from...)
	for j > 0 { // the last ones first
		if i > 0 && compare(into[i-1], from[j-1]) > 0 {
			i--
			into[i+j] = into[i]
		} else {
			j--
			into[i+j] = from[j]
		}
	}
	return into
}

// ranking returns the owners of a kind that have evidence, the best first.
func (b *board) ranking(kind byte) []*standing {
	all := b.refresh(kind)
	n, _ := slices.BinarySearchFunc(all, true, func(s *standing, _ bool) int { return int(bit(s.parts.Vouchers == 0)) - 1 })
	return all[:n]
}
