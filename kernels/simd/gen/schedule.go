package main

// model describes a processor for the scheduler. The hardware reorders
// instructions too; a good static order lets the streams advance together, keeps
// all ports busy, and needs few registers.
type model struct {
	width   int           // vector instructions per cycle
	limit   map[class]int // per class and cycle; 0: none
	latency map[class]int // cycles
	window  int           // operations considered, from the oldest waiting one on
	regs    int           // maximal live registers
}

// zen5: four 512-bit pipes, rotates and plain shifts on two of them each.
var zen5 = model{
	width:   4,
	limit:   map[class]int{rot: 2, shift: 2, load: 2, store: 1},
	latency: map[class]int{alu: 2, rot: 2, shift: 2, shuf: 2, load: 1, store: 8},
	window:  60,
	regs:    29,
}

// zen5apart is zen5 with dependent operations further apart.
var zen5apart = model{
	width:   4,
	limit:   map[class]int{rot: 2, shift: 2, load: 2, store: 1},
	latency: map[class]int{alu: 3, rot: 3, shift: 3, shuf: 3, load: 1, store: 8},
	window:  60,
	regs:    29,
}

// zen4beside: the resources of Zen 4 for vectors beside one sha256rnds2 per cycle,
// with dependent instructions well apart.
var zen4beside = model{
	width:   3,
	limit:   map[class]int{rot: 1, shift: 2, load: 2, store: 1},
	latency: map[class]int{alu: 3, rot: 3, shift: 3, shuf: 3, load: 1, store: 8},
	window:  60,
	regs:    14,
}

// older is the model for AVX2: Haswell to Zen 4 have three or four 256-bit
// pipes with a latency of one cycle, and two of them shift.
var older = model{
	width:   3,
	limit:   map[class]int{shift: 2, load: 2, store: 1},
	latency: map[class]int{alu: 1, shift: 2, shuf: 1, load: 1, store: 6},
	window:  60,
	regs:    15,
}

// schedule orders ops for m. live is the number of registers in use at the start,
// and exit has the values that are still in use at the end. Cycle by cycle it
// starts the operations that are ready, in program order, as far as ports and
// registers allow. The oldest operation may always take a register.
func schedule(ops []op, live int, exit map[reg]string, m model) []op {
	s := scheduler{model: m, ops: ops, graph: newGraph(ops), start: make([]int, len(ops)), uses: map[reg]int{}, live: live}
	for i := range s.start {
		s.start[i] = waiting
	}
	for _, o := range ops {
		for _, x := range o.src {
			if x.isReg() {
				s.uses[x.reg]++
			}
		}
	}
	for v := range exit {
		s.uses[v]++
	}
	for cycle := 0; len(s.out) < len(ops); cycle++ {
		s.cycle(cycle)
	}
	return s.out
}

// waiting is the start of an operation that has not started.
const waiting = -1

// scheduler is the state of schedule.
type scheduler struct {
	model
	ops    []op
	graph  graph
	start  []int       // cycle in which each operation started
	oldest int         // the first that has not started
	uses   map[reg]int // reads of a register that are still to come
	live   int         // registers in use
	out    []op
}

// cycle starts the operations of one cycle.
func (s *scheduler) cycle(cycle int) {
	width, used := 0, map[class]int{}
	for i := s.oldest; i < min(len(s.ops), s.oldest+s.window); i++ {
		o := s.ops[i]
		if s.start[i] != waiting || !s.ready(i, cycle) {
			continue
		}
		vector := o.class != load && o.class != store && o.class != move
		if vector && width == s.width || s.limit[o.class] > 0 && used[o.class] == s.limit[o.class] {
			continue
		}
		grow := -s.kills(o)
		if o.dst != 0 {
			grow++
		}
		if s.live+grow > s.regs && grow > 0 && i != s.oldest {
			continue
		}
		s.live += grow
		for _, x := range o.src {
			if x.isReg() {
				s.uses[x.reg]--
			}
		}
		if vector {
			width++
		}
		used[o.class]++
		s.start[i] = cycle
		s.out = append(s.out, o)
	}
	for s.oldest < len(s.ops) && s.start[s.oldest] != waiting {
		s.oldest++
	}
}

// ready reports whether the operation with index i can start in a cycle.
func (s *scheduler) ready(i, cycle int) bool {
	for _, d := range s.graph.data[i] {
		if s.start[d] == waiting || s.start[d]+s.latency[s.ops[d].class] > cycle {
			return false
		}
	}
	for _, d := range s.graph.order[i] {
		if s.start[d] == waiting {
			return false
		}
	}
	return true
}

// kills returns the number of registers that o reads for the last time.
func (s *scheduler) kills(o op) int {
	n := 0
	for i, x := range o.src {
		if x.isReg() && s.uses[x.reg] == 1 {
			n++
		}
		for _, p := range o.src[:i] { // read twice by one operation
			if x.isReg() && p.reg == x.reg && s.uses[x.reg] == 2 {
				n++
			}
		}
	}
	return n
}

// graph has the predecessors of each operation, by index into the operations.
type graph struct {
	data  [][]int // those whose result it reads, after their latency
	order [][]int // those that only come first: it reuses a scratch slot or register
}

func newGraph(ops []op) graph {
	g := graph{make([][]int, len(ops)), make([][]int, len(ops))}
	def := map[reg]int{}
	stored := map[slot]int{}
	readers := map[slot][]int{}
	regReaders := map[reg][]int{}
	for i, o := range ops {
		for _, s := range o.src {
			if d, ok := def[s.reg]; ok && s.isReg() {
				g.data[i] = append(g.data[i], d)
			}
			if s.slot != 0 {
				if d, ok := stored[s.slot]; ok {
					g.data[i] = append(g.data[i], d)
				}
				readers[s.slot] = append(readers[s.slot], i)
			}
		}
		if o.tied { // the other readers of the register it overwrites come first
			t := o.src[len(o.src)-1].reg
			g.order[i] = append(g.order[i], regReaders[t]...)
		}
		for _, s := range o.src {
			if s.isReg() {
				regReaders[s.reg] = append(regReaders[s.reg], i)
			}
		}
		if o.slot != 0 {
			g.order[i] = append(g.order[i], readers[o.slot]...)
			if d, ok := stored[o.slot]; ok {
				g.order[i] = append(g.order[i], d)
			}
			readers[o.slot], stored[o.slot] = nil, i
		}
		if o.dst != 0 {
			def[o.dst] = i
		}
	}
	return g
}
