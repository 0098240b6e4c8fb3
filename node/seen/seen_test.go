package seen

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/ledger/block"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that a test sets.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.UnixMilli(1_700_000_000_000)} }

func (c *clock) Now() time.Time { return c.now }

// at returns the time some milliseconds after the start of a clock.
func at(ms int) time.Time { return newClock().now.Add(time.Duration(ms) * time.Millisecond) }

func (c *clock) set(ms int) { c.now = at(ms) }

func someRecord(n int) *record.Record {
	return record.New(record.Record{Payload: record.Pay{Amount: 1}, Seq: uint64(n)})
}

func blockOf(records ...*record.Record) *block.Block {
	coinbase := record.New(record.Record{Payload: record.Coinbase{}})
	return &block.Block{Records: append([]*record.Record{coinbase}, records...)}
}

func (b *Book) expect(t *testing.T, what string, r *record.Record, want Mark) {
	t.Helper()
	if got, ok := b.Of(r.ID()); got != want || ok != (want != Mark{}) {
		t.Errorf("%s: %+v, %v, want %+v", what, got, ok, want)
	}
}

// A record is seen at a peer, rejected because one before it lacks, admitted, confirmed,
// disconnected and confirmed again.
func TestLife(t *testing.T) {
	c := newClock()
	b := New(Options{Now: c.Now})
	r, other := someRecord(1), someRecord(2)
	b.expect(t, "unknown", r, Mark{})
	c.set(20)
	b.Judged(Peer, at(10), []*record.Record{other, r}, []error{nil, reject.New(reject.SequenceGap, "3 is\nmissing")})
	want := Mark{First: at(10), From: Peer, Rejected: at(20), Reason: reject.SequenceGap, Text: "3 is missing"}
	b.expect(t, "rejected", r, want)
	c.set(30)
	b.Admitted([]*record.Record{r})
	b.Judged(API, at(25), []*record.Record{r}, []error{nil})
	want = Mark{First: at(10), From: Peer, Admitted: at(30)}
	b.expect(t, "admitted", r, want)
	c.set(40)
	b.Judged(API, at(40), []*record.Record{r}, []error{reject.New(reject.AlreadyPooled, "")})
	b.expect(t, "sent again", r, want)
	b.Changed(chain.Change{Connected: []*block.Block{blockOf(r)}})
	want.Confirmed = at(40)
	b.expect(t, "confirmed", r, want)
	c.set(50)
	b.Judged(API, at(50), []*record.Record{r}, []error{reject.New(reject.SequenceUsed, "")})
	b.expect(t, "sent after its block", r, want)
	b.Changed(chain.Change{Disconnected: []*block.Block{blockOf(r)}})
	b.Admitted([]*record.Record{r})
	want.Confirmed = time.Time{}
	b.expect(t, "disconnected", r, want)
	c.set(60)
	b.Changed(chain.Change{Connected: []*block.Block{blockOf(r)}})
	want.Confirmed = at(60)
	b.expect(t, "confirmed again", r, want)
	b.expect(t, "another", other, Mark{First: at(10), From: Peer, Admitted: at(20)})
}

func TestSources(t *testing.T) {
	c := newClock()
	b := New(Options{Now: c.Now})
	mined, returned, forged, failed, traffic := someRecord(1), someRecord(2), someRecord(3), someRecord(4), someRecord(5)
	c.set(10)
	b.Changed(chain.Change{Connected: []*block.Block{blockOf(mined)}})
	b.expect(t, "a record that nobody sent", mined, Mark{First: at(10), From: Block, Confirmed: at(10)})
	b.Admitted([]*record.Record{returned})
	b.expect(t, "a record of before the start that a reorganisation returns", returned, Mark{Admitted: at(10)})
	b.Judged(Peer, at(5), []*record.Record{forged}, []error{reject.New(reject.BadSignature, "")})
	c.set(20)
	b.Judged(API, at(15), []*record.Record{forged}, []error{nil})
	b.expect(t, "a record of which there was a copy with bad signatures", forged, Mark{First: at(15), From: API, Admitted: at(20)})
	b.Judged(Peer, at(5), []*record.Record{failed}, []error{errors.New("disk full")})
	b.expect(t, "a record that the pool could not judge", failed, Mark{})
	b.Judged(Traffic, at(30), []*record.Record{traffic}, []error{nil})
	b.expect(t, "a record that came after now", traffic, Mark{First: at(20), From: Traffic, Admitted: at(20)})
}

// A rejection is forgotten after a day.
func TestRejectionIsForgotten(t *testing.T) {
	c := newClock()
	b := New(Options{Now: c.Now})
	r := someRecord(1)
	b.Judged(API, at(0), []*record.Record{r}, []error{reject.New(reject.Expired, "old")})
	c.now = at(0).Add(keepReason - 1)
	if m, ok := b.Of(r.ID()); !ok || m.Reason != reject.Expired {
		t.Errorf("%+v after less than a day", m)
	}
	c.now = at(0).Add(keepReason)
	b.expect(t, "after a day", r, Mark{})
	b.Judged(Peer, c.now, []*record.Record{r}, []error{reject.New(reject.Expired, "old")})
	if m, _ := b.Of(r.ID()); m.From != Peer || !m.First.Equal(c.now) {
		t.Errorf("%+v when it comes again", m)
	}
}

