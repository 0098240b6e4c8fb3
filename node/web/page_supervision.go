package web

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strconv"

	"stele/node/alert"
	"stele/node/credit"
	"stele/node/export"
	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
	"stele/node/supervision"
	"stele/node/supervision/anomaly"
	"stele/node/words"
)

// How many lines the page shows of each list.
const (
	towerLines = 8 // overdue claims, sellers
	towerFew   = 5 // alerts, anomalies, recalls, audits
)

// supervisionBody is the data of the page of supervision.
type supervisionBody struct {
	Why      []string // what is not covered, in English
	Figures  []figure
	Overdue  *grid
	Groups   []overdueGroup
	Times    *grid
	Sellers  *grid
	Alerts   *grid
	Coverage *grid
	Types    *grid // the rest of it
	Rulings  []caseRow
	Parcels  []caseRow
	Recalls  *grid
	Found    *grid // anomalies
	Audits   *grid
	Exports  *grid
}

// overdueGroup are the overdue claims of sellers, products or makers.
type overdueGroup struct {
	ID    string
	Title template.HTML
	Path  string // of all of them
	Grid  *grid
}

func (p *Pages) supervision(r *request) (*view, error) {
	if r.at != "" {
		return nil, query.ErrOnlyNow
	}
	if p.Supervision == nil {
		return nil, query.ErrNoViews
	}
	s, err := p.Supervision.Summary()
	if err != nil {
		return nil, err
	}
	totals, err := r.query.Totals(query.Of{})
	if err != nil {
		return nil, err
	}
	body := &supervisionBody{Why: s.Coverage.Why, Exports: exportGrid(r)}
	body.Coverage, body.Types = coverageGrids(r, &s.Coverage)
	first := query.Range{Limit: towerLines}
	body.Overdue, _ = p.overdueGrid(r, first)
	for _, by := range []string{"seller", "product", "maker"} {
		g, _ := p.overdueByGrid(r, by, query.Range{Limit: towerFew})
		body.Groups = append(body.Groups, overdueGroup{by, r.t("supervision.by." + by), "/supervision/overdue?by=" + by, g})
	}
	times := p.timesParts(r, body)
	few := query.Range{Limit: towerFew}
	body.Alerts, _ = p.alertsGrid(r, nil, few)
	body.Found, _ = p.anomaliesGrid(r, anomaly.Filter{}, few)
	body.Recalls, _ = p.recallsGrid(r, few)
	body.Audits, _ = p.auditsGrid(r, record.Key{}, towerFew)
	p.rulingRows(r, body, s.Counts)
	p.parcelRows(r, body)
	body.Figures = p.supervisionFigures(r, &s, totals, times)
	v := &view{Template: "supervision", Title: r.t("supervision.title"), Menu: "/supervision", API: "/v1/supervision/coverage", Live: "kind=block,alert", Body: body}
	v.Tag, v.Answer = coverageWords(r, &s, totals)
	return v, nil
}

// coverageWords says whether everything is covered, and what is late.
func coverageWords(r *request, s *supervision.Summary, totals *query.Totals) (state, template.HTML) {
	c := &s.Coverage
	open := liveClaims(totals)
	late := r.t("supervision.late", "overdue", totals.Overdue, "open", open, "defaults", s.Counts[supervision.Defaults])
	if c.Complete() {
		return state{"ok", r.lang.plain("supervision.covered")}, r.t("supervision.answer", "records", c.Records, "height", c.Height, "late", late)
	}
	share := r.lang.plain("supervision.share", "share", percent(c.RecordsChecked, c.Records))
	return state{"bad", share}, r.t("supervision.answer.part", "checked", c.RecordsChecked, "records", c.Records, "height", c.Height, "late", late)
}

// percent writes a share, rounded down: 100 only for all.
func percent(part, all uint64) string {
	if all == 0 || part >= all {
		return "100"
	}
	return strconv.FormatFloat(float64(part*1000/all)/10, 'f', 1, 64)
}

