package web

import (
	"fmt"
	"html/template"
	"math"
	"strconv"

	"stele/node/ledger/record"
	"stele/node/query"
)

// How much the page shows.
const (
	homeColumns = 60 // blocks in the chart
	homeTable   = 20 // of them as a table
	homeBlocks  = 8
	homeEvents  = 8
	homeComing  = 3
)

// homeBody is the data of the first page: is the network well?
type homeBody struct {
	At       string // height of ?at=; "": now
	Examples []crumb
	Chart    *intervalsPart // nil: there are too few blocks
	Figures  []figure
	Waiting  template.HTML
	Coming   []comingPart
	Blocks   []blockRow
	NoBlocks template.HTML // why there are none; "": there are
	Events   []eventRow
	NoEvents template.HTML
}

// figure is a number and what it is measured against.
type figure struct {
	Term   template.HTML
	Number template.HTML // of this program, never of users
	Unit   string
	Path   string // "": no link
	Note   template.HTML
}

// intervalsPart is the chart of the times between blocks.
type intervalsPart struct {
	Picture     template.HTML
	Axis        []string // from the top down
	Target      string   // the label that stands at the target
	First, Last uint32
	N           int
	Longest     string // above which columns are cut
	Rows        []intervalRow
	mean        float64
}

type intervalRow struct {
	Height uint32
	Path   string
	After  string
}

// comingPart is a block that the pool would fill, or what waits after those shown.
type comingPart struct {
	Title template.HTML
	Fill  *barPart           // from the bottom; nil: empty
	Top   string             // of Fill
	Block *query.ComingBlock // nil: nothing waits so long
	Rate  string
	Left  int // records that wait after the blocks shown
}

// fill fills the picture of a block: at least so that one sees it.
func (c *comingPart) fill(share float64, shade int) {
	share = min(max(share, 0.02), 1)
	fill := bar(share, fmt.Sprintf("f%d", shade))
	c.Fill, c.Top = &fill, fmt.Sprintf("%.2f", 100-100*share)
}

// blockRow is a block in a list.
type blockRow struct {
	query.BlockLine
	Path  string
	Time  timePart
	After string // the block before; "": there is none
	Payee keyPart
	Hash  idPart
}

// eventRow is a record in the list of what happens.
type eventRow struct {
	ID   string
	Path string
	Time timePart
	Text template.HTML
}

func (p *Pages) home(r *request) (*view, error) {
	height := r.query.Height()
	body := &homeBody{At: r.at}
	headers := r.query.HeadersDown(height, homeColumns+1)
	body.Chart = p.intervals(r, headers)
	blocks, err := r.query.Blocks(height, homeBlocks+1)
	body.NoBlocks = p.lacks(r, "blocks", err)
	body.Blocks = p.blockRows(r, blocks, homeBlocks)
	body.Events, err = p.happenings(r, height)
	body.NoEvents = p.lacks(r, "records", err)
	body.Examples = p.examples(r, height)

	v := &view{Template: "home", Body: body, API: "/v1/network", Live: "kind=block,block-disconnected,alert"}
	if r.at != "" {
		v.Title = r.t("home.title.at", "height", height)
		v.Tag = state{"end", r.lang.plain("bar.fixed")}
		v.Answer = r.t("home.answer.at", "height", height, "time", r.unixHTML(headers[0].Time))
		return v, nil
	}
	s := p.status()
	p.nowParts(r, body, &s)
	v.Title, v.Tag = p.wellness(r, body.Chart, &s)
	v.Answer = p.homeAnswer(r, body.Chart)
	return v, nil
}

