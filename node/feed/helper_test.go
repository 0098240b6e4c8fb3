package feed

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/query"
	"stele/node/store"
	"stele/node/views"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fatal is what a test, a benchmark and a property have in common.
type fatal interface {
	Context() context.Context
	Helper()
	Fatal(...any)
	Errorf(string, ...any)
	Cleanup(func())
}

// world is a chain with views, and a feed that follows when it is asked to.
type world struct {
	fatal
	*chaintest.Builder
	store *store.Store
	chain *chain.Chain
	views *views.Views
	feed  *Feed
}

// newWorld returns a world at the genesis block.
func newWorld(t fatal, b *chaintest.Builder, edit ...func(*chain.Options)) *world {
	t.Helper()
	w := &world{fatal: t, Builder: b}
	id := store.Identity{Network: b.Params.ID, Genesis: b.Genesis.Hash()}
	var err error
	w.store, err = store.Open("store", id, store.Options{FS: vfs.NewMem()})
	w.check(err)
	t.Cleanup(func() { w.check(w.store.Close()) })
	o := chain.Options{Store: w.store, Params: b.Params, Clock: b.Now}
	for _, e := range edit {
		e(&o)
	}
	w.chain, err = chain.Open(t.Context(), o)
	w.check(err)
	w.views, err = views.Open("views", views.Options{Chain: w.chain, Identity: id, FS: vfs.NewMem()})
	w.check(err)
	t.Cleanup(func() { w.check(w.views.Close()) })
	w.restart()
	return w
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// restart makes a new feed, as a node does that starts.
func (w *world) restart(edit ...func(*Options)) {
	o := Options{Chain: w.chain, Views: w.views, Status: func() query.Status { return query.Status{Height: w.chain.Tip().Height} }}
	for _, e := range edit {
		e(&o)
	}
	w.feed = New(o)
}

// submit adds the blocks up to a tip that the chain does not have.
func (w *world) submit(tip *chaintest.Block) {
	w.Helper()
	for _, b := range tip.Chain() {
		if _, known := w.chain.Header(b.Hash()); !known {
			_, err := w.chain.Submit(b.Block)
			w.check(err)
		}
	}
}

// follow lets views and feed follow the chain.
func (w *world) follow() {
	w.Helper()
	w.check(w.views.Update(w.Context()))
	w.feed.follow(w.Context())
	w.feed.drain()
}

// poll returns at most limit events that a reader can get now.
func (w *world) poll(r *Reader, limit int) (events []*Event) {
	w.Helper()
	for len(events) < limit {
		some, wait, err := r.step(w.Context())
		if errors.Is(err, ErrDropped) {
			break
		}
		w.check(err)
		events = append(events, some...)
		if len(some) == 0 && wait != nil {
			break
		}
	}
	return events
}

// message is an event as a client reads it.
type message struct {
	id, kind string
	data     map[string]any
}

func parse(t fatal, text []byte) (m message) {
	t.Helper()
	body, ok := strings.CutSuffix(string(text), "\n\n")
	if !ok {
		t.Fatal("no empty line after an event")
	}
	for line := range strings.SplitSeq(body, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "id":
			m.id = value
		case "event":
			m.kind = value
		case "data":
			if err := json.Unmarshal([]byte(value), &m.data); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("line %q", line)
		}
	}
	return m
}

func kinds(t fatal, events []*Event) string {
	var all []string
	for _, e := range events {
		m := parse(t, e.Text)
		if reason, ok := m.data["reason"].(string); ok {
			m.kind += ":" + reason
		}
		all = append(all, m.kind)
	}
	return strings.Join(all, " ")
}
