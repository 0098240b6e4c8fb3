package lab

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// # Format
//
// A plan is a text of words. Line breaks are spaces; # begins a comment.
//
//	nodes N  links N  seed N  blocks N  records X/s  network NAME  time T
//	line NODES|* [latency T] [rate RATE] [jitter N%]
//	at T cut NODES from NODES [for T]
//	at T heal
//	at T kill NODES [restart T]
//	at T stop NODES for T
//	at T slow NODES RATE [for T]
//	at T hostile N ATTACK [on NODES] [for T]
//	at T disk-full NODES for T
//	at T clock NODES +T|-T [for T]
//
// NODES is as 7, 0-2 or 0-2,7; T as 50ms or 1m30s; RATE as 10Mbit, 64kbit (per
// second) or 20B/s. See Parse.

// maxPlanBytes bounds the text of a plan.
const maxPlanBytes = 1 << 20

// Parse reads a plan. Settings that are missing have the values of [Generate]; a
// missing time leaves 20 s after the last fault, and a second for each block. Errors
// name the line.
func Parse(text string) (*Plan, error) {
	if len(text) > maxPlanBytes {
		return nil, fmt.Errorf("plan of %d bytes: must be up to %d", len(text), maxPlanBytes)
	}
	p := parser{seen: make(map[string]bool)}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		for _, w := range strings.Fields(line) {
			p.words = append(p.words, word{w, i + 1})
		}
	}
	plan := defaultPlan()
	for p.pos < len(p.words) {
		line := p.words[p.pos].line
		if err := p.statement(plan); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	slices.SortStableFunc(plan.Faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	p.complete(plan)
	if err := plan.Validate(); err != nil {
		return nil, err
	}
	return plan, nil
}

// defaultPlan returns a plan without what Parse completes.
func defaultPlan() *Plan {
	return &Plan{Nodes: 4, Seed: 1, Records: 5, Network: "dev"}
}

// complete sets what is missing and follows from the rest.
func (p *parser) complete(plan *Plan) {
	if !p.seen["links"] {
		plan.Links = max(min(8, plan.Nodes-1), 0)
	}
	if !p.seen["time"] {
		plan.Time = max(30*time.Second, time.Duration(plan.Blocks)*time.Second)
		for _, f := range plan.Faults {
			plan.Time = max(plan.Time, f.At+f.For+settle)
		}
	}
	if !p.seen["blocks"] {
		plan.Blocks = int(plan.Time / (2 * time.Second))
	}
}

type word struct {
	text string
	line int
}

type parser struct {
	words []word
	pos   int
	seen  map[string]bool // settings
}

// next returns the next word, "" at the end.
func (p *parser) next() string {
	w := p.peek()
	if w != "" {
		p.pos++
	}
	return w
}

func (p *parser) peek() string {
	if p.pos == len(p.words) {
		return ""
	}
	return p.words[p.pos].text
}

// accept takes the next word if it is w.
func (p *parser) accept(w string) bool {
	if p.peek() != w {
		return false
	}
	p.pos++
	return true
}

// statement reads one statement.
func (p *parser) statement(plan *Plan) (err error) {
	w := p.next()
	switch w {
	case "at":
		if len(plan.Faults) == maxEvents {
			return fmt.Errorf("too many faults: must be up to %d", maxEvents)
		}
		f, err := p.fault()
		plan.Faults = append(plan.Faults, f)
		return err
	case "line":
		if len(plan.Lines) == maxEvents {
			return fmt.Errorf("too many lines: must be up to %d", maxEvents)
		}
		l, err := p.line()
		plan.Lines = append(plan.Lines, l)
		return err
	}
	if p.seen[w] {
		return fmt.Errorf("%s is set twice", w)
	}
	p.seen[w] = true
	switch w {
	case "nodes":
		plan.Nodes, err = p.number(maxNodes)
	case "links":
		plan.Links, err = p.number(maxNodes)
	case "blocks":
		plan.Blocks, err = p.number(maxBlocks)
	case "seed":
		v := p.next()
		if plan.Seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			err = invalid(v, "seed", "a number such as 7")
		}
	case "records":
		plan.Records, err = p.perSecond()
	case "network":
		plan.Network = p.next()
	case "time":
		plan.Time, err = p.duration()
	default:
		err = fmt.Errorf("unknown word %q: expected nodes, links, seed, blocks, records, network, time, line or at", w)
	}
	return err
}