// nowParts fills in what is known of the tip only.
func (p *Pages) nowParts(r *request, body *homeBody, s *query.Status) {
	network, tip := r.query.Network(), r.query.Tip()
	totals, err := r.query.Totals(query.Of{})
	lack := p.lacks(r, "totals", err)
	hash := r.blockHash(tip.Hash)
	body.Figures = []figure{
		{Term: r.t("home.height"), Number: number(tip.Height), Path: hash.Path, Note: template.HTML(template.HTMLEscapeString(hash.Short))},
		{Term: r.t("home.difficulty"), Number: number(shortNumber(tip.Difficulty())), Note: r.t("home.changes", "n", network.NextRetarget-tip.Height)},
		p.hashRate(r, &network),
		{Term: r.t("home.records"), Number: number(digits(s.Records.ConnectedRate, 3)), Unit: "/s", Note: lack},
		{Term: r.t("home.claims"), Number: "–", Note: lack},
	}
	if err == nil {
		body.Figures[3].Note = r.t("home.records.all", "n", countAll(totals.Records))
		open := uint64(0)
		for _, state := range query.LiveClaimStates() {
			open += totals.Claims[state]
		}
		body.Figures[4].Number = number(open)
		body.Figures[4].Note = r.t("home.overdue", "n", totals.Overdue)
	}
	peers := figure{Term: r.t("home.peers"), Number: "–", Note: r.t("bar.nopeers")}
	if s.Peers != nil {
		in := 0
		for i := range s.Peers.Connected {
			if s.Peers.Connected[i].Inbound {
				in++
			}
		}
		peers.Number = number(len(s.Peers.Connected))
		peers.Note = r.t("home.peers.note", "out", len(s.Peers.Connected)-in, "in", in)
	}
	body.Figures = append(body.Figures, peers)
	p.comingParts(r, body)
}

// number is a value as the number of a figure.
func number(v any) template.HTML { return template.HTML(template.HTMLEscapeString(show(v))) }

func countAll(records map[record.Type]uint64) (n uint64) {
	for _, count := range records {
		n += count
	}
	return n
}

// shortNumber shortens a decimal text to three digits.
func shortNumber(decimal string) string {
	v, err := strconv.ParseFloat(decimal, 64)
	if err != nil {
		return "–"
	}
	if v >= 1e6 {
		return scaled(v, "").String()
	}
	return digits(v, 3)
}

func (p *Pages) hashRate(r *request, n *query.Network) figure {
	f := figure{Term: r.t("home.hashrate"), Number: "–", Note: r.t("home.hashrate.none")}
	if n.HashRate > 0 {
		q := scaled(n.HashRate, "H/s")
		f.Number, f.Unit, f.Note = number(q.Number), q.Unit, r.t("home.hashrate.note", "n", n.RateBlocks)
	}
	return f
}

// comingParts fills in what waits, as the next blocks.
func (p *Pages) comingParts(r *request, body *homeBody) {
	stats := p.Pool.Stats()
	coming := p.coming.get(r.now, func() []query.ComingBlock { return p.query.ComingBlocks(homeComing) })
	least := stats.MinRate
	if len(coming) > 1 {
		least = max(least, coming[0].MinRate)
	}
	left := stats.Records
	body.Waiting = r.t("home.waiting", "n", stats.Records, "rate", exactCoins(record.Amount(least)))
	for i := range homeComing {
		part := comingPart{Title: r.t("home.coming." + strconv.Itoa(i+1))}
		if i < len(coming) {
			c := coming[i]
			part.Block = &c
			part.fill(float64(c.Size)/float64(p.Params.MaxBlockSize), 4-i)
			part.Rate = exactCoins(record.Amount(c.MinRate))
			left -= c.Records
		}
		body.Coming = append(body.Coming, part)
	}
	later := comingPart{Title: r.t("home.coming.4"), Left: max(0, left)}
	if later.Left > 0 {
		later.fill(1, 1)
	}
	body.Coming = append(body.Coming, later)
}

// intervals returns the chart of the times between blocks, the newest first.
func (p *Pages) intervals(r *request, headers []query.Header) *intervalsPart {
	n := len(headers) - 1
	if n < 1 {
		return nil
	}
	target := float64(p.Params.Pow.TargetSpacing)
	most := 4 * target
	part := &intervalsPart{N: n, First: headers[n-1].Height, Last: headers[0].Height, Longest: r.lang.seconds(most), Target: r.lang.seconds(target)}
	columns := make([]column, n)
	longest := 0.0
	for i := range n {
		after := float64(headers[i].Time) - float64(headers[i+1].Time)
		text := r.lang.seconds(after)
		columns[n-1-i] = column{max(after, 0), fmt.Sprintf("%d: %s", headers[i].Height, text)}
		longest = max(longest, after)
		if i < homeTable {
			part.Rows = append(part.Rows, intervalRow{headers[i].Height, r.link("/blocks/" + strconv.FormatUint(uint64(headers[i].Height), 10)), text})
		}
	}
	part.mean = (float64(headers[0].Time) - float64(headers[n].Time)) / float64(n)
	for _, share := range []float64{1, 0.75, 0.5} {
		part.Axis = append(part.Axis, r.lang.seconds(most*share))
	}
	label := r.lang.plain("home.chart.label", "n", n, "first", part.First, "last", part.Last,
		"mean", r.lang.seconds(rounded(part.mean)), "target", part.Target, "longest", r.lang.seconds(longest))
	part.Picture = columnsChart(columns, target, most, label)
	return part
}

