package lab

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"stele/engine/pow"
)

// Dimensions of the picture of the block tree, in pixels.
const (
	minTreeWidth = 1100
	maxTreeWidth = 30_000
	perBlock     = 15 // of the width
	perLane      = 34
	treeMargin   = 24
	bandHead     = 22 // above the lanes, for the numbers of the faults
	axisFoot     = 26
	blockRadius  = 5.5
)

// minerColours is the number of colours of miners; node n has colour n mod minerColours.
const minerColours = 10

// placed is a block in the picture.
type placed struct {
	*Block
	x     float64
	lane  int // 0: the final chain
	stale bool
}

// tree is the picture of the blocks of a run: time to the right, branches below each
// other, the final chain at the top.
type tree struct {
	r      *Result
	width  float64
	lanes  int
	blocks map[pow.Hash]*placed
	order  []*placed // by time
}

func newTree(r *Result) *tree {
	t := &tree{r: r, lanes: 1, blocks: make(map[pow.Hash]*placed, len(r.Blocks))}
	t.width = min(max(minTreeWidth, float64(perBlock*len(r.Blocks))), maxTreeWidth)
	main := r.mainChain()
	for _, b := range r.Blocks {
		p := &placed{Block: b, x: t.x(b.At), stale: !main[b.Hash]}
		t.blocks[b.Hash] = p
		t.order = append(t.order, p)
	}
	slices.SortStableFunc(t.order, func(a, b *placed) int { return cmp.Compare(a.At, b.At) })
	t.layOut()
	return t
}

// x returns where a time is.
func (t *tree) x(at time.Duration) float64 {
	share := float64(at) / float64(max(t.r.Plan.Time, 1))
	return treeMargin + share*(t.width-2*treeMargin)
}

func (t *tree) height() float64 { return bandHead + float64(t.lanes)*perLane + axisFoot }

func (t *tree) y(lane int) float64 { return bandHead + (float64(lane)+0.5)*perLane }

// layOut gives each stale branch the highest lane that is free from its fork to its
// end. A branch is a block whose parent is on another lane, and always the first child
// of the last one.
func (t *tree) layOut() {
	first := make(map[pow.Hash]*placed) // stale child that continues the lane of its stale parent
	for _, p := range t.order {
		if parent := t.blocks[p.Parent]; p.stale && parent != nil && parent.stale && first[p.Parent] == nil {
			first[p.Parent] = p
		}
	}
	var busy []float64 // for each lane, up to where it is taken; lane 0 is the final chain
	for _, p := range t.order {
		if parent := t.blocks[p.Parent]; !p.stale || parent != nil && first[p.Parent] == p {
			continue
		}
		begin, end := p.x, p.x
		if parent := t.blocks[p.Parent]; parent != nil {
			begin = min(parent.x, p.x)
		}
		branch := []*placed{p}
		for q := first[p.Hash]; q != nil; q = first[q.Hash] {
			branch = append(branch, q)
			end = max(end, q.x)
		}
		lane := slices.IndexFunc(busy, func(until float64) bool { return until < begin })
		if lane < 0 {
			lane = len(busy)
			busy = append(busy, 0)
		}
		busy[lane] = end + perBlock
		for _, q := range branch {
			q.lane = lane + 1
		}
	}
	t.lanes = len(busy) + 1
}

// svg returns the picture. It is made of numbers and fixed words only.
func (t *tree) svg() template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="tree" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`,
		t.width, t.height(), t.width, t.height(), t.label())
	t.drawBands(&b)
	t.drawAxis(&b)
	for _, p := range t.order {
		t.drawLink(&b, p)
	}
	for _, p := range t.order {
		class := fmt.Sprintf("c%d", max(p.Miner, 0)%minerColours)
		title := fmt.Sprintf("block %d at %s, made by node %d", p.Height, seconds1(p.At), p.Miner)
		if p.stale {
			class += " stale"
			title += ", stale"
		}
		fmt.Fprintf(&b, `<circle class="%s" cx="%.1f" cy="%.1f" r="%.1f"><title>%s</title></circle>`, class, p.x, t.y(p.lane), blockRadius, title)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // numbers and fixed words
}

// label says what the picture shows.
func (t *tree) label() string {
	stale, branches := 0, 0
	for _, p := range t.order {
		if !p.stale {
			continue
		}
		stale++
		if parent := t.blocks[p.Parent]; parent == nil || !parent.stale {
			branches++
		}
	}
	return fmt.Sprintf("Tree of %d blocks in %s: %d stale blocks on %d branches", len(t.order), words(t.r.Plan.Time), stale, branches)
}

// drawBands draws a band for each fault, with its number above.
func (t *tree) drawBands(b *strings.Builder) {
	bottom := t.height() - axisFoot
	lastLabel := -100.0
	for i, f := range t.r.Plan.Faults {
		if f.Kind == Heal {
			continue
		}
		from, to := t.x(f.At), t.x(f.end(t.r.Plan))
		fmt.Fprintf(b, `<rect class="band %s" x="%.1f" y="%d" width="%.1f" height="%.1f"><title>%d: %s</title></rect>`,
			f.Kind, from, bandHead-4, max(to-from, 3), bottom-bandHead+4, i+1, f)
		if from-lastLabel > 16 {
			lastLabel = from
			fmt.Fprintf(b, `<text class="no" x="%.1f" y="%d">%d</text>`, from, bandHead-8, i+1)
		}
	}
}

// drawAxis draws the axis of time.
func (t *tree) drawAxis(b *strings.Builder) {
	y := t.height() - axisFoot
	fmt.Fprintf(b, `<path class="axis" d="M%d %.1fH%.1f"/>`, treeMargin, y, t.width-treeMargin)
	step := time.Second
	for _, s := range []time.Duration{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600} {
		if step = s * time.Second; t.x(step)-t.x(0) >= 70 {
			break
		}
	}
	for at := time.Duration(0); at <= t.r.Plan.Time; at += step {
		fmt.Fprintf(b, `<path class="axis" d="M%.1f %.1fv5"/><text class="tick" x="%.1f" y="%.1f">%s</text>`, t.x(at), y, t.x(at), y+19, words(at))
	}
}

// drawLink draws the line from a block to its parent.
func (t *tree) drawLink(b *strings.Builder, p *placed) {
	px, py := t.x(0)-10, t.y(0) // genesis
	if parent := t.blocks[p.Parent]; parent != nil {
		px, py = parent.x, t.y(parent.lane)
	} else if p.Height > 1 {
		return
	}
	class, y := "way", t.y(p.lane)
	if p.stale {
		class = "way lost"
	}
	if y == py {
		fmt.Fprintf(b, `<path class="%s" d="M%.1f %.1fH%.1f"/>`, class, px, py, p.x)
		return
	}
	bend := min(12, max(p.x-px, 2)/2)
	fmt.Fprintf(b, `<path class="%s" d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1fH%.1f"/>`, class, px, py, px+bend, py, px, y, px+bend*1.5, y, p.x)
}

// seconds1 returns a time in seconds with one decimal.
func seconds1(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
