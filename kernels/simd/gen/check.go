package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The generator checks the lines of every loop that it makes: each line must read the
// values that the program means, from registers and from memory.
//
// A turn of a loop begins an item: a vector of nonces or of headers. The plain program
// does all steps of item 0, then all of item 1, and so on. It has a register for each
// value of the vector code, and a slot for each message word. The generated turn has
// few registers and slots, another order, and steps of several items. check runs both
// with labels instead of numbers: a value is the step that wrote it and the item. Each
// step must read the same labels in both.
//
// Where registers are given by hand, the plain program has the same registers, but
// runs the chains or streams one after the other.

// A step is one line of a turn.
type step struct {
	text  string
	order int    // position in the plain program, among steps of one age; 0: a move that allocate added
	age   int    // turns from the start of the item to the step
	late  bool   // the step runs one turn later than its age, but keeps its position in the plain program
	plain access // in the plain program
	real  access // in the generated turn
}

// lag is the number of turns from the start of the item to the turn with the step.
func (s step) lag() int {
	if s.late {
		return s.age + 1
	}
	return s.age
}

// plain returns the access of an operation in the plain program. Its operands in memory
// are those of the generated line, real. Where it reads a register of carried, which
// the loop needs to take a value to the next turn, the plain program has the value.
func (o op) plain(real access, carried map[reg]reg) access {
	a := access{slices.Clone(real.reads), slices.Clone(real.writes)}
	for i, s := range o.src {
		if v, ok := carried[s.reg]; ok {
			a.reads[i] = v.span()
		} else if s.isReg() {
			a.reads[i] = s.reg.span()
		} else {
			a.reads[i].name = s.name
		}
	}
	if o.dst != 0 {
		a.writes[0] = o.dst.span()
	} else {
		a.writes[0].name = o.name
	}
	return a
}

func (v reg) span() span { return span{base: fmt.Sprintf("v%d", v)} }

// steps returns the lines of ops with the registers of name.
func (b *block) steps(ops []op, name map[reg]string) []step {
	steps := make([]step, len(ops))
	for i, l := range b.asm.format(ops, name) {
		o := ops[i]
		real := parse(l, o.tied, 4*b.lanes)
		steps[i] = step{text: l, order: o.order, age: o.age, plain: o.plain(real, b.carried), real: real}
	}
	return steps
}

// streamLine writes a line of a stream whose registers are given by hand, and returns it
// as a step. The plain program runs the streams one after the other.
func (a *asm) streamLine(stream int, format string, args ...any) *step {
	a.line(format, args...)
	text, _, _ := strings.Cut(fmt.Sprintf(format, args...), " // ")
	s := step{text: text, order: 1 + stream<<20 + len(a.streams), plain: parseLine(text), real: parseLine(text)}
	a.streams = append(a.streams, s)
	return &a.streams[len(a.streams)-1]
}

// endTurn ends the turn of a loop that streamLine has written, and checks it.
func (a *asm) endTurn() {
	a.check(turn{steps: a.streams})
	a.streams = nil
}

// A turn has the steps of one turn of a loop. Code that runs once counts as a loop.
type turn struct {
	steps []step
	loop
}

// A loop is what surrounds a turn.
type loop struct {
	pinned map[reg]string // registers that keep their value throughout
	entry  map[reg]string // registers with values at the start of each turn
	exit   map[reg]string // registers with values at the end of each turn

	// where returns the area of memory to which an address register points in a
	// turn, and the offset in the area. Nil: each register has its own area.
	where func(base string, turn int) (area string, offset int)
}

// check returns an error if a step reads another value than in the plain program, or if
// the turns leave another value in a register of exit or in memory.
func (t turn) check() error {
	turns := 0
	for _, s := range t.steps {
		turns = max(turns, s.lag()+2) // all of the first two items
	}
	c := &checker{turn: t, before: map[place]int32{}}
	c.sort()
	want := c.plainReads(turns)
	held := holder{c, map[place]value{}}
	for n := range turns {
		c.enter(n, held)
		for i, s := range c.steps {
			item := n - s.lag()
			if s.order == 0 {
				held.write(n, s.real.writes[0], held.read(n, s.real.reads[0])[0])
				continue
			}
			if item >= 0 { // items below 0 have begun before the first turn
				if err := c.compare(i, item, held, want[item][i]); err != nil {
					return err
				}
			}
			for _, w := range s.real.writes {
				if err := c.overwrite(i, item, held, w); err != nil {
					return err
				}
				held.write(n, w, value{int32(i), int32(item)})
			}
		}
		if err := c.leave(n, held); err != nil {
			return err
		}
	}
	return nil
}

// checker is the state of check.
type checker struct {
	turn
	before map[place]int32 // numbers of the values that places hold before the loop
	plain  []int           // indices of the steps, in plain order
	rank   []int           // place of each step in plain
	writer map[span]int    // index of the step that writes a virtual register
}

