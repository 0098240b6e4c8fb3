package views

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/store"
)

// Kind is a kind of things that have states.
type Kind byte

// The kinds. They are part of the format.
const (
	Vouchers  Kind = 'v'
	Claims    Kind = 'c'
	Shipments Kind = 's'
	accounts  Kind = 'a' // their roles
)

// thing is something whose standing is kept.
type thing struct {
	kind Kind
	id   [32]byte
}

// key returns the key of an entry about the thing.
func (t thing) key(entry byte) []byte {
	return append([]byte{entry, byte(t.kind)}, t.id[:]...)
}

// Scope is whose things a list of a [Kind] has, or of which product.
type Scope struct {
	kind byte
	name [32]byte
}

// The kinds of scopes. They are part of the format.
const (
	allScope     = '*'
	sellerScope  = 's'
	holderScope  = 'h'
	makerScope   = 'm'
	carrierScope = 'c'
	productScope = 'g'
)

// All is the scope of all things of a kind.
func All() Scope { return Scope{kind: allScope} }

// OfSeller is the scope of vouchers that an account issued, and of claims under
// them.
func OfSeller(account record.Key) Scope { return Scope{sellerScope, account} }

// OfHolder is the scope of vouchers that an account holds, and of claims that it
// made.
func OfHolder(account record.Key) Scope { return Scope{holderScope, account} }

// OfMaker is the scope of claims about products that an account makes.
func OfMaker(account record.Key) Scope { return Scope{makerScope, account} }

// OfCarrier is the scope of shipments that an account has, had last, or is to
// get.
func OfCarrier(account record.Key) Scope { return Scope{carrierScope, account} }

// OfProduct is the scope of vouchers for a product, and of claims under them.
func OfProduct(gtin record.GTIN) Scope { return Scope{productScope, itemName(gtin, "")} }

// counted reports whether the things of a scope are counted. A holder or a
// carrier is not: there are as many holders as vouchers.
func (s Scope) counted() bool {
	return s.kind == allScope || s.kind == sellerScope || s.kind == productScope || s.kind == makerScope
}

// Account returns the account whose things the scope has; zero if it is that of a
// product, or of all.
func (s Scope) Account() record.Key {
	if s.kind == allScope || s.kind == productScope {
		return record.Key{}
	}
	return s.name
}

// Product returns the product whose things the scope has; 0 if it is no product's.
func (s Scope) Product() record.GTIN {
	if s.kind != productScope {
		return 0
	}
	return record.GTIN(binary.BigEndian.Uint64(s.name[:]))
}

// Append appends the name of the scope to a key: [ScopeSize] bytes.
func (s Scope) Append(b []byte) []byte { return s.append(b) }

// ScopeSize is the length of the name of a scope.
const ScopeSize = scopeSize

func (s Scope) append(b []byte) []byte { return append(append(b, s.kind), s.name[:]...) }

// stateKey is the key of a thing in a state, or without a place the start of such
// keys.
func stateKey(k Kind, s Scope, state uint8, at store.Place) []byte {
	return appendPlace(append(s.append([]byte{stateEntry, byte(k)}), state), at)
}

func countKey(k Kind, s Scope, state uint8) []byte {
	return append(s.append([]byte{countEntry, byte(k)}), state)
}

// deadlineKey is the key of a thing that waits until a deadline. The kind of the entry
// is deadlineEntry for claims, heldEntry for shipments.
func deadlineKey(entry byte, s Scope, deadline uint64, at store.Place) []byte {
	return appendPlace(binary.BigEndian.AppendUint64(s.append([]byte{entry}), deadline), at)
}

// rankKey is the key of a scope by how many things in it are overdue.
func rankKey(k Kind, s Scope, count uint64) []byte {
	key := binary.BigEndian.AppendUint64([]byte{rankEntry, byte(k), s.kind}, ^count)
	return append(key, s.name[:]...)
}

func timeKey(time uint64) []byte { return binary.BigEndian.AppendUint64([]byte{timeEntry}, time) }

