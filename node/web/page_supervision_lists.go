package web

import (
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"stele/node/alert"
	"stele/node/credit"
	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/supervision"
	"stele/node/supervision/anomaly"
)

// supervisionPage is how many lines a page of a list has.
const supervisionPage = 50

// supervisionListBody is the data of a list behind a number of the page of supervision.
type supervisionListBody struct {
	Grid    *grid
	Path    string // of the page
	Choices []choicePart
	Note    template.HTML
	Drop    string // path without filters; "": there are none
	First   string
	Next    string
}

// choicePart is a field of a form: a list of options, or a text without them.
type choicePart struct {
	Name    string
	Label   template.HTML
	Options []option
	Value   string
	Narrows bool // it leaves out something
}

// supervisionLists are the lists, by the last part of their paths. Each returns the grid of
// a page, and where the next one begins.
var supervisionLists = map[string]func(*Pages, *request, *supervisionListBody, query.Range) (query.Cursor, error){
	"alerts":      (*Pages).alertsList,
	"anomalies":   (*Pages).anomaliesList,
	"overdue":     (*Pages).overdueList,
	"times":       (*Pages).timesList,
	"rulings":     (*Pages).rulingsList,
	"defaults":    (*Pages).defaultsList,
	"gaps":        (*Pages).gapsList,
	"recalls":     (*Pages).recallsList,
	"corrections": (*Pages).correctionsList,
	"audits":      (*Pages).auditsList,
}

// supervisionAPI has the routes of the API with the same content, where their names differ.
var supervisionAPI = map[string]string{"gaps": "custody-gaps", "times": "response-times"}

func (p *Pages) supervisionList(r *request) (*view, error) {
	name := r.PathValue("list")
	list := supervisionLists[name]
	if list == nil {
		return p.noPage(r)
	}
	switch {
	case r.at != "":
		return nil, query.ErrOnlyNow
	case p.Supervision == nil:
		return nil, query.ErrNoViews
	}
	q := r.URL.Query()
	body := &supervisionListBody{Path: "/supervision/" + name, Note: r.t("supervision.about." + name)}
	next, err := list(p, r, body, query.Range{From: query.Cursor(q.Get("from")), Limit: supervisionPage})
	if err != nil {
		return nil, err
	}
	if next != "" {
		body.Next = r.with("from", string(next))
	}
	if q.Has("from") {
		body.First = r.with("from", "")
	}
	if slices.ContainsFunc(body.Choices, func(c choicePart) bool { return c.Narrows && q.Get(c.Name) != "" }) {
		body.Drop = body.Path
	}
	api := "/v1/supervision/" + name
	if other := supervisionAPI[name]; other != "" {
		api = "/v1/supervision/" + other
	}
	title := r.t("supervision.list." + name)
	return &view{
		Template: "supervisionlist", Title: title, Answer: body.Note, Menu: "/supervision", API: api, Body: body,
		Crumbs: []crumb{{r.t("supervision.title"), "/supervision"}, {title, ""}},
	}, nil
}

// choose returns a field with options that have texts of a prefix, and the chosen one; ""
// stands for all.
func (r *request) choose(name string, label, all template.HTML, values []string, text func(string) template.HTML) (choicePart, string, error) {
	chosen := r.URL.Query().Get(name)
	c := choicePart{Name: name, Label: label, Narrows: all != ""}
	if all != "" {
		c.Options = append(c.Options, option{"", all, chosen == ""})
	} else if chosen == "" {
		chosen = values[0]
	}
	if chosen != "" && !slices.Contains(values, chosen) {
		return c, "", &userError{http.StatusUnprocessableEntity, r.lang.plain("supervision.badchoice", "name", name, "value", cut(chosen), "known", strings.Join(values, ", "))}
	}
	for _, v := range values {
		c.Options = append(c.Options, option{v, text(v), v == chosen})
	}
	return c, chosen, nil
}

// sellerChoice returns the field of a seller, and what it names; nil: all.
func (p *Pages) sellerChoice(r *request) (choicePart, *record.Key, error) {
	text := strings.TrimSpace(r.URL.Query().Get("seller"))
	c := choicePart{Name: "seller", Label: r.t("voucher.row.seller"), Value: cut(text), Narrows: true}
	if text == "" {
		return c, nil, nil
	}
	key, err := record.ParseKey(text)
	if err != nil {
		return c, nil, &userError{http.StatusUnprocessableEntity, r.lang.plain("party.badkey", "key", cut(text))}
	}
	account, err := r.query.Account(key)
	if err != nil {
		return c, nil, err
	}
	return c, &account.ID, nil
}

