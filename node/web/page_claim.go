package web

import (
	"fmt"
	"html/template"
	"strconv"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
	"stele/node/words"
)

// deadlinePart is the period that runs in a claim.
type deadlinePart struct {
	Title   string // what has to happen
	Class   string // of the panel
	End     *timePart
	Day     template.HTML // of the end, counted from the opening
	Today   template.HTML
	Left    string
	Silence string
	Passed  bool
	Used    barPart
	Label   string // of the bar
}

// claimBody is the data of the page of a claim.
type claimBody struct {
	ID       idPart
	Fault    uint16
	Opened   timePart
	Bundle   string
	Deadline *deadlinePart
	NoTurn   template.HTML
	Parties  []partyDoings
	Way      wayPart
	Groups   []eventGroup
	Lacks    template.HTML
	Case     []caseRow
	Evidence []eventPart
	Most     int // pieces of evidence that a party may add
	Closed   bool
}

// caseRow is a fact of a case.
type caseRow struct {
	Name template.HTML
	Text template.HTML
	Note template.HTML
	Path string
	Key  *keyPart
	Time *timePart
}

func uint32Text(n uint32) string { return strconv.FormatUint(uint64(n), 10) }

func (p *Pages) claim(r *request) (*view, error) {
	id, err := caseID(r)
	if err != nil {
		return nil, err
	}
	claim, err := r.query.Claim(id)
	if err != nil {
		return nil, err
	}
	voucher, err := r.query.Voucher(claim.Voucher)
	if err != nil {
		return nil, err
	}
	c, err := p.newCast(r, voucher)
	if err != nil {
		return nil, err
	}
	c.add("holder", claim.Holder)
	c.add("servicer", claim.Servicer)
	body := claimBody{ID: r.id(id, ""), Fault: claim.FaultCode, Opened: r.unix(claim.Opened), Closed: claim.State.Closed(), Most: int(p.Params.AfterSales.EvidenceLimit)}
	body.ID.Name = r.lang.plain("claim.id")
	body.Bundle = "/v1/bundles/claim/" + id.String()
	v := &view{
		Template: "claim", Title: r.t("claim.title", "remedy", r.words().Remedy(claim.Asked)), Tag: r.claimState(claim.State), Menu: "/claims",
		API: "/v1/claims/" + id.String(), Live: "claim=" + id.String() + "&kind=record,record-disconnected,block",
		Crumbs: []crumb{{r.t("claims.title"), r.link("/claims")}, {r.t("item.title", "serial", string(claim.Serial)), r.link(itemPath(claim.GTIN, claim.Serial))}, {Text: r.t("claim.crumb")}},
	}
	turn, err := r.query.Turn(id)
	if err != nil {
		body.NoTurn = p.lacks(r, "turn", err)
	} else {
		body.Deadline = p.deadline(r, claim, words.TurnOf(&turn))
		for _, account := range turn.Accounts {
			c.add(turn.Role, account) // the custodian of goods that come back
		}
	}
	v.Answer = p.claimAnswer(r, claim, body.Deadline)
	p.addSupervisor(r, c)
	if !body.Closed || claim.State == rules.ClaimSettled { // goods can still be sent
		body.Parties = p.partiesDoings(r, c, id, r.query.ClaimActions)
	}
	body.Case = p.claimRows(r, c, claim, voucher)
	history, err := r.query.ClaimHistory(id, query.Range{Limit: maxHistory})
	if err != nil {
		body.Lacks = p.lacks(r, "history", err)
	}
	body.Groups = p.timeline(r, c, history.Items, claim.Opened)
	body.Evidence = p.evidence(r, c, history.Items, claim.Opened)
	if err == nil {
		body.Way = p.claimWay(r, claim, history.Items)
	}
	v.Body = body
	return v, nil
}

// addSupervisor adds one of the supervisors to the cast: what one may do, all may who are no
// party.
func (p *Pages) addSupervisor(r *request, c *cast) {
	page, err := r.query.AccountsWith(record.Supervisor, query.Range{Limit: 20})
	if err != nil {
		return // as of a height nobody keeps who was supervisor
	}
	for _, a := range page.Items {
		before := len(c.parts)
		if c.add("supervisor", a.ID); len(c.parts) > before {
			return
		}
	}
}

// claimAnswer says who has to do what until when.
func (p *Pages) claimAnswer(r *request, claim *query.Claim, d *deadlinePart) template.HTML {
	w := r.words()
	meaning := w.StateMeaning("claim", claim.State.String())
	if !claim.State.Closed() {
		meaning = capital(meaning)
	}
	switch {
	case claim.State.Closed():
		return r.t("claim.answer.closed", "meaning", meaning, "time", w.Span(uint64(max(0, int64(p.clock(r).Now)-int64(claim.Since))), p.clock(r)))
	case d == nil:
		return r.t("claim.answer.unknown", "meaning", meaning)
	case d.End == nil:
		return r.t("claim.answer.endless", "meaning", meaning, "next", d.Title)
	case d.Passed:
		return r.t("claim.answer.over", "meaning", meaning, "next", d.Title, "left", d.Left, "silence", d.Silence)
	}
	return r.t("claim.answer", "meaning", meaning, "next", d.Title, "left", d.Left, "silence", d.Silence)
}

