package web

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
	"stele/node/words"
)

// itemBody is the data of the page of an item.
type itemBody struct {
	GTIN      string
	Voucher   *idPart
	Warranty  *warrantyPart
	Asks      []doing // what can be asked for, and done besides
	NoAsks    template.HTML
	Today     template.HTML
	Case      []caseRow
	Bundle    string
	EPCIS     string
	QR        string // path of the picture
	Groups    []eventGroup
	Lacks     template.HTML
	MorePath  string // of the records that are not shown; "": all are
	Delivered bool
}

// warrantyPart is the picture of a warranty.
type warrantyPart struct {
	Picture  template.HTML
	Extended string // time in repair; "": none
	Rights   []right
	Claims   []claimMark
}

// right is a remedy that a fault gives, and until when.
type right struct {
	Class  string // of its swatch
	Remedy string
	Left   string
	end    uint64
}

// claimMark is where a claim was opened on the bar.
type claimMark struct {
	N    int
	Path string
	Day  template.HTML
	at   uint32
}

// gtinOf reads the GTIN in the path of a page.
func gtinOf(r *request) (record.GTIN, error) {
	gtin, err := record.ParseGTIN(r.PathValue("gtin"))
	if err != nil {
		return 0, &userError{http.StatusUnprocessableEntity, r.lang.plain("item.badgtin", "gtin", cut(r.PathValue("gtin")))}
	}
	return gtin, nil
}

// itemRedirect goes to the page of an item: it has the address of its Digital Link.
func (p *Pages) itemRedirect(r *request) (*view, error) {
	gtin, err := gtinOf(r)
	if err != nil {
		return nil, err
	}
	return &view{redirect: r.link(itemPath(gtin, record.Serial(r.PathValue("serial"))))}, nil
}

// productRedirect goes from the Digital Link of a product to its page.
func (p *Pages) productRedirect(r *request) (*view, error) {
	gtin, err := gtinOf(r)
	if err != nil {
		return nil, err
	}
	return &view{redirect: r.link("/products/" + gtin.String())}, nil
}

func (p *Pages) item(r *request) (*view, error) {
	gtin, err := gtinOf(r)
	if err != nil {
		return nil, err
	}
	serial := record.Serial(r.PathValue("serial"))
	item, err := r.query.Item(gtin, serial)
	if err != nil {
		return nil, err
	}
	body := itemBody{GTIN: gtin.String(), EPCIS: "/v1" + itemsPath(gtin, serial) + "/epcis", QR: "/v1" + itemsPath(gtin, serial) + "/qr.svg"}
	v := &view{
		Template: "item", Title: r.t("item.title", "serial", string(serial)), Tag: p.itemState(r, item),
		API:    "/v1" + itemsPath(gtin, serial),
		Crumbs: []crumb{{r.t("product.title", "gtin", gtin.String()), r.link("/products/" + gtin.String())}, {Text: r.t("item.crumb")}},
	}
	c, err := p.newCast(r, item.Voucher)
	if err != nil {
		return nil, err
	}
	history, err := r.query.ItemHistory(gtin, serial, query.Range{From: query.Cursor(r.URL.Query().Get("from")), Limit: maxHistory})
	if body.Lacks = p.lacks(r, "history", err); history.Next != "" {
		body.MorePath = r.with("from", string(history.Next))
	}
	var claims []query.Claim
	if item.Voucher != nil {
		page, err := r.query.VoucherClaims(item.Voucher.ID, query.Range{Limit: maxHistory})
		if err != nil {
			p.logged(r.Context(), "claims", err)
		}
		claims = page.Items
		p.itemVoucher(r, &body, item.Voucher, c, claims)
		v.Live = "voucher=" + item.Voucher.ID.String() + "&kind=record,record-disconnected,block"
		body.Groups = p.life(r, c, history.Items, firstOf(item.Voucher.Delivered, item.Voucher.Issued), claims)
	} else {
		body.Groups = p.life(r, c, history.Items, 0, nil)
	}
	v.Answer = p.itemAnswer(r, item, history.Items, err == nil && history.Next == "" && r.URL.Query().Get("from") == "")
	v.Body = body
	return v, nil
}

// itemsPath returns the path of an item in the API.
func itemsPath(gtin record.GTIN, serial record.Serial) string {
	return "/items/" + gtin.String() + "/" + url.PathEscape(string(serial))
}

