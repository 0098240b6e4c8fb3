package gbt

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"stele/engine/miner"
	"stele/internal/text"
)

// hostile is what a node could write where it has a text to write: into the title
// of a terminal, as a line of a log, and without an end.
var hostile = "\x1b]0;x\x07\nlevel=ERROR msg=forged \u202e\xff" + strings.Repeat("q", 1<<20)

// shown fails if an error has something that must not be shown.
func shown(t *testing.T, err error, want string) {
	t.Helper()
	const limit = 2 * text.Max // of the node's words, and of those around them
	if err == nil || text.Clean(err.Error(), limit) != err.Error() || !strings.Contains(err.Error(), want) {
		t.Errorf("%.1000q, want %q", err, want)
	}
}

// serve answers requests byte for byte.
func serve(t *testing.T, answer string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c, answer)
			}
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return "http://" + l.Addr().String()
}

// quoted is hostile as JSON.
func quoted() string {
	b, err := json.Marshal(hostile)
	if err != nil {
		panic(err) // it is a string
	}
	return string(b)
}

// Whatever a node writes, and wherever, the error is short and safe to show on a
// terminal.
func TestHostileText(t *testing.T) {
	answer := func(body string) string {
		body = strings.ReplaceAll(body, "HOSTILE", quoted())
		return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}
	line := strings.ReplaceAll(hostile, "\n", " ")
	for name, node := range map[string]struct{ answer, want string }{
		"error":    {answer(`{"result":null,"error":{"code":-10,"message":HOSTILE}}`), "error of the node:  ]0;x  level=ERROR"},
		"chain":    {answer(`{"result":{"chain":HOSTILE}}`), "the node is on  ]0;x "},
		"bits":     {answer(`{"result":{"version":1,"height":1,"curtime":1,"coinbasevalue":1,"bits":HOSTILE}}`), "bits"},
		"rule":     {answer(`{"result":{"version":1,"height":1,"curtime":1,"coinbasevalue":1,"bits":"207fffff","rules":["!new",HOSTILE]}}`), `rule "!new"`},
		"number":   {answer(`{"result":{"version":1` + strings.Repeat("0", 1<<20) + `}}`), "out of range"},
		"status":   {"HTTP/1.1 200 " + line + "\r\nContent-Length: 1\r\n\r\nx", "not a JSON-RPC answer (200  ]0;x "},
		"refusal":  {"HTTP/1.1 403 " + line + "\r\n\r\n", "not allowed"},
		"redirect": {"HTTP/1.1 302 Found\r\nLocation: /" + strings.Repeat("q", 1<<19) + "\r\n\r\n", "redirects"},
		"no HTTP":  {line + "\r\n\r\n", "malformed HTTP"},
	} {
		t.Run(name, func(t *testing.T) {
			payout := "51"
			if name == "chain" { // only for an address the node is asked for its network
				payout = "bcrt1qdavt4j2sd7dlhqsavtnfxvzppw6k7qy97tmnu9"
			}
			c, err := New(Options{URL: serve(t, node.answer), User: "u", Password: "p", Payout: payout})
			if err != nil {
				t.Fatal(err)
			}
			shown(t, c.Run(t.Context(), make(session, 1)), node.want)
		})
	}
	t.Run("proposal", func(t *testing.T) {
		c := node(t, quoted(), "null", make(chan string, 1))
		shown(t, c.Run(t.Context(), make(session, 1)), "rejects the block that would be mined:  ]0;x ")
	})
	t.Run("block", func(t *testing.T) {
		err := mine(t, quoted())
		shown(t, err, " ]0;x ")
		var r *miner.Rejection
		if !errors.As(err, &r) || text.Clean(r.Text, text.Max) != r.Text {
			t.Errorf("rejection %.1000q", r.Text)
		}
	})
}
