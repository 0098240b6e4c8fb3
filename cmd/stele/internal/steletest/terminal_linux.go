package steletest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is a pseudo terminal (pty(7)) that a test types on. Make one with
// [NewTerminal].
type Terminal struct {
	t           *testing.T
	User        *os.File // what a person types and sees
	Program     *os.File // what a program reads and writes
	mu          sync.Mutex
	seen        bytes.Buffer
	searchedFor int // bytes of seen
}

// NewTerminal returns a terminal with 40 rows of 120 columns. The test closes it.
func NewTerminal(t *testing.T) *Terminal {
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
	x := &Terminal{t: t, User: user, Program: program}
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

// Resize changes the size of the terminal.
func (x *Terminal) Resize(rows, columns uint16) {
	x.t.Helper()
	if err := unix.IoctlSetWinsize(int(x.User.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		x.t.Fatal(err)
	}
}

// Wait waits until the program has written a text since the last time.
func (x *Terminal) Wait(text string) {
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

// Seen returns all that the program has written, and what the terminal has echoed.
func (x *Terminal) Seen() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seen.String()
}

// Press types keys.
func (x *Terminal) Press(keys string) {
	x.t.Helper()
	if _, err := x.User.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// Mode returns the local modes, such as ICANON and ECHO.
func (x *Terminal) Mode() uint32 {
	x.t.Helper()
	mode, err := unix.IoctlGetTermios(int(x.Program.Fd()), unix.TCGETS)
	if err != nil {
		x.t.Fatal(err)
	}
	return mode.Lflag
}
