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
	dirty  map[Owner]struct{} // whose score is to be computed again
	ranks  map[byte][]*standing
	sorted bool
}

// standing is a seller or product on the board.
type standing struct {
	owner   Owner
	buckets []PeriodBucket // of the window and the period before it
	flags   flags
	parts   Parts
	value   uint32 // for the order: 0 if suspended
}

func newBoard(p Params) board {
	return board{params: p, market: startMarket, owners: map[Owner]*standing{}, dirty: map[Owner]struct{}{}, ranks: map[byte][]*standing{}}
}

// load fills an empty board with what the index has at a tip.
func (b *board) load(db pebble.Reader, tip views.Tip) (err error) {
	b.tip, b.now = tip, b.params.PeriodOf(tip.Height)
	v, err := newVersions(db, int64(tip.Height))
	if err != nil {
		return err
	}
	defer func() { err = errorsOf(err, v.close()) }()
	if b.market, err = marketAt(v, b.now); err != nil {
		return err
	}
	first := b.now - min(b.now, Window)
	err = v.scan(bucketName(first, Owner{}), bucketName(b.now+1, Owner{}), func(name, value []byte) error {
		if len(name) != bucketNameSize {
			return errEntry(name, value)
		}
		bucket, err := decodeBucket(value)
		if err != nil {
			return err
		}
		period, owner := cutBucketName(name)
		b.set(bucketKey{period, owner}, bucket)
		return nil
	})
	if err != nil {
		return err
	}
	return v.scan(name(flagsEntry), name(flagsEntry+1), func(name, value []byte) error {
		f, err := decodeFlags(value)
		if err == nil {
			b.of(OfSeller(record.Key(name[2:]))).flags = f
		}
		return err
	})
}

// marketAt returns the numbers of a period.
func marketAt(v *versions, period uint32) (Market, error) {
	value, ok, err := v.get(marketName(period))
	if !ok {
		return startMarket, err
	}
	return decodeMarket(value)
}

// of returns the standing of an owner, and marks it.
func (b *board) of(o Owner) *standing {
	s := b.owners[o]
	if s == nil {
		s = &standing{owner: o}
		b.owners[o] = s
		b.ranks[o.kind] = append(b.ranks[o.kind], s)
	}
	b.dirty[o] = struct{}{}
	return s
}

// search returns where the bucket of a period is, or belongs.
func (s *standing) search(period uint32) (at int, found bool) {
	return slices.BinarySearchFunc(s.buckets, period, func(p PeriodBucket, period uint32) int { return cmp.Compare(p.Period, period) })
}

// bucket returns a bucket, and false if its period is too old for the board.
func (b *board) bucket(key bucketKey) (bucket Bucket, ok bool) {
	if key.period+Window < b.now {
		return bucket, false
	}
	if s := b.owners[key.owner]; s != nil {
		if at, found := s.search(key.period); found {
			bucket = s.buckets[at].Bucket
		}
	}
	return bucket, true
}

// set puts a bucket on the board.
func (b *board) set(key bucketKey, bucket Bucket) {
	if key.period+Window < b.now {
		return
	}
	s := b.of(key.owner)
	at, found := s.search(key.period)
	switch {
	case bucket.Vouchers == 0 && found:
		s.buckets = slices.Delete(s.buckets, at, at+1)
	case bucket.Vouchers == 0:
	case found:
		s.buckets[at].Bucket = bucket
	default:
		s.buckets = slices.Insert(s.buckets, at, PeriodBucket{key.period, bucket})
	}
}

// mark reads the flags of some accounts again.
func (b *board) mark(db pebble.Reader, accounts []record.Key) (err error) {
	if len(accounts) == 0 {
		return nil
	}
	v, err := newVersions(db, int64(b.tip.Height))
	if err != nil {
		return err
	}
	defer func() { err = errorsOf(err, v.close()) }()
	for _, account := range accounts {
		f, err := flagsAt(v, account)
		if err != nil {
			return err
		}
		b.of(OfSeller(account)).flags = f
	}
	return nil
}

func flagsAt(v *versions, account record.Key) (flags, error) {
	value, ok, err := v.get(idName(flagsEntry, account))
	if !ok {
		return 0, err
	}
	return decodeFlags(value)
}

// begin begins a period: all scores change.
func (b *board) begin(period uint32, m Market) {
	b.now, b.market = period, m
	for o, s := range b.owners {
		for len(s.buckets) > 0 && s.buckets[0].Period+Window < period {
			s.buckets = s.buckets[1:]
		}
		b.dirty[o] = struct{}{}
	}
}

// marketNow returns the numbers of the period after the one of the tip, at its end.
func (b *board) marketNow() Market {
	var sellers []Parts
	b.refresh()
	for _, s := range b.ranks[sellerOwner] {
		sellers = append(sellers, s.parts)
	}
	return MarketOf(sellers)
}

// refresh computes the scores that may have changed.
func (b *board) refresh() {
	for o := range b.dirty {
		s := b.owners[o]
		s.parts = b.params.Score(b.now, b.market, s.buckets)
		s.value = s.parts.Value
		if s.flags&suspended != 0 {
			s.value = 0
		}
		b.sorted = false
	}
	clear(b.dirty)
}

// ranking returns the owners of a kind that have evidence, the best first.
func (b *board) ranking(kind byte) []*standing {
	b.refresh()
	if !b.sorted {
		for _, ranks := range b.ranks {
			slices.SortFunc(ranks, func(x, y *standing) int {
				return cmp.Or(
					cmp.Compare(bit(x.parts.Vouchers == 0), bit(y.parts.Vouchers == 0)),
					cmp.Compare(y.value, x.value), bytes.Compare(x.owner.name[:], y.owner.name[:]),
				)
			})
		}
		b.sorted = true
	}
	all := b.ranks[kind]
	n, _ := slices.BinarySearchFunc(all, true, func(s *standing, _ bool) int { return int(bit(s.parts.Vouchers == 0)) - 1 })
	return all[:n]
}
