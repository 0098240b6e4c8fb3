package node

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"stele/cmd/stele/internal/configfile"
	"stele/cmd/stele/internal/nodetest"
)

// Each flag has a key, but for those of one run; and each key has a flag.
func TestNodeConfigKeys(t *testing.T) {
	command, keys := Command(), configfile.Keys(new(configFile))
	ofOneRun := []string{"config", "check-config", "for", "blocks", "plain", "verbose", "retune"}
	for _, f := range command.Flags {
		name := f.Names()[0]
		key := strings.ReplaceAll(name, "-", "_")
		if slices.Contains(keys, key) == slices.Contains(ofOneRun, name) {
			t.Errorf("--%s: key in a file: %v", name, slices.Contains(keys, key))
		}
	}
	for _, key := range keys {
		if configfile.Flag(command.Flags, key) == nil {
			t.Errorf("%s has no flag", key)
		}
	}
}

// SIGHUP reloads the token and the trusted proxies, and logs what requires a restart. An
// invalid file changes nothing. Systemd gets to know all of it.
func TestNodeReload(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	heard := listenAsSystemd(t, "200000")
	config := "api_token_file = " + "'" + filepath.Join(folder, "token") + "'\n"
	write("token", "old\n")
	write("node.toml", config)
	p := nodetest.StartNode(t, filepath.Join(folder, "node"), "--config", filepath.Join(folder, "node.toml"))
	url := p.Address()
	allows := func(token string, want int) {
		t.Helper()
		r, err := http.NewRequest("POST", url+"/v1/records", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/octet-stream")
		r.Header.Set("Authorization", "Bearer "+token)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("token %q: %s, want %d", token, answer.Status, want)
		}
	}
	defer http.DefaultClient.CloseIdleConnections()
	heard("READY=1")
	heard("WATCHDOG=1")
	allows("old", http.StatusUnprocessableEntity) // its text is no record

	write("token", "new\n")
	write("node.toml", config+"trusted_proxy = ['192.0.2.0/24']\nprune = true\n")
	p.Signal(syscall.SIGHUP)
	heard("RELOADING=1\nMONOTONIC_USEC=")
	heard("READY=1")
	p.Logged("config reloaded")
	if key := p.Logged(`"setting changed: restart required" key=`); key != "prune" {
		t.Errorf("changed: %q", key)
	}
	allows("old", http.StatusUnauthorized)
	allows("new", http.StatusUnprocessableEntity)

	write("node.toml", config+"trusted_proxi = []\n")
	p.Signal(syscall.SIGHUP)
	p.Logged("config reload failed, keeping current settings")
	if !strings.Contains(p.Out.String(), `line 2: unknown key \"trusted_proxi\"; did you mean \"trusted_proxy\"?`) {
		t.Errorf("logged\n%s", p.Out)
	}
	allows("new", http.StatusUnprocessableEntity)
	if err := p.End(os.Interrupt); err != nil {
		t.Errorf("%v\n%s", err, p.Out)
	}
	heard("STOPPING=1")
}

// listenAsSystemd receives what programs that the test starts report to systemd. The
// result waits for a message that has a text. The watchdog expects a message each so
// many microseconds.
func listenAsSystemd(t *testing.T, watchdog string) (heard func(text string)) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", watchdog)
	return func(text string) {
		t.Helper()
		message := make([]byte, 4096)
		if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for {
			n, err := conn.Read(message)
			if err != nil {
				t.Fatalf("systemd did not hear %q: %v", text, err)
			}
			if bytes.Contains(message[:n], []byte(text)) {
				return
			}
		}
	}
}
