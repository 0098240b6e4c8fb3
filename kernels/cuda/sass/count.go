package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// pipe is the execution unit of a multiprocessor for an instruction.
type pipe int

const (
	other pipe = iota // memory, branches, the uniform datapath: an issue slot only
	alu               // logic, shifts, adds, comparisons, moves
	fma               // every form of integer multiply and add
)

// pipes has the opcodes of the kernels, except those that take no slot of the two
// pipes.
var pipes = func() map[string]pipe {
	m := map[string]pipe{}
	for _, op := range strings.Fields("IADD3 LOP3 SHF LEA ISETP SEL PRMT MOV PLOP3 IMNMX VIMNMX CS2R P2R R2P SGXT BMSK IABS") {
		m[op] = alu
	}
	for _, op := range strings.Fields("IMAD IMUL") {
		m[op] = fma
	}
	return m
}()

// neither has the opcodes that take no slot of the two pipes. An opcode in neither
// list is an error: its cost is unknown.
var neither = regexp.MustCompile(`^(U[A-Z0-9]+|LDC|LDS|STS|LDG|STG|LD|ST|LDL|STL|ATOM|ATOMG|RED|S2R|S2UR|R2UR|BRA|EXIT|BSSY|BSYNC|BAR|NOP|VOTE|VOTEU|WARPSYNC|RET|CALL|POPC|FLO|MEMBAR|ERRBAR|CCTL|YIELD|BMOV|BREAK|DEPBAR|REDUX)$`)

// instruction is an instruction in a listing of nvdisasm.
type instruction struct {
	address     string // hexadecimal
	op          string // without modifiers
	wide        bool   // IMAD.WIDE or IMAD.HI: takes the FMA pipe twice as long
	conditional bool
	target      string // of a branch: a label
	labels      []string
}

var (
	line  = regexp.MustCompile(`^\s*/\*([0-9a-f]+)\*/\s+(?:(@!?U?P\w+)\s+)?([A-Z][A-Z0-9_]*)((?:\.[A-Z0-9_]+)*)\s*(.*?)\s*;`)
	label = regexp.MustCompile(`^([.\w$]+):\s*$`)
	to    = regexp.MustCompile("`\\(([^)]+)\\)")
)

// parse reads the instructions of a function in a listing.
func parse(listing, function string) ([]instruction, error) {
	var all []instruction
	var labels []string
	in := false
	for text := range strings.Lines(listing) {
		text = strings.TrimRight(text, "\n")
		if strings.Contains(text, "\t.section\t") {
			in = strings.Contains(text, ".text."+function+",")
			continue
		}
		if !in {
			continue
		}
		if m := label.FindStringSubmatch(text); m != nil {
			labels = append(labels, m[1])
			continue
		}
		m := line.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		i := instruction{address: m[1], op: m[3], conditional: m[2] != "", labels: labels}
		labels = nil
		i.wide = i.op == "IMAD" && (strings.HasPrefix(m[4], ".WIDE") || strings.HasPrefix(m[4], ".HI"))
		if i.op == "BRA" {
			if t := to.FindStringSubmatch(m[5]); t != nil {
				i.target = t[1]
			}
			// "BRA P0, `(.L)" and "BRA.DIV" may also continue with the next instruction.
			i.conditional = i.conditional || strings.Contains(m[4], ".DIV") || regexp.MustCompile(`^!?U?P\d`).MatchString(m[5])
		}
		all = append(all, i)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no code of %s in the listing", function)
	}
	return all, nil
}

// block is a basic block: control enters at its first instruction and leaves at its
// last.
type block struct {
	first, last int
	next        []int // blocks that can follow
}

// blocks splits a function into basic blocks.
func blocks(code []instruction) []block {
	at := map[string]int{}
	starts := map[int]bool{0: true}
	for i, x := range code {
		for _, l := range x.labels {
			at[l] = i
			starts[i] = true
		}
		if x.op == "BRA" || x.op == "EXIT" || x.op == "RET" {
			starts[i+1] = true
		}
	}
	var all []block
	of := map[int]int{} // block by its first instruction
	for i := range code {
		if starts[i] {
			of[i] = len(all)
			all = append(all, block{first: i})
		}
		all[len(all)-1].last = i
	}
	for n := range all {
		b := &all[n]
		x := code[b.last]
		if x.op == "BRA" {
			if i, ok := at[x.target]; ok {
				b.next = append(b.next, of[i])
			}
		}
		if (x.op != "BRA" && x.op != "EXIT" && x.op != "RET" || x.conditional) && n+1 < len(all) {
			b.next = append(b.next, n+1)
		}
	}
	return all
}

