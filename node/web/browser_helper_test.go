package web

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// browser is the one browser of all tests; each test has a tab of its own.
var browser struct {
	once   sync.Once
	ctx    context.Context
	close  func()
	absent string // why there is none
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.site != nil {
		shared.close()
	}
	if browser.close != nil {
		browser.close()
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// startBrowser starts the browser, unless it runs.
func startBrowser() {
	name := os.Getenv("STELE_CHROMIUM")
	for _, candidate := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(candidate); err == nil && name == "" {
			name = path
		}
	}
	if name == "none" {
		browser.absent = "STELE_CHROMIUM=none"
		return
	}
	if name == "" {
		browser.absent = "chromium is not installed"
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(name), chromedp.NoSandbox, chromedp.Flag("headless", "new"),
		chromedp.Flag("disable-dev-shm-usage", true))
	all, closeAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeBrowser := chromedp.NewContext(all)
	browser.ctx, browser.close = ctx, func() { closeBrowser(); closeAll() }
	if err := chromedp.Do(ctx); err != nil {
		browser.absent = "chromium does not start: " + err.Error()
	}
}

// tab is a tab of the browser that notes what goes wrong on its pages.
type tab struct {
	*site
	testing.TB
	ctx   context.Context
	width int64

	mu       sync.Mutex
	messages []string // of the console, and errors of scripts
	bytes    float64  // received since the last page was opened
}

// look is how a tab shows pages.
type look struct {
	width int64
	dark  bool
	lang  string // "": that of the browser, English
}

// watch notes in every page what a person would not see: violations of the policy, and
// what moves while the page is built.
const watch = `window.violations = []; window.shift = 0; window.moved = [];
document.addEventListener("securitypolicyviolation", e => violations.push(e.violatedDirective + " " + e.blockedURI + " " + e.sample));
new PerformanceObserver(l => { for (const e of l.getEntries()) if (!e.hadRecentInput) { shift += e.value; for (const s of e.sources) moved.push((s.node?.outerHTML ?? s.node?.parentElement?.outerHTML ?? "").slice(0, 80)); } }).observe({type: "layout-shift", buffered: true});`

// tab opens a tab. It skips the test where there is no browser.
func (s *site) tab(t testing.TB, l look) *tab {
	t.Helper()
	browser.once.Do(startBrowser)
	if browser.absent != "" {
		t.Skipf("NOT RUN: the tests of pages in a browser: %s", browser.absent)
	}
	ctx, closeTab := chromedp.NewContext(browser.ctx)
	b := &tab{site: s, TB: t, width: l.width}
	b.check(chromedp.Listen(ctx, b.note))
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	b.ctx = ctx
	t.Cleanup(func() { cancel(); closeTab() })
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, cdpage.AddScriptToEvaluateOnNewDocument, cdpage.AddScriptToEvaluateOnNewDocumentParams{Source: watch})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	call(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Shanghai"})
	return b
}

// call sends a command to the tab.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, command, params)
	b.check(err)
}

// resize makes the window as wide as that of a phone, or of a desk.
func (b *tab) resize(width int64) {
	b.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 700})
}

// note keeps what the browser reports.
func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		for _, arg := range e.Args {
			b.messages = append(b.messages, fmt.Sprintf("console.%s: %s", e.Type, arg.Value))
		}
	case *runtime.EventExceptionThrown:
		b.messages = append(b.messages, "exception: "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if strings.HasPrefix(e.Entry.URL, b.URL+"/nowhere") {
			return // an error page has the status of an error
		}
		b.messages = append(b.messages, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
	case *network.EventLoadingFinished:
		b.bytes += e.EncodedDataLength
	}
}

// noted returns the messages since it was called before.
func (b *tab) noted() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.messages
	b.messages = nil
	return m
}

// run does actions of chromedp.
func (b *tab) run(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	b.check(chromedp.Do(b.ctx, actions...))
}

func (b *tab) check(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *tab) Helper()                           { b.TB.Helper() }
func (b *tab) Fatal(args ...any)                 { b.TB.Helper(); b.TB.Fatal(args...) }
func (b *tab) Errorf(format string, args ...any) { b.TB.Helper(); b.TB.Errorf(format, args...) }

// open opens a page of the site.
func (b *tab) open(path string) {
	b.Helper()
	b.mu.Lock()
	b.bytes = 0
	b.mu.Unlock()
	b.resize(b.width)
	b.run(chromedp.Navigate(b.URL + path))
}

// eval runs a script, which may return a promise, and returns its value.
func eval[T any](b *tab, script string) T {
	b.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	b.check(err)
	return value
}

