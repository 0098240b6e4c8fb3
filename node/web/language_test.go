package web

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func languagesOf(t *testing.T) []*language {
	t.Helper()
	all, err := readLanguages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var placePattern = regexp.MustCompile(`\{([a-z]+)(\|[^}]*)?\}`)

// placesOf returns the names of the places in a text, sorted, each once.
func placesOf(text string) []string {
	names := []string{}
	for _, m := range placePattern.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// All languages have the same keys, with the same places.
func TestTextsOfAllLanguages(t *testing.T) {
	all := languagesOf(t)
	for _, l := range all[1:] {
		for key, text := range all[0].texts {
			switch other := l.texts[key]; {
			case other == "":
				t.Errorf("%s lacks %q", l.Code, key)
			case !slices.Equal(placesOf(text), placesOf(other)):
				t.Errorf("%s has %q with the places %q, English has %q", l.Code, key, placesOf(other), placesOf(text))
			}
		}
		for key := range l.texts {
			if !all[0].has(key) {
				t.Errorf("English lacks %q", key)
			}
		}
	}
}

// keyPattern finds the keys of texts in the source: in Go, and in templates. A key that
// is put together gives its prefix.
var (
	keyInGo       = regexp.MustCompile(`(?:\.t|\.text|\.plain|\.has)\("([a-z][A-Za-z0-9.-]*)"( ?\+)?`)
	keyInTemplate = regexp.MustCompile(`\bt "([a-z][A-Za-z0-9.-]*)"|\bt \(print "([a-z][A-Za-z0-9.-]*\.)"`)
)

// Every text is used, and every text that is used exists.
func TestTextsAreUsed(t *testing.T) {
	l := languagesOf(t)[0]
	used, prefixes := map[string]bool{}, []string{"menu."}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	templates, err := filepath.Glob("templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(files, templates...) {
		if strings.HasSuffix(name, "_test.go") || name == "doc.go" {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range append(keyInGo.FindAllStringSubmatch(string(source), -1), keyInTemplate.FindAllStringSubmatch(string(source), -1)...) {
			switch {
			case m[1] == "":
				prefixes = append(prefixes, m[2])
			case m[2] != "":
				prefixes = append(prefixes, m[1])
			default:
				if used[m[1]] = true; !l.has(m[1]) {
					t.Errorf("%s uses the text %q, which there is not", name, m[1])
				}
			}
		}
	}
	for key := range l.texts {
		begins := func(prefix string) bool { return strings.HasPrefix(key, prefix) }
		if !used[key] && !strings.HasPrefix(key, "language.") && !slices.ContainsFunc(prefixes, begins) {
			t.Errorf("nothing uses the text %q", key)
		}
	}
	for _, path := range menu {
		if !l.has("menu." + strings.TrimPrefix(path, "/")) {
			t.Errorf("there is no text for the entry %s of the menu", path)
		}
	}
}

func TestText(t *testing.T) {
	l := &language{texts: map[string]string{"a": "<{x}> {n} {n|block|blocks}"}}
	for _, test := range []struct {
		values []any
		want   string
	}{
		{[]any{"x", "<b>", "n", 1}, "&lt;&lt;b&gt;&gt; 1 block"},
		{[]any{"x", l.text("none"), "n", 12345}, "&lt;none&gt; 12,345 blocks"},
		{[]any{"n", uint32(0)}, "&lt;{x}&gt; 0 blocks"},
	} {
		if got := string(l.text("a", test.values...)); got != test.want {
			t.Errorf("%v: %q, want %q", test.values, got, test.want)
		}
	}
}

func TestChooseLanguage(t *testing.T) {
	all := languagesOf(t)
	for _, test := range []struct{ target, cookie, header, want string }{
		{"/", "", "", "en"},
		{"/", "", "de, zh-TW;q=0.8, en;q=0.5", "zh"},
		{"/", "", "zh;q=0, en", "en"},
		{"/", "zh", "en", "zh"},
		{"/?lang=en", "zh", "zh", "en"},
		{"/?lang=xx", "yy", ";;q=,,zh-", "zh"},
	} {
		r := httptest.NewRequest("GET", test.target, nil)
		r.Header.Set("Accept-Language", test.header)
		r.Header.Set("Cookie", languageCookie+"="+test.cookie)
		if got, _ := chooseLanguage(all, r); got.Code != test.want {
			t.Errorf("%+v: %s", test, got.Code)
		}
	}
}
