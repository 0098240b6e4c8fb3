package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of a plan.
const (
	maxNodes   = 250 // one for each A of 127.A.0.1, with some to spare
	maxBlocks  = 100_000
	maxRecords = 10_000 // per second
	maxTime    = 24 * time.Hour
	maxEvents  = 10_000 // faults, and lines
	maxHostile = 1000   // peers of one fault
	maxRate    = 1 << 40
	maxOffset  = 1000 * time.Hour
)

// settle is the time between the end of the last fault and the end of a plan: what
// the invariants give the nodes to agree, with some to spare.
const settle = 20 * time.Second

// Plan is what happens in a run: how many nodes there are, how they are connected,
// and which faults occur when. [Parse] reads one, [Plan.String] writes it,
// [Generate] makes one. A Plan is not safe for concurrent use while somebody modifies
// it.
type Plan struct {
	Nodes   int
	Links   int // mean number of connections of a node; 0: the nodes find each other by a seed
	Seed    uint64
	Blocks  int     // to make, at random times
	Records float64 // per second
	Network string  // "dev"
	Time    time.Duration

	Lines  []Line
	Faults []Fault // by At
}

// Line is the quality of the connections of some nodes. Between two nodes the larger
// latency and jitter apply. Later lines replace earlier ones.
type Line struct {
	Nodes   Set           // nil: all
	Latency time.Duration // in one direction
	Rate    int64         // that each of the nodes sends, and receives; bytes per second, 0: no limit
	Jitter  int           // percent of the latency, added at random
}

// FaultKind is a kind of fault. The words are stable.
type FaultKind string

// The kinds of faults.
const (
	Cut      FaultKind = "cut"       // all between two groups is lost
	Heal     FaultKind = "heal"      // ends all cuts and slow lines
	Kill     FaultKind = "kill"      // the process ends without warning
	Stop     FaultKind = "stop"      // the process stands still, as by SIGSTOP
	Slow     FaultKind = "slow"      // the node sends and receives slowly
	Hostile  FaultKind = "hostile"   // hostile peers call nodes
	DiskFull FaultKind = "disk-full" // writes fail for want of space
	Clock    FaultKind = "clock"     // the clock is wrong
)

// Fault is one fault of a plan.
type Fault struct {
	At    time.Duration
	Kind  FaultKind
	Nodes Set           // that it affects; of Hostile: that are called, nil: all
	From  Set           // of Cut: the other group
	For   time.Duration // 0: to the end, or to the next Heal. Of Kill: until the next start
	Rate  int64         // of Slow, in bytes per second

	Offset time.Duration // of Clock
	Count  int           // of Hostile: peers
	Attack Attack        // of Hostile
}

// end returns when the fault is over, at the latest at the end of the plan.
func (f Fault) end(p *Plan) time.Duration {
	if f.For > 0 {
		return min(f.At+f.For, p.Time)
	}
	if f.Kind == Cut || f.Kind == Slow {
		for _, g := range p.Faults {
			if g.Kind == Heal && g.At >= f.At {
				return g.At
			}
		}
	}
	if f.Kind == Heal {
		return f.At
	}
	return p.Time
}

// Set is a set of node numbers, ascending.
type Set []int

// String returns the form of a plan, such as "0-2,7".
func (s Set) String() string {
	var b strings.Builder
	for i := 0; i < len(s); {
		j := i
		for j+1 < len(s) && s[j+1] == s[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(s[i]))
		if j > i {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(s[j]))
		}
		i = j + 1
	}
	return b.String()
}

// Has reports whether the set has a node.
func (s Set) Has(node int) bool {
	_, found := slices.BinarySearch(s, node)
	return found
}

// Validate reports the first mistake of a plan, nil if there is none.
func (p *Plan) Validate() error {
	bounds := []struct {
		name          string
		got, min, max int
	}{
		{"nodes", p.Nodes, 1, maxNodes},
		{"links", p.Links, 0, max(p.Nodes-1, 0)},
		{"blocks", p.Blocks, 0, maxBlocks},
		{"lines", len(p.Lines), 0, maxEvents},
		{"faults", len(p.Faults), 0, maxEvents},
	}
	for _, b := range bounds {
		if b.got < b.min || b.got > b.max {
			return fmt.Errorf("invalid number of %s: %d, must be %d to %d", b.name, b.got, b.min, b.max)
		}
	}
	switch {
	case !(p.Records >= 0 && p.Records <= maxRecords):
		return fmt.Errorf("invalid records %v/s: must be 0 to %d", p.Records, maxRecords)
	case p.Time <= 0 || p.Time > maxTime:
		return fmt.Errorf("invalid time %v: must be up to %v", p.Time, maxTime)
	case p.Network != "dev":
		return fmt.Errorf("invalid network %q: the laboratory has only dev", p.Network)
	}
	for _, l := range p.Lines {
		if err := l.validate(p); err != nil {
			return fmt.Errorf("line %s: %w", setOrAll(l.Nodes), err)
		}
	}
	for i, f := range p.Faults {
		if i > 0 && f.At < p.Faults[i-1].At {
			return fmt.Errorf("faults are not in the order of their times: %v after %v", f.At, p.Faults[i-1].At)
		}
		if err := f.validate(p); err != nil {
			return fmt.Errorf("at %s %s: %w", words(f.At), f.Kind, err)
		}
	}
	return nil
}