func liveClaims(t *query.Totals) (n uint64) {
	for _, s := range query.LiveClaimStates() {
		n += t.Claims[s]
	}
	return n
}

func (p *Pages) supervisionFigures(r *request, s *supervision.Summary, totals *query.Totals, times *supervision.Percentiles) []figure {
	open, made := liveClaims(totals), s.Counts[supervision.Claims]
	waits := uint64(0)
	for _, w := range s.Overdue {
		if w.For == "supervisor" {
			waits = w.Count
		}
	}
	answer := figure{Term: r.t("supervision.first"), Number: "–", Note: r.t("supervision.first.none")}
	if times != nil && times.Answer.Count > 0 {
		t := &times.Answer
		answer.Number, answer.Unit, answer.Path = html(p.days(t.P50)), r.lang.plain("supervision.unit"), "/supervision/times?measure=answer"
		answer.Note = r.t("supervision.first.note", "most", p.days(t.P90), "all", p.days(t.P99))
	}
	all := []figure{
		{Term: r.t("home.claims"), Number: number(open), Path: "/claims?state=live", Note: r.t("supervision.ever", "n", made)},
		{Term: r.t("supervision.overdue"), Number: number(totals.Overdue), Path: "/claims?overdue=1", Note: r.t("supervision.overdue.note", "share", percentOf(totals.Overdue, open))},
		{
			Term: r.t("supervision.ruling"), Number: number(totals.Claims[rules.ClaimEscalated]), Path: "/claims?state=escalated",
			Note: r.t("supervision.ruling.note", "n", waits),
		},
		answer,
		{Term: r.t("supervision.defaults"), Number: number(s.Counts[supervision.Defaults]), Path: "/supervision/defaults", Note: r.t("supervision.defaults.note", "n", s.Counts[supervision.Orders])},
	}
	if p.Alerts == nil {
		return append(all, figure{Term: r.t("supervision.alerts"), Number: "–", Note: r.t("supervision.noalerts")})
	}
	states := map[alert.State]int{}
	for _, counts := range p.Alerts.CountStates() {
		for state, n := range counts {
			states[state] += n
		}
	}
	return append(all, figure{
		Term: r.t("supervision.alerts"), Number: number(states[alert.Open]), Unit: r.lang.plain("supervision.alerts.open"), Path: "/supervision/alerts?state=open",
		Note: r.t("supervision.alerts.note", "seen", states[alert.Acknowledged], "closed", states[alert.Resolved]),
	})
}

// percentOf is a share in whole percent; "0" of nothing.
func percentOf(part, all uint64) string {
	if all == 0 {
		return "0"
	}
	return digits(float64(part)*100/float64(all), 2)
}

// days writes seconds of median time in the network's days: "5.5".
func (p *Pages) days(seconds uint32) string {
	return strconv.FormatFloat(float64(seconds)/float64(max(p.Params.AfterSales.Day, 1)), 'f', 1, 64)
}

// coverageTypes are the types of records that make the things of supervision.
var coverageTypes = []record.Type{record.TypeVoucherIssue, record.TypeShipmentCreate, record.TypeClaimOpen, record.TypeEvaluate}

// coverageGrids compare what is on the chain with what was checked: in all, and by the other
// types of records.
func coverageGrids(r *request, c *supervision.Coverage) (all, types *grid) {
	newOne := func() *grid {
		return newGrid(r.t("supervision.coverage"), "", r.t("supervision.what"), "c5", r.t("supervision.onchain"), "n", r.t("supervision.checked"), "n", r.t("block.share"), "n")
	}
	row := func(g *grid, name template.HTML, onChain, checked uint64) {
		s := state{"ok", r.lang.plain("supervision.share.short", "share", percent(checked, onChain))}
		if checked != onChain {
			s.Kind = "bad"
		}
		g.row(textCell(name), numberCell(onChain), numberCell(checked), stateCell(s))
	}
	all, types = newOne(), newOne()
	row(all, r.t("supervision.blocks"), c.Blocks, c.BlocksChecked)
	row(all, r.t("block.records"), c.Records, c.RecordsChecked)
	sorted := slices.Clone(c.Types)
	slices.SortStableFunc(sorted, func(a, b supervision.TypeCoverage) int { return cmp.Compare(b.OnChain, a.OnChain) })
	for _, t := range sorted {
		g := types
		if slices.Contains(coverageTypes, t.Type) {
			g = all
		}
		row(g, html(r.words().Type(t.Type)), t.OnChain, t.Checked)
	}
	return all, types
}