// itemVoucher fills in what the last voucher of an item says.
func (p *Pages) itemVoucher(r *request, body *itemBody, v *query.Voucher, c *cast, claims []query.Claim) {
	id := r.id(v.ID, "/vouchers/")
	id.Name = r.lang.plain("voucher.id")
	body.Voucher, body.Bundle, body.Delivered = &id, "/v1/bundles/voucher/"+v.ID.String(), v.Delivered != 0
	t := p.clock(r)
	body.Today = r.t("item.asks.height", "height", r.query.Height())
	if v.Delivered != 0 {
		body.Today = r.t("item.asks.today", "day", p.dayIn(r, t.Now, v.Delivered), "height", r.query.Height())
	}
	asks, err := r.query.HolderClaims(v.ID)
	if err != nil {
		body.NoAsks = p.lacks(r, "entitlements", err)
	} else {
		body.Asks = p.asks(r, v, asks.List)
		if v.Delivered != 0 {
			body.Warranty = p.warranty(r, v, asks.List, claims)
		}
	}
	body.Case = p.voucherRows(r, c, v, itemPage)
}

// asks returns what the holder can ask for, and what it and the first buyer can do besides.
// Remedies of a ground that are impossible for one reason share a row.
func (p *Pages) asks(r *request, v *query.Voucher, claims []rules.Action) []doing {
	t, w := p.clock(r), r.words()
	var kept []rules.Action
	type why struct{ ground, reason, when string }
	index := map[why]int{}
	for i := range claims {
		a := &claims[i]
		ground, remedy, _ := strings.Cut(a.Choice, " ")
		key := why{ground, string(a.Reason), w.When(words.ActionOf(a), t)}
		if at, known := index[key]; known && !a.Allowed && !words.ActionOf(a).SameFault {
			kept[at].Choice += "+" + remedy
			continue
		}
		if !words.ActionOf(a).SameFault {
			index[key] = len(kept)
		}
		kept = append(kept, *a)
	}
	can, cannot := r.doings(kept, t)
	for _, party := range []record.Key{v.Holder, v.Buyer} {
		actions, err := r.query.VoucherActions(v.ID, party)
		if err != nil {
			p.logged(r.Context(), "actions", err)
			continue
		}
		others := slices.DeleteFunc(actions.List, func(a rules.Action) bool {
			switch a.Payload.Type() {
			case record.TypeEvaluate, record.TypeEvaluateAmend:
				return party != v.Buyer || v.Evaluation == nil == (a.Payload.Type() == record.TypeEvaluateAmend)
			case record.TypeVoucherTransfer:
				return party != v.Holder
			}
			return true
		})
		yes, no := r.doings(others, t)
		can, cannot = append(can, yes...), append(cannot, no...)
		if v.Holder == v.Buyer {
			break
		}
	}
	slices.SortStableFunc(cannot, func(a, b doing) int { return strings.Compare(b.Dot.Kind, a.Dot.Kind) }) // wait before end
	return append(can, cannot...)
}

// itemState returns the state of an item: that of its last voucher.
func (p *Pages) itemState(r *request, item *query.Item) state {
	switch {
	case item.Recalled:
		return state{"bad", r.lang.plain("item.recalled")}
	case item.Voucher == nil:
		return state{"end", r.lang.plain("item.unsold")}
	}
	return r.voucherState(item.Voucher.State)
}

// itemAnswer says in a few words how an item is. Whole is whether the history has all of
// its records: else nothing is counted.
func (p *Pages) itemAnswer(r *request, item *query.Item, events []query.Event, whole bool) template.HTML {
	if item.Voucher == nil {
		return r.t("item.answer.unsold")
	}
	answer := []template.HTML{p.voucherAnswer(r, item.Voucher)}
	if whole {
		sold, repairs := 0, 0
		for i := range events {
			switch e := events[i].Payload.(type) {
			case record.VoucherIssue:
				sold++
			case record.SettleExecute:
				if e.Remedy == record.Repair {
					repairs++
				}
			}
		}
		answer = append(answer, r.t("item.answer.counts", "sold", sold, "repairs", repairs))
	}
	open := "none"
	if item.Voucher.ClaimLive {
		open = "open"
	}
	answer = append(answer, r.t("item.answer.claim."+open))
	if item.Recalled {
		answer = append(answer, r.t("item.answer.recalled"))
	}
	text := answer[0]
	for _, part := range answer[1:] {
		text = r.t("item.answer.join", "before", text, "after", part)
	}
	return text
}

