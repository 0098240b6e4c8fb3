package main

import "fmt"

// A block collects straight-line code over virtual registers in SSA form: each is
// written once. schedule chooses the order of the operations, within the data
// flow, and allocate assigns the registers of the machine.
type block struct {
	asm     *asm
	lanes   int    // 32-bit lanes of a vector
	masked  bool   // AVX-512: rotates, ternary logic, embedded broadcast
	first   slot   // added to slot numbers: the first slot of the stream
	scratch string // register with the address of the scratch area
	apart   slot   // added to slot numbers where scratch is the area of another stream
	twoXors bool   // x ^ y ^ z by two instructions instead of ternary logic
	ahead   int    // rounds from the computation of a schedule word to its use

	ops    []op
	emits  int     // operations so far
	age    int     // of the operations to come
	now    float64 // their time
	words  int     // message schedules so far
	slots  slot    // the highest slot so far
	regs   reg
	pinned map[reg]string     // registers that keep their value throughout
	xors   map[string]operand // x ^ y that maj has computed

	// Of a pipeline.
	turn    float64      // rounds of a turn; 0: none
	carried map[reg]reg  // the value that a register takes over from the turn before
	old     [8]bool      // state words that a round reads from memory, if a round has made them
	kept    map[reg]slot // where they are
}

// reg is a virtual register. Zero means none.
type reg int

// slot names a vector in the scratch area. Zero means none.
type slot int

// operand is a 32-bit value in every lane: in a register, in memory, or a constant
// known to the generator.
type operand struct {
	reg   reg
	mem   string // Go assembler form, "64(AX)"
	slot  slot   // the scratch slot that mem is, so that loads follow stores
	name  string // what mem holds, for check; "": whatever was stored there last
	bcast bool   // mem is one 32-bit word for all lanes
	known bool
	value uint32 // if known
}

func (o operand) isReg() bool { return o.reg != 0 }

func r(x reg) operand              { return operand{reg: x} }
func word(mem string) operand      { return operand{mem: mem, bcast: true} }
func constant(v uint32) operand    { return operand{known: true, value: v} }
func (o operand) is(v uint32) bool { return o.known && o.value == v }

// class is the kind of execution resource of an instruction.
type class int

const (
	alu   class = iota // add and logic
	rot                // rotates
	shift              // plain shifts
	shuf               // shuffles
	load               // loads, broadcasts from memory
	store              // stores, and results outside the vector registers
	move               // register copies
	mul                // multiplies
)

// op is one instruction.
type op struct {
	mn    string    // mnemonic
	imm   string    // leading immediate, "$7" or ""
	src   []operand // in the order of the Go assembler, without the destination
	dst   reg       // 0 for a store
	tied  bool      // the last source is overwritten by the result (two-address form)
	store string    // destination of a store
	slot  slot      // scratch slot written by a store
	name  string    // what a store writes, for check
	class class
	order int     // in which the program has it; 0: a move that allocate added
	age   int     // turns of the loop between the start of the item and the operation
	at    float64 // time in rounds, for fold
}

func newBlock(a *asm, lanes int, masked bool) *block {
	return &block{
		asm: a, lanes: lanes, masked: masked, scratch: "SI", ahead: 1,
		pinned: map[reg]string{}, xors: map[string]operand{},
		carried: map[reg]reg{}, kept: map[reg]slot{},
	}
}

func (b *block) emit(o op) reg {
	if o.class != store {
		b.regs++
		o.dst = b.regs
	}
	b.emits++
	o.order, o.age, o.at = b.emits, b.age, b.now
	b.ops = append(b.ops, o)
	return o.dst
}

// pin returns a register that keeps its value throughout.
func (b *block) pin(name string) reg {
	b.regs++
	b.pinned[b.regs] = name
	return b.regs
}

// take returns the operations so far and removes them from the block.
func (b *block) take() []op {
	ops := b.ops
	b.ops = nil
	return ops
}

// at returns the vector in slot s of the scratch area.
func (b *block) at(s slot) operand {
	s += b.first
	b.slots = max(b.slots, s)
	return operand{mem: fmt.Sprintf("%d(%s)", int(s-1)*b.lanes*4, b.scratch), slot: s + b.apart}
}

