package lab

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"stele/internal/atomicfile"
)

// Report is what people and programs read about a run. Its JSON is stable but for
// additions. Times are in seconds.
type Report struct {
	Version string    `json:"version"`
	Stage   string    `json:"stage"`
	Seed    uint64    `json:"seed"`
	Plan    string    `json:"plan"`
	Repeat  string    `json:"repeat"` // the line that repeats the run
	Started time.Time `json:"started"`
	Real    float64   `json:"real_seconds"`
	Passed  bool      `json:"passed"`

	Invariants []InvariantReport `json:"invariants"`
	Missed     []string          `json:"missed,omitempty"` // what this stage could not do

	Blocks  int          `json:"blocks"`
	Stale   int          `json:"stale_blocks"`
	Records RecordCounts `json:"records"`
	Figures []Figure     `json:"figures"`

	Reorganisations []Count      `json:"reorganisations"` // by depth, of all nodes
	Rebuilds        []Count      `json:"rebuilds"`        // of compact blocks, by what was needed
	Disconnects     []Count      `json:"disconnects"`     // by reason
	Bytes           []Traffic    `json:"bytes"`           // by kind of message
	Nodes           []NodeReport `json:"nodes"`

	tree *tree
}

// InvariantReport is the verdict on an invariant.
type InvariantReport struct {
	Name     string   `json:"name"`
	Text     string   `json:"text"`
	Held     bool     `json:"held"`
	Breaches int      `json:"breaches"`
	First    string   `json:"first_breach,omitempty"`
	At       float64  `json:"first_at,omitempty"`
	Nodes    Set      `json:"nodes,omitempty"`
	Log      []string `json:"log,omitempty"` // lines around the first breach
}

// RecordCounts count the records by their fates.
type RecordCounts struct {
	Acknowledged int `json:"acknowledged"`
	Chain        int `json:"chain"`
	Pool         int `json:"pool"`
	Over         int `json:"over"`
	Lost         int `json:"lost"`
}

