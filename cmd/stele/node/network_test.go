package node

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stele/cmd/stele/internal/nodetest"
	"stele/cmd/stele/internal/steletest"
	"stele/node/api"
)

// peersOf returns the peers of a node as the command lists them.
func peersOf(t *testing.T, url string) (p api.Peers) {
	t.Helper()
	out, err := exec.Command("stele", "node", "peers", "--api", url, "--json").Output()
	if err == nil {
		err = json.Unmarshal(out, &p)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return p
}

// waitFor waits until the health of a node is as ready wants it.
func waitFor(t *testing.T, p *nodetest.Node, url string, ready func(api.Health) bool) api.Health {
	t.Helper()
	client := newNodeClient(url)
	defer client.close()
	var h api.Health
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if err := client.call(t.Context(), "GET", "/v1/health", nil, &h); err != nil {
			t.Fatal(err)
		}
		if ready(h) {
			return h
		}
	}
	t.Fatalf("not within a minute: %+v\n%s", h, p.Out)
	return h
}

// Two processes share a chain. One is killed, and catches up when it comes back. Their
// folders are good.
func TestTwoNodes(t *testing.T) {
	dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	a := nodetest.StartNode(t, dirs[0], "--mine", "--traffic", "20", "--listen", "127.0.0.1:0")
	urlA := a.Address()
	address := a.Logged(`listening for peers" addr=`)
	keyA := peersOf(t, urlA).Key

	b := nodetest.StartNode(t, dirs[1], "--peer", keyA+"@"+address)
	urlB := b.Address()
	h := waitFor(t, b, urlB, func(h api.Health) bool {
		return h.Height >= 20 && h.Sync != nil && h.Sync.State == "synced"
	})
	if h.Peers != 1 || h.Mining {
		t.Errorf("health %+v", h)
	}
	if p := peersOf(t, urlB); len(p.Peers) != 1 || p.Peers[0].Key != keyA || p.Peers[0].Kind != "manual" || p.Peers[0].Address != address {
		t.Errorf("peers of b: %+v", p)
	}
	if p := peersOf(t, urlA); len(p.Peers) != 1 || p.Peers[0].Direction != "in" {
		t.Errorf("peers of a: %+v", p)
	}

	_ = b.End(os.Kill)
	was := h.Height
	waitFor(t, a, urlA, func(h api.Health) bool { return h.Height > was && h.Peers == 0 })
	b = nodetest.StartNode(t, dirs[1], "--peer", address)
	waitFor(t, b, b.Address(), func(h api.Health) bool { return h.Height > was && h.Sync.State == "synced" })
	for i, p := range []*nodetest.Node{a, b} {
		if err := p.End(os.Interrupt); err != nil {
			t.Errorf("%v:\n%s", err, p.Out)
		}
		if s := nodetest.CheckStore(t, dirs[i]); !s.Sealed {
			t.Errorf("%s: %+v", dirs[i], s)
		}
	}
}

// What goes wrong with peers is one clear line, and the node goes on with what it has,
// or does not start.
func TestPeersGoWrong(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	a := nodetest.StartNode(t, dir, "--listen", "127.0.0.1:0")
	a.Address()
	address := a.Logged(`listening for peers" addr=`)

	out, code := steletest.Run(t, "node", "--dev", "--data", t.TempDir(), "--api", "none", "--listen", address)
	if want := fmt.Sprintf("stele: cannot listen for peers: listen tcp %s: bind: address already in use: pass another address to --api, --stratum or --listen\n", address); code != 2 || out != want {
		t.Errorf("a port in use: exit code %d\n%s", code, out)
	}

	other := filepath.Join(t.TempDir(), "b")
	if err := os.MkdirAll(filepath.Join(other, "p2p"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "p2p", "peers"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := nodetest.StartNode(t, other, "--peer", "00112233445566ff@"+address, "--peer", "127.0.0.1:1")
	url := b.Address()
	b.Logged("file of peers damaged")
	b.Logged("reason=wrong-key")
	b.Logged("reason=unreachable")
	waitFor(t, b, url, func(h api.Health) bool { return h.Peers == 0 && h.Sync.State == "alone" })
	if err := b.End(os.Interrupt); err != nil {
		t.Errorf("%v\n%s", err, b.Out)
	}
	for _, line := range []string{"file of peers damaged", "reason=wrong-key", "reason=unreachable"} {
		if n := strings.Count(b.Out.String(), line); n != 1 {
			t.Errorf("%q %d times in\n%s", line, n, b.Out)
		}
	}
	if err := a.End(os.Interrupt); err != nil {
		t.Errorf("%v\n%s", err, a.Out)
	}
}
