package credit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

// Index follows the chain in the files of the views: it is one of their tables. See
// [Reader] for what it answers. Safe for concurrent use.
type Index struct {
	params  Params
	network uint32
	after   *network.AfterSales

	// Of the goroutine that follows the chain.
	recent cache
	offers offers

	mu    sync.Mutex // guards board
	board board
}

// NewIndex returns the index of a network, to be given to [views.Open].
func NewIndex(p *network.Params) *Index {
	return &Index{params: ParamsOf(p), network: p.ID, after: &p.AfterSales, board: newBoard(ParamsOf(p)), recent: newCache(maxRecent), offers: offers{limit: maxOffers}}
}

// Params returns the numbers of the network.
func (x *Index) Params() Params { return x.params }

// Prefix implements [views.Table].
func (x *Index) Prefix() byte { return prefix }

// Load implements [views.Table].
func (x *Index) Load(db pebble.Reader, tip *views.Tip) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.board = newBoard(x.params)
	x.recent.clear()
	x.offers.forget()
	if tip == nil {
		return nil
	}
	return x.board.load(db, *tip)
}

// Index implements [views.Table].
func (x *Index) Index(db pebble.Reader, b *views.TableBlock) (change views.TableChange, err error) {
	old, err := newVersions(db, int64(b.Height)-1)
	if err != nil {
		return change, err
	}
	s := newStep(x, old, b)
	err = s.run()
	if closing := old.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return change, err
	}
	return views.TableChange{Entries: s.entries(), Done: s.done}, nil
}

// ownerChange has the buckets of an owner that a block changes.
type ownerChange struct {
	owner    Owner
	standing *standing // on the board; nil: it is not there, or the block leaves
	buckets  []*bucketChange
}

// bucketChange is a bucket before and after a block.
type bucketChange struct {
	period        uint32
	before, after Bucket
	changed       []record.ID
}

// step derives what one block adds to the index.
type step struct {
	x      *Index
	block  *views.TableBlock
	period uint32
	old    *versions

	fetched   map[store.Place]voucher // as they are before the block
	vouchers  map[store.Place]*voucher
	claims    map[record.ID]*claim
	owners    map[Owner]*ownerChange
	flags     map[record.Key]flags
	deadlines map[string]struct{} // names
	offers    map[offer]struct{}
	market    *Market // of the period, if it begins with the block
	begins    bool
}

func newStep(x *Index, old *versions, b *views.TableBlock) *step {
	n := len(b.Records)
	return &step{
		x: x, block: b, period: x.params.PeriodOf(b.Height), old: old,
		vouchers: make(map[store.Place]*voucher, n), claims: map[record.ID]*claim{}, owners: make(map[Owner]*ownerChange, n),
		flags: map[record.Key]flags{}, deadlines: map[string]struct{}{}, offers: map[offer]struct{}{},
		begins: b.Height > 0 && b.Height%x.params.Period == 0,
	}
}

