package main

// model is the part of a processor that the scheduler knows. The hardware
// reorders on its own; what a good static order gives is that the streams
// advance together, that no port has a queue while others starve, and that few
// registers are live.
type model struct {
	width   int           // vector instructions a cycle
	limit   map[class]int // of each class; 0: no limit of its own
	latency map[class]int // cycles
	window  int           // how far behind the oldest waiting operation it looks
	regs    int           // live registers allowed
}

// zen5: four 512-bit pipes, rotates and plain shifts on two of them each.
var zen5 = model{
	width:   4,
	limit:   map[class]int{rot: 2, shift: 2, load: 2, store: 1},
	latency: map[class]int{alu: 2, rot: 2, shift: 2, shuf: 2, load: 1, store: 8},
	window:  60,
	regs:    29,
}

// zen4beside: what Zen 4 leaves to vectors beside one sha256rnds2 a cycle,
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

// schedule orders ops for m, where live registers are in use at the start and
// the values of exit at the end. Cycle by cycle it starts those operations that
// are ready, first in program order first, as long as ports and registers
// last.
func schedule(ops []op, live int, exit map[reg]string, m model) []op {
	n := len(ops)
	g := newGraph(ops)
	start := make([]int, n) // cycle in which it started, -1 before
	for i := range start {
		start[i] = -1
	}
	uses := map[reg]int{}
	for _, o := range ops {
		for _, s := range o.src {
			if s.isReg() {
				uses[s.reg]++
			}
		}
	}
	for v := range exit {
		uses[v]++
	}
	ready := func(i, cycle int) bool {
		for _, d := range g.data[i] {
			if start[d] < 0 || start[d]+m.latency[ops[d].class] > cycle {
				return false
			}
		}
		for _, d := range g.order[i] {
			if start[d] < 0 {
				return false
			}
		}
		return true
	}
	// kills returns the registers that o reads for the last time.
	kills := func(o op) int {
		n := 0
		for i, s := range o.src {
			if s.isReg() && uses[s.reg] == 1 {
				n++
			}
			for _, p := range o.src[:i] { // read twice by one operation
				if s.isReg() && p.reg == s.reg && uses[s.reg] == 2 {
					n++
				}
			}
		}
		return n
	}

	var out []op
	oldest := 0
	for cycle := 0; len(out) < n; cycle++ {
		width, used := 0, map[class]int{}
		for i := oldest; i < min(n, oldest+m.window); i++ {
			o := ops[i]
			if start[i] >= 0 || !ready(i, cycle) {
				continue
			}
			vector := o.class != load && o.class != store && o.class != move
			if vector && width == m.width || m.limit[o.class] > 0 && used[o.class] == m.limit[o.class] {
				continue
			}
			grow := -kills(o)
			if o.dst != 0 {
				grow++
			}
			if live+grow > m.regs && grow > 0 && i != oldest {
				continue
			}
			live += grow
			for _, s := range o.src {
				if s.isReg() {
					uses[s.reg]--
				}
			}
			if vector {
				width++
			}
			used[o.class]++
			start[i] = cycle
			out = append(out, o)
		}
		for oldest < n && start[oldest] >= 0 {
			oldest++
		}
	}
	return out
}

// graph is what must come before what, by index into the operations.
type graph struct {
	data  [][]int // its result is read: wait for the latency
	order [][]int // only the order matters: a scratch slot or register is used again
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
