package web

import (
	"html/template"

	"stele/node/credit"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// productBody is the data of the page of a product.
type productBody struct {
	GTIN    string
	Case    []caseRow
	Sales   []productCount
	Cases   []productCount
	NoCount template.HTML
	Claims  string // path of its claims
	Score   *productScore
	Groups  []eventGroup
	Lacks   template.HTML
	More    string
}

// productScore is the score of a product in short.
type productScore struct {
	Score uint32 // in thousandths
	Bars  template.HTML
	Text  template.HTML
	Path  string // of its page
	Lacks template.HTML
}

// productCount is how many vouchers or claims of a product are in a state.
type productCount struct {
	State state
	N     uint64
	Path  string
}

func (p *Pages) product(r *request) (*view, error) {
	gtin, err := gtinOf(r)
	if err != nil {
		return nil, err
	}
	product, err := r.query.Product(gtin)
	if err != nil {
		return nil, err
	}
	w := r.words()
	maker := r.key(product.Maker)
	terms := r.t("product.noterms")
	if part := digestPart(product.Terms); part != nil {
		terms = html(part.Short)
	}
	body := productBody{GTIN: gtin.String(), Claims: r.link("/claims?product=" + gtin.String()), Case: []caseRow{
		{Name: r.t("voucher.row.maker"), Key: &maker},
		{Name: r.t("product.row.warranty"), Text: html(w.Days(uint64(product.WarrantyDays))), Note: r.t("product.least")},
		{Name: r.t("document.terms"), Text: terms, Note: r.t("product.terms")},
	}}
	v := &view{
		Template: "product", Title: r.t("product.title", "gtin", gtin.String()), API: "/v1/products/" + gtin.String(), Live: "kind=block",
		Crumbs: []crumb{{Text: r.t("product.crumb")}}, Tag: state{"ok", r.lang.plain("product.fine")},
	}
	if product.Recalled {
		v.Tag = state{"bad", r.lang.plain("item.recalled")}
	}
	p.productCounts(r, product, &body, v)
	body.Score = p.productScoreOf(r, gtin)
	c, err := p.newCast(r, nil)
	if err != nil {
		return nil, err
	}
	c.add("maker", product.Maker)
	history, err := r.query.ProductHistory(gtin, query.Range{From: query.Cursor(r.URL.Query().Get("from")), Limit: claimsPage})
	if body.Lacks = p.lacks(r, "history", err); history.Next != "" {
		body.More = r.with("from", string(history.Next))
	}
	body.Groups = p.timeline(r, c, history.Items, 0)
	v.Body = body
	return v, nil
}

// productScoreOf returns the score of a product in short.
func (p *Pages) productScoreOf(r *request, gtin record.GTIN) *productScore {
	s := &productScore{Path: r.link("/products/" + gtin.String() + "/score")}
	height, err := p.creditHeight(r)
	if err != nil {
		s.Lacks = p.lacks(r, "score", err)
		return s
	}
	e, err := p.Credit.Explain(credit.OfProduct(gtin), height)
	if err != nil {
		s.Lacks = p.lacks(r, "score", err)
		return s
	}
	s.Score, s.Text = thousandths(e.Value), scoreAnswer(r, &e)
	if e.Parts.Vouchers > 0 {
		s.Bars = partsBars(r, &e.Parts, e.Value)
	}
	return s
}

// productCounts counts the vouchers and claims of a product.
func (p *Pages) productCounts(r *request, product *rules.Product, body *productBody, v *view) {
	days := r.words().Days(uint64(product.WarrantyDays))
	totals, err := r.query.Totals(query.Of{Product: &product.GTIN})
	if err != nil {
		body.NoCount = p.lacks(r, "totals", err)
		v.Answer = r.t("product.answer.short", "days", days)
		return
	}
	sold, live := uint64(0), uint64(0)
	for _, s := range query.VoucherStates() {
		if n := totals.Vouchers[s]; n > 0 {
			sold += n
			body.Sales = append(body.Sales, productCount{State: r.voucherState(s), N: n})
		}
	}
	for _, s := range query.ClaimStates() {
		if n := totals.Claims[s]; n > 0 {
			if !s.Closed() {
				live += n
			}
			body.Cases = append(body.Cases, productCount{State: r.claimState(s), N: n, Path: r.link("/claims?product=" + body.GTIN + "&state=" + s.String())})
		}
	}
	v.Answer = r.t("product.answer", "days", days, "sold", sold, "live", live, "overdue", totals.Overdue)
}
