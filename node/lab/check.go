package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/record"
)

// Breach is an observation that an invariant does not allow.
type Breach struct {
	At    time.Duration // the end of the plan for what is checked there
	Nodes Set
	Text  string
}

// Verdict is what became of an invariant in a run.
type Verdict struct {
	Name string // stable word
	Text string // what must hold
	// Breaches are all that were found, the first one first; nil: it held.
	Breaches []Breach
}

// invariant is something that must hold in every run.
type invariant struct {
	name, text string
	check      func(r *Result) []Breach
}

// invariants are all of them, in the order of the report.
var invariants = []invariant{
	{"one-tip", "all nodes have one tip at the end", oneTip},
	{"one-state", "all nodes have one state at the end, equal to a replay from genesis", oneState},
	{"no-record-lost", "each acknowledged record is in the chain, in a pool, or cannot be any more", noRecordLost},
	{"no-deep-loss", "no record that was 6 blocks deep is lost, but for cuts that last longer", noDeepLoss},
	{"no-honest-fault", "no honest node accuses another of breaking the rules", noHonestFault},
	{"checked-once", "each node checks the signatures of a record once", checkedOnce},
	{"in-step", "connected nodes differ by at most 2 blocks for at most 10 s without a fault on the way", inStep},
	{"closed", "all nodes close within 5 s, and leave nothing", closed},
	{"undamaged", "the check of each node's files finds nothing", undamaged},
}

// Check compares a run with the invariants.
func (r *Result) Check() []Verdict {
	verdicts := make([]Verdict, len(invariants))
	for i, v := range invariants {
		verdicts[i] = Verdict{Name: v.name, Text: v.text, Breaches: v.check(r)}
	}
	return verdicts
}

// atEnd returns a breach that was found at the end.
func (r *Result) atEnd(nodes Set, format string, args ...any) Breach {
	return Breach{At: r.Plan.Time, Nodes: nodes, Text: fmt.Sprintf(format, args...)}
}

// short returns the part of a hash that people compare.
func short(h pow.Hash) string {
	s := strings.TrimLeft(h.String(), "0")
	return s[:min(8, len(s))]
}

func oneTip(r *Result) []Breach {
	groups := make(map[pow.Hash]Set)
	var order []pow.Hash
	var breaches []Breach
	for _, f := range r.Finals {
		if !f.Up {
			breaches = append(breaches, r.atEnd(Set{f.Node}, "node %d does not run", f.Node))
			continue
		}
		if groups[f.Tip] == nil {
			order = append(order, f.Tip)
		}
		groups[f.Tip] = append(groups[f.Tip], f.Node)
	}
	if len(order) < 2 {
		return breaches
	}
	var parts []string
	var all Set
	for _, tip := range order {
		parts = append(parts, fmt.Sprintf("%s: nodes %s", short(tip), groups[tip]))
		all = append(all, groups[tip]...)
	}
	slices.Sort(all)
	return append(breaches, r.atEnd(all, "%d tips: %s", len(order), strings.Join(parts, "; ")))
}

func oneState(r *Result) []Breach {
	var breaches []Breach
	digests := make(map[pow.Hash]*Final) // by tip
	for _, f := range r.Finals {
		if !f.Up {
			continue
		}
		first := digests[f.Tip]
		switch {
		case first == nil:
			digests[f.Tip] = f
		case first.Digest != f.Digest:
			breaches = append(breaches, r.atEnd(Set{first.Node, f.Node}, "nodes %d and %d have tip %s, and digests %s and %s",
				first.Node, f.Node, short(f.Tip), short(first.Digest), short(f.Digest)))
		}
	}
	if !slices.ContainsFunc(r.Finals, func(f *Final) bool { return f.Replayed }) {
		breaches = append(breaches, r.atEnd(nil, "no chain was replayed from genesis"))
	}
	return breaches
}

func noRecordLost(r *Result) []Breach {
	var breaches []Breach
	for _, rec := range r.Records {
		if rec.Fate == FateLost || rec.Fate == FateStrange {
			breaches = append(breaches, r.atEnd(Set{rec.Node}, "record %s, which node %d acknowledged at %s: %s %s",
				rec.ID, rec.Node, words(rec.At), rec.Fate, rec.Text))
		}
	}
	return breaches
}

// depth6 is the depth from which nobody expects a record to leave the chain.
const depth6 = 6

func noDeepLoss(r *Result) []Breach {
	fates := make(map[record.ID]*Record)
	for _, rec := range r.Records {
		fates[rec.ID] = rec
	}
	var breaches []Breach
	for _, c := range r.Tips {
		if c.Depth < depth6 || r.cutFor(c.At, depth6) {
			continue
		}
		for _, id := range c.Deep {
			if rec := fates[id]; rec != nil && rec.Fate != FateChain {
				breaches = append(breaches, Breach{c.At, Set{c.Node}, fmt.Sprintf(
					"record %s was at least 6 deep at node %d, and left the chain by a reorganisation of %d blocks: %s", id, c.Node, c.Depth, rec.Fate)})
			}
		}
	}
	return breaches
}