// predecessors returns for each block those that it can follow.
func predecessors(all []block) [][]int {
	before := make([][]int, len(all))
	for n, b := range all {
		for _, m := range b.next {
			before[m] = append(before[m], n)
		}
	}
	return before
}

// dominators returns for each block those on every path to it.
func dominators(all []block) []map[int]bool {
	before := predecessors(all)
	dom := make([]map[int]bool, len(all))
	for n := range all {
		dom[n] = map[int]bool{}
		for m := range all {
			dom[n][m] = n > 0
		}
	}
	dom[0][0] = true
	for changed := true; changed; {
		changed = false
		for n := 1; n < len(all); n++ {
			for m := range all {
				if !dom[n][m] || m == n {
					continue
				}
				if slices.ContainsFunc(before[n], func(p int) bool { return !dom[p][m] }) {
					dom[n][m] = false
					changed = true
				}
			}
		}
	}
	return dom
}

// Slots are the warp instructions of one pass of a hot loop.
type Slots struct {
	Issue, ALU, FMA int
}

// loop is a natural loop of a function.
type loop struct {
	ends []int // blocks that go back to the head
	body map[int]bool
	size int // instructions
}

// loopsOf returns the loops of a function by their heads. dom has its dominators.
func loopsOf(all []block, dom []map[int]bool) map[int]*loop {
	before := predecessors(all)
	loops := map[int]*loop{}
	for n, b := range all {
		for _, head := range b.next {
			if !dom[n][head] || head == n && all[n].last == all[n].first { // ptxas ends a kernel with a branch to itself
				continue
			}
			l := loops[head]
			if l == nil {
				l = &loop{body: map[int]bool{head: true}}
				loops[head] = l
			}
			l.ends = append(l.ends, n)
			for todo := []int{n}; len(todo) > 0; {
				m := todo[len(todo)-1]
				todo = todo[:len(todo)-1]
				if !l.body[m] {
					l.body[m] = true
					todo = append(todo, before[m]...)
				}
			}
		}
	}
	for _, l := range loops {
		for m := range l.body {
			l.size += all[m].last - all[m].first + 1
		}
	}
	return loops
}

// hotLoop returns the longest of the loops without a large inner loop, or nil if
// there is none.
func hotLoop(loops map[int]*loop) (hot *loop) {
	for head, l := range loops {
		inner := true
		for other, m := range loops {
			inner = inner && !(other != head && l.body[other] && !m.body[head] && 4*m.size > l.size)
		}
		if inner && (hot == nil || l.size > hot.size) {
			hot = l
		}
	}
	return hot
}

// count counts the instructions of the hot loop of a function. Blocks that are not
// part of every pass do not count: they handle a hit.
func count(code []instruction) (Slots, error) {
	all := blocks(code)
	dom := dominators(all)
	hot := hotLoop(loopsOf(all, dom))
	if hot == nil {
		return Slots{}, errors.New("there is no loop")
	}
	var s Slots
	for n := range hot.body {
		if slices.ContainsFunc(hot.ends, func(end int) bool { return !dom[end][n] }) {
			continue
		}
		if err := s.add(code[all[n].first : all[n].last+1]); err != nil {
			return Slots{}, err
		}
	}
	return s, nil
}

// add adds the slots of instructions.
func (s *Slots) add(code []instruction) error {
	for _, x := range code {
		s.Issue++
		switch p, known := pipes[x.op]; {
		case !known && !neither.MatchString(x.op):
			return fmt.Errorf("instruction %s at %s: its pipe is unknown", x.op, x.address)
		case p == alu:
			s.ALU++
		case p == fma && x.wide:
			s.FMA += 2
		case p == fma:
			s.FMA++
		}
	}
	return nil
}
