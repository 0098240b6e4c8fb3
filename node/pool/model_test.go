//go:build !race

// One goroutine only: the race detector has nothing to find here, and makes it
// ten times slower.

package pool

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

// model is the specification of a pool, as simple as possible: a list of records in the
// order of their arrival.
type model struct {
	*world
	t       *rapid.T
	records []*record.Record
	keys    []record.Key // that records are made with: of accounts, and new ones
	strikes map[record.ID]uint8
	known   map[pow.Hash]bool // full hashes of the records that Options.Accepted got, or that were there before
}

const modelAccounts = 4

// The pool does what the model does, in any sequence of events.
func TestModel(t *testing.T) { rapid.Check(t, func(t *rapid.T) { runModel(t, DefaultMaxBytes) }) }

// The same in a pool with room for only few records.
func TestModelFull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { runModel(t, 8*charge(newWorld(t, 1).user(0).next())) })
}

func runModel(t *rapid.T, maxBytes int64) {
	m := &model{t: t, known: map[pow.Hash]bool{}}
	limit := func(o *Options) { o.MaxBytes, o.Accepted = maxBytes, m.hear }
	m.world = newWorld(t, 1, limit)
	for i := range modelAccounts {
		m.keys = append(m.keys, m.builder.Funded(m.tip, i))
	}
	for range 3 {
		m.keys = append(m.keys, record.PublicOf(m.builder.NewKey()))
	}
	t.Repeat(map[string]func(*rapid.T){
		"add":        m.addSome,
		"mine":       m.mineSome,
		"strangers":  m.mineStrangers,
		"reorganise": m.reorganise,
		"restart": func(t *rapid.T) {
			m.open(t, limit)
			m.settle(nil)
		},
		"": func(t *rapid.T) { m.compare() },
	})
}

// queue returns those of the records that are of an account, in order.
func (m *model) queue(account record.Key, records []*record.Record) []*record.Record {
	var queue []*record.Record
	for _, r := range records {
		if m.account(r.Key, records) == account {
			queue = append(queue, r)
		}
	}
	slices.SortFunc(queue, func(a, b *record.Record) int { return int(a.Seq) - int(b.Seq) })
	return queue
}

// account returns the name of the account that a key signs for, once the
// rotations among the records are confirmed.
func (m *model) account(key record.Key, records []*record.Record) record.Key {
	for again := true; again; {
		again = false
		for _, r := range records {
			if p, ok := r.Payload.(record.KeyRotate); ok && p.New == key {
				key, again = r.Key, true
			}
		}
	}
	a, err := rules.GetAccount(m.tip.View(), key)
	if err != nil {
		m.t.Fatal(err)
	}
	return a.ID
}

// valid reports whether records apply one after the other in the next block.
func (m *model) valid(records []*record.Record) bool {
	s := rules.NewState(m.tip.View())
	for _, r := range records {
		if rules.Apply(s, m.context(), r) != nil {
			return false
		}
	}
	return true
}

// look copies from the pool how often each record did not apply, which the model does
// not know.
func (m *model) look() {
	m.strikes = map[record.ID]uint8{}
	for _, q := range m.table.queues {
		for _, e := range q.entries {
			m.strikes[e.ID()] = e.strikes
		}
	}
}

// isSuspect reports whether a record may never be mined: it did not apply, a
// rotation of another account retires a key that it names, or it waits for such a
// record.
func (m *model) isSuspect(r *record.Record) bool {
	account := m.account(r.Key, m.records)
	retired := func(k record.Key) bool {
		return slices.ContainsFunc(m.records, func(q *record.Record) bool {
			return q.Type() == record.TypeKeyRotate && q.Key == k && m.account(k, m.records) != account
		})
	}
	return slices.ContainsFunc(m.queue(account, m.records), func(q *record.Record) bool {
		return q.Seq <= r.Seq && (m.strikes[q.ID()] > 0 || slices.ContainsFunc(rules.CurrentKeys(q.Payload), retired))
	})
}

