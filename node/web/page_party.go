package web

import (
	"html/template"
	"net/http"

	"stele/node/ledger/record"
	"stele/node/query"
	"stele/node/words"
)

// partyBody is the data of the page of a party.
type partyBody struct {
	Key      idPart
	Case     []caseRow
	Waiting  []waitingLine
	NoInbox  template.HTML
	Partial  bool // not all was looked at
	Held     []voucherLine
	MoreHeld bool
	NoHeld   template.HTML
	Claims   []claimLine
	More     bool
	NoClaims template.HTML
	Groups   []eventGroup
	Lacks    template.HTML
	Next     string
	First    string
	ByKey    string // path of its claims as seller
}

// waitingLine is what waits for a party.
type waitingLine struct {
	Kind  template.HTML
	Short string
	Path  string
	State state
	Must  state
	Left  string
	Can   []doing
}

// voucherLine is a voucher in a list.
type voucherLine struct {
	Serial, Path string
	GTIN         string
	State        state
	Seller       keyPart
	Issued       timePart
}

const (
	maxInbox  = 200 // things of each kind that a page looks at
	partyList = 8   // things that it lists
	// partyRecords is how many records it shows.
	partyRecords = 20
)

func (p *Pages) party(r *request) (*view, error) {
	key, err := record.ParseKey(r.PathValue("key"))
	if err != nil {
		return nil, &userError{http.StatusUnprocessableEntity, r.lang.plain("party.badkey", "key", cut(r.PathValue("key")))}
	}
	account, err := r.query.Account(key)
	if err != nil {
		return nil, err
	}
	body := partyBody{Case: p.accountRows(r, account), ByKey: r.link("/claims?seller=" + account.ID.String())}
	body.Key = idPart{Full: account.ID.String(), Short: shortKey(account.ID.String()), Name: r.lang.plain("party.key")}
	v := &view{
		Template: "party", Title: r.t("party.title", "key", shortKey(account.ID.String())), API: "/v1/accounts/" + key.String(),
		Live: "party=" + account.ID.String() + "&kind=record,record-disconnected,block", Crumbs: []crumb{{Text: r.t("party.crumb")}},
	}
	if account.Roles.Suspended() {
		v.Tag = state{"bad", r.lang.plain("party.suspended")}
	}
	p.partyInbox(r, account, &body, v)
	p.partyLists(r, account, &body)
	c := &cast{r: r, accounts: map[record.Key]*query.Account{}}
	history, err := r.query.PartyHistory(key, query.Range{From: query.Cursor(r.URL.Query().Get("from")), Limit: partyRecords})
	if body.Lacks = p.lacks(r, "history", err); history.Next != "" {
		body.Next = r.with("from", string(history.Next))
	}
	if r.URL.Query().Get("from") != "" {
		body.First = r.with("from", "")
	}
	if len(history.Items) > 0 {
		body.Groups = p.timeline(r, c, history.Items, 0)
	}
	v.Body = body
	return v, nil
}

func (p *Pages) accountRows(r *request, a *query.Account) []caseRow {
	w := r.words()
	rows := []caseRow{{Name: r.t("party.row.balance"), Text: r.t("amount.coins", "n", exactCoins(a.Balance))}}
	roles := ""
	for i, role := range a.Granted() {
		if i > 0 {
			roles += r.lang.plain("list.comma")
		}
		roles += w.Role(role)
	}
	if roles == "" {
		roles = r.lang.plain("party.noroles")
	}
	rows = append(rows, caseRow{Name: r.t("party.row.roles"), Text: html(roles)}, caseRow{Name: r.t("party.row.records"), Text: html(words.Grouped(a.Seq)), Note: r.t("party.seq")})
	if a.Roles.Has(record.Seller) {
		rows = append(rows, caseRow{Name: r.t("party.row.score"), Text: r.t("party.score"), Path: r.link("/sellers/" + a.ID.String())})
	}
	if a.Key != a.ID {
		now := r.key(a.Key)
		rows = append(rows, caseRow{Name: r.t("party.row.key"), Key: &now, Note: r.t("party.rotated")})
	}
	return rows
}

// partyInbox fills in what waits for a party.
func (p *Pages) partyInbox(r *request, a *query.Account, body *partyBody, v *view) {
	inbox, err := r.query.Inbox(a.ID, maxInbox)
	if err != nil {
		body.NoInbox = p.lacks(r, "inbox", err)
		v.Answer = r.t("party.answer.short", "balance", r.words().Amount(a.Balance))
		return
	}
	w, t, must := r.words(), p.clock(r), 0
	for _, i := range inbox.Items {
		line := waitingLine{Kind: r.t("waiting." + i.Kind), Short: r.id(i.ID, "").Short, Path: r.link("/" + i.Kind + "s/" + i.ID.String()), Must: state{"end", r.lang.plain("party.may")}}
		line.State.Word = w.State(i.Kind, i.State)
		if line.Can, _ = r.doings(i.Actions, t); i.Must {
			line.Must = state{"wait", r.lang.plain("party.must")}
			must++
		}
		if i.Until != 0 {
			line.Left = w.Left(i.Until, t)
			if i.Until < uint64(t.Now) {
				line.Must.Kind = "bad"
			}
		}
		body.Waiting = append(body.Waiting, line)
	}
	if body.Partial = !inbox.Complete; body.Partial {
		v.Answer = r.t("party.answer.partial", "must", must, "may", len(inbox.Items)-must, "most", maxInbox)
		return
	}
	v.Answer = r.t("party.answer", "must", must, "may", len(inbox.Items)-must)
}

// partyLists fills in what a party holds, and the claims that it is in.
func (p *Pages) partyLists(r *request, a *query.Account, body *partyBody) {
	held, err := r.query.VouchersHeldBy(a.ID, query.Range{Limit: partyList})
	if body.NoHeld = p.lacks(r, "vouchers", err); err == nil {
		for i := range held.Items {
			h := &held.Items[i]
			body.Held = append(body.Held, voucherLine{string(h.Serial), r.link("/vouchers/" + h.ID.String()), h.GTIN.String(), r.voucherState(h.State), r.key(h.Seller), r.unix(h.Issued)})
		}
		body.MoreHeld = held.Next != ""
	}
	claims, err := r.query.ClaimsOf(a.ID, query.Range{Limit: partyList})
	if body.NoClaims = p.lacks(r, "claims", err); err == nil {
		for i := range claims.Items {
			body.Claims = append(body.Claims, p.claimLine(r, &claims.Items[i]))
		}
		body.More = claims.Next != ""
	}
}
