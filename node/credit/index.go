package credit

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/views"
)

// Index follows the chain in the files of the views: it is one of their tables. See
// [Reader] for what it answers. Safe for concurrent use.
type Index struct {
	params  Params
	network uint32
	after   *network.AfterSales

	// Vouchers as they are at the tip: those of the last blocks, which the next ones are
	// mostly about. Of the goroutine that follows the chain.
	recent map[record.ID]voucher

	mu    sync.Mutex // guards board
	board board
}

// maxRecent is how many vouchers are kept in memory, about 10 MB.
const maxRecent = 50_000

// NewIndex returns the index of a network, to be given to [views.Open].
func NewIndex(p *network.Params) *Index {
	return &Index{params: ParamsOf(p), network: p.ID, after: &p.AfterSales, recent: map[record.ID]voucher{}, board: newBoard(ParamsOf(p))}
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
	clear(x.recent)
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
	if closing := old.close(); err == nil {
		err = closing
	}
	if err != nil {
		return change, err
	}
	return views.TableChange{Entries: s.entries(), Done: s.done}, nil
}

// bucketKey names a bucket.
type bucketKey struct {
	period uint32
	owner  Owner
}

// bucketChange is a bucket before and after a block.
type bucketChange struct {
	before, after Bucket
	changed       []record.ID
}

// step derives what one block adds to the index.
type step struct {
	x      *Index
	block  *views.TableBlock
	period uint32
	old    *versions

	vouchers  map[record.ID]*voucher
	claims    map[record.ID]*claim
	buckets   map[bucketKey]*bucketChange
	flags     map[record.Key]flags
	deadlines map[string]struct{} // names
	offers    map[string]struct{} // names
	market    *Market             // of the period, if it begins with the block
	begins    bool
}

func newStep(x *Index, old *versions, b *views.TableBlock) *step {
	n := len(b.Records)
	return &step{
		x: x, block: b, period: x.params.PeriodOf(b.Height), old: old,
		vouchers: make(map[record.ID]*voucher, n), claims: map[record.ID]*claim{}, buckets: make(map[bucketKey]*bucketChange, n),
		flags: map[record.Key]flags{}, deadlines: map[string]struct{}{}, offers: map[string]struct{}{},
		begins: b.Height > 0 && b.Height%x.params.Period == 0,
	}
}

// run applies the block: the market if a period begins, then what time decides, then the
// records.
func (s *step) run() error {
	if s.begins {
		s.market = &Market{}
		if !s.block.Leaves { // else only the key matters
			s.x.mu.Lock()
			*s.market = s.x.board.marketNow()
			s.x.mu.Unlock()
		}
	}
	if err := s.lapse(); err != nil {
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
	err := s.old.scan(from, to, func(name, _ []byte) error {
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

// voucher returns a voucher, which may be changed, or nil.
func (s *step) voucher(id record.ID) (*voucher, error) {
	if v, ok := s.vouchers[id]; ok {
		return v, nil
	}
	if v, ok := s.x.recent[id]; ok && !s.block.Leaves {
		return &v, nil
	}
	value, ok, err := s.old.get(idName(voucherEntry, id))
	if !ok {
		return nil, err
	}
	return decodeVoucher(value)
}

// claim returns a claim, which may be changed, or nil.
func (s *step) claim(id record.ID) (*claim, error) {
	if c, ok := s.claims[id]; ok {
		return c, nil
	}
	value, ok, err := s.old.get(idName(claimEntry, id))
	if !ok {
		return nil, err
	}
	return decodeClaim(value)
}

// bucket returns the change of a bucket.
func (s *step) bucket(key bucketKey) (*bucketChange, error) {
	if b, ok := s.buckets[key]; ok {
		return b, nil
	}
	b := new(bucketChange)
	if !s.block.Leaves { // then the board is at the parent, and faster
		s.x.mu.Lock()
		before, ok := s.x.board.bucket(key)
		s.x.mu.Unlock()
		if ok {
			b.before, b.after = before, before
			s.buckets[key] = b
			return b, nil
		}
	}
	value, ok, err := s.old.get(bucketName(key.period, key.owner))
	if err != nil {
		return nil, err
	}
	if ok {
		if b.before, err = decodeBucket(value); err != nil {
			return nil, err
		}
		b.after = b.before
	}
	s.buckets[key] = b
	return b, nil
}

// changeVoucher changes a voucher, and the buckets that it is in.
func (s *step) changeVoucher(id record.ID, change func(*voucher)) error {
	v, err := s.voucher(id)
	if err != nil {
		return err
	}
	if v == nil {
		return fmt.Errorf("there is no voucher %v", id)
	}
	home, share := v.Home, v.share()
	change(v)
	v.judge(s.period)
	s.vouchers[id] = v
	if v.Home == home && v.share() == share {
		return nil
	}
	for _, owner := range v.owners() {
		if err := errorsOf(s.count(bucketKey{home, owner}, share, -1, id), s.count(bucketKey{v.Home, owner}, v.share(), 1, id)); err != nil {
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

// count adds a share to a bucket, or takes it out.
func (s *step) count(key bucketKey, share Bucket, sign int, id record.ID) error {
	if key.period == never || share == (Bucket{}) {
		return nil
	}
	b, err := s.bucket(key)
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
	all := make([]views.TableEntry, 0, len(s.vouchers)+len(s.claims)+len(s.buckets)+len(s.flags)+len(s.deadlines)+len(s.offers)+1)
	put := func(name, value []byte) {
		all = append(all, views.TableEntry{Key: version(name, s.block.Height), Value: value})
	}
	for id, v := range s.vouchers {
		put(idName(voucherEntry, id), v.encode())
	}
	for id, c := range s.claims {
		put(idName(claimEntry, id), c.encode())
	}
	for key, b := range s.buckets {
		put(bucketName(key.period, key.owner), encodeBucket(b.after, b.changed))
	}
	for account, f := range s.flags {
		put(idName(flagsEntry, account), []byte{byte(f)})
	}
	for name := range s.deadlines {
		put([]byte(name), nil)
	}
	for name := range s.offers {
		put([]byte(name), nil)
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

// remember keeps the vouchers of a block that joins, and forgets all if one leaves.
func (s *step) remember() {
	recent := s.x.recent
	if s.block.Leaves || len(recent)+len(s.vouchers) > maxRecent {
		clear(recent)
	}
	if s.block.Leaves {
		return
	}
	for id, v := range s.vouchers {
		recent[id] = *v
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
	for key, b := range s.buckets {
		if s.block.Leaves {
			board.set(key, b.before)
		} else {
			board.set(key, b.after)
		}
	}
	return board.mark(db, slices.Collect(maps.Keys(s.flags)))
}