// put stores x in to.
func (b *block) put(to, x operand) {
	b.emit(op{mn: b.vmov(), src: []operand{r(b.get(x))}, store: to.mem, slot: to.slot, name: to.name, class: store})
}

func (b *block) vmov() string {
	if b.masked {
		return "VMOVDQA32"
	}
	return "VMOVDQA"
}

// source places a constant in memory, and loads a broadcast operand into a register
// on machines without embedded broadcast.
func (b *block) source(x operand) operand {
	if x.known {
		x = b.asm.konst(x.value)
	}
	if x.bcast && !b.masked {
		x = r(b.get(x))
	}
	return x
}

// get returns a register with the operand, loaded if necessary.
func (b *block) get(x operand) reg {
	if x.known {
		x = b.asm.konst(x.value)
	}
	switch {
	case x.isReg():
		return x.reg
	case x.bcast:
		return b.emit(op{mn: "VPBROADCASTD", src: []operand{x}, class: load})
	default:
		return b.emit(op{mn: b.vmov(), src: []operand{x}, class: load})
	}
}

func (b *block) copy(x operand) reg {
	if !x.isReg() {
		return b.get(x)
	}
	return b.emit(op{mn: b.vmov(), src: []operand{x}, class: move})
}

// suffixed appends the broadcast suffix where the memory operand needs it.
func suffixed(mn string, o operand) string {
	if o.bcast {
		return mn + ".BCST"
	}
	return mn
}

// binary emits a commutative instruction, with at most one operand in memory.
func (b *block) binary(mn string, x, y operand) operand {
	x, y = b.source(x), b.source(y)
	if !y.isReg() {
		x, y = y, x
	}
	y = r(b.get(y))
	return r(b.emit(op{mn: suffixed(mn, x), src: []operand{x, y}, class: alu}))
}

func (b *block) add(x, y operand) operand {
	switch {
	case x.known && y.known:
		return constant(x.value + y.value)
	case x.is(0):
		return y
	case y.is(0):
		return x
	}
	return b.binary("VPADDD", x, y)
}

// sum adds the constants first.
func (b *block) sum(terms ...operand) operand {
	var known uint32
	var rest []operand
	for _, t := range terms {
		if t.known {
			known += t.value
		} else {
			rest = append(rest, t)
		}
	}
	if len(rest) == 0 {
		return constant(known)
	}
	s := b.add(rest[0], constant(known))
	for _, t := range rest[1:] {
		s = b.add(s, t)
	}
	return s
}

func (b *block) xor(x, y operand) operand {
	if b.masked {
		return b.binary("VPXORD", x, y)
	}
	return b.binary("VPXOR", x, y)
}

func (b *block) and(x, y operand) operand { return b.binary("VPAND", x, y) }

func (b *block) byImmediate(mn string, x operand, n int, c class) operand {
	x = b.source(x)
	if !b.masked {
		x = r(b.get(x))
	}
	return r(b.emit(op{mn: suffixed(mn, x), imm: fmt.Sprintf("$%d", n), src: []operand{x}, class: c}))
}

func (b *block) ror(x operand, n int) operand { return b.byImmediate("VPRORD", x, n, rot) }
func (b *block) shr(x operand, n int) operand { return b.byImmediate("VPSRLD", x, n, shift) }
func (b *block) shl(x operand, n int) operand { return b.byImmediate("VPSLLD", x, n, shift) }

// ternary is VPTERNLOGD, whose bit A<<2|B<<1|C of imm is the result for bits A
// of a, B of x and C of y. It overwrites a, which must die here.
func (b *block) ternary(imm int, a reg, x, y operand) operand {
	y = b.source(y)
	return r(b.emit(op{
		mn: suffixed("VPTERNLOGD", y), imm: fmt.Sprintf("$0x%02x", imm),
		src: []operand{y, r(b.get(x)), r(a)}, tied: true, class: alu,
	}))
}

// swapBytes reverses the bytes of every lane. mask is the shuffle for it.
func (b *block) swapBytes(mask, x operand) operand {
	return r(b.emit(op{mn: "VPSHUFB", src: []operand{mask, r(b.get(x))}, class: shuf}))
}