// random returns a record that may be valid or not.
func (m *model) random(t *rapid.T) *record.Record {
	key := rapid.SampledFrom(m.keys).Draw(t, "author")
	r := m.builder.Frame(m.tip, key)
	if next, err := m.NextSeq(key); err == nil {
		r.Seq = next
	}
	switch rapid.IntRange(0, 5).Draw(t, "seq") {
	case 0:
		r.Seq++
	case 1, 2:
		r.Seq -= min(r.Seq, rapid.Uint64Range(1, 3).Draw(t, "before"))
	}
	r.Fee = record.Amount(rapid.IntRange(300, 5000).Draw(t, "fee"))
	r.ValidUntil = m.tip.Height() + rapid.Uint32Range(0, 6).Draw(t, "until")
	to := rapid.SampledFrom(m.keys).Draw(t, "to")
	switch rapid.IntRange(0, 9).Draw(t, "type") {
	case 0:
		r.Payload = record.RoleGrant{Role: record.Seller, Key: to, Approvers: m.builder.Approvers()}
	case 1:
		r.Payload = record.RoleRevoke{Role: record.Seller, Key: to, Approvers: m.builder.Approvers()}
	case 2:
		r.Payload = record.KeyRotate{New: to}
	case 3:
		r.Payload = record.Pay{To: to, Amount: 600_000 * record.Coin}
	default:
		r.Payload = record.Pay{To: to, Amount: record.Coin}
	}
	return m.builder.Sign(r)
}

// addSome adds one record. The model says whether it is valid.
func (m *model) addSome(t *rapid.T) {
	r := m.random(t)
	if rapid.IntRange(0, 9).Draw(t, "forged") == 0 {
		m.rejectAny(forge(r))
		return
	}
	m.look()
	was := m.Stats().Counts
	err := m.Add(r)[0]
	counts := m.Stats().Counts
	reason, _ := reject.Of(err)

	account := m.account(r.Key, m.records)
	queue := m.queue(account, m.records)
	i := slices.IndexFunc(queue, func(q *record.Record) bool { return q.Seq == r.Seq })
	if i >= 0 {
		queue[i] = r
	} else {
		queue = append(queue, r)
	}
	switch {
	case err != nil && reason == "":
		t.Fatal(err)
	case err == nil && (!m.valid(queue) || r.Check(testNetwork.ID) != nil || RateOf(r) < DefaultMinRate):
		t.Fatal("a record was accepted that is not valid in its queue")
	case err == nil && (counts.Replaced != was.Replaced) != (i >= 0):
		t.Fatal("a record was replaced, or not, against expectation")
	case err == nil:
		m.records = slices.DeleteFunc(m.records, func(q *record.Record) bool {
			return i >= 0 && q.Seq == r.Seq && m.account(q.Key, m.records) == account
		})
		m.records = append(m.records, r)
		m.evicted(counts.Evicted != was.Evicted)
	case !m.valid(queue), r.Check(testNetwork.ID) != nil, RateOf(r) < DefaultMinRate, reason == reject.AlreadyPooled:
	case reason == reject.ReplacementTooLow && i >= 0:
	case reason == reject.KeyInUse && m.contested(r):
	case reason == reject.PoolFull:
		m.evicted(true)
	default:
		t.Fatalf("a record was rejected that is valid in its queue: %v", err)
	}
}

// contested reports whether the pool has records that concern the new key of a
// rotation.
func (m *model) contested(r *record.Record) bool {
	p, ok := r.Payload.(record.KeyRotate)
	return ok && slices.ContainsFunc(m.records, func(q *record.Record) bool {
		other, ok := q.Payload.(record.KeyRotate)
		return q.Key == p.New || ok && other.New == p.New
	})
}

// rejectAny adds a record that must be rejected.
func (m *model) rejectAny(r *record.Record) {
	if m.Add(r)[0] == nil {
		m.t.Fatal("a record was accepted that must be rejected")
	}
}