// cutFor reports whether a fault that keeps nodes apart, and was over at most a minute
// before at, lasted for as long as n blocks take on average.
func (r *Result) cutFor(at time.Duration, n int) bool {
	if r.Plan.Blocks == 0 {
		return true
	}
	least := r.Plan.Time / time.Duration(r.Plan.Blocks) * time.Duration(n)
	return slices.ContainsFunc(r.Plan.Faults, func(f Fault) bool {
		end := f.end(r.Plan)
		return f.Kind != Heal && f.Kind != Hostile && f.At <= at && at <= end+time.Minute && min(end, at)-f.At >= least
	})
}

func noHonestFault(r *Result) []Breach {
	var breaches []Breach
	for _, f := range r.Finals {
		for _, text := range f.Faults {
			breaches = append(breaches, r.atEnd(Set{f.Node}, "node %d accused an honest peer: %s", f.Node, text))
		}
		if n := f.Peers.Discouraged; n > 0 && !r.Plan.has(Hostile) {
			breaches = append(breaches, r.atEnd(Set{f.Node}, "node %d avoids %d addresses, and there were no hostile peers", f.Node, n))
		}
	}
	return breaches
}

// checkedOnce: with bad signatures from hostile peers a node checks more.
func checkedOnce(r *Result) []Breach {
	var breaches []Breach
	if r.attacked(BadSignatures) || r.attacked(FalseCompact) || r.attacked(WrongBody) {
		return nil
	}
	for _, f := range r.Finals {
		if f.Up && f.Checked > f.Distinct {
			breaches = append(breaches, r.atEnd(Set{f.Node}, "node %d checked %d records, and saw %d", f.Node, f.Checked, f.Distinct))
		}
	}
	return breaches
}

func (r *Result) attacked(a Attack) bool {
	return slices.ContainsFunc(r.Plan.Faults, func(f Fault) bool { return f.Kind == Hostile && f.Attack == a })
}

// Bounds of inStep.
const (
	maxApart     = 2
	maxApartTime = 10 * time.Second
)

// inStep looks at each pair of nodes at each observation of the connections.
func inStep(r *Result) []Breach {
	heights := make(map[pow.Hash]int, len(r.Blocks))
	for _, b := range r.Blocks {
		heights[b.Hash] = int(b.Height)
	}
	type pair struct{ a, b int }
	apart := make(map[pair]time.Duration) // since when they differ by too much
	reported := make(map[pair]bool)
	tips := make([]pow.Hash, r.Plan.Nodes)
	var breaches []Breach
	next := 0
	for _, l := range r.Links {
		for ; next < len(r.Tips) && r.Tips[next].At <= l.At; next++ {
			tips[r.Tips[next].Node] = r.Tips[next].Tip
		}
		for a, peers := range l.Peers {
			for _, b := range peers {
				p := pair{min(a, b), max(a, b)}
				since, clean := r.Plan.cleanSince(a, b, l.At)
				differ := heights[tips[a]] - heights[tips[b]]
				running := tips[a] != (pow.Hash{}) && tips[b] != (pow.Hash{})
				if !clean || !running || max(differ, -differ) <= maxApart {
					delete(apart, p)
					delete(reported, p)
					continue
				}
				if begin, known := apart[p]; !known {
					apart[p] = l.At
				} else if begin = max(begin, since); l.At-begin > maxApartTime && !reported[p] {
					reported[p] = true
					breaches = append(breaches, Breach{l.At, Set{p.a, p.b}, fmt.Sprintf(
						"nodes %d and %d are connected and have differed by more than %d blocks since %s: heights %d and %d",
						p.a, p.b, maxApart, words(begin), heights[tips[p.a]], heights[tips[p.b]])})
				}
			}
		}
		for p := range apart { // of those that are no longer connected
			if !l.Peers[p.a].Has(p.b) && !l.Peers[p.b].Has(p.a) {
				delete(apart, p)
				delete(reported, p)
			}
		}
	}
	return breaches
}

// maxClose is the time that a node may take to close.
const maxClose = 5 * time.Second

func closed(r *Result) []Breach {
	var breaches []Breach
	for _, f := range r.Finals {
		if f.CloseTime > maxClose {
			breaches = append(breaches, r.atEnd(Set{f.Node}, "node %d took %v to close", f.Node, f.CloseTime))
		}
		if f.CloseErr != "" {
			breaches = append(breaches, r.atEnd(Set{f.Node}, "node %d did not close: %s", f.Node, f.CloseErr))
		}
		if f.Left != "" {
			breaches = append(breaches, r.atEnd(Set{f.Node}, "node %d left %s", f.Node, f.Left))
		}
	}
	return breaches
}

func undamaged(r *Result) []Breach {
	var breaches []Breach
	for _, f := range r.Finals {
		if f.Damage != "" {
			breaches = append(breaches, r.atEnd(Set{f.Node}, "node %d: %s", f.Node, f.Damage))
		}
	}
	return breaches
}
