// Package nodetest runs "stele node" in tests, as a process of its own. The test
// binary must be the program stele, see [stele/cmd/stele/internal/steletest].
package nodetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// Node is a process "stele node".
type Node struct {
	*testing.T
	cmd   *exec.Cmd
	Ended chan error
	url   chan string // of the API
	Pool  chan string // HOST:PORT of the Stratum server and its fingerprint
	Out   *Buffer
}

// Buffer collects the output of a process. Safe for concurrent use.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// StartNode starts a node on the development network. The test calls [Node.End].
func StartNode(t *testing.T, dir string, flags ...string) *Node {
	t.Helper()
	p := &Node{T: t, Ended: make(chan error, 1), url: make(chan string, 1), Pool: make(chan string, 1), Out: new(Buffer)}
	p.cmd = exec.Command("stele", append([]string{"node", "--dev", "--data", dir, "--api", "127.0.0.1:0", "--threads", "1", "--traffic", "0"}, flags...)...)
	p.cmd.Stdout = p.Out
	log, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() }) // in case the test fails
	go func() {
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			fmt.Fprintln(p.Out, lines.Text())
			if _, after, ok := strings.Cut(lines.Text(), " api="); ok {
				p.url <- "http://" + after
			}
			if _, after, ok := strings.Cut(lines.Text(), "stratum server started\" address="); ok {
				p.Pool <- after
			}
		}
		close(p.url)
		p.Ended <- p.cmd.Wait()
	}()
	return p
}

// Address waits for the URL of the API and returns it, "" if the process has ended.
func (p *Node) Address() string { return <-p.url }

// Signal sends a signal.
func (p *Node) Signal(s os.Signal) {
	p.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.Fatal(err)
	}
}

// End sends a signal and returns how the process ended.
func (p *Node) End(s os.Signal) error {
	p.Helper()
	_ = p.cmd.Process.Signal(s) // it may have ended
	select {
	case err := <-p.Ended:
		return err
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Kill()
		p.Fatalf("the node did not end after %v; it printed:\n%s", s, p.Out)
		return nil
	}
}

// Logged waits until the node has logged a text, and returns the word after it.
func (p *Node) Logged(text string) string {
	p.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, after, ok := strings.Cut(p.Out.String(), text); ok && strings.Contains(after, "\n") {
			word, _, _ := strings.Cut(after, "\n")
			word, _, _ = strings.Cut(word, " ")
			return word
		}
	}
	p.Fatalf("no %q in\n%s", text, p.Out)
	return ""
}

// StoreState is the result of "stele node check".
type StoreState struct {
	Height       uint32
	Sealed, Good bool
}

// CheckStore runs "stele node check", which must find no damage.
func CheckStore(t *testing.T, dir string) StoreState {
	t.Helper()
	out, err := exec.Command("stele", "node", "check", "--json", "--data", dir).CombinedOutput()
	var res StoreState
	if jsonErr := json.Unmarshal(out, &res); err != nil || jsonErr != nil || !res.Good {
		t.Fatalf("node check: %v\n%s", err, out)
	}
	return res
}

// Indexed waits until the node at a URL has its lists up to a height.
func (p *Node) Indexed(url string, height uint32) {
	p.Helper()
	var last error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		answer, err := http.Get(url + "/v1/totals")
		if last = err; err != nil {
			continue
		}
		var totals struct {
			Height *uint32 `json:"height"`
		}
		last = json.NewDecoder(answer.Body).Decode(&totals)
		_ = answer.Body.Close()
		if totals.Height != nil && *totals.Height >= height {
			return
		}
	}
	p.Fatalf("no lists up to height %d: %v; the node printed:\n%s", height, last, p.Out)
}
