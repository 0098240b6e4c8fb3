package blobkeeper

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/node/blobs"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/store"
	"stele/node/views"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post is a keeper over the chain of a story.
type post struct {
	*testing.T
	*Keeper
	dir   string
	story *chaintest.Story
	chain *chain.Chain
	views *views.Views
	now   time.Time
}

func newPost(t *testing.T) *post {
	s := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	p := &post{T: t, story: s, dir: t.TempDir(), now: s.Now()}
	id := store.Identity{Network: s.Params.ID, Genesis: s.Genesis.Hash()}
	st, err := store.Open("store", id, store.Options{FS: vfs.NewMem()})
	p.check(err)
	t.Cleanup(func() { p.check(st.Close()) })
	p.chain, err = chain.Open(t.Context(), chain.Options{Store: st, Params: s.Params, Clock: s.Now})
	p.check(err)
	p.views, err = views.Open("views", views.Options{Chain: p.chain, FS: vfs.NewMem()})
	p.check(err)
	t.Cleanup(func() { p.check(p.views.Close()) })
	p.Keeper, err = Open(p.dir, Options{
		Params: s.Params, Chain: p.chain, Views: p.views, Blobs: blobs.Options{Now: func() time.Time { return p.now }},
	})
	p.check(err)
	return p
}

func (p *post) check(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// follow submits the blocks of the story up to tip.
func (p *post) follow(tip *chaintest.Block) {
	p.Helper()
	for _, b := range tip.Chain()[1:] {
		if _, err := p.chain.Submit(b.Block); err != nil {
			p.Fatal(err)
		}
	}
	p.now = p.story.Now()
	p.check(p.views.Update(p.Context()))
}

func (p *post) ask(key record.PrivateKey, blob []byte) error {
	p.Helper()
	r := blobs.NewRequest(key, blobs.Hash(recipient.BlobHash(blob)), p.now)
	got, err := p.Get(&r)
	if err == nil && !bytes.Equal(got, blob) {
		p.Fatalf("got %q", got)
	}
	return err
}

func (p *post) sweep(want int) {
	p.Helper()
	if n, err := p.Sweep(p.Context()); n != want || err != nil {
		p.Errorf("%d blobs removed, want %d; %v", n, want, err)
	}
}

// The account of a carrier gets a blob by the key that signs for it now.
func TestRotatedCarrier(t *testing.T) {
	p := newPost(t)
	s := p.story
	s.Sell()
	s.Send()
	_, err := p.Put(s.FirstBlob)
	p.check(err)
	p.follow(s.Tip)
	old := network.DevFaucets()[s.FirstCarrier]
	p.check(p.ask(old, s.FirstBlob))

	next := s.NewKey()
	r := s.Frame(s.Tip, record.PublicOf(old))
	r.Payload = record.KeyRotate{New: record.PublicOf(next)}
	p.follow(s.Extend(s.Tip, s.Sign(r)))
	p.check(p.ask(next, s.FirstBlob))
	if err := p.ask(old, s.FirstBlob); !errors.Is(err, ErrStranger) {
		t.Errorf("by the old key: %v", err)
	}
	n, err := recipient.NewNotice(old)
	p.check(err)
	if err := p.Publish(n); !errors.Is(err, ErrNoCarrier) {
		t.Errorf("a notice by the old key: %v", err)
	}
}

// A delivery that a change of branches undoes gives the blob its longer time
// back.
func TestDeliveryUndone(t *testing.T) {
	p := newPost(t)
	s := p.story
	s.Sell()
	s.Send()
	s.HandOver()
	_, err := p.Put(s.SecondBlob)
	p.check(err)
	before := s.Tip
	s.Deliver()
	p.follow(s.Tip)
	p.sweep(0)
	delivered := p.now
	p.follow(s.Grow(before, 3, 0)) // without the delivery
	p.sweep(0)
	day := time.Duration(s.Params.AfterSales.Day) * time.Second
	p.now = delivered.Add(day * time.Duration(s.Params.AfterSales.PurgeDays+1))
	p.sweep(0)
	p.check(p.ask(network.DevFaucets()[s.SecondCarrier], s.SecondBlob))
	p.now = delivered.Add(200 * day)
	p.sweep(1)
}

// What no record names goes after an hour. What has had its time is not taken
// for long either, though a record names it.
func TestUnclaimed(t *testing.T) {
	p := newPost(t)
	s := p.story
	s.Sell()
	s.Send()
	s.HandOver()
	s.Deliver()
	p.follow(s.Tip)
	_, err := p.Put([]byte("of nobody"))
	p.check(err)
	p.now = p.now.Add(time.Hour - time.Second)
	p.sweep(0)
	p.now = p.now.Add(time.Second)
	p.sweep(1)
	p.now = p.now.Add(31 * 24 * time.Hour)
	_, err = p.Put(s.SecondBlob)
	p.check(err)
	if err := p.ask(network.DevFaucets()[s.SecondCarrier], s.SecondBlob); !errors.Is(err, blobs.ErrNotFound) {
		t.Errorf("after its time: %v", err)
	}
	p.sweep(1)
}

// A notice survives the process. One whose file is damaged is none.
func TestNotices(t *testing.T) {
	p := newPost(t)
	s := p.story
	p.follow(s.Tip)
	carrier := network.DevFaucets()[s.FirstCarrier]
	key := record.PublicOf(carrier)
	n, err := recipient.NewNotice(carrier)
	p.check(err)
	if _, err := p.Notice(key); !errors.Is(err, ErrNoNotice) {
		t.Errorf("before: %v", err)
	}
	p.check(p.Publish(n))
	again, err := Open(p.dir, p.o)
	p.check(err)
	if got, err := again.Notice(key); got != n || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	path := p.notices.path(key)
	raw, err := os.ReadFile(path)
	p.check(err)
	raw[3] ^= 1
	p.check(os.WriteFile(path, raw, 0o600))
	if _, err := p.Notice(key); !errors.Is(err, ErrNoNotice) {
		t.Errorf("damaged: %v", err)
	}
	p.check(os.WriteFile(path, raw[:5], 0o600))
	if _, err := p.Notice(key); !errors.Is(err, ErrNoNotice) {
		t.Errorf("cut off: %v", err)
	}
}

// Run sweeps at once, and ends with its context.
func TestRun(t *testing.T) {
	p := newPost(t)
	_, err := p.Put([]byte("of nobody"))
	p.check(err)
	p.now = p.now.Add(2 * time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		p.Keeper.Run(ctx)
		close(done)
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if n, _ := p.blobs.Stats(); n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is swept")
		}
	}
	cancel()
	<-done
}

