package web

import (
	"errors"
	"html/template"
	"io"
	"math/big"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"stele/internal/text"
	"stele/node/ledger/bundle"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/query"
)

// Limits of what the page checks.
const (
	maxVerifyFile = 8 << 20 // bytes
	maxVerifying  = 2       // files at the same time; others wait
)

// verifyBody is the data of the page that checks a file.
type verifyBody struct {
	MaxSize string
	Result  *verifyResult // nil: no file was given
}

// verifyResult is what a file proves.
type verifyResult struct {
	Name    string
	Kind    string        // of a state
	Tag     string        // in a word
	Text    template.HTML // in a sentence
	Detail  string        // of a fault, in English
	Foreign bool
	Report  *bundle.Report // nil: the file proves nothing
	Case    idPart
	Tip     idPart
	Network string
	Work    quantity
	Proved  []checkRow
	Open    []checkRow
	Signers []signerCount
	Events  []verifiedRow
}

type checkRow struct {
	Kind string
	Name template.HTML
	Text template.HTML
}

// signerCount is a key that signed, as what, and how often.
type signerCount struct {
	Key   keyPart
	Parts string
	Count int
}

type verifiedRow struct {
	ID      idPart
	Text    string
	Type    string
	Signers []keyPart
	Median  timePart
	Height  uint32
	Path    string
	Deep    uint32
	Work    quantity
}

func (p *Pages) verify(r *request) (*view, error) {
	v := &view{Template: "verify", Menu: "/verify", Title: r.t("verify.title"), Answer: r.t("verify.answer")}
	body := &verifyBody{MaxSize: bytesText(maxVerifyFile)}
	v.Body = body
	if r.Method != http.MethodPost {
		return v, nil
	}
	file, name, err := uploaded(r)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	done, err := p.verifying.enter(r)
	if err != nil {
		return nil, err
	}
	defer done()
	body.Result = p.checkFile(r, file, name)
	return v, nil
}

// uploaded returns the file of a form.
func uploaded(r *request) (multipart.File, string, error) {
	invalid := func(key string) (multipart.File, string, error) {
		return nil, "", &userError{http.StatusUnprocessableEntity, r.lang.plain(key)}
	}
	if err := r.ParseMultipartForm(maxVerifyFile); err != nil {
		return invalid("verify.noform")
	}
	file, header, err := r.FormFile("file")
	if err != nil || header.Size == 0 {
		return invalid("verify.nofile")
	}
	return file, text.Clean(header.Filename, text.Max), nil
}

// gate lets few requests at a time do what takes long. Safe for concurrent use. The API
// bounds how many wait.
type gate chan struct{}