// rounded keeps one digit after the point.
func rounded(v float64) float64 { return math.Round(v*10) / 10 }

// blockRows returns at most limit blocks as rows. A further one gives the time that the last took.
func (p *Pages) blockRows(r *request, blocks []query.BlockLine, limit int) []blockRow {
	rows := []blockRow{}
	for i, b := range blocks[:min(limit, len(blocks))] {
		row := blockRow{BlockLine: b, Path: r.link("/blocks/" + strconv.FormatUint(uint64(b.Height), 10)), Time: r.unix(b.Time), Payee: r.key(b.Payee), Hash: r.blockHash(b.Header.Hash)}
		if i+1 < len(blocks) {
			row.After = r.lang.seconds(float64(b.Time) - float64(blocks[i+1].Time))
		}
		rows = append(rows, row)
	}
	return rows
}

// happenings returns the newest after-sales records of the chain up to a height.
func (p *Pages) happenings(r *request, height uint32) ([]eventRow, error) {
	rows := []eventRow{}
	for h := int64(height); h > max(0, int64(height)-homeEvents) && len(rows) < homeEvents; h-- {
		line, err := r.query.Blocks(uint32(h), 1)
		if err != nil {
			return nil, err
		}
		if len(line) == 0 || line[0].Height != uint32(h) {
			continue
		}
		last := line[0].BlockSummary.Records
		indexes := []uint32{}
		for i := last - min(last-1, homeEvents); i < last; i++ {
			indexes = append(indexes, i)
		}
		_, records, err := p.Chain.RecordsAt(uint32(h), indexes...)
		if err != nil {
			return nil, err
		}
		for i := len(records) - 1; i >= 0 && len(rows) < homeEvents; i-- {
			if rec := records[i]; rec != nil && rec.Type() != record.TypePay {
				id := rec.ID().String()
				rows = append(rows, eventRow{id, r.link("/records/" + id), r.unix(line[0].Time), r.recordText(rec)})
			}
		}
	}
	return rows, nil
}

// recordText says what a record is.
func (r *request) recordText(rec *record.Record) template.HTML {
	return template.HTML(template.HTMLEscapeString(r.lang.words.Record(rec.Payload)))
}

// examples are things to search for.
func (p *Pages) examples(r *request, height uint32) []crumb {
	if height == 0 {
		return nil
	}
	return []crumb{{r.t("home.example.block", "height", height), r.link("/blocks/" + strconv.FormatUint(uint64(height), 10))}}
}

// wellness judges the network in a few words.
func (p *Pages) wellness(r *request, chart *intervalsPart, s *query.Status) (template.HTML, state) {
	sync := query.SyncAlone
	if s.Peers != nil {
		sync = s.Peers.Sync.State
	}
	pace := "start"
	if chart != nil {
		switch target := float64(p.Params.Pow.TargetSpacing); {
		case chart.mean > 1.5*target:
			pace = "slow"
		case chart.mean < target/1.5:
			pace = "fast"
		default:
			pace = "target"
		}
	}
	title := r.t("home.title", "sync", r.t("home.sync."+string(sync)), "pace", r.t("home.pace."+pace))
	switch {
	case s.Trouble != "":
		return r.t("home.title.trouble"), state{"bad", r.lang.plain("home.bad")}
	case sync == query.SyncHeaders || sync == query.SyncBlocks:
		return title, state{"wait", r.lang.plain("home.behind")}
	case len(s.Warnings) > 0 || pace == "slow":
		return title, state{"wait", r.lang.plain("home.look")}
	case pace == "start":
		return title, state{"run", r.lang.plain("home.starting")}
	}
	return title, state{"ok", r.lang.plain("home.well")}
}

func (p *Pages) homeAnswer(r *request, chart *intervalsPart) template.HTML {
	blocks := r.query.Height() + 1
	if chart == nil {
		return r.t("home.answer.start", "target", r.lang.seconds(float64(p.Params.Pow.TargetSpacing)))
	}
	return r.t("home.answer", "n", chart.Last-chart.First+1, "mean", r.lang.seconds(rounded(chart.mean)), "target", chart.Target, "blocks", blocks)
}

// SizeInt is the size of the block.
func (b blockRow) SizeInt() int { return int(b.Size) }
