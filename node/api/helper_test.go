package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/bundle"
	"stele/node/ledger/network"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is an API over a chain of 12 blocks with records.
type service struct {
	testing.TB
	api     *API
	builder *chaintest.Builder
	tip     *chaintest.Block
	store   *store.Store
	chain   *chain.Chain
	pool    *pool.Pool
	options Options
	addr    string
	client  *http.Client
}

func newService(t testing.TB, edit ...func(*Options)) *service {
	t.Helper()
	b := chaintest.New(chaintest.Network(), 1)
	return newServiceOf(t, b, b.Grow(b.Genesis, 12, 5), edit...)
}

// newServiceOf returns a service over the chain of a tip.
func newServiceOf(t testing.TB, b *chaintest.Builder, tip *chaintest.Block, edit ...func(*Options)) *service {
	t.Helper()
	s := newServiceAt(t, b.Params, tip, b.Now, edit...)
	s.builder = b
	return s
}

// newServiceAt returns a service over the chain of a tip, with a clock.
func newServiceAt(t testing.TB, p *network.Params, tip *chaintest.Block, now func() time.Time, edit ...func(*Options)) *service {
	t.Helper()
	s := &service{TB: t, tip: tip, client: &http.Client{Transport: &http.Transport{}}}

	id := store.Identity{Network: p.ID, Genesis: tip.Chain()[0].Hash()}
	st, err := store.Open("store", id, store.Options{FS: vfs.NewMem()})
	s.check(err)
	s.store = st
	t.Cleanup(func() { s.check(st.Close()) })
	s.chain, err = chain.Open(t.Context(), chain.Options{
		Store: st, Params: p, Clock: now,
		OnChange: func(c chain.Change) {
			if s.pool != nil {
				s.check(s.pool.Update(c))
			}
		},
	})
	s.check(err)
	for _, b := range s.tip.Chain()[1:] {
		s.submit(b)
	}
	s.pool, err = pool.New(pool.Options{
		Params: p, View: s.chain.View, Context: s.chain.NextContext, Journal: pool.StoreJournal(st),
	})
	s.check(err)

	o := Options{
		Params: p, Chain: s.chain, Pool: s.pool, Version: "v1",
		Status: func() query.Status { return query.Status{Height: s.chain.Tip().Height} },
	}
	for _, e := range edit {
		e(&o)
	}
	s.options = o
	s.api, err = New(o)
	s.check(err)
	return s
}

// serve lets the API of a new service listen.
func serve(t *testing.T, edit ...func(*Options)) *service {
	t.Helper()
	return newService(t, edit...).listen()
}

// listen lets the API answer until the test ends.
func (s *service) listen() *service {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	s.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.api.Serve(ctx, l) }()
	s.Cleanup(func() {
		s.client.CloseIdleConnections()
		cancel()
		s.check(<-done)
	})
	return s
}

func (s *service) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *service) submit(b *chaintest.Block) {
	s.Helper()
	if _, err := s.chain.Submit(b.Block); err != nil {
		s.Fatal(err)
	}
}

// do sends a request and returns its answer with the body, which must be JSON.
// Edit functions may change the request.
func (s *service) do(method, path, contentType string, body []byte, edit ...func(*http.Request)) (*http.Response, []byte) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, "http://"+s.addr+path, bytes.NewReader(body))
	s.check(err)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for _, e := range edit {
		e(r)
	}
	answer, err := s.client.Do(r)
	s.check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	s.check(err)
	kind := answer.Header.Get("Content-Type")
	if method != http.MethodHead && (!strings.Contains(kind, "json") || !json.Valid(text)) {
		s.Errorf("%s %s: %d with %q: %q", method, path, answer.StatusCode, kind, text)
	}
	if problem := strings.Contains(kind, "problem"); problem != (answer.StatusCode >= 400) {
		s.Errorf("%s %s: %d with the type %q", method, path, answer.StatusCode, kind)
	}
	return answer, text
}

// get reads a resource into v, and fails if it is not there.
func (s *service) get(path string, v any) {
	s.Helper()
	answer, text := s.do(http.MethodGet, path, "", nil)
	if answer.StatusCode != http.StatusOK {
		s.Fatalf("GET %s: %d %s", path, answer.StatusCode, text)
	}
	s.check(json.Unmarshal(text, v))
}

// rejected sends a request that must fail, and returns the problem.
func (s *service) rejected(status int, method, path, contentType string, body []byte, edit ...func(*http.Request)) (p problem) {
	s.Helper()
	answer, text := s.do(method, path, contentType, body, edit...)
	s.check(json.Unmarshal(text, &p))
	if answer.StatusCode != status || p.Status != status {
		s.Errorf("%s %s: %d %s, want %d", method, path, answer.StatusCode, text, status)
	}
	return p
}

// readAs reads a resource.
func readAs[T any](s *service, path string) (v T) {
	s.Helper()
	s.get(path, &v)
	return v
}

func readBundle(t *testing.T, text []byte) *bundle.Bundle {
	t.Helper()
	b, err := bundle.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
