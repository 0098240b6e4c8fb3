package web

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// An open page shows what changes: the height and the newest block in the list, unless
// the reader is in the list, and then a button that says how many are new. A page of a
// fixed height does not change.
func TestLiveInBrowser(t *testing.T) {
	s := newSite(t, 12, 10)
	b, fixed := s.tab(t, look{1280, false, "en"}), s.tab(t, look{1280, false, "en"})
	fixed.open(fmt.Sprintf("/?lang=en&at=%d", s.query.Height()))
	b.open("/?lang=en")
	b.Await(`getComputedStyle(document.querySelector(".feedstate .live")).visibility === "visible"`)
	if word := b.Text(".feedstate .live"); word != "Live" {
		t.Errorf("the bar says %q", word)
	}
	height := func() string { return strconv.Itoa(int(s.query.Height())) }
	newest := `document.querySelector("#latest tbody a").textContent`

	s.mine(5)
	b.Await(`document.querySelector("#asof b").textContent === "` + height() + `" && ` + newest + ` === "` + height() + `"`)
	if n := eval[int](b, `document.querySelectorAll("#latest tr.new").length`); n != 1 {
		t.Errorf("%d rows are marked as new", n)
	}
	if !strings.HasPrefix(b.Text("#latest time"), "08:") { // the tab is eight hours east of UTC
		t.Errorf("the new row has the time %s", b.Text("#latest time"))
	}

	// The reader is in the list: it waits, and a button says for how many blocks.
	eval[bool](b, `document.querySelector("#latest tbody a").focus() ?? true`)
	before := height()
	s.mine(5)
	button := `[data-news]:not([hidden])`
	b.Await(`document.querySelector("` + button + `") !== null && document.querySelector("#asof b").textContent === "` + height() + `"`)
	if shown := eval[string](b, newest); shown != before || b.Text(button) != "1 new block" {
		t.Errorf("a list in use shows block %s, and the button %q", shown, b.Text(button))
	}
	b.Run(chromedp.Click(chromedp.CSS(button)))
	b.Await(newest + ` === "` + height() + `"`)

	if got := fixed.Text("#asof b"); got != "12" {
		t.Errorf("the page of a fixed height shows height %s", got)
	}
	if m := append(b.Noted(), fixed.Noted()...); len(m) > 0 {
		t.Errorf("the console says %q", m)
	}
}

// A page that has lost the node says so.
func TestFeedLostInBrowser(t *testing.T) {
	s := newSite(t, 3, 3)
	b := s.tab(t, look{390, false, "en"})
	b.open("/blocks?lang=en")
	shown := func(class string) string {
		return `getComputedStyle(document.querySelector(".feedstate .` + class + `")).visibility === "visible"`
	}
	b.Await(shown("live"))
	s.stop()
	b.Await(shown("lost"))
}
