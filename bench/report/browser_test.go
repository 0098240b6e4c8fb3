package report

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"stele/bench"
	"stele/internal/browsertest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	browsertest.Close()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// widths are those at which no page may be wider than its window.
var widths = []int64{320, 360, 1280}

// Pages hold in a browser: see [browsertest.Tab.CheckPage]. With STELE_LOOK=FOLDER the
// test leaves pictures of them there.
func TestPagesInBrowser(t *testing.T) {
	doubtful := machineResult(t, "rig 4", 1)
	for i := range doubtful.Cases {
		for j := range doubtful.Cases[i].Samples {
			doubtful.Cases[i].Samples[j].Probe = 0.5
		}
	}
	doubtful = doubtful.Recomputed()
	doubtful.Failed = []bench.Failure{{Case: "search/cuda:1", Reason: "the device is gone"}}
	dir := t.TempDir()
	pages := map[string][]Source{"one": rigs(t)[:1], "several": rigs(t), "doubtful": {sourceOf(t, doubtful)}}
	for name, sources := range pages {
		if err := os.WriteFile(filepath.Join(dir, name+".html"), []byte(htmlOf(t, sources...)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, look := range []browsertest.Look{{Width: 1280}, {Width: 1280, Dark: true}, {Width: 360}, {Width: 360, Dark: true}, {Width: 800, Dark: true, Print: true}} {
		t.Run(fmt.Sprintf("%+v", look), func(t *testing.T) {
			b := browsertest.Open(t, look)
			first := look == browsertest.Look{Width: 1280}
			for name := range pages {
				if name == "one" && !first {
					continue // what it shows is in the others
				}
				b.Goto("file://" + filepath.Join(dir, name+".html"))
				b.Picture(fmt.Sprintf("%s-%d-%v-%v", name, look.Width, look.Dark, look.Print))
				fit, rules := widths, []string{"color-contrast", "target-size"} // those that depend on the look
				switch {
				case look.Print:
					checkPrint(t, b)
					fit = nil // paper has a width of its own
				case first:
					rules = nil
				}
				b.CheckPage(name, 1<<20, fit, rules...)
			}
		})
	}
}

// checkPrint fails unless a page on paper is light, also where the screen is dark.
func checkPrint(t *testing.T, b *browsertest.Tab) {
	t.Helper()
	if got := browsertest.Eval[string](b, `getComputedStyle(document.body).backgroundColor + getComputedStyle(document.querySelector("h1")).color`); got != "rgb(255, 255, 255)rgb(29, 28, 26)" {
		t.Errorf("on paper: %s", got)
	}
}

// A chart is as wide as its place, with its labels outside the area of the data.
func TestChartsInBrowser(t *testing.T) {
	b := browsertest.Open(t, browsertest.Look{Width: 360})
	name := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(name, []byte(htmlOf(t, rigs(t)[:1]...)), 0o644); err != nil {
		t.Fatal(err)
	}
	b.Goto("file://" + name)
	const outside = `[...document.querySelectorAll("figure > svg.ch")].filter(s => {
	const place = s.parentElement.getBoundingClientRect(), own = s.getBoundingClientRect();
	return own.width < place.width - 1 || [...s.querySelectorAll("text")].some(x => { const r = x.getBoundingClientRect(); return r.left < place.left - 1 || r.right > place.right + 1; });
}).map(s => s.querySelector("title").textContent)`
	if bad := browsertest.Eval[[]string](b, outside); len(bad) > 0 {
		t.Errorf("charts that do not fit their place: %q", bad)
	}
	if n := browsertest.Eval[int](b, `document.querySelectorAll("figure > svg.ch").length`); n < 10 {
		t.Errorf("%d charts", n)
	}
}

// Without axe-core the checks of accessibility did not run, and this test says so.
func TestAxe(t *testing.T) {
	if err := browsertest.AxeAbsent(); err != nil {
		t.Skipf("NOT RUN: the checks of accessibility: make axe fetches axe-core (%v)", err)
	}
}
