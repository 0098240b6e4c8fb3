package web

import (
	"cmp"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"stele/node/ledger/record"
	"stele/node/ledger/rules"
	"stele/node/query"
	"stele/node/words"
)

// maxHistory is how many records of a case a page shows.
const maxHistory = 1000

// words returns the sentences about records and cases in the reader's language.
func (r *request) words() *words.Catalog { return words.In(words.Language(r.lang.Code)) }

// html returns a sentence as HTML.
func html(text string) template.HTML { return template.HTML(template.HTMLEscapeString(text)) }

// clock returns the median time by which the next block is judged.
func (p *Pages) clock(r *request) words.Clock {
	return words.Clock{Now: r.query.Tip().MedianTime, Day: p.Params.AfterSales.Day}
}

// caseID reads the id in the path of a page.
func caseID(r *request) (record.ID, error) {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return id, &userError{http.StatusUnprocessableEntity, r.lang.plain("case.badid", "id", cut(r.PathValue("id")))}
	}
	return id, nil
}

func parseID(text string) (id record.ID, err error) {
	err = id.UnmarshalText([]byte(text))
	return id, err
}

// The kinds of the states: see [state].
var (
	voucherKinds = map[rules.VoucherState]string{
		rules.VoucherIssued: "run", rules.VoucherActive: "ok", rules.VoucherExpired: "end",
		rules.VoucherVoid: "end", rules.VoucherRefunded: "end", rules.VoucherReplaced: "end",
	}
	shipmentKinds = map[rules.ShipmentState]string{
		rules.ShipmentCreated: "run", rules.ShipmentInTransit: "run", rules.ShipmentAttempted: "wait", rules.ShipmentException: "bad",
		rules.ShipmentDelivered: "ok", rules.ShipmentReturned: "end", rules.ShipmentLost: "bad",
	}
	claimKinds = map[rules.ClaimState]string{
		rules.ClaimOpen: "run", rules.ClaimOffered: "wait", rules.ClaimAuthorised: "run", rules.ClaimRejected: "wait", rules.ClaimReceived: "run",
		rules.ClaimInspected: "run", rules.ClaimExecuted: "run", rules.ClaimEscalated: "wait", rules.ClaimOrdered: "wait", rules.ClaimDefaulted: "bad",
		rules.ClaimSettled: "ok", rules.ClaimRefused: "end", rules.ClaimDismissed: "end", rules.ClaimUnresolved: "end",
		rules.ClaimWithdrawn: "end", rules.ClaimDelivered: "ok", rules.ClaimGivenUp: "bad",
	}
)

func (r *request) voucherState(s rules.VoucherState) state {
	return state{voucherKinds[s], r.words().VoucherState(s)}
}

func (r *request) claimState(s rules.ClaimState) state {
	return state{claimKinds[s], r.words().ClaimState(s)}
}

func (r *request) shipmentState(s rules.ShipmentState) state {
	return state{shipmentKinds[s], r.words().ShipmentState(s)}
}

// cast knows who plays which part in a case. Parties are named by the first keys of their
// accounts.
type cast struct {
	r        *request
	parts    []castPart
	accounts map[record.Key]*query.Account // of keys, as far as they were looked up
}

type castPart struct {
	part    string
	account record.Key
}

// newCast returns the cast of a voucher.
func (p *Pages) newCast(r *request, v *query.Voucher) (*cast, error) {
	c := &cast{r: r, accounts: map[record.Key]*query.Account{}}
	if v == nil {
		return c, nil
	}
	c.add("seller", v.Seller)
	product, err := r.query.Product(v.GTIN)
	if err != nil {
		return nil, err
	}
	c.add("maker", product.Maker)
	c.add("holder", v.Holder)
	c.add("first buyer", v.Buyer)
	return c, nil
}

// add gives a part to an account, unless it has one.
func (c *cast) add(part string, account record.Key) {
	if account == (record.Key{}) {
		return
	}
	for _, known := range c.parts {
		if known.account == account {
			return
		}
	}
	c.parts = append(c.parts, castPart{part, account})
}

// account returns the account of a key; one without roles if that cannot be read.
func (c *cast) account(key record.Key) *query.Account {
	account, known := c.accounts[key]
	if !known {
		var err error
		if account, err = c.r.query.Account(key); err != nil {
			account = &query.Account{Account: rules.Account{ID: key, Key: key}}
		}
		c.accounts[key] = account
	}
	return account
}

