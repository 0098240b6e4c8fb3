package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stele/cmd/stele/internal/steletest"
	"stele/node/api"
)

var twoPeers = api.Peers{
	Key: "30c1b5a6e0f9d412", MaxPeers: 128, Addresses: 1400,
	Sync: api.Sync{State: "blocks", Height: 50, Tip: "00000003efa1", Target: 139, BlocksRate: 12.34, BytesRate: 2.5e6, Left: 7},
	Peers: []api.Peer{
		{Key: "9a01f3c2b7714de8", Address: "192.0.2.7:28699", Kind: "full", Connected: 312, Ping: 0.048, Height: 139, Blocks: 17, Records: 1, Received: 1200000, Sent: 980000, Agent: "evil\x1b[2J"},
		{Key: "51be60c2a9e01377", Kind: "inbound", Connected: 182, Requests: 2},
	},
	Gone: []api.GonePeer{{Address: "203.0.113.9:28699", Direction: "out", Ago: 80, By: "node", Reason: "unreachable", Text: "connection refused"}},
}

func TestPeersText(t *testing.T) {
	got := peersText(twoPeers)
	for _, want := range []string{
		"key     30c1b5a6e0f9d412\n", "listen  -\n", "peers   2 of at most 128; 1,400 addresses known, 0 avoided\n",
		"sync    blocks, height 50 of 139, 12.3 blocks/s, 2.50 MB/s, 7.0s left\n",
		"192.0.2.7:28699", "17 blocks, 1 record", "unreachable: connection refused",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") {
		t.Errorf("a control character in\n%q", got)
	}
	if got := peersText(api.Peers{}); got != "the node has no peer-to-peer server\n" {
		t.Errorf("without a server: %q", got)
	}
}

// The command asks the API, with its token, and says what went wrong.
func TestPeersCommand(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer secret":
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"detail":"the request needs a token"}`)
		case r.Method == http.MethodPost:
			fmt.Fprint(w, `{"forgotten":true}`)
		default:
			_ = json.NewEncoder(w).Encode(twoPeers)
		}
	}))
	defer server.Close()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--api", server.URL, "--api-token", "secret"}, 0, "peers   2 of at most 128"},
		{[]string{"--api", server.URL, "--api-token", "secret", "--json"}, 0, `{"key":"30c1b5a6e0f9d412",`},
		{[]string{"--api", server.URL, "--api-token", "secret", "--forget", "192.0.2.7"}, 0, "the node no longer avoids 192.0.2.7\n"},
		{[]string{"--api", server.URL}, 2, "the request needs a token"},
		{[]string{"--api", server.URL, "--forget", "node.example"}, 2, `--forget: "node.example" is not an IP address`},
		{[]string{"--api", "127.0.0.1:1"}, 2, "no node answers at http://127.0.0.1:1: start one there, or pass --api"},
		{[]string{"--api", "ftp://x"}, 2, `--api: invalid URL "ftp://x": must be like http://127.0.0.1:8690`},
	} {
		if out, code := steletest.Run(t, append([]string{"node", "peers"}, c.args...)...); code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%v: exit code %d, want %d\n%s", c.args, code, c.code, out)
		}
	}
}
