package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"stele/internal/browsertest"
	"stele/node/ledger/record"
	"stele/node/query"
)

// example is a page of a site that a test looks at.
type example struct{ name, path string }

// examples are pages of all kinds. A new page gets a line here.
func examples(s *site) []example {
	s.Helper()
	tip := s.query.Height()
	all := []example{
		{"home", "/"}, {"home-at", fmt.Sprintf("/?at=%d", tip-5)},
		{"blocks", "/blocks"}, {"blocks-from", "/blocks?from=20"},
		{"block", fmt.Sprint("/blocks/", tip-3)}, {"block-first", "/blocks/0"}, {"block-filter", fmt.Sprintf("/blocks/%d?type=after-sales", tip-2)},
		{"search", "/search?q=" + "%22%3E%3Cimg+src%3Dx+onerror%3Dalert(1)%3E"}, {"verify", "/verify"},
		{"nowhere", "/nowhere"},
		{"supervision", "/supervision"}, {"alerts", "/supervision/alerts?state=open"}, {"anomalies", "/supervision/anomalies"}, {"times", "/supervision/times?measure=answer"},
		{"rulings", "/supervision/rulings"}, {"defaults", "/supervision/defaults"}, {"network-none", "/network"}, {"mining-none", "/mining"},
	}
	for _, kind := range []record.Type{record.TypeCoinbase, record.TypeVoucherIssue, record.TypeClaimOpen, record.TypeRoleGrant} {
		if id, ok := s.recordOf(kind); ok {
			all = append(all, example{"record-" + strings.ToLower(kind.String()), "/records/" + id.String()})
		}
	}
	if waiting := s.pool.Best(1); len(waiting) > 0 {
		all = append(all, example{"record-waiting", "/records/" + waiting[0].ID().String()})
	}
	return append(append(all, s.allCases().examples()...), marketExamples(s)...)
}

// recordOf returns a record of a type, the newest of the chain.
func (s *site) recordOf(kind record.Type) (id record.ID, ok bool) {
	s.Helper()
	for height := int64(s.query.Height()); height >= 0; height-- {
		b, err := s.query.Block(fmt.Sprint(height))
		s.check(err)
		for _, rec := range b.Records {
			if rec.Type() == kind {
				return rec.ID(), true
			}
		}
	}
	return id, false
}

// addressed returns a path with a parameter added.
func addressed(path, name, value string) string {
	if strings.Contains(path, "?") {
		return path + "&" + name + "=" + value
	}
	return path + "?" + name + "=" + value
}

// Every page holds in a browser: see [tab.checkPage]. All are looked at as on a desk; on a
// phone, dark and in Chinese, one of each kind. With STELE_LOOK=FOLDER the test leaves
// pictures of all pages there, at two widths, in both schemes and languages.
func TestPagesInBrowser(t *testing.T) {
	s := sharedSite(t)
	all := examples(s)
	desk, phone := look{1280, false, "en"}, look{390, true, "zh"}
	pages := map[look][]example{desk: all, phone: ofEachKind(all)}
	if lookFolder() != "" {
		pages = map[look][]example{desk: all, phone: all, {1280, true, "zh"}: all, {390, false, "en"}: all}
	}
	for l, shown := range pages {
		t.Run(fmt.Sprintf("%+v", l), func(t *testing.T) {
			b := s.tab(t, l)
			for _, e := range shown {
				b.Resize(l.width)
				b.open(addressed(e.path, "lang", l.lang))
				b.Picture(pictureName(e.name, l))
				b.checkPage(e.path, l.rules()...)
			}
		})
	}
}

// ofEachKind returns the first page of each kind, which is its name up to a dash.
func ofEachKind(all []example) (first []example) {
	seen := map[string]bool{}
	for _, e := range all {
		if kind, _, _ := strings.Cut(e.name, "-"); !seen[kind] {
			seen[kind] = true
			first = append(first, e)
		}
	}
	return first
}

// rules are those of axe that depend on the look. All are checked in the first one.
func (l look) rules() []string {
	if l.width == 1280 && !l.dark {
		return nil
	}
	return []string{"color-contrast", "target-size", "html-lang-valid", "valid-lang"}
}