// ofSeller returns the filter of the parameter seller.
func (p *Pages) ofSeller(r *request, body *supervisionListBody) (query.Of, error) {
	c, key, err := p.sellerChoice(r)
	body.Choices = append(body.Choices, c)
	return query.Of{Seller: key}, err
}

func (p *Pages) alertsList(r *request, body *supervisionListBody, in query.Range) (query.Cursor, error) {
	if p.Alerts == nil {
		return "", &userError{http.StatusNotFound, r.lang.plain("supervision.noalerts")}
	}
	var names []string
	for _, s := range alert.States() {
		names = append(names, string(s))
	}
	c, chosen, err := r.choose("state", r.t("claims.statehead"), r.t("supervision.any"), names, func(s string) template.HTML { return r.t("alert.state." + s) })
	if err != nil {
		return "", err
	}
	body.Choices = []choicePart{c}
	var states []alert.State
	if chosen != "" {
		states = []alert.State{alert.State(chosen)}
	}
	var next query.Cursor
	body.Grid, next = p.alertsGrid(r, states, in)
	return next, nil
}

// alertKinds are the kinds of the states of alerts: see [state].
var alertKinds = map[alert.State]string{alert.Open: "bad", alert.Acknowledged: "wait", alert.Resolved: "ok"}

// alertPages are the pages of what alerts are about, by their kinds.
var alertPages = map[alert.Kind]string{
	alert.OverdueRuling: "/claims/", alert.OverdueClaim: "/claims/", alert.Default: "/claims/", alert.CustodyGap: "/shipments/", alert.Recall: "/records/",
}

func (p *Pages) alertsGrid(r *request, states []alert.State, in query.Range) (*grid, query.Cursor) {
	g := newGrid(r.t("supervision.alerts"), r.t("supervision.alerts.empty"), r.t("supervision.what"), "", r.t("claims.statehead"), "c4", r.t("supervision.since"), "c4 n p2")
	if p.Alerts == nil {
		g.Lacks = r.t("supervision.noalerts")
		return g, ""
	}
	page, err := p.Alerts.List(states, in)
	if err != nil {
		g.Lacks = p.lacks(r, "alerts", err)
	}
	for i := range page.Items {
		a := &page.Items[i]
		path := "/v1/supervision/alerts/" + a.ID
		if under := alertPages[a.Kind]; under != "" && len(a.Subject) == 64 {
			path = under + url.PathEscape(a.Subject)
		}
		what := linkCell(r.t("alert.kind."+string(a.Kind)), path).under(html(shortened(a.Text)))
		what.English = true
		s := stateCell(state{alertKinds[a.State], r.lang.plain("alert.state." + string(a.State))})
		if a.By != "" {
			s.Note = r.t("alert.by", "name", cut(a.By))
		}
		g.row(what, s, timeCell(r.time(a.Opened.Time)))
	}
	return g, page.Next
}

// longName is a key or an id within a text.
var longName = regexp.MustCompile(`[0-9a-f]{64,}`)

// shortened returns a text with its keys and ids short: the API has them whole.
func shortened(text string) string {
	return longName.ReplaceAllStringFunc(text, func(name string) string { return name[:6] + "…" + name[60:64] })
}

func (p *Pages) anomaliesList(r *request, body *supervisionListBody, in query.Range) (query.Cursor, error) {
	var names []string
	for _, k := range anomaly.Kinds() {
		names = append(names, string(k))
	}
	c, kind, err := r.choose("kind", r.t("supervision.kind"), r.t("supervision.any"), names, func(s string) template.HTML { return r.t("anomaly." + s) })
	if err != nil {
		return "", err
	}
	s, seller, err := p.sellerChoice(r)
	if err != nil {
		return "", err
	}
	body.Choices = []choicePart{c, s}
	var next query.Cursor
	body.Grid, next = p.anomaliesGrid(r, anomaly.Filter{Kind: anomaly.Kind(kind), Owner: seller}, in)
	return next, nil
}

