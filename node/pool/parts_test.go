package pool

import (
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// partStory is two branches of a chain with the same records, among them a payment to an
// account and a voucher, and the records that wait in a pool meanwhile.
type partStory struct {
	*chaintest.Story
	stem       *chaintest.Block
	old, other []*chaintest.Block
	waiting    []*record.Record
	orphan     *record.Record // in the old branch only
}

func newPartStory() *partStory {
	s := &partStory{Story: chaintest.NewStory(chaintest.CaseNetwork(), "1 Harbour Road")}
	s.stem = s.Tip
	payer, cheap, heir := record.PublicOf(network.DevFaucets()[6]), record.PublicOf(network.DevFaucets()[7]), record.PublicOf(s.NewKey())

	s.orphan = s.pay(s.Tip, record.PublicOf(network.DevFaucets()[8]), 0, heir, 1, 10*chaintest.Fee)
	s.Tip = s.Extend(s.Tip, s.orphan)
	for _, step := range []func(){s.Sell, s.Send, s.HandOver, s.Deliver} {
		step()
	}
	s.Tip = s.Extend(s.Tip, s.Pay(s.Tip, record.PublicOf(network.DevFaucets()[0]), heir, record.Coin))
	for range 4 { // they pay more than all that waits
		var crowd []*record.Record
		for i := range uint64(10) {
			crowd = append(crowd, s.pay(s.Tip, payer, i, heir, 1, 20*chaintest.Fee))
		}
		s.Tip = s.Extend(s.Tip, crowd...)
	}
	s.old = s.Tip.Chain()[s.stem.Height()+1:]

	other := s.stem
	for i, b := range s.old {
		if i == 0 {
			other = s.Extend(other)
		} else {
			other = s.Extend(other, b.Records[1:]...)
		}
		s.other = append(s.other, other)
	}

	claim := s.Frame(s.Tip, s.Buyer)
	claim.Payload = record.ClaimOpen{
		Time: record.Time(s.Tip.Header.Time), Voucher: s.Voucher, Ground: record.Fault, FaultCode: 7, Remedy: record.Refund, Description: record.Digest{3},
	}
	s.waiting = []*record.Record{s.Pay(s.Tip, heir, cheap, 1), s.Sign(claim)}
	for i := range uint64(5) {
		s.waiting = append(s.waiting, s.pay(s.Tip, cheap, i, heir, 1, chaintest.Fee))
	}
	return s
}

// pay makes a payment that waits behind some others.
func (s *partStory) pay(on *chaintest.Block, from record.Key, behind uint64, to record.Key, amount, fee record.Amount) *record.Record {
	r := s.Frame(on, from)
	r.Seq += behind
	r.Fee = fee
	r.Payload = record.Pay{To: to, Amount: amount}
	return s.Sign(r)
}

// A long reorganisation is reported in parts. Records that are valid before and after it,
// but at no tip in between, stay in the full pool and in its journal, also if the chain
// goes back because the branch is invalid.
func TestPartsLoseNothing(t *testing.T) {
	for _, invalid := range []bool{false, true} {
		s := newPartStory()
		want := slices.Clone(s.waiting)
		if !invalid {
			want = append(want, s.orphan)
		}
		room := charge(s.orphan)
		for _, r := range s.waiting {
			room += charge(r)
		}
		var n *ledgerNode
		parts, last := 0, chain.Change{}
		edit := func(c *chain.Options, o *Options) {
			o.MaxBytes = room
			c.MaxHeld = 2 * s.old[len(s.old)-1].Size()
			update := c.OnChange
			c.OnChange = func(change chain.Change) {
				update(change)
				last = change
				if change.Partial {
					parts++
				}
				for i, r := range s.waiting {
					if parts > 0 && n.pool.Get(r.ID()) == nil {
						t.Errorf("invalid branch: %v, part %d: record %d is not in the pool", invalid, parts, i)
					}
				}
			}
		}
		mem := vfs.NewMem()
		n = openNode(t, mem, s.Builder, edit)
		for _, b := range s.Tip.Chain()[1:] {
			n.submit(t, chain.Extended, b)
		}
		for i, err := range n.pool.Add(s.waiting...) {
			if err != nil {
				t.Fatalf("record %d: %v", i, err)
			}
		}
		for _, b := range s.other {
			n.submit(t, chain.SideBranch, b)
		}
		end := s.Draft(s.other[len(s.other)-1])
		if invalid {
			end.Reward.Value++
			_, err := n.chain.Submit(end.Seal())
			if reason, _ := reject.Of(err); reason != reject.CoinbaseValue {
				t.Fatal(err)
			}
		} else if _, err := n.chain.Submit(end.Seal()); err != nil {
			t.Fatal(err)
		}

		if parts < 4 || last.Partial {
			t.Errorf("invalid branch: %v: %d partial changes, the last is one: %v", invalid, parts, last.Partial)
		}
		check := func(when string) {
			t.Helper()
			for i, r := range want {
				if n.pool.Get(r.ID()) == nil {
					t.Errorf("invalid branch: %v, %s: record %d is not in the pool", invalid, when, i)
				}
			}
			if got := n.pool.Stats().Records; got != len(want) {
				t.Errorf("invalid branch: %v, %s: %d records wait, want %d", invalid, when, got, len(want))
			}
			if got := n.journaled(t); got != len(want) {
				t.Errorf("invalid branch: %v, %s: %d records in the journal, want %d", invalid, when, got, len(want))
			}
		}
		check("at the end")
		if c := n.pool.Stats().Counts; c.Evicted+c.Invalid+c.Expired > 0 || c.Returned != uint64(len(want)-len(s.waiting)) {
			t.Errorf("invalid branch: %v: counts are %+v", invalid, c)
		}
		if err := n.store.Close(); err != nil {
			t.Fatal(err)
		}
		n = openNode(t, mem, s.Builder, edit)
		check("after a restart")
		if err := n.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Returned records in the journal are read with bounded memory, the best ones first.
func TestRecallIsBounded(t *testing.T) {
	const room = 8
	limit := room * charge(newWorld(t, 1).user(0).next())
	w := newWorld(t, 1, func(o *Options) { o.MaxBytes = limit })
	start, cheap, rich := w.tip, w.user(0), w.user(1)
	var records, best []*record.Record
	for i := range 30 {
		best = append(best, rich.next(rich.rate(Rate(9000-20*i))))
		records = append(records, best[i], cheap.next(cheap.rate(Rate(5000-20*i))))
	}
	best = best[:room]
	w.mine(t, records...)
	w.step(t, start, true)
	if n := w.Stats().Records; n != 0 {
		t.Errorf("%d records came back with a part", n)
	}
	if n := len(w.journal.records); n != len(records) {
		t.Errorf("%d records are in the journal, want %d", n, len(records))
	}
	w.move(t, start)
	w.holds(t, best...)
	if n := len(w.journal.records); n != len(best) {
		t.Errorf("%d records are in the journal at the end, want %d", n, len(best))
	}
}

// Of too many records the best are kept, and those behind a cheap one are worth
// no more than it.
func TestKeepBest(t *testing.T) {
	w := newWorld(t, 1)
	cheap, rich := w.user(0), w.user(1)
	entries := []entry{w.entry(cheap.next(cheap.rate(1000)))}
	var best []record.ID
	for range 8 {
		r := rich.next(rich.rate(5000))
		best = append(best, r.ID())
		entries = append(entries, w.entry(cheap.next(cheap.rate(9000))), w.entry(r))
	}
	slices.Reverse(entries)
	limit := 8 * charge(entries[0].Record)
	kept, cut, charged := keepBest(entries, limit)
	var ids []record.ID
	for _, e := range kept {
		ids = append(ids, e.ID())
	}
	if !slices.Equal(ids, best) || len(cut) != 9 || charged != limit {
		t.Errorf("%d kept, %d cut, %d bytes", len(kept), len(cut), charged)
	}
}

// As long as the journal cannot be read, nothing is judged, since its records would be
// missing.
func TestRecallFails(t *testing.T) {
	w := newWorld(t, 1)
	u := w.user(0)
	mined, waits := u.next(), u.next()
	start := w.tip
	w.mine(t, mined)
	w.add(t, waits)
	w.step(t, start, true)
	good := w.journal.records
	w.journal.records = map[record.ID][]byte{mined.ID(): {1}}
	if err := w.Update(chain.Change{}); err == nil {
		t.Error("no error")
	}
	w.holds(t, waits)
	w.journal.records = good
	w.move(t, start)
	w.holds(t, mined, waits)
}