// Figure is a distribution.
type Figure struct {
	Name  string  `json:"name"`
	Text  string  `json:"text"`
	Unit  string  `json:"unit"`
	Count int     `json:"count"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
	Max   float64 `json:"max"`
}

// Count is a number of something.
type Count struct {
	Name string `json:"name"`
	N    uint64 `json:"n"`
}

// Traffic is the traffic of a kind of message, over all nodes.
type Traffic struct {
	Kind     string `json:"kind"`
	Messages uint64 `json:"messages"` // sent
	Sent     uint64 `json:"sent_bytes"`
	Received uint64 `json:"received_bytes"`
}

// NodeReport is one node.
type NodeReport struct {
	Node        int     `json:"node"`
	Running     bool    `json:"running"`
	Height      uint32  `json:"height"`
	Tip         string  `json:"tip"`
	Peers       int     `json:"peers"`
	Pool        int     `json:"pool"`
	Sent        uint64  `json:"sent_bytes"`
	Received    uint64  `json:"received_bytes"`
	Mined       int     `json:"mined"`
	Stale       int     `json:"stale"`
	Reorgs      int     `json:"reorganisations"`
	Deepest     int     `json:"deepest_reorganisation"`
	CloseTime   float64 `json:"close_seconds"`
	Discouraged int     `json:"discouraged"`
}

// NewReport makes the report of a run.
func NewReport(r *Result) *Report {
	rep := &Report{
		Version: r.Version, Stage: r.Stage, Seed: r.Plan.Seed, Plan: r.Plan.String(), Repeat: r.Repeat,
		Started: r.Started, Real: r.Real.Seconds(), Passed: true, Missed: r.Missed, Blocks: len(r.Blocks),
		tree: newTree(r),
	}
	for _, v := range r.Check() {
		rep.addVerdict(r, v)
	}
	for _, p := range rep.tree.order {
		if p.stale {
			rep.Stale++
		}
	}
	rep.countRecords(r)
	rep.Figures = figures(r)
	rep.countPeers(r)
	rep.addNodes(r)
	return rep
}

// Around a breach, the report has the lines of this time, and at most so many.
const (
	logBefore   = 3 * time.Second
	logAfter    = time.Second
	maxLogLines = 60
)

func (rep *Report) addVerdict(r *Result, v Verdict) {
	i := InvariantReport{Name: v.Name, Text: v.Text, Held: v.Breaches == nil, Breaches: len(v.Breaches)}
	if !i.Held {
		rep.Passed = false
		first := v.Breaches[0]
		i.First, i.At, i.Nodes = first.Text, first.At.Seconds(), first.Nodes
		for _, l := range r.Logs {
			concerns := l.Node < 0 || len(first.Nodes) == 0 || slices.Contains(first.Nodes, l.Node)
			if concerns && l.At >= first.At-logBefore && l.At <= first.At+logAfter {
				i.Log = append(i.Log, fmt.Sprintf("%8.3f node %d  %s", l.At.Seconds(), l.Node, l.Text))
			}
		}
		i.Log = i.Log[max(0, len(i.Log)-maxLogLines):]
	}
	rep.Invariants = append(rep.Invariants, i)
}

func (rep *Report) countRecords(r *Result) {
	rep.Records.Acknowledged = len(r.Records)
	for _, rec := range r.Records {
		switch rec.Fate {
		case FateChain:
			rep.Records.Chain++
		case FatePool:
			rep.Records.Pool++
		case FateOver:
			rep.Records.Over++
		default:
			rep.Records.Lost++
		}
	}
}

// figures returns the distributions of a run. Blocks and records count for spreading
// if no fault disturbed it. A block with a rival at its height does not count: who has
// the rival connects it only if its branch wins.
func figures(r *Result) []Figure {
	var recordAll, recordHalf, blockAll, blockHalf, heal, back []time.Duration
	add := func(to *[]time.Duration, d time.Duration) {
		if d != Never {
			*to = append(*to, d)
		}
	}
	const calm = 2 * time.Second
	for _, rec := range r.Records {
		if r.Plan.quiet(rec.At, rec.At+calm) {
			add(&recordAll, spread(rec.At, rec.Seen, 1))
			add(&recordHalf, spread(rec.At, rec.Seen, 0.5))
		}
	}
	heights := make(map[uint32]int)
	for _, b := range r.Blocks {
		heights[b.Height]++
	}
	for _, b := range r.Blocks {
		if heights[b.Height] == 1 && r.Plan.quiet(b.At, b.At+calm) {
			add(&blockAll, spread(b.At, b.Seen, 1))
			add(&blockHalf, spread(b.At, b.Seen, 0.5))
		}
	}
	for _, f := range r.Plan.Faults {
		switch f.Kind {
		case Cut, Slow, Stop, Clock, DiskFull:
			if end := f.end(r.Plan); end < r.Plan.Time {
				add(&heal, r.healedFrom(f))
			}
		case Kill:
			if end := f.end(r.Plan); end < r.Plan.Time {
				add(&back, r.healedFrom(f))
			}
		}
	}
	return []Figure{
		newFigure("record_to_half", "Record to half of the nodes", recordHalf),
		newFigure("record_to_all", "Record to all nodes", recordAll),
		newFigure("block_to_half", "Block to half of the nodes", blockHalf),
		newFigure("block_to_all", "Block to all nodes", blockAll),
		newFigure("heal", "One tip after a fault", heal),
		newFigure("restart", "One tip after a restart", back),
	}
}

func newFigure(name, text string, times []time.Duration) Figure {
	f := Figure{Name: name, Text: text, Unit: "s", Count: len(times)}
	if len(times) == 0 {
		return f
	}
	slices.Sort(times)
	at := func(percent int) float64 {
		return times[min((len(times)*percent+99)/100, len(times))-1].Seconds()
	}
	f.P50, f.P95, f.P99, f.Max = at(50), at(95), at(99), at(100)
	return f
}

func (rep *Report) countPeers(r *Result) {
	depths, rebuilds, disconnects := make(map[string]uint64), make(map[string]uint64), make(map[string]uint64)
	traffic := make(map[string]*Traffic)
	of := func(kind string) *Traffic {
		if traffic[kind] == nil {
			traffic[kind] = &Traffic{Kind: kind}
		}
		return traffic[kind]
	}
	for _, c := range r.Tips {
		if c.Depth > 0 {
			depths[fmt.Sprintf("%3d", c.Depth)]++
		}
	}
	for _, f := range r.Finals {
		counts := &f.Peers.Counts
		for how, n := range counts.Rebuilds {
			rebuilds[how] += n
		}
		for reason, n := range counts.Disconnects {
			disconnects[reason] += n
		}
		for kind, n := range counts.Sent {
			of(kind).Sent += n
			of(kind).Messages += counts.MessagesOut[kind]
		}
		for kind, n := range counts.Received {
			of(kind).Received += n
		}
	}
	rep.Reorganisations, rep.Rebuilds, rep.Disconnects = sorted(depths), sorted(rebuilds), sorted(disconnects)
	rep.Bytes = []Traffic{}
	for _, t := range traffic {
		rep.Bytes = append(rep.Bytes, *t)
	}
	slices.SortFunc(rep.Bytes, func(a, b Traffic) int {
		return cmp.Or(cmp.Compare(b.Sent, a.Sent), cmp.Compare(a.Kind, b.Kind))
	})
}

// sorted returns counts by their names, which may be padded.
func sorted(m map[string]uint64) []Count {
	counts := []Count{}
	for name, n := range m {
		counts = append(counts, Count{name, n})
	}
	slices.SortFunc(counts, func(a, b Count) int { return cmp.Compare(a.Name, b.Name) })
	return counts
}

func (rep *Report) addNodes(r *Result) {
	for _, f := range r.Finals {
		n := NodeReport{
			Node: f.Node, Running: f.Up, Height: f.Height, Tip: short(f.Tip), Peers: len(f.Peers.Connected), Pool: f.Pooled,
			CloseTime: f.CloseTime.Seconds(), Discouraged: f.Peers.Discouraged,
		}
		for _, b := range f.Peers.Counts.Sent {
			n.Sent += b
		}
		for _, b := range f.Peers.Counts.Received {
			n.Received += b
		}
		for _, p := range rep.tree.order {
			if p.Miner == f.Node {
				n.Mined++
				if p.stale {
					n.Stale++
				}
			}
		}
		for _, c := range r.Tips {
			if c.Node == f.Node && c.Depth > 0 {
				n.Reorgs++
				n.Deepest = max(n.Deepest, c.Depth)
			}
		}
		rep.Nodes = append(rep.Nodes, n)
	}
}

// Summary returns the result in one line.
func (rep *Report) Summary() string {
	broken := 0
	for _, i := range rep.Invariants {
		if !i.Held {
			broken++
		}
	}
	result := "passed"
	if broken > 0 {
		result = fmt.Sprintf("%d of %d invariants broken", broken, len(rep.Invariants))
	}
	return fmt.Sprintf("seed %d: %s; %d blocks, %d stale; %d records, %d in the chain", rep.Seed, result, rep.Blocks, rep.Stale, rep.Records.Acknowledged, rep.Records.Chain)
}

// The files of a report.
const (
	JSONFile = "report.json"
	HTMLFile = "report.html"
	PlanFile = "plan.txt"
)

// Write writes the report and the plan into a folder, which is made if it does not
// exist.
func (rep *Report) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		return err
	}
	page, err := rep.HTML()
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{JSONFile: append(text, '\n'), HTMLFile: page, PlanFile: []byte(rep.Plan)} {
		if err := atomicfile.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
