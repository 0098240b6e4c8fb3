package web

import (
	"fmt"
	stdhtml "html"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"stele/node/chain/chaintest"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/ledger/rules"
	"stele/node/query"
	"stele/node/words"
)

// cases are the things of a chain whose pages tests look at.
type cases struct {
	claims    []query.Claim
	vouchers  []query.Voucher
	shipments []query.Shipment
}

// allCases returns all claims, vouchers and shipments of a site.
func (s *site) allCases() *cases {
	s.Helper()
	all := query.Range{Limit: 10_000}
	claims, err := s.query.Claims(query.Of{}, query.ClaimStates(), all)
	s.check(err)
	vouchers, err := s.query.Vouchers(query.Of{}, query.VoucherStates(), all)
	s.check(err)
	shipments, err := s.query.Shipments(query.Of{}, query.ShipmentStates(), all)
	s.check(err)
	return &cases{claims.Items, vouchers.Items, shipments.Items}
}

// paths returns a page of each kind and state.
func (c *cases) paths() []string {
	var all []string
	seen := map[string]bool{}
	add := func(kind fmt.Stringer, format, path string) {
		if key := format + kind.String(); !seen[key] {
			seen[key] = true
			all = append(all, path)
		}
	}
	for _, x := range c.claims {
		add(x.State, "claim", "/claims/"+x.ID.String())
	}
	for _, x := range c.vouchers {
		add(x.State, "voucher", "/vouchers/"+x.ID.String())
		add(x.State, "item", itemPath(x.GTIN, x.Serial))
	}
	for _, x := range c.shipments {
		add(x.State, "shipment", "/shipments/"+x.ID.String())
	}
	v := c.vouchers[0]
	return append(all, "/products/"+v.GTIN.String(), "/parties/"+v.Seller.String(), "/parties/"+v.Buyer.String(), "/claims", "/claims?state=closed",
		"/claims?seller="+v.Seller.String(), "/claims?overdue=1", "/claims?state=escalated&overdue=1")
}

// examples are few pages that show much: those of a claim with a long way.
func (c *cases) examples() []example {
	best := c.claims[0]
	for _, x := range c.claims {
		if x.State == rules.ClaimOrdered || x.State == rules.ClaimDefaulted && best.State != rules.ClaimOrdered {
			best = x
		}
	}
	all := []example{
		{"claim", "/claims/" + best.ID.String()}, {"voucher", "/vouchers/" + best.Voucher.String()}, {"item", itemPath(best.GTIN, best.Serial)},
		{"claims", "/claims"}, {"claims-none", "/claims?state=escalated&overdue=1"}, {"product", "/products/" + best.GTIN.String()},
		{"party", "/parties/" + best.Seller.String()},
	}
	for _, v := range c.vouchers {
		if v.State == rules.VoucherActive && v.Extended > 0 {
			all = append(all, example{"item-repaired", itemPath(v.GTIN, v.Serial)})
			break
		}
	}
	for _, h := range c.shipments {
		if h.State == rules.ShipmentInTransit {
			return append(all, example{"shipment", "/shipments/" + h.ID.String()})
		}
	}
	return all
}

// Each page of a case is complete in both languages.
func TestCasePages(t *testing.T) {
	s := sharedSite(t)
	for _, path := range s.allCases().paths() {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		for _, lang := range []string{"en", "zh"} {
			text := s.shows(path + sep + "lang=" + lang)
			if strings.Contains(text, "style=") || strings.Contains(text, "{") && strings.Contains(text, "|") && strings.Contains(text, "}") {
				t.Errorf("%s: a place that is not filled, or an inline style", path)
			}
		}
	}
}

