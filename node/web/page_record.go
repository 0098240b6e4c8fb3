package web

import (
	"bytes"
	"encoding"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"stele/engine/pow"
	"stele/internal/text"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/query"
	"stele/node/seen"
)

// recordBody is the data of the page of a record.
type recordBody struct {
	*query.Record
	IDPart   idPart
	TypeName string
	Steps    []step
	Fields   []payloadField
	Signers  []signerRow
	Frame    template.HTML
	Times    []timeRow
	Chances  []chanceRow
	Depth    uint32
	Enough   template.HTML
	Proof    *proofPart
	NoProof  template.HTML
	JSON     string
	RawPath  string
	Subjects []crumb // pages that the record is a part of
}

// step is one of seen, checked and remembered.
type step struct {
	Title, Big, Text template.HTML
	Kind             string // as of a state; "end": not known
}

// payloadField is a field of a payload.
type payloadField struct {
	Label template.HTML
	Name  string // in JSON
	Value fieldValue
}

// fieldValue is one of several kinds of values.
type fieldValue struct {
	Text string
	Mono bool
	Path string // of the page of what Text names
	Time *timePart
	Keys []keyPart
	ID   *idPart
	Note template.HTML
}

type signerRow struct {
	Part string
	Key  keyPart
}

type timeRow struct {
	Name, Note template.HTML
	Time       *timePart // nil: it has none
	Strong     bool
}

type chanceRow struct {
	Share  template.HTML
	Bar    barPart
	Chance template.HTML
}

// proofPart is the Merkle path of a record.
type proofPart struct {
	Steps   int
	Note    template.HTML
	Picture template.HTML
	Rows    []proofRow
}

type proofRow struct {
	Step int
	Hash string
	Side template.HTML
}

func (p *Pages) record(r *request) (*view, error) {
	id, err := pow.ParseHash(r.PathValue("id"))
	if err != nil {
		return nil, &userError{http.StatusUnprocessableEntity, r.lang.plain("error.id", "value", cut(r.PathValue("id")))}
	}
	rec, err := r.query.Record(id)
	if errors.Is(err, query.ErrNotFound) && r.at == "" {
		if v := p.rejectedRecord(r, id); v != nil {
			return v, nil
		}
	}
	if err != nil {
		return nil, err
	}
	body := &recordBody{Record: rec, IDPart: r.id(id, ""), TypeName: rec.Type().String(), RawPath: "/v1/records/" + id.String() + "/raw"}
	body.IDPart.Name = r.lang.plain("record.id.name")
	body.Fields = p.payloadFields(r, rec.Payload)
	for _, s := range query.Signers(rec.Record) {
		body.Signers = append(body.Signers, signerRow{r.lang.words.Label(s.Part), r.key(s.Key)})
	}
	body.Frame = r.t("record.frame", "fee", exactCoins(rec.Fee), "rate", exactCoins(record.Amount(rec.FeeRate)), "seq", rec.Seq+1, "until", rec.ValidUntil, "size", bytesText(rec.Size()))
	body.Subjects = p.subjects(r, rec)
	p.recordTimes(r, body)
	p.recordChances(r, body)
	p.recordProof(r, body)
	body.Steps = p.recordSteps(r, body)
	if body.JSON, err = indented(rec); err != nil {
		return nil, err
	}
	v := &view{Template: "record", Menu: "/blocks", Body: body, API: "/v1/records/" + id.String()}
	v.Title = template.HTML(template.HTMLEscapeString(r.lang.words.Record(rec.Payload)))
	v.Tag, v.Answer = p.recordState(r, body)
	v.Crumbs = []crumb{{r.t("blocks.title"), r.link("/blocks")}, {r.t("record"), ""}}
	if !rec.Pooled() {
		v.Crumbs = []crumb{{r.t("block.title", "height", rec.Place.Height), r.link("/blocks/" + rec.Block.String())}, {r.t("record.crumb", "n", rec.Place.Index), ""}}
	}
	v.Live = "kind=block,block-disconnected"
	return v, nil
}

