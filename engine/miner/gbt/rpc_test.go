package gbt

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"stele/engine/miner"
)

// The cookie of a node is read again when the node has written another, and
// nothing of it is in an error.
func TestCookie(t *testing.T) {
	var wanted atomic.Value
	wanted.Store("secret1")
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if user, password, _ := r.BasicAuth(); user != "__cookie__" || password != wanted.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"result":true}`))
	}))
	defer server.Close()
	name := filepath.Join(t.TempDir(), ".cookie")
	c, err := New(Options{URL: server.URL, Cookie: name, Payout: "51"})
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	call := func() error {
		_, err := c.call(t.Context(), "x")
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("reported: %v", err)
		}
		return err
	}
	if err := call(); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, miner.ErrFatal) {
		t.Errorf("before the node runs: %v", err)
	}
	write("__cookie__:secret1\n")
	if err := call(); err != nil {
		t.Error(err)
	}
	write("__cookie__:secret2") // of another start
	if err := call(); err != nil {
		t.Errorf("the old cookie is good until the node says otherwise: %v", err)
	}
	wanted.Store("secret2")
	before := requests.Load()
	if err := call(); err != nil || requests.Load() != before+2 {
		t.Errorf("after a new start: %v, %d requests", err, requests.Load()-before)
	}
	write("__cookie__:secret3")
	wanted.Store("secret4")
	for range 2 {
		if err := call(); err == nil || errors.Is(err, miner.ErrFatal) {
			t.Errorf("a cookie that the node does not take: %v", err)
		}
	}
	if err := call(); !errors.Is(err, miner.ErrFatal) {
		t.Errorf("a cookie that the node never takes: %v", err)
	}
	for _, bad := range []string{"", "secret", ":secret", "a:secret\nb:secret", "a:" + strings.Repeat("secret", 1000)} {
		write(bad)
		if err := call(); err == nil || errors.Is(err, miner.ErrFatal) || !strings.Contains(err.Error(), "user:password") {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	if _, err := New(Options{URL: server.URL, Cookie: name, User: "u", Payout: "51"}); err == nil {
		t.Error("a user beside a cookie was taken")
	}
}

// A redirect is followed nowhere: not to another host, not to another path of the
// same host, with or without a password.
func TestRedirect(t *testing.T) {
	var followed atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer elsewhere.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{elsewhere.URL, "/other"} {
			node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/other" {
					followed.Add(1)
				}
				http.Redirect(w, r, to, status)
			}))
			for _, own := range []*http.Client{nil, node.Client()} {
				c, err := New(Options{URL: node.URL, User: "u", Password: "p", Payout: "51", HTTP: own})
				if err != nil {
					t.Fatal(err)
				}
				err = c.Run(t.Context(), make(session, 1))
				if !errors.Is(err, errRedirect) || errors.Is(err, miner.ErrFatal) || !strings.Contains(err.Error(), to) {
					t.Errorf("%d to %s: %v", status, to, err)
				}
			}
			node.Close()
		}
	}
	if n := followed.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// A node that cannot serve now is not reported as a wrong URL, and the error quotes
// the start of its answer.
func TestServerError(t *testing.T) {
	var status atomic.Int32
	var body atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write([]byte(body.Load().(string)))
	}))
	defer server.Close()
	c, err := New(Options{URL: server.URL, User: "u", Payout: "51"})
	if err != nil {
		t.Fatal(err)
	}
	if c.User() != "51" { // who is paid, and not the user of the RPC
		t.Errorf("user %q", c.User())
	}
	for _, test := range []struct {
		status     int32
		body, want string
	}{
		{503, "Work queue depth exceeded", `the node cannot answer now: 503 Service Unavailable: "Work queue depth exceeded"`},
		{502, "<html>\r\n<h1>502 Bad\x1b[31m Gateway</h1>\n", `the node cannot answer now: 502 Bad Gateway: "<html> <h1>502 Bad\x1b[31m Gateway</h1>"`},
		{500, strings.Repeat("x", 1000), `the node cannot answer now: 500 Internal Server Error: "` + strings.Repeat("x", 200) + `"`},
		{503, "", `the node cannot answer now: 503 Service Unavailable`},
		{504, "{}", `the node cannot answer now: 504 Gateway Timeout: "{}"`},
		{500, `{"result":null,"error":{"code":-28,"message":"Loading block index"}}`, "error of the node: Loading block index (-28)"},
		{200, "hello", "not a JSON-RPC answer (200 OK); does the URL point to the RPC port of the node?"},
		{404, "<html>", "not a JSON-RPC answer (404 Not Found); does the URL point to the RPC port of the node?"},
	} {
		status.Store(test.status)
		body.Store(test.body)
		if _, err := c.call(t.Context(), "x"); err == nil || err.Error() != test.want || errors.Is(err, miner.ErrFatal) {
			t.Errorf("%d %.20q: %v, want %s", test.status, test.body, err, test.want)
		}
	}
}
