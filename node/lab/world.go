package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"stele/engine/pow"
	"stele/node/ledger/record"
)

// World is where a plan happens: nodes, the network between them, and what can go
// wrong. [Run] calls it. Methods that name a node concern that one only. An error that
// is errors.ErrUnsupported means that the world does not have something.
//
// Send and Has are safe for concurrent use, the other methods are called one at a time.
type World interface {
	// Stage returns the name of the kind of world.
	Stage() string
	// Poll returns how often the nodes are looked at.
	Poll() time.Duration
	// Open starts all nodes, and returns when they are connected, or after some
	// seconds. clock returns the time since the begin of the run.
	Open(ctx context.Context, logs *logBook) (genesis pow.Hash, err error)

	// Begin begins a fault, and End ends it.
	Begin(ctx context.Context, f Fault) error
	End(ctx context.Context, f Fault) error

	// Mine has a node make a block on its tip.
	Mine(ctx context.Context, node int) error
	// Send sends a node a new record, and returns when the node has acknowledged it.
	Send(ctx context.Context, node int) (record.ID, error)

	// Observe returns how the tip of a node has changed since the last call, and
	// the blocks that it has connected.
	Observe(ctx context.Context, node int) (Observation, error)
	// Has reports whether a record is in the pool of a node.
	Has(ctx context.Context, node int, id record.ID) bool
	// Connected returns the honest nodes to which a node is connected.
	Connected(ctx context.Context, node int) (Set, error)

	// Finish stops all nodes, and returns what they were, what became of the records,
	// and what the check of their files found.
	Finish(ctx context.Context, records []*Record) ([]*Final, error)
}

// Observation is what happened to the chain of a node since the last look.
type Observation struct {
	Tip       pow.Hash
	Depth     int         // blocks disconnected
	Deep      []record.ID // see TipChange
	Connected []Connected
}

// Connected is a block that joined the chain of a node.
type Connected struct {
	Hash, Parent pow.Hash
	Height       uint32
	Miner        int // -1: not known
	Bytes        int
	IDs          []record.ID // without the coinbase; nil: not known
	Records      int
}

// runner is a run in progress.
type runner struct {
	p     *Plan
	w     World
	r     *Result
	logs  *logBook
	begin time.Time

	down   []int // for each node, faults that keep it from working; 0: it works
	blocks map[pow.Hash]*Block
	sends  sync.WaitGroup

	mu      sync.Mutex       // guards what follows
	waiting map[*Record]bool // that not all nodes have
	records map[record.ID]*Record
}

// event is something that the plan has happen.
type event struct {
	at time.Duration
	do func(ctx context.Context)
}

// Run lets a plan happen in a world, and returns what was observed. It waits for all
// that it started. The error is one of the world; what the nodes did wrong is in the
// result.
func Run(ctx context.Context, p *Plan, w World) (*Result, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	began := time.Now()
	run := &runner{
		p: p, w: w, down: make([]int, p.Nodes), begin: began,
		r:      &Result{Plan: p, Stage: w.Stage(), Started: began},
		blocks: make(map[pow.Hash]*Block), waiting: make(map[*Record]bool), records: make(map[record.ID]*Record),
	}
	run.logs = &logBook{clock: func() time.Duration { return run.now() }}
	genesis, err := w.Open(ctx, run.logs)
	if err == nil {
		run.r.Genesis = genesis
		run.begin = time.Now()
		err = run.play(ctx)
	}
	run.sends.Wait()
	finals, finishErr := w.Finish(ctx, run.r.Records)
	run.r.Finals, run.r.Logs, run.r.Real = finals, run.logs.all(), time.Since(began)
	return run.r, errors.Join(err, finishErr)
}

// now returns the time since the begin of the plan.
func (run *runner) now() time.Duration { return time.Since(run.begin) }

// play makes the events of the plan happen, and looks at the nodes in between.
func (run *runner) play(ctx context.Context) error {
	events := run.events()
	poll := run.w.Poll()
	var looked, connections time.Duration
	for end := run.p.Time; ; {
		now := run.now()
		for len(events) > 0 && events[0].at <= now {
			events[0].do(ctx)
			events = events[1:]
		}
		if now >= looked {
			looked = now + poll
			run.look(ctx)
		}
		if now >= connections {
			connections = now + max(time.Second, poll)
			run.lookAtConnections(ctx)
		}
		if now >= end && len(events) == 0 {
			return nil
		}
		next := looked
		if len(events) > 0 {
			next = min(next, events[0].at)
		}
		if !wait(ctx, max(next-run.now(), 0)) {
			return ctx.Err()
		}
	}
}

// events returns the events of the plan, by their times. Faults that last to its end
// end there, and then there is one more block and time to agree on it.
func (run *runner) events() []event {
	p := run.p
	var events []event
	add := func(at time.Duration, do func(ctx context.Context)) { events = append(events, event{at, do}) }
	for _, f := range p.Faults {
		if f.Kind == Heal {
			continue
		}
		add(f.At, func(ctx context.Context) { run.fault(ctx, f, true) })
		add(f.end(p), func(ctx context.Context) { run.fault(ctx, f, false) })
	}
	miners := p.Miners()
	for _, m := range miners {
		add(m.At, func(ctx context.Context) { run.mine(ctx, m.Node) })
	}
	if p.LastFault()+10*time.Second > p.Time && p.Blocks > 0 {
		add(p.Time+time.Second, func(ctx context.Context) { run.mine(ctx, 0) })
		add(p.Time+11*time.Second, func(context.Context) {})
	}
	r := p.random(4)
	for range int(p.Records * (p.Time - 10*time.Second).Seconds()) {
		at, node := time.Duration(r.Int64N(int64(p.Time-10*time.Second))), r.IntN(p.Nodes)
		add(at, func(ctx context.Context) { run.send(ctx, node) })
	}
	slices.SortStableFunc(events, func(a, b event) int { return int(a.at - b.at) })
	return events
}

