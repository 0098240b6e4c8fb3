package mine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"stele/cmd/stele/internal/steletest"
	"stele/engine/stratum/stratumtest"
)

// On a terminal single keys work, without Enter and without echo, and at the end the
// terminal is as before.
func TestMineTerminal(t *testing.T) {
	pool := stratumtest.New(t, stratumtest.Options{User: "rig.1", Password: "secret", Difficulty: "0.0001"})
	for _, end := range []string{"q", "\x03"} {
		x := steletest.NewTerminal(t)
		before := x.Mode()
		c := exec.Command("stele", "mine", "--url", pool.URL(), "--user", "rig.1", "--device", "cpu", "--threads", "1", "--api", "none")
		c.Env = append(os.Environ(), "STELE_PASSWORD=secret", "TERM=xterm")
		c.Stdin, c.Stdout, c.Stderr = x.Program, x.Program, x.Program
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		x.Wait("mining, up")
		if x.Mode() == before {
			t.Error("keys are read by the line")
		}
		x.Press("p")
		x.Wait("paused, up")
		x.Press("h")
		x.Wait("p pause  r resume")
		x.Press("xr")
		x.Wait("mining, up")
		x.Press(end)
		if err := c.Wait(); err != nil {
			t.Errorf("%q: %v", end, err)
		}
		x.Wait("stopped after")
		if x.Mode() != before {
			t.Errorf("%q: the terminal has other modes than before", end)
		}
	}
}

// A miner ends when its terminal is closed. It reloads its settings on a SIGHUP that
// comes while the terminal is open, that comes to a miner without a terminal, or to one
// that was started with SIGHUP ignored.
func TestMineTerminalCloses(t *testing.T) {
	pool := stratumtest.New(t, stratumtest.Options{User: "rig.1", Password: "secret", Difficulty: "0.0001"})
	for _, tt := range []struct {
		name  string
		shell string // starts the miner that follows
		ends  bool
	}{
		{"terminal", `exec "$@"`, true},
		{"nohup", `trap "" HUP; exec "$@"`, false},
		{"no terminal", `exec "$@" <&-`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := steletest.NewTerminal(t)
			log := filepath.Join(t.TempDir(), "log")
			c := exec.Command("sh", "-c", tt.shell+" 2>"+log, "sh",
				"stele", "mine", "--url", pool.URL(), "--user", "rig.1", "--device", "cpu", "--threads", "1", "--api", "none")
			c.Env = append(os.Environ(), "STELE_PASSWORD=secret", "TERM=xterm")
			c.Stdin, c.Stdout = x.Program, x.Program
			c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Process.Kill() }()
			logged := func(text string, times int) {
				t.Helper()
				for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
					said, err := os.ReadFile(log)
					if strings.Count(string(said), text) >= times {
						return
					}
					if time.Now().After(end) {
						t.Fatalf("no %q in %s, %v", text, said, err)
					}
				}
			}
			logged("source connected", 1)
			if err := c.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			logged("config reloaded", 1)
			if err := x.User.Close(); err != nil { // it hangs up
				t.Fatal(err)
			}
			if !tt.ends {
				logged("config reloaded", 2)
				if err := c.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			stuck := time.AfterFunc(30*time.Second, func() { _ = c.Process.Kill() })
			defer stuck.Stop()
			err := c.Wait()
			said, _ := os.ReadFile(log)
			if ended := strings.Contains(string(said), "terminal closed"); ended != tt.ends || tt.ends && err != nil {
				t.Errorf("%v; it ended with its terminal: %v\n%s", err, ended, said)
			}
		})
	}
}
