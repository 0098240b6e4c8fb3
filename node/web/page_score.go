package web

import (
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"

	"stele/node/credit"
	"stele/node/ledger/record"
	"stele/node/query"
)

const (
	evidencePage = 20   // vouchers of a period that a page lists
	maxAudits    = 6    // periods whose audits it shows
	maxRulings   = 8    // claims with a ruling that it lists
	maxRuled     = 1000 // claims that it looks at for them
)

// scoreBody is the data of the page of a score.
type scoreBody struct {
	Key      *idPart // of a seller; nil: a product
	Acts     []crumb
	Lacks    template.HTML
	None     template.HTML // why there are no steps; "": there are
	Suspends bool
	Market   template.HTML
	Steps    []stepRow
	Chart    template.HTML
	First    uint32 // period of the chart
	Last     uint32
	Periods  []periodRow

	Shown      []option // periods whose evidence can be shown
	At         string
	Evidence   []evidenceRow
	NoEvidence template.HTML
	Pager      pager

	Rulings   []claimLine
	Partial   bool // not all claims were looked at
	NoRulings template.HTML
	Audits    []auditRow
	NoAudits  template.HTML
	Limits    []template.HTML
}

// stepRow is a step with its words.
type stepRow struct {
	Name, Note template.HTML
	Calc       []string
	Bar        *barPart // nil: it is no part of One
	Value      template.HTML
	Exact      string // in parts of One; "": it is none
	Decides    bool
	Total      bool
}

// periodRow is a period with evidence.
type periodRow struct {
	Period         uint32
	First, Last    uint32 // heights
	Path           string // of its evidence
	Vouchers       uint32
	Ends, Settled  uint32
	Weight         string // U, in the smallest unit
	Outcome        string // S
	Said, Mean     uint32 // in thousandths
	Exact          string // of Mean
	Fifths         int
	Running, Shown bool
}

// evidenceRow is a voucher that counts in a period.
type evidenceRow struct {
	Voucher    idPart
	Weight     record.Amount
	WeightNote template.HTML
	Said       template.HTML // x
	Ends       []template.HTML
	Outcome    uint32 // y, in thousandths
	Home       template.HTML
}

// auditRow is a voucher that was drawn.
type auditRow struct {
	Period   uint32
	Path     string // of the evidence of the period
	Voucher  idPart
	Vouchers int
	Drawn    string
	Weight   string
	Block    crumb
}

func (p *Pages) seller(r *request) (*view, error) {
	key, err := record.ParseKey(r.PathValue("key"))
	if err != nil {
		return nil, &userError{http.StatusUnprocessableEntity, r.lang.plain("party.badkey", "key", cut(r.PathValue("key")))}
	}
	if p.Credit == nil {
		return nil, &userError{http.StatusServiceUnavailable, r.lang.plain("lacks.nocredit")}
	}
	account, err := p.Views.Account(key)
	if err != nil {
		return nil, err
	}
	full := account.String()
	body := scoreBody{Key: &idPart{Full: full, Short: shortKey(full), Name: r.lang.plain("party.key")}, Acts: []crumb{
		{r.t("score.act.party"), r.link("/parties/" + full)}, {r.t("score.act.claims"), r.link("/claims?state=live&seller=" + full)},
	}}
	v := &view{
		Template: "score", Title: r.t("score.title.seller", "key", shortKey(full)), API: "/v1/credit/sellers/" + full, Menu: "/sellers",
		Crumbs: []crumb{{r.t("rank.sellers"), r.link("/sellers")}, {Text: html(shortKey(full))}},
	}
	e, err := p.score(r, credit.OfSeller(account), &body, v)
	if err != nil {
		return nil, err
	}
	if e.Parts.Vouchers == 0 && !e.Suspended && !e.Revoked {
		a, err := r.query.Account(account)
		if err != nil {
			return nil, err
		}
		if !a.Roles.Has(record.Seller) {
			return nil, &userError{http.StatusNotFound, r.lang.plain("score.noseller")}
		}
	}
	switch {
	case e.Suspended:
		v.Tag = state{"bad", r.lang.plain("score.suspended")}
	case e.Revoked:
		v.Tag = state{"end", r.lang.plain("score.revoked")}
	default:
		v.Tag = state{"ok", r.lang.plain("score.maysell")}
	}
	p.rulings(r, account, &body)
	p.audits(r, account, e, &body)
	v.Body = body
	return v, nil
}

func (p *Pages) productScore(r *request) (*view, error) {
	gtin, err := gtinOf(r)
	if err != nil {
		return nil, err
	}
	if p.Credit == nil {
		return nil, &userError{http.StatusServiceUnavailable, r.lang.plain("lacks.nocredit")}
	}
	if _, err := r.query.Product(gtin); err != nil {
		return nil, err
	}
	number := gtin.String()
	body := scoreBody{Acts: []crumb{
		{r.t("score.act.product"), r.link("/products/" + number)}, {r.t("score.act.sellers"), r.link("/sellers?product=" + number)}, {r.t("draw.title"), r.link("/match?gtin=" + number)},
	}}
	v := &view{
		Template: "score", Title: r.t("score.title.product", "gtin", number), API: "/v1/credit/products/" + number, Menu: "/sellers",
		Crumbs: []crumb{{r.t("rank.products"), r.link("/products")}, {html(number), r.link("/products/" + number)}, {Text: r.t("score.crumb")}},
	}
	_, err = p.score(r, credit.OfProduct(gtin), &body, v)
	v.Body = body
	return v, err
}

