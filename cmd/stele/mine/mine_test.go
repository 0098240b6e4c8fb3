package mine

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/minerflags"
	"stele/cmd/stele/internal/steletest"
	"stele/engine/miner/health"
	"stele/engine/stratum/stratumtest"
)

// TestMine runs testdata/script. The scripts have $POOL, the URL of a strict pool with
// easy shares for the user rig.1 with the password secret, $OTHER, that of another such
// pool, and $EXAMPLES, the folder of the examples.
func TestMine(t *testing.T) {
	o := stratumtest.Options{User: "rig.1", Password: "secret", Difficulty: "0.0001"}
	pool, other := stratumtest.New(t, o), stratumtest.New(t, o)
	t.Run("scripts", func(t *testing.T) {
		testscript.Run(t, testscript.Params{
			Dir:                 "testdata/script",
			RequireExplicitExec: true,
			Setup: func(e *testscript.Env) error {
				e.Setenv("POOL", pool.URL())
				e.Setenv("OTHER", other.URL())
				examples, err := filepath.Abs("../../../docs/examples")
				e.Setenv("EXAMPLES", examples)
				return err
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"code": steletest.Code,
				"accepted": func(ts *testscript.TestScript, neg bool, args []string) {
					pool.Wait(func(p *stratumtest.Pool) bool { return p.Accepted() > 0 })
				},
			},
		})
	})
}

// mineContext returns the context that the command gets from flags and variables.
func mineContext(t *testing.T, flags ...string) (c *cli.Context) {
	t.Helper()
	app := cmdline.NewApp("", nil, io.Discard, os.Stderr, Command())
	app.Command("mine").Action = func(got *cli.Context) error { c = got; return nil }
	if code := cmdline.Run(t.Context(), app, append([]string{"stele", "mine"}, flags...)); code != cmdline.ExitGood || c == nil {
		t.Fatalf("exit code %d", code)
	}
	return c
}

// A reload reads the token again. It logs each setting that requires a restart, as
// long as the file differs from what runs and no flag or variable overrides it.
func TestMineReloadLogged(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("STELE_THREADS", "1")
	const sources = "api_token_file = \"token\"\n[[source]]\nurl = \"stratum+tcp://a.example:1\"\nuser = \"u\"\n"
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("token", "one")
	write("mine.toml", "api = \"127.0.0.1:7\"\nthreads = 2\nkernel = \"pure\"\n"+sources)
	c := mineContext(t, "--config", "mine.toml", "--kernel", "pure")
	s, err := readSettings(c)
	if err != nil || s.token != "one" {
		t.Fatal(err)
	}
	write("token", "two")
	for _, step := range []struct {
		file   string
		logged []string
	}{
		{"api = \"127.0.0.1:7\"\nthreads = 2\n", nil},
		{"api = \"127.0.0.1:7\"\nthreads = 3\nkernel = \"hybrid\"\n", nil}, // a variable and a flag override these
		{"api = \"127.0.0.1:8\"\non_sick = [\"echo\"]\n", []string{"api", "on_sick"}},
		{"api = \"127.0.0.1:8\"\n", []string{"api"}}, // still
		{"api = \"127.0.0.1:7\"\n", nil},
	} {
		write("mine.toml", step.file+sources)
		var log bytes.Buffer
		if s, err = s.reload(c, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Fatal(err)
		}
		if s.token != "two" {
			t.Errorf("the token is %q", s.token)
		}
		if strings.Count(log.String(), "\n") != len(step.logged) {
			t.Errorf("%q: logged %s", step.file, &log)
		}
		for _, key := range step.logged {
			if !strings.Contains(log.String(), "key="+key+"\n") {
				t.Errorf("%q: logged %s, not %s", step.file, &log, key)
			}
		}
	}
	write("token", "")
	if _, err := s.reload(c, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an empty token was taken")
	}
}

// A reload reads sources, passwords and limits again; flags still override the file. A
// source whose settings are the same stays the same one.
func TestMineReload(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const sources = "[[source]]\nurl = \"stratum+tcp://a.example:1\"\nuser = \"u\"\npassword_file = \"secret\"\n[[source]]\nurl = \"stratum+tcp://b.example:1\"\nuser = \"u\"\n"
	write("secret", "one")
	write("mine.toml", "temp_limit = 80\npower_limit = 300\n"+sources)
	c, log := mineContext(t, "--config", "mine.toml", "--power-limit", "150"), slog.New(slog.DiscardHandler)
	s, err := readSettings(c)
	if err != nil {
		t.Fatal(err)
	}
	if want := (health.Limits{Temperature: 80, Power: 150}); s.limits != want {
		t.Errorf("limits %+v", s.limits)
	}
	before, err := s.open(log)
	if err != nil {
		t.Fatal(err)
	}

	write("secret", "two")
	write("mine.toml", "temp_limit = 70\ntemp_resume = 60\n"+sources)
	if s, err = s.reload(c, log); err != nil {
		t.Fatal(err)
	}
	if want := (health.Limits{Temperature: 70, TemperatureResume: 60, Power: 150}); s.limits != want {
		t.Errorf("limits %+v", s.limits)
	}
	after, err := s.open(log)
	if err != nil {
		t.Fatal(err)
	}
	if after[0] == before[0] || after[1] != before[1] {
		t.Errorf("the source with another password: same %v; the other: same %v", after[0] == before[0], after[1] == before[1])
	}

	for _, bad := range []string{"temp_limit = -1\n", "temp_limit = nan\n", "temp_limit = 70\ntemp_resume = 90\n"} {
		write("mine.toml", bad+sources)
		if _, err := s.reload(c, log); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	write("mine.toml", sources)
	if s, err = s.reload(c, log); err != nil || s.limits != (health.Limits{Power: 150}) {
		t.Errorf("limits %+v, %v", s.limits, err)
	}
}

// If another program uses the address, the error says what to do.
func TestMineAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = minerflags.Listen(minerflags.ServerOptions{API: l.Addr().String(), APIFlag: "api"})
	if err == nil || !strings.Contains(err.Error(), "another stele mine? pass another port to --api, or none") {
		t.Errorf("got %v", err)
	}
}

// If no pool can be reached, the command keeps running, and notifies systemd's
// watchdog often enough for a short interval.
func TestMineWatchdog(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "stratum+tcp://" + nobody.Addr().String()
	_ = nobody.Close()
	c := exec.Command("stele", "mine", "--url", url, "--user", "u", "--device", "cpu", "--threads", "1", "--api", "none")
	c.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=200000")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	said, b := map[string]int{}, make([]byte, 100)
	for said["READY=1"] == 0 || said["WATCHDOG=1"] < 20 {
		n, err := conn.Read(b)
		if err != nil {
			t.Fatalf("systemd heard %v, and then %v", said, err)
		}
		said[string(b[:n])]++
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if ended = true; c.Wait() != nil || said["STOPPING=1"] != 0 {
		t.Errorf("%v; systemd heard %v", c.ProcessState, said)
	}
}
