package web

import (
	"html/template"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// voucherBody is the data of the page of a voucher.
type voucherBody struct {
	ID        idPart
	Bundle    string
	Way       wayPart
	Case      []caseRow
	Claims    []claimLine
	NoClaims  template.HTML
	Shipments []shipmentLine
	NoGoods   template.HTML
	Parties   []partyDoings
	Groups    []eventGroup
	Lacks     template.HTML
}

// claimLine is a claim in a list.
type claimLine struct {
	ID, Path   string
	Title      string
	State      state
	Opened     timePart
	Item       crumb
	Seller     keyPart
	Left       string // of the period that runs; "": none
	Passed     bool
	Period     string
	Short      string
	Since      timePart
	DeadlineAt *timePart
}

// shipmentLine is a shipment in a list.
type shipmentLine struct {
	Short, Path string
	Leg         template.HTML
	State       state
	Carrier     keyPart
	Since       timePart
}

func (p *Pages) voucher(r *request) (*view, error) {
	id, err := caseID(r)
	if err != nil {
		return nil, err
	}
	v, err := r.query.Voucher(id)
	if err != nil {
		return nil, err
	}
	c, err := p.newCast(r, v)
	if err != nil {
		return nil, err
	}
	body := voucherBody{ID: r.id(id, ""), Bundle: "/v1/bundles/voucher/" + id.String(), Case: p.voucherRows(r, c, v, voucherPage)}
	body.ID.Name = r.lang.plain("voucher.id")
	body.Way = newWay(r, "voucher", &voucherMachine, rules.VoucherMoves(), v.Way())
	body.Parties = p.partiesDoings(r, c, id, r.query.VoucherActions)
	claims, err := r.query.VoucherClaims(id, query.Range{Limit: maxHistory})
	body.NoClaims = p.lacks(r, "claims", err)
	for i := range claims.Items {
		body.Claims = append(body.Claims, p.claimLine(r, &claims.Items[i]))
	}
	goods, err := r.query.VoucherShipments(id, query.Range{Limit: maxHistory})
	body.NoGoods = p.lacks(r, "shipments", err)
	for i := range goods.Items {
		body.Shipments = append(body.Shipments, p.shipmentLine(r, &goods.Items[i]))
	}
	history, err := r.query.VoucherHistory(id, query.Range{Limit: maxHistory})
	body.Lacks = p.lacks(r, "history", err)
	body.Groups = p.life(r, c, history.Items, firstOf(v.Delivered, v.Issued), claims.Items)
	return &view{
		Template: "voucher", Title: r.t("voucher.title", "serial", string(v.Serial)), Tag: r.voucherState(v.State), Answer: p.voucherAnswer(r, v),
		API: "/v1/vouchers/" + id.String(), Live: "voucher=" + id.String() + "&kind=record,record-disconnected,block",
		Crumbs: []crumb{{r.t("product.title", "gtin", v.GTIN.String()), r.link("/products/" + v.GTIN.String())}, {r.t("item.title", "serial", string(v.Serial)), r.link(itemPath(v.GTIN, v.Serial))}, {Text: r.t("voucher.crumb")}},
		Body:   body,
	}, nil
}

// firstOf returns the first moment that is one.
func firstOf(moments ...uint32) uint32 {
	for _, m := range moments {
		if m != 0 {
			return m
		}
	}
	return 0
}

// voucherAnswer says what the state of a voucher means now.
func (p *Pages) voucherAnswer(r *request, v *query.Voucher) template.HTML {
	w, t := r.words(), p.clock(r)
	switch v.State {
	case rules.VoucherActive:
		return r.t("voucher.answer.active", "left", w.Left(v.WarrantyEnd, t))
	case rules.VoucherExpired:
		return r.t("voucher.answer.expired", "time", w.Span(uint64(t.Now)-v.WarrantyEnd, t))
	}
	return r.t("voucher.answer", "meaning", capital(w.StateMeaning("voucher", v.State.String())))
}

// The pages that show the facts of a voucher: each leaves out what its title says.
const (
	voucherPage = iota
	itemPage
	claimPage
)

// voucherRows are the facts of a voucher for a page.
func (p *Pages) voucherRows(r *request, c *cast, v *query.Voucher, show int) []caseRow {
	w := r.words()
	name := func(key string) template.HTML { return r.t("voucher.row." + key) }
	party := func(key string, k record.Key, note template.HTML) caseRow {
		part := r.key(k)
		return caseRow{Name: name(key), Key: &part, Note: note}
	}
	rows := []caseRow{}
	if show != voucherPage {
		rows = append(rows, caseRow{Name: name("voucher"), Text: html(r.id(v.ID, "").Short), Path: r.link("/vouchers/" + v.ID.String())})
	}
	if show != itemPage {
		rows = append(rows, caseRow{Name: name("item"), Text: html(string(v.Serial)), Path: r.link(itemPath(v.GTIN, v.Serial)), Note: r.t("voucher.gtin", "gtin", v.GTIN.String())})
	}
	price := caseRow{Name: name("price"), Text: html(w.Amount(v.Price))}
	if v.Quantity != 1 {
		price.Note = r.t("voucher.quantity", "n", v.Quantity)
	}
	if v.Distance {
		price.Note = r.t("voucher.distance")
	}
	rows = append(rows, price, party("seller", v.Seller, ""))
	for _, p := range c.parts {
		if p.part == "maker" && p.account != v.Seller {
			rows = append(rows, party("maker", p.account, ""))
		}
	}
	note := template.HTML("")
	if v.Holder == v.Buyer {
		note = r.t("voucher.first")
	}
	rows = append(rows, party("holder", v.Holder, note))
	if v.Holder != v.Buyer {
		rows = append(rows, party("buyer", v.Buyer, ""))
	}
	issued := r.unix(v.Issued)
	rows = append(rows, caseRow{Name: name("sold"), Time: &issued})
	if v.Delivered != 0 {
		delivered := r.unix(v.Delivered)
		rows = append(rows, caseRow{Name: name("delivered"), Time: &delivered})
	}
	warranty := caseRow{Name: name("warranty"), Text: html(w.Days(uint64(v.WarrantyDays)))}
	if v.Extended != 0 {
		warranty.Note = r.t("voucher.extended", "time", w.Span(uint64(v.Extended), p.clock(r)))
	}
	rows = append(rows, warranty)
	if v.Replaces != (record.ID{}) {
		rows = append(rows, caseRow{Name: name("replaces"), Text: html(r.id(v.Replaces, "").Short), Path: r.link("/claims/" + v.Replaces.String())})
	}
	if e := v.Evaluation; e != nil {
		rows = append(rows, caseRow{Name: name("evaluation"), Text: r.t("voucher.scores", "product", e.Product, "service", e.Service, "logistics", e.Logistics), Note: html(w.EvaluationState(e.State))})
	}
	return rows
}

// claimLine returns a claim for a list.
func (p *Pages) claimLine(r *request, c *query.Claim) claimLine {
	w := r.words()
	id := r.id(c.ID, "")
	line := claimLine{
		ID: id.Full, Short: id.Short, Path: r.link("/claims/" + id.Full), State: r.claimState(c.State), Opened: r.unix(c.Opened), Since: r.unix(c.Since),
		Title: string(w.Remedy(c.Asked)), Item: crumb{html(string(c.Serial)), r.link(itemPath(c.GTIN, c.Serial))}, Seller: r.key(c.Seller),
	}
	line.Title = r.lang.plain("claim.title", "remedy", w.Remedy(c.Asked))
	if c.Deadline != nil && c.Deadline.Time < 1<<32-1 {
		end := r.unix(uint32(c.Deadline.Time))
		line.Left, line.Passed, line.DeadlineAt = w.Left(c.Deadline.Time, p.clock(r)), c.Deadline.Passed, &end
	}
	return line
}

func (p *Pages) shipmentLine(r *request, h *query.Shipment) shipmentLine {
	return shipmentLine{
		Short: r.id(h.ID, "").Short, Path: r.link("/shipments/" + h.ID.String()), Leg: r.t("leg." + h.Leg.String()),
		State: r.shipmentState(h.State), Carrier: r.key(h.Carrier), Since: r.unix(h.Since),
	}
}
