package anomaly

import (
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/views"
)

// Bounds of what is followed, so that the cost of a record does not grow.
const (
	maxBought = 64 // purchases of an account that are connected with the accounts that it is linked with
	maxLinks  = 64 // accounts that an account is linked with by payments
)

// Index follows the chain in the files of the views: it is one of their tables. See
// [Reader] for what it answers. Safe for concurrent use.
type Index struct{ params Params }

// NewIndex returns the index of a network, to be given to [views.Open].
func NewIndex(p *network.Params) *Index { return &Index{ParamsOf(p)} }

// Params returns the numbers of the network.
func (x *Index) Params() Params { return x.params }

// Prefix implements [views.Table].
func (x *Index) Prefix() byte { return prefix }

// Load implements [views.Table]. Nothing is kept in memory.
func (x *Index) Load(pebble.Reader, *views.Tip) error { return nil }

// Index implements [views.Table].
func (x *Index) Index(db pebble.Reader, b *views.TableBlock) (change views.TableChange, err error) {
	old, err := newEntries(db, int64(b.Height)-1)
	if err != nil {
		return change, err
	}
	s := newStep(x.params, old, b)
	for i, r := range b.Records {
		if err = s.record(r); err != nil {
			err = fmt.Errorf("record %d: %w", i, err)
			break
		}
	}
	if err == nil {
		change.Entries, err = s.entries()
	}
	if closing := old.close(); err == nil {
		err = closing
	}
	return change, err
}

// count is a tally before and after a block.
type count struct {
	Tally
	wasFound bool // before the block, in the same span
	added    []record.ID
}

// step derives what one block adds to the index.
type step struct {
	params   Params
	block    *views.TableBlock
	old      *entries
	counts   map[subject]*count
	vouchers map[record.ID]*voucher
	bought   map[record.Key][]record.ID // by buyer, with those of earlier blocks
	links    map[record.Key][]record.Key
	names    map[string]struct{} // of entries without a value
}

func newStep(p Params, old *entries, b *views.TableBlock) *step {
	return &step{
		params: p, block: b, old: old, counts: map[subject]*count{}, vouchers: map[record.ID]*voucher{},
		bought: map[record.Key][]record.ID{}, links: map[record.Key][]record.Key{}, names: map[string]struct{}{},
	}
}

// record applies a record of the block.
func (s *step) record(r *record.Record) error {
	switch p := r.Payload.(type) {
	case record.VoucherIssue:
		return s.sale(r, p)
	case record.Evaluate:
		return s.evaluation(r.ID(), p.Voucher)
	case record.DeliveryConfirm:
		return s.delivery(r, p.Shipment)
	case record.Ruling:
		if p.Subject == record.OnShipment && p.Outcome == record.RuledDelivered {
			_, err := s.arrive(p.ID)
			return err
		}
	case record.Pay:
		return s.payment(r, p)
	}
	return nil
}

// add counts a record for a subject.
func (s *step) add(of subject, id record.ID) error {
	c, err := s.count(of)
	if err == nil {
		c.Count++
		c.added = append(c.added, id)
	}
	return err
}

// count returns the count of a subject in the span of the block, to be changed.
func (s *step) count(of subject) (*count, error) {
	if c := s.counts[of]; c != nil {
		return c, nil
	}
	span := s.params.span(of.counted, s.block.Height)
	t, in, found, ok, err := s.old.tally(of, span)
	if err != nil {
		return nil, err
	}
	c := &count{Tally: Tally{First: span}}
	switch {
	case ok && in == span:
		c.Tally, c.wasFound = t, found
	case ok:
		c.Tally = Tally{Before: t.total(), First: t.First}
	}
	s.counts[of] = c
	return c, nil
}