// fault begins or ends a fault.
func (run *runner) fault(ctx context.Context, f Fault, begin bool) {
	what, do := "ends", run.w.End
	if begin {
		what, do = "begins", run.w.Begin
	}
	run.logs.add(-1, fmt.Sprintf("%s: %s", what, f))
	err := do(ctx, f)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		if begin {
			run.r.Missed = append(run.r.Missed, fmt.Sprintf("%s (%v)", f, err))
		}
		return
	case err != nil:
		run.logs.add(-1, fmt.Sprintf("%s: %v", f, err))
		run.r.Missed = append(run.r.Missed, fmt.Sprintf("%s (%s: %v)", f, what, err))
	}
	if f.Kind != Kill && f.Kind != Stop {
		return
	}
	for _, n := range f.Nodes {
		switch {
		case begin:
			run.down[n]++
			if f.Kind == Kill {
				run.r.Tips = append(run.r.Tips, TipChange{At: run.now(), Node: n})
			}
		default:
			run.down[n]--
		}
	}
}

// working returns a node, or the next one that works; -1: none does.
func (run *runner) working(node int) int {
	for i := range run.p.Nodes {
		if n := (node + i) % run.p.Nodes; run.down[n] == 0 {
			return n
		}
	}
	return -1
}

// mine has a node make a block, or the next one that works.
func (run *runner) mine(ctx context.Context, node int) {
	if node = run.working(node); node < 0 {
		return
	}
	if err := run.w.Mine(ctx, node); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		run.logs.add(node, fmt.Sprintf("block not made: %v", err))
	}
	run.observe(ctx, node) // so that the block is known before others have it
}

// send sends a node a record, or the next one that works.
func (run *runner) send(ctx context.Context, node int) {
	if node = run.working(node); node < 0 {
		return
	}
	at := run.now()
	run.sends.Go(func() {
		id, err := run.w.Send(ctx, node)
		if err != nil {
			run.logs.add(node, fmt.Sprintf("record not acknowledged: %v", err))
			return
		}
		rec := &Record{ID: id, Node: node, At: at, Seen: never(run.p.Nodes)}
		rec.Seen[node] = at
		run.mu.Lock()
		defer run.mu.Unlock()
		run.r.Records = append(run.r.Records, rec)
		run.waiting[rec], run.records[id] = true, rec
	})
}

// never returns n times Never.
func never(n int) []time.Duration { return slices.Repeat([]time.Duration{Never}, n) }

// look looks at all nodes that work.
func (run *runner) look(ctx context.Context) {
	for n := range run.p.Nodes {
		if run.down[n] == 0 {
			run.observe(ctx, n)
		}
	}
	run.mu.Lock()
	defer run.mu.Unlock()
	for rec := range run.waiting {
		missing := false
		for n, seen := range rec.Seen {
			if seen != Never {
				continue
			}
			if run.down[n] == 0 && run.w.Has(ctx, n, rec.ID) {
				rec.Seen[n] = run.now()
				continue
			}
			missing = true
		}
		if !missing {
			delete(run.waiting, rec)
		}
	}
}

// observe looks at the chain of a node.
func (run *runner) observe(ctx context.Context, node int) {
	o, err := run.w.Observe(ctx, node)
	if err != nil {
		run.logs.add(node, fmt.Sprintf("not observed: %v", err))
		return
	}
	if o.Tip == (pow.Hash{}) {
		return // no change
	}
	now := run.now()
	run.r.Tips = append(run.r.Tips, TipChange{At: now, Node: node, Tip: o.Tip, Depth: o.Depth, Deep: o.Deep})
	run.mu.Lock()
	defer run.mu.Unlock()
	for _, c := range o.Connected {
		b := run.blocks[c.Hash]
		if b == nil {
			b = &Block{Hash: c.Hash, Parent: c.Parent, Height: c.Height, Miner: c.Miner, At: now, Records: c.Records, Bytes: c.Bytes, Seen: never(run.p.Nodes)}
			run.blocks[c.Hash] = b
			run.r.Blocks = append(run.r.Blocks, b)
		}
		if b.Seen[node] == Never {
			b.Seen[node] = now
		}
		for _, id := range c.IDs {
			if rec := run.records[id]; rec != nil && rec.Seen[node] == Never {
				rec.Seen[node] = now
			}
		}
	}
}

// lookAtConnections notes which nodes are connected.
func (run *runner) lookAtConnections(ctx context.Context) {
	l := Connections{At: run.now(), Peers: make([]Set, run.p.Nodes)}
	for n := range run.p.Nodes {
		if run.down[n] > 0 {
			continue
		}
		peers, err := run.w.Connected(ctx, n)
		if err != nil {
			run.logs.add(n, fmt.Sprintf("connections not known: %v", err))
			continue
		}
		l.Peers[n] = peers
	}
	run.r.Links = append(run.r.Links, l)
}
