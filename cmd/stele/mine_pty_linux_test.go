package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"stele/engine/stratum/stratumtest"
)

// terminal is a pseudo terminal (pty(7)).
type terminal struct {
	t           *testing.T
	user        *os.File // what a person types and sees
	program     *os.File // what a program reads and writes
	mu          sync.Mutex
	seen        bytes.Buffer
	searchedFor int // bytes of seen
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(user.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 120}))
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, user: user, program: program}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b := make([]byte, 4096)
		for {
			n, err := user.Read(b)
			if err != nil {
				return // nobody has the other side any more
			}
			x.mu.Lock()
			x.seen.Write(b[:n])
			x.mu.Unlock()
		}
	}()
	t.Cleanup(func() { _ = program.Close(); <-read; _ = user.Close() })
	return x
}

// wait waits until the program has written a text since the last time.
func (x *terminal) wait(text string) {
	x.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		x.mu.Lock()
		fresh := x.seen.Bytes()[x.searchedFor:]
		at := bytes.Index(fresh, []byte(text))
		if at >= 0 {
			x.searchedFor += at + len(text)
			x.mu.Unlock()
			return
		}
		if time.Now().After(end) {
			x.t.Errorf("no %q in\n%s", text, fresh)
			x.mu.Unlock()
			x.t.FailNow()
		}
		x.mu.Unlock()
	}
}

func (x *terminal) press(keys string) {
	x.t.Helper()
	if _, err := x.user.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// mode returns the local modes, such as ICANON and ECHO.
func (x *terminal) mode() uint32 {
	x.t.Helper()
	mode, err := unix.IoctlGetTermios(int(x.program.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return mode.Lflag
}

// On a terminal single keys work, without Enter and without being shown, and in
// the end the terminal is as it was.
func TestMineTerminal(t *testing.T) {
	pool := stratumtest.New(t, stratumtest.Options{User: "rig.1", Password: "secret", Difficulty: "0.0001"})
	for _, end := range []string{"q", "\x03"} {
		x := newTerminal(t)
		before := x.mode()
		c := exec.Command("stele", "mine", "--url", pool.URL(), "--user", "rig.1", "--device", "cpu", "--threads", "1", "--api", "none")
		c.Env = append(os.Environ(), "STELE_PASSWORD=secret", "TERM=xterm")
		c.Stdin, c.Stdout, c.Stderr = x.program, x.program, x.program
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		x.wait("mining, up")
		if x.mode() == before {
			t.Error("keys are read by the line")
		}
		x.press("p")
		x.wait("paused, up")
		x.press("h")
		x.wait("p pause  r resume")
		x.press("xr")
		x.wait("mining, up")
		x.press(end)
		if err := c.Wait(); err != nil {
			t.Errorf("%q: %v", end, err)
		}
		x.wait("stopped after")
		if x.mode() != before {
			t.Errorf("%q: the terminal has other modes than before", end)
		}
	}
}

// When its terminal is closed, the miner ends. A hang-up that somebody sends
// while the terminal is there has it read its settings again, and so has any that
// comes to a miner without a terminal, or to one that was started with hang-ups
// ignored.
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
			x := newTerminal(t)
			log := filepath.Join(t.TempDir(), "log")
			c := exec.Command("sh", "-c", tt.shell+" 2>"+log, "sh",
				"stele", "mine", "--url", pool.URL(), "--user", "rig.1", "--device", "cpu", "--threads", "1", "--api", "none")
			c.Env = append(os.Environ(), "STELE_PASSWORD=secret", "TERM=xterm")
			c.Stdin, c.Stdout = x.program, x.program
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
			logged("settings read again", 1)
			if err := x.user.Close(); err != nil { // it hangs up
				t.Fatal(err)
			}
			if !tt.ends {
				logged("settings read again", 2)
				if err := c.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			stuck := time.AfterFunc(30*time.Second, func() { _ = c.Process.Kill() })
			defer stuck.Stop()
			err := c.Wait()
			said, _ := os.ReadFile(log)
			if ended := strings.Contains(string(said), "the terminal was closed"); ended != tt.ends || tt.ends && err != nil {
				t.Errorf("%v; it ended with its terminal: %v\n%s", err, ended, said)
			}
		})
	}
}