// Overdue stands, where claims are counted, for those whose deadline has passed
// and that wait for somebody to act.
const Overdue = 255

// OverdueIn stands, where claims are counted, for those of [Overdue] that are in a
// state.
func OverdueIn(s rules.ClaimState) uint8 { return overdueIn + uint8(s) }

// overdueIn is above all states, and with them below Overdue.
const overdueIn = 128

// suspendedRole stands for suspended sellers in the list of roles.
const suspendedRole record.Role = 7

// standing is how a thing stands at the tip: all that the entries for it follow
// from. It is kept, so that these entries can be removed when it changes.
type standing struct {
	place    store.Place // of the record that made it
	state    uint8
	overdue  bool
	deadline uint64   // of a claim that is not closed, or of goods under way to change hands; 0: none
	roles    uint8    // of an account: bit n is the role with the number n
	scopes   []Scope  // beside All
	times    []uint64 // of a voucher: from when on time alone changes its case
}

func (s *standing) encode() []byte {
	b := append(appendPlace(nil, s.place), s.state, 0, s.roles)
	if s.overdue {
		b[9] = 1
	}
	b = binary.BigEndian.AppendUint64(b, s.deadline)
	b = append(b, uint8(len(s.times)))
	for _, t := range s.times {
		b = binary.BigEndian.AppendUint64(b, t)
	}
	for _, scope := range s.scopes {
		b = scope.append(b)
	}
	return b
}

const (
	standingSize = placeSize + 3 + 8 + 1 // and times and scopes
	scopeSize    = 1 + 32
)

func decodeStanding(b []byte) (*standing, bool) {
	if len(b) < standingSize {
		return nil, false
	}
	s := &standing{place: decodePlace(b), state: b[8], overdue: b[9] == 1, roles: b[10], deadline: binary.BigEndian.Uint64(b[11:])}
	times, b := int(b[19]), b[standingSize:]
	if len(b) < 8*times || (len(b)-8*times)%scopeSize != 0 {
		return nil, false
	}
	for range times {
		s.times = append(s.times, binary.BigEndian.Uint64(b))
		b = b[8:]
	}
	for ; len(b) > 0; b = b[scopeSize:] {
		s.scopes = append(s.scopes, Scope{b[0], [32]byte(b[1:scopeSize])})
	}
	return s, true
}

// entries returns the entries that follow from the standing of a thing, and in
// which counts it is counted. A nil standing has none.
func (s *standing) entries(t thing) (entries map[string][]byte, counts map[string]bool) {
	entries, counts = map[string][]byte{}, map[string]bool{}
	if s == nil {
		return entries, counts
	}
	if t.kind == accounts {
		for role := record.Role(0); role < 8; role++ {
			if s.roles&(1<<role) != 0 {
				entries[string(roleKey(role, t.id))] = nil
			}
		}
		return entries, counts
	}
	waits := byte(deadlineEntry)
	if t.kind == Shipments {
		waits = heldEntry
	}
	for _, scope := range append([]Scope{All()}, s.scopes...) {
		entries[string(stateKey(t.kind, scope, s.state, s.place))] = nil
		if s.deadline != 0 {
			entries[string(deadlineKey(waits, scope, s.deadline, s.place))] = nil
		}
		if scope.counted() {
			counts[string(countKey(t.kind, scope, s.state))] = true
			if s.overdue {
				counts[string(countKey(t.kind, scope, Overdue))] = true
				counts[string(countKey(t.kind, scope, overdueIn+s.state))] = true
			}
		}
	}
	for _, time := range s.times {
		entries[string(append(timeKey(time), t.id[:]...))] = nil
	}
	return entries, counts
}

func roleKey(role record.Role, account record.Key) []byte {
	return append([]byte{roleEntry, byte(role)}, account[:]...)
}

// maxPending is how many standings one batch renews: those of a full block, so
// that one batch has all of it.
const maxPending = 20_000

