package pool

import (
	"slices"
	"testing"

	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// listener is an Options.Accepted that notes what it gets.
type listener struct {
	t    *testing.T
	w    *world
	got  []*record.Record
	then func() // called each time
}

func listen(t *testing.T) *listener {
	l := &listener{t: t}
	l.w = newWorld(t, 1, func(o *Options) { o.Accepted = l.hear })
	return l
}

func (l *listener) hear(records []*record.Record) {
	for _, r := range records {
		if l.w.journal.records[r.ID()] == nil {
			l.t.Error("a record is reported that a crash would lose")
		}
	}
	l.got = append(l.got, records...)
	if l.then != nil {
		l.then()
	}
}

// expect checks what was reported since the last call.
func (l *listener) expect(want ...*record.Record) {
	l.t.Helper()
	same := func(a, b *record.Record) bool { return a.FullHash() == b.FullHash() }
	if !slices.EqualFunc(l.got, want, same) {
		l.t.Errorf("%d records were reported, want %d, or others", len(l.got), len(want))
	}
	l.got = nil
}

// What Add accepts is reported in the order of the records, and nothing else is.
func TestAccepted(t *testing.T) {
	l := listen(t)
	w := l.w
	u, v := w.user(0), w.user(1)
	a, b, c := u.next(), u.next(), v.next()
	w.Add(a, forge(v.next(seq(0))), b, c)
	l.expect(a, b, c)
	w.reject(t, b, reject.AlreadyPooled)
	l.expect()
	better := v.next(seq(c.Seq), fee(10*c.Fee))
	w.add(t, better)
	l.expect(better)
	w.mine(t, a)
	l.expect()
}

// A record that the journal has not kept is reported when it has.
func TestAcceptedLate(t *testing.T) {
	l := listen(t)
	w := l.w
	a, b := w.user(0).next(), w.user(1).next()
	w.journal.broken = errDisk
	w.Add(a, b)
	l.expect()
	w.mine(t, b) // before the journal works again
	l.expect()
	w.journal.broken = nil
	w.reject(t, a, reject.AlreadyPooled)
	l.expect(a)
}

// What a reorganisation returns is reported too, the first of an account first, after
// the last part. What a restart finds in the journal is not.
func TestAcceptedReturned(t *testing.T) {
	for _, parts := range []bool{false, true} {
		l := listen(t)
		w := l.w
		u := w.user(0)
		genesis := w.tip
		var records []*record.Record
		for range 5 {
			records = append(records, u.next())
			w.mine(t, records[len(records)-1])
		}
		other := genesis
		for range 6 {
			other = w.builder.Extend(other)
		}
		if parts {
			for w.tip != genesis {
				w.step(t, w.tip.Parent, true)
			}
			l.expect()
		}
		w.move(t, other)
		l.expect(records...)
		w.open(t, func(o *Options) { o.Accepted = l.hear })
		l.expect()
		w.holds(t, records...)
	}
}

// Whoever gets the records may use the pool, and holds up nobody else.
func TestAcceptedHoldsNoLock(t *testing.T) {
	l := listen(t)
	w := l.w
	a, b := w.user(0).next(), w.user(1).next()
	l.then = func() {
		l.then = nil
		w.add(t, b) // which saves, too
		if w.Stats().Records != 2 {
			t.Error("the records are not in the pool")
		}
	}
	w.add(t, a)
	l.expect(a, b)
}

// Without a journal records are reported all the same.
func TestAcceptedWithoutJournal(t *testing.T) {
	w := newWorld(t, 1)
	var got []*record.Record
	o := w.options()
	o.Journal, o.Accepted = nil, func(records []*record.Record) { got = append(got, records...) }
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	a := w.user(0).next()
	if err := p.Add(a)[0]; err != nil || !slices.Equal(got, []*record.Record{a}) {
		t.Errorf("%d records were reported (%v)", len(got), err)
	}
}

// The pool is asked by full hash, since one record may come with several signatures.
func TestByFullHash(t *testing.T) {
	w := newWorld(t, 1)
	u := w.user(0)
	a, b := u.next(), u.next()
	w.add(t, a, b)
	if w.ByFullHash(a.FullHash()) != a || w.ByFullHash(forge(a).FullHash()) != nil {
		t.Error("the record of a full hash is wrong")
	}
	got := w.Records()
	slices.SortFunc(got, func(x, y *record.Record) int { return int(x.Seq) - int(y.Seq) })
	if !slices.Equal(got, []*record.Record{a, b}) {
		t.Errorf("the pool has %d records", len(got))
	}
}

// Recent has what left the pool or was rejected by its policy, until it comes back.
func TestRecent(t *testing.T) {
	w := newWorld(t, 1)
	expect := func(want ...*record.Record) {
		t.Helper()
		got := w.Recent()
		for _, r := range want {
			if !slices.Contains(got, r) {
				t.Errorf("a record is missing, of %d", len(want))
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d records, want %d", len(got), len(want))
		}
	}
	u, v, x := w.user(0), w.user(1), w.user(2)
	mined, replaced := u.next(), v.next()
	replacement := v.next(seq(replaced.Seq), fee(10*replaced.Fee))
	w.add(t, mined, replaced, replacement)
	cheap := x.next(fee(1))
	w.reject(t, cheap, reject.FeeRateTooLow)
	w.reject(t, x.next(seq(9)), reject.SequenceGap) // not for policy
	expect(replaced, cheap)
	before := w.tip
	w.mine(t, mined)
	expect(replaced, cheap, mined)
	w.move(t, w.builder.Extend(w.builder.Extend(before)))
	w.holds(t, mined, replacement)
	expect(replaced, cheap)
}

// What Recent has is bounded, and what costs nothing displaces nothing else.
func TestRecentIsBounded(t *testing.T) {
	w := newWorld(t, 1)
	u, v := w.user(0), w.user(1)
	old := v.next()
	w.add(t, old, v.next(seq(old.Seq), fee(10*old.Fee)))
	for range 2 * maxRejected {
		w.reject(t, u.next(fee(1), amount(record.Amount(u.seq+1))), reject.FeeRateTooLow)
	}
	got := w.Recent()
	if len(got) != maxRejected+1 || !slices.Contains(got, old) {
		t.Errorf("%d records, want %d", len(got), maxRejected+1)
	}
	if maxMined+maxLeft+maxRejected > 2000 {
		t.Error("the limits allow more than the documentation says")
	}
}