func (p *Pages) anomaliesGrid(r *request, f anomaly.Filter, in query.Range) (*grid, query.Cursor) {
	g := newGrid(r.t("supervision.anomalies"), r.t("supervision.anomalies.empty"), r.t("supervision.what"), "", r.t("voucher.row.seller"), "c4", r.t("supervision.heights"), "c4 n p2")
	if p.Anomalies == nil {
		g.Lacks = r.t("lacks.noviews")
		return g, ""
	}
	page, err := p.Anomalies.Select(f, in)
	if err != nil {
		g.Lacks = p.lacks(r, "anomalies", err)
	}
	for i := range page.Items {
		x := &page.Items[i]
		say := r.t("anomaly.say.share", "count", x.Count, "total", x.Total, "counted", r.t("anomaly.counted."+x.Counted), "bound", x.Bound)
		if x.Kind == anomaly.Burst {
			say = r.t("anomaly.say.burst", "count", x.Count, "total", x.Total, "counted", r.t("anomaly.counted."+x.Counted), "bound", x.Bound)
		}
		path := ""
		if len(x.Records) > 0 {
			path = "/records/" + x.Records[0].String()
		}
		g.row(linkCell(r.t("anomaly."+string(x.Kind)), path).under(say), keyCell(r.key(x.Owner)), textCell(r.t("supervision.span", "from", x.From, "to", x.To)))
	}
	return g, page.Next
}

// overdueGrid lists overdue claims, the longest overdue first.
func (p *Pages) overdueGrid(r *request, in query.Range) (*grid, query.Cursor) {
	g := newGrid(r.t("supervision.overdue"), r.t("supervision.overdue.empty"), r.t("claims.claim"), "c4", r.t("claims.deadline"), "c4", r.t("supervision.turn"), "",
		r.t("claims.statehead"), "c3 p2", r.t("voucher.row.seller"), "c4 p2")
	page, err := p.Supervision.OverdueClaims(query.Of{}, in)
	if err != nil {
		g.Lacks = p.lacks(r, "overdue", err)
	}
	for i := range page.Items {
		c := &page.Items[i]
		g.row(idCell(r.id(c.ID, "/claims/")).under(r.t("claim.title", "remedy", r.words().Remedy(c.Asked))), p.overCell(r, c), textCell(turnWords(r, c)), stateCell(r.claimState(c.State)), keyCell(r.key(c.Seller)))
	}
	return g, page.Next
}

// overCell says how long a claim is overdue.
func (p *Pages) overCell(r *request, c *supervision.OverdueClaim) cell {
	return stateCell(state{"bad", r.lang.plain("supervision.over", "time", r.words().Span(c.Over, p.clock(r)))})
}

// overdueGroups are the values of by.
var overdueGroups = map[string]supervision.Group{"seller": supervision.BySeller, "product": supervision.ByProduct, "maker": supervision.ByMaker}

func (p *Pages) overdueList(r *request, body *supervisionListBody, in query.Range) (query.Cursor, error) {
	c, by, err := r.choose("by", r.t("claims.of"), "", []string{"seller", "product", "maker"}, func(s string) template.HTML { return r.t("claims.by." + s) })
	if err != nil {
		return "", err
	}
	body.Choices = []choicePart{c}
	var next query.Cursor
	body.Grid, next = p.overdueByGrid(r, by, in)
	return next, nil
}

// overdueByGrid counts overdue claims by whose they are, the most first.
func (p *Pages) overdueByGrid(r *request, by string, in query.Range) (*grid, query.Cursor) {
	name := map[string]template.HTML{"seller": r.t("voucher.row.seller"), "product": r.t("product.crumb"), "maker": r.t("voucher.row.maker")}[by]
	g := newGrid(r.t("supervision.by."+by), r.t("supervision.overdue.empty"), name, "", r.t("supervision.overdue"), "n", r.t("supervision.worst"), "c5")
	page, err := p.Supervision.Overdue(overdueGroups[by], in)
	if err != nil {
		g.Lacks = p.lacks(r, "overdue", err)
	}
	for i := range page.Items {
		c := &page.Items[i]
		name, of := keyCell(r.key(c.Account)), by+"="+c.Account.String()
		if by == "product" {
			gtin := c.Product.String()
			name, of = linkCell(`<span class="m">`+html(gtin)+`</span>`, "/products/"+gtin), "product="+gtin
		}
		worst := textCell("–")
		if c.Worst != nil {
			worst = stateCell(state{"bad", r.words().Span(c.Worst.Over, p.clock(r))})
		}
		g.row(name, linkCell(number(c.Count), "/claims?overdue=1&"+of), worst)
	}
	return g, page.Next
}

