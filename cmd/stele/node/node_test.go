package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodetest"
	"stele/node/api"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// nodeClient talks to the API of a node.
type nodeClient struct {
	url  string
	http *http.Client
}

func newNodeClient(url string) nodeClient {
	return nodeClient{url, &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}}
}

func (c nodeClient) close() { c.http.CloseIdleConnections() }

// call sends a request, and repeats it if the node limits the rate. It returns an
// error unless the status is 200.
func (c nodeClient) call(ctx context.Context, method, path string, body []byte, v any) error {
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	answer, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode == http.StatusTooManyRequests {
		time.Sleep(100 * time.Millisecond)
		return c.call(ctx, method, path, body, v)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %d %s", method, path, answer.StatusCode, text)
	}
	return json.Unmarshal(text, v)
}

// payFrom sends payments of an account, one after the other, until the node is
// gone or ctx ends. It returns the IDs of the acknowledged ones.
func (c nodeClient) payFrom(ctx context.Context, key record.PrivateKey) (acknowledged []string, err error) {
	from, to := record.PublicOf(key), record.PublicOf(network.DevFaucets()[31])
	var account api.Account
	if err := c.call(ctx, "GET", "/v1/accounts/"+from.String(), nil, &account); err != nil {
		return nil, nil // it is gone already
	}
	for seq := account.NextSeq; ctx.Err() == nil; seq++ {
		r, err := record.Sign(record.New(record.Record{
			Network: network.Dev.ID, Version: 1, Seq: seq, ValidUntil: 1 << 30, Fee: 10_000, Key: from,
			Payload: record.Pay{To: to, Amount: record.Amount(1 + seq)},
		}), key)
		if err != nil {
			return acknowledged, err
		}
		var sent api.Sent
		err = c.call(ctx, "POST", "/v1/records", r.Encode(), &sent)
		switch {
		case err == nil:
			acknowledged = append(acknowledged, sent.ID)
		case strings.Contains(err.Error(), "queue-full"):
			time.Sleep(20 * time.Millisecond)
			seq--
		case strings.Contains(err.Error(), ": 4"):
			return acknowledged, err // rejected
		default:
			return acknowledged, nil // gone
		}
	}
	return acknowledged, nil
}

// A node that is killed at any time, also while it recovers, opens again. Its store
// matches the rules, and it has every record that it has acknowledged. With STELE_LONG
// it is killed 200 times.
func TestNodeKilled(t *testing.T) {
	kills := 20
	if os.Getenv("STELE_LONG") != "" {
		kills = 200
	}
	dir := filepath.Join(t.TempDir(), "node")
	random := rand.New(rand.NewPCG(1, uint64(kills)))
	all := map[string]bool{}
	early := 0
	for kill := range kills {
		p := nodetest.StartNode(t, dir, "--mine")
		if kill%4 == 3 { // before it has come up
			time.Sleep(time.Duration(random.IntN(80)) * time.Millisecond)
			early++
			_ = p.End(syscall.SIGKILL)
			continue
		}
		url := p.Address()
		if url == "" {
			t.Fatalf("kill %d: the node does not start:\n%s", kill, p.Out)
		}
		client := newNodeClient(url)
		missing(t, client, all)
		var payers sync.WaitGroup
		var mu sync.Mutex
		for _, key := range network.DevFaucets()[1:5] {
			payers.Go(func() {
				ids, err := client.payFrom(t.Context(), key)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, id := range ids {
					all[id] = true
				}
			})
		}
		time.Sleep(time.Duration(100+random.IntN(500)) * time.Millisecond)
		_ = p.End(syscall.SIGKILL)
		payers.Wait()
		client.close()
		if kill%5 == 0 {
			nodetest.CheckStore(t, dir)
		}
	}

	p := nodetest.StartNode(t, dir)
	client := newNodeClient(p.Address())
	missing(t, client, all)
	client.close()
	if err := p.End(os.Interrupt); err != nil {
		t.Errorf("%v:\n%s", err, p.Out)
	}
	res := nodetest.CheckStore(t, dir)
	t.Logf("%d kills, %d of them early, %d records acknowledged, height %d", kills, early, len(all), res.Height)
	if len(all) < kills || res.Height < 10 || !res.Sealed {
		t.Errorf("%d records acknowledged, result %+v", len(all), res)
	}
}

// missing fails the test if the node lacks one of the records. It does not ask again
// for a record in the chain, which stays there.
func missing(t *testing.T, c nodeClient, all map[string]bool) {
	t.Helper()
	for id, pooled := range all {
		if !pooled {
			continue
		}
		var r api.Record
		if err := c.call(t.Context(), "GET", "/v1/records/"+id, nil, &r); err != nil {
			t.Errorf("a record that was acknowledged: %v", err)
		}
		all[id] = r.State != "confirmed"
	}
}

// Ctrl-C and SIGTERM shut a node under load down cleanly: its store
// is sealed, and the next start continues at the same height.
func TestNodeInterrupted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	height := uint32(0)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		p := nodetest.StartNode(t, dir, "--mine", "--traffic", "300")
		client := newNodeClient(p.Address())
		var health api.Health
		for first := true; first || health.Height < height+5; first = false {
			if err := client.call(t.Context(), "GET", "/v1/health", nil, &health); err != nil {
				t.Fatal(err)
			}
			if first && health.Height < height {
				t.Errorf("started at height %d, was at %d", health.Height, height)
			}
		}
		began := time.Now()
		if err := p.End(s); err != nil {
			t.Errorf("%v: %v\n%s", s, err, p.Out)
		}
		t.Logf("%v: ended after %v", s, time.Since(began).Round(time.Millisecond))
		client.close()
		res := nodetest.CheckStore(t, dir)
		if !res.Sealed || res.Height < health.Height {
			t.Errorf("result %+v, the node was at height %d", res, health.Height)
		}
		if want := fmt.Sprintf("stopped at height %d; data folder %s closed cleanly\n", res.Height, dir); !strings.Contains(p.Out.String(), want) {
			t.Errorf("no %q in\n%s", want, p.Out)
		}
		height = res.Height
	}
}

// A second node on the same folder fails to start and does not disturb the first.
func TestNodeTwice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	first := nodetest.StartNode(t, dir)
	client := newNodeClient(first.Address())
	defer client.close()
	second := nodetest.StartNode(t, dir)
	var exit *exec.ExitError
	if err := <-second.Ended; !errors.As(err, &exit) || exit.ExitCode() != cmdline.ExitFailed {
		t.Errorf("the second node: %v", err)
	}
	if want := "stele: store is in use: another process holds "; !strings.Contains(second.Out.String(), want) {
		t.Errorf("no %q in\n%s", want, second.Out)
	}
	if err := client.call(t.Context(), "GET", "/v1/tip", nil, new(api.Tip)); err != nil {
		t.Error(err)
	}
	if err := first.End(os.Interrupt); err != nil {
		t.Errorf("%v\n%s", err, first.Out)
	}
}