// A bundle of a case, given to the form, is explained; a changed one proves nothing.
func TestVerifyInBrowser(t *testing.T) {
	s := sharedSite(t)
	b := s.tab(t, look{1280, false, "en"})
	claims, err := s.query.Claims(query.Of{}, query.ClaimStates(), query.Range{Limit: 1})
	s.check(err)
	id := claims.Items[0].ID.String()
	_, good := s.get("/v1/bundles/claim/" + id)
	changed := strings.Replace(good, `"height": `, `"height": 1`, 1)
	for i, test := range []struct{ file, tag, text string }{
		{good, "Valid", "What it does not prove"}, {changed, "Invalid", ""}, {"<script>alert(1)</script>", "Not a bundle", ""},
	} {
		name := filepath.Join(t.TempDir(), "<b>case.json")
		s.check(os.WriteFile(name, []byte(test.file), 0o600))
		b.open("/verify?lang=en")
		b.Run(chromedp.SetUploadFiles(chromedp.CSS("#f"), []string{name}), chromedp.Click(chromedp.CSS(".drop button")))
		b.Await(`document.querySelector("#r") !== null`)
		if tag := b.Text("#r .tag"); tag != test.tag {
			t.Errorf("file %d: %s, want %s: %s", i, tag, test.tag, b.Text(".panel"))
		}
		if !strings.Contains(b.Text("main"), test.text) {
			t.Errorf("file %d: the page does not say %q", i, test.text)
		}
		b.Picture(fmt.Sprintf("verify-%d", i))
		b.checkPage("/verify")
	}
}

// Back and reload keep the filters of a list.
func TestFiltersInBrowser(t *testing.T) {
	s := sharedSite(t)
	b := s.tab(t, look{1280, false, "en"})
	b.open(fmt.Sprintf("/blocks/%d?lang=en", s.query.Height()-2))
	all := b.Text(".filters .small")
	b.Run(chromedp.SetValue(chromedp.CSS("select[name=type]"), "after-sales"), chromedp.Click(chromedp.CSS(".filters button")))
	b.Await(`location.search.includes("type=after-sales") && document.readyState === "complete"`)
	filtered := b.Text(".filters .small")
	if filtered == all {
		t.Errorf("the filter changes nothing: %s", all)
	}
	chosen := func(when string) {
		t.Helper()
		if got := eval[string](b, `document.querySelector("select[name=type]").value`); got != "after-sales" || b.Text(".filters .small") != filtered {
			t.Errorf("%s: the filter is %q, the list %q", when, got, b.Text(".filters .small"))
		}
	}
	chosen("after the filter")
	b.Run(chromedp.Reload())
	chosen("after a reload")
	b.Run(chromedp.Click(chromedp.CSS("tbody th[scope=row] a.m")))
	b.Await(`location.pathname.startsWith("/records/") && document.readyState === "complete"`)
	b.Run(chromedp.NavigateBack())
	b.Await(`location.pathname.startsWith("/blocks/") && document.readyState === "complete"`)
	chosen("after going back")
}

// A page shows what the API says.
func TestPagesAgreeWithAPI(t *testing.T) {
	s := sharedSite(t)
	var block struct {
		Hash    string
		Height  uint32
		Count   int `json:"record_count"`
		Size    int
		Bits    string
		Nonce   uint32
		Payee   string
		Records []string
	}
	s.json("/v1/blocks/"+fmt.Sprint(s.query.Height()-3), &block)
	s.shows("/blocks/"+block.Hash, block.Hash, block.Bits, fmt.Sprint(block.Nonce), block.Records[0], "/parties/"+block.Payee, bytesText(block.Size), fmt.Sprintf("of %d records", block.Count))
	id, _ := s.recordOf(record.TypeVoucherIssue)
	var rec struct {
		Record struct {
			Key     string
			Payload struct{ Price, Serial, GTIN string }
		}
		Height        uint32
		Confirmations uint32
	}
	s.json("/v1/records/"+id.String(), &rec)
	s.shows("/records/"+id.String(), "/parties/"+rec.Record.Key, rec.Record.Payload.Price, rec.Record.Payload.GTIN, fmt.Sprintf(">%d</a>", rec.Height))
	var proof struct{ Branch []string }
	_, text := s.get("/v1/records/" + id.String() + "/proof")
	if json.Unmarshal([]byte(text), &proof) == nil && len(proof.Branch) > 0 {
		s.shows("/records/"+id.String(), proof.Branch...)
	}
}

// json reads a resource of the API.
func (s *site) json(path string, into any) {
	s.Helper()
	answer, text := s.get(path)
	if answer.StatusCode != http.StatusOK {
		s.Fatalf("%s: %s", path, answer.Status)
	}
	s.check(json.Unmarshal([]byte(text), into))
}

// Without axe-core the checks of accessibility did not run, and this test says so.
func TestAxe(t *testing.T) {
	if err := browsertest.AxeAbsent(); err != nil {
		t.Skipf("NOT RUN: the checks of accessibility: make axe fetches axe-core (%v)", err)
	}
}