// rejectedRecord is the page of a record that this node does not have, but remembers
// to have rejected; nil if it does not.
func (p *Pages) rejectedRecord(r *request, id record.ID) *view {
	if p.Seen == nil {
		return nil
	}
	mark, ok := p.Seen.Of(id)
	if !ok || mark.Rejected.IsZero() {
		return nil
	}
	part := r.id(id, "")
	part.Name = r.lang.plain("record.id.name")
	return &view{
		Template: "rejected", Menu: "/blocks", Title: r.t("rejected.title"), Tag: state{"bad", r.lang.plain("rejected.tag")},
		Answer: r.t("rejected.answer", "time", r.timeHTML(mark.Rejected), "reason", r.lang.words.Reason(mark.Reason)),
		Body: struct {
			ID      idPart
			Reason  reject.Reason
			Text    string
			Foreign bool
		}{part, mark.Reason, mark.Text, r.lang.Code != "en"},
		API: "/v1/records/" + id.String() + "/seen", status: http.StatusNotFound,
	}
}

// recordState says whether a record is confirmed, and how deep.
func (p *Pages) recordState(r *request, body *recordBody) (state, template.HTML) {
	detail := template.HTML("")
	if d := r.lang.words.Detail(body.Payload); d != "" {
		detail = r.t("sentence", "text", d) + " "
	}
	if body.Pooled() {
		return state{"run", r.lang.plain("record.pooled")}, detail + r.t("record.answer.pooled")
	}
	if body.Confirmations == 1 {
		return state{"ok", r.lang.plain("record.confirmed")}, detail + r.t("record.answer.tip")
	}
	return state{"ok", r.lang.plain("record.confirmed")}, detail + r.t("record.answer", "n", body.Confirmations-1)
}

// subjects are the pages of what a record is about.
func (p *Pages) subjects(r *request, rec *query.Record) []crumb {
	var pages []crumb
	none := record.ID{}
	if id := rec.Subject.Claim; id != none {
		pages = append(pages, crumb{r.t("record.open.claim"), r.link("/claims/" + id.String())})
	}
	if id := rec.Subject.Shipment; id != none {
		pages = append(pages, crumb{r.t("record.open.shipment"), r.link("/shipments/" + id.String())})
	}
	if id := rec.Subject.Voucher; id != none {
		pages = append(pages, crumb{r.t("record.open.voucher"), r.link("/vouchers/" + id.String())})
	}
	return pages
}

func indented(rec *query.Record) (string, error) {
	raw, err := rec.MarshalJSON()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", " "); err != nil {
		return "", err
	}
	return b.String(), nil
}

// recordSteps says when this node saw, checked and remembered a record.
func (p *Pages) recordSteps(r *request, body *recordBody) []step {
	var mark seen.Mark
	if p.Seen != nil {
		mark, _ = p.Seen.Of(body.ID())
	}
	first := step{Title: r.t("step.seen"), Big: r.t("step.unknown"), Text: r.t("step.seen.unknown"), Kind: "end"}
	if !mark.First.IsZero() {
		first = step{Title: first.Title, Big: r.timeHTML(mark.First), Kind: "ok"}
		if mark.From != "" {
			first.Text = r.t("step.from." + string(mark.From))
		}
	}
	checked := step{Title: r.t("step.checked"), Big: r.t("step.yes"), Text: r.t("step.checked.unknown", "n", len(body.Signatures)), Kind: "ok"}
	switch {
	case !mark.Admitted.IsZero() && !mark.First.IsZero():
		checked.Big = r.t("step.after", "time", millis(r, mark.Admitted.Sub(mark.First)))
		checked.Text = r.t("step.checked.admitted", "n", len(body.Signatures))
	case !mark.Admitted.IsZero():
		checked.Big, checked.Text = r.timeHTML(mark.Admitted), r.t("step.checked.admitted", "n", len(body.Signatures))
	}
	last := step{Title: r.t("step.remembered"), Big: r.t("step.notyet"), Text: r.t("step.waiting"), Kind: "run"}
	if !body.Pooled() {
		last.Kind = "ok"
		height := template.HTML(fmt.Sprintf(`<a href="%s">%s</a>`, template.HTMLEscapeString(r.link("/blocks/"+body.Block.String())), show(body.Place.Height)))
		last.Big = r.t("step.block", "height", height)
		last.Text = r.t("step.deep", "time", r.timeHTML(time.Unix(int64(body.BlockTime), 0)), "n", body.Confirmations)
		if !mark.Confirmed.IsZero() && !mark.First.IsZero() && mark.Confirmed.After(mark.First) {
			last.Text = r.t("step.deep.after", "time", r.timeHTML(mark.Confirmed), "after", millis(r, mark.Confirmed.Sub(mark.First)), "n", body.Confirmations)
		}
	}
	return []step{first, checked, last}
}