// score fills in what the page of a score says of an owner.
func (p *Pages) score(r *request, o credit.Owner, body *scoreBody, v *view) (*credit.Explanation, error) {
	v.Live, body.At = "kind=block", r.at
	height, err := p.creditHeight(r)
	if err != nil {
		return nil, err
	}
	e, err := p.Credit.Explain(o, height)
	if err != nil {
		return nil, err
	}
	limits := []string{"time", "name", "bribe", "rival", "price", "carrier", "newcomer"}
	for _, name := range limits {
		body.Limits = append(body.Limits, r.t("score.limit."+name))
	}
	body.Suspends = e.Suspended
	body.Market = r.t("score.market", "prior", thousandths(e.Market.Prior), "priorexact", e.Market.Prior, "low", thousandths(e.Market.Low), "lowexact", e.Market.Low, "period", e.Period)
	v.Answer = scoreAnswer(r, &e)
	if e.Parts.Vouchers == 0 {
		body.None = r.t("score.none", "window", credit.Window)
		return &e, nil
	}
	for _, s := range stepsOf(&e, uint64(p.Credit.Params().VoucherFee)) {
		body.Steps = append(body.Steps, stepWords(r, &e, &s))
	}
	shown, err := shownPeriod(r, &e)
	if err != nil {
		return nil, err
	}
	p.scorePeriods(r, &e, shown, body)
	return &e, p.scoreEvidence(r, &e, shown, body)
}

// scoreAnswer says what the score is, and why.
func scoreAnswer(r *request, e *credit.Explanation) template.HTML {
	if e.Suspended {
		return r.t("score.answer.suspended", "score", thousandths(e.Parts.Value))
	}
	score := thousandths(e.Value)
	if e.Parts.Vouchers == 0 {
		return r.t("score.answer.none", "score", score)
	}
	why := r.t("score.why."+e.Parts.Decides(), "least", thousandths(e.Parts.Satisfied))
	if e.Parts.Satisfied > e.Market.Low && e.Parts.Standing < credit.Full {
		why = r.t("item.answer.join", "before", why, "after", r.t("score.why.new", "standing", e.Parts.Standing, "full", credit.Full, "low", thousandths(e.Market.Low)))
	}
	return r.t("score.answer", "score", score, "why", why)
}

// stepWords explains a step.
func stepWords(r *request, e *credit.Explanation, s *scoreStep) stepRow {
	row := stepRow{
		Name: r.t("score.step." + s.Name), Calc: s.Calc, Decides: s.Name == e.Parts.Decides(), Total: s.Name == "shown" || s.Name == "suspended",
		Note: r.t("score.note."+s.Name, "vouchers", e.Parts.Vouchers, "ends", e.Parts.Ends, "settled", e.Parts.Settled, "decides", partName(r, e.Parts.Decides()), "recent", credit.Recent),
	}
	switch {
	case s.Mean:
		b := bar(float64(s.Value)/credit.One, "f3")
		if row.Decides || s.Name == "score" {
			b.Class = "fa"
		}
		row.Bar, row.Value, row.Exact = &b, r.t("score.number", "n", thousandths(uint32(s.Value))), spaced(s.Value)
	case s.Name == "usual":
		row.Value = html(spaced(s.Value))
	default:
		row.Value = r.t("score.number", "n", s.Value)
	}
	return row
}

// shownPeriod returns the period whose evidence the request asks for: the last one, if it
// says none.
func shownPeriod(r *request, e *credit.Explanation) (uint32, error) {
	text := r.URL.Query().Get("period")
	if text == "" {
		return e.Lines[len(e.Lines)-1].Period, nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, &userError{http.StatusUnprocessableEntity, r.lang.plain("score.badperiod", "period", cut(text))}
	}
	return uint32(n), nil
}

// scorePeriods fills in the periods with evidence.
func (p *Pages) scorePeriods(r *request, e *credit.Explanation, shown uint32, body *scoreBody) {
	blocks := p.Credit.Params().Period
	var bars []periodBar
	for _, l := range e.Lines {
		name := strconv.FormatUint(uint64(l.Period), 10)
		body.Periods = append(body.Periods, periodRow{
			Period: l.Period, First: l.Period * blocks, Last: l.Period*blocks + blocks - 1, Path: r.link(r.URL.Path+"?period="+name) + "#evidence-h",
			Vouchers: l.Vouchers, Ends: l.Ends, Settled: l.Settled, Weight: spaced(l.Weight), Outcome: spaced(l.Outcome),
			Said: thousandths(l.Said), Mean: thousandths(l.Mean), Exact: spaced(l.Mean), Fifths: l.Fifths, Running: l.Running, Shown: l.Period == shown,
		})
		body.Shown = append(body.Shown, option{name, r.t("score.period.of", "n", name, "vouchers", l.Vouchers), l.Period == shown})
		bars = append(bars, periodBar{l.Period, l.Mean, l.Fifths, r.lang.plain("score.period.bar", "n", name, "mean", thousandths(l.Mean))})
	}
	slices.Reverse(body.Shown)
	slices.Reverse(body.Periods)
	body.First, body.Last = e.Period-min(e.Period, credit.Window-1), e.Period
	body.Chart = periodsChart(bars, body.First, body.Last, e.Parts.Core, r.lang.plain("score.chart", "n", len(bars), "core", thousandths(e.Parts.Core)))
}

