package main

import (
	"bufio"
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

	"stele/node/api"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// nodeProcess is "stele node" as a process of its own.
type nodeProcess struct {
	*testing.T
	cmd   *exec.Cmd
	ended chan error
	url   chan string // of the API, once it is known
	pool  chan string // HOST:PORT of the Stratum server, if there is one, and the fingerprint
	out   *lockedBuffer
}

// lockedBuffer collects what a process prints.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// startNode starts a node on the development network. The test ends it.
func startNode(t *testing.T, dir string, flags ...string) *nodeProcess {
	t.Helper()
	p := &nodeProcess{T: t, ended: make(chan error, 1), url: make(chan string, 1), pool: make(chan string, 1), out: new(lockedBuffer)}
	p.cmd = exec.Command("stele", append([]string{"node", "--dev", "--data", dir, "--api", "127.0.0.1:0", "--threads", "1", "--traffic", "0"}, flags...)...)
	p.cmd.Stdout = p.out
	log, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // if the test fails
	go func() {
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			fmt.Fprintln(p.out, lines.Text())
			if _, after, ok := strings.Cut(lines.Text(), " api="); ok {
				p.url <- "http://" + after
			}
			if _, after, ok := strings.Cut(lines.Text(), "stratum server listening\" address="); ok {
				p.pool <- after
			}
		}
		close(p.url)
		p.ended <- p.cmd.Wait()
	}()
	return p
}

// address waits for the URL of the API. It is "" if the process has ended.
func (p *nodeProcess) address() string { return <-p.url }

// end sends a signal and returns how the process ended.
func (p *nodeProcess) end(s os.Signal) error {
	p.Helper()
	_ = p.cmd.Process.Signal(s) // it may have ended
	select {
	case err := <-p.ended:
		return err
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Kill()
		p.Fatalf("the node does not end after %v; it printed:\n%s", s, p.out)
		return nil
	}
}

// nodeClient talks to the API of a node.
type nodeClient struct {
	url  string
	http *http.Client
}

func newNodeClient(url string) nodeClient {
	return nodeClient{url, &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}}
}

func (c nodeClient) close() { c.http.CloseIdleConnections() }

// call sends a request, more slowly if the node wants that. It returns an error
// unless the answer is good.
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
// gone or ctx ends. It returns the ids of those that were acknowledged.
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
			return acknowledged, err // refused
		default:
			return acknowledged, nil // gone
		}
	}
	return acknowledged, nil
}

// checkNodeStore runs "stele node check", which must find nothing.
func checkNodeStore(t *testing.T, dir string) nodeCheckResult {
	t.Helper()
	out, err := exec.Command("stele", "node", "check", "--json", "--data", dir).CombinedOutput()
	var res nodeCheckResult
	if jsonErr := json.Unmarshal(out, &res); err != nil || jsonErr != nil || !res.Good {
		t.Fatalf("node check: %v\n%s", err, out)
	}
	return res
}

// A node that is killed at any time, also while it recovers, opens again, its
// store is as the rules give it, and it has every record that it has
// acknowledged. With STELE_LONG it is killed 200 times.
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
		p := startNode(t, dir, "--mine")
		if kill%4 == 3 { // before it has come up
			time.Sleep(time.Duration(random.IntN(80)) * time.Millisecond)
			early++
			_ = p.end(syscall.SIGKILL)
			continue
		}
		url := p.address()
		if url == "" {
			t.Fatalf("kill %d: the node does not start:\n%s", kill, p.out)
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
		_ = p.end(syscall.SIGKILL)
		payers.Wait()
		client.close()
		if kill%5 == 0 {
			checkNodeStore(t, dir)
		}
	}

	p := startNode(t, dir)
	client := newNodeClient(p.address())
	missing(t, client, all)
	client.close()
	if err := p.end(os.Interrupt); err != nil {
		t.Errorf("%v:\n%s", err, p.out)
	}
	res := checkNodeStore(t, dir)
	t.Logf("%d kills, %d of them early, %d records acknowledged, height %d", kills, early, len(all), res.Height)
	if len(all) < kills || res.Height < 10 || !res.Sealed {
		t.Errorf("%d records acknowledged, result %+v", len(all), res)
	}
}

// missing fails the test if the node lacks one of the records. Those that are
// in the chain are not asked for again: nothing takes them out.
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

// Ctrl-C, SIGTERM and a closed terminal stop a node under load in an orderly way: its store is
// sealed, and it goes on at the same height.
func TestNodeInterrupted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	height := uint32(0)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		p := startNode(t, dir, "--mine", "--traffic", "300")
		client := newNodeClient(p.address())
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
		if err := p.end(s); err != nil {
			t.Errorf("%v: %v\n%s", s, err, p.out)
		}
		t.Logf("%v: ended after %v", s, time.Since(began).Round(time.Millisecond))
		client.close()
		res := checkNodeStore(t, dir)
		if !res.Sealed || res.Height < health.Height {
			t.Errorf("result %+v, the node was at height %d", res, health.Height)
		}
		if want := fmt.Sprintf("stopped at height %d; the store is closed: %s\n", res.Height, dir); !strings.Contains(p.out.String(), want) {
			t.Errorf("no %q in\n%s", want, p.out)
		}
		height = res.Height
	}
}

// A second node on the same folder is refused, and does the first no harm.
func TestNodeTwice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	first := startNode(t, dir)
	client := newNodeClient(first.address())
	defer client.close()
	second := startNode(t, dir)
	var exit *exec.ExitError
	if err := <-second.ended; !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
		t.Errorf("the second node: %v", err)
	}
	if want := "stele: store is in use: another process holds "; !strings.Contains(second.out.String(), want) {
		t.Errorf("no %q in\n%s", want, second.out)
	}
	if err := client.call(t.Context(), "GET", "/v1/tip", nil, new(api.Tip)); err != nil {
		t.Error(err)
	}
	if err := first.end(os.Interrupt); err != nil {
		t.Errorf("%v\n%s", err, first.out)
	}
}
