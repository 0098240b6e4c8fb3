package web

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"

	"stele/node/ledger/rules"
)

// machine is the picture of a state machine: where its states stand, and how the lines
// between them run. Package rules has the states and the transitions; a test checks that
// each is drawn.
type machine[S ~uint8] struct {
	box    string // viewBox
	states map[S]place
	lines  map[[2]S]string // corners as "x,y x,y"
	// below is the height at which lines run that have no course of their own; they are
	// drawn only where the way took them.
	below float64
}

// place is the upper left corner of a state. Final states are square.
type place struct {
	x, y  float64
	final bool
}

const (
	stateWidth, stateHeight = 117, 34
	corner                  = 9 // radius of the corners of lines
)

var claimMachine = machine[rules.ClaimState]{
	box: "-8 20 1132 450",
	states: map[rules.ClaimState]place{
		rules.ClaimOpen: {1, 150, false}, rules.ClaimOffered: {166, 60, false}, rules.ClaimAuthorised: {331, 150, false}, rules.ClaimReceived: {496, 150, false},
		rules.ClaimInspected: {661, 150, false}, rules.ClaimExecuted: {826, 150, false}, rules.ClaimSettled: {999, 150, true}, rules.ClaimRejected: {166, 240, false},
		rules.ClaimEscalated: {496, 330, false}, rules.ClaimOrdered: {661, 330, false}, rules.ClaimDefaulted: {826, 330, false}, rules.ClaimGivenUp: {999, 330, true},
		rules.ClaimWithdrawn: {496, 60, true}, rules.ClaimRefused: {166, 420, true}, rules.ClaimUnresolved: {331, 420, true}, rules.ClaimDismissed: {496, 420, true},
		rules.ClaimDelivered: {999, 420, true},
	},
	lines: map[[2]rules.ClaimState]string{
		{rules.ClaimOpen, rules.ClaimOffered}:         "60,150 60,77 165,77",
		{rules.ClaimOpen, rules.ClaimAuthorised}:      "118,167 330,167",
		{rules.ClaimOpen, rules.ClaimRejected}:        "60,184 60,257 165,257",
		{rules.ClaimOpen, rules.ClaimEscalated}:       "40,184 40,347 495,347",
		{rules.ClaimOpen, rules.ClaimWithdrawn}:       "40,150 40,30 554,30 554,59",
		{rules.ClaimOffered, rules.ClaimAuthorised}:   "240,94 240,160 330,160",
		{rules.ClaimOffered, rules.ClaimEscalated}:    "165,84 141,84 141,340 495,340",
		{rules.ClaimOffered, rules.ClaimWithdrawn}:    "283,77 495,77",
		{rules.ClaimOffered, rules.ClaimRejected}:     "208,94 208,239",
		{rules.ClaimRejected, rules.ClaimEscalated}:   "224,274 224,354 495,354",
		{rules.ClaimRejected, rules.ClaimRefused}:     "192,274 192,419",
		{rules.ClaimAuthorised, rules.ClaimReceived}:  "448,167 495,167",
		{rules.ClaimAuthorised, rules.ClaimExecuted}:  "420,150 420,120 862,120 862,149",
		{rules.ClaimAuthorised, rules.ClaimEscalated}: "389,184 389,334 495,334",
		{rules.ClaimAuthorised, rules.ClaimWithdrawn}: "389,150 389,84 495,84",
		{rules.ClaimReceived, rules.ClaimInspected}:   "613,167 660,167",
		{rules.ClaimReceived, rules.ClaimRejected}:    "530,184 530,257 284,257",
		{rules.ClaimReceived, rules.ClaimEscalated}:   "554,184 554,329",
		{rules.ClaimInspected, rules.ClaimExecuted}:   "778,167 825,167",
		{rules.ClaimInspected, rules.ClaimEscalated}:  "719,184 719,283 582,283 582,329",
		{rules.ClaimExecuted, rules.ClaimSettled}:     "943,167 998,167",
		{rules.ClaimExecuted, rules.ClaimEscalated}:   "870,184 870,300 598,300 598,329",
		{rules.ClaimEscalated, rules.ClaimOrdered}:    "613,347 660,347",
		{rules.ClaimEscalated, rules.ClaimDismissed}:  "554,364 554,419",
		{rules.ClaimEscalated, rules.ClaimUnresolved}: "520,364 520,392 389,392 389,419",
		{rules.ClaimOrdered, rules.ClaimExecuted}:     "740,330 740,226 846,226 846,185",
		{rules.ClaimOrdered, rules.ClaimDefaulted}:    "778,347 825,347",
		{rules.ClaimDefaulted, rules.ClaimExecuted}:   "915,330 915,185",
		{rules.ClaimDefaulted, rules.ClaimGivenUp}:    "943,347 998,347",
	},
	below: 404,
}