// settle renews standings that may have changed, as far as they fit into a batch,
// and reports whether nothing is left to do. They follow from the state at the
// tip and its median time: so those of the things that a block touched, and of
// the cases that time alone changes between the median time for which the
// standings hold and the present one. It works in both directions.
func (v *Views) settle(tip Tip) (done bool, err error) {
	h, ok := v.o.Chain.Header(tip.Hash)
	if !ok {
		return false, errForeign
	}
	err = v.read(func(db *pebble.DB) error {
		held, err := readCount(db, []byte{settledEntry})
		if err != nil {
			return err
		}
		pending, err := readPending(db, 1)
		done = len(pending) == 0 && held == uint64(h.MedianTime)
		return err
	})
	if err != nil || done {
		return done, err
	}
	ok, err = v.o.Chain.ReadState(tip.Hash, func(state rules.View, next rules.Context) error {
		return v.write(&tip, func(_ *pebble.DB, batch *pebble.Batch) error { return v.renewPending(batch, state, next) })
	})
	if err == nil && !ok {
		err = errMoving
	}
	return false, err
}

// renewPending marks the cases that time has changed, and renews the standings of
// marked things, at most [maxPending]. The batch shows the views at the tip.
func (v *Views) renewPending(batch *pebble.Batch, state rules.View, next rules.Context) error {
	held, err := readCount(batch, []byte{settledEntry})
	if err != nil {
		return err
	}
	if now := uint64(next.MedianTime); held != now {
		woken, err := readWoken(batch, min(held, now), max(held, now))
		if err != nil {
			return err
		}
		for _, t := range woken {
			err = errors.Join(err, batch.Set(t.key(pendingEntry), nil, nil))
		}
		if err := errors.Join(err, writeCount(batch, []byte{settledEntry}, now)); err != nil {
			return err
		}
	}
	pending, err := readPending(batch, cmp.Or(v.batch, maxPending))
	if err != nil {
		return err
	}
	s := settler{
		reader: reader{db: batch, below: 1 << 32}, state: cachedView{state, map[string][]byte{}}, at: next,
		batch: batch, done: map[thing]bool{}, counts: map[string]int64{},
	}
	for _, t := range pending {
		if err := s.settle(t); err != nil {
			return err
		}
	}
	return s.writeCounts()
}

// readPending returns the first things whose standing is to be renewed.
func readPending(db pebble.Reader, limit int) (pending []thing, err error) {
	err = scan(db, []byte{pendingEntry}, []byte{pendingEntry + 1}, func(key, value []byte) (bool, error) {
		if len(key) != 2+32 {
			return false, errEntry(key, value)
		}
		pending = append(pending, thing{Kind(key[1]), [32]byte(key[2:])})
		return len(pending) < limit, nil
	})
	return pending, err
}

// readWoken returns the vouchers whose cases time alone changes after one time, up
// to another.
func readWoken(db pebble.Reader, after, to uint64) (woken []thing, err error) {
	err = scan(db, timeKey(after+1), timeKey(to+1), func(key, value []byte) (bool, error) {
		if len(key) != 1+8+32 {
			return false, errEntry(key, value)
		}
		woken = append(woken, thing{Vouchers, [32]byte(key[9:])})
		return true, nil
	})
	return woken, err
}

// scan calls fn for the entries from a key to before another, until it returns
// false.
func scan(db pebble.Reader, from, to []byte, fn func(key, value []byte) (bool, error)) error {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	defer iter.Close()
	for ok := iter.First(); ok; ok = iter.Next() {
		value, err := iter.ValueAndErr()
		if err != nil {
			return err
		}
		if more, err := fn(iter.Key(), value); err != nil || !more {
			return err
		}
	}
	return iter.Error()
}

// readCount returns a number, 0 if there is no entry.
func readCount(db pebble.Reader, key []byte) (uint64, error) {
	value, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer closer.Close()
	if len(value) != 8 {
		return 0, errEntry(key, value)
	}
	return binary.BigEndian.Uint64(value), nil
}

// writeCount sets a number. 0 has no entry.
func writeCount(batch *pebble.Batch, key []byte, n uint64) error {
	if n == 0 {
		return batch.Delete(key, nil)
	}
	return batch.Set(key, binary.BigEndian.AppendUint64(nil, n), nil)
}

