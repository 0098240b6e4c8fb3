package web

import (
	"encoding/hex"
	"fmt"
	"html/template"
	"math"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/query"
)

// How much the page of a block shows.
const (
	blockRecords    = 50 // records on a page of their list
	blockNeighbours = 59 // blocks before it, in the picture
	blockTypes      = 9  // types of records that do not fold
)

// blockBody is the data of the page of a block.
type blockBody struct {
	*query.Block
	HashPart, PrevPart idPart
	Figures            []figure
	Target             template.HTML // picture
	Scale              []int         // powers of two below it
	Odds, Found        string        // one in so many hashes
	Luckier, Others    int
	Fields             []fieldRow
	Raw                []string
	Types, MoreTypes   []typeRow
	AllFees            record.Amount
	SizeBar            barPart
	SizeShare          string
	MaxSize            int
	Records            recordList
	PrevPath, NextPath string
	At                 string
	payee              keyPart
}

// fieldRow is a field of the header and what the rules demand of it.
type fieldRow struct {
	Name, Value, More, Rule template.HTML
	Mono                    bool
	State                   state
	Path                    string
	Time                    *timePart
}

type typeRow struct {
	Name  string
	Path  string
	Count int
	Fees  record.Amount
	Share barPart
}

// recordList is the filtered list of the records of a block.
type recordList struct {
	Rows        []recordRow
	Type, Party string // filters
	Types       []typeOption
	Found, All  int
	ShowAll     string
	Pager       pager
}

type typeOption struct {
	Value, Name string
	Chosen      bool
}

type recordRow struct {
	Index  int
	ID     idPart
	Text   string
	Type   string
	Author keyPart
	Fee    record.Amount
}

