package configfile

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"pgregory.net/rapid"
)

type limits struct {
	TempLimit *float64 `toml:"temp_limit,omitempty"`
}

type table struct {
	URL  string `toml:"url"`
	User string `toml:"user,omitempty"`
}

type file struct {
	API     string   `toml:"api,omitempty"`
	Web     *bool    `toml:"web,omitempty"`
	Threads *int     `toml:"threads,omitempty"`
	Peers   []string `toml:"peers,omitempty"`
	limits
	Sources []table `toml:"source"`
}

var errThreads = errors.New("must be above 0")

func (f *file) Check() (key string, err error) {
	if f.Threads != nil && *f.Threads < 1 {
		return "threads", errThreads
	}
	return "", nil
}

// Errors name the line, and the key that was probably meant.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"api = 'x'\nthread = 2\n":                "f.toml: line 2: unknown key \"thread\"; did you mean \"threads\"?",
		"temp-limit = 2\n":                       "f.toml: line 1: unknown key \"temp-limit\"; did you mean \"temp_limit\"?",
		"abracadabra = 2\n":                      "f.toml: line 1: unknown key \"abracadabra\"",
		"\n\nurl = 'x'\n":                        "f.toml: line 3: unknown key \"url\": it belongs in a [[source]]",
		"[[source]]\nurl = 'x'\nusr = 'y'\n":     "f.toml: line 3: unknown key \"usr\"; did you mean \"user\"?",
		"[[source]]\nurl = 'x'\napi = 'y'\n":     "f.toml: line 3: unknown key \"api\"",
		"api = 'x'\n  threads = 0\n":             "f.toml: line 2: threads: must be above 0",
		"api = 'x'\napi = 'y'\n":                 "f.toml: line 2: Key 'api' has already been defined.",
		"api = \"\x00\"\n":                       "f.toml: line 1: ",
		"web = 'no'\n":                           "f.toml: line 1: web: has the type string: must be bool",
		"peers = 'a'\n":                          "f.toml: ",
		"[peers]\na = 1\n":                       "f.toml: ",
		strings.Repeat("[", 1<<12) + "\n":        "f.toml: line 1: ",
		"api = " + strings.Repeat("[", 1<<10):    "f.toml: line 1: ",
		"threads = 99999999999999999999999999\n": "f.toml: ",
	} {
		if _, err := Parse("f.toml", text, new(file)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
	if _, err := Parse("f.toml", "threads = 0", new(file)); !errors.Is(err, errThreads) {
		t.Errorf("%v does not wrap the error of Check", err)
	}
}

// What is written is read again, with the fields of embedded structs.
func TestText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := file{API: rapid.String().Draw(t, "api"), Peers: rapid.SliceOf(rapid.String()).Draw(t, "peers")}
		if rapid.Bool().Draw(t, "pointers") {
			f.Web, f.Threads = new(rapid.Bool().Draw(t, "web")), new(rapid.IntRange(1, 1<<40).Draw(t, "threads"))
			f.TempLimit = new(rapid.Float64().Draw(t, "limit"))
		}
		var got file
		if _, err := Parse("f.toml", Text(&f), &got); err != nil {
			t.Fatalf("%v\n%s", err, Text(&f))
		}
		if again := Text(&got); again != Text(&f) {
			t.Fatalf("wrote\n%s\nand then\n%s", Text(&f), again)
		}
	})
	if got, want := Keys(new(file)), []string{"api", "web", "threads", "peers", "temp_limit", "source"}; !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
}

// A changed key is found, unless it is skipped or overridden.
func TestChanged(t *testing.T) {
	d := Document{overridden: map[string]bool{"web": true}}
	a := file{API: "x", Web: new(true), Threads: new(1), limits: limits{new(80.0)}}
	b := file{API: "x", Web: new(false), Threads: new(2), limits: limits{new(70.0)}}
	if got := d.Changed(&a, &b, map[string]bool{"threads": true}); !slices.Equal(got, []string{"temp_limit"}) {
		t.Errorf("changed %q", got)
	}
	if got := d.Changed(&a, &a, nil); got != nil {
		t.Errorf("nothing has changed, got %q", got)
	}
}

// Every text is a file or has an error of one line that names it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"api = 'x'\nthreads = 2\n[[source]]\nurl = 'y'\n", "a.b.c = 1", "[[source]]\n[source.x]\ny=1", "\"\\u0000\" = 1", "\"a\nb\" = 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got file
		_, err := Parse("f.toml", text, &got)
		if err == nil {
			var plain map[string]any
			if _, err := toml.Decode(text, &plain); err != nil {
				t.Errorf("%q was taken, although it is no TOML: %v", text, err)
			}
			return
		}
		if !strings.HasPrefix(err.Error(), "f.toml: ") {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// The distance of two words is that of a definition without an index.
func TestEditDistance(t *testing.T) {
	var slow func(a, b string) int
	slow = func(a, b string) int {
		switch {
		case a == "" || b == "":
			return len(a) + len(b)
		case a[0] == b[0]:
			return slow(a[1:], b[1:])
		}
		return 1 + min(slow(a[1:], b), slow(a, b[1:]), slow(a[1:], b[1:]))
	}
	word := rapid.StringMatching(`[abc_]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		if got, want := editDistance(a, b), slow(a, b); got != want {
			t.Fatalf("%q to %q: %d, want %d", a, b, got, want)
		}
	})
}
