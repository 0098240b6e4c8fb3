package web

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"stele/node/credit"
	"stele/node/ledger/record"
	"stele/node/views"
)

// errNoCredit means that the node has no index of scores.
var errNoCredit = errors.New("this node keeps no index of scores")

const (
	rankingPage = 50     // places that a page lists
	maxRanked   = 10_000 // places that a page looks at to find those that a filter lets through
	maxOffers   = 2000   // sellers of a product
)

// rankingBody is the data of the ranking of sellers, or of products.
type rankingBody struct {
	Products bool
	Product  string // that the sellers sold; "": any
	At       string
	Shows    []option
	Count    template.HTML
	All      string // path without filters; "": there are none
	Rows     []rankRow
	Lacks    template.HTML
	Pager    pager
	Market   template.HTML // its two numbers
	Other    crumb         // the ranking of the other kind
	Draw     string        // path of the draw
	Filtered bool
}

// rankRow is a place in the ranking.
type rankRow struct {
	Place          int
	Key            keyPart
	GTIN, Path     string
	Score          uint32 // in thousandths
	State          state  // suspended or new; the zero value: neither
	Bars           template.HTML
	Decides        template.HTML
	Standing       uint32
	Vouchers, Ends uint32
	Settled        uint32
}

// shows are the filters of a ranking by what an owner is, and a test for each.
var shows = []struct {
	name string
	lets func(*credit.Ranked) bool
}{
	{"established", func(x *credit.Ranked) bool { return !x.Suspended && !x.Parts.Newcomer() }},
	{"new", func(x *credit.Ranked) bool { return !x.Suspended && x.Parts.Newcomer() }},
	{"suspended", func(x *credit.Ranked) bool { return x.Suspended }},
}

// thousandths returns a number in parts of [credit.One] as scores are shown.
func thousandths(exact uint32) uint32 { return uint32(uint64(exact) * 1000 / credit.One) }

// creditHeight returns the height whose scores the request asks for.
func (p *Pages) creditHeight(r *request) (uint32, error) {
	if p.Credit == nil {
		return 0, errNoCredit
	}
	if r.at != "" {
		return r.query.Height(), nil
	}
	return p.Credit.Tip()
}

func (p *Pages) sellers(r *request) (*view, error)  { return p.ranking(r, false) }
func (p *Pages) products(r *request) (*view, error) { return p.ranking(r, true) }

// ranking makes the page of the order of all sellers or products.
func (p *Pages) ranking(r *request, products bool) (*view, error) {
	q, kind := r.URL.Query(), "sellers"
	body := rankingBody{Products: products, Product: strings.TrimSpace(q.Get("product")), At: r.at, Other: crumb{r.t("rank.products"), r.link("/products")}, Draw: r.link("/match")}
	if products {
		kind, body.Product, body.Other = "products", "", crumb{r.t("rank.sellers"), r.link("/sellers")}
	}
	lets, err := p.rankFilter(r, &body)
	if err != nil {
		return nil, err
	}
	from := 1
	if text := q.Get("from"); text != "" {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil || n == 0 {
			return nil, &userError{http.StatusUnprocessableEntity, r.lang.plain("rank.badfrom", "from", cut(text))}
		}
		from, body.Pager.First = int(n), r.with("from", "")
	}
	v := &view{Template: "sellers", Title: r.t("rank." + kind), Menu: "/sellers", API: "/v1/credit/" + kind, Live: "kind=block"}
	page, err := p.ranked(r, products, from, body.Filtered)
	if body.Lacks = p.lacks(r, kind, err); err != nil {
		v.Answer, v.Body = r.t("rank.answer.none"), body
		return v, nil
	}
	p.rankRows(r, &page, lets, &body)
	body.Count = r.t("rank.count", "n", page.Total, "kind", r.t("rank.kind."+kind))
	body.Market = r.t("rank.market", "prior", thousandths(page.Market.Prior), "low", thousandths(page.Market.Low), "period", page.Period)
	v.Answer = r.t("rank.answer."+kind, "n", page.Total, "height", page.Height)
	v.Body = body
	return v, nil
}

