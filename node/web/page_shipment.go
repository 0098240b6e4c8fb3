package web

import (
	"html/template"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
)

// shipmentBody is the data of the page of a shipment.
type shipmentBody struct {
	ID      idPart
	Bundle  string
	Way     wayPart
	Case    []caseRow
	Parties []partyDoings
	Groups  []eventGroup
	Lacks   template.HTML
}

func (p *Pages) shipment(r *request) (*view, error) {
	id, err := caseID(r)
	if err != nil {
		return nil, err
	}
	h, err := r.query.Shipment(id)
	if err != nil {
		return nil, err
	}
	voucher, err := r.query.Voucher(h.Voucher)
	if err != nil {
		return nil, err
	}
	c, err := p.newCast(r, voucher)
	if err != nil {
		return nil, err
	}
	c.add("carrier", h.Carrier)
	p.addSupervisor(r, c)
	body := shipmentBody{ID: r.id(id, ""), Bundle: "/v1/bundles/voucher/" + h.Voucher.String(), Parties: p.partiesDoings(r, c, id, r.query.ShipmentActions)}
	body.ID.Name = r.lang.plain("shipment.id")
	body.Case = p.shipmentRows(r, c, h, voucher)
	history, err := r.query.ShipmentHistory(id, query.Range{Limit: maxHistory})
	body.Lacks = p.lacks(r, "history", err)
	if len(history.Items) > 0 {
		body.Groups = p.timeline(r, c, history.Items, history.Items[0].MedianTime)
		body.Way = newWay(r, "shipment", &shipmentMachine, rules.ShipmentMoves(), h.Way(recordsOf(history.Items)))
	}
	return &view{
		Template: "shipment", Title: r.t("shipment.title." + h.Leg.String()), Tag: r.shipmentState(h.State), Answer: p.shipmentAnswer(r, h),
		API: "/v1/shipments/" + id.String(), Live: "shipment=" + id.String() + "&kind=record,record-disconnected,block",
		Crumbs: []crumb{{r.t("item.title", "serial", string(voucher.Serial)), r.link(itemPath(voucher.GTIN, voucher.Serial))}, {r.t("voucher.crumb"), r.link("/vouchers/" + h.Voucher.String())}, {Text: r.t("shipment.crumb")}},
		Body:   body,
	}, nil
}

// shipmentAnswer says where the goods are, and until when they count as on their way.
func (p *Pages) shipmentAnswer(r *request, h *query.Shipment) template.HTML {
	w, t := r.words(), p.clock(r)
	meaning := w.StateMeaning("shipment", h.State.String())
	if h.State == rules.ShipmentException {
		meaning = r.lang.plain("shipment.exception", "what", w.Exception(h.Kind))
	}
	switch {
	case h.LostFrom == 0:
		return r.t("shipment.answer", "meaning", capital(meaning))
	case uint64(t.Now) > h.LostFrom:
		return r.t("shipment.answer.late", "meaning", capital(meaning), "left", w.Left(h.LostFrom, t))
	}
	return r.t("shipment.answer.way", "meaning", capital(meaning), "left", w.Left(h.LostFrom, t))
}

func (p *Pages) shipmentRows(r *request, c *cast, h *query.Shipment, v *query.Voucher) []caseRow {
	name := func(key string) template.HTML { return r.t("shipment.row." + key) }
	sender, carrier, custodian := c.key(h.Sender, c.partOf(h.Sender, "sender")), r.key(h.Carrier), r.key(h.Custodian())
	since := r.unix(h.Since)
	rows := []caseRow{
		{Name: name("leg"), Text: r.t("leg." + h.Leg.String())}, {Name: name("sender"), Key: &sender},
		{Name: name("carrier"), Key: &carrier}, {Name: name("custodian"), Key: &custodian}, {Name: name("since"), Time: &since},
	}
	if h.LostFrom != 0 {
		lost := r.unix(uint32(min(h.LostFrom, 1<<32-1)))
		rows = append(rows, caseRow{Name: name("lost"), Time: &lost, Note: r.t("shipment.lost")})
	}
	if h.AttemptFrom != 0 {
		attempt := r.unix(uint32(min(h.AttemptFrom, 1<<32-1)))
		rows = append(rows, caseRow{Name: name("attempt"), Time: &attempt, Note: r.t("shipment.attempt")})
	}
	if h.Claim != (record.ID{}) {
		rows = append(rows, caseRow{Name: name("claim"), Text: html(r.id(h.Claim, "").Short), Path: r.link("/claims/" + h.Claim.String())})
	}
	return append(rows, caseRow{Name: r.t("voucher.row.voucher"), Text: html(r.id(v.ID, "").Short), Path: r.link("/vouchers/" + v.ID.String())},
		caseRow{Name: r.t("voucher.row.item"), Text: html(string(v.Serial)), Path: r.link(itemPath(v.GTIN, v.Serial)), Note: r.t("voucher.gtin", "gtin", v.GTIN.String())})
}
