package web

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"stele/node/chain"
	"stele/node/query"
)

// How much of the tree the page shows.
const (
	treeBlocks   = 144 // blocks of the chain at most: a day on the main network
	treeLeast    = 12
	treeBranched = 300 // blocks beside the chain at most
)

// networkBody is the data of the page of the network.
type networkBody struct {
	Warnings []warningPart
	Figures  []figure
	Tree     template.HTML
	N        int // blocks of the chain in the tree
	Branches *grid
	Peers    *grid
	Gone     *grid
	Spread   *grid
	Rebuilt  *grid
}

// warningPart is a warning to the operator.
type warningPart struct {
	Text template.HTML
	Note string // in English; "": none
}

func (p *Pages) network(r *request) (*view, error) {
	if r.at != "" {
		return nil, query.ErrOnlyNow
	}
	s := p.status()
	peers := s.Peers
	if p.Peers != nil {
		now := p.Peers()
		peers = &now
	}
	headers := p.treeHeaders(r)
	branches := p.query.Branches(headers[len(headers)-1].Height, treeBranched)
	body := &networkBody{N: len(headers), Branches: branchGrid(r, branches), Peers: peerGrid(r, peers), Gone: goneGrid(r, peers)}
	body.Tree = treeChart(headers, branches, r.lang.plain("network.tree.label", "n", len(headers), "branches", len(branches)))
	for _, w := range s.Warnings[min(len(s.Warnings), 1):] { // the layout shows the first
		if key := string(w.Kind); r.lang.has("trouble." + key) {
			body.Warnings = append(body.Warnings, warningPart{Text: r.t("trouble." + key)})
		} else {
			body.Warnings = append(body.Warnings, warningPart{r.t("trouble.other"), w.Text})
		}
	}
	body.Figures = p.networkFigures(r, peers, headers, branches)
	body.Spread, body.Rebuilt = spreadGrids(r, peers)
	v := &view{Template: "network", Title: r.t("network.title"), Menu: "/network", API: "/v1/peers", Live: "kind=block,block-disconnected,alert", Body: body}
	v.Tag, v.Answer = networkWords(r, peers, headers, branches)
	return v, nil
}

// treeHeaders returns the chain of the last day, the tip first: neither too few blocks to see
// something nor too many.
func (p *Pages) treeHeaders(r *request) []query.Header {
	day := 24 * 60 * 60 / max(int(p.Params.Pow.TargetSpacing), 1)
	return r.query.HeadersDown(r.query.Height(), min(max(day, treeLeast), treeBlocks))
}

// networkWords says whether others agree with this node.
func networkWords(r *request, peers *query.Peers, headers []query.Header, branches []chain.Branch) (state, template.HTML) {
	longest := 0
	for i := range branches {
		longest = max(longest, len(branches[i].Headers))
	}
	beside := r.t("network.nobranches", "n", len(headers))
	if longest > 0 {
		beside = r.t("network.branched", "n", len(headers), "branches", len(branches), "longest", longest)
	}
	if peers == nil {
		return state{"end", r.lang.plain("home.sync.alone")}, r.t("network.answer.none", "branches", beside)
	}
	switch sync := peers.Sync; sync.State {
	case query.SyncDone:
		return state{"ok", r.lang.plain("home.sync.synced")}, r.t("network.answer.synced", "peers", len(peers.Connected), "height", sync.Height, "branches", beside)
	case query.SyncHeaders, query.SyncBlocks:
		return state{"wait", r.lang.plain("home.sync." + string(sync.State))}, r.t("network.answer.behind", "height", sync.Height, "target", sync.Target, "left", leftText(r, sync.Left), "branches", beside)
	}
	return state{"wait", r.lang.plain("home.sync.alone")}, r.t("network.answer.alone", "known", peers.Addresses, "branches", beside)
}

// leftText says how long a synchronisation still takes.
func leftText(r *request, left time.Duration) template.HTML {
	if left <= 0 {
		return r.t("network.left.unknown")
	}
	return r.t("network.left", "time", r.lang.duration(left))
}

func (p *Pages) networkFigures(r *request, peers *query.Peers, headers []query.Header, branches []chain.Branch) []figure {
	beside := 0
	for i := range branches {
		beside += len(branches[i].Headers)
	}
	branched := figure{Term: r.t("network.branches"), Number: number(len(branches)), Note: r.t("network.branches.note", "beside", beside, "n", len(headers))}
	if peers == nil {
		return []figure{{Term: r.t("home.peers"), Number: "–", Note: r.t("bar.nopeers")}, branched}
	}
	in := 0
	for i := range peers.Connected {
		if peers.Connected[i].Inbound {
			in++
		}
	}
	out, room := len(peers.Connected)-in, max(0, peers.MaxPeers-len(peers.Connected))
	return []figure{
		{Term: r.t("home.peers"), Number: number(len(peers.Connected)), Note: r.t("network.peers.note", "out", out, "in", in, "room", room)},
		{Term: r.t("network.known"), Number: number(peers.Addresses), Note: r.t("network.known.note")},
		bytesFigure(r.t("network.received"), peers.Counts.Received, r.t("network.sincestart")),
		bytesFigure(r.t("network.sent"), peers.Counts.Sent, r.t("network.sincestart")),
		branched,
		{Term: r.t("network.avoided"), Number: number(peers.Discouraged), Note: r.t("network.avoided.note")},
	}
}