// timesParts fills in how long answers, remedies and rulings took.
func (p *Pages) timesParts(r *request, body *supervisionBody) *supervision.Percentiles {
	head := []any{
		r.t("supervision.n"), "n c2 p2", r.t("supervision.bar"), "c5 p2", r.t("supervision.p50"), "n", r.t("supervision.p90"), "n",
		r.t("supervision.p99"), "n p2", r.t("supervision.longest"), "n p2",
	}
	body.Times = newGrid(r.t("supervision.times"), "", append([]any{r.t("supervision.measure"), "c5"}, head...)...)
	body.Sellers = newGrid(r.t("supervision.sellers"), r.t("supervision.nosellers"), append([]any{r.t("voucher.row.seller"), "c4"}, head...)...)
	all, err := p.Supervision.ResponseTimes(query.Of{})
	if err != nil {
		body.Times.Lacks = p.lacks(r, "times", err)
		return nil
	}
	carry, err := p.Supervision.Times(supervision.Carry, query.Of{})
	if err != nil {
		body.Times.Lacks = p.lacks(r, "times", err)
		return nil
	}
	rows := []struct {
		measure supervision.Measure
		times   *supervision.Times
	}{{supervision.Answer, &all.Answer}, {supervision.Execution, &all.Execution}, {supervision.Ruling, &all.Ruling}, {supervision.Carry, &carry}}
	longest := uint32(1)
	for _, row := range rows {
		longest = max(longest, row.times.P99)
	}
	for _, row := range rows {
		name := linkCell(r.t("supervision.measure."+row.measure.String()), "/supervision/times?measure="+row.measure.String())
		body.Times.row(append([]cell{name}, p.timesCells(row.times, longest)...)...)
	}
	p.sellerRows(r, body.Sellers)
	return &all
}

// timesCells are the cells of times, with a bar up to a longest one.
func (p *Pages) timesCells(t *supervision.Times, longest uint32) []cell {
	if t.Count == 0 {
		return []cell{numberCell(0), {}, textCell("–"), textCell("–"), textCell("–"), textCell("–")}
	}
	share := func(v uint32) float64 { return float64(v) / float64(longest) }
	return []cell{
		numberCell(t.Count), {Picture: percentileBar(share(t.P50), share(t.P90), share(t.P99))},
		textCell(html(p.days(t.P50))), textCell(html(p.days(t.P90))), textCell(html(p.days(t.P99))), textCell(html(p.days(t.Longest))),
	}
}

// sellerRows adds the response times of sellers, the slowest first: of those with a score.
func (p *Pages) sellerRows(r *request, g *grid) {
	if p.Credit == nil {
		g.Lacks = r.t("lacks.noviews")
		return
	}
	const most = 50
	ranking, err := p.Credit.Sellers(1, most)
	if err != nil {
		g.Lacks = p.lacks(r, "sellers", err)
		return
	}
	type line struct {
		seller record.Key
		times  supervision.Times
	}
	var lines []line
	longest := uint32(1)
	for i := range ranking.Ranked {
		seller, ok := ranking.Ranked[i].Owner.Seller()
		if !ok {
			continue
		}
		t, err := p.Supervision.Times(supervision.Answer, query.Of{Seller: &seller})
		if err != nil || t.Count == 0 {
			continue
		}
		lines, longest = append(lines, line{seller, t}), max(longest, t.P99)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(b.times.P90, a.times.P90) })
	for _, x := range lines[:min(len(lines), towerLines)] {
		g.row(append([]cell{keyCell(r.key(x.seller))}, p.timesCells(&x.times, longest)...)...)
	}
}

