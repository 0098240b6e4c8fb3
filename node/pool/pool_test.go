package pool

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
)

func runTests(m *testing.M) { goleak.VerifyTestMain(m) }

func forge(r *record.Record) *record.Record {
	forged := *r
	forged.Signatures = slices.Clone(r.Signatures)
	forged.Signatures[0][3] ^= 1
	return record.New(forged)
}

// Each reason to reject a record, and after each the pool is as before.
func TestRejected(t *testing.T) {
	balance := 1_000_000 * record.Coin
	for name, test := range map[string]struct {
		want reject.Reason
		make func(w *world, u *user) *record.Record
	}{
		"known":           {reject.AlreadyPooled, func(w *world, u *user) *record.Record { return w.Best(1)[0] }},
		"other signature": {reject.AlreadyPooled, func(w *world, u *user) *record.Record { return forge(w.Best(1)[0]) }},
		"forged":          {reject.BadSignature, func(w *world, u *user) *record.Record { return forge(u.next()) }},
		"other network": {reject.WrongNetwork, func(w *world, u *user) *record.Record {
			return u.next(func(r *record.Record) { r.Network++ })
		}},
		"coinbase": {reject.MisplacedCoinbase, func(w *world, u *user) *record.Record { return w.builder.Draft(w.tip).Seal().Records[0] }},
		"low fee":  {reject.FeeRateTooLow, func(w *world, u *user) *record.Record { return u.next(u.rate(DefaultMinRate - 1)) }},
		"least fee, no funds": {reject.InsufficientFunds, func(w *world, u *user) *record.Record {
			return u.next(u.rate(DefaultMinRate+6), amount(balance))
		}},
		"expired":           {reject.Expired, func(w *world, u *user) *record.Record { return u.next(until(w.tip.Height())) }},
		"used":              {reject.SequenceUsed, func(w *world, u *user) *record.Record { return u.next(seq(0)) }},
		"gap":               {reject.SequenceGap, func(w *world, u *user) *record.Record { return u.next(seq(u.seq + 1)) }},
		"wide gap":          {reject.SequenceGap, func(w *world, u *user) *record.Record { return u.next(seq(1 << 63)) }},
		"fee above balance": {reject.InsufficientFunds, func(w *world, u *user) *record.Record { return u.next(fee(balance)) }},
		"fund of the queue": {reject.InsufficientFunds, func(w *world, u *user) *record.Record { return u.next(amount(balance - 10*record.Coin)) }},
		"no account": {reject.InsufficientFunds, func(w *world, u *user) *record.Record {
			u.key = record.PublicOf(w.builder.NewKey())
			return u.next(seq(0))
		}},
		"not enough roots": {reject.BelowThreshold, func(w *world, u *user) *record.Record {
			return u.next(says(record.RoleGrant{Role: record.Seller, Key: record.Key{1}}))
		}},
		"cheap replacement": {reject.ReplacementTooLow, func(w *world, u *user) *record.Record { return u.next(seq(1), fee(10_999)) }},
		"greedy replacement": {reject.InsufficientFunds, func(w *world, u *user) *record.Record {
			return u.next(seq(1), fee(11_000), amount(balance-2*record.Coin))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1)
			u := w.user(0)
			w.mine(t, u.next(amount(record.Coin)))
			// The queue: two payments of 10 and 1 coins.
			w.add(t, u.next(fee(10_000), amount(10*record.Coin)), u.next(fee(10_000), amount(record.Coin)))
			before := w.Best(9)
			w.reject(t, test.make(w, u), test.want)
			w.holds(t, before...)
			if n := w.Stats().Counts.Rejected; n != 1 {
				t.Errorf("%d records are counted as rejected, want 1", n)
			}
		})
	}
}