// Any flipped bit in a blob or a notice is found when the keeper has gone, and so
// is a file that is neither.
func TestCheck(t *testing.T) {
	p := newPost(t)
	p.follow(p.story.Tip)
	n, err := recipient.NewNotice(network.DevFaucets()[p.story.FirstCarrier])
	p.check(err)
	p.check(p.Publish(n))
	blob, err := p.Put([]byte("sealed"))
	p.check(err)
	check := func() (good int, bad []string) {
		t.Helper()
		good, err := Check(t.Context(), p.dir, func(file, detail string) { bad = append(bad, file) })
		p.check(err)
		return good, bad
	}
	if good, bad := check(); good != 2 || len(bad) > 0 {
		t.Fatalf("%d good, bad %q", good, bad)
	}
	for _, name := range []string{
		filepath.Join(noticesFolder, filepath.Base(p.notices.path(record.Key(n.Carrier)))),
		filepath.Join(blobsFolder, blob.String()[:2], blob.String()),
	} {
		path := filepath.Join(p.dir, name)
		raw, err := os.ReadFile(path)
		p.check(err)
		for bit := range 8 * len(raw) {
			raw[bit/8] ^= 1 << (bit % 8)
			p.check(os.WriteFile(path, raw, 0o600))
			if good, bad := check(); good != 1 || !slices.Equal(bad, []string{name}) {
				t.Errorf("bit %d of %s is flipped: %d good, bad %q", bit, name, good, bad)
			}
			raw[bit/8] ^= 1 << (bit % 8)
		}
		p.check(os.WriteFile(path, raw[:len(raw)-1], 0o600))
		if good, bad := check(); good != 1 || !slices.Equal(bad, []string{name}) {
			t.Errorf("%s is cut: %d good, bad %q", name, good, bad)
		}
		p.check(os.WriteFile(path, raw, 0o600))
	}
	p.check(os.WriteFile(filepath.Join(p.dir, noticesFolder, ".0123.1"), nil, 0o600)) // what a crash leaves
	p.check(os.WriteFile(filepath.Join(p.dir, noticesFolder, "what"), nil, 0o600))
	if good, bad := check(); good != 2 || !slices.Equal(bad, []string{filepath.Join(noticesFolder, "what")}) {
		t.Errorf("%d good, bad %q", good, bad)
	}
}