func bytesFigure(term template.HTML, counts map[string]uint64, note template.HTML) figure {
	total := uint64(0)
	for _, n := range counts {
		total += n
	}
	value, unit, _ := strings.Cut(bytesText(int(total)), " ")
	return figure{Term: term, Number: number(value), Unit: unit, Note: note}
}

// branchGrid lists the branches, those that leave the chain last first.
func branchGrid(r *request, branches []chain.Branch) *grid {
	g := newGrid(r.t("network.branches"), r.t("network.branches.empty"), r.t("network.from"), "", r.t("network.length"), "n c3", r.t("claims.statehead"), "c5", r.t("network.last"), "n c5 p2")
	tip := r.query.Tip()
	for i := range branches {
		b := &branches[i]
		first, last := &b.Headers[0], &b.Headers[len(b.Headers)-1]
		s := state{"end", r.lang.plain("network.lost")}
		switch {
		case last.Invalid:
			s = state{"bad", r.lang.plain("block.invalid")}
		case !b.Whole:
			s = state{"wait", r.lang.plain("network.missing")}
		case b.Work().Cmp(tip.Work) == 0:
			s = state{"run", r.lang.plain("network.equal")}
		}
		hash := r.blockHash(first.Hash)
		g.row(linkCell(number(first.Height), hash.Path).under(`<span class="m">`+html(hash.Short)+`</span>`), numberCell(len(b.Headers)), stateCell(s), timeCell(r.unix(last.Time)))
	}
	return g
}

// peerGrid lists the connected peers. Their addresses are for those who may write: the API
// shows them, a page does not.
func peerGrid(r *request, peers *query.Peers) *grid {
	g := newGrid(r.t("home.peers"), r.t("network.peers.empty"), r.t("network.peer"), "c5", r.t("network.way"), "", r.t("block.height"), "n", r.t("network.latency"), "n",
		`<span class="vh">`+r.t("network.latency.bar")+`</span>`, "lat p2", r.t("network.blocks"), "n p2", r.t("block.records"), "n p2", r.t("network.connected"), "n p2")
	if peers == nil {
		g.Empty = r.t("network.peers.none")
		return g
	}
	slowest := time.Duration(1)
	for i := range peers.Connected {
		slowest = max(slowest, peers.Connected[i].Ping)
	}
	for i := range peers.Connected {
		x := &peers.Connected[i]
		latency, picture := textCell(r.t("network.unknown")), cell{}
		if x.Ping > 0 {
			latency = textCell(html(r.milliseconds(x.Ping)))
			picture.Picture = shareBar(float64(x.Ping)/float64(slowest), "fb")
		}
		height := numberCell(x.Height)
		if x.Height == 0 {
			height = textCell(r.t("network.unknown"))
		}
		g.row(peerCell(x.Key).under(html(cut(x.Agent))), textCell(wayText(r, x.Inbound, x.Kind)), height, latency, picture, numberCell(x.Blocks), numberCell(x.Records),
			textCell(html(r.lang.duration(max(0, peers.Now.Sub(x.Since)).Truncate(time.Second)))))
	}
	return g
}

// peerCell is the key of a node, with the mark of the key.
func peerCell(key string) cell {
	if key == "" {
		return textCell("–")
	}
	return cell{Picture: template.HTML(fmt.Sprintf(`<span class="key"><svg viewBox="0 0 7 7" aria-hidden="true"><path d="%s"/></svg><span class="m">%s</span></span>`, mark([]byte(key)), template.HTMLEscapeString(cut(key))))}
}

// wayText says who called, and for what.
func wayText(r *request, inbound bool, kind string) template.HTML {
	if inbound {
		return r.t("network.in")
	}
	if r.lang.has("network.out." + kind) {
		return r.t("network.out." + kind)
	}
	return r.t("network.out")
}

// milliseconds writes a short duration.
func (r *request) milliseconds(d time.Duration) string {
	if d >= 10*time.Second {
		return r.lang.duration(d)
	}
	return r.lang.plain("unit.ms", "n", digits(float64(d)/float64(time.Millisecond), 3))
}

// shareBar draws a share.
func shareBar(share float64, class string) template.HTML {
	part := bar(share, class)
	return template.HTML(`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true"><rect class="fs" width="100" height="10"/><rect class="` +
		part.Class + `" width="` + part.Width + `" height="10"/></svg>`)
}

