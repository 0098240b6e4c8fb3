package pool

import (
	"errors"
	"slices"
	"testing"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

var testNetwork = chaintest.Network()

// world is a pool on top of a chain that a builder makes.
type world struct {
	*Pool
	builder *chaintest.Builder
	tip     *chaintest.Block
	journal *memory
}

// memory is a journal in memory. It fails as long as broken is set.
type memory struct {
	records map[record.ID][]byte
	saves   int
	broken  error
}

func (m *memory) Save(add []*record.Record, drop []record.ID) error {
	if m.broken != nil {
		return m.broken
	}
	m.saves++
	for _, r := range add {
		m.records[r.ID()] = slices.Clone(r.Encode())
	}
	for _, id := range drop {
		delete(m.records, id)
	}
	return nil
}

func (m *memory) Load(fn func(id record.ID, raw []byte) error) error {
	for id, raw := range m.records {
		if err := fn(id, slices.Clone(raw)); err != nil {
			return err
		}
	}
	return nil
}

// fataler is what testing.T and rapid.T have in common.
type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func newWorld(t fataler, seed uint64, edit ...func(*Options)) *world {
	t.Helper()
	b := chaintest.New(testNetwork, seed)
	w := &world{builder: b, tip: b.Genesis, journal: &memory{records: map[record.ID][]byte{}}}
	w.open(t, edit...)
	return w
}

// open makes a new pool from the journal.
func (w *world) open(t fataler, edit ...func(*Options)) {
	t.Helper()
	o := w.options()
	for _, f := range edit {
		f(&o)
	}
	var err error
	if w.Pool, err = New(o); err != nil {
		t.Fatal(err)
	}
}

func (w *world) options() Options {
	return Options{
		Params:   w.builder.Params,
		View:     func() rules.View { return w.tip.View() },
		Context:  w.context,
		Verifier: record.NewVerifier(1<<16, 1),
		Journal:  w.journal,
	}
}

func (w *world) context() rules.Context {
	return rules.Context{Params: w.builder.Params, Height: w.tip.Height() + 1, MedianTime: w.tip.Node().MedianTime()}
}

// move makes another block the tip, and the pool follows.
func (w *world) move(t fataler, tip *chaintest.Block) {
	t.Helper()
	w.step(t, tip, false)
}

// step makes another block the tip, or one in between if partial is set, and the pool
// follows.
func (w *world) step(t fataler, tip *chaintest.Block, partial bool) {
	t.Helper()
	change := chain.Change{Partial: partial}
	from, to := w.tip, tip
	for from != to {
		if from.Height() >= to.Height() {
			change.Disconnected = append(change.Disconnected, from.Block)
			from = from.Parent
		} else {
			change.Connected = append([]*block.Block{to.Block}, change.Connected...)
			to = to.Parent
		}
	}
	w.tip = tip
	if err := w.Update(change); err != nil {
		t.Fatal(err)
	}
}

// mine makes a block of the records and moves to it.
func (w *world) mine(t fataler, records ...*record.Record) {
	t.Helper()
	w.move(t, w.builder.Extend(w.tip, records...))
}

// choose is Select on a state of its own.
func (w *world) choose(t fataler, l Limits) []*record.Record {
	t.Helper()
	s, c := rules.NewState(w.tip.View()), w.context()
	if err := rules.Begin(s, c); err != nil {
		t.Fatal(err)
	}
	records, fees, err := w.Select(s, c, l)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		fees -= r.Fee
	}
	if fees != 0 {
		t.Fatalf("the fees are wrong by %d", fees)
	}
	return records
}

var everything = Limits{Bytes: 1 << 30, Records: 1 << 30}

// user is a funded account that makes records one after the other.
type user struct {
	w   *world
	key record.Key
	seq uint64
}

func (w *world) user(i int) *user {
	key := w.builder.Funded(w.tip, i)
	return &user{w: w, key: key, seq: w.builder.Frame(w.tip, key).Seq}
}

// edit changes a record before it is signed.
type edit func(*record.Record)

func fee(f record.Amount) edit    { return func(r *record.Record) { r.Fee = f } }
func seq(n uint64) edit           { return func(r *record.Record) { r.Seq = n } }
func until(height uint32) edit    { return func(r *record.Record) { r.ValidUntil = height } }
func says(p record.Payload) edit  { return func(r *record.Record) { r.Payload = p } }
func amount(a record.Amount) edit { return says(record.Pay{To: record.Key{9}, Amount: a}) }
func rotate(key record.Key) edit  { return says(record.KeyRotate{New: key}) }
func (u *user) rate(rate Rate) edit {
	return fee(record.Amount(uint64(rate) * uint64(u.w.size()) / 1000))
}

// size is that of a payment.
func (w *world) size() int {
	return w.builder.Pay(w.tip, w.builder.Funded(w.tip, 0), record.Key{9}, 1).Size()
}