// cachedView is a state that does not change, read through a cache.
type cachedView struct {
	rules.View
	known map[string][]byte
}

// Get implements [rules.View].
func (c cachedView) Get(key []byte) ([]byte, error) {
	if value, ok := c.known[string(key)]; ok {
		return value, nil
	}
	value, err := c.View.Get(key)
	if err == nil {
		c.known[string(key)] = value
	}
	return value, err
}

// settler renews the standings of a batch.
type settler struct {
	reader
	state  rules.View
	at     rules.Context // of the next block
	batch  *pebble.Batch
	done   map[thing]bool
	counts map[string]int64 // by how much they change
}

// settle renews the standing of a thing that is pending: of a voucher with its last
// claim, which can be live. Time changes none of the earlier claims, which are
// closed, and no shipment.
func (s *settler) settle(t thing) error {
	if err := errors.Join(s.batch.Delete(t.key(pendingEntry), nil), s.renew(t)); err != nil {
		return err
	}
	if t.kind != Vouchers {
		return nil
	}
	v, err := rules.GetVoucher(s.state, s.at, t.id)
	if err != nil || v == nil || v.Claim == (record.ID{}) {
		return err
	}
	return s.renew(thing{Claims, v.Claim})
}

// renew renews the standing of a thing, and the entries that follow from it.
func (s *settler) renew(t thing) error {
	if s.done[t] {
		return nil
	}
	s.done[t] = true
	old, err := readStanding(s.db, t)
	if err != nil {
		return err
	}
	var now *standing
	if t.kind == accounts {
		now, err = s.account(t.id)
	} else {
		now, err = s.thing(t)
	}
	if err != nil {
		return err
	}
	if now == nil {
		err = s.batch.Delete(t.key(standingEntry), nil)
	} else {
		err = s.batch.Set(t.key(standingEntry), now.encode(), nil)
	}
	before, countedBefore := old.entries(t)
	after, countedAfter := now.entries(t)
	for key := range before {
		if _, kept := after[key]; !kept {
			err = errors.Join(err, s.batch.Delete([]byte(key), nil))
		}
	}
	for key, value := range after {
		if _, kept := before[key]; !kept {
			err = errors.Join(err, s.batch.Set([]byte(key), value, nil))
		}
	}
	for key := range countedBefore {
		s.counts[key]--
	}
	for key := range countedAfter {
		s.counts[key]++
	}
	return err
}

// readStanding returns the standing of a thing, or nil if it has none.
func readStanding(db pebble.Reader, t thing) (*standing, error) {
	key := t.key(standingEntry)
	value, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	s, ok := decodeStanding(value)
	if !ok {
		return nil, errEntry(key, value)
	}
	return s, nil
}

