package web

import (
	"crypto/sha256"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"stele/node/ledger/record"
	"stele/node/match"
)

// maxQueryText is how long a text may be that a query id is made of, in bytes.
const maxQueryText = 200

// drawBody is the data of the page of a drawn order.
type drawBody struct {
	GTIN, Text string // of the form
	At         string
	Drawn      bool
	Query      idPart // all of it
	Hashed     bool   // it is the hash of the text
	Height     crumb
	Block      idPart
	Sellers    int
	Rows       []drawRow
	JSON       string // path of the answer
	Lacks      template.HTML
}

// drawRow is a place of a drawn order.
type drawRow struct {
	Place  int
	Key    keyPart
	Score  uint32
	New    bool
	Chance string // to be first
}

// match draws the order of the sellers of a product. The query id comes from the reader:
// the node adds nothing that it could choose.
func (p *Pages) match(r *request) (*view, error) {
	q := r.URL.Query()
	body := drawBody{GTIN: strings.TrimSpace(q.Get("gtin")), Text: strings.TrimSpace(q.Get("query")), At: r.at}
	v := &view{
		Template: "match", Title: r.t("draw.title"), Answer: r.t("draw.answer"), Menu: "/sellers",
		Crumbs: []crumb{{r.t("rank.sellers"), r.link("/sellers")}, {Text: r.t("draw.crumb")}},
	}
	if p.Credit == nil {
		body.Lacks = p.lacks(r, "draw", errNoCredit)
	} else if body.GTIN != "" && body.Text != "" {
		if err := p.draw(r, &body, v); err != nil {
			return nil, err
		}
	}
	v.Body = body
	return v, nil
}

// queryOf returns the query id that a text is, or else its SHA-256.
func queryOf(text string) (q match.Query, hashed bool) {
	if err := q.UnmarshalText([]byte(text)); err != nil {
		return match.Query(sha256.Sum256([]byte(text))), true
	}
	return q, false
}

// draw draws the order that the form asks for.
func (p *Pages) draw(r *request, body *drawBody, v *view) error {
	gtin, err := record.ParseGTIN(body.GTIN)
	if err != nil {
		return &userError{http.StatusUnprocessableEntity, r.lang.plain("item.badgtin", "gtin", cut(body.GTIN))}
	}
	if len(body.Text) > maxQueryText {
		return &userError{http.StatusUnprocessableEntity, r.lang.plain("draw.long", "most", maxQueryText)}
	}
	height, ok := match.EpochAt(r.query.Height())
	if !ok {
		body.Lacks = r.t("draw.early", "height", match.Epoch-1, "more", match.Depth-1)
		return nil
	}
	if _, err := r.query.Product(gtin); err != nil {
		return err
	}
	drawn := match.Answer{Network: p.Params.ID, Product: gtin, Height: height}
	drawn.Query, body.Hashed = queryOf(body.Text)
	h, ok := p.Chain.HeaderAt(height)
	if !ok {
		body.Lacks = r.t("lacks.busy")
		return nil
	}
	drawn.Block = h.Hash
	offers, err := p.Credit.Offers(gtin, height, maxOffers)
	if body.Lacks = p.lacks(r, "draw", err); err != nil {
		return nil
	}
	drawn.Sellers = match.Candidates(offers)
	drawn.Draw()
	p.drawRows(r, &drawn, body)
	address := url.Values{"product": {gtin.String()}, "query": {drawn.Query.String()}, "height": {fmt.Sprint(height)}}
	v.API = "/v1/match?" + address.Encode()
	body.JSON = v.API
	v.Answer = r.t("draw.done", "n", len(drawn.Sellers), "gtin", gtin.String(), "height", height)
	return nil
}

// drawRows shows a drawn order.
func (p *Pages) drawRows(r *request, drawn *match.Answer, body *drawBody) {
	full := drawn.Query.String()
	body.Drawn, body.Sellers = true, len(drawn.Sellers)
	body.Query = idPart{Full: full, Short: full[:8] + "…", Name: r.lang.plain("draw.query")}
	body.Height, body.Block = crumb{r.t("case.block", "height", drawn.Height), r.link(fmt.Sprint("/blocks/", drawn.Height))}, r.blockHash(drawn.Block)
	chances := match.FirstChances(drawn.Sellers)
	at := map[record.Key]int{}
	for i, s := range drawn.Sellers {
		at[s.Account] = i
	}
	for i, account := range drawn.Order {
		s := &drawn.Sellers[at[account]]
		row := drawRow{i + 1, r.key(account), thousandths(s.Score), s.Newcomer, fmt.Sprintf("%.1f %%", 100*chances[at[account]])}
		row.Key.Path = r.link("/sellers/" + account.String())
		body.Rows = append(body.Rows, row)
	}
}