// timeHTML is a moment within a text.
func (r *request) timeHTML(t time.Time) template.HTML {
	part := r.time(t)
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, part.ISO, part.Text))
}

// unixHTML is timeHTML of seconds since 1970.
func (r *request) unixHTML(seconds uint32) template.HTML {
	return r.timeHTML(time.Unix(int64(seconds), 0))
}

// millis writes a short time.
func millis(r *request, d time.Duration) string {
	if d < time.Second {
		return r.lang.plain("unit.ms", "n", strconv.FormatInt(d.Milliseconds(), 10))
	}
	return r.lang.duration(d)
}

// recordTimes lists the three times of a record.
func (p *Pages) recordTimes(r *request, body *recordBody) {
	row := func(name string, seconds uint32, strong bool) {
		t := timeRow{Name: r.t("time." + name), Note: r.t("time." + name + ".note"), Strong: strong}
		if seconds > 0 {
			part := r.unix(seconds)
			t.Time = &part
		}
		body.Times = append(body.Times, t)
	}
	row("claimed", uint32(body.ClaimedTime()), false)
	row("block", body.BlockTime, false)
	row("median", body.MedianTime, true)
}

// recordChances lists the chances to take a record back.
func (p *Pages) recordChances(r *request, body *recordBody) {
	const letters = "abc"
	enough := []any{}
	slowest := uint32(0)
	for i, c := range query.RevertChances(body.Confirmations) {
		body.Depth = body.Confirmations - 1
		class := "fb"
		if c.Chance > 0.1 {
			class = "fw"
		}
		body.Chances = append(body.Chances, chanceRow{r.t("chance.share", "share", digits(100*c.Share, 2)), bar(logShare(c.Chance), class), chanceText(r, c.Chance)})
		enough = append(enough, "share"+letters[i:i+1], digits(100*c.Share, 2), "depth"+letters[i:i+1], c.Enough)
		slowest = max(slowest, c.Enough)
	}
	if len(body.Chances) == 3 {
		wait := float64(slowest) * float64(p.Params.Pow.TargetSpacing)
		body.Enough = r.t("chance.enough", append(enough, "spacing", r.lang.seconds(float64(p.Params.Pow.TargetSpacing)), "wait", r.lang.seconds(wait))...)
	}
}

// chanceText writes a chance: in percent, or one in so many.
func chanceText(r *request, chance float64) template.HTML {
	switch {
	case chance >= 0.9995:
		return r.t("chance.certain")
	case chance >= 0.01:
		return r.t("chance.percent", "n", digits(100*chance, 3))
	case chance < 1e-18:
		return r.t("chance.never")
	case chance < 1e-6:
		exponent := math.Floor(-math.Log10(chance))
		return r.t("chance.power", "n", template.HTML("10<sup>"+strconv.Itoa(int(exponent))+"</sup>"))
	}
	return r.t("chance.one", "n", grouped(strconv.FormatFloat(math.Round(1/chance), 'f', 0, 64)))
}