var shipmentMachine = machine[rules.ShipmentState]{
	box: "-8 -10 800 290",
	states: map[rules.ShipmentState]place{
		rules.ShipmentCreated: {1, 110, false}, rules.ShipmentInTransit: {221, 110, false}, rules.ShipmentAttempted: {441, 20, false},
		rules.ShipmentException: {441, 200, false}, rules.ShipmentDelivered: {661, 20, true}, rules.ShipmentLost: {661, 110, true}, rules.ShipmentReturned: {661, 200, true},
	},
	lines: map[[2]rules.ShipmentState]string{
		{rules.ShipmentCreated, rules.ShipmentInTransit}:   "118,127 220,127",
		{rules.ShipmentCreated, rules.ShipmentException}:   "60,144 60,217 440,217",
		{rules.ShipmentCreated, rules.ShipmentLost}:        "40,144 40,262 788,262 788,127 779,127",
		{rules.ShipmentInTransit, rules.ShipmentAttempted}: "300,110 300,37 440,37",
		{rules.ShipmentInTransit, rules.ShipmentDelivered}: "260,110 260,0 720,0 720,19",
		{rules.ShipmentInTransit, rules.ShipmentException}: "280,144 280,210 440,210",
		{rules.ShipmentInTransit, rules.ShipmentLost}:      "338,127 660,127",
		{rules.ShipmentAttempted, rules.ShipmentDelivered}: "558,37 660,37",
		{rules.ShipmentAttempted, rules.ShipmentLost}:      "520,54 520,119 660,119",
		{rules.ShipmentAttempted, rules.ShipmentException}: "480,54 480,199",
		{rules.ShipmentException, rules.ShipmentReturned}:  "558,217 660,217",
		{rules.ShipmentException, rules.ShipmentDelivered}: "558,210 610,210 610,45 660,45",
	},
}

var voucherMachine = machine[rules.VoucherState]{
	box: "-8 -20 800 240",
	states: map[rules.VoucherState]place{
		rules.VoucherIssued: {1, 80, false}, rules.VoucherActive: {221, 80, false}, rules.VoucherExpired: {441, 80, false},
		rules.VoucherVoid: {221, 10, true}, rules.VoucherRefunded: {661, 10, true}, rules.VoucherReplaced: {661, 150, true},
	},
	lines: map[[2]rules.VoucherState]string{
		{rules.VoucherIssued, rules.VoucherVoid}:      "60,80 60,27 220,27",
		{rules.VoucherIssued, rules.VoucherActive}:    "118,97 220,97",
		{rules.VoucherIssued, rules.VoucherRefunded}:  "40,80 40,-8 720,-8 720,9",
		{rules.VoucherIssued, rules.VoucherReplaced}:  "40,114 40,206 720,206 720,185",
		{rules.VoucherActive, rules.VoucherExpired}:   "338,97 440,97",
		{rules.VoucherActive, rules.VoucherRefunded}:  "310,80 310,60 620,60 620,34 660,34",
		{rules.VoucherActive, rules.VoucherReplaced}:  "310,114 310,174 660,174",
		{rules.VoucherExpired, rules.VoucherRefunded}: "500,80 500,20 660,20",
		{rules.VoucherExpired, rules.VoucherReplaced}: "500,114 500,160 660,160",
	},
}

// wayPart is the way that a thing has taken: a picture with all states, and a list of those
// that it has been in, for narrow windows and for those who do not see the picture.
type wayPart struct {
	Picture template.HTML
	Steps   []wayStep
	Note    template.HTML // about the picture; "": none
}

// wayStep is a state that a thing has been in.
type wayStep struct {
	N       int
	Word    string
	Meaning string
	Now     bool
}