// A flood of invalid records displaces marks of other invalid ones only.
func TestFlood(t *testing.T) {
	b := New(Options{Size: 3})
	var good []*record.Record
	for i := range 4 {
		good = append(good, someRecord(i))
		b.Judged(API, time.Now(), good[i:], []error{nil})
	}
	verdict := []error{reject.New(reject.BadSignature, "%s", strings.Repeat("x", 1000))}
	for i := range maxRejected + 10 {
		b.Judged(Peer, time.Now(), []*record.Record{someRecord(100 + i)}, verdict)
	}
	if n := b.rejected.Len(); n != maxRejected {
		t.Errorf("%d rejections", n)
	}
	if m, ok := b.Of(someRecord(100 + maxRejected).ID()); !ok || len(m.Text) != maxText {
		t.Errorf("the last rejection is %+v", m)
	}
	for i, r := range good {
		if _, ok := b.Of(r.ID()); ok != (i > 0) {
			t.Errorf("good record %d: %v", i, ok)
		}
	}
}

func TestFile(t *testing.T) {
	name, genesis := filepath.Join(t.TempDir(), "seen"), pow.Hash{1}
	c := newClock()
	b := New(Options{Now: c.Now})
	if err := b.Load(name, genesis); err != nil {
		t.Errorf("without a file: %v", err)
	}
	records := []*record.Record{someRecord(1), someRecord(2), someRecord(3), someRecord(4)}
	b.Judged(Peer, at(0), records[:3], []error{nil, reject.New(reject.Expired, "until 7"), nil})
	b.Changed(chain.Change{Connected: []*block.Block{blockOf(records[2], records[3])}})
	if err := b.Save(name, genesis); err != nil {
		t.Fatal(err)
	}
	again := New(Options{Now: c.Now})
	if err := again.Load(name, genesis); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again.good, b.good) || !reflect.DeepEqual(again.rejected, b.rejected) {
		t.Error("other marks after a restart")
	}
	if err := again.Load(name, pow.Hash{2}); err == nil {
		t.Error("the file of another chain is read")
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		damaged := append([]byte(nil), data...)
		damaged[i] ^= 1
		empty := New(Options{})
		if err := empty.decode(damaged, genesis); err == nil || empty.good.Len() > 0 {
			t.Fatalf("damage of byte %d is not noticed", i)
		}
	}
}

// Whatever a file has, reading it ends without a panic, and what was read is written as
// it was.
func FuzzFile(f *testing.F) {
	b := New(Options{})
	b.Judged(Peer, time.Now(), []*record.Record{someRecord(1), someRecord(2)}, []error{nil, reject.New(reject.Expired, "until 7")})
	b.Changed(chain.Change{Connected: []*block.Block{blockOf(someRecord(1), someRecord(3))}})
	whole := b.encode(pow.Hash{})
	f.Add(whole[:len(whole)-32], true)
	f.Add(whole, false)
	f.Fuzz(func(t *testing.T, content []byte, isSealed bool) {
		data := content
		if isSealed {
			data = seal(append([]byte(nil), content...))
		}
		b := New(Options{Now: func() time.Time { return time.UnixMilli(1) }})
		if err := b.decode(data, pow.Hash{}); err != nil {
			return
		}
		again := New(Options{})
		if err := again.decode(b.encode(pow.Hash{}), pow.Hash{}); err != nil {
			t.Errorf("what was read is not written: %v", err)
		}
	})
}

// The book is that of a naive model, whatever happens to some records.
func TestBookIsThatOfAModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		b := New(Options{Now: c.Now})
		type state struct{ pooled, confirmed, rejected bool }
		model := map[int]*state{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			n := rapid.IntRange(0, 3).Draw(t, "record")
			r, s := someRecord(n), model[n]
			if s == nil {
				s = &state{}
				model[n] = s
			}
			c.now = c.now.Add(time.Second)
			switch step := rapid.SampledFrom([]string{"admit", "reject", "confirm", "disconnect"}).Draw(t, "step"); {
			case step == "admit" && !s.confirmed:
				b.Judged(API, c.now, []*record.Record{r}, []error{nil})
				s.pooled, s.rejected = true, false
			case step == "reject":
				b.Judged(API, c.now, []*record.Record{r}, []error{reject.New(reject.Expired, "")})
				s.rejected = !s.confirmed
			case step == "confirm" && !s.confirmed:
				b.Changed(chain.Change{Connected: []*block.Block{blockOf(r)}})
				s.confirmed, s.rejected = true, false
			case step == "disconnect" && s.confirmed:
				b.Changed(chain.Change{Disconnected: []*block.Block{blockOf(r)}})
				s.confirmed = false
			}
			for n, s := range model {
				m, _ := b.Of(someRecord(n).ID())
				got := state{!m.Admitted.IsZero(), !m.Confirmed.IsZero(), !m.Rejected.IsZero()}
				if got != *s || m.First.After(c.now) {
					t.Fatalf("record %d: %s, want %+v", n, fmt.Sprintf("%+v", m), *s)
				}
			}
		}
	})
}

func TestConcurrent(t *testing.T) {
	b := New(Options{Size: 10})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := range 50 {
				r := someRecord(i * n % 13)
				b.Judged(Peer, time.Now(), []*record.Record{r}, []error{nil})
				b.Changed(chain.Change{Connected: []*block.Block{blockOf(r)}})
				b.Of(r.ID())
				b.encode(pow.Hash{})
			}
		})
	}
	all.Wait()
}