func (p *Pages) block(r *request) (*view, error) {
	b, err := r.query.Block(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	body := &blockBody{Block: b, HashPart: r.blockHash(b.Hash), PrevPart: r.blockHash(b.Prev), At: r.at, payee: r.key(b.Payee), MaxSize: p.Params.MaxBlockSize}
	body.HashPart.Name = r.lang.plain("block.hash.name")
	if b.Height > 0 {
		body.PrevPath = r.link("/blocks/" + b.Prev.String())
	}
	if b.InChain && b.Height < r.query.Height() {
		body.NextPath = r.link("/blocks/" + strconv.FormatUint(uint64(b.Height)+1, 10))
	}
	body.Records, err = p.recordsOf(r, b)
	if err != nil {
		return nil, err
	}
	p.targetPicture(r, body)
	p.headerFields(r, body)
	p.typeRows(r, body)
	body.Figures = p.blockFigures(r, body)
	body.SizeBar = bar(float64(b.Size)/float64(p.Params.MaxBlockSize), "fb")
	body.SizeShare = digits(100*float64(b.Size)/float64(p.Params.MaxBlockSize), 2)

	v := &view{Template: "block", Menu: "/blocks", Body: body, API: "/v1/blocks/" + b.Hash.String()}
	v.Title = r.t("block.title", "height", b.Height)
	v.Crumbs = []crumb{{r.t("blocks.title"), r.link("/blocks")}, {template.HTML(show(b.Height)), ""}}
	v.Tag, v.Answer = p.blockState(r, body)
	v.Live = "kind=block,block-disconnected"
	return v, nil
}

// blockState says whether a block holds, and how deep it is.
func (p *Pages) blockState(r *request, body *blockBody) (state, template.HTML) {
	b := body.Block
	parts := []any{"records", len(b.Records), "size", bytesText(b.Size), "times", luckText(body)}
	switch {
	case b.Invalid:
		return state{"bad", r.lang.plain("block.invalid")}, r.t("block.answer.invalid")
	case !b.InChain:
		return state{"end", r.lang.plain("block.lost")}, r.t("block.answer.lost", "records", len(b.Records))
	case b.Height == 0:
		return state{"ok", r.lang.plain("block.deep", "n", r.query.Height()+1)}, r.t("block.answer.genesis", "network", p.Params.Name)
	}
	after := ""
	if parent, ok := p.Chain.Header(b.Prev); ok {
		after = r.lang.seconds(float64(b.Time) - float64(parent.Time))
	}
	return state{"ok", r.lang.plain("block.deep", "n", r.query.Height()-b.Height+1)}, r.t("block.answer", append(parts, "after", after)...)
}

// hashes returns how many hashes one has to try for one that is at most a number.
func hashes(below *big.Int) float64 {
	all := new(big.Float).SetInt(new(big.Int).Lsh(big.NewInt(1), 256))
	v, _ := all.Quo(all, new(big.Float).SetInt(new(big.Int).Add(below, big.NewInt(1)))).Float64()
	return v
}

// hashNumber is a hash as the number that must not exceed the target.
func hashNumber(h pow.Hash) *big.Int {
	v, _ := new(big.Int).SetString(h.String(), 16)
	return v
}

// luckText is how many times smaller the hash is than it had to be.
func luckText(body *blockBody) string {
	target, err := body.Bits.Target()
	if err != nil {
		return "–"
	}
	return digits(hashes(hashNumber(body.Hash))/hashes(target.Big()), 2)
}

// targetPicture draws the hash of a block against its target, among its neighbours.
func (p *Pages) targetPicture(r *request, body *blockBody) {
	target, err := body.Bits.Target()
	if err != nil || body.Height == 0 || !body.InChain {
		return
	}
	need, got := hashes(target.Big()), hashes(hashNumber(body.Hash))
	body.Odds, body.Found = odds(need), odds(got)
	first := math.Floor(math.Log2(need)) - 3
	last := first + 12
	points := []point{}
	for _, h := range p.query.HeadersDown(body.Height-1, blockNeighbours) {
		t, err := h.Bits.Target()
		if err != nil || h.Height == 0 {
			continue
		}
		luck := hashes(hashNumber(h.Hash)) / hashes(t.Big())
		if luck > got/need {
			body.Luckier++
		}
		points = append(points, point{math.Log2(need * luck)})
	}
	body.Others = len(points)
	for power := first; power <= last; power += 3 {
		body.Scale = append(body.Scale, int(power))
	}
	label := r.lang.plain("block.target.label", "target", digits(math.Log2(need), 3), "hash", digits(math.Log2(got), 3), "luckier", body.Luckier, "others", body.Others)
	body.Target = scaleChart(first, last, math.Log2(need), math.Log2(got), points, label, r.lang.plain("block.target.mark"), r.lang.plain("block.target.own"))
}

// odds writes one in so many.
func odds(n float64) string {
	if n < 1e15 {
		return grouped(strconv.FormatFloat(math.Round(n), 'f', 0, 64))
	}
	return scaled(n, "").String()
}

// headerFields lists the six fields of a header with what the rules demand.
func (p *Pages) headerFields(r *request, body *blockBody) {
	h := body.Header.Header.Header
	holds := state{"ok", r.lang.plain("field.holds")}
	if body.Invalid {
		holds = state{"bad", r.lang.plain("field.unsure")}
	}
	encoded := h.Encode()
	raw := hex.EncodeToString(encoded[:])
	body.Raw = []string{raw[:8], raw[8:72], raw[72:136], raw[136:144], raw[144:152], raw[152:]}
	text := func(format string, args ...any) template.HTML {
		return template.HTML(template.HTMLEscapeString(fmt.Sprintf(format, args...)))
	}
	when := r.unix(h.Time)
	rule := func(key string, values ...any) template.HTML { return r.t("field."+key, values...) }
	parentRule, timeRule := rule("parent.rule.genesis"), rule("time.rule.genesis")
	if parent, ok := p.Chain.Header(h.Prev); ok {
		parentRule = rule("parent.rule", "height", parent.Height)
		timeRule = rule("time.rule", "median", r.unixHTML(parent.MedianTime), "future", r.lang.seconds(float64(p.Params.MaxFuture)))
	}
	interval := p.Params.Pow.RetargetInterval
	body.Fields = []fieldRow{
		{Name: rule("version"), Value: text("0x%08x", h.Version), Mono: true, Rule: rule("version.rule"), State: holds},
		{Name: rule("parent"), Value: text("%s", h.Prev), Mono: true, Path: body.PrevPath, Rule: parentRule, State: holds},
		{Name: rule("merkle"), Value: text("%s", h.MerkleRoot), Mono: true, Rule: rule("merkle.rule", "n", len(body.Block.Records)), State: holds},
		{Name: rule("time"), Time: &when, More: text("%d", h.Time), Rule: timeRule, State: holds},
		{Name: rule("bits"), Value: text("%s", h.Bits), Mono: true, More: rule("bits.more", "difficulty", shortNumber(body.Difficulty())), Rule: rule("bits.rule", "height", body.Height/interval*interval, "n", interval, "next", (body.Height/interval+1)*interval), State: holds},
		{Name: rule("nonce"), Value: text("%d", h.Nonce), Mono: true, More: text("0x%08x", h.Nonce), Rule: rule("nonce.rule"), State: state{"", r.lang.plain("field.free")}},
	}
}

// typeRows lists the types of the records, the most frequent first.
func (p *Pages) typeRows(r *request, body *blockBody) {
	fees := map[record.Type]record.Amount{}
	for _, rec := range body.Block.Records {
		fees[rec.Type()] += rec.Fee
		body.AllFees += rec.Fee
	}
	rows := []typeRow{}
	most := 0
	for kind, n := range body.Block.Types {
		most = max(most, n)
		rows = append(rows, typeRow{Name: r.lang.words.Type(kind), Path: r.with("type", kind.String()) + "#records", Count: n, Fees: fees[kind]})
	}
	slices.SortFunc(rows, func(a, b typeRow) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Name, b.Name)
	})
	for i := range rows {
		rows[i].Share = bar(float64(rows[i].Count)/float64(most), "fb")
	}
	n := min(blockTypes, len(rows))
	body.Types, body.MoreTypes = rows[:n], rows[n:]
}