// rankFilter reads the filters of a ranking.
func (p *Pages) rankFilter(r *request, body *rankingBody) (lets func(*credit.Ranked) bool, err error) {
	show := r.URL.Query().Get("show")
	is, known := func(*credit.Ranked) bool { return true }, show == ""
	for _, s := range shows {
		if body.Products && s.name == "suspended" {
			continue
		}
		if s.name == show {
			is, known = s.lets, true
		}
		body.Shows = append(body.Shows, option{s.name, r.t("rank.show." + s.name), s.name == show})
	}
	if !known {
		return nil, &userError{http.StatusUnprocessableEntity, r.lang.plain("rank.badshow", "show", cut(show))}
	}
	if body.Filtered = show != "" || body.Product != ""; body.Filtered {
		body.All = r.link(r.URL.Path)
	}
	if body.Product == "" {
		return is, nil
	}
	gtin, err := record.ParseGTIN(body.Product)
	if err != nil {
		return nil, &userError{http.StatusUnprocessableEntity, r.lang.plain("item.badgtin", "gtin", cut(body.Product))}
	}
	height, err := p.creditHeight(r)
	if err != nil {
		return is, nil //nolint:nilerr // the ranking fails with the same error
	}
	offers, err := p.Credit.Offers(gtin, height, maxOffers)
	if errors.Is(err, views.ErrTooMany) {
		return nil, err
	}
	sold := map[credit.Owner]bool{}
	for _, o := range offers {
		sold[o.Owner] = true
	}
	return func(x *credit.Ranked) bool { return sold[x.Owner] && is(x) }, nil
}

// ranked returns the places from one on: a page of them, or all that a filter looks at.
func (p *Pages) ranked(r *request, products bool, from int, filtered bool) (credit.Ranking, error) {
	limit := rankingPage
	if filtered {
		limit = maxRanked
	}
	height, err := p.creditHeight(r)
	switch {
	case err != nil:
		return credit.Ranking{}, err
	case r.at != "" && products:
		return p.Credit.ProductsAt(height, from, limit)
	case r.at != "":
		return p.Credit.SellersAt(height, from, limit)
	case products:
		return p.Credit.Products(from, limit)
	}
	return p.Credit.Sellers(from, limit)
}

// rankRows fills in the rows of a page, and the way to the next one.
func (p *Pages) rankRows(r *request, page *credit.Ranking, lets func(*credit.Ranked) bool, body *rankingBody) {
	last := 0
	for i := range page.Ranked {
		x := &page.Ranked[i]
		if len(body.Rows) == rankingPage {
			break
		}
		if last = x.Place; lets(x) {
			body.Rows = append(body.Rows, rankedRow(r, x))
		}
	}
	if last > 0 && last < page.Total {
		body.Pager.Next = r.with("from", strconv.Itoa(last+1))
	}
}

func rankedRow(r *request, x *credit.Ranked) rankRow {
	row := rankRow{
		Place: x.Place, Score: thousandths(x.Value), Standing: x.Parts.Standing, Vouchers: x.Parts.Vouchers, Ends: x.Parts.Ends, Settled: x.Parts.Settled,
		Decides: partName(r, x.Parts.Decides()),
	}
	if account, ok := x.Owner.Seller(); ok {
		row.Key, row.Path = r.key(account), r.link("/sellers/"+account.String())
		row.Key.Path = row.Path
	} else {
		row.GTIN = x.Owner.Product().String()
		row.Path = r.link("/products/" + row.GTIN + "/score")
	}
	switch {
	case x.Suspended:
		row.State = state{"bad", r.lang.plain("score.suspended")}
	case x.Parts.Newcomer():
		row.State = state{"run", r.lang.plain("score.new")}
	}
	row.Bars = partsBars(r, &x.Parts, x.Value)
	return row
}

// partsBars draws the four parts of a score, the one that decides in the accent colour, and
// a line at the score.
func partsBars(r *request, parts *credit.Parts, value uint32) template.HTML {
	bars := []partBar{{"core", parts.Core}, {"whole", parts.Whole}, {"recent", parts.Recent}, {"claims", parts.Claims}}
	label := ""
	for i, b := range bars {
		if i > 0 {
			label += r.lang.plain("list.comma")
		}
		label += fmt.Sprintf("%s %d", r.lang.plain("score.part."+b.Name), thousandths(b.Value))
	}
	return partsChart(bars, parts.Decides(), value, r.lang.plain("score.bars", "parts", label, "decides", string(partName(r, parts.Decides()))))
}

// partName returns the name of the part of a score that decides; "" if there is no
// evidence.
func partName(r *request, decides string) template.HTML {
	return r.t("score.part." + cmp.Or(decides, "none"))
}