func (p *Pages) timesList(r *request, body *supervisionListBody, in query.Range) (query.Cursor, error) {
	var names []string
	for _, m := range []supervision.Measure{supervision.Answer, supervision.Execution, supervision.Ruling, supervision.Carry} {
		names = append(names, m.String())
	}
	c, chosen, err := r.choose("measure", r.t("supervision.measure"), "", names, func(s string) template.HTML { return r.t("supervision.measure." + s) })
	if err != nil {
		return "", err
	}
	body.Choices = []choicePart{c}
	measure, _ := supervision.MeasureOf(chosen)
	of := query.Of{}
	if measure != supervision.Carry {
		if of, err = p.ofSeller(r, body); err != nil {
			return "", err
		}
	}
	page, err := p.Supervision.Slowest(measure, of, in)
	if err != nil {
		return "", err
	}
	g := newGrid(r.t("supervision.list.times"), r.t("supervision.times.empty"), r.t("supervision.record"), "", r.t("supervision.days"), "n c3", r.t("voucher.row.seller"), "c4 p2", r.t("block.time"), "n c4 p2")
	for i := range page.Items {
		x := &page.Items[i]
		g.row(p.eventCell(r, &x.Event).under(caseNote(r, &x.Case)), textCell(html(p.days(x.Seconds))), keyCell(r.key(x.Seller)), timeCell(r.unix(x.BlockTime)))
	}
	body.Grid = g
	return page.Next, nil
}

// eventCell is what a record says, with a link to it.
func (p *Pages) eventCell(r *request, e *query.Event) cell {
	return linkCell(r.recordText(e.Record), "/records/"+e.ID().String())
}

// caseNote links to what a record is about.
func caseNote(r *request, c *supervision.Case) template.HTML {
	link := func(thing, path string, id record.ID) template.HTML {
		part := r.id(id, path)
		return r.t("supervision.of."+thing, "id", template.HTML(`<a class="m" href="`+template.HTMLEscapeString(part.Path)+`">`+template.HTMLEscapeString(part.Short)+`</a>`))
	}
	switch none := (record.ID{}); {
	case c.Claim != none:
		return link("claim", "/claims/", c.Claim)
	case c.Shipment != none:
		return link("shipment", "/shipments/", c.Shipment)
	case c.Voucher != none:
		return link("voucher", "/vouchers/", c.Voucher)
	}
	return ""
}

func (p *Pages) rulingsList(r *request, body *supervisionListBody, in query.Range) (query.Cursor, error) {
	of, err := p.ofSeller(r, body)
	if err != nil {
		return "", err
	}
	page, err := p.Supervision.Rulings(of, in)
	if err != nil {
		return "", err
	}
	g := newGrid(r.t("supervision.list.rulings"), r.t("supervision.rulings.empty"), r.t("supervision.record"), "", r.t("claims.statehead"), "c4", r.t("voucher.row.seller"), "c4 p2", r.t("block.time"), "n c4 p2")
	for i := range page.Items {
		x := &page.Items[i]
		now := textCell("–")
		if x.Claim != nil {
			now = stateCell(r.claimState(x.Claim.State))
		}
		g.row(p.eventCell(r, &x.Event).under(caseNote(r, &x.Case)), now, keyCell(r.key(x.Seller)), timeCell(r.unix(x.BlockTime)))
	}
	body.Grid = g
	return page.Next, nil
}

func (p *Pages) defaultsList(r *request, body *supervisionListBody, in query.Range) (query.Cursor, error) {
	of, err := p.ofSeller(r, body)
	if err != nil {
		return "", err
	}
	page, err := p.Supervision.Defaults(of, in)
	if err != nil {
		return "", err
	}
	g := newGrid(r.t("supervision.list.defaults"), r.t("supervision.defaults.empty"), r.t("claims.claim"), "", r.t("claims.statehead"), "c4", r.t("supervision.ordered"), "c4 p2", r.t("voucher.row.seller"), "c4 p2", r.t("supervision.height"), "n c3")
	for i := range page.Items {
		x := &page.Items[i]
		now := stateCell(r.claimState(x.Claim.State))
		if x.Late() {
			now.Note = r.t("supervision.carriedout")
		}
		g.row(idCell(r.id(x.Claim.ID, "/claims/")).under(r.t("claim.title", "remedy", r.words().Remedy(x.Claim.Asked))), now, idCell(r.id(x.Ruling, "/records/")), keyCell(r.key(x.Claim.Seller)),
			linkCell(number(x.Height), "/blocks/"+uint32Text(x.Height)))
	}
	body.Grid = g
	return page.Next, nil
}

func (p *Pages) gapsList(r *request, body *supervisionListBody, in query.Range) (query.Cursor, error) {
	page, err := p.Supervision.CustodyGaps(in)
	if err != nil {
		return "", err
	}
	g := newGrid(r.t("supervision.gaps"), r.t("supervision.gaps.empty"), r.t("shipment.crumb"), "", r.t("supervision.late.by"), "c4", r.t("shipment.row.carrier"), "c4 p2", r.t("voucher.row.seller"), "c4 p2")
	for i := range page.Items {
		x := &page.Items[i]
		g.row(idCell(r.id(x.ID, "/shipments/")).under(html(r.words().ShipmentState(x.State))),
			stateCell(state{"wait", r.lang.plain("supervision.over", "time", r.words().Span(x.Over, p.clock(r)))}), keyCell(r.key(x.Carrier)), keyCell(r.key(x.Sale.Seller)))
	}
	body.Grid = g
	return page.Next, nil
}

