package browsertest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/chromedp/chromedp"
)

// CheckPage checks what holds for every page, in the tab where it is open, which has just
// been opened: it may transfer most bytes, and fit windows of the widths. With rules, axe
// checks these only. Faults do not end the test. Name names the page in them.
func (b *Tab) CheckPage(name string, most float64, widths []int64, rules ...string) {
	b.Helper()
	if size := b.Transferred(); size > most {
		b.Errorf("%s transfers %.0f bytes, at most %.0f are allowed", name, size, most)
	}
	if shift := Eval[float64](b, "shift"); shift != 0 {
		b.Errorf("%s moves while it is built: a layout shift of %g: %q", name, shift, Eval[[]string](b, "moved"))
	}
	if v := Eval[[]string](b, "violations"); len(v) > 0 {
		b.Errorf("%s breaks the Content-Security-Policy: %q", name, v)
	}
	if ids := Eval[[]string](b, `[...document.querySelectorAll("[id]")].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i)`); len(ids) > 0 {
		b.Errorf("%s has elements with the same id: %q", name, ids)
	}
	if n := Eval[int](b, `document.querySelectorAll("[style]").length`); n > 0 {
		b.Errorf("%s has %d inline styles", name, n)
	}
	for _, width := range widths {
		b.Resize(width)
		if wide := Eval[int64](b, "document.documentElement.scrollWidth"); wide > width {
			b.Errorf("%s is %d wide in a window of %d: %s", name, wide, width, Eval[string](b, widest))
		}
	}
	b.axe(name, rules)
	if m := b.Noted(); len(m) > 0 {
		b.Errorf("%s: the console says %q", name, m)
	}
}

// widest names the elements that stick out of the window.
const widest = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll")).slice(0, 3).map(e => e.tagName + "." + e.className + " " + e.textContent.slice(0, 40)).join(" | ")`

// axeFile is where make axe puts axe-core, in the root of the module.
const axeFile = ".cache/axe/axe.min.js"

var axeSource = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || dir == filepath.Dir(dir) {
			source, err := os.ReadFile(filepath.Join(dir, axeFile))
			return string(source), err
		}
		dir = filepath.Dir(dir)
	}
})

// AxeAbsent returns why axe-core cannot be used; nil if it can.
func AxeAbsent() error {
	_, err := axeSource()
	return err
}

// axe checks the accessibility of the open page, by some rules or by all.
func (b *Tab) axe(name string, rules []string) {
	b.Helper()
	source, err := axeSource()
	if err != nil {
		return // see AxeAbsent
	}
	b.Run(chromedp.Evaluate[chromedp.Void](source))
	only := ""
	if len(rules) > 0 {
		quoted, err := json.Marshal(rules)
		b.Check(err)
		only = fmt.Sprintf(", runOnly: {type: \"rule\", values: %s}", quoted)
	}
	check := `document.querySelectorAll("details").forEach(d => d.open = true);
axe.run(document, {resultTypes: ["violations"]` + only + `}).then(r => r.violations.map(v => v.impact + " " + v.id + ": " + v.help + ": " + v.nodes.slice(0, 2).map(n => n.html).join(" | ")))`
	for _, v := range Eval[[]string](b, check) {
		b.Errorf("%s: axe: %s", name, v)
	}
}