// next makes the user's next record: a small payment, unless edits change that.
func (u *user) next(edits ...edit) *record.Record {
	r := u.w.builder.Frame(u.w.tip, u.key)
	r.Seq = u.seq
	r.Payload = record.Pay{To: record.Key{9}, Amount: 1}
	for _, f := range edits {
		f(&r)
	}
	if r.Seq == u.seq {
		u.seq++
	}
	if p, ok := r.Payload.(record.KeyRotate); ok {
		u.key = p.New
	}
	return u.w.builder.Sign(r)
}

// add adds records that must be accepted.
func (w *world) add(t fataler, records ...*record.Record) {
	t.Helper()
	for i, err := range w.Add(records...) {
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
}

// reject adds a record that must be rejected with a reason.
func (w *world) reject(t fataler, r *record.Record, want reject.Reason) {
	t.Helper()
	err := w.Add(r)[0]
	if reason, _ := reject.Of(err); reason != want {
		t.Fatalf("got the error %v, want %s", err, want)
	}
	if p := w.Get(r.ID()); p != nil && want != reject.AlreadyPooled {
		t.Fatal("the rejected record is in the pool")
	}
}

// holds checks which records are in the pool.
func (w *world) holds(t fataler, want ...*record.Record) {
	t.Helper()
	for i, r := range want {
		if w.Get(r.ID()) == nil {
			t.Fatalf("record %d is not in the pool", i)
		}
	}
	if n := w.Stats().Records; n != len(want) {
		t.Fatalf("the pool has %d records, want %d", n, len(want))
	}
	w.check(t)
}

// check checks that everything in the pool is consistent.
func (w *world) check(t fataler) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := checkTable(&w.table); err != nil {
		t.Fatal(err)
	}
	if w.table.charged > w.o.MaxBytes {
		t.Fatalf("%d bytes, at most %d are allowed", w.table.charged, w.o.MaxBytes)
	}
	for q := range w.suspects {
		if w.table.queues[q.account] != q {
			t.Fatal("a queue that is not in the pool is under suspicion")
		}
	}
}

func checkTable(table *table) error {
	fresh := newTable()
	for account, q := range table.queues {
		if account != q.account || len(q.entries) == 0 {
			return errors.New("a queue is empty or under the wrong account")
		}
		copied := newQueue(account)
		for i, e := range q.entries {
			if e.Seq != q.first+uint64(i) || table.records[e.ID()] != q {
				return errors.New("an entry is not where it belongs")
			}
			fresh.splice(copied, i, 0, e)
			if e.until != e.ValidUntil {
				return errors.New("an entry has a wrong height")
			}
		}
	}
	for account, q := range table.queues {
		if !slices.Equal(q.entries, fresh.queues[account].entries) {
			return errors.New("what an entry has of its queue, or of other queues, is wrong")
		}
	}
	for hash, r := range table.full {
		if q := table.records[r.ID()]; r.FullHash() != hash || q == nil || q.at(r.Seq).Record != r {
			return errors.New("the index of full hashes is wrong")
		}
	}
	if len(fresh.records) != len(table.records) || len(table.full) != len(table.records) || fresh.bytes != table.bytes || fresh.charged != table.charged {
		return errors.New("counts are wrong")
	}
	if len(fresh.aliases) != len(table.aliases) {
		return errors.New("aliases are wrong")
	}
	for key, q := range table.aliases {
		if fresh.aliases[key] == nil || fresh.aliases[key].account != q.account || table.queues[q.account] != q {
			return errors.New("an alias is wrong")
		}
	}
	if len(fresh.retired) != len(table.retired) || len(fresh.names) != len(table.names) {
		return errors.New("retired keys or names are wrong")
	}
	for key, q := range table.retired {
		if fresh.retired[key] == nil || fresh.retired[key].account != q.account || table.queues[q.account] != q {
			return errors.New("a retired key is wrong")
		}
	}
	for key, queues := range table.names {
		if len(queues) != len(fresh.names[key]) {
			return errors.New("names are wrong")
		}
		for q, n := range queues {
			if table.queues[q.account] != q || fresh.names[key][fresh.queues[q.account]] != n {
				return errors.New("a name is wrong")
			}
		}
	}
	for slot := range table.orders {
		items := table.orders[slot].items
		if len(items) != len(table.queues) {
			return errors.New("an order lacks queues")
		}
		for i, x := range items {
			if x.item.place[slot] != i || x.rank != fresh.orders[slot].items[fresh.queues[x.item.account].place[slot]].rank {
				return errors.New("an order has a wrong place or rank")
			}
			if i > 0 && x.before(items[(i-1)/2].rank) {
				return errors.New("an order is not a heap")
			}
		}
	}
	return nil
}

func TestMain(m *testing.M) { runTests(m) }