func (p *Pages) blockFigures(r *request, body *blockBody) []figure {
	b := body.Block
	figures := []figure{
		{Term: r.t("block.time"), Number: r.unixHTML(b.Time), Note: r.t("block.median", "time", r.unixHTML(b.MedianTime))},
		{Term: r.t("block.reward"), Number: number(coins(b.Reward)), Unit: r.lang.plain("unit.coins"), Note: r.t("block.reward.note", "subsidy", coins(p.Params.SubsidyAt(b.Height)), "fees", coins(b.Fees))},
		{Term: r.t("block.records"), Number: number(len(b.Records)), Note: r.t("block.size.note", "size", bytesText(b.Size), "share", digits(100*float64(b.Size)/float64(p.Params.MaxBlockSize), 2))},
	}
	tip, ok := p.Chain.HeaderAt(r.query.Height())
	if b.InChain && ok {
		work := tip.Work.Big()
		if parent, ok := p.Chain.Header(b.Prev); ok {
			work.Sub(work, parent.Work.Big())
		}
		v, _ := new(big.Float).SetInt(work).Float64()
		q := scaled(v, r.lang.plain("unit.hashes"))
		figures = append(figures, figure{Term: r.t("block.ontop"), Number: number(q.Number), Unit: q.Unit, Note: r.t("block.ontop.note", "n", r.query.Height()-b.Height+1)})
	}
	return figures
}

// afterSales is the filter for all types but payments and what the chain needs itself.
const afterSales = "after-sales"

func isAfterSales(t record.Type) bool { return t >= record.TypeProductRegister }

// recordsOf returns the records of a block that the filters of the request leave.
func (p *Pages) recordsOf(r *request, b *query.Block) (recordList, error) {
	q := r.URL.Query()
	l := recordList{Type: q.Get("type"), Party: strings.TrimSpace(q.Get("party")), All: len(b.Records)}
	keep := func(*record.Record) bool { return true }
	switch {
	case l.Type == afterSales:
		keep = func(rec *record.Record) bool { return isAfterSales(rec.Type()) }
	case l.Type != "":
		kind, err := record.ParseType(l.Type)
		if err != nil {
			return l, &userError{http.StatusUnprocessableEntity, r.lang.plain("error.type", "value", cut(l.Type))}
		}
		keep = func(rec *record.Record) bool { return rec.Type() == kind }
	}
	if l.Party != "" {
		key, err := record.ParseKey(l.Party)
		if err != nil {
			return l, &userError{http.StatusUnprocessableEntity, r.lang.plain("error.key", "value", cut(l.Party))}
		}
		kept := keep
		keep = func(rec *record.Record) bool {
			return kept(rec) && (rec.Key == key || slices.Contains(rec.Signers(), key))
		}
	}
	from, err := r.number("from", 0)
	if err != nil {
		return l, err
	}
	p.typeOptions(r, &l, b)
	for i, rec := range b.Records {
		if !keep(rec) {
			continue
		}
		if l.Found++; l.Found <= int(from) || len(l.Rows) == blockRecords {
			continue
		}
		l.Rows = append(l.Rows, recordRow{i, r.id(rec.ID(), "/records/"), r.lang.words.Record(rec.Payload), rec.Type().String(), r.key(rec.Key), rec.Fee})
	}
	if l.Found < l.All {
		l.ShowAll = r.link("/blocks/"+b.Hash.String()) + "#records"
	}
	if shown := int(from) + len(l.Rows); shown < l.Found {
		l.Pager.Next = r.with("from", strconv.Itoa(shown)) + "#records"
	}
	if from > 0 {
		l.Pager.First = r.with("from", "") + "#records"
	}
	return l, nil
}

// typeOptions are the choices of the filter: the types that the block has.
func (p *Pages) typeOptions(r *request, l *recordList, b *query.Block) {
	l.Types = []typeOption{{"", r.lang.plain("block.alltypes"), l.Type == ""}, {afterSales, r.lang.plain("block.aftersales"), l.Type == afterSales}}
	for _, kind := range record.Types() {
		if chosen := kind.String() == l.Type; b.Types[kind] > 0 || chosen {

			l.Types = append(l.Types, typeOption{kind.String(), r.lang.words.Type(kind), chosen})
		}
	}
}

// PayeePart is whom the coinbase pays.
func (b *blockBody) PayeePart() keyPart { return b.payee }
