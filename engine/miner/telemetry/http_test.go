package telemetry

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stele/engine/miner"
)

func TestHandlerGuard(t *testing.T) {
	paused := 0
	handler := func(o HandlerOptions) http.Handler {
		o.Status, o.Pause, o.Resume = someStatus, func() { paused++ }, func() { paused-- }
		return Handler(o)
	}
	t1 := func() string { return "t" }
	open, token, both := handler(HandlerOptions{Open: true}), handler(HandlerOptions{Token: t1}), handler(HandlerOptions{Token: t1, Open: true})
	for _, c := range []struct {
		handler             http.Handler
		method, path, token string
		host                string
		want                int
	}{
		{open, "GET", "/status", "", "127.0.0.1:8691", 200},
		{open, "GET", "/status", "", "localhost", 200},
		{open, "GET", "/status", "", "[::1]:8691", 200},
		{open, "GET", "/status", "", "rebound.example:8691", 403},
		{open, "GET", "/nothing", "", "127.0.0.1", 404},
		{open, "POST", "/status", "", "127.0.0.1", 403},
		{open, "POST", "/pause", "", "127.0.0.1", 403},
		{open, "POST", "/pause", "t", "127.0.0.1", 403},
		{token, "GET", "/status", "", "10.0.0.1", 401},
		{token, "GET", "/metrics", "wrong", "10.0.0.1", 401},
		{token, "GET", "/metrics", "t", "10.0.0.1", 200},
		{token, "GET", "/metrics", "t", "rebound.example", 403},
		{both, "GET", "/hive", "", "127.0.0.1", 200},
		{both, "POST", "/pause", "", "127.0.0.1", 401},
		{both, "POST", "/pause", "t", "127.0.0.1", 204},
		{both, "GET", "/pause", "t", "127.0.0.1", 405},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Host = c.host
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		w := httptest.NewRecorder()
		c.handler.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s %s of %s with %q: %d, want %d", c.method, c.path, c.host, c.token, w.Code, c.want)
		}
	}
	if paused != 1 {
		t.Errorf("paused %d times", paused)
	}
}

// Each request needs the current token.
func TestHandlerTokenChanges(t *testing.T) {
	token := "one"
	h := Handler(HandlerOptions{Status: someStatus, Token: func() string { return token }})
	get := func(given string) int {
		r := httptest.NewRequest("GET", "/healthz", nil)
		r.Host = "localhost"
		r.Header.Set("Authorization", "Bearer "+given)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	before := get("one")
	token = "two"
	if old, fresh := get("one"), get("two"); before != 200 || old != 401 || fresh != 200 {
		t.Errorf("before %d, the old one %d, the new one %d", before, old, fresh)
	}
	token = ""
	if none := get(""); none != 403 {
		t.Errorf("without a token: %d", none)
	}
}

func TestHandlerContent(t *testing.T) {
	s := someStatus()
	h := Handler(HandlerOptions{Status: func() miner.Status { return s }, Open: true})
	get := func(path string) (int, string) {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = "localhost"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	for path, want := range map[string]string{
		"/status": `"schema_version":1`, "/hive": `"hs_units":"khs"`, "/mmpos": `"units":"hs"`, "/healthz": "mining\n", "/metrics": "stele_miner_start_time_seconds ",
	} {
		if code, body := get(path); code != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	s.State, s.Trouble = miner.Stalled, "no device finishes any nonce"
	if code, body := get("/healthz"); code != 503 || body != "stalled: no device finishes any nonce\n" {
		t.Errorf("%d %q", code, body)
	}
}

func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- Serve(ctx, l, Handler(HandlerOptions{Status: someStatus, Open: true})) }()
	client := &http.Client{Transport: &http.Transport{}}
	res, err := client.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); string(body) != "mining\n" {
		t.Errorf("%q %v", body, err)
	}
	res.Body.Close()
	client.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
