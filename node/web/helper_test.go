package web

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"stele/node/alert"
	"stele/node/api"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/credit"
	"stele/node/feed"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/recipient"
	"stele/node/ledger/record"
	"stele/node/pool"
	"stele/node/query"
	"stele/node/seen"
	"stele/node/store"
	"stele/node/supervision"
	"stele/node/supervision/anomaly"
	"stele/node/template"
	"stele/node/traffic"
	"stele/node/views"
)

// hostile is a text that would run as a script, if a page did not escape it.
const hostile = `"><img src=x onerror=alert(1)><b title='`

// site is a node with an API and pages, without a miner: its chain is made by the generator of
// traffic, in a folder of the test, and grows by [site.mine]. It listens at loopback.
type site struct {
	testing.TB
	URL    string
	params *network.Params
	chain  *chain.Chain
	pool   *pool.Pool
	views  *views.Views
	feed   *feed.Feed
	seen   *seen.Book
	query  *query.Reader
	gen    *traffic.Generator
	pages  *Pages

	supervision *supervision.Reader
	anomalies   *anomaly.Reader
	credit      *credit.Reader
	alerts      *alert.Book

	stop func() // ends the server

	*clock
	blocks int
}

// clock is the clock of a site.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// newSite returns a site with some blocks of some attempts to make records each.
func newSite(t testing.TB, blocks, records int, edit ...func(*Options)) *site {
	t.Helper()
	p := *network.Dev
	s := openSite(t, &p, time.Unix(int64(p.GenesisTime), 0))
	var err error
	s.gen, err = traffic.New(traffic.Options{
		Params: &p, Rate: 1, Seed: 1, Accounts: network.DevFaucets(), Roots: network.DevRoots(), Chain: s.chain, Pool: s.pool, Now: s.time,
		// Nothing that is drawn by chance, so that the chain is always the same.
		Seal: func(_ recipient.PublicKey, s recipient.Secret) ([]byte, error) {
			c := s.Commitment()
			return c[:], nil
		},
	})
	s.check(err)
	for range blocks {
		s.mine(records)
	}
	s.check(s.gen.Send(records)) // these wait
	s.listen(edit...)
	return s
}

// newSiteOf returns a site with the chain of a tip.
func newSiteOf(t testing.TB, b *chaintest.Builder, tip *chaintest.Block) *site {
	t.Helper()
	s := openSite(t, b.Params, b.Now())
	for _, made := range tip.Chain()[1:] {
		_, err := s.chain.Submit(made.Block)
		s.check(err)
	}
	s.check(s.views.Update(context.Background()))
	s.listen()
	return s
}

// openSite returns a site with the first block of a network, which does not listen yet.
func openSite(t testing.TB, p *network.Params, now time.Time) *site {
	t.Helper()
	s := &site{TB: t, params: p, clock: &clock{now: now}}
	st, err := store.Open(filepath.Join(t.TempDir(), "store"), store.Identity{Network: p.ID, Genesis: block.Genesis(p).Hash()}, store.Options{})
	s.check(err)
	t.Cleanup(func() { s.check(st.Close()) })
	s.seen = seen.New(seen.Options{Now: s.time})
	s.chain, err = chain.Open(context.Background(), chain.Options{
		Store: st, Params: p, Clock: s.time, OnChange: func(c chain.Change) {
			s.check(s.pool.Update(c))
			s.seen.Changed(c)
		},
	})
	s.check(err)
	s.pool, err = pool.New(pool.Options{Params: p, View: s.chain.View, Context: s.chain.NextContext})
	s.check(err)
	counts, patterns, scores := supervision.NewIndex(p), anomaly.NewIndex(p), credit.NewIndex(p)
	tables := []views.Table{scores, counts, patterns}
	s.views, err = views.Open(filepath.Join(t.TempDir(), "views"), views.Options{Chain: s.chain, Tables: tables, Updated: func() {
		if s.feed != nil {
			s.feed.Wake()
		}
	}})
	s.check(err)
	t.Cleanup(func() { s.check(s.views.Close()) })
	s.query = query.New(query.Options{Params: p, Chain: s.chain, Pool: s.pool, Views: s.views})
	s.supervision, s.anomalies, s.credit = supervision.NewReader(s.query, s.views, counts), anomaly.NewReader(s.views, patterns), credit.NewReader(s.views, scores)
	s.alerts = alert.NewBook(alert.Options{Sources: alert.FromChain(s.query, s.supervision, s.anomalies), Tip: func() alert.At {
		tip := s.chain.Tip()
		return alert.At{Height: tip.Height, Time: time.Unix(int64(tip.Header.Time), 0)}
	}})
	return s
}

