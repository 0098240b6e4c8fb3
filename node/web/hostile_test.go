package web

import (
	"fmt"
	htmltext "html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"stele/node/chain/chaintest"
	"stele/node/ledger/record"
)

// hostileSerial is a serial number that would run as a script. Serial numbers have at
// most 20 characters, and no spaces.
const hostileSerial record.Serial = `"><x/onload=p('1')>`

// hostileChain returns a chain in which every text that a person can fill in would run
// as a script, if a page did not escape it, and the records that have them.
func hostileChain() (*chaintest.Story, []record.ID) {
	s := chaintest.NewStory(chaintest.CaseNetwork(), hostile)
	p := &s.Params.AfterSales
	var ids []record.ID
	add := func(author record.Key, payload record.Payload) {
		frame := s.Frame(s.Tip, author)
		frame.Payload = payload
		rec := s.Sign(frame)
		ids = append(ids, rec.ID())
		s.Tip = s.Extend(s.Tip, rec)
	}
	now := func() record.Time { return record.Time(s.Tip.Header.Time) }
	add(s.Seller, record.VoucherIssue{
		Time: now(), GTIN: chaintest.GTIN, Serial: hostileSerial, Buyer: record.PublicOf(s.NewKey()), Invoice: record.Digest{2}, Price: record.Coin, Quantity: 1, Distance: true,
		WarrantyDays: 365, Terms: record.Digest{1}, Burn: max(p.VoucherFee, record.Coin/1000*record.Amount(p.FeePermille)), Stipend: p.MinStipend,
	})
	for _, step := range []func(){s.Sell, s.Send, s.HandOver, s.Deliver, s.Complain} {
		step()
	}
	add(s.Buyer, record.EvidenceAdd{Time: now(), Claim: s.Claim, Evidence: record.Digest{4}, Note: hostile + "<script>alert(2)</script>"})
	return s, ids
}

// Texts that people fill in are shown as they are, and never run: serial numbers, notes,
// marks of miners, searches, fields and filters.
func TestHostileTexts(t *testing.T) {
	story, ids := hostileChain()
	s := newSiteOf(t, story.Builder, story.Tip)
	script := url.QueryEscape(hostile + "<script>alert(3)</script>")
	paths := []string{
		"/", "/search?q=" + script, "/?at=" + script, "/blocks?from=" + script, "/blocks/" + url.PathEscape(hostile), "/records/" + url.PathEscape(hostile),
		"/blocks/1?type=" + script, "/blocks/1?party=" + script, "/" + url.PathEscape(hostile), "/?lang=" + script, "/blocks?x=" + script,
	}
	for _, id := range ids {
		paths = append(paths, "/records/"+id.String())
	}
	paths = append(paths, fmt.Sprint("/blocks/", s.query.Height()-2))
	for _, path := range paths {
		_, text := s.get(path)
		for _, bad := range []string{"<script>", "<img", "<x/", "<b title", "onerror=alert(1)>"} {
			if strings.Contains(strings.ReplaceAll(text, `<b data-age`, ""), bad) {
				t.Errorf("%s has %q", path, bad)
			}
		}
	}
	s.shows("/records/"+ids[0].String(), "&lt;x/onload=p(&#39;1&#39;)&gt;")
	s.shows("/records/"+ids[1].String(), "&lt;script&gt;alert(2)&lt;/script&gt;")
	b := s.tab(t, look{390, false, "en"})
	for _, path := range append(paths[len(paths)-3:], paths[1]) {
		b.open(path)
		if text := b.Text("main"); !strings.Contains(text, "onload=p") && !strings.Contains(text, "onerror") && strings.Contains(path, ids[0].String()) {
			t.Errorf("%s does not show the text", path)
		}
		if n := eval[int](b, `document.querySelectorAll("img, x, main script, b[title]").length`); n > 0 {
			t.Errorf("%s has elements of a hostile text", path)
		}
		if m := b.Noted(); len(m) > 0 {
			t.Errorf("%s: the console says %q", path, m)
		}
	}
}

// A serial number may have any sign of a path: the pages of its item and what they link to
// are found.
func TestSerialsInPaths(t *testing.T) {
	for _, serial := range []record.Serial{"a/b", "a//b", "./", "a/../b", "50%2F?x=1&at=2", hostileSerial} {
		story := chaintest.NewStory(chaintest.CaseNetwork(), hostile)
		story.Item = serial
		story.Sell()
		s := newSiteOf(t, story.Builder, story.Tip)
		path := itemPath(chaintest.GTIN, serial)
		text := s.shows(path)
		links := regexp.MustCompile(`(?:href|src)="([^"]*(?:/01/|/items/)[^"]*)"`).FindAllStringSubmatch(text, -1)
		if len(links) < 4 { // other languages, this height, and the API
			t.Errorf("%q: links %q", serial, links)
		}
		for _, link := range links {
			if answer, _ := s.get(htmltext.UnescapeString(link[1])); answer.StatusCode != http.StatusOK {
				t.Errorf("%q: %s: %s", serial, link[1], answer.Status)
			}
		}
		answer, _ := s.get("/search?q=" + url.QueryEscape(chaintest.GTIN.String()+"/"+string(serial)))
		if to := answer.Header.Get("Location"); to != path {
			t.Errorf("%q: the search goes to %q, want %q", serial, to, path)
		}
		s.stop()
	}
}