func (p *Pages) recallsList(r *request, body *supervisionListBody, in query.Range) (query.Cursor, error) {
	var next query.Cursor
	body.Grid, next = p.recallsGrid(r, in)
	return next, nil
}

// recallsGrid lists recalls, the oldest first, and how far they have come.
func (p *Pages) recallsGrid(r *request, in query.Range) (*grid, query.Cursor) {
	g := newGrid(r.t("supervision.recalls"), r.t("supervision.recalls.empty"), r.t("supervision.recalled"), "", r.t("supervision.reached"), "n c4", r.t("supervision.remedied"), "n c3", r.t("supervision.undone"), "n c3 p2")
	page, err := p.Supervision.Recalls(in)
	if err != nil {
		g.Lacks = p.lacks(r, "recalls", err)
	}
	for i := range page.Items {
		x := &page.Items[i]
		name, path, note := x.GTIN.String(), "/products/"+x.GTIN.String(), r.t("supervision.recalled.all")
		if x.Serial != "" {
			path, note = itemPath(x.GTIN, x.Serial), r.t("supervision.recalled.item", "serial", string(x.Serial))
		}
		behind := "/v1/supervision/recalls/" + x.GTIN.String() + "/vouchers"
		g.row(linkCell(`<span class="m">`+html(name)+`</span>`, path).under(note), linkCell(r.t("supervision.reached.of", "n", x.Reached, "total", x.Total), behind), numberCell(x.Remedied), numberCell(x.Undone))
	}
	return g, page.Next
}

func (p *Pages) correctionsList(r *request, body *supervisionListBody, in query.Range) (query.Cursor, error) {
	of, err := p.ofSeller(r, body)
	if err != nil {
		return "", err
	}
	page, err := p.Supervision.CorrectionsOf(of, in)
	if err != nil {
		return "", err
	}
	g := newGrid(r.t("supervision.list.corrections"), r.t("supervision.corrections.empty"), r.t("supervision.record"), "", r.t("supervision.corrects"), "c4", r.t("voucher.row.seller"), "c4 p2", r.t("block.time"), "n c4 p2")
	for i := range page.Items {
		x := &page.Items[i]
		wrong := textCell(html(r.words().Type(x.Of)))
		if c, ok := x.Payload.(record.Correction); ok {
			wrong.Path = "/records/" + c.Record.String()
		}
		g.row(p.eventCell(r, &x.Event).under(caseNote(r, &x.Case)), wrong, keyCell(r.key(x.Seller)), timeCell(r.unix(x.BlockTime)))
	}
	body.Grid = g
	return page.Next, nil
}

func (p *Pages) auditsList(r *request, body *supervisionListBody, in query.Range) (query.Cursor, error) {
	var from record.Key
	if in.From != "" {
		var err error
		if from, err = record.ParseKey(string(in.From)); err != nil {
			return "", &userError{http.StatusUnprocessableEntity, r.lang.plain("party.badkey", "key", cut(string(in.From)))}
		}
	}
	var next query.Cursor
	body.Grid, next = p.auditsGrid(r, from, in.Limit)
	return next, nil
}

// auditsGrid lists the vouchers that the last block that decides has drawn.
func (p *Pages) auditsGrid(r *request, from record.Key, limit int) (*grid, query.Cursor) {
	g := newGrid(r.t("supervision.audits"), r.t("supervision.audits.empty"), r.t("voucher.row.seller"), "", r.t("supervision.drawn"), "", r.t("supervision.outof"), "n c4 p2")
	if p.Credit == nil {
		g.Lacks = r.t("lacks.noviews")
		return g, ""
	}
	period, ok, err := lastAudits(p.Credit)
	if err != nil || !ok {
		g.Lacks = p.lacks(r, "audits", err)
		return g, ""
	}
	var page credit.Audits
	if page, err = p.Credit.AuditPage(period, from, limit); err != nil {
		g.Lacks = p.lacks(r, "audits", err)
		return g, ""
	}
	for _, a := range page.Audits {
		g.row(keyCell(r.key(a.Seller)), idCell(r.id(a.Voucher, "/vouchers/")).under(r.t("supervision.period", "n", a.Period)), numberCell(a.Vouchers))
	}
	if !page.More {
		return g, ""
	}
	return g, query.Cursor(page.Next.String())
}
