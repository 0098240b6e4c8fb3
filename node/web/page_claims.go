package web

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// claimsBody is the data of the list of claims.
type claimsBody struct {
	By, Of      string // what narrows the list: "seller" and a key
	Bys         []option
	States      []option
	Overdue     bool
	At          string
	Count       template.HTML // "317 of 502 claims."
	All         string        // path without filters; "": there are none
	Claims      []claimLine
	ByDeadline  bool
	Next        string
	First       string // path of the first page; "": this is it
	Lacks       template.HTML
	Drop        []crumb // filters that can be dropped, if nothing is left
	WithoutTime crumb   // claims that wait without a deadline
}

// option is a choice of a form.
type option struct {
	Value    string
	Text     template.HTML
	Selected bool
}

// claimsPage is how many claims a page lists.
const claimsPage = 50

// ofParams are the parameters that narrow a list.
var ofParams = []string{"seller", "holder", "maker", "product"}

// claimFilter is what the address of a list of claims asks for.
type claimFilter struct {
	of      query.Of
	by, key string // as in the address
	states  []rules.ClaimState
	state   string // "live", "closed" or a state; "": those that wait until a deadline
	overdue bool
}

// filterOf reads the filter in an address. The form has a field by and one of; an address
// has the parameter seller, holder, maker or product.
func filterOf(r *request) (*claimFilter, error) {
	q := r.URL.Query()
	f := &claimFilter{state: q.Get("state"), overdue: q.Get("overdue") == "1"}
	for _, by := range ofParams {
		if text := strings.TrimSpace(q.Get(by)); text != "" {
			if f.by != "" {
				return nil, &userError{http.StatusUnprocessableEntity, r.lang.plain("claims.onefilter")}
			}
			f.by, f.key = by, text
		}
	}
	if f.by == "product" {
		gtin, err := record.ParseGTIN(f.key)
		if err != nil {
			return nil, &userError{http.StatusUnprocessableEntity, r.lang.plain("item.badgtin", "gtin", cut(f.key))}
		}
		f.of.Product = &gtin
	} else if f.by != "" {
		key, err := record.ParseKey(f.key)
		if err != nil {
			return nil, &userError{http.StatusUnprocessableEntity, r.lang.plain("party.badkey", "key", cut(f.key))}
		}
		switch f.by {
		case "seller":
			f.of.Seller = &key
		case "holder":
			f.of.Holder = &key
		case "maker":
			f.of.Maker = &key
		}
	}
	switch f.state {
	case "": // a default has no deadline
		f.states = slices.DeleteFunc(query.LiveClaimStates(), func(s rules.ClaimState) bool { return s == rules.ClaimDefaulted })
	case "live":
		f.states = query.LiveClaimStates()
	case "closed":
		f.states = query.ClosedClaimStates()
	default:
		all := query.ClaimStates()
		i := slices.IndexFunc(all, func(s rules.ClaimState) bool { return s.String() == f.state })
		if i < 0 {
			return nil, &userError{http.StatusUnprocessableEntity, r.lang.plain("claims.badstate", "state", cut(f.state))}
		}
		f.states = all[i : i+1]
	}
	return f, nil
}

// byDeadline reports whether the list is in the order of the deadlines: that of the claims
// that wait, unless one state is asked for.
func (f *claimFilter) byDeadline() bool { return f.overdue || f.state == "" }