// deadline returns the period that runs; nil if the claim is closed.
func (p *Pages) deadline(r *request, claim *query.Claim, turn words.Turn) *deadlinePart {
	if claim.State.Closed() {
		return nil
	}
	w, t := r.words(), p.clock(r)
	remedy := claim.Remedy
	if remedy == 0 {
		remedy = claim.Asked
	}
	d := &deadlinePart{Title: w.Next(claim.State, remedy, turn), Class: "run", Silence: w.Silence(turn), Today: p.dayIn(r, t.Now, claim.Opened)}
	if claim.State == rules.ClaimDefaulted {
		d.Class = "bad"
	}
	if turn.Until == 0 || turn.Until >= 1<<32-1 {
		return d
	}
	end := r.unix(uint32(turn.Until))
	d.End, d.Day, d.Left = &end, p.dayIn(r, uint32(turn.Until), claim.Opened), w.Left(turn.Until, t)
	used := 1.0
	if length := float64(turn.Until) - float64(claim.Since); length > 0 {
		used = (float64(t.Now) - float64(claim.Since)) / length
	}
	d.Passed = claim.Deadline != nil && claim.Deadline.Passed
	if d.Class = "wait"; d.Passed {
		d.Class = "bad"
	}
	d.Used = bar(used, map[bool]string{false: "fw", true: "fx"}[d.Passed])
	d.Label = r.lang.plain("claim.used", "percent", fmt.Sprintf("%.0f", 100*min(max(used, 0), 1)))
	return d
}

func (p *Pages) claimRows(r *request, c *cast, claim *query.Claim, v *query.Voucher) []caseRow {
	w := r.words()
	name := func(key string) template.HTML { return r.t("claim.row." + key) }
	var rows []caseRow
	asked := caseRow{Name: name("asked"), Text: html(capital(w.Remedy(claim.Asked))), Note: html(w.Ground(claim.Ground))}
	if claim.Ground == record.Fault {
		asked.Note = r.t("claim.fault", "code", strconv.Itoa(int(claim.FaultCode)))
	}
	rows = append(rows, asked)
	if claim.Remedy != 0 {
		row := caseRow{Name: name("remedy"), Text: html(capital(w.Remedy(claim.Remedy)))}
		if claim.Refund != 0 {
			row.Text = r.t("claim.refund", "remedy", capital(w.Remedy(claim.Remedy)), "amount", w.Amount(claim.Refund))
		}
		if claim.State == rules.ClaimOrdered || claim.State == rules.ClaimDefaulted {
			row.Note = r.t("claim.ordered", "days", w.Days(uint64(claim.OrderDays)))
		}
		goods := "stay"
		if claim.ReturnNeeded {
			goods = "return"
		}
		rows = append(rows, row, caseRow{Name: name("goods"), Text: r.t("claim.goods." + goods)})
	}
	if claim.Settlement != (record.ID{}) {
		path := "/records/"
		if claim.Remedy == record.Replace {
			path = "/vouchers/"
		}
		rows = append(rows, caseRow{Name: name("settlement"), Text: html(r.id(claim.Settlement, "").Short), Path: r.link(path + claim.Settlement.String())})
	}
	for _, goods := range []struct {
		key string
		id  record.ID
	}{{"return", claim.Return}, {"sendback", claim.SendBack}} {
		if goods.id != (record.ID{}) {
			rows = append(rows, caseRow{Name: name(goods.key), Text: html(r.id(goods.id, "").Short), Path: r.link("/shipments/" + goods.id.String())})
		}
	}
	if claim.Defaulted {
		rows = append(rows, caseRow{Name: name("defaulted"), Text: r.t("claim.defaulted")})
	}
	return append(rows, p.voucherRows(r, c, v, claimPage)...)
}

// evidence returns the records that add evidence, the newest first.
func (p *Pages) evidence(r *request, c *cast, events []query.Event, from uint32) (all []eventPart) {
	for i := len(events) - 1; i >= 0; i-- {
		if events[i].Type() == record.TypeEvidenceAdd {
			all = append(all, p.event(r, c, &events[i], from))
		}
	}
	return all
}

// recordsOf returns the records of events.
func recordsOf(events []query.Event) []*record.Record {
	all := make([]*record.Record, len(events))
	for i := range events {
		all[i] = events[i].Record
	}
	return all
}

func (p *Pages) claimWay(r *request, claim *query.Claim, events []query.Event) wayPart {
	way := claim.Way(recordsOf(events))
	part := newWay(r, "claim", &claimMachine, rules.ClaimMoves(), way)
	part.Note = r.t("way.arrived")
	return part
}

// newWay returns the picture and the list of a way.
func newWay[S interface {
	~uint8
	fmt.Stringer
}](r *request, thing string, m *machine[S], moves []rules.Move[S], way []S) wayPart {
	w, part := r.words(), wayPart{}
	names := ""
	for i, s := range way {
		part.Steps = append(part.Steps, wayStep{N: i + 1, Word: w.State(thing, s.String()), Meaning: w.StateMeaning(thing, s.String()), Now: i == len(way)-1})
		if i > 0 {
			names += r.lang.plain("list.comma")
		}
		names += w.State(thing, s.String())
	}
	label := r.lang.plain("way.label", "way", names)
	part.Picture = draw(m, moves, way, func(s S) string { return w.State(thing, s.String()) }, label)
	return part
}