// invalid returns the error for a word that is not what was expected.
func invalid(got, name, want string) error {
	if got == "" {
		return fmt.Errorf("missing %s: expected %s", name, want)
	}
	return fmt.Errorf("invalid %s %q: expected %s", name, got, want)
}

func (p *parser) number(most int) (int, error) {
	w := p.next()
	n, err := strconv.Atoi(w)
	if err != nil || n < 0 || n > most {
		return 0, invalid(w, "number", fmt.Sprintf("0 to %d", most))
	}
	return n, nil
}

func (p *parser) perSecond() (float64, error) {
	w := p.next()
	digits, ok := strings.CutSuffix(w, "/s")
	v, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || !(v >= 0 && v <= maxRecords) {
		return 0, invalid(w, "rate of records", "as 25/s")
	}
	return v, nil
}

func (p *parser) duration() (time.Duration, error) {
	w := p.next()
	d, err := time.ParseDuration(w)
	if err != nil || d < 0 || d > maxTime {
		return 0, invalid(w, "time", "as 500ms or 1m30s")
	}
	return d, nil
}

func (p *parser) set() (Set, error) {
	const want = "numbers of nodes as 7, 0-2 or 0-2,7"
	w := p.next()
	var s Set
	for part := range strings.SplitSeq(w, ",") {
		low, high, isRange := strings.Cut(part, "-")
		first, err := strconv.ParseUint(low, 10, 16)
		last := first
		if isRange && err == nil {
			last, err = strconv.ParseUint(high, 10, 16)
		}
		if err != nil || last < first || last >= maxNodes {
			return nil, invalid(w, "nodes", want)
		}
		for n := first; n <= last; n++ {
			s = append(s, int(n))
		}
	}
	slices.Sort(s)
	return slices.Compact(s), nil
}

// rateUnits are the units of rates in bytes per second, the largest first.
var rateUnits = []struct {
	name  string
	bytes float64
}{{"Mbit", 125_000}, {"kbit", 125}, {"MB/s", 1e6}, {"kB/s", 1e3}, {"B/s", 1}}

