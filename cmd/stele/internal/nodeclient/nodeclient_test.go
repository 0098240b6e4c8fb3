package nodeclient

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/urfave/cli/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newClient returns a client for a server with a handler.
func newClient(t *testing.T, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.String("api", server.URL, "")
	set.String("api-token", "secret", "")
	c, err := New(cli.NewContext(cli.NewApp(), set, nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// An answer that is no success is a problem, whose text is safe to show.
func TestProblem(t *testing.T) {
	for _, c := range []struct {
		status       int
		body, want   string
		missing, why bool
	}{
		{404, `{"detail":"no such claim"}`, "no such claim", true, false},
		{422, `{"detail":"too \u001b[31mlate","reason":"warranty-over"}`, "warranty-over: too  [31mlate", false, true},
		{422, `{"detail":"invalid","errors":[{"message":"too long","location":"query.limit"}]}`, "invalid: query.limit: too long", false, false},
		{500, `<html>`, "500 Internal Server Error", false, false},
		{302, ``, "302 Found", false, false},
	} {
		client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer secret" {
				t.Error("the token is missing")
			}
			if c.status == 302 {
				w.Header().Set("Location", "/elsewhere")
			}
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		})
		err := client.Get(t.Context(), "/v1/x", nil)
		var p *Problem
		if !errors.As(err, &p) || err.Error() != c.want || p.Status != c.status || IsNotFound(err) != c.missing || (p.Reason != "") != c.why {
			t.Errorf("%d %s: %v", c.status, c.body, err)
		}
	}
}

// A list is read page by page, as far as its limit.
func TestAll(t *testing.T) {
	var asked atomic.Int32
	client := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path != "/v1/things" || r.URL.Query().Get("state") != "open" {
			t.Errorf("asked for %v", r.URL)
		}
		switch r.URL.Query().Get("from") {
		case "":
			_, _ = fmt.Fprint(w, `{"items":[1,2],"next":"a&b"}`)
		case "a&b":
			_, _ = fmt.Fprint(w, `{"items":[],"next":"c"}`)
		default:
			_, _ = fmt.Fprint(w, `{"items":[3]}`)
		}
	})
	items, more, err := All[int](t.Context(), client, "/v1/things?state=open", 3)
	if err != nil || more || fmt.Sprint(items) != "[1 2 3]" || asked.Load() != 3 {
		t.Errorf("%v %v %v, after %d requests", items, more, err, asked.Load())
	}
	items, more, err = All[int](t.Context(), client, "/v1/things?state=open", 1)
	if err != nil || !more || fmt.Sprint(items) != "[1]" {
		t.Errorf("%v %v %v", items, more, err)
	}
}

// What is no answer of a node is an error: too much, no JSON, nobody there, an end of the
// context.
func TestErrors(t *testing.T) {
	huge := newClient(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`"` + strings.Repeat("x", maxAnswer) + `"`))
	})
	var v any
	if err := huge.Get(t.Context(), "/", &v); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a huge answer: %v", err)
	}
	garbled := newClient(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("\x1b[31m")) })
	if err := garbled.Get(t.Context(), "/", &v); err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("no JSON: %q", err)
	}
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := garbled.Get(ctx, "/", &v); !errors.Is(err, cause) {
		t.Errorf("after the end: %v", err)
	}
	garbled.base.Host = "127.0.0.1:1"
	if err := garbled.Get(t.Context(), "/", &v); !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "start one there") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestParseURL(t *testing.T) {
	for name, want := range map[string]string{
		"127.0.0.1:8690": "http://127.0.0.1:8690", "https://a.example/node": "https://a.example/node", "http://[::1]:1": "http://[::1]:1",
		"ftp://a": "", "": "", "http://": "",
	} {
		got, err := ParseURL(name)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
}