// numberLink is a number that opens what is behind it; "": nothing does.
func numberLink(n uint64, path string) template.HTML {
	if path == "" {
		return number(n)
	}
	return `<a href="` + html(path) + `">` + number(n) + `</a>`
}

// rulingRows fills in what supervisors decided, and what became of it.
func (p *Pages) rulingRows(r *request, body *supervisionBody, c supervision.Counts) {
	count := func(name string, s supervision.Series, path string, note template.HTML) {
		body.Rulings = append(body.Rulings, caseRow{Name: r.t("supervision.count." + name), Text: numberLink(c[s], path), Note: note})
	}
	count("escalations", supervision.Escalations, "", r.t("supervision.note.escalations"))
	count("rulings", supervision.Rulings, "/supervision/rulings", r.t("supervision.note.rulings", "orders", c[supervision.Orders], "dismissals", c[supervision.Dismissals]))
	count("remedies", supervision.Remedies, "/supervision/times?measure=execution", r.t("supervision.note.remedies"))
	count("defaults", supervision.Defaults, "/supervision/defaults", r.t("supervision.note.defaults"))
	count("corrections", supervision.Corrections, "/supervision/corrections", r.t("supervision.note.corrections"))
}

// parcelRows fills in where goods are.
func (p *Pages) parcelRows(r *request, body *supervisionBody) {
	parcels, err := p.Supervision.Parcels()
	if err != nil {
		body.Parcels = []caseRow{{Name: r.t("supervision.underway"), Text: p.lacks(r, "parcels", err)}}
		return
	}
	body.Parcels = []caseRow{
		{Name: r.t("supervision.underway"), Text: number(parcels.UnderWay()), Note: r.t("supervision.underway.note")},
		{Name: r.t("supervision.gaps"), Text: numberLink(parcels.Gaps, "/supervision/gaps"), Note: r.t("supervision.gaps.note", "time", r.words().Span(uint64(p.Params.AfterSales.CarryDays)*uint64(p.Params.AfterSales.Day), p.clock(r)))},
	}
	for _, s := range query.ShipmentStates() {
		body.Parcels = append(body.Parcels, caseRow{Name: html(r.words().ShipmentState(s)), Text: numberLink(parcels.States[s], "/v1/shipments?state="+s.String())})
	}
}

// exportGrid lists the tables that can be had as files.
func exportGrid(r *request) *grid {
	g := newGrid(r.t("supervision.export"), "", r.t("supervision.table"), "c5", r.t("supervision.formats"), "")
	for _, t := range export.Tables() {
		var links template.HTML
		for _, f := range export.Formats() {
			links += template.HTML(fmt.Sprintf(`<a href="/v1/export/%s?format=%s">%s</a>`, t.Name, f, r.t("supervision.format."+string(f))))
		}
		g.row(textCell(r.t("supervision.table."+t.Name)).under(`<span class="m">`+html(t.Name)+`</span>`), cell{Picture: `<span class="files">` + links + `</span>`})
	}
	return g
}

// turnWords says what an overdue claim waits for.
func turnWords(r *request, c *supervision.OverdueClaim) template.HTML {
	return html(r.words().Next(c.State, c.Asked, words.TurnOf(&c.Turn)))
}

// lastAudits returns the number of the last period whose audits are drawn, and false if
// there is none yet.
func lastAudits(c *credit.Reader) (period uint32, ok bool, err error) {
	tip, err := c.Tip()
	if err != nil {
		return 0, false, err
	}
	drawn := c.Params().DrawnPeriods(tip)
	return drawn - 1, drawn > 0, nil
}