// warranty returns the picture of a warranty: from the delivery to its end, with the time
// in repair that was added, where claims were opened, and what a fault gives until when.
func (p *Pages) warranty(r *request, v *query.Voucher, asks []rules.Action, claims []query.Claim) *warrantyPart {
	w, t := r.words(), p.clock(r)
	part := &warrantyPart{}
	if v.Extended > 0 {
		part.Extended = w.Span(uint64(v.Extended), t)
	}
	classes := []string{"f4", "f2", "f1"}
	seen := map[string]bool{}
	for _, a := range asks {
		ground, remedy, _ := strings.Cut(a.Choice, " ")
		if ground != "fault" || seen[remedy] || a.Until == 0 {
			continue
		}
		seen[remedy] = true
		part.Rights = append(part.Rights, right{classes[len(part.Rights)%3], w.Remedy(record.Refund + record.Remedy(slices.Index([]string{"refund", "replace", "repair"}, remedy))), w.Left(a.Until, t), a.Until})
	}
	for i, c := range claims {
		part.Claims = append(part.Claims, claimMark{i + 1, r.link("/claims/" + c.ID.String()), p.dayText(r, c.Opened, v.Delivered), c.Opened})
	}
	today := p.dayIn(r, t.Now, v.Delivered)
	label := r.lang.plain("warranty.label", "days", w.Span(v.WarrantyEnd-uint64(v.Delivered), t), "today", plainText(today), "left", w.Left(v.WarrantyEnd, t), "n", len(claims))
	last := p.dayIn(r, uint32(min(v.WarrantyEnd, 1<<32-1)), v.Delivered)
	part.Picture = warrantyChart(v, t.Now, part, warrantyWords{label, r.lang.plain("warranty.today", "day", plainText(today)), r.lang.plain("warranty.delivered"), plainText(last)})
	return part
}

// plainText returns the text of HTML that has no markup.
func plainText(h template.HTML) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#39;", "'", "&#34;", `"`, "&amp;", "&").Replace(string(h))
}

type warrantyWords struct{ label, today, begin, end string }

// warrantyChart draws a warranty over its whole width. Positions are percentages, so that
// the words in it are not stretched.
func warrantyChart(v *query.Voucher, now uint32, part *warrantyPart, words warrantyWords) template.HTML {
	begin, end := float64(v.Delivered), float64(max(v.WarrantyEnd, uint64(v.Delivered)+1))
	at := func(moment float64) float64 { return 100 * min(max((moment-begin)/(end-begin), 0), 1) }
	esc := template.HTMLEscapeString
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="wb" role="img" aria-label="%s" width="100%%" height="78">`, esc(words.label))
	today := at(float64(now))
	fmt.Fprintf(&b, `<rect class="fs" y="32" width="100%%" height="16" rx="2"/><rect class="f1" x="%.2f%%" y="32" width="%.2f%%" height="16"/><rect class="fb" y="32" width="%.2f%%" height="16"/>`, today, 100-today, today)
	if v.Extended > 0 {
		x := at(end - float64(v.Extended))
		fmt.Fprintf(&b, `<rect class="fo" x="%.2f%%" y="26" width="%.2f%%" height="4"/>`, x, 100-x)
	}
	from := 0.0
	rights := slices.Clone(part.Rights)
	slices.SortFunc(rights, func(a, b right) int { return int(int64(a.end) - int64(b.end)) })
	for _, g := range rights {
		to := at(float64(g.end))
		fmt.Fprintf(&b, `<rect class="%s" x="%.2f%%" y="52" height="4" width="%.2f%%"/>`, g.Class, from, max(to-from, 0))
		from = to
	}
	for _, c := range part.Claims {
		fmt.Fprintf(&b, `<rect class="fw" x="%.2f%%" y="30" width="3" height="20"/>`, min(at(float64(c.at)), 99.5))
	}
	anchor := "middle"
	switch {
	case today > 75:
		anchor = "end"
	case today < 25:
		anchor = "start"
	}
	fmt.Fprintf(&b, `<line class="l" x1="%.2f%%" x2="%.2f%%" y1="20" y2="60"/><text class="tb" x="%.2f%%" y="14" text-anchor="%s">%s</text>`, today, today, today, anchor, esc(words.today))
	fmt.Fprintf(&b, `<text x="0" y="74">%s</text><text x="100%%" y="74" text-anchor="end">%s</text></svg>`, esc(words.begin), esc(words.end))
	return template.HTML(b.String())
}