// The page of a claim says what the reader of the node says.
func TestClaimPage(t *testing.T) {
	s := sharedSite(t)
	for _, claim := range s.allCases().claims[:10] {
		text := stdhtml.UnescapeString(s.shows("/claims/"+claim.ID.String(), claim.ID.String(), string("/vouchers/"+claim.Voucher.String())))
		history, err := s.query.ClaimHistory(claim.ID, query.Range{Limit: 100})
		s.check(err)
		if n := strings.Count(text, `data-row="`); n != len(history.Items) {
			t.Errorf("%v: %d records are shown, the history has %d", claim.ID, n, len(history.Items))
		}
		for i := range history.Items {
			if id := history.Items[i].ID().String(); !strings.Contains(text, "/records/"+id) {
				t.Errorf("%v: the page does not show the record %s", claim.ID, id)
			}
		}
		actions, err := s.query.ClaimActions(claim.ID, claim.Holder)
		s.check(err)
		for _, a := range actions.List {
			if a.Allowed && !strings.Contains(text, a.Payload.Type().String()) {
				t.Errorf("%v: the page does not show that the holder may write %v", claim.ID, a.Payload.Type())
			}
		}
	}
}

// The way of a claim has every state that it was seen in, block by block, and only moves
// that the rules know.
func TestWays(t *testing.T) {
	s := sharedSite(t)
	c := s.allCases()
	moves := map[[2]rules.ClaimState]bool{}
	for _, m := range rules.ClaimMoves() {
		moves[[2]rules.ClaimState{m.From, m.To}] = true
	}
	tip, long := s.chain.Tip().Height, 0
	readers := make([]*query.Reader, tip+1)
	for h := range readers {
		readers[h], _ = s.query.At(uint32(h))
	}
	for _, claim := range c.claims[:min(40, len(c.claims))] {
		history, err := s.query.ClaimHistory(claim.ID, query.Range{Limit: 100})
		s.check(err)
		way := claim.Way(recordsOf(history.Items))
		for i := 1; i < len(way); i++ {
			if !moves[[2]rules.ClaimState{way[i-1], way[i]}] {
				t.Errorf("claim %v: no rule leads from %v to %v: %v", claim.ID, way[i-1], way[i], way)
			}
		}
		at := 0
		for _, r := range readers {
			if r == nil {
				continue
			}
			then, err := r.Claim(claim.ID)
			if err != nil {
				continue
			}
			for at < len(way) && way[at] != then.State {
				at++
			}
			if at == len(way) {
				t.Fatalf("claim %v was %v at height %d, which is not in %v", claim.ID, then.State, r.Height(), way)
			}
		}
		long = max(long, len(way))
	}
	if long < 3 {
		t.Errorf("no claim has a way to speak of: %d states", long)
	}
	for _, h := range c.shipments[:min(40, len(c.shipments))] {
		history, err := s.query.ShipmentHistory(h.ID, query.Range{Limit: 100})
		s.check(err)
		if way := h.Way(recordsOf(history.Items)); way[len(way)-1] != h.State || way[0] != rules.ShipmentCreated {
			t.Errorf("shipment %v is %v, its way %v", h.ID, h.State, way)
		}
	}
}

// Each transition of the rules is drawn, but those to goods that arrived after all, which
// can begin anywhere.
func TestMachines(t *testing.T) {
	checkMachine(t, &claimMachine, rules.ClaimMoves(), query.ClaimStates(), rules.ClaimDelivered)
	checkMachine(t, &shipmentMachine, rules.ShipmentMoves(), query.ShipmentStates(), 0)
	checkMachine(t, &voucherMachine, rules.VoucherMoves(), query.VoucherStates(), 0)
}

func checkMachine[S interface {
	~uint8
	fmt.Stringer
}](t *testing.T, m *machine[S], moves []rules.Move[S], states []S, except S) {
	t.Helper()
	known := map[[2]S]bool{}
	for _, move := range moves {
		pair := [2]S{move.From, move.To}
		known[pair] = true
		if m.lines[pair] == "" && move.To != except {
			t.Errorf("the way from %v to %v is not drawn", move.From, move.To)
		}
	}
	for pair := range m.lines {
		if !known[pair] {
			t.Errorf("a line from %v to %v, which no rule allows", pair[0], pair[1])
		}
	}
	for _, s := range states {
		if _, ok := m.states[s]; !ok {
			t.Errorf("the state %v is not drawn", s)
		}
	}
}

