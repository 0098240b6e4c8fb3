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
	width = 3 // a full row is not cleared: that would take its last character
	step("\x1b[?25l\x1b[4Fabc\r\nab\x1b[K\r\n\x1b[J", func() { _ = s.Draw([]string{"abc", "ab"}) })
	step("\x1b[?25h", s.Close)
	if got := Columns("\x1b[1mab\x1b[0m\x1b[2m▁c\x1b[0m"); got != 4 {
		t.Errorf("visible: %d", got)
	}
}

// A line is cut at whole characters, in columns: those of East Asian scripts take two.
func TestPainterCuts(t *testing.T) {
	for _, tt := range []struct {
		p    Painter
		text string
		want string
	}{
		{Painter{Width: 8}, "矿池拒绝", "矿池拒绝"},
		{Painter{Width: 7}, "矿池拒绝", "矿池拒…"},
		{Painter{Width: 6}, "矿池拒绝", "矿池…"},
		{Painter{Width: 7, ASCII: true}, "矿池拒绝", "矿池..."},
		{Painter{Width: 3}, "e\u0301e\u0301e\u0301e\u0301", "e\u0301e\u0301…"},
		{Painter{Width: 2}, "👩‍🚀", "…"}, // its joiner is not printable: it takes five
		{Painter{Width: 1}, "ab", "…"},
		{Painter{Width: 0}, "ab", ""},
		{Painter{Width: 9}, "a\x1b[31mb\r\n", "a [31mb"},
	} {
		if got := tt.p.Line(Plain.Sprint(tt.text)); got != tt.want {
			t.Errorf("%+v %q: got %q, want %q", tt.p, tt.text, got, tt.want)
		}
	}
}

// Each style that names a state has a colour, and without Color there is none.
func TestPainterColors(t *testing.T) {
	spans := func() []Span {
		return []Span{Plain.Sprint("a"), Faint.Sprint("b"), Bold.Sprint("c"), Good.Sprint("d"), Great.Sprint("e"), Warning.Sprint("f"), Bad.Sprint("g")}
	}
	const want = "a\x1b[2mb\x1b[0m\x1b[1mc\x1b[0m\x1b[32md\x1b[0m\x1b[1;32me\x1b[0m\x1b[33mf\x1b[0m\x1b[31mg\x1b[0m"
	if got := (Painter{Width: 80, Color: true}).Line(spans()...); got != want || Columns(got) != 7 {
		t.Errorf("got %q", got)
	}
	if got := (Painter{Width: 80}).Line(spans()...); got != "abcdefg" {
		t.Errorf("got %q", got)
	}
}