// draw draws the machine with the way taken. Words are the names of the states in the
// reader's language, label says what the picture shows.
func draw[S ~uint8](m *machine[S], moves []rules.Move[S], way []S, word func(S) string, label string) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="sm wide" role="img" aria-label="%s" viewBox="%s"><defs>%s%s</defs>`, template.HTMLEscapeString(label), m.box, arrow("m", "", 6), arrow("mv", "v", 10))
	taken := map[[2]S]bool{}
	for i := 1; i < len(way); i++ {
		taken[[2]S{way[i-1], way[i]}] = true
	}
	for _, v := range []bool{false, true} { // the way taken lies above
		for _, move := range moves {
			pair := [2]S{move.From, move.To}
			line, drawn := m.lines[pair]
			if taken[pair] != v || !drawn && !v {
				continue
			}
			if !drawn {
				line = m.course(pair)
			}
			b.WriteString(linePath(line, v))
		}
	}
	states := make([]S, 0, len(m.states))
	for s := range m.states {
		states = append(states, s)
	}
	slices.Sort(states)
	for _, s := range states {
		m.state(&b, s, way, word(s))
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

func arrow(id, class string, size int) string {
	if class != "" {
		class = ` class="` + class + `"`
	}
	return fmt.Sprintf(`<marker id="%s"%s viewBox="0 0 8 8" refX="7" refY="4" markerWidth="%d" markerHeight="%d" orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0l8 4-8 4z"/></marker>`, id, class, size, size)
}

// state draws a state, with its numbers in the way.
func (m *machine[S]) state(b *strings.Builder, s S, way []S, word string) {
	at := m.states[s]
	class, radius := "", "17"
	number := 0
	for i, w := range way {
		if w == s {
			class, number = "v", i+1
		}
	}
	if class != "" && way[len(way)-1] == s {
		class = "now"
	}
	if at.final {
		class, radius = strings.TrimSpace(class+" e"), "2"
	}
	fmt.Fprintf(b, `<g class="%s"><rect x="%g" y="%g" width="%d" height="%d" rx="%s"/><text x="%g" y="%g" text-anchor="middle">%s</text>`,
		class, at.x, at.y, stateWidth, stateHeight, radius, at.x+stateWidth/2+0.5, at.y+21.5, template.HTMLEscapeString(word))
	if number > 0 {
		fmt.Fprintf(b, `<circle class="nb" cx="%g" cy="%g" r="10"/><text class="num" x="%g" y="%g" text-anchor="middle">%d</text>`, at.x+3, at.y+2, at.x+3, at.y+6, number)
	}
	b.WriteString(`</g>`)
}

// course is that of a line that has none of its own: out of the state below it, and into
// the other one from above.
func (m *machine[S]) course(pair [2]S) string {
	from, to := m.states[pair[0]], m.states[pair[1]]
	x1, x2 := from.x+stateWidth-24, to.x+stateWidth/2
	return fmt.Sprintf("%g,%g %g,%g %g,%g %g,%g", x1, from.y+stateHeight, x1, m.below, x2, m.below, x2, to.y-1)
}

// linePath draws a line with round corners through the points of a text.
func linePath(line string, taken bool) string {
	var points [][2]float64
	for _, text := range strings.Fields(line) {
		x, y, _ := strings.Cut(text, ",")
		px, _ := strconv.ParseFloat(x, 64)
		py, _ := strconv.ParseFloat(y, 64)
		points = append(points, [2]float64{px, py})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "M%g %g", points[0][0], points[0][1])
	for i := 1; i < len(points); i++ {
		p := points[i]
		if i == len(points)-1 {
			fmt.Fprintf(&b, "L%g %g", p[0], p[1])
			break
		}
		in, out := toward(p, points[i-1]), toward(p, points[i+1])
		fmt.Fprintf(&b, "L%g %gQ%g %g %g %g", in[0], in[1], p[0], p[1], out[0], out[1])
	}
	if taken {
		return `<path class="v" d="` + b.String() + `" marker-end="url(#mv)"/>`
	}
	return `<path d="` + b.String() + `" marker-end="url(#m)"/>`
}

// toward returns the point at the radius of a corner from p on the way to q.
func toward(p, q [2]float64) [2]float64 {
	dx, dy := q[0]-p[0], q[1]-p[1]
	length := math.Hypot(dx, dy)
	if length == 0 {
		return p
	}
	r := min(corner, length/2) / length
	return [2]float64{p[0] + dx*r, p[1] + dy*r}
}
