package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"stele/engine/miner"
	"stele/engine/miner/gbt"
)

const (
	user, password = "interop", "simnet"
	// payout is a P2PKH address of simnet that every block pays. btcd requires one
	// before it serves templates, though the miner builds the coinbase.
	payout = "SNrExv4meNtf7QKvwj5EWudgZUrE14xFqc"
)

// build builds a command of the module in a folder, and returns its path.
func build(t *testing.T, dir, pkg string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), filepath.Base(pkg))
	command := exec.Command("go", "build", "-o", out, pkg)
	command.Dir = dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, text)
	}
	return out
}

// freePort returns a TCP port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// btcd is a running node.
type btcd struct {
	t   *testing.T
	url string // without user and password
}

func startBtcd(t *testing.T) *btcd {
	t.Helper()
	rpc := freePort(t)
	dir := t.TempDir()
	command := exec.Command(build(t, ".", "github.com/btcsuite/btcd"),
		"--simnet", "--notls", "--rpcuser="+user, "--rpcpass="+password, "--rpclisten="+rpc, "--listen="+freePort(t),
		"--datadir="+filepath.Join(dir, "data"), "--logdir="+filepath.Join(dir, "log"), "--configfile="+filepath.Join(dir, "none"),
		"--miningaddr="+payout)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		<-ended
		if t.Failed() {
			t.Logf("btcd said:\n%s", said.Bytes())
		}
	})
	n := &btcd{t: t, url: "http://" + rpc}
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if err := n.call("getblockcount", nil, new(int)); err == nil {
			return n
		} else if time.Now().After(end) {
			t.Fatalf("btcd does not answer: %v", err)
		}
		select {
		case err := <-ended:
			t.Fatalf("btcd ended: %v\n%s", err, said.Bytes())
		default:
		}
	}
}

// call sends a request.
func (n *btcd) call(method string, params []any, result any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": append([]any{}, params...)})
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, n.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.SetBasicAuth(user, password)
	r.Header.Set("Content-Type", "application/json")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	var answer struct {
		Result json.RawMessage
		Error  *struct{ Message string }
	}
	if err := json.NewDecoder(a.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return errors.New(answer.Error.Message)
	}
	return json.Unmarshal(answer.Result, result)
}

func (n *btcd) must(method string, result any, params ...any) {
	n.t.Helper()
	if err := n.call(method, params, result); err != nil {
		n.t.Fatalf("%s: %v", method, err)
	}
}

// The command mines a chain that btcd accepts, follows it by long polling, and every
// block pays the address.
func TestMine(t *testing.T) {
	const blocks = 20
	n := startBtcd(t)
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	stele := exec.CommandContext(ctx, build(t, "../..", "./cmd/stele"),
		"mine", "--url", n.url, "--user", user, "--password", password, "--payout", payout, "--api", "none", "--plain", "--threads", "1")
	stele.Cancel = func() error { return stele.Process.Signal(os.Interrupt) }
	var said bytes.Buffer
	stele.Stdout, stele.Stderr = &said, &said
	if err := stele.Start(); err != nil {
		t.Fatal(err)
	}
	height := 0
	for ctx.Err() == nil && height < blocks {
		time.Sleep(100 * time.Millisecond)
		n.must("getblockcount", &height)
	}
	stop()
	err := stele.Wait()
	if code := stele.ProcessState.ExitCode(); code != 0 { // err is that of ctx
		t.Errorf("stele mine: exit code %d, %v", code, err)
	}
	n.must("getblockcount", &height)
	if height < blocks || t.Failed() {
		t.Fatalf("height %d, want %d; stele mine said:\n%s", height, blocks, said.Bytes())
	}
	for h := 1; h <= height; h++ {
		var hash string
		var block struct {
			Confirmations int
			RawTx         []struct {
				Vout []struct{ ScriptPubKey struct{ Address string } }
			}
		}
		n.must("getblockhash", &hash, h)
		n.must("getblock", &block, hash, 2)
		if block.Confirmations < 1 || len(block.RawTx) == 0 || block.RawTx[0].Vout[0].ScriptPubKey.Address != payout {
			t.Fatalf("block %d: %+v", h, block)
		}
	}
	t.Logf("%d blocks", height)
}

// more raises the value of the coinbase in every template.
type more struct{}

func (more) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		return nil, err
	}
	text = []byte(strings.Replace(string(text), `"coinbasevalue":5000000000`, `"coinbasevalue":5000000001`, 1))
	a.Body, a.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return a, nil
}

type session chan *miner.Work

func (s session) Work(w *miner.Work) { s <- w }
func (s session) HashRate() float64  { return 0 }

// btcd checks the proposed block before the miner has work: a valid one passes, and one
// that claims too much is rejected with the reason. An address of another network fails
// before that.
func TestProposal(t *testing.T) {
	n := startBtcd(t)
	options := gbt.Options{URL: n.url, User: user, Password: password, Payout: payout}
	good, err := gbt.New(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	work, done := make(session, 1), make(chan error, 1)
	go func() { done <- good.Run(ctx, work) }()
	select {
	case w := <-work:
		if w.Height != 1 {
			t.Errorf("work for height %d", w.Height)
		}
	case err := <-done:
		t.Fatal(err)
	}
	cancel()
	<-done

	options.Payout = "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo" // of the main network
	elsewhere, err := gbt.New(options)
	if err != nil {
		t.Fatal(err)
	}
	if err := elsewhere.Run(t.Context(), make(session, 1)); !errors.Is(err, gbt.ErrPayout) {
		t.Errorf("an address of another network: %v", err)
	}
	options.Payout = payout

	options.HTTP = &http.Client{Transport: more{}}
	bad, err := gbt.New(options)
	if err != nil {
		t.Fatal(err)
	}
	err = bad.Run(t.Context(), make(session, 1))
	if !errors.Is(err, gbt.ErrRejected) {
		t.Fatalf("error %v", err)
	}
	t.Log(fmt.Sprint("btcd says: ", err))
}