// canBe are the parts that somebody can play who signs as something vague, and the roles
// that show it.
var canBe = map[string]map[string]record.Role{
	"seller or maker":     {"seller": record.Seller, "maker": record.Manufacturer},
	"supervisor or maker": {"supervisor": record.Supervisor, "maker": record.Manufacturer},
	"party":               {"seller": record.Seller, "maker": record.Manufacturer, "carrier": record.Carrier, "servicer": record.Servicer},
	"custodian":           {"carrier": record.Carrier, "seller": record.Seller},
	"next custodian":      {"carrier": record.Carrier},
	"sender":              {"seller": record.Seller, "maker": record.Manufacturer},
	"inspector":           {"seller": record.Seller, "servicer": record.Servicer},
	"payer":               {},
	"author":              {},
}

// partOf returns the part that a key plays in the case, where a record can be signed by
// several parties or says only what the signer does: that of the cast, or else the one
// that the roles of its account allow, if that is a single one.
func (c *cast) partOf(key record.Key, signs string) string {
	parts, vague := canBe[signs]
	if !vague {
		return signs
	}
	account := c.account(key)
	for _, p := range c.parts {
		if p.account == account.ID {
			return p.part
		}
	}
	found := ""
	for part, role := range parts {
		if account.Roles.Has(role) {
			if found != "" {
				return signs
			}
			found = part
		}
	}
	return cmp.Or(found, signs)
}

// key returns the part of a key with a label.
func (c *cast) key(key record.Key, part string) keyPart {
	k := c.r.key(key)
	k.Role = html(c.r.words().Label(part))
	return k
}

// doing is what a party may do, or may not.
type doing struct {
	Text    string
	When    string // how long yet, or when; "": no word of time
	Why     string // not
	Reason  string // word of the rule
	Missing string // what the author has to choose
	Type    string // of the record
	Always  bool   // When says only that it is possible
	Dot     state
}

// partyDoings is what a party may do with a case, and what it may not.
type partyDoings struct {
	Key     keyPart
	Can     []doing
	Cannot  []doing
	NoWords template.HTML // why that is not known; "": it is
}

// doings returns actions in words.
func (r *request) doings(actions []rules.Action, t words.Clock) (can, cannot []doing) {
	w := r.words()
	for i := range actions {
		a := words.ActionOf(&actions[i])
		d := doing{Text: w.Do(a), When: w.When(a, t), Missing: w.Missing(a), Type: a.Type, Always: a.Allowed && a.Until == 0}
		if a.Allowed {
			d.Dot = state{"ok", r.lang.plain("can.yes")}
			can = append(can, d)
			continue
		}
		d.Why, d.Reason, d.Dot = w.Reason(a.Reason), string(a.Reason), state{"end", r.lang.plain("can.no")}
		if a.From > uint64(t.Now) || a.Height != 0 || a.RepairsLeft != 0 {
			d.Dot = state{"wait", r.lang.plain("can.notnow")}
		}
		cannot = append(cannot, d)
	}
	slices.SortStableFunc(can, func(a, b doing) int { return cmp.Compare(rank(a), rank(b)) })
	return can, cannot
}

// rank puts what is always possible last.
func rank(d doing) int {
	if d.Type == record.TypeEvidenceAdd.String() {
		return 1
	}
	return 0
}

// partiesDoings returns what each of the cast may do with a thing.
func (p *Pages) partiesDoings(r *request, c *cast, id record.ID, ask func(record.ID, record.Key) (*query.Actions, error)) []partyDoings {
	t := p.clock(r)
	var all []partyDoings
	for _, party := range c.parts {
		d := partyDoings{Key: c.key(party.account, party.part)}
		actions, err := ask(id, party.account)
		if err != nil {
			d.NoWords = p.lacks(r, "actions", err)
		} else {
			d.Can, d.Cannot = r.doings(actions.List, t)
		}
		all = append(all, d)
	}
	return all
}

// day returns the day of a moment, counted from another by the days of the network.
func (p *Pages) day(moment, from uint32) int64 {
	length := int64(cmp.Or(p.Params.AfterSales.Day, 24*60*60))
	days := (int64(moment) - int64(from)) / length
	if moment < from && (int64(from)-int64(moment))%length != 0 {
		days--
	}
	return days
}

// dayText is day in words: "Day 12".
func (p *Pages) dayText(r *request, moment, from uint32) template.HTML {
	return r.t("case.day", "n", p.dayNumber(moment, from))
}

// dayIn is day in words within a sentence: "day 12".
func (p *Pages) dayIn(r *request, moment, from uint32) template.HTML {
	return r.t("case.dayin", "n", p.dayNumber(moment, from))
}

func (p *Pages) dayNumber(moment, from uint32) string {
	return strings.Replace(strconv.FormatInt(p.day(moment, from), 10), "-", "−", 1)
}

// capital returns a text that begins with a capital letter, where the language has them.
func capital(text string) string {
	first, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[n:]
}