// wasteful returns records of a user with many signatures of keys that are no roots: the
// state rejects them, whoever signed.
func (u *user) wasteful(n int) (records []*record.Record) {
	var approvers []record.Key
	for range 64 {
		approvers = append(approvers, record.PublicOf(u.w.builder.NewKey()))
	}
	slices.SortFunc(approvers, compareKeys)
	for i := range n {
		records = append(records, u.next(seq(u.seq), fee(20_000),
			says(record.RoleGrant{Role: record.Seller, Key: record.Key{byte(i), 3}, Approvers: approvers})))
		u.seq--
	}
	return records
}

// No signature is checked of a record that the state rejects, also if it depends on
// another one of the same call.
func TestStateFirst(t *testing.T) {
	w := newWorld(t, 1)
	u := w.user(0)
	for _, r := range u.wasteful(3) {
		w.reject(t, r, reject.NotRoot)
	}
	w.reject(t, forge(u.wasteful(1)[0]), reject.NotRoot)
	if s := w.o.Verifier.Stats(); s.Checked != 0 {
		t.Errorf("the signatures of %d records were checked", s.Checked)
	}

	first := u.next()
	bad := u.wasteful(1)[0]
	behind := u.next()
	grant := u.next(says(record.RoleGrant{Role: record.Seller, Key: record.Key{7}, Approvers: w.builder.Approvers()}), fee(20_000))
	last := u.next()
	verdicts := w.Add(first, bad, behind, grant, last)
	for i, want := range []reject.Reason{"", reject.NotRoot, "", "", ""} {
		if reason, _ := reject.Of(verdicts[i]); reason != want {
			t.Errorf("record %d: %v, want %q", i, verdicts[i], want)
		}
	}
	w.holds(t, first, behind, grant, last)
	if s := w.o.Verifier.Stats(); s.Checked != 4 {
		t.Errorf("the signatures of %d records were checked, want those of the 4 good ones", s.Checked)
	}
	if c := w.Stats().Counts; c.Accepted != 4 || c.Rejected != 5 {
		t.Errorf("counts are %+v", c)
	}
	if got := w.Rejections(); len(got) != 1 || got[reject.NotRoot] != 5 {
		t.Errorf("rejections are %v", got)
	}
}