// run applies the block: the market if a period begins, then what time decides, then the
// records.
func (s *step) run() error {
	if !s.block.Leaves && s.block.Height%s.x.params.Period == 0 {
		s.x.offers.begin(s.period)
	}
	if s.begins {
		s.market = &Market{}
		if !s.block.Leaves { // else only the key matters
			s.x.mu.Lock()
			*s.market = s.x.board.marketNow()
			s.x.mu.Unlock()
		}
	}
	if err := errorsOf(s.fetch(), s.lapse()); err != nil {
		return err
	}
	for i, r := range s.block.Records {
		if err := s.record(r); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	return nil
}

// lapse closes the claims whose deadlines passed with this block. The deadlines of a
// block are at its median time or later, so none of an earlier block is missed.
func (s *step) lapse() error {
	from, to := deadlineName(uint64(s.block.Before), record.ID{}), deadlineName(uint64(s.block.MedianTime), record.ID{})
	var due []record.ID
	err := s.old.Scan(from, to, func(name, _ []byte) error {
		due = append(due, record.ID(name[2+8:]))
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range due {
		c, err := s.claim(id)
		if err != nil {
			return err
		}
		if c == nil || c.Deadline == 0 || c.Deadline >= uint64(s.block.MedianTime) {
			continue // it went on before its deadline
		}
		if err := s.changeClaim(id, (*claim).lapse); err != nil {
			return err
		}
	}
	return nil
}

// fetch reads the vouchers that the records change and that are not in memory, in the
// order of their places: that takes a fraction of the time.
func (s *step) fetch() error {
	var missing []store.Place
	for _, r := range s.block.Records {
		id, ok := changes(r.Payload)
		if !ok {
			continue
		}
		at, err := s.block.Place(id)
		if err != nil {
			return err
		}
		if at.Height < s.block.Height && (s.block.Leaves || !s.x.recent.has(at)) {
			missing = append(missing, at)
		}
	}
	slices.SortFunc(missing, func(a, b store.Place) int {
		return cmp.Or(cmp.Compare(a.Height, b.Height), cmp.Compare(a.Index, b.Index))
	})
	s.fetched = make(map[store.Place]voucher, len(missing))
	for _, at := range slices.Compact(missing) {
		v, err := s.read(at)
		if err != nil {
			return err
		}
		s.fetched[at] = v
	}
	return nil
}

// read reads a voucher as it is before the block.
func (s *step) read(at store.Place) (v voucher, err error) {
	value, ok, err := s.old.Get(voucherName(at))
	if err == nil && !ok {
		err = fmt.Errorf("there is no voucher at %v", at)
	}
	if err != nil {
		return v, err
	}
	return decodeVoucher(value)
}

// voucher returns a voucher, which may be changed, and its place.
func (s *step) voucher(id record.ID) (*voucher, store.Place, error) {
	at, err := s.block.Place(id)
	if err != nil {
		return nil, at, err
	}
	if v := s.vouchers[at]; v != nil {
		return v, at, nil
	}
	if v, ok := s.fetched[at]; ok {
		return &v, at, nil
	}
	if !s.block.Leaves {
		if v := s.x.recent.get(at); v != nil {
			return v, at, nil
		}
	}
	v, err := s.read(at)
	return &v, at, err
}

// claim returns a claim, which may be changed, or nil.
func (s *step) claim(id record.ID) (*claim, error) {
	if c, ok := s.claims[id]; ok {
		return c, nil
	}
	value, ok, err := s.old.Get(idName(claimEntry, id))
	if !ok {
		return nil, err
	}
	return decodeClaim(value)
}

// owner returns the change of an owner.
func (s *step) owner(o Owner) *ownerChange {
	c := s.owners[o]
	if c == nil {
		c = &ownerChange{owner: o}
		if !s.block.Leaves { // else the board is not at the parent
			s.x.mu.Lock()
			c.standing = s.x.board.owners[o]
			s.x.mu.Unlock()
		}
		s.owners[o] = c
	}
	return c
}

// bucket returns the change of a bucket.
func (s *step) bucket(o *ownerChange, period uint32) (*bucketChange, error) {
	for _, b := range o.buckets {
		if b.period == period {
			return b, nil
		}
	}
	before, err := s.bucketBefore(o, period)
	if err != nil {
		return nil, err
	}
	b := &bucketChange{period: period, before: before, after: before}
	o.buckets = append(o.buckets, b)
	return b, nil
}

// bucketBefore returns a bucket as it is before the block.
func (s *step) bucketBefore(o *ownerChange, period uint32) (Bucket, error) {
	if !s.block.Leaves { // then the board is at the parent, and faster
		s.x.mu.Lock()
		before, ok := s.x.board.bucket(o.standing, period)
		s.x.mu.Unlock()
		if ok {
			return before, nil
		}
	}
	value, ok, err := s.old.Get(bucketName(period, o.owner))
	if !ok {
		return Bucket{}, err
	}
	return decodeBucket(value)
}

// changeVoucher changes a voucher, and the buckets that it is in.
func (s *step) changeVoucher(id record.ID, change func(*voucher)) error {
	v, at, err := s.voucher(id)
	if err != nil {
		return err
	}
	home, share := v.Home, v.share()
	v.change(s.period, change)
	s.vouchers[at] = v
	if v.Home == home && v.share() == share {
		return nil
	}
	sale, err := s.block.Sale(id)
	if err != nil {
		return err
	}
	for _, owner := range []*ownerChange{s.owner(OfSeller(sale.Seller)), s.owner(OfProduct(sale.GTIN))} {
		if err := errorsOf(s.count(owner, home, share, -1, id), s.count(owner, v.Home, v.share(), 1, id)); err != nil {
			return err
		}
	}
	return nil
}

// errorsOf returns the first error.
func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// count adds a share to the bucket of a period, or takes it out.
func (s *step) count(o *ownerChange, period uint32, share Bucket, sign int, id record.ID) error {
	if period == never || share == (Bucket{}) {
		return nil
	}
	b, err := s.bucket(o, period)
	if err != nil {
		return err
	}
	b.after.add(share, sign)
	if n := len(b.changed); n == 0 || b.changed[n-1] != id {
		b.changed = append(b.changed, id)
	}
	return nil
}

// changeClaim changes a claim, and what its voucher says. A claim that the index does not
// keep is none that matters.
func (s *step) changeClaim(id record.ID, change func(*claim)) error {
	c, err := s.claim(id)
	if err != nil || c == nil {
		return err
	}
	before := c.End
	change(c)
	s.claims[id] = c
	if c.Deadline != 0 {
		s.deadlines[string(deadlineName(c.Deadline, id))] = struct{}{}
	}
	if c.End == before && !c.undoes() {
		return nil
	}
	return s.changeVoucher(c.Voucher, func(v *voucher) {
		if before != NoEnd {
			v.Ends[before]--
		}
		if c.End != NoEnd {
			v.Ends[c.End]++
		}
		v.Off = v.Off || c.undoes()
	})
}

// entries returns all that the block writes.
func (s *step) entries() []views.TableEntry {
	all := make([]views.TableEntry, 0, len(s.vouchers)+len(s.claims)+2*len(s.owners)+len(s.flags)+len(s.deadlines)+len(s.offers)+1)
	put := func(name, value []byte) {
		all = append(all, views.TableEntry{Key: views.Version(name, s.block.Height), Value: value})
	}
	for at, v := range s.vouchers {
		value := v.encode(make([]byte, 0, rowSize))
		put(voucherName(at), value)
	}
	for id, c := range s.claims {
		put(idName(claimEntry, id), c.encode())
	}
	for owner, o := range s.owners {
		for _, b := range o.buckets {
			put(bucketName(b.period, owner), encodeBucket(b.after, b.changed))
		}
	}
	for account, f := range s.flags {
		put(idName(flagsEntry, account), []byte{byte(f)})
	}
	for name := range s.deadlines {
		put([]byte(name), nil)
	}
	for o := range s.offers {
		put(o.name(s.period), nil)
	}
	if s.market != nil {
		put(marketName(s.period), s.market.encode())
	}
	if period, ok := s.x.params.auditedBy(s.block.Height); ok {
		hash := s.block.Hash()
		put(auditName(period), hash[:])
	}
	return all
}

// remember keeps what a block that joins has changed, and forgets all if one leaves.
func (s *step) remember() {
	if s.block.Leaves {
		s.x.recent.clear()
		s.x.offers.forget()
		return
	}
	var buf [voucherSize]byte
	for at, v := range s.vouchers {
		s.x.recent.set(at, v.encode(buf[:0]))
	}
	for o := range s.offers {
		s.x.offers.add(o, s.period)
	}
}

// done brings the board to the block, or to the one before if it leaves.
func (s *step) done(db pebble.Reader) error {
	s.remember()
	s.x.mu.Lock()
	defer s.x.mu.Unlock()
	board, tip := &s.x.board, views.Tip{Height: s.block.Height, Hash: s.block.Hash()}
	switch {
	case s.block.Leaves && s.begins:
		*board = newBoard(s.x.params)
		return board.load(db, views.Tip{Height: tip.Height - 1, Hash: s.block.Header.Prev})
	case s.block.Leaves:
		tip = views.Tip{Height: tip.Height - 1, Hash: s.block.Header.Prev}
	case s.begins:
		board.begin(s.period, *s.market)
	}
	board.tip = tip
	for owner, o := range s.owners {
		standing := o.standing
		if standing == nil {
			standing = board.of(owner)
		}
		for _, b := range o.buckets {
			if s.block.Leaves {
				board.set(standing, b.period, b.before)
			} else {
				board.set(standing, b.period, b.after)
			}
		}
	}
	return board.markAgain(db, slices.Collect(maps.Keys(s.flags)))
}