// goneGrid lists the connections that have ended, the newest first.
func goneGrid(r *request, peers *query.Peers) *grid {
	g := newGrid(r.t("network.gone"), r.t("network.gone.empty"), r.t("network.peer"), "c5", r.t("network.way"), "", r.t("network.why"), "", r.t("network.by"), "p2", r.t("network.ago"), "n")
	if peers == nil {
		return g
	}
	for i := range peers.Gone {
		x := &peers.Gone[i]
		by := r.t("network.by.node")
		if x.ByPeer {
			by = r.t("network.by.peer")
		}
		g.row(peerCell(x.Key), textCell(wayText(r, x.Inbound, "")), textCell(`<span class="m">`+html(cut(x.Reason))+`</span>`), textCell(by),
			textCell(html(r.lang.duration(max(0, peers.Now.Sub(x.Until)).Truncate(time.Second)))))
	}
	return g
}

// spreadGrids say how fast blocks come from peers, and how compact ones became whole.
func spreadGrids(r *request, peers *query.Peers) (spread, rebuilt *grid) {
	spread = newGrid(r.t("network.spread"), r.t("network.spread.empty"), r.t("supervision.what"), "", r.t("supervision.p50"), "n", r.t("supervision.p90"), "n", r.t("supervision.p99"), "n p2")
	rebuilt = newGrid(r.t("network.rebuilt"), r.t("network.rebuilt.empty"), r.t("network.rebuilt"), "", r.t("network.blocks"), "n c4")
	if peers == nil {
		return spread, rebuilt
	}
	if times := slices.Clone(peers.Counts.HeaderToConnected); len(times) > 0 {
		slices.Sort(times)
		at := func(share float64) cell {
			return textCell(html(r.milliseconds(times[min(len(times)-1, int(share*float64(len(times))))])))
		}
		spread.row(textCell(r.t("network.spread.header")).under(r.t("network.spread.blocks", "n", len(times))), at(0.5), at(0.9), at(0.99))
	}
	kinds := []string{"whole", "parts", "full", "failed"}
	for _, kind := range kinds {
		if n := peers.Counts.Rebuilds[kind]; n > 0 {
			rebuilt.row(textCell(r.t("network.rebuilt."+kind)), numberCell(n))
		}
	}
	return spread, rebuilt
}

// treeChart draws the chain as a line, the tip last, and the branches below it.
func treeChart(headers []query.Header, branches []chain.Branch, label string) template.HTML {
	const top, row = 26.0, 26.0
	step := min(max(1160/float64(len(headers)), 20), 48)
	first := headers[len(headers)-1].Height
	x := func(height uint32) float64 { return 14 + float64(height-first)*step }
	placed := placeBranches(branches)
	rows := 0
	for _, b := range placed {
		rows = max(rows, b.row)
	}
	width, height := x(headers[0].Height)+14, top+row*float64(rows)+16
	for _, b := range placed {
		width = max(width, x(b.last)+14)
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg class="tree" role="img" aria-label="%s" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f">`, template.HTMLEscapeString(label), width, height, width, height)
	fmt.Fprintf(&out, `<path class="la" d="M%.0f %.0fH%.0f"/>`, x(first), top, x(headers[0].Height))
	for i := range headers {
		h := headers[len(headers)-1-i].Height
		fmt.Fprintf(&out, `<circle class="fa" cx="%.0f" cy="%.0f" r="5"><title>%d</title></circle>`, x(h), top, h)
		if h%10 == 0 {
			fmt.Fprintf(&out, `<text x="%.0f" y="12" text-anchor="middle">%s</text>`, x(h), grouped(fmt.Sprint(h)))
		}
	}
	for _, b := range placed {
		y, from := top+row*float64(b.row), top+row*float64(b.parentRow)
		start, end := x(b.first)-step, x(b.last)
		fmt.Fprintf(&out, `<path class="lb" d="M%.0f %.0fC%.0f %.0f %.0f %.0f %.0f %.0fH%.0f"/>`, start, from, start+step*.6, from, start+step*.3, y, x(b.first), y, end)
		for h := b.first; h <= b.last; h++ {
			fmt.Fprintf(&out, `<rect class="fb" x="%.0f" y="%.0f" width="9" height="9"><title>%d</title></rect>`, x(h)-4.5, y-4.5, h)
		}
	}
	out.WriteString(`</svg>`)
	return template.HTML(out.String())
}

// placedBranch is a branch with its row in the picture, and that of its parent; 0 is the
// chain.
type placedBranch struct {
	first, last    uint32 // heights
	row, parentRow int
}

// placeBranches gives each branch the first row below its parent where it overlaps no other.
func placeBranches(branches []chain.Branch) []placedBranch {
	rowOf := map[string]int{} // by the hash of a block
	var placed []placedBranch
	for i := range branches {
		headers := branches[i].Headers
		b := placedBranch{first: headers[0].Height, last: headers[len(headers)-1].Height, parentRow: rowOf[headers[0].Prev.String()]}
		overlaps := func(other placedBranch) bool {
			return other.row == b.row && b.first <= other.last+1 && other.first <= b.last+1
		}
		for b.row = b.parentRow + 1; slices.ContainsFunc(placed, overlaps); b.row++ {
		}
		for j := range headers {
			rowOf[headers[j].Hash.String()] = b.row
		}
		placed = append(placed, b)
	}
	slices.SortStableFunc(placed, func(a, b placedBranch) int { return cmp.Compare(a.row, b.row) })
	return placed
}
