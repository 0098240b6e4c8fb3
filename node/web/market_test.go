package web

import (
	"fmt"
	stdhtml "html"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"stele/node/api"
	"stele/node/credit"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// bestSeller returns the first seller of the ranking of a site.
func (s *site) bestSeller() credit.Ranked {
	s.Helper()
	page, err := s.credit.Sellers(1, 1)
	s.check(err)
	if len(page.Ranked) == 0 {
		s.Fatal("no seller has evidence")
	}
	return page.Ranked[0]
}

// marketExamples are the pages of scores and of the draw.
func marketExamples(s *site) []example {
	s.Helper()
	seller, _ := s.bestSeller().Owner.Seller()
	products, err := s.credit.Products(1, 1)
	s.check(err)
	gtin := products.Ranked[0].Owner.Product().String()
	return []example{
		{"sellers", "/sellers"}, {"sellers-filter", "/sellers?show=new&product=" + gtin}, {"products", "/products"},
		{"seller", "/sellers/" + seller.String()}, {"product-score", "/products/" + gtin + "/score"}, {"match", "/match?gtin=" + gtin + "&query=tea"},
	}
}

// The ranking has the order, the scores and the places of the reader, now and at a height.
func TestSellersPage(t *testing.T) {
	s := sharedSite(t)
	tip := s.query.Height()
	for _, at := range []uint32{tip, tip - 25} {
		page, err := s.credit.SellersAt(at, 1, rankingPage)
		s.check(err)
		text := s.shows(fmt.Sprintf("/sellers?at=%d", at))
		rest := text
		for _, x := range page.Ranked {
			account, _ := x.Owner.Seller()
			row := regexp.MustCompile(fmt.Sprintf(`(?s)<td class="n">%d<th scope="row">.{0,900}/sellers/%v\?at=%d".{0,400}<td class="n"><b>%d</b>`, x.Place, account, at, thousandths(x.Value)))
			where := row.FindStringIndex(rest)
			if where == nil {
				t.Fatalf("height %d: the page does not show place %d, %v with %d, after those before it", at, x.Place, account, thousandths(x.Value))
			}
			rest = rest[where[1]:]
		}
		if n := strings.Count(text, `class="partbars"`); n != len(page.Ranked) {
			t.Errorf("height %d: %d rows, want %d", at, n, len(page.Ranked))
		}
	}
}

// calculator works out the expressions of steps with integers, as a reader does with pencil
// and paper: + − × / √ ( ) and max, min and middle of several numbers.
type calculator struct {
	text []string
	err  string
}

var tokens = regexp.MustCompile(`[0-9\x{202f}]+|max|min|middle|[-+−×/√();]`)

// calculate returns the value of an expression.
func calculate(text string) (*big.Int, error) {
	c := &calculator{text: tokens.FindAllString(text, -1)}
	v := c.sum()
	if len(c.text) > 0 || c.err != "" {
		return nil, fmt.Errorf("%q: %s, %q is left", text, c.err, c.text)
	}
	return v, nil
}

func (c *calculator) take(want ...string) string {
	if len(c.text) > 0 {
		for _, w := range want {
			if c.text[0] == w {
				c.text = c.text[1:]
				return w
			}
		}
	}
	return ""
}

func (c *calculator) sum() *big.Int {
	v := c.product()
	for op := c.take("+", "−"); op != ""; op = c.take("+", "−") {
		if w := c.product(); op == "+" {
			v.Add(v, w)
		} else {
			v.Sub(v, w)
		}
	}
	return v
}

func (c *calculator) product() *big.Int {
	v := c.factor()
	for op := c.take("×", "/"); op != ""; op = c.take("×", "/") {
		if w := c.factor(); op == "×" {
			v.Mul(v, w)
		} else {
			v.Quo(v, w)
		}
	}
	return v
}

func (c *calculator) factor() *big.Int {
	switch op := c.take("√", "(", "max", "min", "middle"); op {
	case "√":
		return new(big.Int).Sqrt(c.factor())
	case "(":
		v := c.sum()
		c.take(")")
		return v
	case "max", "min", "middle":
		return c.choice(op)
	}
	v := new(big.Int)
	if len(c.text) == 0 {
		c.err = "a number is missing"
		return v
	}
	if _, ok := v.SetString(strings.ReplaceAll(c.text[0], "\u202f", ""), 10); !ok {
		c.err = c.text[0] + " is no number"
	}
	c.text = c.text[1:]
	return v
}

func (c *calculator) choice(op string) *big.Int {
	c.take("(")
	all := []*big.Int{c.sum()}
	for c.take(";") != "" {
		all = append(all, c.sum())
	}
	c.take(")")
	slices.SortFunc(all, (*big.Int).Cmp)
	return all[map[string]int{"min": 0, "max": len(all) - 1, "middle": (len(all) - 1) / 2}[op]]
}

// followed works out the lines of steps, and returns the value of the last one.
func followed(lines []string) (value uint64, err error) {
	for _, line := range lines {
		parts := strings.Split(line, " = ")
		n := len(parts)
		got, err := calculate(parts[n-2])
		if err != nil {
			return 0, err
		}
		if want, err := calculate(parts[n-1]); err != nil || got.Cmp(want) != 0 {
			return 0, fmt.Errorf("%s: it is %v (%v)", line, got, err)
		}
		value = got.Uint64()
	}
	return value, nil
}

// Whoever follows the steps of a score with pencil and paper gets the parts that the index
// computes, and the score, for every seller and product at many heights.
func TestScoreSteps(t *testing.T) {
	s := sharedSite(t)
	fee := uint64(s.credit.Params().VoucherFee)
	seen := map[string]bool{}
	for height := s.query.Height(); height > 4; height -= 3 {
		for _, ask := range []func(uint32, int, int) (credit.Ranking, error){s.credit.SellersAt, s.credit.ProductsAt} {
			page, err := ask(height, 1, 100)
			s.check(err)
			for _, x := range page.Ranked {
				e, err := s.credit.Explain(x.Owner, height)
				s.check(err)
				checkSteps(t, &e, fee, seen)
			}
		}
	}
	for _, name := range []string{"usual", "closed", "running", "core", "whole", "recent", "claims", "least", "standing", "score", "shown"} {
		if !seen[name] {
			t.Errorf("no score has the step %s", name)
		}
	}
}

func checkSteps(t *testing.T, e *credit.Explanation, fee uint64, seen map[string]bool) {
	t.Helper()
	p := &e.Parts
	want := map[string]uint64{
		"usual": p.Usual, "running": uint64(p.Running), "core": uint64(p.Core), "whole": uint64(p.Whole), "recent": uint64(p.Recent), "claims": uint64(p.Claims),
		"least": uint64(p.Satisfied), "standing": uint64(p.Standing), "score": uint64(p.Value), "shown": uint64(thousandths(e.Value)),
	}
	for _, l := range e.Lines {
		if mean, err := followed([]string{blended(credit.Invented*p.Usual, e.Market.Prior, l.Outcome, l.Weight, uint64(l.Mean))}); !l.Running && (err != nil || mean != uint64(l.Mean)) {
			t.Errorf("height %d: period %d: %v", e.Height, l.Period, err)
		}
	}
	before := map[string]uint64{}
	for _, step := range stepsOf(e, fee) {
		seen[step.Name] = true
		got, err := followed(step.Calc)
		if err != nil {
			t.Errorf("height %d: %s: %v", e.Height, step.Name, err)
		}
		if len(step.Calc) == 0 {
			from := map[string]string{"core": "closed", "score": "least"}[step.Name]
			if _, closed := before["closed"]; from == "closed" && !closed {
				from = "running"
			}
			got = before[from]
		}
		before[step.Name] = got
		if w, ok := want[step.Name]; got != step.Value || ok && got != w {
			t.Errorf("height %d: %s: followed %d, the step says %d, the index %d", e.Height, step.Name, got, step.Value, w)
		}
	}
}

var calcPattern = regexp.MustCompile(`<code class="calc">([^<]*)</code>`)

// The page of a seller shows all steps, periods and vouchers, and the steps that a reader
// follows on it end at the score of the API.
func TestSellerPage(t *testing.T) {
	s := sharedSite(t)
	seller, _ := s.bestSeller().Owner.Seller()
	var want struct {
		Score uint32
		Lines []struct{ Period, Vouchers uint32 }
	}
	s.json("/v1/credit/sellers/"+seller.String(), &want)
	path := "/sellers/" + seller.String()
	text := stdhtml.UnescapeString(s.shows(path, fmt.Sprintf("Score %d of 1,000", want.Score), "/v1/credit/sellers/"+seller.String()))
	var lines []string
	for _, m := range calcPattern.FindAllStringSubmatch(text, -1) {
		lines = append(lines, m[1])
	}
	if got, err := followed(lines); err != nil || got != uint64(want.Score) {
		t.Errorf("the steps end at %d, the score is %d (%v)", got, want.Score, err)
	}
	for _, l := range want.Lines {
		shown, next := 0, fmt.Sprintf("%s?period=%d", path, l.Period)
		for next != "" {
			page := stdhtml.UnescapeString(s.shows(next))
			shown += strings.Count(page, `<a class="m" href="/vouchers/`)
			next = ""
			if m := regexp.MustCompile(`<a href="([^"]*)">Next page`).FindStringSubmatch(page); m != nil {
				next = m[1]
			}
		}
		audited := strings.Count(text[strings.Index(text, `id="audits-h"`):], `<a class="m" href="/vouchers/`)
		pages := (int(l.Vouchers) + evidencePage - 1) / evidencePage
		if shown -= audited * pages; shown != int(l.Vouchers) {
			t.Errorf("period %d: the page shows %d vouchers, the API has %d", l.Period, shown, l.Vouchers)
		}
	}
}

// The pages of scores answer what they cannot show with a status and in words.
func TestMarketErrors(t *testing.T) {
	s := sharedSite(t)
	seller, _ := s.bestSeller().Owner.Seller()
	nobody := record.PublicOf(record.KeyFromSeed([32]byte{7}))
	for path, status := range map[string]int{
		"/sellers?show=good": 422, "/sellers?product=x": 422, "/sellers?from=0": 422, "/sellers/x": 422, "/sellers/" + nobody.String(): 404,
		"/sellers/" + seller.String() + "?period=x": 422, "/sellers/" + seller.String() + "?from=x": 422, "/products/x/score": 422, "/match?gtin=x&query=y": 422,
		"/sellers?show=suspended": 200, "/sellers?from=1000": 200, "/match": 200, "/sellers/" + seller.String() + "?period=99": 200,
	} {
		if answer, _ := s.get(path); answer.StatusCode != status {
			t.Errorf("%s: %s, want %d", path, answer.Status, status)
		}
	}
}

// A node without an index of scores says so.
func TestWithoutScores(t *testing.T) {
	s := newSite(t, 3, 5, func(o *Options) { o.Credit = nil })
	const says = "keeps no index of scores"
	s.shows("/sellers", says)
	s.shows("/products", says)
	s.shows("/match?gtin=06901234560008&query=tea", says)
	key := record.PublicOf(network.DevRoots()[0])
	if answer, text := s.get("/sellers/" + key.String()); answer.StatusCode != 503 || !strings.Contains(text, says) {
		t.Errorf("a seller: %s", answer.Status)
	}
}

// A drawn order holds in a browser, and the button makes a query id there.
func TestDrawInBrowser(t *testing.T) {
	s := newSite(t, 150, 8)
	for _, l := range []look{{1280, false, "en"}, {390, true, "zh"}} {
		b := s.tab(t, l)
		examples := marketExamples(s)
		e := examples[len(examples)-1]
		b.Resize(l.width)
		b.open(addressed(e.path, "lang", l.lang))
		b.Picture(pictureName("drawn", l))
		b.checkPage(e.path, l.rules()...)
		b.Run(chromedp.Click(chromedp.CSS("[data-random]")))
		id := eval[string](b, `document.getElementById("query").value`)
		b.Run(chromedp.Click(chromedp.CSS("main .filters .go:last-child")))
		b.Await(`location.search.includes("query=` + id + `") && document.readyState === "complete"`)
		if got := b.Text("main .kv .long"); got != id || len(id) != 64 {
			t.Errorf("the query id is %q, the page says %q", id, got)
		}
	}
	s.matchAgrees(t)
}

// matchAgrees checks that a page has the order of the API, which is drawn again from what
// the answer says.
func (s *site) matchAgrees(t *testing.T) {
	products, err := s.credit.Products(1, 1)
	s.check(err)
	gtin := products.Ranked[0].Owner.Product().String()
	text := stdhtml.UnescapeString(s.shows("/match?gtin=" + gtin + "&query=tea"))
	m := regexp.MustCompile(`href="(/v1/match[^"]*)" download`).FindStringSubmatch(text)
	if m == nil {
		t.Fatal("the page has no answer to save")
	}
	var drawn api.Drawn
	s.json(m[1], &drawn)
	answer, err := drawn.Answer()
	s.check(err)
	s.check(answer.Redraw())
	for _, account := range drawn.Order {
		at := strings.Index(text, "/sellers/"+account.String())
		if at < 0 {
			t.Fatalf("the page does not show %v at its place", account)
		}
		text = text[at+1:]
	}
	if len(drawn.Order) < 2 {
		t.Errorf("%d sellers are drawn: too few for a test of their order", len(drawn.Order))
	}
}

// The filters of the ranking narrow it, and stay in the form and in its links.
func TestRankingFilters(t *testing.T) {
	s := sharedSite(t)
	tip := s.query.Height()
	all, err := s.credit.SellersAt(tip, 1, 100)
	s.check(err)
	products, err := s.credit.Products(1, 1)
	s.check(err)
	gtin := products.Ranked[0].Owner.Product()
	offers, err := s.credit.Offers(gtin, tip, 100)
	s.check(err)
	path := fmt.Sprintf("/sellers?show=new&product=%v&at=%d", gtin, tip)
	text := s.shows(path, `value="new" selected`, fmt.Sprintf(`name="product" value="%v"`, gtin), fmt.Sprintf(`name="at" value="%d"`, tip))
	want := 0
	for _, o := range offers {
		if o.Parts.Newcomer() && o.Parts.Vouchers > 0 {
			want++
			account, _ := o.Owner.Seller()
			s.shows(path, account.String())
		}
	}
	if n := strings.Count(text, `class="partbars"`); n != want || want == 0 {
		t.Errorf("%d sellers of %d are shown, want %d", n, len(all.Ranked), want)
	}
	established := 0
	for _, x := range all.Ranked {
		if !x.Parts.Newcomer() {
			established++
		}
	}
	for filter, want := range map[string]int{"show=established": established, "product=06291041500213": 0} { // nobody sells it
		if n := strings.Count(s.shows("/sellers?"+filter, `href="/sellers">Show all`), `class="partbars"`); n != want {
			t.Errorf("%s: %d sellers are shown, want %d", filter, n, want)
		}
	}
	text = stdhtml.UnescapeString(s.shows(path + "&from=2"))
	for _, kept := range []string{"show=new", "product=" + gtin.String(), fmt.Sprintf("at=%d", tip)} {
		if m := regexp.MustCompile(`<a href="([^"]*)">First page`).FindStringSubmatch(text); m == nil || !strings.Contains(m[1], kept) || strings.Contains(m[1], "from=") {
			t.Errorf("the link to the first page, %q, lacks %s", m, kept)
		}
	}
	if strings.Contains(s.shows("/sellers?from=3"), `<td class="n">2<th`) {
		t.Error("the page from place 3 shows place 2")
	}
}

// A suspended seller has the score 0, and the page says who did it and what it would have.
func TestSuspended(t *testing.T) {
	s := sharedSite(t)
	x := s.bestSeller()
	e, err := s.credit.Explain(x.Owner, s.query.Height())
	s.check(err)
	e.Value, e.Suspended = 0, true
	x.Value, x.Suspended = 0, true
	for i, word := range []string{"suspended", "暂停"} {
		r := &request{lang: languagesOf(t)[i]}
		row := rankedRow(r, &x)
		if !strings.Contains(strings.ToLower(row.State.Word), word) || row.State.Kind != "bad" || row.Score != 0 {
			t.Errorf("the row says %+v, score %d", row.State, row.Score)
		}
		if text := string(scoreAnswer(r, &e)); !strings.Contains(text, word) || !strings.Contains(text, fmt.Sprint(thousandths(e.Parts.Value))) {
			t.Errorf("the answer is %q", text)
		}
	}
	if steps := stepsOf(&e, 1); steps[len(steps)-1].Name != "suspended" || steps[len(steps)-1].Value != 0 {
		t.Errorf("the last step is %+v", steps[len(steps)-1])
	}
	if !shows[2].lets(&x) || shows[0].lets(&x) || shows[1].lets(&x) {
		t.Error("the filter does not know a suspended seller")
	}
}