// evicted takes what the pool has evicted out of the model, which must be the
// cheapest: no record of another account that is left may be worth less.
func (m *model) evicted(some bool) {
	var left, gone []*record.Record
	for _, r := range m.records {
		if m.Get(r.ID()) != nil {
			left = append(left, r)
		} else {
			gone = append(gone, r)
		}
	}
	if len(gone) > 0 && !some {
		m.t.Fatal("records are gone")
	}
	worth := func(r *record.Record) Rate { // the lowest rate up to r in its queue, 0 for a suspect
		if m.isSuspect(r) {
			return 0
		}
		lowest := RateOf(r)
		for _, q := range m.queue(m.account(r.Key, m.records), m.records) {
			if q.Seq < r.Seq {
				lowest = min(lowest, RateOf(q))
			}
		}
		return lowest
	}
	for _, g := range gone {
		for _, l := range left {
			if worth(l) < worth(g) {
				m.t.Fatalf("a record worth %d was evicted before one worth %d", worth(g), worth(l))
			}
		}
	}
	m.records = left
}

// mineSome mines what the pool has chosen.
func (m *model) mineSome(t *rapid.T) {
	chosen := m.choose(t, Limits{
		Bytes:   rapid.IntRange(0, 4000).Draw(t, "bytes"),
		Records: rapid.IntRange(0, 12).Draw(t, "records"),
	})
	m.moveTo(m.builder.Extend(m.tip, chosen...)) // which panics if they make no block
}

// mineStrangers mines random records, of which the pool has some, or none.
func (m *model) mineStrangers(t *rapid.T) { m.moveTo(m.extend(t, m.tip)) }

// extend returns a block on parent with records of the pool and random ones.
func (m *model) extend(t *rapid.T, parent *chaintest.Block) *chaintest.Block {
	s := rules.NewState(parent.View())
	c := rules.Context{Params: testNetwork, Height: parent.Height() + 1}
	var chosen []*record.Record
	for range rapid.IntRange(0, 4).Draw(t, "records") {
		r := m.random(t)
		if len(m.records) > 0 && rapid.Bool().Draw(t, "pooled") {
			r = rapid.SampledFrom(m.records).Draw(t, "which")
		}
		if r.Check(testNetwork.ID) == nil && rules.Apply(s, c, r) == nil {
			chosen = append(chosen, r)
		}
	}
	return m.builder.Extend(parent, chosen...)
}

// reorganise moves to a new branch.
func (m *model) reorganise(t *rapid.T) {
	m.choose(t, everything) // so that queues are under suspicion
	fork := m.tip
	depth := 0
	for depth < rapid.IntRange(1, 4).Draw(t, "depth") && fork.Parent != nil {
		fork = fork.Parent
		depth++
	}
	for range depth + 1 {
		fork = m.extend(t, fork)
	}
	m.moveTo(fork)
}

// moveTo moves to another tip. What disappears from the pool must be mined, or
// rejected when it is added again; what comes back must be from a disconnected
// block.
func (m *model) moveTo(tip *chaintest.Block) {
	back := map[record.ID]*record.Record{}
	for b := m.tip; b != nil; b = b.Parent {
		for _, r := range b.Records[1:] {
			back[r.ID()] = r
		}
	}
	mined := map[record.ID]bool{}
	for _, b := range tip.Chain() {
		for _, r := range b.Records {
			mined[r.ID()] = true
			delete(back, r.ID())
		}
	}
	m.look()
	was := m.Stats().Counts
	for rapid.Bool().Draw(m.t, "in parts") {
		m.step(m.t, rapid.SampledFrom(append(m.tip.Chain(), tip.Chain()...)).Draw(m.t, "in between"), true)
		if m.Stats().Counts != was || len(m.choose(m.t, everything)) > 0 {
			m.t.Fatal("the pool judged by a tip in between")
		}
	}
	m.move(m.t, tip)
	for _, r := range back {
		m.records = append(m.records, r)
	}
	m.records = slices.DeleteFunc(m.records, func(r *record.Record) bool {
		if mined[r.ID()] && m.Get(r.ID()) != nil {
			m.t.Fatal("a mined record is in the pool")
		}
		return mined[r.ID()]
	})
	if m.Stats().Counts.Evicted != was.Evicted {
		m.evictedOrInvalid()
	}
	m.settle(back)
}

