package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"stele/internal/netguard"
	"stele/node/chain/chaintest"
	"stele/node/export"
)

// download returns the body of an answer, its manifest, and how reading it ended.
func (s *service) download(path string) (*http.Response, []byte, error) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+s.addr+path, nil)
	s.check(err)
	answer, err := s.client.Do(r)
	s.check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer, text, err
}

func exportService(t *testing.T) *service {
	t.Helper()
	story := chaintest.NewStory(chaintest.CaseNetwork(), "somewhere")
	story.Sell()
	story.Send()
	s := newServiceOf(t, story.Builder, story.Tip, withViews(t), func(o *Options) { o.Rate = 1e9 })
	s.check(s.options.Views.Update(t.Context()))
	return s.listen()
}

// An export comes with its manifest, which every node gives alone too.
func TestExport(t *testing.T) {
	s := exportService(t)
	tables := readAs[[]ExportTable](s, "/v1/export")
	if len(tables) != len(export.Tables()) {
		t.Errorf("%d tables", len(tables))
	}
	for _, table := range tables {
		for _, f := range export.Formats() {
			path := fmt.Sprintf("/v1/export/%s?at=3&format=%s", table.Name, f)
			answer, text, err := s.download(path)
			if err != nil || answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != f.ContentType() {
				t.Fatalf("%s: %d %v %v", path, answer.StatusCode, answer.Header, err)
			}
			m, err := export.ReadManifest([]byte(answer.Trailer.Get(ManifestTrailer)))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if err := m.Check(bytes.NewReader(text)); err != nil || m.Height != 3 || m.Program != "v1" {
				t.Errorf("%s: %+v, %v", path, m, err)
			}
			alone := readAs[export.Manifest](s, strings.Replace(path, "?", "/manifest?", 1))
			if err := m.Compare(&alone); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// What cannot be exported is a problem, not a file.
func TestExportProblems(t *testing.T) {
	s := exportService(t)
	for path, status := range map[string]int{
		"/v1/export/nothing":                         http.StatusUnprocessableEntity,
		"/v1/export/vouchers?at=999999":              http.StatusNotFound,
		"/v1/export/vouchers?at=x":                   http.StatusUnprocessableEntity,
		"/v1/export/vouchers?since=2":                http.StatusUnprocessableEntity,
		"/v1/export/blocks?gtin=06291041500213":      http.StatusUnprocessableEntity,
		"/v1/export/blocks?since=9&at=3":             http.StatusUnprocessableEntity,
		"/v1/export/vouchers?format=xlsx":            http.StatusUnprocessableEntity,
		"/v1/export/vouchers/manifest?seller=00":     http.StatusUnprocessableEntity,
		"/v1/export/vouchers/manifest?at=4294967295": http.StatusNotFound,
	} {
		s.rejected(status, http.MethodGet, path, "", nil)
	}
	for range maxExports {
		s.api.exports <- struct{}{}
	}
	answer, _ := s.do(http.MethodGet, "/v1/export/vouchers", "", nil)
	if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") != exportRetry {
		t.Errorf("%d %v", answer.StatusCode, answer.Header)
	}
}

// brokenWriter fails after some bytes, as a connection does.
type brokenWriter struct {
	http.ResponseWriter
	left int
}

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errors.New("broken")
	}
	return w.ResponseWriter.Write(p)
}

// An export that fails on the way does not look like a whole one.
func TestExportBrokenOff(t *testing.T) {
	s := newService(t)
	s.tip = s.builder.Grow(s.tip, 5, 200)
	for _, b := range s.tip.Chain()[13:] {
		s.submit(b)
	}
	whole := s.api.handler
	s.api.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		whole.ServeHTTP(&brokenWriter{w, 100_000}, r)
	})
	s.listen()
	answer, text, err := s.download("/v1/export/records")
	if err == nil || answer.Trailer.Get(ManifestTrailer) != "" || len(text) == 0 {
		t.Errorf("%d bytes, %v, trailer %v", len(text), err, answer.Trailer)
	}
	if len(s.api.exports) != 0 {
		t.Error("the export still counts as running")
	}
	// Nor does one whose client has gone.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	height := s.chain.Tip().Height
	if _, err := export.Write(ctx, io.Discard, export.CSV, export.Query{Table: "records", At: &height}, s.api.exportSource()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	var m export.Manifest
	s.api.handler = whole
	s.get("/v1/export/records/manifest", &m)
	if b, _ := json.Marshal(m); len(b) > export.MaxManifest {
		t.Errorf("a manifest of %d bytes", len(b))
	}
}

// slowClient reads an answer slowly, as a connection with a deadline lets it.
type slowClient struct {
	http.ResponseWriter
	each     time.Duration // that a write takes
	deadline time.Time
}

func (c *slowClient) SetWriteDeadline(t time.Time) error {
	c.deadline = t
	return nil
}

func (c *slowClient) Write(p []byte) (int, error) {
	if wait := time.Until(c.deadline); wait < c.each {
		time.Sleep(max(wait, 0))
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(c.each)
	return len(p), nil
}

// A client that reads an export at a crawl holds its place for a minute, not for an hour.
// One that reads at a fair pace gets all of it, however long the node needs to make it.
func TestExportPace(t *testing.T) {
	for _, c := range []struct {
		read, made time.Duration // of a piece
		whole      bool
	}{{10 * time.Second, 0, false}, {time.Second, 5 * time.Second, true}, {29 * time.Second, 0, false}} {
		synctest.Test(t, func(t *testing.T) {
			w := newSlowWriter(&slowClient{ResponseWriter: httptest.NewRecorder(), each: c.read})
			w.begin = func() {}
			began, written := time.Now(), 0
			var err error
			for ; err == nil && written < 1000; written++ {
				time.Sleep(c.made)
				_, err = w.Write(make([]byte, minExportPace))
			}
			if took := time.Since(began); (err == nil) != c.whole || !c.whole && took > time.Minute {
				t.Errorf("%v a piece: %d pieces in %v, %v", c.read, written, took, err)
			}
		})
	}
}

// An address has one export at a time, so that it cannot keep others from theirs.
func TestExportsOfAddress(t *testing.T) {
	s := serve(t, func(o *Options) { o.Proxies, _ = netguard.ParseProxies([]string{"127.0.0.1"}) })
	from := func(address string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("X-Forwarded-For", address) }
	}
	leave, ok := s.api.exporters.enter("192.0.2.1:5", maxExportsOfAddress)
	if !ok {
		t.Fatal("there is no place for the first one")
	}
	const path = "/v1/export/blocks/manifest"
	s.rejected(http.StatusTooManyRequests, http.MethodGet, path, "", nil, from("192.0.2.1"))
	for range 2 {
		if answer, text := s.do(http.MethodGet, path, "", nil, from("192.0.2.2")); answer.StatusCode != http.StatusOK {
			t.Errorf("another address: %s %s", answer.Status, text)
		}
	}
	leave()
	if answer, _ := s.do(http.MethodGet, path, "", nil, from("192.0.2.1")); answer.StatusCode != http.StatusOK {
		t.Errorf("after the other one: %s", answer.Status)
	}
}