// shared is the site of tests that change nothing.
var shared struct {
	once  sync.Once
	site  *site
	close func()
}

// lasting is a testing.TB that ends with the program.
type lasting struct {
	testing.TB
	dir  string
	ends []func()
}

func (l *lasting) Helper()           {}
func (l *lasting) TempDir() string   { return l.dir }
func (l *lasting) Cleanup(f func())  { l.ends = append(l.ends, f) }
func (l *lasting) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
func (l *lasting) end() {
	for _, f := range slices.Backward(l.ends) {
		f()
	}
	_ = os.RemoveAll(l.dir)
}

// sharedSite returns the site of tests that change nothing.
func sharedSite(t testing.TB) *site {
	t.Helper()
	shared.once.Do(func() {
		dir, err := os.MkdirTemp("", "stele-web")
		if err != nil {
			t.Fatal(err)
		}
		l := &lasting{dir: dir}
		shared.close = l.end
		shared.site = newSite(l, 70, 30)
	})
	s := *shared.site
	s.TB = t
	return &s
}

// listen serves the pages until the test ends.
func (s *site) listen(edit ...func(*Options)) {
	s.Helper()
	s.feed = feed.New(feed.Options{Chain: s.chain, Views: s.views})
	o := Options{
		Params: s.params, Chain: s.chain, Pool: s.pool, Views: s.views, Seen: s.seen, Version: "v1", Now: s.time, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Status: func() query.Status { return query.Status{Version: "v1", Height: s.chain.Tip().Height} },

		Supervision: s.supervision, Anomalies: s.anomalies, Credit: s.credit, Alerts: s.alerts,
	}
	s.alerts.Round(context.Background())
	for _, e := range edit {
		e(&o)
	}
	var err error
	s.pages, err = New(o)
	s.check(err)
	a, err := api.New(api.Options{
		Params: o.Params, Chain: o.Chain, Pool: o.Pool, Views: o.Views, Status: o.Status, Version: o.Version, Pages: s.pages.Handler(), Feed: s.feed, Seen: s.seen,
		Supervision: o.Supervision, Anomalies: o.Anomalies, Credit: o.Credit, Alerts: o.Alerts,
	})
	s.check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	s.URL = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 2)
	go func() { done <- s.feed.Run(ctx) }()
	go func() { done <- a.Serve(ctx, l) }()
	s.stop = sync.OnceFunc(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		s.check(<-done)
		s.check(<-done)
	})
	s.Cleanup(s.stop)
}

// time returns what the clock shows.
func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (s *site) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// mine lets the generator try to make some records, and mines a block of what waits.
func (s *site) mine(records int) {
	s.Helper()
	s.mu.Lock()
	s.blocks++
	after := []uint32{3, 2, 1, 9, 4, 1, 2, 5, 1, 2, 14}[s.blocks%11] // 4 seconds on average
	s.now = s.now.Add(time.Duration(after*s.params.Pow.TargetSpacing/3) * time.Second)
	s.mu.Unlock()
	s.check(s.gen.Send(records))
	made, err := template.Build(s.chain.Tip(), s.pool, s.chain.View(), template.Options{Params: s.params, Now: s.time, Tag: []byte(hostile), Payout: record.PublicOf(network.DevFaucets()[1+s.blocks%3])})
	s.check(err)
	header := made.Header(1, made.Version, made.Time)
	chaintest.Mine(&header)
	_, err = s.chain.Submit(made.Block(1, header))
	s.check(err)
	s.check(s.views.Update(context.Background()))
}

// get reads a path, and returns its answer and text.
func (s *site) get(path string, edit ...func(*http.Request)) (*http.Response, string) {
	s.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.URL+path, nil)
	s.check(err)
	r.Header.Set("Accept-Encoding", "gzip")
	for _, e := range edit {
		e(r)
	}
	answer, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	s.check(err)
	defer answer.Body.Close()
	body := io.Reader(answer.Body)
	if answer.Header.Get("Content-Encoding") == "gzip" {
		body, err = gzip.NewReader(answer.Body)
		s.check(err)
	}
	text, err := io.ReadAll(body)
	s.check(err)
	return answer, string(text)
}

// shows fails the test if a page does not contain all texts.
func (s *site) shows(path string, texts ...string) string {
	s.Helper()
	answer, text := s.get(path)
	if answer.StatusCode != http.StatusOK {
		s.Errorf("%s: %s", path, answer.Status)
	}
	for _, want := range texts {
		if !strings.Contains(text, want) {
			s.Errorf("%s does not show %q", path, want)
		}
	}
	return text
}

// A folder for what a test writes for people to look at; "": nobody looks.
func lookFolder() string { return os.Getenv("STELE_LOOK") }
