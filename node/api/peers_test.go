package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"stele/engine/pow"
	"stele/node/query"
)

// somePeers returns a peer each way, and one that left.
func somePeers() query.Peers {
	now := time.Unix(2e9, 0)
	return query.Peers{
		Now: now, Key: "00112233445566ff", Listen: "[::]:28699", MaxPeers: 128, Addresses: 7, Discouraged: 1,
		Connected: []query.Peer{
			{Key: "aa", Address: "192.0.2.1:28699", Kind: "full", Agent: "stele v1", Protocol: 1, Since: now.Add(-time.Minute), LastHeard: now.Add(-time.Second), Ping: 50 * time.Millisecond, MinPing: 40 * time.Millisecond, Height: 9, Blocks: 2, Records: 3, Received: 400, Sent: 500, Requests: 1},
			{Key: "bb", Address: "192.0.2.2:40000", Inbound: true, Kind: "inbound", Since: now.Add(time.Second), LastHeard: now},
		},
		Gone: []query.GonePeer{{Key: "cc", Address: "192.0.2.3:28699", Since: now.Add(-time.Minute), Until: now.Add(-10 * time.Second), Reason: "full", Text: "no room", ByPeer: true}},
		Sync: query.Sync{State: query.SyncBlocks, Height: 5, Tip: pow.Hash{1}, Target: 9, BlocksPerSecond: 2, BytesPerSecond: 4e6, Left: 2 * time.Second, CatchingUp: true},
	}
}

// peersFrom sends a request from an address and returns the status and the answer.
func (s *service) peersFrom(t *testing.T, method, target, from, body string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	kind := ""
	if body != "" {
		kind = "application/json"
	}
	s.api.Handler().ServeHTTP(w, request(method, target, kind, []byte(body), func(r *http.Request) { r.RemoteAddr = from }))
	return w.Code, w.Body.String()
}

const (
	here      = "127.0.0.1:1"
	elsewhere = "192.0.2.99:1"
)

func TestPeers(t *testing.T) {
	s := newService(t, func(o *Options) { o.Peers = somePeers })
	code, body := s.peersFrom(t, "GET", "/v1/peers", here, "")
	var p Peers
	if err := json.Unmarshal([]byte(body), &p); err != nil || code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	want := Peer{
		Key: "aa", Address: "192.0.2.1:28699", Direction: "out", Kind: "full", Agent: "stele v1", Protocol: 1, Connected: 60, LastHeard: 1,
		Ping: 0.05, MinPing: 0.04, Height: 9, Blocks: 2, Records: 3, Received: 400, Sent: 500, Requests: 1,
	}
	if p.Peers[0] != want {
		t.Errorf("a peer is %+v, want %+v", p.Peers[0], want)
	}
	if x := p.Peers[1]; x.Direction != "in" || x.Connected != 0 {
		t.Errorf("another peer is %+v", x)
	}
	if want := (GonePeer{Key: "cc", Address: "192.0.2.3:28699", Direction: "out", Connected: 50, Ago: 10, By: "peer", Reason: "full", Text: "no room"}); p.Gone[0] != want {
		t.Errorf("a gone peer is %+v, want %+v", p.Gone[0], want)
	}
	if want := (Sync{State: "blocks", Height: 5, Tip: pow.Hash{1}.String(), Target: 9, BlocksRate: 2, BytesRate: 4e6, Left: 2, CatchingUp: true}); p.Sync != want {
		t.Errorf("sync is %+v, want %+v", p.Sync, want)
	}
}

// Addresses of peers are for those who may write.
func TestPeersHideAddresses(t *testing.T) {
	s := newService(t, func(o *Options) { o.Peers = somePeers })
	if code, body := s.peersFrom(t, "GET", "/v1/peers", elsewhere, ""); code != http.StatusOK || strings.Contains(body, "192.0.2.") || !strings.Contains(body, `"aa"`) {
		t.Errorf("from elsewhere: %d %s", code, body)
	}
	s = newService(t, func(o *Options) { o.Peers, o.Token = somePeers, "secret" })
	if _, body := s.peersFrom(t, "GET", "/v1/peers", here, ""); strings.Contains(body, "192.0.2.") {
		t.Errorf("without the token: %s", body)
	}
}

func TestNoPeers(t *testing.T) {
	code, body := newService(t).peersFrom(t, "GET", "/v1/peers", here, "")
	var p Peers
	if err := json.Unmarshal([]byte(body), &p); err != nil || code != http.StatusOK || p.Sync.State != "alone" || p.Peers == nil || p.Gone == nil {
		t.Errorf("%d %s", code, body)
	}
}

func TestForgetPeer(t *testing.T) {
	var forgot []netip.Addr
	s := newService(t, func(o *Options) {
		o.Forget = func(a netip.Addr) bool {
			forgot = append(forgot, a)
			return len(forgot) == 1
		}
	})
	for i, want := range []string{`{"forgotten":true}`, `{"forgotten":false}`} {
		if code, body := s.peersFrom(t, "POST", "/v1/peers/forget", here, `{"address":"192.0.2.7"}`); code != http.StatusOK || strings.TrimSpace(body) != want {
			t.Errorf("request %d: %d %s", i, code, body)
		}
	}
	if forgot[0] != netip.MustParseAddr("192.0.2.7") {
		t.Errorf("forgot %v", forgot)
	}
	for _, c := range []struct {
		from, body string
		code       int
	}{
		{elsewhere, `{"address":"192.0.2.7"}`, http.StatusForbidden},
		{here, `{"address":"node.example"}`, http.StatusUnprocessableEntity},
		{here, `{}`, http.StatusUnprocessableEntity},
	} {
		if code, body := s.peersFrom(t, "POST", "/v1/peers/forget", c.from, c.body); code != c.code {
			t.Errorf("%s from %s: %d %s", c.body, c.from, code, body)
		}
	}
	if len(forgot) != 2 {
		t.Errorf("forgot %v", forgot)
	}
}