// recordProof shows the Merkle path of a record of the chain.
func (p *Pages) recordProof(r *request, body *recordBody) {
	if body.Pooled() {
		body.NoProof = r.t("proof.pooled")
		return
	}
	found, err := p.query.Find(body.ID())
	if err != nil {
		body.NoProof = p.lacks(r, "proof", err)
		return
	}
	steps := len(found.Proof.Branch)
	part := &proofPart{Steps: steps, Note: r.t("proof.note", "n", steps, "height", found.Place.Height)}
	part.Picture = pathChart(steps, r.lang.plain("proof.label", "n", steps))
	index := found.Proof.Index
	for i, hash := range found.Proof.Branch {
		side := r.t("proof.right")
		if index>>i&1 == 1 {
			side = r.t("proof.left")
		}
		part.Rows = append(part.Rows, proofRow{i + 1, hash.String(), side})
	}
	body.Proof = part
}

// payloadFields lists the fields of a payload in the order of its type.
func (p *Pages) payloadFields(r *request, payload record.Payload) []payloadField {
	v := reflect.ValueOf(payload)
	rows := []payloadField{}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name == "" {
			name = strings.ToLower(v.Type().Field(i).Name)
		}
		if name == "-" || !v.Type().Field(i).IsExported() {
			continue
		}
		label := template.HTML(template.HTMLEscapeString(name))
		if r.lang.has("payload." + name) {
			label = r.t("payload." + name)
		}
		rows = append(rows, payloadField{label, name, p.fieldValue(r, name, v.Field(i).Interface(), payload)})
	}
	return rows
}

// fieldValue shows the value of a field by its type.
func (p *Pages) fieldValue(r *request, name string, value any, payload record.Payload) fieldValue {
	nothing := fieldValue{Text: r.lang.plain("payload.none")}
	switch x := value.(type) {
	case record.Time:
		t := r.unix(uint32(x))
		return fieldValue{Time: &t, Note: r.t("time.claimed.note")}
	case record.Key:
		if x == (record.Key{}) {
			return nothing
		}
		return fieldValue{Keys: []keyPart{r.key(x)}}
	case []record.Key:
		keys := []keyPart{}
		for _, k := range x {
			keys = append(keys, r.key(k))
		}
		return fieldValue{Keys: keys}
	case pow.Hash: // an id
		if x == (pow.Hash{}) {
			return nothing
		}
		page := map[string]string{"claim": "/claims/", "voucher": "/vouchers/", "shipment": "/shipments/", "replacement": "/vouchers/", "payment": "/records/", "record": "/records/"}[name]
		part := r.id(x, page)
		part.Name = name
		return fieldValue{ID: &part}
	case record.Digest:
		if x == (record.Digest{}) {
			return nothing
		}
		return fieldValue{Text: hex.EncodeToString(x[:]), Mono: true, Note: r.t("payload.digest")}
	case record.Amount:
		return fieldValue{Text: r.lang.plain("amount.coins", "n", exactCoins(x))}
	case record.GTIN:
		return fieldValue{Text: x.String(), Path: r.link("/products/" + x.String())}
	case record.Serial:
		if x == "" {
			return nothing
		}
		v := fieldValue{Text: string(x), Mono: true}
		if sale, ok := payload.(record.VoucherIssue); ok {
			v.Path = r.link(itemPath(sale.GTIN, x))
		}
		return v
	case bool:
		if x {
			return fieldValue{Text: r.lang.plain("payload.yes")}
		}
		return fieldValue{Text: r.lang.plain("payload.no")}
	case []byte:
		return fieldValue{Text: text.Clean(string(x), text.Max), Mono: true, Note: template.HTML(hex.EncodeToString(x))}
	case string:
		if x == "" {
			return nothing
		}
		return fieldValue{Text: x, Note: r.t("payload.note.note")}
	case encoding.TextMarshaler:
		word, err := x.MarshalText()
		if err != nil || len(word) == 0 {
			return nothing
		}
		return fieldValue{Text: string(word), Mono: true}
	}
	return fieldValue{Text: show(value)}
}
