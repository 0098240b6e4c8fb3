package screen

import (
	"bytes"
	"testing"
)

// The screen moves up by the rows of its lines, puts other text above them, and shows
// the cursor at the end.
func TestScreen(t *testing.T) {
	var out bytes.Buffer
	width := 10
	s := &Screen{out: &out, size: func() (int, int) { return width, 5 }}
	step := func(want string, do func()) {
		t.Helper()
		out.Reset()
		do()
		if got := out.String(); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	step("\x1b[?25lone\x1b[K\r\ntwo\x1b[K\r\n\x1b[J", func() { _ = s.Draw([]string{"one", "two"}) })
	step("\x1b[2F\x1b[Jlog\r\none\r\ntwo\r\n", func() { _, _ = s.Write([]byte("log\n")) })
	width = 2 // each line now takes two rows
	step("\x1b[?25l\x1b[4Fx\x1b[K\r\n\x1b[J", func() { _ = s.Draw([]string{"x"}) })
	step("\x1b[?25l\x1b[1F1\x1b[K\r\n2\x1b[K\r\n3\x1b[K\r\n4\x1b[K\r\n\x1b[J", func() { _ = s.Draw([]string{"1", "2", "3", "4", "5", "6"}) })
	step("\x1b[?25h", s.Close)
	if got := Columns("\x1b[1mab\x1b[0m\x1b[2m▁c\x1b[0m"); got != 4 {
		t.Errorf("visible: %d", got)
	}
}