// sale counts a sale.
func (s *step) sale(r *record.Record, p record.VoucherIssue) error {
	seller, err := s.block.Account(r.Key)
	if err != nil {
		return err
	}
	buyer, err := s.block.Account(p.Buyer)
	if err != nil {
		return err
	}
	id := r.ID()
	s.vouchers[id] = &voucher{seller: seller, buyer: buyer}
	if err := s.add(subject{counted: sales, owner: seller}, id); err != nil {
		return err
	}
	if s.params.isFloor(p.Price) {
		if err := s.add(subject{counted: floorSales, owner: seller}, id); err != nil {
			return err
		}
	}
	bought, err := s.boughtBy(buyer)
	if err != nil {
		return err
	}
	if len(bought) < maxBought {
		s.bought[buyer] = append(bought, id)
		s.names[string(pairName(boughtEntry, buyer, id))] = struct{}{}
	}
	linked, err := s.linkedWith(buyer)
	if err != nil {
		return err
	}
	for _, middle := range append([]record.Key{buyer}, linked...) {
		if err := s.gather(seller, middle, id); err != nil {
			return err
		}
	}
	return nil
}

// gather counts a purchase around an account.
func (s *step) gather(seller, middle record.Key, voucher record.ID) error {
	if err := s.add(subject{cluster, seller, middle}, voucher); err != nil {
		return err
	}
	c, err := s.count(subject{counted: around, owner: middle})
	if err == nil {
		c.Count++ // the vouchers are known from the clusters
	}
	return err
}

// boughtBy returns what an account bought first.
func (s *step) boughtBy(buyer record.Key) ([]record.ID, error) {
	if known, ok := s.bought[buyer]; ok {
		return known, nil
	}
	all, err := s.old.others(boughtEntry, buyer, maxBought)
	ids := make([]record.ID, len(all))
	for i, id := range all {
		ids[i] = id
	}
	s.bought[buyer] = ids
	return ids, err
}

// linkedWith returns the accounts that an account is linked with first.
func (s *step) linkedWith(account record.Key) ([]record.Key, error) {
	if known, ok := s.links[account]; ok {
		return known, nil
	}
	all, err := s.old.others(linkEntry, account, maxLinks)
	keys := make([]record.Key, len(all))
	for i, k := range all {
		keys[i] = k
	}
	s.links[account] = keys
	return keys, err
}

// payment links two accounts, unless the payment is for a claim: sellers pay refunds.
func (s *step) payment(r *record.Record, p record.Pay) error {
	if p.Reference != (record.ID{}) {
		if of, err := s.block.Subject(p.Reference); err != nil || of.Claim != (record.ID{}) {
			return err
		}
	}
	from, err := s.block.Account(r.Key)
	if err != nil {
		return err
	}
	to, err := s.block.Account(p.To)
	if err != nil || from == to {
		return err
	}
	if err := s.link(from, to); err != nil {
		return err
	}
	return s.link(to, from)
}

// link links an account with another one, if it is new, and counts what the account
// bought for clusters around the other one.
func (s *step) link(account, other record.Key) error {
	links, err := s.linkedWith(account)
	if err != nil || len(links) >= maxLinks || slices.Contains(links, other) {
		return err
	}
	s.links[account] = append(links, other)
	s.names[string(pairName(linkEntry, account, other))] = struct{}{}
	bought, err := s.boughtBy(account)
	if err != nil {
		return err
	}
	for _, id := range bought {
		v, err := s.voucher(id)
		if err != nil {
			return err
		}
		if v == nil {
			return fmt.Errorf("%w: there is no voucher %v", errDamaged, id)
		}
		if err := s.gather(v.seller, other, id); err != nil {
			return err
		}
	}
	return nil
}

// voucher returns a voucher; nil if it is none of a sale.
func (s *step) voucher(id record.ID) (*voucher, error) {
	if v := s.vouchers[id]; v != nil {
		return v, nil
	}
	value, ok, err := s.old.get(idName(voucherEntry, id))
	if !ok {
		return nil, err
	}
	return decodeVoucher(value)
}

// evaluation counts an evaluation, and whether it came right after the delivery.
func (s *step) evaluation(id, of record.ID) error {
	v, err := s.voucher(of)
	if err != nil || v == nil {
		return err
	}
	if err := s.add(subject{counted: evaluations, owner: v.seller}, id); err != nil {
		return err
	}
	if v.delivered == 0 || s.block.Height > v.delivered+1 {
		return nil
	}
	return s.add(subject{counted: instants, owner: v.seller}, id)
}