func (p *parser) rate() (int64, error) {
	w := p.next()
	for _, u := range rateUnits {
		digits, ok := strings.CutSuffix(w, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(digits, 64)
		if rate := v * u.bytes; err == nil && rate >= 1 && rate <= maxRate {
			return int64(rate), nil
		}
		break
	}
	return 0, invalid(w, "rate", "as 10Mbit, 64kbit or 20B/s")
}

func (p *parser) line() (l Line, err error) {
	if !p.accept("*") {
		if l.Nodes, err = p.set(); err != nil {
			return l, err
		}
	}
	for err == nil {
		switch {
		case p.accept("latency"):
			l.Latency, err = p.duration()
		case p.accept("rate"):
			l.Rate, err = p.rate()
		case p.accept("jitter"):
			w := p.next()
			digits, ok := strings.CutSuffix(w, "%")
			if l.Jitter, err = strconv.Atoi(digits); err != nil || !ok {
				err = invalid(w, "jitter", "percent of the latency, as 20%")
			}
		default:
			return l, nil
		}
	}
	return l, err
}

// fault reads what follows "at".
func (p *parser) fault() (f Fault, err error) {
	if f.At, err = p.duration(); err != nil {
		return f, err
	}
	f.Kind = FaultKind(p.next())
	switch f.Kind {
	case Heal:
		return f, nil
	case Hostile:
		return p.hostile(f)
	case Cut, Kill, Stop, Slow, DiskFull, Clock:
	default:
		return f, invalid(string(f.Kind), "fault", "cut, heal, kill, stop, slow, hostile, disk-full or clock")
	}
	if f.Nodes, err = p.set(); err != nil {
		return f, err
	}
	switch f.Kind {
	case Cut:
		if w := p.next(); w != "from" {
			return f, invalid(w, "word", `"from" and the other nodes`)
		}
		f.From, err = p.set()
	case Slow:
		f.Rate, err = p.rate()
	case Clock:
		f.Offset, err = p.offset()
	case Kill:
		if p.accept("restart") {
			f.For, err = p.duration()
		}
		return f, err
	}
	if err == nil && p.accept("for") {
		f.For, err = p.duration()
	}
	return f, err
}

func (p *parser) offset() (time.Duration, error) {
	w := p.next()
	d, err := time.ParseDuration(w)
	if err != nil || d < -maxOffset || d > maxOffset || w[0] != '+' && w[0] != '-' {
		return 0, invalid(w, "offset", "as +3h or -1h")
	}
	return d, nil
}

func (p *parser) hostile(f Fault) (_ Fault, err error) {
	if f.Count, err = p.number(maxHostile); err != nil {
		return f, err
	}
	f.Attack = Attack(p.next())
	if !slices.Contains(Attacks, f.Attack) {
		return f, invalid(string(f.Attack), "attack", fmt.Sprint(Attacks))
	}
	if p.accept("on") {
		if f.Nodes, err = p.set(); err != nil {
			return f, err
		}
	}
	if p.accept("for") {
		f.For, err = p.duration()
	}
	return f, err
}

// String returns the text of a plan, which [Parse] reads.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "nodes %d  links %d  seed %d  blocks %d  records %s/s  network %s  time %s\n",
		p.Nodes, p.Links, p.Seed, p.Blocks, strconv.FormatFloat(p.Records, 'g', -1, 64), p.Network, words(p.Time))
	for _, l := range p.Lines {
		fmt.Fprintln(&b, l)
	}
	for _, f := range p.Faults {
		fmt.Fprintln(&b, f)
	}
	return b.String()
}

// String returns the line of a plan.
func (l Line) String() string {
	s := "line " + setOrAll(l.Nodes)
	if l.Latency != 0 {
		s += " latency " + words(l.Latency)
	}
	if l.Rate != 0 {
		s += " rate " + rateWords(l.Rate)
	}
	if l.Jitter != 0 {
		s += fmt.Sprintf(" jitter %d%%", l.Jitter)
	}
	return s
}

// String returns the line of a plan.
func (f Fault) String() string {
	s := fmt.Sprintf("at %s %s", words(f.At), f.Kind)
	switch f.Kind {
	case Heal:
		return s
	case Hostile:
		s += fmt.Sprintf(" %d %s", f.Count, f.Attack)
		if f.Nodes != nil {
			s += " on " + f.Nodes.String()
		}
	default:
		s += " " + f.Nodes.String()
	}
	switch f.Kind {
	case Cut:
		s += " from " + f.From.String()
	case Slow:
		s += " " + rateWords(f.Rate)
	case Clock:
		if f.Offset >= 0 {
			s += " +" + words(f.Offset)
		} else {
			s += " " + words(f.Offset)
		}
	}
	switch {
	case f.For == 0:
		return s
	case f.Kind == Kill:
		return s + " restart " + words(f.For)
	}
	return s + " for " + words(f.For)
}

func setOrAll(s Set) string {
	if s == nil {
		return "*"
	}
	return s.String()
}

// words returns a duration without the units that are zero, as 1m instead of 1m0s.
func words(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func rateWords(rate int64) string {
	for _, u := range rateUnits[:2] {
		if unit := int64(u.bytes); rate%unit == 0 {
			return strconv.FormatInt(rate/unit, 10) + u.name
		}
	}
	return strconv.FormatInt(rate, 10) + "B/s"
}
