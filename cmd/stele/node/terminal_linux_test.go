package node

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stele/cmd/stele/internal/steletest"
)

// On a terminal single keys pause and resume the devices of a node and stop it, and
// in the end the terminal is as it was. A node that does not mine reads no keys.
func TestNodeTerminal(t *testing.T) {
	for _, end := range []string{"q", "\x03"} {
		x := steletest.NewTerminal(t)
		before := x.Mode()
		c := exec.Command("stele", "node", "--dev", "--mine", "--data", t.TempDir(), "--threads", "1", "--api", "none", "--traffic", "0")
		c.Env = append(os.Environ(), "TERM=xterm")
		c.Stdin, c.Stdout, c.Stderr = x.Program, x.Program, x.Program
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		x.Wait("p pause  r resume  q quit")
		if x.Mode() == before {
			t.Error("keys are read by the line")
		}
		x.Press("p")
		x.Wait(", paused")
		x.Press("xr")
		x.Wait("stale\x1b[K")
		x.Press(end)
		if err := c.Wait(); err != nil {
			t.Errorf("%q: %v", end, err)
		}
		x.Wait("stopped at height")
		if x.Mode() != before {
			t.Errorf("%q: the terminal has other modes than before", end)
		}
	}
	x := steletest.NewTerminal(t)
	before := x.Mode()
	c := exec.Command("stele", "node", "--dev", "--data", t.TempDir(), "--api", "none")
	c.Env = append(os.Environ(), "TERM=xterm")
	c.Stdin, c.Stdout, c.Stderr = x.Program, x.Program, x.Program
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	x.Wait("Ctrl-C to stop")
	if x.Mode() != before {
		t.Error("a node that does not mine has changed the terminal")
	}
	_ = c.Process.Signal(os.Interrupt)
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

// A node ends cleanly when its terminal is closed. It reloads its settings on a SIGHUP
// that comes while the terminal is open, or to a node that was started with SIGHUP
// ignored.
func TestNodeTerminalCloses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		shell string // starts the node that follows
		ends  bool
	}{
		{"terminal", `exec "$@"`, true},
		{"nohup", `trap "" HUP; exec "$@"`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := steletest.NewTerminal(t)
			log := filepath.Join(t.TempDir(), "log")
			c := exec.Command("sh", "-c", tt.shell+" 2>"+log, "sh",
				"stele", "node", "--dev", "--data", filepath.Join(t.TempDir(), "node"), "--api", "127.0.0.1:0", "--traffic", "0")
			c.Env = append(os.Environ(), "TERM=xterm")
			c.Stdin, c.Stdout = x.Program, x.Program
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			stuck := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
			defer stuck.Stop()
			defer func() { _ = c.Process.Kill() }()
			logged := func(text string, times int) { t.Helper(); steletest.AwaitText(t, log, text, times) }
			logged("node started", 1)
			_ = c.Process.Signal(syscall.SIGHUP)
			logged("config reloaded", 1)
			if err := x.User.Close(); err != nil { // it hangs up
				t.Fatal(err)
			}
			if !tt.ends {
				logged("config reloaded", 2)
				_ = c.Process.Signal(syscall.SIGTERM)
			}
			err := c.Wait()
			said, _ := os.ReadFile(log)
			if ended := strings.Contains(string(said), "terminal closed"); ended != tt.ends || tt.ends && err != nil {
				t.Errorf("%v; it ended with its terminal: %v\n%s", err, ended, said)
			}
		})
	}
}