// Signatures that were checked in vain cost the sender's budget; those of good records do
// not, and other senders have budgets of their own.
func TestBudget(t *testing.T) {
	w := newWorld(t, 1)
	budget := rate.NewLimiter(0, 100)
	u := w.user(0)
	for _, err := range w.AddFrom(budget, u.next(), u.next(), u.next()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	reasons := func(verdicts []error) map[reject.Reason]int {
		n := map[reject.Reason]int{}
		for _, err := range verdicts {
			reason, _ := reject.Of(err)
			n[reason]++
		}
		return n
	}
	var bad []*record.Record
	for i := range 150 {
		x := w.user(1)
		bad = append(bad, forge(x.next(fee(record.Amount(2000+i)))))
	}
	before := w.o.Verifier.Stats().Checked
	got := reasons(w.AddFrom(budget, bad...))
	if got[reject.BadSignature] != 100 || got[reject.OverBudget] != 50 {
		t.Errorf("rejected: %v, want 100 for their signatures and 50 without a look at them", got)
	}
	if n := w.o.Verifier.Stats().Checked - before; n != 100 {
		t.Errorf("the signatures of %d records were checked, want 100", n)
	}
	next := u.next()
	if got := reasons(w.AddFrom(budget, next)); got[reject.OverBudget] != 1 {
		t.Errorf("a record of the same sender: %v", got)
	}
	if got := reasons(w.AddFrom(rate.NewLimiter(0, 100), next)); got[""] != 1 {
		t.Errorf("the record from another sender: %v", got)
	}

	// A batch may have more signatures than the budget, as long as they are good.
	var batch []*record.Record
	for range 150 {
		batch = append(batch, u.next())
	}
	if got := reasons(w.AddFrom(rate.NewLimiter(0, 100), batch...)); got[""] != 150 {
		t.Errorf("good records: %v", got)
	}
}

// A record with a bad signature is not checked twice, and the forged copy does not
// exclude the genuine record.
func TestForgery(t *testing.T) {
	w := newWorld(t, 1)
	good := w.user(0).next()
	bad := forge(good)
	w.reject(t, bad, reject.BadSignature)
	before := w.o.Verifier.Stats()
	w.reject(t, bad, reject.BadSignature)
	if after := w.o.Verifier.Stats(); after != before {
		t.Errorf("the verifier was asked again: %+v, before %+v", after, before)
	}
	w.add(t, good)
	w.holds(t, good)
}

// Records of one call may depend on each other.
func TestBatch(t *testing.T) {
	w := newWorld(t, 1)
	u, v := w.user(0), w.user(1)
	key := record.PublicOf(w.builder.NewKey())
	a, b, c := u.next(), u.next(rotate(key)), u.next()
	bad := forge(v.next())
	d := v.next()
	verdicts := w.Add(a, b, c, c, bad, d)
	for i, want := range []reject.Reason{"", "", "", reject.AlreadyPooled, reject.BadSignature, reject.SequenceGap} {
		if reason, _ := reject.Of(verdicts[i]); reason != want {
			t.Errorf("record %d: %v, want %q", i, verdicts[i], want)
		}
	}
	w.holds(t, a, b, c)
}

func TestNextSeq(t *testing.T) {
	w := newWorld(t, 1)
	u := w.user(0)
	w.mine(t, u.next(), u.next())
	check := func(key record.Key, want uint64) {
		t.Helper()
		if n, err := w.NextSeq(key); n != want || err != nil {
			t.Errorf("%d, %v, want %d", n, err, want)
		}
	}
	check(u.key, 2)
	w.add(t, u.next())
	check(u.key, 3)
	old := u.key
	w.add(t, u.next(rotate(record.PublicOf(w.builder.NewKey()))))
	check(old, 4)
	check(u.key, 4)
	w.add(t, u.next())
	check(u.key, 5)
	check(record.PublicOf(w.builder.NewKey()), 0)
}

// What an account has been paid counts once it is confirmed.
func TestUnconfirmedIncome(t *testing.T) {
	w := newWorld(t, 1)
	key := record.PublicOf(w.builder.NewKey())
	income := w.user(0).next(says(record.Pay{To: key, Amount: record.Coin}))
	w.add(t, income)
	spend := (&user{w: w, key: key}).next()
	w.reject(t, spend, reject.InsufficientFunds)
	w.mine(t, income)
	w.add(t, spend)
	w.holds(t, spend)
}

func TestQueueFull(t *testing.T) {
	w := newWorld(t, 1, func(o *Options) { o.MaxPerAccount = 2 })
	u := w.user(0)
	w.add(t, u.next(), u.next())
	third := u.next()
	w.reject(t, third, reject.QueueFull)
	w.add(t, w.user(0).next(fee(2*chaintest.Fee))) // in place of the first
	w.mine(t, w.choose(t, Limits{Bytes: 1 << 20, Records: 1})...)
	w.add(t, third)
}

func TestReplacement(t *testing.T) {
	w := newWorld(t, 1)
	u := w.user(0)
	a, b, c := u.next(fee(10_000)), u.next(fee(10_000)), u.next(fee(10_000))
	w.add(t, a, b, c)
	better := u.next(seq(1), fee(11_000))
	w.reject(t, u.next(seq(1), fee(10_999)), reject.ReplacementTooLow)
	w.add(t, better)
	w.holds(t, a, better, c)
	// One that would take away what those behind it spend is rejected.
	w.reject(t, u.next(seq(1), fee(20_000), amount(1_000_000*record.Coin-40_000)), reject.InsufficientFunds)
	w.holds(t, a, better, c)
	if n := w.Stats().Counts.Replaced; n != 1 {
		t.Errorf("%d records are counted as replaced", n)
	}
	// The journal has the new one.
	w.open(t)
	w.holds(t, a, better, c)
}

// The minimum step counts where a tenth of the fee is less.
func TestReplacementStep(t *testing.T) {
	w := newWorld(t, 1)
	u := w.user(0)
	first := u.next(u.rate(DefaultMinRate + 10))
	w.add(t, first)
	step := record.Amount(uint64(DefaultMinRate) * uint64(first.Size()) / 1000)
	w.reject(t, u.next(seq(0), fee(first.Fee+step-1)), reject.ReplacementTooLow)
	w.add(t, u.next(seq(0), fee(first.Fee+step)))
}

// Nobody's new key may be waiting twice, or have records of its own waiting.
func TestRotationConflicts(t *testing.T) {
	w := newWorld(t, 1)
	key := record.PublicOf(w.builder.NewKey())
	w.mine(t, w.user(0).next(says(record.Pay{To: key, Amount: record.Coin})))
	own := (&user{w: w, key: key}).next()
	w.add(t, own)
	w.reject(t, w.user(1).next(rotate(key)), reject.KeyInUse)

	key = record.PublicOf(w.builder.NewKey())
	u := w.user(2)
	rotation := u.next(rotate(key))
	w.add(t, rotation)
	w.reject(t, w.user(3).next(rotate(key)), reject.KeyInUse)
	// But it can be replaced by a better one to the same key, and then by another
	// record, which leaves the key alone.
	u = w.user(2)
	better := u.next(rotate(key), fee(2*rotation.Fee))
	w.add(t, better)
	w.holds(t, own, better)
	u = w.user(2)
	other := u.next(fee(4 * rotation.Fee))
	w.add(t, other)
	free := w.user(3).next(rotate(key))
	w.add(t, free)
	w.holds(t, own, other, free)
}

// A replacement that takes the key from those behind it is rejected.
func TestReplacedRotation(t *testing.T) {
	w := newWorld(t, 1)
	u := w.user(0)
	rotation := u.next(rotate(record.PublicOf(w.builder.NewKey())))
	behind := u.next()
	w.add(t, rotation, behind)
	u = w.user(0)
	w.reject(t, u.next(fee(10*rotation.Fee)), reject.SequenceGap)
	w.holds(t, rotation, behind)
}

// A full pool evicts what pays the least, the last of an account first, and admits
// nothing that pays no more than all others.
func TestEviction(t *testing.T) {
	w := newWorld(t, 1)
	room := 4 * charge(w.user(0).next())
	w.open(t, func(o *Options) { o.MaxBytes = room })
	a, b, c, d := w.user(0), w.user(1), w.user(2), w.user(3)
	a1, a2 := a.next(a.rate(2000)), a.next(a.rate(9000)) // a2 waits for a1: both are worth 2000
	b1, b2 := b.next(b.rate(7000)), b.next(b.rate(3000))
	w.add(t, a1, a2, b1, b2)
	if rate := w.Stats().MinRate; rate < 1990 || rate > 2000 {
		t.Errorf("the rate to come in is %d, want that of a1", rate)
	}
	w.reject(t, c.next(c.rate(1500)), reject.PoolFull)
	c = w.user(2)
	w.reject(t, c.next(c.rate(2000)), reject.PoolFull)
	c = w.user(2)
	c1 := c.next(c.rate(2500))
	w.add(t, c1)
	w.holds(t, a1, b1, b2, c1)
	d1 := d.next(d.rate(8000))
	w.add(t, d1)
	w.holds(t, b1, b2, c1, d1)
	d2 := d.next(d.rate(2600))
	w.add(t, d2)
	w.holds(t, b1, b2, d1, d2)
	if n := w.Stats().Counts.Evicted; n != 3 {
		t.Errorf("%d records are counted as evicted", n)
	}
	w.open(t) // and they are gone from the journal
	w.holds(t, b1, b2, d1, d2)
}

func TestExpiry(t *testing.T) {
	w := newWorld(t, 1)
	u, v := w.user(0), w.user(1)
	a, b, c := u.next(), u.next(until(2)), u.next()
	d := v.next(until(2))
	w.add(t, a, b, c, d)
	w.mine(t)
	w.holds(t, a, b, c, d)
	w.mine(t)
	w.holds(t, a)
	if n := w.Stats().Counts.Expired; n != 3 {
		t.Errorf("%d records are counted as expired", n)
	}
}

func TestSelectOrder(t *testing.T) {
	w := newWorld(t, 1)
	a, b, c := w.user(0), w.user(1), w.user(2)
	a1, a2 := a.next(fee(2000)), a.next(fee(9000))
	b1, b2 := b.next(fee(5000)), b.next(fee(1500))
	c1 := c.next(fee(2000))
	w.add(t, a1, a2, b1, b2, c1)
	want := []*record.Record{b1, a1, a2, c1, b2}
	if got := w.choose(t, everything); !slices.Equal(got, want) {
		t.Errorf("chosen in the wrong order: %v", got)
	}
	if got := w.Best(9); !slices.Equal(got, want) {
		t.Errorf("best are in the wrong order: %v", got)
	}
	if got := w.choose(t, Limits{Bytes: 1 << 20, Records: 2}); !slices.Equal(got, want[:2]) {
		t.Errorf("of two: %v", got)
	}
	if got := w.choose(t, Limits{Bytes: 3*a1.Size() + a1.Size()/2, Records: 9}); !slices.Equal(got, want[:3]) {
		t.Errorf("of three and a half: %v", got)
	}
}

// Instead of a large record that does not fit, smaller ones are chosen.
func TestSelectMisfit(t *testing.T) {
	w := newWorld(t, 1)
	large := w.builder.Grant(w.tip, record.Seller, record.Key{7})
	frame := w.builder.Frame(w.tip, large.Key)
	frame.Fee, frame.Payload = 100_000, large.Payload
	large = w.builder.Sign(frame)
	u := w.user(1)
	small := u.next()
	w.add(t, large, small)
	if got := w.choose(t, Limits{Bytes: large.Size() - 1, Records: 9}); !slices.Equal(got, []*record.Record{small}) {
		t.Errorf("chosen: %v", got)
	}
}

// Two queues that exclude each other: the better paying one is chosen, the
// other one leaves the pool when that is mined.
func TestExclusion(t *testing.T) {
	w := newWorld(t, 1)
	grant := says(record.RoleGrant{Role: record.Seller, Key: record.Key{7}, Approvers: w.builder.Approvers()})
	u, v := w.user(0), w.user(1)
	better, worse, behind := u.next(grant, fee(90_000)), v.next(grant, fee(20_000)), v.next()
	w.add(t, worse, behind, better)
	chosen := w.choose(t, everything)
	if !slices.Equal(chosen, []*record.Record{better}) {
		t.Fatalf("chosen: %v", chosen)
	}
	w.holds(t, better, worse, behind)
	w.mine(t, chosen...)
	w.holds(t)
	if n := w.Stats().Counts.Invalid; n != 2 {
		t.Errorf("%d records are counted as invalid", n)
	}
}

// A record is not lost because somebody else's block has changed what it depends on, but
// its account must wait until the pool has dropped it.
func TestSuspect(t *testing.T) {
	w := newWorld(t, 1)
	grant := says(record.RoleGrant{Role: record.Seller, Key: record.Key{7}, Approvers: w.builder.Approvers()})
	waiting := w.user(0).next(grant, fee(20_000))
	w.add(t, waiting)
	w.mine(t, w.user(1).next(grant)) // nobody can grant that role again
	u := w.user(0)
	u.seq++
	w.reject(t, u.next(), reject.SequenceGap)
	w.holds(t, waiting)
	w.mine(t)
	w.holds(t)
	u = w.user(0)
	w.add(t, u.next())
}

// Somebody else's record with the sequence number of a waiting one ends it and
// what is behind, unless that is still valid.
func TestConflict(t *testing.T) {
	w := newWorld(t, 1)
	u := w.user(0)
	a, b := u.next(), u.next()
	w.add(t, a, b)
	u = w.user(0)
	w.mine(t, u.next(amount(5)))
	w.holds(t, b)
	u = w.user(0)
	w.mine(t, u.next(amount(1_000_000*record.Coin-10_000)))
	w.holds(t)
	if n := w.Stats().Counts.Invalid; n != 2 {
		t.Errorf("%d records are counted as invalid", n)
	}
}

// When an account of the chain gets a new key, the records that the key had signed for an
// account of its own are dropped.
func TestMergedAccount(t *testing.T) {
	w := newWorld(t, 1)
	key := record.PublicOf(w.builder.NewKey())
	w.mine(t, w.user(0).next(says(record.Pay{To: key, Amount: record.Coin})))
	own := &user{w: w, key: key}
	w.add(t, own.next(), own.next())
	w.mine(t, w.user(1).next(rotate(key)))
	// The account goes on with number 1, which the key has used for itself. It is
	// its to use.
	if n := w.Stats().Records; n != 1 {
		t.Errorf("%d records are left", n)
	}
	w.check(t)
	w.mine(t, w.choose(t, everything)...)
	w.holds(t)
}

// A key that was to become the next one of an account gets an account of its own in a
// block. The records under it, and under the keys that follow, belong to that account
// then, and are in no queue of the first account.
func TestSplitAccount(t *testing.T) {
	for seed := range uint64(4) { // the order of the keys differs
		w := newWorld(t, seed)
		second, third := record.PublicOf(w.builder.NewKey()), record.PublicOf(w.builder.NewKey())
		w.mine(t, w.user(1).next(says(record.Pay{To: second, Amount: record.Coin})))
		u := w.user(0)
		merge, onward, behind := u.next(rotate(second)), u.next(rotate(third)), u.next()
		w.add(t, merge, onward, behind)
		w.mine(t, (&user{w: w, key: second}).next())
		w.holds(t, onward, behind)
		first := w.user(0).next()
		w.add(t, first)
		w.holds(t, first, onward, behind)
		for key, want := range map[record.Key]uint64{w.user(0).key: 1, third: 3} {
			if n, err := w.NextSeq(key); n != want || err != nil {
				t.Errorf("the next sequence number of %v is %d (%v), want %d", key, n, err, want)
			}
		}
		w.mine(t, w.choose(t, everything)...)
		w.holds(t)
	}
}

// Of two accounts that claim one new key, one gets it.
func TestContestedKey(t *testing.T) {
	w := newWorld(t, 1)
	key := record.PublicOf(w.builder.NewKey())
	for i := range 2 {
		r := w.user(i).next(rotate(key))
		w.journal.records[r.ID()] = r.Encode()
	}
	w.open(t)
	if n := w.Stats().Records; n != 1 {
		t.Errorf("%d of 2 records are kept", n)
	}
	w.check(t)
}

// Records of disconnected blocks return, those of new blocks leave.
func TestReorganisation(t *testing.T) {
	w := newWorld(t, 1)
	u, v, x := w.user(0), w.user(1), w.user(2)
	u1, u2, u3 := u.next(), u.next(rotate(record.PublicOf(w.builder.NewKey()))), u.next()
	v1, v2 := v.next(fee(1)), v.next() // v1 came in a block, and pays less than the pool asks for
	x1, x2 := x.next(), x.next()
	genesis := w.tip
	w.mine(t, u1, v1, x1)
	w.mine(t, u2)
	w.add(t, u3, v2, x2)
	x = w.user(2)
	x.seq = 0
	other := w.builder.Extend(genesis, x.next(amount(7)))
	for range 2 {
		other = w.builder.Extend(other)
	}
	w.move(t, other)
	w.holds(t, u1, u2, u3, v1, v2, x2)
	counts := w.Stats().Counts
	if counts.Returned != 3 || counts.Invalid != 1 {
		t.Errorf("counts are %+v", counts)
	}
	w.open(t) // all of them are in the journal
	w.holds(t, u1, u2, u3, v1, v2, x2)
	w.mine(t, w.choose(t, everything)...)
	w.holds(t)
}

// A reorganisation in parts, with tips in between, leads to the same pool as one that is
// reported at once.
func TestReorganisationInParts(t *testing.T) {
	var pools [2][]record.ID
	for parts := range 2 {
		w := newWorld(t, 5)
		stem := w.builder.Grow(w.tip, 3, 4)
		old, branch := stem, stem
		for range 6 {
			shared := w.builder.Records(old, 4) // some of them are in both branches
			old = w.builder.Extend(old, shared...)
			var both []*record.Record
			s := rules.NewState(branch.View())
			for _, r := range shared {
				if rules.Apply(s, rules.Context{Params: testNetwork, Height: branch.Height() + 1, MedianTime: branch.Node().MedianTime()}, r) == nil && len(both) < 2 {
					both = append(both, r)
				}
			}
			branch = w.builder.Extend(branch, both...)
		}
		branch = w.builder.Extend(branch)
		w.move(t, old)
		w.add(t, w.user(0).next(), w.user(1).next())
		if parts == 1 {
			before := w.Best(1000)
			for tip := old.Parent; tip != stem; tip = tip.Parent {
				w.step(t, tip, true)
			}
			for _, tip := range branch.Chain() {
				if tip.Height() >= stem.Height() {
					w.step(t, tip, true)
					w.holds(t, before...)
				}
			}
			if got := w.choose(t, everything); len(got) > 0 {
				t.Errorf("%d records were chosen on a tip in between", len(got))
			}
			w.step(t, branch, false) // the last part may have no blocks
		} else {
			w.move(t, branch)
		}
		w.check(t)
		for _, r := range w.Best(1000) {
			pools[parts] = append(pools[parts], r.ID())
		}
		slices.SortFunc(pools[parts], func(a, b record.ID) int { return bytes.Compare(a[:], b[:]) })
	}
	if len(pools[0]) < 8 || !slices.Equal(pools[0], pools[1]) {
		t.Errorf("%d records wait after a change at once, %d after one in parts", len(pools[0]), len(pools[1]))
	}
}

// Between a commit of the chain and the Follow for it the state is ahead of the pool.
func TestAhead(t *testing.T) {
	w := newWorld(t, 1)
	u := w.user(0)
	a, b, c := u.next(), u.next(), u.next()
	w.add(t, a, b)
	old := w.tip
	next := w.builder.Extend(w.tip, a)
	w.tip = next
	if got := w.choose(t, everything); !slices.Equal(got, []*record.Record{b}) {
		t.Errorf("chosen: %v", got)
	}
	w.add(t, c)
	w.holds(t, a, b, c)
	w.tip = old
	w.move(t, next)
	w.holds(t, b, c)
}

var errDisk = errors.New("no space left")

// Nothing is acknowledged that is not in the journal.
func TestJournalFails(t *testing.T) {
	w := newWorld(t, 1)
	u := w.user(0)
	a, b := u.next(), u.next()
	w.journal.broken = errDisk
	for range 2 { // also if it is in the pool by now
		if err := w.Add(a)[0]; !errors.Is(err, errDisk) {
			t.Fatalf("got the error %v", err)
		}
	}
	if err := w.Add(b)[0]; !errors.Is(err, errDisk) {
		t.Fatalf("got the error %v", err)
	}
	w.holds(t, a)
	w.journal.broken = nil
	w.reject(t, a, reject.AlreadyPooled) // and safe now
	if len(w.journal.records) != 1 {
		t.Error("the record is not in the journal")
	}
	w.add(t, b)
	w.open(t)
	w.holds(t, a, b)
}

// A restart drops the records that were mined or have expired meanwhile, and those that
// should not be in the journal.
func TestReload(t *testing.T) {
	w := newWorld(t, 1)
	u, v, x := w.user(0), w.user(1), w.user(2)
	a, b := u.next(), u.next()
	c, d := v.next(until(1)), v.next()
	w.add(t, a, b, c, d)
	bad := forge(x.next())
	w.journal.records[bad.ID()] = bad.Encode()
	w.tip = w.builder.Extend(w.tip, a)
	w.open(t)
	w.holds(t, b)
	if err := w.Flush(); err != nil || len(w.journal.records) != 1 {
		t.Errorf("the journal has %d records (%v)", len(w.journal.records), err)
	}

	// Of two records with one sequence number the better paying one is kept.
	y := w.user(3)
	cheap, better := y.next(), y.next(seq(0), fee(99_999))
	w.journal.records[cheap.ID()], w.journal.records[better.ID()] = cheap.Encode(), better.Encode()
	w.open(t)
	w.holds(t, b, better)

	w.journal.records[record.ID{1}] = []byte("no record")
	if _, err := New(w.options()); err == nil {
		t.Error("a record that cannot be read went unnoticed")
	}
}

// A coinbase can be spent in the block with which it matures, so the pool takes
// the record that does so, and Select chooses it. One block earlier it is rejected.
func TestMaturesInTheNextBlock(t *testing.T) {
	w := newWorld(t, 1)
	miner := w.builder.Payout
	spend := func() *record.Record {
		u := &user{w: w, key: miner}
		return u.next(fee(1e6))
	}
	w.mine(t) // height 1, the first that pays the miner
	for w.context().Height < w.builder.Params.Maturity+1 {
		w.reject(t, spend(), reject.InsufficientFunds)
		w.mine(t)
	}
	r := spend()
	w.add(t, r)
	if got := w.choose(t, everything); len(got) != 1 || got[0] != r {
		t.Fatalf("%d records were chosen, want the one", len(got))
	}
	w.open(t) // from the journal
	w.holds(t, r)
	w.mine(t, r)
	w.holds(t)
}

// tornView is a state in which an account is an alias of nothing for the first reads:
// what a reader can see while a block with a KEY_ROTATE is disconnected.
type tornView struct {
	rules.View
	account record.Key
	reads   *int // that are torn
}

func (v tornView) Get(key []byte) ([]byte, error) {
	if string(key) == "a"+string(v.account[:]) && *v.reads > 0 {
		*v.reads--
		return slices.Repeat([]byte{7}, len(record.Key{})), nil
	}
	return v.View.Get(key)
}

// A state that changes between two reads that belong together does not make a record
// fail; one that stays corrupt does.
func TestTornState(t *testing.T) {
	torn := 0
	w := newWorld(t, 1)
	u := w.user(0)
	w.open(t, func(o *Options) {
		view := o.View
		o.View = func() rules.View { return tornView{view(), u.key, &torn} }
	})
	for torn = range 3 {
		w.add(t, u.next())
	}
	torn = 1000
	if err := w.Add(u.next())[0]; !errors.Is(err, rules.ErrState) {
		t.Errorf("with a corrupt state: %v", err)
	}
	torn = 0
}

// A pool without records reads nothing of the state when a block comes: in a catch-up,
// there are many blocks.
func TestEmptyPoolReadsNothing(t *testing.T) {
	reads := 0
	w := newWorld(t, 1)
	w.open(t, func(o *Options) {
		o.View = func() rules.View { return countingView{w.tip.View(), &reads} }
	})
	block := w.builder.Extend(w.tip, w.builder.Records(w.tip, 20)...)
	w.move(t, block)
	if reads > 0 {
		t.Errorf("%d reads", reads)
	}
	w.add(t, w.user(0).next())
	reads = 0
	if w.move(t, w.builder.Extend(w.tip, w.builder.Records(w.tip, 20)...)); reads == 0 {
		t.Error("no read with a record in the pool")
	}
}

// countingView counts what is read.
type countingView struct {
	rules.View
	reads *int
}

func (v countingView) Get(key []byte) ([]byte, error) {
	*v.reads++
	return v.View.Get(key)
}