// sort sets plain, rank and writer.
func (c *checker) sort() {
	for i, s := range c.steps {
		if s.order != 0 {
			c.plain = append(c.plain, i)
		}
	}
	slices.SortStableFunc(c.plain, func(i, j int) int {
		x, y := c.steps[i], c.steps[j]
		return cmp.Or(x.age-y.age, x.order-y.order)
	})
	c.rank, c.writer = make([]int, len(c.steps)), map[span]int{}
	for n, i := range c.plain {
		c.rank[i] = n
		for _, w := range c.steps[i].plain.writes {
			c.writer[w] = i
		}
	}
}

// place is a register, or a 32-bit word in memory.
type place struct {
	area string
	word int
}

const register = -1 // the word of a register

// value is the result of a step, by index into the turn, for an item. With the step
// fromBefore it is what a place held before the loop, and item is the number of that
// value.
type value struct{ step, item int32 }

const fromBefore = -1

// initial returns the value that a place holds before the loop.
func (c *checker) initial(p place) value {
	n, ok := c.before[p]
	if !ok {
		n = int32(len(c.before))
		c.before[p] = n
	}
	return value{fromBefore, n}
}

// holder has the values of all places.
type holder struct {
	*checker
	values map[place]value
}

// first returns the place of the first word of a span in a turn.
func (h holder) first(turn int, s span) place {
	if s.words == 0 {
		return place{s.base, register}
	}
	area, offset := s.base, 0
	if h.where != nil {
		area, offset = h.where(s.base, turn)
	}
	return place{area, (offset + s.at) / 4}
}

func (h holder) read(turn int, s span) []value {
	p := h.first(turn, s)
	out := make([]value, max(1, s.words))
	for i := range out {
		v, ok := h.values[p]
		if !ok {
			v = h.initial(p)
		}
		out[i] = v
		p.word++
	}
	return out
}

func (h holder) write(turn int, s span, v value) {
	p := h.first(turn, s)
	for range max(1, s.words) {
		h.values[p] = v
		p.word++
	}
}

// plainReads returns what each step reads in the plain program: by item, step and
// operand.
func (c *checker) plainReads(items int) [][][][]value {
	held := holder{c, map[place]value{}}
	reads := make([][][][]value, items)
	for item := range reads {
		reads[item] = make([][][]value, len(c.steps))
		for _, i := range c.plain {
			s := c.steps[i]
			t := item + s.lag()
			for _, r := range s.plain.reads {
				reads[item][i] = append(reads[item][i], held.read(t, r.named()))
			}
			for _, w := range s.plain.writes {
				held.write(t, w, value{int32(i), int32(item)})
				held.write(t, w.named(), value{int32(i), int32(item)})
			}
		}
	}
	return reads
}

// compare returns an error if step i reads other values than want.
func (c *checker) compare(i, item int, held holder, want [][]value) error {
	s := c.steps[i]
	if len(s.real.reads) != len(want) {
		return fmt.Errorf("%q reads %d operands, want %d", s.text, len(s.real.reads), len(want))
	}
	for j, r := range s.real.reads {
		got := held.read(item+s.lag(), r)
		for w := range got {
			if got[w] != want[j][w] {
				return fmt.Errorf("%q for item %d: %v holds %s, want %s", s.text, item, r, c.name(got[w]), c.name(want[j][w]))
			}
		}
	}
	return nil
}

// overwrite returns an error if step i overwrites a word in memory that the plain program
// writes later. So memory ends as the plain program leaves it.
func (c *checker) overwrite(i, item int, held holder, w span) error {
	if w.words == 0 {
		return nil
	}
	for _, v := range held.read(item+c.steps[i].lag(), w) {
		if v.step != fromBefore && cmp.Or(int(v.item)-item, c.rank[v.step]-c.rank[i]) > 0 {
			return fmt.Errorf("%q for item %d overwrites %s, which the plain program writes later", c.steps[i].text, item, c.name(v))
		}
	}
	return nil
}

// enter sets the registers that hold values at the start of turn t.
func (c *checker) enter(t int, held holder) {
	for _, values := range []map[reg]string{c.pinned, c.entry} {
		for v, n := range values {
			held.write(t, spanOf(n, 0), c.initial(place{v.span().base, register}))
		}
	}
}

// leave returns an error if a pinned register or one of exit holds a wrong value at the
// end of turn t.
func (c *checker) leave(t int, held holder) error {
	for _, values := range []map[reg]string{c.pinned, c.exit} {
		for _, v := range slices.Sorted(maps.Keys(values)) {
			want := c.initial(place{v.span().base, register})
			if i, ok := c.writer[v.span()]; ok {
				want = value{int32(i), int32(t - c.steps[i].lag())}
			}
			if got := held.read(t, spanOf(values[v], 0))[0]; got != want {
				return fmt.Errorf("at the end %s holds %s, want %s", values[v], c.name(got), c.name(want))
			}
		}
	}
	return nil
}

// name describes a value.
func (c *checker) name(v value) string {
	if v.step != fromBefore {
		return fmt.Sprintf("the result of %q for item %d", c.steps[v.step].text, v.item)
	}
	for p, n := range c.before {
		if n == v.item {
			if p.word == register {
				return "what was in " + p.area + " before"
			}
			return fmt.Sprintf("what was at %d(%s) before", 4*p.word, p.area)
		}
	}
	return "nothing"
}
