package lab

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// GenerateOptions say what [Generate] makes. The zero value is good.
type GenerateOptions struct {
	Nodes   int           // 0: 20
	Time    time.Duration // 0: 2 minutes
	Records float64       // per second; 0: 5
	// Kinds are the faults to choose among. Nil: cut, kill, stop, slow and hostile.
	Kinds []FaultKind
}

// Generate makes a plan that follows from a seed and the options alone. Its faults
// come one after the other, and the last one is over 20 s before the end.
func Generate(seed uint64, o GenerateOptions) *Plan {
	p := defaultPlan()
	p.Seed, p.Nodes, p.Time = seed, 20, 2*time.Minute
	if o.Nodes > 0 {
		p.Nodes = o.Nodes
	}
	if o.Time > 0 {
		p.Time = o.Time
	}
	if o.Records > 0 {
		p.Records = o.Records
	}
	p.Links = max(min(8, p.Nodes-1), 0)
	p.Blocks = int(p.Time / (2 * time.Second))
	p.Lines = []Line{{Latency: 50 * time.Millisecond, Rate: 1_250_000, Jitter: 20}}
	kinds := o.Kinds
	if kinds == nil {
		kinds = []FaultKind{Cut, Kill, Stop, Slow, Hostile}
	}
	r := p.random(1)
	at := 5*time.Second + seconds(r, 0, 5)
	for len(kinds) > 0 && p.Nodes > 1 {
		f := p.draw(r, at, kinds[r.IntN(len(kinds))])
		if f.At+max(f.For, time.Second)+settle > p.Time {
			break
		}
		p.Faults = append(p.Faults, f)
		at += f.For + seconds(r, 2, 12)
	}
	return p
}

// random returns a source of random numbers for one use.
func (p *Plan) random(use uint64) *rand.Rand { return rand.New(rand.NewPCG(p.Seed, use)) }

func seconds(r *rand.Rand, from, to int) time.Duration {
	return time.Duration(from*1000+r.IntN((to-from)*1000)) * time.Millisecond
}

// draw returns a random fault of a kind.
func (p *Plan) draw(r *rand.Rand, at time.Duration, k FaultKind) Fault {
	f := Fault{At: at, Kind: k, Nodes: Set{r.IntN(p.Nodes)}}
	switch k {
	case Heal:
		f.Nodes = nil
	case Cut:
		all := r.Perm(p.Nodes)
		n := 1 + r.IntN(p.Nodes/2)
		f.Nodes, f.From = Set(all[:n]), Set(all[n:])
		slices.Sort(f.Nodes)
		slices.Sort(f.From)
		f.For = seconds(r, 5, 30)
	case Slow:
		f.Rate, f.For = []int64{1, 100, 5000}[r.IntN(3)], seconds(r, 5, 20)
	case Clock:
		f.Offset, f.For = time.Duration(r.IntN(7)-3)*time.Hour, seconds(r, 5, 20)
	case Hostile:
		f.Nodes, f.Count, f.Attack, f.For = nil, 1+r.IntN(5), Attacks[r.IntN(len(Attacks))], seconds(r, 5, 20)
	default:
		f.For = seconds(r, 2, 12)
	}
	return f
}

// Mined is a block that a plan has a node make.
type Mined struct {
	At   time.Duration
	Node int
}

// Miners returns who makes a block when: at random times, as with a proof of work. The
// last one comes 10 s before the end, and 5 s after the one before, so that no two
// branches have the same work at the end.
func (p *Plan) Miners() []Mined {
	if p.Blocks == 0 {
		return nil
	}
	r := p.random(2)
	last := max(p.Time-10*time.Second, p.Time/2)
	made := make([]Mined, p.Blocks)
	for i := range made {
		made[i] = Mined{time.Duration(r.Int64N(int64(max(last-5*time.Second, last/2)))), r.IntN(p.Nodes)}
	}
	made[0].At = last
	slices.SortFunc(made, func(a, b Mined) int { return cmp.Compare(a.At, b.At) })
	return made
}

// Dials returns for each node which others it calls: a connected graph with Links
// connections for each node on average.
func (p *Plan) Dials() [][]int {
	r := p.random(3)
	dials := make([][]int, p.Nodes)
	joined := func(a, b int) bool { return slices.Contains(dials[a], b) || slices.Contains(dials[b], a) }
	if p.Links == 0 {
		for i := 1; i < p.Nodes; i++ {
			dials[i] = []int{0}
		}
		return dials
	}
	edges := 0
	order := r.Perm(p.Nodes) // a tree first, so that all are connected
	for i := 1; i < p.Nodes; i++ {
		dials[order[i]] = append(dials[order[i]], order[max(0, i-1-r.IntN(2))])
		edges++
	}
	for want := p.Nodes * p.Links / 2; edges < want; {
		if a, b := r.IntN(p.Nodes), r.IntN(p.Nodes); a != b && !joined(a, b) {
			dials[a] = append(dials[a], b)
			edges++
		}
	}
	return dials
}
