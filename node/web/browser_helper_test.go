package web

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"stele/internal/browsertest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.site != nil {
		shared.close()
	}
	browsertest.Close()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// tab is a tab of the browser that shows pages of a site.
type tab struct {
	*site
	*browsertest.Tab
}

// look is how a tab shows pages.
type look struct {
	width int64
	dark  bool
	lang  string // "": that of the browser, English
}

// tab opens a tab. It skips the test where there is no browser.
func (s *site) tab(t testing.TB, l look) *tab {
	t.Helper()
	b := &tab{s, browsertest.Open(t, browsertest.Look{Width: l.width, Dark: l.dark})}
	b.Ignore = func(url string) bool { return strings.HasPrefix(url, s.URL+"/nowhere") } // an error page has the status of an error
	return b
}

func (b *tab) Helper()                           { b.Tab.Helper() }
func (b *tab) Fatal(args ...any)                 { b.Tab.Helper(); b.Tab.Fatal(args...) }
func (b *tab) Errorf(format string, args ...any) { b.Tab.Helper(); b.Tab.Errorf(format, args...) }

// open opens a page of the site.
func (b *tab) open(path string) {
	b.Helper()
	b.Goto(b.URL + path)
}

// eval runs a script, which may return a promise, and returns its value.
func eval[T any](b *tab, script string) T {
	b.Helper()
	return browsertest.Eval[T](b.Tab, script)
}

// widths are those at which no page may be wider than its window.
var widths = []int64{320, 390, 1280}

// maxPage is how much a page may transfer with everything that it needs, in bytes.
const maxPage = 150_000

// checkPage checks what holds for every page, in the tab where it is open, which has
// just been opened. With rules, axe checks these only.
func (b *tab) checkPage(path string, rules ...string) {
	b.Helper()
	if left := eval[string](b, `document.body.innerText.match(/\{[a-z]+(\|[^}]*)?\}|%!|\b(error|home|type|block|record|verify)\.[a-z]+\.[a-z.]*[a-z]\b/)?.[0] ?? ""`); left != "" {
		b.Errorf("%s shows %q", path, left)
	}
	b.CheckPage(path, maxPage, widths, rules...)
}

// pictureName is the name of the picture of a page.
func pictureName(name string, l look) string {
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	return fmt.Sprintf("%s-%d-%s-%s", name, l.width, scheme, l.lang)
}