// Filters stay in the address, and the form leads to it.
func TestClaimFilters(t *testing.T) {
	s := sharedSite(t)
	claim := s.allCases().claims[0]
	seller := claim.Seller.String()
	answer, _ := s.get("/claims?by=seller&of=" + seller + "&state=closed&overdue=")
	if got, want := answer.Header.Get("Location"), "/claims?seller="+seller+"&state=closed"; got != want {
		t.Errorf("the form leads to %q, want %q", got, want)
	}
	totals, err := s.query.Totals(query.Of{Seller: &claim.Seller})
	s.check(err)
	closed := uint64(0)
	for _, state := range query.ClosedClaimStates() {
		closed += totals.Claims[state]
	}
	s.shows("/claims?seller="+seller+"&state=closed", fmt.Sprintf(`<p class="small dim" id="count" data-live>%d of `, closed), `value="`+seller+`"`, `<option value="closed" selected>`)
	for path, status := range map[string]int{
		"/claims?state=nothing": 422, "/claims?seller=x": 422, "/claims?product=1": 422, "/claims?seller=" + seller + "&maker=" + seller: 422, "/claims?from=x": 422,
		"/claims/x": 422, "/claims/" + strings.Repeat("0", 64): 404, "/vouchers/" + strings.Repeat("0", 64): 404, "/shipments/" + strings.Repeat("0", 64): 404,
		"/01/1/21/a": 422, "/01/09501101530003/21/a": 404, "/products/09501101530003": 404, "/parties/x": 422,
	} {
		if answer, _ := s.get(path); answer.StatusCode != status {
			t.Errorf("%s: %s, want %d", path, answer.Status, status)
		}
	}
}

// The link in a QR code and the path of the API lead to the same page.
func TestItemAddresses(t *testing.T) {
	s := newSite(t, 20, 20)
	v := s.allCases().vouchers[0]
	path := itemPath(v.GTIN, v.Serial)
	answer, _ := s.get("/items/" + v.GTIN.String() + "/" + string(v.Serial))
	if got := answer.Header.Get("Location"); got != path {
		t.Errorf("leads to %q, want %q", got, path)
	}
	if answer, _ := s.get("/01/" + v.GTIN.String()); answer.Header.Get("Location") != "/products/"+v.GTIN.String() {
		t.Errorf("leads to %q", answer.Header.Get("Location"))
	}
	if got := itemPath(1, record.Serial(`a/b?"<>`)); got != "/01/00000000000001/21/a%2Fb%3F%22%3C%3E" {
		t.Errorf("%q", got)
	}
}

// As of an earlier height a page shows what was then, and says what nobody keeps.
func TestCasesAsOf(t *testing.T) {
	s := sharedSite(t)
	for _, claim := range s.allCases().claims {
		at := s.chain.Tip().Height - 5
		past, err := s.query.At(at)
		s.check(err)
		then, err := past.Claim(claim.ID)
		if err != nil || then.State == claim.State {
			continue
		}
		text := s.shows(fmt.Sprintf("/claims/%v?at=%d", claim.ID, at))
		if _, now, _ := strings.Cut(text, "<h1>"); !strings.Contains(now[:200], ">"+(&request{lang: s.pages.languages[0]}).claimState(then.State).Word+"<") {
			t.Errorf("as of %d the claim was %v: %s", at, then.State, now[:200])
		}
		s.shows(fmt.Sprintf("/claims?at=%d", at), "known of now only")
		return
	}
	t.Error("no claim has changed in the last blocks")
}

