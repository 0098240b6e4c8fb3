package text

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 10, ""},
		{"Low difficulty share", 20, "Low difficulty share"},
		{"Low difficulty share", 19, "Low difficulty s..."},
		{"größer als 1 €", 100, "größer als 1 €"},
		{"\x1b[31mred\x1b[0m", 100, " [31mred [0m"},
		{"\x1b]0;title\x07", 100, " ]0;title "},
		{"a\r\nlevel=ERROR\tb\x00c\x7fd", 100, "a  level=ERROR b c d"},
		{"a\u0085b\u2028c\u2029d\u009be", 100, "a b c d e"},
		{"evil\u202egnp.exe\u2066\u200f\u061c", 100, "evil gnp.exe   "},
		{"a\u200bb\ufeffc\u00add", 100, "a b c d"},
		{"a\xffb\xc0\xafc\xed\xa0\x80d", 100, "a b  c   d"},
		{"abcdef", 3, "..."},
		{"abcdef", 2, ".."},
		{"abcdef", 0, ""},
		{"abcdef", -1, ""},
		{"äöü", 5, "ä..."},
		{"äöü", 4, "..."},
		{strings.Repeat("\xff", 1000), 5, "  ..."},
	} {
		if got := Clean(c.in, c.limit); got != c.want {
			t.Errorf("Clean(%q, %d): %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

// Whatever the input, clean text has no control or escape character, nothing that
// turns the direction of writing, is UTF-8 and fits.
func FuzzClean(f *testing.F) {
	f.Add("hello", 3)
	f.Add("\x1b]0;x\x07\u202e\xff\u2028", 40)
	f.Add(strings.Repeat("é", 300), Max)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = min(limit, 1<<16)
		got := Clean(s, limit)
		if len(got) > max(limit, 0) || !utf8.ValidString(got) {
			t.Errorf("%q is not UTF-8 of at most %d bytes", got, limit)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) {
				t.Errorf("%q has %U", got, r)
			}
		}
		if again := Clean(got, limit); again != got {
			t.Errorf("%q becomes %q", got, again)
		}
		if n := utf8.RuneCountInString(got); n > utf8.RuneCountInString(s) && !strings.HasSuffix(got, "..") {
			t.Errorf("%q has become longer: %q", s, got)
		}
	})
}

func TestError(t *testing.T) {
	if Error(nil, 10) != nil {
		t.Error("nil is an error")
	}
	plain := errors.New("plain")
	if got := Error(plain, 10); got != plain {
		t.Errorf("a clean error became %v", got)
	}
	dirty := fmt.Errorf("%w: \x1b[31m%s", &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, strings.Repeat("z", 1000))
	got := Error(dirty, 50)
	if s := got.Error(); len(s) > 50 || strings.Contains(s, "\x1b") || !strings.HasPrefix(s, "open x: ") {
		t.Errorf("%q", s)
	}
	var path *fs.PathError
	if !errors.Is(got, fs.ErrNotExist) || !errors.As(got, &path) {
		t.Error("its kind is lost")
	}
}