// enter waits for a place, which done gives back.
func (g gate) enter(r *request) (done func(), err error) {
	select {
	case g <- struct{}{}:
		return func() { <-g }, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// checkFile checks a bundle.
func (p *Pages) checkFile(r *request, file io.Reader, name string) *verifyResult {
	res := &verifyResult{Name: name, Foreign: r.lang.Code != "en"}
	refuse := func(tag, key string, err error) *verifyResult {
		res.Kind, res.Tag, res.Text = "bad", r.lang.plain(tag), r.t(key)
		if err != nil {
			res.Detail = text.Error(err, 2*text.Max).Error() // it may quote the file
		}
		return res
	}
	b, err := bundle.Read(file)
	if err != nil {
		return refuse("verify.unknown", "verify.unknown.text", err)
	}
	params := p.Params
	if b.Network != params.Name {
		if params, err = network.Lookup(b.Network); err != nil {
			return refuse("verify.unknown", "verify.network.text", err)
		}
	}
	report, err := b.Check(params)
	var fault *bundle.Fault
	switch {
	case errors.As(err, &fault):
		return refuse("verify.invalid", "verify.invalid.text", err)
	case err != nil:
		return refuse("verify.unknown", "verify.unknown.text", err)
	}
	res.Kind, res.Tag, res.Report, res.Network = "ok", r.lang.plain("verify.valid"), report, params.Name
	res.Text = r.t("verify.valid.text", "n", len(report.Events))
	p.showReport(r, res, b)
	return res
}

// showReport fills in what a bundle proves, and what it does not.
func (p *Pages) showReport(r *request, res *verifyResult, b *bundle.Bundle) {
	report := res.Report
	page := "/vouchers/"
	if report.Kind == bundle.Claim {
		page = "/claims/"
	}
	res.Case = r.id(report.ID, page)
	res.Tip = r.blockHash(report.Tip)
	res.Work = workText(r, report.Hashes)
	signatures := 0
	counts := map[record.Key]int{}
	for i := range report.Events {
		e := &report.Events[i]
		row := verifiedRow{
			ID: r.id(e.ID, "/records/"), Text: r.lang.words.Record(e.Payload), Type: e.Type, Median: r.unix(uint32(e.MedianTime)),
			Height: e.Height, Path: r.link("/blocks/" + strconv.FormatUint(uint64(e.Height), 10)), Deep: e.Confirmations, Work: workText(r, e.Hashes),
		}
		for _, s := range e.Signers {
			signatures++
			label := r.lang.words.Label(s.Part)
			key := r.key(s.Key)
			key.Role = template.HTML(template.HTMLEscapeString(label))
			row.Signers = append(row.Signers, key)
			at, ok := counts[s.Key]
			if !ok {
				at = len(res.Signers)
				counts[s.Key] = at
				res.Signers = append(res.Signers, signerCount{Key: r.key(s.Key)})
			}
			res.Signers[at].Count++
			res.Signers[at].Parts = joined(res.Signers[at].Parts, label)
		}
		res.Events = append(res.Events, row)
	}
	proved := func(name string, values ...any) {
		res.Proved = append(res.Proved, checkRow{"ok", r.t("verify." + name), r.t("verify."+name+".text", values...)})
	}
	proved("headers", "n", len(b.Headers))
	proved("records", "n", len(report.Events))
	proved("places")
	proved("case")
	proved("signatures", "n", signatures)
	open := func(name string, text template.HTML) {
		res.Open = append(res.Open, checkRow{"wait", r.t("verify." + name), text})
	}
	open("complete", p.completeness(r, report))
	open("chain", p.sameChain(r, report, res.Network))
	open("true", r.t("verify.true.text"))
	open("who", r.t("verify.who.text"))
}

// completeness says whether this node knows further records of the case.
func (p *Pages) completeness(r *request, report *bundle.Report) template.HTML {
	read := p.query.VoucherHistory
	if report.Kind == bundle.Claim {
		read = p.query.ClaimHistory
	}
	has := map[record.ID]bool{}
	for i := range report.Events {
		has[report.Events[i].ID] = true
	}
	further := 0
	in := query.Range{Limit: 1000}
	for {
		page, err := read(report.ID, in)
		if err != nil {
			return r.t("verify.complete.unknown")
		}
		for i := range page.Items {
			if !has[page.Items[i].ID()] {
				further++
			}
		}
		if in.From = page.Next; in.From == "" {
			break
		}
	}
	if further > 0 {
		return r.t("verify.complete.further", "n", further)
	}
	return r.t("verify.complete.none")
}

// sameChain says whether the last header of a bundle is in the chain of this node.
func (p *Pages) sameChain(r *request, report *bundle.Report, network string) template.HTML {
	switch h, ok := p.Chain.Header(report.Tip); {
	case network != p.Params.Name:
		return r.t("verify.chain.other", "network", network, "own", p.Params.Name)
	case ok && h.InChain && report.FromGenesis:
		return r.t("verify.chain.genesis", "height", report.TipHeight)
	case ok && h.InChain:
		return r.t("verify.chain.same", "height", report.TipHeight)
	}
	return r.t("verify.chain.unknown", "height", report.TipHeight)
}

// workText writes a number of hashes, given in hexadecimal digits as by pow.Work.
func workText(r *request, hashes string) quantity {
	n, ok := new(big.Int).SetString(hashes, 16)
	if !ok {
		return quantity{"–", ""}
	}
	v, _ := new(big.Float).SetInt(n).Float64()
	return scaled(v, r.lang.plain("unit.hashes"))
}

// joined adds a word to a list of words, once.
func joined(list, word string) string {
	if list == "" {
		return word
	}
	if words := strings.Split(list, ", "); slices.Contains(words, word) {
		return list
	}
	return list + ", " + word
}