// Texts from records cannot become markup, wherever they stand.
func TestTextsAreEscapedInBrowser(t *testing.T) {
	p, err := network.DevWithDay(24 * 60 * 60)
	if err != nil {
		t.Fatal(err)
	}
	story := chaintest.NewStory(p, "somewhere")
	story.Item, story.Note = `"'><img/src=x>&lt;`, hostile
	for _, step := range []func(){story.Sell, story.Send, story.HandOver, story.Deliver, story.Complain} {
		step()
	}
	s := newSiteOf(t, story.Builder, story.Tip)
	b := s.tab(t, look{390, false, "en"})
	for _, path := range []string{
		itemPath(chaintest.GTIN, story.Item), "/claims/" + story.Claim.String(), "/vouchers/" + story.Voucher.String(), "/shipments/" + story.Shipment.String(),
		"/claims?state=live", "/parties/" + story.Buyer.String(), "/claims?state=" + url.QueryEscape(hostile), "/parties/" + url.PathEscape(hostile),
	} {
		b.open(addressed(path, "lang", "en"))
		if n := eval[int](b, `document.querySelectorAll("img:not(.qr), main b[title]").length`); n > 0 {
			t.Errorf("%s: a text has become %d elements", path, n)
		}
		if v := eval[[]string](b, "violations"); len(v) > 0 {
			t.Errorf("%s breaks the Content-Security-Policy: %q", path, v)
		}
	}
	b.open("/claims/" + story.Claim.String() + "?lang=en")
	if got := b.Text("blockquote"); got != hostile {
		t.Errorf("the note is %q, want %q", got, hostile)
	}
	b.open(itemPath(chaintest.GTIN, story.Item) + "?lang=en")
	if got, want := b.Text("h1"), "Item "+string(story.Item); got != want {
		t.Errorf("the title is %q, want %q", got, want)
	}
	if !eval[bool](b, `document.querySelector(".qr").decode().then(() => true)`) {
		t.Error("the QR code is no picture")
	}
}

// Back and reload keep the filters of the list of claims.
func TestClaimFiltersInBrowser(t *testing.T) {
	s := sharedSite(t)
	b := s.tab(t, look{1280, false, "en"})
	b.open("/claims?lang=en")
	b.Run(chromedp.SetValue(chromedp.CSS("select[name=state]"), "closed"), chromedp.Click(chromedp.CSS(".filters button")))
	b.Await(`location.search === "?state=closed" && document.readyState === "complete"`)
	count := b.Text("#count")
	check := func(when string) {
		t.Helper()
		if got := eval[string](b, `document.querySelector("select[name=state]").value`); got != "closed" || b.Text("#count") != count {
			t.Errorf("%s: the state is %q, the count %q", when, got, b.Text("#count"))
		}
	}
	b.Run(chromedp.Reload())
	check("after a reload")
	b.Run(chromedp.Click(chromedp.CSS("#claims tbody a")))
	b.Await(`location.pathname.startsWith("/claims/") && document.readyState === "complete"`)
	b.Run(chromedp.NavigateBack())
	b.Await(`location.pathname === "/claims" && document.readyState === "complete"`)
	check("after going back")
}

// The pages of a case say what the API says.
func TestCasesAgreeWithAPI(t *testing.T) {
	s := sharedSite(t)
	for _, claim := range s.allCases().claims[:5] {
		id := claim.ID.String()
		var turn struct{ Accounts []string }
		s.json("/v1/claims/"+id+"/turn", &turn)
		var c struct{ Voucher, Seller, Holder, GTIN, Serial string }
		s.json("/v1/claims/"+id, &c)
		text := s.shows("/claims/"+id, "/vouchers/"+c.Voucher, "/parties/"+c.Seller, "/parties/"+c.Holder, "/01/"+c.GTIN+"/21/"+c.Serial)
		for _, account := range turn.Accounts {
			if !strings.Contains(text, "/parties/"+account) {
				t.Errorf("claim %s does not show %s, whose turn it is", id, account)
			}
		}
		var asks struct {
			Items []struct {
				Allowed bool
				Reason  string
			}
		}
		s.json("/v1/vouchers/"+c.Voucher+"/entitlements", &asks)
		_, item := s.get(itemPath(claim.GTIN, claim.Serial))
		for _, a := range asks.Items {
			why := words.In(words.English).Reason(reject.Reason(a.Reason))
			if !a.Allowed && !strings.Contains(stdhtml.UnescapeString(item), why) {
				t.Errorf("the item of claim %s does not say %q", id, why)
			}
		}
	}
}
