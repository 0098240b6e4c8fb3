package supervision

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

// Index follows the chain in the files of the views: it is one of their tables. See
// [Reader] for what it answers. Its methods are for the views, which call them one after
// the other.
type Index struct {
	after  *network.AfterSales
	recent map[string]uint64 // counters as they are at the tip, by their names: those that changed last
}

// maxRecent is how many counters are kept in memory, about 20 MB.
const maxRecent = 100_000

// NewIndex returns the index of a network, to be given to [views.Open].
func NewIndex(p *network.Params) *Index {
	return &Index{after: &p.AfterSales, recent: map[string]uint64{}}
}

// Prefix implements [views.Table].
func (x *Index) Prefix() byte { return prefix }

// Load implements [views.Table].
func (x *Index) Load(pebble.Reader, *views.Tip) error {
	clear(x.recent)
	return nil
}

// Index implements [views.Table].
func (x *Index) Index(db pebble.Reader, b *views.TableBlock) (change views.TableChange, err error) {
	step, err := x.index(db, &aBlock{
		records: b.Records, height: b.Height, median: b.MedianTime, before: b.Before, leaves: b.Leaves, known: b,
	})
	if err != nil {
		return change, err
	}
	done := func(pebble.Reader) error {
		x.remember(step)
		return nil
	}
	return views.TableChange{Entries: step.added, Done: done}, nil
}

// remember keeps the counters of a block that has joined, and forgets all if one has left.
func (x *Index) remember(s *step) {
	if s.leaves || len(x.recent)+len(s.counts) > maxRecent {
		clear(x.recent)
	}
	if !s.leaves {
		maps.Copy(x.recent, s.counts)
	}
}

// known answers what the views know of what a block names.
type known interface {
	Account(record.Key) (record.Key, error)
	Subject(record.ID) (views.Subject, error)
	Sale(record.ID) (views.Sale, error)
}

// aBlock is a block that joins or leaves the chain.
type aBlock struct {
	records        []*record.Record
	height         uint32
	median, before uint32 // by which the rules go in this block, and in the one before
	leaves         bool
	known
}

// index derives what a block adds to the entries of the blocks before it.
func (x *Index) index(db pebble.Reader, b *aBlock) (*step, error) {
	old, err := views.NewVersions(db, prefix, int64(b.height)-1)
	if err != nil {
		return nil, err
	}
	s := &step{
		aBlock: b, x: x, after: x.after, old: old, counts: map[string]uint64{}, lapsing: map[string]struct{}{},
		vouchers: map[record.ID]*voucher{}, claims: map[record.ID]*claim{}, parcels: map[record.ID]*parcel{},
	}
	err = s.run()
	if err == nil {
		err = s.writeVersions()
	}
	return s, errors.Join(err, old.Close())
}

// step derives what one block adds to the index.
type step struct {
	*aBlock
	x     *Index
	after *network.AfterSales
	old   *views.Versions
	added []views.TableEntry

	counts   map[string]uint64 // by how much counters grow, by their names; at the end what they are
	lapsing  map[string]struct{}
	vouchers map[record.ID]*voucher
	claims   map[record.ID]*claim
	parcels  map[record.ID]*parcel
}