// evictedOrInvalid takes out of the model what is not in the pool.
func (m *model) evictedOrInvalid() {
	m.records = slices.DeleteFunc(m.records, func(r *record.Record) bool { return m.Get(r.ID()) == nil })
}

// settle takes out of the model what the pool has dropped. The pool must reject
// it, unless it now takes the place of another record.
func (m *model) settle(back map[record.ID]*record.Record) {
	dropped := slices.Clone(m.records)
	m.evictedOrInvalid()
	slices.SortFunc(dropped, func(a, b *record.Record) int { return int(a.Seq) - int(b.Seq) })
	for _, r := range dropped {
		if m.Get(r.ID()) != nil || RateOf(r) < DefaultMinRate || m.strikes[r.ID()] >= maxStrikes {
			continue
		}
		before := m.Best(1 << 20)
		if err := m.Add(r)[0]; err == nil {
			for _, q := range before {
				if m.Get(q.ID()) == nil { // replaced, or evicted
					m.evictedOrInvalid()
					m.records = append(m.records, r)
				}
			}
			if len(m.records) != m.Stats().Records {
				m.t.Fatalf("a record was dropped for no reason (sequence number %d, back: %v)", r.Seq, back[r.ID()] != nil)
			}
		}
	}
}

// hear is Options.Accepted.
func (m *model) hear(records []*record.Record) {
	for _, r := range records {
		if m.ByFullHash(r.FullHash()) != r || m.journal.records[r.ID()] == nil {
			m.t.Fatal("a record is reported that is not in the pool or not in the journal")
		}
		m.known[r.FullHash()] = true
	}
}

// heard checks that every record that came into the pool was reported, and that no
// record of the pool counts as one that lately left it.
func (m *model) heard() {
	pooled := map[pow.Hash]bool{}
	for _, r := range m.Records() {
		pooled[r.FullHash()] = true
		if !m.known[r.FullHash()] {
			m.t.Fatal("a record came into the pool and was not reported")
		}
	}
	m.known = pooled
	for _, r := range m.Recent() {
		if pooled[r.FullHash()] {
			m.t.Fatal("a record of the pool has lately left it")
		}
	}
}

// compare checks that pool and model have the same records, that what Select
// gives makes a block, and that what it leaves is valid in its queue or will be
// once that block is mined.
func (m *model) compare() {
	m.check(m.t)
	m.heard()
	if got := m.Best(1 << 20); len(got) != len(m.records) {
		m.t.Fatalf("%d records, want %d", len(got), len(m.records))
	}
	for _, r := range m.records {
		if m.Get(r.ID()) == nil {
			m.t.Fatal("a record is not in the pool")
		}
	}
	if len(m.journal.records) > 0 || len(m.records) > 0 {
		if err := m.Flush(); err != nil {
			m.t.Fatal(err)
		}
		if len(m.journal.records) != len(m.records) {
			m.t.Fatalf("%d records in the journal, want %d", len(m.journal.records), len(m.records))
		}
	}

	chosen := m.choose(m.t, everything)
	m.look()
	for _, q := range m.table.queues {
		for _, e := range q.entries {
			if e.isSuspect() != (m.isSuspect(e.Record) || e.rate == 0) {
				m.t.Fatalf("suspect: %v, want %v", e.isSuspect(), m.isSuspect(e.Record))
			}
		}
	}
	s := rules.NewState(m.tip.View())
	block := m.builder.Draft(m.tip, chosen...).Seal()
	if err := rules.ApplyBlock(s, m.context(), block.Records); err != nil {
		m.t.Fatalf("what was chosen makes no block: %v", err)
	}
	m.move(m.t, m.tip) // looks at what could not be chosen again
	m.settle(nil)
	for _, r := range m.records {
		queue := m.queue(m.account(r.Key, m.records), m.records)
		if !m.valid(queue) && !slices.Contains(chosen, r) {
			m.t.Fatal("a record is left that is not valid")
		}
	}
}