// text returns the text of the first element that a selector finds; "" if there is none.
func (b *tab) text(selector string) string {
	b.Helper()
	quoted, _ := json.Marshal(selector)
	return eval[string](b, fmt.Sprintf(`(document.querySelector(%s)?.innerText ?? "").trim()`, quoted))
}

// await waits until a script returns true, on this page or the next.
func (b *tab) await(script string) {
	b.Helper()
	var err error
	for range 1000 {
		var ok bool
		if ok, err = chromedp.Run(b.ctx, chromedp.Evaluate[bool](script)); ok && err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.Fatal("not seen in time: ", script, ": ", err, ": ", b.text("main"))
}

// widths are those at which no page may be wider than its window.
var widths = []int64{320, 390, 1280}

// maxPage is how much a page may transfer with everything that it needs, in bytes.
const maxPage = 150_000

// checkPage checks what holds for every page, in the tab where it is open, which has
// just been opened. With rules, axe checks these only.
func (b *tab) checkPage(path string, rules ...string) {
	b.Helper()
	if size := b.transferred(); size > maxPage {
		b.Errorf("%s transfers %.0f bytes, at most %d are allowed", path, size, maxPage)
	}
	if shift := eval[float64](b, "shift"); shift != 0 {
		b.Errorf("%s moves while it is built: a layout shift of %g: %q", path, shift, eval[[]string](b, "moved"))
	}
	if v := eval[[]string](b, "violations"); len(v) > 0 {
		b.Errorf("%s breaks the Content-Security-Policy: %q", path, v)
	}
	if ids := eval[[]string](b, `[...document.querySelectorAll("[id]")].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i)`); len(ids) > 0 {
		b.Errorf("%s has elements with the same id: %q", path, ids)
	}
	if n := eval[int](b, `document.querySelectorAll("[style]").length`); n > 0 {
		b.Errorf("%s has %d inline styles", path, n)
	}
	if left := eval[string](b, `document.body.innerText.match(/\{[a-z]+(\|[^}]*)?\}|%!|\b(error|home|type|block|record|verify)\.[a-z]+\.[a-z.]*[a-z]\b/)?.[0] ?? ""`); left != "" {
		b.Errorf("%s shows %q", path, left)
	}
	for _, width := range widths {
		b.resize(width)
		if wide := eval[int64](b, "document.documentElement.scrollWidth"); wide > width {
			b.Errorf("%s is %d wide in a window of %d: %s", path, wide, width, eval[string](b, widest))
		}
	}
	b.axe(path, rules)
	if m := b.noted(); len(m) > 0 {
		b.Errorf("%s: the console says %q", path, m)
	}
}

// widest names the elements that stick out of the window.
const widest = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll")).slice(0, 3).map(e => e.tagName + "." + e.className + " " + e.textContent.slice(0, 40)).join(" | ")`

func (b *tab) transferred() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes
}

// axeFile is where make axe puts axe-core.
const axeFile = "../../.cache/axe/axe.min.js"

var axeSource = sync.OnceValues(func() (string, error) {
	source, err := os.ReadFile(axeFile)
	return string(source), err
})

// axe checks the accessibility of the open page, by some rules or by all.
func (b *tab) axe(path string, rules []string) {
	b.Helper()
	source, err := axeSource()
	if err != nil {
		return // TestAxe says so
	}
	b.run(chromedp.Evaluate[chromedp.Void](source))
	only := ""
	if len(rules) > 0 {
		quoted, err := json.Marshal(rules)
		b.check(err)
		only = fmt.Sprintf(", runOnly: {type: \"rule\", values: %s}", quoted)
	}
	check := `document.querySelectorAll("details").forEach(d => d.open = true);
axe.run(document, {resultTypes: ["violations"]` + only + `}).then(r => r.violations.map(v => v.impact + " " + v.id + ": " + v.help + ": " + v.nodes.slice(0, 2).map(n => n.html).join(" | ")))`
	for _, v := range eval[[]string](b, check) {
		b.Errorf("%s: axe: %s", path, v)
	}
}

// picture writes what the tab shows into the folder of STELE_LOOK, if there is one.
func (b *tab) picture(name string) {
	b.Helper()
	folder := os.Getenv("STELE_LOOK")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	b.check(err)
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644); err != nil {
		b.Fatal(err)
	}
}

// pictureName is the name of the picture of a page.
func pictureName(name string, l look) string {
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	return fmt.Sprintf("%s-%d-%s-%s", name, l.width, scheme, l.lang)
}
