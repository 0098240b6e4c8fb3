package lab

import (
	"slices"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/record"
	"stele/node/query"
)

// Never is the time of what did not happen.
const Never time.Duration = -1

// Result is what was observed in a run. Times are since the begin of the plan.
type Result struct {
	Plan    *Plan
	Stage   string // "virtual", "one process" or "processes"
	Version string // of the program
	Repeat  string // the line that repeats the run
	Started time.Time
	Real    time.Duration // that the run took
	Genesis pow.Hash

	Blocks  []*Block      // but genesis, in the order in which they were made or first seen
	Records []*Record     // that a node acknowledged
	Tips    []TipChange   // in the order of their times
	Links   []Connections // in the order of their times
	Finals  []*Final      // one for each node
	Logs    []LogLine     // the last ones, in the order of their times
	Missed  []string      // what the world could not do, such as a fault that it does not have
}

// Block is a block of a run.
type Block struct {
	Hash, Parent pow.Hash
	Height       uint32
	Miner        int             // node that made it; -1: not known
	At           time.Duration   // when it was made
	Records      int             // without the coinbase
	Bytes        int             // encoded
	Seen         []time.Duration // for each node, when it was first part of its chain; Never
}

// Record is a record that a node acknowledged.
type Record struct {
	ID   record.ID
	Node int
	At   time.Duration
	Seen []time.Duration // for each node, when it was first in its pool or chain; Never
	Fate Fate            // at the end
	Text string          // of FateOver: the reason
}

// Fate is where a record is at the end of a run.
type Fate string

// The fates of a record.
const (
	FateChain   Fate = "in the chain"
	FatePool    Fate = "in a pool"
	FateOver    Fate = "no longer possible" // such as its sequence number being used
	FateLost    Fate = "lost"
	FateStrange Fate = "not known"
)

// TipChange is a node's change to another tip, or its end or start.
type TipChange struct {
	At    time.Duration
	Node  int
	Tip   pow.Hash // zero: the node is not running
	Depth int      // blocks disconnected
	// Deep are the records in disconnected blocks that were at least 6 deep.
	Deep []record.ID
}

// Connections are which nodes are connected at a moment.
type Connections struct {
	At    time.Duration
	Peers []Set // for each node
}

// Final is the state of a node at the end.
type Final struct {
	Node   int
	Up     bool // it ran
	Height uint32
	Tip    pow.Hash
	Digest pow.Hash // of all changes of the state
	Peers  query.Peers
	Pooled int

	Checked  uint64 // records whose signatures were checked since the last start; 0: not known
	Distinct uint64 // records that it has seen since then

	// Faults are honest peers that this node accused of breaking the rules.
	Faults []string

	CloseTime time.Duration
	CloseErr  string
	Damage    string // what the check of its files found, "": nothing
	Replayed  bool   // the check replayed the chain from genesis, with the same digest
	Left      string // goroutines, files or memory beyond the bounds; "": none
}

// LogLine is a line of the log of a node.
type LogLine struct {
	At   time.Duration
	Node int // -1: the laboratory
	Text string
}

// block returns the blocks by hash.
func (r *Result) byHash() map[pow.Hash]*Block {
	m := make(map[pow.Hash]*Block, len(r.Blocks))
	for _, b := range r.Blocks {
		m[b.Hash] = b
	}
	return m
}

// finalTip returns the tip that most running nodes have at the end.
func (r *Result) finalTip() pow.Hash {
	count := make(map[pow.Hash]int)
	var best pow.Hash
	for _, f := range r.Finals {
		if f.Up {
			if count[f.Tip]++; count[f.Tip] > count[best] {
				best = f.Tip
			}
		}
	}
	return best
}

// mainChain returns the blocks of the final chain.
func (r *Result) mainChain() map[pow.Hash]bool {
	blocks, main := r.byHash(), make(map[pow.Hash]bool)
	for b := blocks[r.finalTip()]; b != nil; b = blocks[b.Parent] {
		main[b.Hash] = true
	}
	return main
}

// tipsAt calls f for each change of a tip with the tips of all nodes after it, until f
// returns false. A zero tip is that of a node that does not run.
func (r *Result) eachTips(f func(at time.Duration, tips []pow.Hash) bool) {
	tips := make([]pow.Hash, r.Plan.Nodes)
	for i, c := range r.Tips {
		tips[c.Node] = c.Tip
		if i+1 < len(r.Tips) && r.Tips[i+1].At == c.At {
			continue // one moment
		}
		if !f(c.At, tips) {
			return
		}
	}
}

// agree reports whether all running nodes have one tip.
func agree(tips []pow.Hash) bool {
	var first pow.Hash
	for _, t := range tips {
		switch {
		case t == (pow.Hash{}):
		case first == (pow.Hash{}):
			first = t
		case t != first:
			return false
		}
	}
	return true
}

// healed returns how long after at all running nodes had one tip, Never if they had
// not.
func (r *Result) healed(at time.Duration) time.Duration {
	healed, agreed := Never, true
	r.eachTips(func(now time.Duration, tips []pow.Hash) bool {
		if now > at && agreed {
			healed = 0 // they agreed at that moment already
			return false
		}
		agreed = agree(tips)
		if now > at && agreed {
			healed = now - at
		}
		return healed == Never
	})
	if healed == Never && agreed {
		healed = 0
	}
	return healed
}

// healedFrom returns how long after the end of a fault all running nodes had one tip,
// Never if they had not. Nodes that were killed count as soon as they run again.
func (r *Result) healedFrom(f Fault) time.Duration {
	end := f.end(r.Plan)
	if f.Kind != Kill {
		return r.healed(end)
	}
	at, missing := end, slices.Clone(f.Nodes)
	for _, c := range r.Tips {
		if c.At >= end && c.Tip != (pow.Hash{}) {
			if i := slices.Index(missing, c.Node); i >= 0 {
				missing, at = slices.Delete(missing, i, i+1), c.At
			}
		}
	}
	healed := r.healed(at)
	if len(missing) > 0 || healed == Never {
		return Never
	}
	return at - end + healed
}

// quiet reports whether no fault but hostile peers is active from a time on for a
// while, so that what spreads meanwhile shows the speed of an undisturbed network.
func (p *Plan) quiet(from, to time.Duration) bool {
	return !slices.ContainsFunc(p.Faults, func(f Fault) bool {
		// Nodes catch up for a while after a fault.
		return f.Kind != Hostile && f.Kind != Heal && f.At <= to && from <= f.end(p)+10*time.Second
	})
}

// spread returns how long it took from at until a share of the nodes, rounded up, had
// seen something; Never if they have not.
func spread(at time.Duration, seen []time.Duration, share float64) time.Duration {
	var times []time.Duration
	for _, t := range seen {
		if t != Never {
			times = append(times, t)
		}
	}
	slices.Sort(times)
	n := int(share*float64(len(seen)) + 0.999)
	if n > len(times) || n == 0 {
		return Never
	}
	return max(times[n-1]-at, 0)
}
