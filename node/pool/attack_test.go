//go:build !race

// Many signatures, and one goroutine only: as in model_test.go.

package pool

import (
	"testing"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// grant makes a record that names key, and is not valid once key is rotated.
func (w *world) grant(key record.Key) edit {
	return says(record.RoleGrant{Role: record.Seller, Key: key, Approvers: w.builder.Approvers()})
}

// honest adds 40 records of each of 4 accounts, at a rate.
func (w *world) honest(t fataler, rate Rate) (records []*record.Record) {
	t.Helper()
	for i := range 4 {
		u := w.user(20 + i)
		for range 40 {
			records = append(records, u.next(u.rate(rate)))
		}
	}
	w.add(t, records...)
	return records
}

// bait adds as many records of 12 accounts as the pool takes, at a high rate: the
// first of each account names key, and the others wait behind it. It returns how
// many were taken.
func (w *world) bait(key record.Key) (taken int) {
	for i := range 12 {
		u := w.user(1 + i)
		records := []*record.Record{u.next(fee(1_000_000), w.grant(key))}
		for range 63 {
			records = append(records, u.next(u.rate(100_000)))
		}
		for _, err := range w.Add(records...) {
			if err == nil {
				taken++
			}
		}
	}
	return taken
}

// Records that a rotation in the pool will invalidate take free room, but displace and
// exclude no others; and Select tries them last.
func TestRetiredKey(t *testing.T) {
	w := newWorld(t, 1, func(o *Options) { o.MaxBytes = 1 << 20 })
	honest := w.honest(t, 5000)
	sink := w.user(0)
	old := sink.key
	rotation := sink.next(rotate(record.PublicOf(w.builder.NewKey())), fee(1_000_000))
	w.add(t, rotation)
	taken := w.bait(old)
	if taken < 400 {
		t.Fatalf("only %d of the attacker's records were taken: the pool is not full", taken)
	}
	w.holdsAll(t, honest)
	late := w.user(13)
	var more []*record.Record
	for range 200 {
		more = append(more, late.next(late.rate(1000)))
	}
	w.add(t, more...)
	w.reject(t, w.user(14).next(fee(1_000_000), w.grant(old)), reject.PoolFull)

	before := w.Stats().Counts
	chosen := w.choose(t, everything)
	after := w.Stats().Counts
	tried := len(chosen) + int(after.Unapplied-before.Unapplied)
	if want := 1 + len(honest) + len(more); len(chosen) != want || tried > want+12 {
		t.Errorf("%d records chosen, %d tried, want %d and at most 12 more", len(chosen), tried, want)
	}
	t.Logf("%d records of the attacker taken, %d evicted for %d honest ones; %d of %d honest ones stay; Select tried %d of %d records",
		taken, after.Evicted, len(more), len(honest), len(honest), tried, w.Stats().Records)
	w.mine(t, chosen...)
	w.holds(t)
}

// The same records, added before the rotation: they become suspects with it, and are no
// longer suspects when it is replaced.
func TestRetiredKeyLater(t *testing.T) {
	w := newWorld(t, 1, func(o *Options) { o.MaxBytes = 2 << 20 })
	sink := w.user(0)
	taken := w.bait(sink.key)
	if taken != 12*64 || w.countSuspects() != 0 {
		t.Fatalf("%d records taken, %d suspects", taken, w.countSuspects())
	}
	rotation := sink.next(rotate(record.PublicOf(w.builder.NewKey())), fee(1_000_000))
	w.add(t, rotation)
	if n := w.countSuspects(); n != taken {
		t.Errorf("%d suspects, want %d", n, taken)
	}
	w.check(t)
	sink = w.user(0)
	payment := sink.next(fee(1_100_000))
	w.add(t, payment)
	if n := w.countSuspects(); n != 0 {
		t.Errorf("%d suspects without the rotation", n)
	}
	sink = w.user(0)
	rotation = sink.next(rotate(record.PublicOf(w.builder.NewKey())), fee(1_300_000))
	w.add(t, rotation)
	w.mine(t, rotation) // a block without the others: nothing has to try them
	w.holds(t)
}

// Select tries no more records that do not apply than its bound, however many there are.
// They are suspects then, so that the next call reaches the honest ones; and the pool
// drops them after some blocks, whoever makes these.
func TestUnapplied(t *testing.T) {
	const accounts = 1100
	w := newWorld(t, 1)
	var keys []record.Key
	var funding []*record.Record
	for i := range 22 {
		u := w.user(1 + i)
		for range accounts / 22 {
			keys = append(keys, record.PublicOf(w.builder.NewKey()))
			funding = append(funding, u.next(says(record.Pay{To: keys[len(keys)-1], Amount: record.Coin})))
		}
	}
	w.mine(t, funding...)
	var excluding []*record.Record // all grant the same role
	for _, key := range keys {
		excluding = append(excluding, (&user{w: w, key: key}).next(fee(1_000_000), w.grant(record.Key{7})))
	}
	w.add(t, excluding...)
	u := w.user(0)
	honest := []*record.Record{u.next(), u.next()}
	w.add(t, honest...)

	for i, want := range []struct{ chosen, unapplied int }{
		{1, maxUnapplied},
		{3, maxUnapplied}, // those that the first call did not come to, and then suspects
	} {
		before := w.Stats().Counts.Unapplied
		chosen := w.choose(t, everything)
		unapplied := int(w.Stats().Counts.Unapplied - before)
		if len(chosen) != want.chosen || unapplied != want.unapplied {
			t.Errorf("call %d: %d chosen, %d did not apply, want %+v", i, len(chosen), unapplied, want)
		}
	}
	for range 2 * maxStrikes {
		w.choose(t, everything)
		w.mine(t) // somebody else's block, which has none of them
	}
	w.holds(t, append(honest, w.choose(t, everything)[0])...)
	if n := w.Stats().Counts.Invalid; n != accounts-1 {
		t.Errorf("%d records are counted as invalid, want %d", n, accounts-1)
	}
}

// A suspect that applies is no longer a suspect.
func TestCleared(t *testing.T) {
	w := newWorld(t, 1)
	u, v := w.user(0), w.user(1)
	better, worse := u.next(w.grant(record.Key{7}), fee(90_000)), v.next(w.grant(record.Key{7}), fee(20_000))
	w.add(t, better, worse)
	w.choose(t, everything)
	if n := w.countSuspects(); n != 1 {
		t.Fatalf("%d suspects, want 1", n)
	}
	u = w.user(0)
	other := u.next(fee(200_000))
	w.add(t, other)
	if chosen := w.choose(t, everything); len(chosen) != 2 || w.countSuspects() != 0 {
		t.Errorf("%d records chosen, %d suspects, want 2 and none", len(chosen), w.countSuspects())
	}
	w.holds(t, other, worse)
}

func (w *world) countSuspects() (n int) {
	for _, q := range w.table.queues {
		for i := range q.entries {
			if q.entries[i].isSuspect() {
				n++
			}
		}
	}
	return n
}

// holdsAll checks that records are in the pool, beside others.
func (w *world) holdsAll(t fataler, records []*record.Record) {
	t.Helper()
	for i, r := range records {
		if w.Get(r.ID()) == nil {
			t.Fatalf("record %d of %d is not in the pool", i, len(records))
		}
	}
	w.check(t)
}