// run applies the block: first what time decides, then the records.
func (s *step) run() error {
	if err := s.lapse(); err != nil {
		return err
	}
	for i, r := range s.records {
		s.counts[string(counterName(records, r.Type(), views.All()))]++
		if err := s.record(r, store.Place{Height: s.height, Index: uint32(i)}); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	return nil
}

// lapsed is the index in the block of the first event that no record makes: after those of
// all records.
const lapsed = 1 << 31

// lapse does what time alone decides with this block, in the order of the deadlines. They
// are at the median time of the block before or later, so none is missed.
func (s *step) lapse() error {
	var due []record.ID
	err := s.old.Scan(deadlineName(uint64(s.before), record.ID{}), deadlineName(uint64(s.median), record.ID{}), func(name, _ []byte) error {
		if len(name) != deadlineNameSize {
			return errSize
		}
		due = append(due, record.ID(name[2+8:]))
		return nil
	})
	if err != nil {
		return err
	}
	for i, id := range due {
		c, err := s.claim(id)
		if err != nil {
			return err
		}
		if c == nil || c.Deadline == 0 || c.Deadline >= uint64(s.median) {
			continue // it went on before its deadline
		}
		at := store.Place{Height: s.height, Index: lapsed + uint32(i)}
		switch c.State {
		case ordered:
			c.enter(waiting)
			err = s.count(Defaults, c.Voucher, at, id)
		case executed:
			err = s.settle(c, at)
		}
		if err != nil {
			return err
		}
		s.claims[id] = c
	}
	return nil
}

// read returns the value of an entry as of the block before, or nil.
func read[T any](s *step, kind byte, id record.ID, changed map[record.ID]*T, decode func([]byte) (*T, error)) (*T, error) {
	if t, ok := changed[id]; ok {
		return t, nil
	}
	value, ok, err := s.old.Get(idName(kind, id))
	if !ok {
		return nil, err
	}
	return decode(value)
}

// claim returns a claim, which may be changed, or nil.
func (s *step) claim(id record.ID) (*claim, error) {
	return read(s, claimEntry, id, s.claims, decodeClaim)
}

// voucher returns a voucher, which may be changed. It is empty if there is no entry.
func (s *step) voucher(id record.ID) (*voucher, error) {
	v, err := read(s, voucherEntry, id, s.vouchers, decodeVoucher)
	if v == nil {
		v = &voucher{}
	}
	return v, err
}

// parcel returns a parcel, which may be changed, or nil.
func (s *step) parcel(shipment record.ID) (*parcel, error) {
	return read(s, parcelEntry, shipment, s.parcels, decodeParcel)
}

// scopes returns for whom what happens to a voucher counts. Without a voucher it counts
// for all alone.
func (s *step) scopes(voucher record.ID) ([]views.Scope, error) {
	if voucher == (record.ID{}) {
		return []views.Scope{views.All()}, nil
	}
	sale, err := s.Sale(voucher)
	return []views.Scope{views.All(), views.OfSeller(sale.Seller), views.OfProduct(sale.GTIN), views.OfMaker(sale.Maker)}, err
}

// count counts an event about a voucher, and lists what it names if the series is listed.
func (s *step) count(of Series, voucher record.ID, at store.Place, what record.ID) error {
	scopes, err := s.scopes(voucher)
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		s.counts[string(counterName(of, 0, scope))]++
		if of.listed() {
			s.add(appendPlace(listName(of, scope), at), what[:])
		}
	}
	return nil
}

// measure adds a time that a record ends.
func (s *step) measure(m Measure, scopes []views.Scope, from uint32, at store.Place, by record.ID) {
	seconds := s.median - min(from, s.median)
	for _, scope := range scopes {
		s.counts[string(bucketName(m, scope, bucketOf(seconds)))]++
		s.add(timeKey(m, scope, seconds, at), by[:])
	}
}

// measureClaim is measure for a claim.
func (s *step) measureClaim(m Measure, c *claim, from uint32, at store.Place, by record.ID) error {
	scopes, err := s.scopes(c.Voucher)
	if err == nil {
		s.measure(m, scopes, from, at, by)
	}
	return err
}

func (s *step) add(key, value []byte) {
	s.added = append(s.added, views.TableEntry{Key: key, Value: value})
}

// writeVersions adds the versions of what the block changed.
func (s *step) writeVersions() error {
	put := func(name, value []byte) { s.add(views.Version(name, s.height), value) }
	for id, v := range s.vouchers {
		put(idName(voucherEntry, id), v.encode())
	}
	for id, c := range s.claims {
		put(idName(claimEntry, id), c.encode())
	}
	for id, p := range s.parcels {
		put(idName(parcelEntry, id), p.encode())
	}
	for name := range s.lapsing {
		put([]byte(name), nil)
	}
	for name, more := range s.counts {
		n, err := s.counter(name)
		if err != nil {
			return err
		}
		s.counts[name] = n + more
		put([]byte(name), binary.BigEndian.AppendUint64(nil, n+more))
	}
	return nil
}

// counter returns a counter as of the block before.
func (s *step) counter(name string) (uint64, error) {
	if n, ok := s.x.recent[name]; ok && !s.leaves {
		return n, nil
	}
	value, ok, err := s.old.Get([]byte(name))
	if err != nil || !ok {
		return 0, err
	}
	if len(value) != 8 {
		return 0, errSize
	}
	return binary.BigEndian.Uint64(value), nil
}
