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
			t.Errorf("told: %v", err)
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