func (s *settler) writeCounts() error {
	for _, key := range slices.Sorted(maps.Keys(s.counts)) {
		change := s.counts[key]
		if change == 0 {
			continue
		}
		n, err := readCount(s.db, []byte(key))
		if err == nil && int64(n)+change < 0 {
			err = fmt.Errorf("%w: count %x is %d, and is to change by %d", errDamaged, key, n, change)
		}
		if err == nil {
			err = writeCount(s.batch, []byte(key), uint64(int64(n)+change))
		}
		if err == nil && key[len(key)-1] == Overdue {
			err = s.rank([]byte(key), n, uint64(int64(n)+change))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rank moves the scope of a count of overdue things to its new rank. All has none.
func (s *settler) rank(key []byte, before, after uint64) error {
	kind, scope := Kind(key[1]), Scope{key[2], [32]byte(key[3:])}
	if scope == All() {
		return nil
	}
	var err error
	if before != 0 {
		err = s.batch.Delete(rankKey(kind, scope, before), nil)
	}
	if err == nil && after != 0 {
		err = s.batch.Set(rankKey(kind, scope, after), nil, nil)
	}
	return err
}

// account returns the roles of an account, or nil if it has none.
func (s *settler) account(id record.Key) (*standing, error) {
	a, err := rules.GetAccount(s.state, id)
	if err != nil || a.ID != id {
		return nil, err
	}
	now := new(standing)
	for _, role := range record.Roles() {
		if a.Roles.Has(role) {
			now.roles |= 1 << role
		}
	}
	if a.Roles.Suspended() {
		now.roles |= 1 << suspendedRole
	}
	if now.roles == 0 {
		return nil, nil
	}
	return now, nil
}

// thing returns how a voucher, claim or shipment stands, or nil if the chain does
// not have it.
func (s *settler) thing(t thing) (*standing, error) {
	rel, ok, err := s.relation(t.id)
	if err != nil || !ok {
		return nil, err
	}
	now := &standing{place: rel.at}
	switch t.kind {
	case Vouchers:
		v, err := rules.GetVoucher(s.state, s.at, t.id)
		if err != nil || v == nil {
			return nil, err
		}
		now.state = uint8(v.State)
		now.scopes = []Scope{OfSeller(v.Seller), OfHolder(v.Holder), OfProduct(v.GTIN)}
		now.times, err = s.times(v)
		return now, err
	case Claims:
		c, err := rules.GetClaim(s.state, s.at, t.id)
		if err != nil || c == nil {
			return nil, err
		}
		return now, s.claim(now, c)
	case Shipments:
		h, err := rules.GetShipment(s.state, t.id)
		if err != nil || h == nil {
			return nil, err
		}
		now.state = uint8(h.State)
		now.scopes = []Scope{OfCarrier(h.Carrier)}
		now.deadline = h.LostFrom(&s.at.Params.AfterSales)
		return now, nil
	}
	return nil, fmt.Errorf("%w: no kind of thing is %q", errDamaged, t.kind)
}

// claim fills in how a claim stands.
func (s *settler) claim(now *standing, c *rules.Claim) error {
	v, err := rules.GetVoucher(s.state, s.at, c.Voucher)
	if err != nil || v == nil {
		return errors.Join(err, fmt.Errorf("%w: claim %v has no voucher", rules.ErrState, c.ID))
	}
	product, err := rules.GetProduct(s.state, v.GTIN)
	if err != nil || product == nil {
		return errors.Join(err, fmt.Errorf("%w: voucher %v has no product", rules.ErrState, v.ID))
	}
	now.state = uint8(c.State)
	now.scopes = []Scope{OfSeller(v.Seller), OfHolder(c.Holder), OfMaker(product.Maker), OfProduct(v.GTIN)}
	if period, end := c.Deadline(&s.at.Params.AfterSales); period != 0 && !c.State.Closed() {
		now.deadline = end
		now.overdue = uint64(s.at.MedianTime) > end
	}
	return nil
}

// maxSteps bounds how often time alone can change a claim, one state after the
// other.
const maxSteps = 8

// times returns the first seconds from which on time alone changes the case of a
// voucher: when its warranty is over, when its claim goes on by silence, and when
// a deadline of the claim has passed. Times that are over are among them, for the
// way back.
func (s *settler) times(v *rules.Voucher) (times []uint64, err error) {
	p := &s.at.Params.AfterSales
	if v.State == rules.VoucherActive || v.State == rules.VoucherExpired {
		times = append(times, v.End(p)+1)
	}
	if v.Claim == (record.ID{}) {
		return times, nil
	}
	at := s.at
	at.MedianTime = 0 // nothing has lapsed
	for range maxSteps {
		c, err := rules.GetClaim(s.state, at, v.Claim)
		if err != nil || c == nil {
			return times, err
		}
		period, end := c.Deadline(p)
		if period == 0 || end >= 1<<32-1 || c.State.Closed() {
			break
		}
		times = append(times, end+1)
		at.MedianTime = uint32(end + 1)
		next, err := rules.GetClaim(s.state, at, v.Claim)
		if err != nil {
			return times, err
		}
		if next.State == c.State {
			break // it waits for somebody to act
		}
	}
	slices.Sort(times)
	return slices.Compact(times), nil
}
