package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/nodetest"
	"stele/engine"
	"stele/node/query"
)

// A node whose devices are lost to the process has an exit code of its own, and says
// why.
func TestNodeExitCodes(t *testing.T) {
	for _, tt := range []struct {
		err            error
		want           int
		stdout, stderr string
	}{
		{nil, 0, "stopped at height 7; data folder d closed cleanly\n", ""},
		{errors.Join(fmt.Errorf("%w: cuda:0: gone", engine.ErrLost), nil), 10, "", "stele: " + engine.ErrLost.Error() + ": cuda:0: gone\n"},
		{errors.New("something else"), 2, "", "stele: something else\n"},
	} {
		var stdout, stderr bytes.Buffer
		app := cmdline.NewApp("", strings.NewReader(""), &stdout, &stderr)
		app.Commands = []*cli.Command{{Name: "node", Action: func(c *cli.Context) error {
			return stopped(c, query.Status{Height: 7, Dir: "d"}, tt.err)
		}}}
		code := cmdline.Run(context.Background(), app, []string{"stele", "node"})
		if code != tt.want || stdout.String() != tt.stdout || stderr.String() != tt.stderr {
			t.Errorf("%v: code %d, want %d; %q, %q", tt.err, code, tt.want, stdout.String(), stderr.String())
		}
	}
}

// The APIs of "stele mine" show and pause the devices of a node.
func TestNodeMineAPI(t *testing.T) {
	p := nodetest.StartNode(t, t.TempDir(), "--mine", "--mine-api", "127.0.0.1:0", "--cgminer", "127.0.0.1:0", "--api-token", "secret")
	p.Address()
	api := p.Logged(`what="status and metrics" address=`)
	p.Logged(`what="cgminer API" address=`)
	client := &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	call := func(method, path, token string, want int) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+api+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != want {
			t.Errorf("%s %s: %d, want %d", method, path, answer.StatusCode, want)
		}
		return string(text)
	}
	state := func(want string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !strings.Contains(call("GET", "/status", "", http.StatusOK), fmt.Sprintf(`"state":%q`, want)); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the miner is not %s", want)
			}
		}
	}
	state("mining")
	call("GET", "/metrics", "", http.StatusOK)
	call("POST", "/pause", "", http.StatusUnauthorized)
	call("POST", "/pause", "secret", http.StatusNoContent)
	state("paused")
	call("POST", "/resume", "secret", http.StatusNoContent)
	state("mining")
	if err := p.End(os.Interrupt); err != nil {
		t.Errorf("%v\n%s", err, p.Out)
	}
}
