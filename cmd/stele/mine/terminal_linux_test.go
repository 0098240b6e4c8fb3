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

// A terminal shows accepted shares in green above the view, which follows the width of
// the terminal. With NO_COLOR, with TERM=dumb and with --plain there are no colours.
func TestMineTerminalColors(t *testing.T) {
	const green = "\x1b[32maccepted\x1b[0m"
	pool := stratumtest.New(t, stratumtest.Options{User: "rig.1", Password: "secret", Difficulty: "0.0001"})
	for _, tt := range []struct {
		name   string
		env    string
		flags  []string
		colors bool
		live   bool
	}{
		{"colours", "NO_COLOR=", nil, true, true}, // an empty value is none
		{"NO_COLOR", "NO_COLOR=1", nil, false, true},
		{"dumb", "TERM=dumb", nil, false, false},
		{"plain", "NO_COLOR=", []string{"--plain"}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := steletest.NewTerminal(t)
			c := exec.Command("stele", append([]string{"mine", "--url", pool.URL(), "--user", "rig.1", "--device", "cpu", "--threads", "1", "--api", "none"}, tt.flags...)...)
			c.Env = append(os.Environ(), "STELE_PASSWORD=secret", "TERM=xterm", "LC_ALL=C.UTF-8", tt.env)
			c.Stdin, c.Stdout, c.Stderr = x.Program, x.Program, x.Program
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			stuck := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
			defer stuck.Stop()
			if tt.colors {
				x.Wait(green + "  #1  cpu  diff ")
			} else {
				x.Wait("accepted  #1  cpu  diff ")
			}
			if tt.live {
				x.Resize(24, 40)
				x.Wait("…") // lines are cut
			}
			_ = c.Process.Signal(os.Interrupt)
			if err := c.Wait(); err != nil {
				t.Error(err)
			}
			x.Wait("stopped after")
			seen := x.Seen()
			if got := strings.Contains(seen, "\x1b[32m") || strings.Contains(seen, "\x1b[1m"); got != tt.colors {
				t.Errorf("colours: %v in\n%q", got, seen)
			}
			if !tt.live && strings.Contains(seen, "\x1b") {
				t.Errorf("escape codes in\n%q", seen)
			}
		})
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
			logged := func(text string, times int) { t.Helper(); steletest.AwaitText(t, log, text, times) }
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

// On a terminal, --init asks for what no flag has, and asks again after a wrong answer.
// A password is not shown. Ctrl-C and the end of the input write nothing.
func TestMineInitAsks(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "mine.toml")
	start := func(x *steletest.Terminal) *exec.Cmd {
		t.Helper()
		c := exec.Command("stele", "mine", "--init", "--config", name)
		c.Stdin, c.Stdout, c.Stderr = x.Program, x.Program, x.Program
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		stuck := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
		t.Cleanup(func() { stuck.Stop() })
		x.Wait("Pool or node, such as stratum+tcp://pool.example:3333: ")
		return c
	}
	for _, tt := range []struct{ answers, end string }{
		{"", "\x03"}, {"", "\x04"}, // Ctrl-C, Ctrl-D
		{"pool.example:3333\nrig.1\n", "\x03"},
	} {
		x := steletest.NewTerminal(t)
		before := x.Mode()
		c := start(x)
		x.Press(tt.answers)
		if tt.answers != "" {
			x.Wait("Password; most pools take any [x]: ")
		}
		x.Press(tt.end)
		if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 2 {
			t.Errorf("%q: %v", tt, err)
		}
		if files, err := os.ReadDir(folder); len(files) > 0 || err != nil || x.Mode() != before {
			t.Errorf("%q: files %v, %v; mode %#x, was %#x", tt, files, err, x.Mode(), before)
		}
	}

	x := steletest.NewTerminal(t)
	c := start(x)
	x.Press("ftp://pool.example\n")
	x.Wait(`unknown scheme "ftp"`)
	x.Wait("Pool or node")
	x.Press("stratum+tcp://pool.example:3333\n")
	x.Wait("User, such as account.worker: ")
	x.Press("\n")
	x.Wait("User, such as account.worker: ")
	x.Press("rig.1\n")
	x.Wait("Password; most pools take any [x]: ")
	x.Press("hunter2\n")
	x.Wait("start:  stele mine --config " + name)
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(x.Seen(), "hunter2") {
		t.Error("the password was shown")
	}
	out, code := steletest.Run(t, "mine", "--config", name, "--check-config")
	if want := "user = \"rig.1\"\npassword_file = \"" + filepath.Join(folder, "mine.password") + "\"\n"; code != 0 || !strings.Contains(out, want) {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	if secret, err := os.ReadFile(filepath.Join(folder, "mine.password")); string(secret) != "hunter2\n" {
		t.Errorf("password %q, %v", secret, err)
	}
}

// For a node with getblocktemplate it asks for the payout and the cookie, and for
// nothing that the URL has.
func TestMineInitAsksForNode(t *testing.T) {
	name := filepath.Join(t.TempDir(), "mine.toml")
	x := steletest.NewTerminal(t)
	c := exec.Command("stele", "mine", "--init", "--config", name)
	c.Env = append(os.Environ(), "HOME=/home/user")
	c.Stdin, c.Stdout, c.Stderr = x.Program, x.Program, x.Program
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(time.Minute, func() { _ = c.Process.Kill() })
	defer stuck.Stop()
	x.Wait("Pool or node")
	x.Press("http://n.example:8332\n")
	x.Wait("Address that blocks pay: ")
	x.Press("1Address\n")
	x.Wait("wrong length")
	x.Wait("Address that blocks pay: ")
	x.Press("51\n")
	x.Wait("The node's .cookie file [/home/user/.bitcoin/.cookie]: ")
	x.Press("\n")
	x.Wait("wrote " + name)
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	out, code := steletest.Run(t, "mine", "--config", name, "--check-config")
	if code != 0 || !strings.HasSuffix(out, "url = \"http://n.example:8332\"\ncookie = \"/home/user/.bitcoin/.cookie\"\npayout = \"51\"\n") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
