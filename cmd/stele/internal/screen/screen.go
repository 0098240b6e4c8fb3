// Package screen shows the status of a command that runs for long.
//
//   - [Terminal] is where status and log go: a view on a terminal, lines elsewhere.
//   - [Painter] makes lines of styled text that fit the terminal.
//   - [Screen] keeps some lines at the bottom of a terminal up to date.
//   - [Keyboard] reads single keys.
package screen

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// Screen keeps some lines at the bottom of a terminal up to date. Text that is
// written to it, such as a log, goes above them. It uses neither the alternate screen
// nor raw mode: at the end the last lines stay, and only the cursor must be shown
// again. Safe for concurrent use.
type Screen struct {
	mu    sync.Mutex
	out   io.Writer
	size  func() (width, height int)
	drawn []string // lines on the terminal, the cursor is below them
}

// The escape sequences (ECMA-48; those with ? are DEC's).
const (
	hideCursor  = "\x1b[?25l"
	showCursor  = "\x1b[?25h"
	clearToEnd  = "\x1b[J" // from the cursor to the end of the screen
	clearToLine = "\x1b[K" // from the cursor to the end of the line
)

// New returns a screen on the terminal f.
func New(f *os.File) *Screen {
	return &Screen{out: f, size: func() (int, int) {
		w, h, err := term.GetSize(int(f.Fd()))
		if err != nil || w < 1 || h < 1 {
			return 80, 24
		}
		return w, h
	}}
}

// Draw replaces the lines on the terminal in one write. It leaves out lines for which
// the terminal has no room.
func (s *Screen) Draw(lines []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	width, height := s.size()
	lines = lines[:min(len(lines), height-1)]
	var b bytes.Buffer
	b.WriteString(hideCursor)
	s.up(&b)
	for _, line := range lines {
		b.WriteString(line)
		if Columns(line) < width { // in a full row it would clear the last character
			b.WriteString(clearToLine)
		}
		b.WriteString("\r\n")
	}
	b.WriteString(clearToEnd)
	s.drawn = append([]string(nil), lines...)
	_, err := s.out.Write(b.Bytes())
	return err
}

// Write writes text, which must be whole lines, above the drawn lines.
func (s *Screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b bytes.Buffer
	s.up(&b)
	b.WriteString(clearToEnd)
	b.Write(bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")))
	for _, line := range s.drawn {
		b.WriteString(line + "\r\n")
	}
	if _, err := s.out.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// Close leaves the last lines on the terminal and shows the cursor.
func (s *Screen) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drawn = nil
	_, _ = io.WriteString(s.out, showCursor)
}

// up moves the cursor to the first drawn line. If the terminal has become narrower
// since, a line takes several rows. The caller must hold s.mu.
func (s *Screen) up(b *bytes.Buffer) {
	width, height := s.size()
	rows := 0
	for _, line := range s.drawn {
		rows += max(1, (Columns(line)+width-1)/width)
	}
	if rows = min(rows, height-1); rows > 0 {
		fmt.Fprintf(b, "\x1b[%dF", rows)
	}
}

// Columns returns how many columns a line takes, without the escape sequences of
// styles. Characters of East Asian scripts and emoji take two.
func Columns(line string) int {
	n := 0
	for {
		before, after, found := strings.Cut(line, "\x1b[")
		n += uniseg.StringWidth(before)
		if !found {
			return n
		}
		_, line, _ = strings.Cut(after, "m")
	}
}