func (p *Pages) claims(r *request) (*view, error) {
	q := r.URL.Query()
	if by := q.Get("by"); by != "" || q.Has("of") { // of the form
		q.Del("by")
		if of := strings.TrimSpace(q.Get("of")); of != "" && slices.Contains(ofParams, by) {
			q.Set(by, of)
		}
		q.Del("of")
		for name, values := range q {
			if len(values) == 1 && values[0] == "" {
				q.Del(name)
			}
		}
		u := url.URL{Path: "/claims", RawQuery: q.Encode()}
		return &view{redirect: u.String()}, nil
	}
	f, err := filterOf(r)
	if err != nil {
		return nil, err
	}
	body := claimsBody{By: f.by, Of: f.key, Overdue: f.overdue, At: r.at, ByDeadline: f.byDeadline()}
	for _, by := range ofParams {
		body.Bys = append(body.Bys, option{by, r.t("claims.by." + by), by == f.by})
	}
	for _, s := range []string{"live", "closed"} {
		body.States = append(body.States, option{s, r.t("claims.state." + s), s == f.state})
	}
	for _, s := range query.ClaimStates() {
		body.States = append(body.States, option{s.String(), html(r.words().ClaimState(s)), s.String() == f.state})
	}
	page, err := p.claimsOf(r, f, query.Range{From: query.Cursor(q.Get("from")), Limit: claimsPage})
	if err != nil {
		if q.Has("from") {
			return nil, err
		}
		body.Lacks = p.lacks(r, "claims", err)
	}
	for i := range page.Items {
		body.Claims = append(body.Claims, p.claimLine(r, &page.Items[i]))
	}
	if page.Next != "" {
		body.Next = r.with("from", string(page.Next))
	}
	if q.Has("from") {
		body.First = r.with("from", "")
	}
	if f.by != "" || f.state != "" || f.overdue {
		body.All = r.link("/claims")
	}
	p.countClaims(r, f, &body)
	for _, name := range append(slices.Clone(ofParams), "state", "overdue") {
		if q.Get(name) != "" {
			body.Drop = append(body.Drop, crumb{r.t("claims.drop." + name), r.with(name, "")})
		}
	}
	return &view{
		Template: "claims", Title: r.t("claims.title"), Answer: p.claimsAnswer(r), Menu: "/claims", API: "/v1/claims", Live: "kind=block",
		Body: body,
	}, nil
}

// claimsOf returns a page of the claims that a filter lets through.
func (p *Pages) claimsOf(r *request, f *claimFilter, in query.Range) (query.Page[query.Claim], error) {
	if !f.byDeadline() {
		return r.query.Claims(f.of, f.states, in)
	}
	page := query.Page[query.Claim]{Items: []query.Claim{}, Next: in.From}
	for range 20 { // a page can lack those of other states
		more, err := r.query.ClaimsByDeadline(f.of, f.overdue, query.Range{From: page.Next, Limit: in.Limit - len(page.Items)})
		if err != nil {
			return page, err
		}
		for _, c := range more.Items {
			if slices.Contains(f.states, c.State) {
				page.Items = append(page.Items, c)
			}
		}
		if page.Next = more.Next; page.Next == "" || len(page.Items) == in.Limit {
			break
		}
	}
	return page, nil
}

// countClaims says how many claims the filter lets through, of how many. What nobody
// counts, a page does not say.
func (p *Pages) countClaims(r *request, f *claimFilter, body *claimsBody) {
	all, err := r.query.Totals(query.Of{})
	if err != nil {
		return
	}
	total, n := uint64(0), uint64(0)
	for _, count := range all.Claims {
		total += count
	}
	own := all
	if f.by != "" {
		if own, err = r.query.Totals(f.of); err != nil { // of holders and makers nobody counts
			body.Count = r.t("claims.count.all", "total", total)
			return
		}
	}
	for _, s := range f.states {
		n += own.Claims[s]
	}
	if f.overdue {
		if n = own.Overdue; len(f.states) == 1 {
			body.Count = r.t("claims.count.all", "total", total)
			return
		}
	}
	body.Count = r.t("claims.count", "n", n, "total", total)
	if f.byDeadline() && !f.overdue && own.Claims[rules.ClaimDefaulted] > 0 {
		body.WithoutTime = crumb{r.t("claims.defaulted", "n", own.Claims[rules.ClaimDefaulted]), r.with("state", rules.ClaimDefaulted.String())}
	}
}

// claimsAnswer says how many claims wait, and how many for too long.
func (p *Pages) claimsAnswer(r *request) template.HTML {
	all, err := r.query.Totals(query.Of{})
	if err != nil {
		return p.lacks(r, "totals", err)
	}
	live := uint64(0)
	for _, s := range query.LiveClaimStates() {
		live += all.Claims[s]
	}
	return r.t("claims.answer", "live", live, "overdue", all.Overdue)
}