// scoreEvidence fills in the vouchers of a period.
func (p *Pages) scoreEvidence(r *request, e *credit.Explanation, period uint32, body *scoreBody) error {
	var from record.ID
	if text := r.URL.Query().Get("from"); text != "" {
		if err := from.UnmarshalText([]byte(text)); err != nil {
			return &userError{http.StatusUnprocessableEntity, r.lang.plain("case.badid", "id", cut(text))}
		}
		body.Pager.First = r.with("from", "")
	}
	list, err := p.Credit.Evidence(e.Owner, period, e.Height, from, evidencePage+1)
	body.NoEvidence = p.lacks(r, "evidence", err)
	for i, x := range list {
		if i == evidencePage {
			body.Pager.Next = r.with("from", x.Voucher.String())
			break
		}
		body.Evidence = append(body.Evidence, p.evidenceRow(r, &x))
	}
	return nil
}

func (p *Pages) evidenceRow(r *request, x *credit.Evidence) evidenceRow {
	row := evidenceRow{
		Voucher: r.id(x.Voucher, "/vouchers/"), Weight: record.Amount(x.Weight), WeightNote: p.weightNote(r, x), Outcome: thousandths(x.Outcome),
		Home: r.t("score.home.first"), Said: r.t("score.unsaid"),
	}
	if x.Moved {
		row.Home = r.t("score.home.worse")
	}
	if x.Scores > 0 {
		row.Said = r.t("score.said", "sum", x.Scores, "x", thousandths((uint32(x.Scores)-3)*credit.One/12))
	}
	for end := credit.Defaulted; end > credit.NoEnd; end-- {
		if n := x.Ends[end]; n > 0 {
			row.Ends = append(row.Ends, r.t("score.end."+end.String(), "n", n, "most", thousandths(credit.One-end.Harm())))
		}
	}
	return row
}

// weightNote says why a voucher has its weight.
func (p *Pages) weightNote(r *request, x *credit.Evidence) template.HTML {
	v, err := p.query.Voucher(x.Voucher)
	if err != nil {
		return ""
	}
	params := p.Credit.Params()
	price := r.t("amount.coins", "n", coins(v.Price))
	switch x.Weight {
	case uint64(params.VoucherFee):
		return r.t("score.weight.least", "price", price)
	case params.Weight(record.MaxAmount):
		return r.t("score.weight.most", "price", price)
	}
	return r.t("score.weight.part", "price", price, "permille", params.FeePermille)
}

// rulings lists the claims against a seller on which a supervisor ruled, the newest first.
func (p *Pages) rulings(r *request, seller record.Key, body *scoreBody) {
	in := query.Range{Limit: claimsPage}
	var ruled []*query.Claim
	for looked := 0; looked < maxRuled; looked += in.Limit {
		page, err := r.query.Claims(query.Of{Seller: &seller}, query.ClaimStates(), in)
		if err != nil {
			body.NoRulings = p.lacks(r, "rulings", err)
			return
		}
		for i := range page.Items {
			if c := &page.Items[i]; c.Ruled || c.Defaulted {
				ruled = append(ruled, c)
			}
		}
		if in.From = page.Next; in.From == "" {
			break
		}
	}
	body.Partial = in.From != ""
	slices.Reverse(ruled)
	for _, c := range ruled[:min(len(ruled), maxRulings)] {
		body.Rulings = append(body.Rulings, p.claimLine(r, c))
	}
}

// audits lists the vouchers of a seller that were drawn for the last periods.
func (p *Pages) audits(r *request, seller record.Key, e *credit.Explanation, body *scoreBody) {
	drawn := p.Credit.Params().DrawnPeriods(e.Height)
	for n := range min(drawn, maxAudits) {
		a, err := p.Credit.AuditOf(drawn-1-n, seller)
		if err != nil {
			body.NoAudits = p.lacks(r, "audits", err)
			return
		}
		for _, x := range a.Audits {
			body.Audits = append(body.Audits, auditRow{
				Period: x.Period, Path: r.link(fmt.Sprintf("%s?period=%d", r.URL.Path, x.Period)) + "#evidence-h", Voucher: r.id(x.Voucher, "/vouchers/"),
				Vouchers: x.Vouchers, Drawn: spaced(x.Drawn), Weight: spaced(x.Weight), Block: crumb{r.t("case.block", "height", a.Height), r.link(fmt.Sprint("/blocks/", a.Height))},
			})
		}
	}
}