// delivery counts a delivery that a carrier signed.
func (s *step) delivery(r *record.Record, shipment record.ID) error {
	v, err := s.arrive(shipment)
	if err != nil || v == nil {
		return err
	}
	carrier, err := s.block.Account(r.Key)
	if err != nil {
		return err
	}
	for _, of := range []subject{{counted: deliveries, owner: v.seller}, {counted: carried, owner: carrier}} {
		c, err := s.count(of)
		if err != nil {
			return err
		}
		c.Count++ // the records are known from the pairs
	}
	return s.add(subject{pair, v.seller, carrier}, r.ID())
}

// arrive notes the delivery of a sale, and returns its voucher; nil if the goods are not
// those of a sale, or go back.
func (s *step) arrive(shipment record.ID) (*voucher, error) {
	of, err := s.block.Subject(shipment)
	if err != nil || of.Claim != (record.ID{}) {
		return nil, err
	}
	v, err := s.voucher(of.Voucher)
	if err == nil && v != nil {
		v.delivered = s.block.Height
		s.vouchers[of.Voucher] = v
	}
	return v, err
}

// entries returns all that the block writes.
func (s *step) entries() ([]views.TableEntry, error) {
	all := make([]views.TableEntry, 0, len(s.counts)+len(s.vouchers)+len(s.names))
	put := func(name, value []byte) {
		all = append(all, views.TableEntry{Key: views.Version(name, s.block.Height), Value: value})
	}
	for of, c := range s.counts {
		span := s.params.span(of.counted, s.block.Height)
		found := false
		if len(c.added) > 0 && of.counted.kind() != "" {
			m, err := s.measure(of, span, c.Tally)
			if err != nil {
				return nil, err
			}
			found = m.Found()
			switch at := findingName(s.params.begin(of.counted, span), of); {
			case found:
				put(at, encodeFinding(m, s.block.Height))
			case c.wasFound:
				put(at, nil)
			}
		}
		put(tallyName(of, span), c.encode(found, c.added))
	}
	for id, v := range s.vouchers {
		put(idName(voucherEntry, id), v.encode())
	}
	for name := range s.names {
		put([]byte(name), nil)
	}
	return all, nil
}

// measure returns how much of a pattern the chain has after the block.
func (s *step) measure(of subject, span uint32, t Tally) (m Measure, err error) {
	period := s.block.Height / s.params.Period
	switch of.counted {
	case sales, evaluations:
		var earlier uint64
		windows := min(span-t.First, usualWindows)
		if earlier, err = s.totalBefore(of, span-windows); err == nil {
			m = measureBurst(t.Count, t.Before-earlier, uint64(windows))
		}
	case floorSales:
		var sold, before uint64
		if sold, before, err = s.inPeriod(subject{counted: sales, owner: of.owner}, period); err == nil {
			m = measureFloor(t, sold, before)
		}
	case instants:
		var all uint64
		if all, _, err = s.inPeriod(subject{counted: evaluations, owner: of.owner}, period); err == nil {
			m = measureInstant(t.Count, all)
		}
	case pair:
		seller, carrier := s.counts[subject{counted: deliveries, owner: of.owner}], s.counts[subject{counted: carried, owner: of.with}]
		m = measureCarrier(t.Count, seller.Count, carrier.Count)
	case cluster:
		var sold uint64
		if sold, _, err = s.inPeriod(subject{counted: sales, owner: of.owner}, period); err == nil {
			m = measureCluster(t.Count, sold, s.counts[subject{counted: around, owner: of.with}].Count)
		}
	}
	return m, err
}

// inPeriod returns what was counted by windows in a period up to the block, and before.
func (s *step) inPeriod(of subject, period uint32) (in, before uint64, err error) {
	c, ok := s.counts[of]
	all := uint64(0)
	if ok {
		all = c.total()
	} else {
		t, _, _, _, err := s.old.tally(of, s.params.span(of.counted, s.block.Height))
		if err != nil {
			return 0, 0, err
		}
		all = t.total()
	}
	before, err = s.totalBefore(of, period*(s.params.Period/s.params.Window))
	return all - before, before, err
}

// totalBefore returns what was counted in all windows before one.
func (s *step) totalBefore(of subject, window uint32) (uint64, error) {
	if window == 0 {
		return 0, nil
	}
	t, _, _, _, err := s.old.tally(of, window-1)
	return t.total(), err
}
