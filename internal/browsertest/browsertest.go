// Package browsertest shows pages to tests in a real browser, Chromium, and checks what
// holds for every page: nothing moves or breaks the Content-Security-Policy, no page is
// wider than its window, and axe-core finds nothing to object to.
//
// The main types:
//
//   - [Tab] is a tab of the one browser of all tests of a package.
//   - [Look] is how a tab shows pages.
//
// # Caveats
//
// A test is skipped where there is no browser. STELE_CHROMIUM names another one, and
// "none" turns these tests off. Without axe-core, which `make axe` fetches, accessibility
// is not checked; a test must say so, see [AxeAbsent].
//
// A package that opens tabs must call [Close] in its TestMain.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
)

// browser is the one browser of all tests; each test has a tab of its own.
var browser struct {
	once   sync.Once
	ctx    context.Context
	close  func()
	absent string // why there is none
}

// Close ends the browser, if it was started. No tab may be open.
func Close() {
	if browser.close != nil {
		browser.close()
	}
}

// start starts the browser.
func start() {
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

// Look is how a tab shows pages.
type Look struct {
	Width int64 // of the window, in pixels
	Dark  bool
	Print bool // as on paper
}

// Tab is a tab of the browser that notes what goes wrong on its pages. A test ends when a
// method fails, unless the method says otherwise.
type Tab struct {
	testing.TB
	// Ignore reports whether a message of the console about this address is expected;
	// nil for none.
	Ignore func(url string) bool

	ctx   context.Context
	width int64

	mu       sync.Mutex
	messages []string // of the console, and errors of scripts
	bytes    float64  // received since the last page was opened
}

// watch notes in every page what a person would not see: violations of the policy, and
// what moves while the page is built.
const watch = `window.violations = []; window.shift = 0; window.moved = [];
document.addEventListener("securitypolicyviolation", e => violations.push(e.violatedDirective + " " + e.blockedURI + " " + e.sample));
new PerformanceObserver(l => { for (const e of l.getEntries()) if (!e.hadRecentInput) { shift += e.value; for (const s of e.sources) moved.push((s.node?.outerHTML ?? s.node?.parentElement?.outerHTML ?? "").slice(0, 80)); } }).observe({type: "layout-shift", buffered: true});`

// Open opens a tab, which is closed when the test ends. It skips the test where there is
// no browser.
func Open(t testing.TB, l Look) *Tab {
	t.Helper()
	browser.once.Do(start)
	if browser.absent != "" {
		t.Skipf("NOT RUN: the tests of pages in a browser: %s", browser.absent)
	}
	ctx, closeTab := chromedp.NewContext(browser.ctx)
	b := &Tab{TB: t, width: l.Width}
	b.Check(chromedp.Listen(ctx, b.note))
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute) // on a busy machine
	b.ctx = ctx
	t.Cleanup(func() { cancel(); closeTab() })
	scheme, media := "light", ""
	if l.Dark {
		scheme = "dark"
	}
	if l.Print {
		media = "print"
	}
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	call(b, cdpage.AddScriptToEvaluateOnNewDocument, cdpage.AddScriptToEvaluateOnNewDocumentParams{Source: watch})
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	call(b, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Shanghai"})
	return b
}

// call sends a command to the tab.
func call[P, R any](b *Tab, command cdp.Command[P, R], params P) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, command, params)
	b.Check(err)
}

// Resize makes the window as wide as that of a phone, or of a desk.
func (b *Tab) Resize(width int64) {
	b.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 700})
}

// note keeps what the browser reports.
func (b *Tab) note(event any) {
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
		if b.Ignore == nil || !b.Ignore(e.Entry.URL) {
			b.messages = append(b.messages, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventLoadingFinished:
		b.bytes += e.EncodedDataLength
	}
}

// Noted returns the messages since it was called before.
func (b *Tab) Noted() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.messages
	b.messages = nil
	return m
}

// Run does actions of chromedp.
func (b *Tab) Run(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	b.Check(chromedp.Do(b.ctx, actions...))
}

// Check ends the test if there is an error.
func (b *Tab) Check(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// Goto opens a page, in a window as wide as that of the look.
func (b *Tab) Goto(url string) {
	b.Helper()
	b.mu.Lock()
	b.bytes = 0
	b.mu.Unlock()
	b.Resize(b.width)
	b.Run(chromedp.Navigate(url))
}

// Eval runs a script, which may return a promise, and returns its value.
func Eval[T any](b *Tab, script string) T {
	b.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	b.Check(err)
	return value
}

// Text returns the text of the first element that a selector finds; "" if there is none.
func (b *Tab) Text(selector string) string {
	b.Helper()
	quoted, _ := json.Marshal(selector)
	return Eval[string](b, fmt.Sprintf(`(document.querySelector(%s)?.innerText ?? "").trim()`, quoted))
}

// Await waits until a script returns true, on this page or the next.
func (b *Tab) Await(script string) {
	b.Helper()
	var err error
	for range 1000 {
		var ok bool
		if ok, err = chromedp.Run(b.ctx, chromedp.Evaluate[bool](script)); ok && err == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.Fatal("not seen in time: ", script, ": ", err, ": ", b.Text("main"))
}

// Transferred returns the bytes that the open page needed.
func (b *Tab) Transferred() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes
}

// Picture writes what the tab shows into the folder of STELE_LOOK, if there is one.
func (b *Tab) Picture(name string) {
	b.Helper()
	folder := os.Getenv("STELE_LOOK")
	if folder == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	b.Check(err)
	b.Check(os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644))
}