func (l Line) validate(p *Plan) error {
	switch {
	case l.Latency < 0 || l.Latency > time.Minute:
		return fmt.Errorf("invalid latency %v: must be up to 1m", l.Latency)
	case l.Rate < 0 || l.Rate > maxRate:
		return fmt.Errorf("invalid rate %d", l.Rate)
	case l.Jitter < 0 || l.Jitter > 1000:
		return fmt.Errorf("invalid jitter %d%%: must be up to 1000%%", l.Jitter)
	case l.Nodes == nil:
		return nil
	}
	return l.Nodes.validate(p)
}

func (s Set) validate(p *Plan) error {
	if len(s) == 0 {
		return fmt.Errorf("no nodes")
	}
	for i, n := range s {
		switch {
		case n < 0 || n >= p.Nodes:
			return fmt.Errorf("no node %d: the plan has nodes 0 to %d", n, p.Nodes-1)
		case i > 0 && n <= s[i-1]:
			return fmt.Errorf("nodes are not in ascending order: %d after %d", n, s[i-1])
		}
	}
	return nil
}

func (f Fault) validate(p *Plan) error {
	if f.At < 0 || f.At > p.Time {
		return fmt.Errorf("outside the time of the plan, %s", words(p.Time))
	}
	if f.For < 0 || f.For > maxTime {
		return fmt.Errorf("invalid duration %v", f.For)
	}
	if f.Kind != Heal && (f.Kind != Hostile || f.Nodes != nil) {
		if err := f.Nodes.validate(p); err != nil {
			return err
		}
	}
	switch f.Kind {
	case Cut:
		if err := f.From.validate(p); err != nil {
			return err
		}
		for _, n := range f.Nodes {
			if f.From.Has(n) {
				return fmt.Errorf("node %d is in both groups", n)
			}
		}
	case Stop, DiskFull:
		if f.For == 0 {
			return fmt.Errorf("no duration: add for TIME")
		}
	case Slow:
		if f.Rate < 1 || f.Rate > maxRate {
			return fmt.Errorf("invalid rate %d: must be 1B/s or more", f.Rate)
		}
	case Clock:
		if f.Offset < -maxOffset || f.Offset > maxOffset {
			return fmt.Errorf("invalid offset %v: must be up to %v", f.Offset, maxOffset)
		}
	case Hostile:
		if f.Count < 1 || f.Count > maxHostile {
			return fmt.Errorf("invalid number of peers %d: must be 1 to %d", f.Count, maxHostile)
		}
		if !slices.Contains(Attacks, f.Attack) {
			return fmt.Errorf("invalid attack %q: must be one of %v", f.Attack, Attacks)
		}
	case Heal, Kill:
	default:
		return fmt.Errorf("invalid kind of fault")
	}
	return nil
}

// LastFault returns when the last fault is over.
func (p *Plan) LastFault() time.Duration {
	var last time.Duration
	for _, f := range p.Faults {
		if f.Kind != Hostile { // which is no excuse
			last = max(last, f.end(p))
		}
	}
	return last
}

// has reports whether the plan has a kind of fault.
func (p *Plan) has(k FaultKind) bool {
	return slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.Kind == k })
}

// cleanSince returns the time since when no fault affects the nodes a and b or the way
// between them, and false if one does at the time now. A wrong clock counts only for
// its node.
func (p *Plan) cleanSince(a, b int, now time.Duration) (time.Duration, bool) {
	var since time.Duration
	for _, f := range p.Faults {
		if f.At > now {
			break
		}
		affects := f.Nodes.Has(a) || f.Nodes.Has(b)
		switch f.Kind {
		case Hostile, Heal:
			affects = false
		case Cut:
			affects = f.Nodes.Has(a) && f.From.Has(b) || f.Nodes.Has(b) && f.From.Has(a)
		}
		if !affects {
			continue
		}
		end := f.end(p)
		if end > now || end == p.Time {
			return 0, false
		}
		since = max(since, end)
	}
	return since, true
}
