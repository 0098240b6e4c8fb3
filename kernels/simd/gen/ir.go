package main

import "fmt"

// A program is straight-line code over virtual registers in SSA form: each is
// written once. The order of the operations is free as far as the data flow
// allows; schedule chooses one, allocate gives out the machine's registers.

// reg is a virtual register. Zero means none.
type reg int

// operand is what an instruction reads: a register, or memory.
type operand struct {
	r    reg
	mem  string // Go assembler form, "64(AX)"
	slot slot   // the scratch slot behind mem, so that loads follow their stores
	bc   bool   // a 32-bit word in memory, to be broadcast to all lanes
}

func (o operand) isReg() bool { return o.r != 0 }

// slot names a place in the scratch area of the kernel. Zero means none.
type slot int

// class says what an instruction asks of the machine.
type class int

const (
	alu   class = iota // add and logic
	rot                // rotates
	shift              // plain shifts
	shuf               // shuffles
	load               // loads, broadcasts from memory
	store              // stores
	move               // register copies
	sha                // sha256rnds2
)

// op is one instruction.
type op struct {
	mn     string    // mnemonic
	imm    string    // leading immediate, "$7" or ""
	src    []operand // in the order of the Go assembler, without the destination
	dst    reg       // 0 for a store
	tied   bool      // the last source is overwritten by the result (two-address form)
	store  string    // memory written, for a store
	slot   slot      // scratch slot written, for a store
	class  class
	stream int // which of the interleaved streams it belongs to
}

// block collects operations.
type block struct {
	asm     *asm
	pinned  map[reg]string
	ops     []op
	regs    reg
	xors    map[string]operand // of maj, without ternary logic
	stream  int
	masked  bool   // has ternary logic, embedded broadcast and rotates (AVX-512)
	lanes   int    // 32-bit lanes of a vector
	scratch string // base register of the scratch area
}

func (b *block) emit(o op) reg {
	if o.class != store {
		b.regs++
		o.dst = b.regs
	}
	o.stream = b.stream
	b.ops = append(b.ops, o)
	return o.dst
}

func r(x reg) operand { return operand{r: x} }

// word is a broadcast operand: the 32-bit word at mem.
func word(mem string) operand { return operand{mem: mem, bc: true} }

// at is the vector in scratch slot s.
func (b *block) at(s slot) operand {
	return operand{mem: fmt.Sprintf("%d(%s)", int(s-1)*b.lanes*4, b.scratch), slot: s}
}

func (b *block) put(s slot, x reg) {
	b.emit(op{mn: b.vmov(), src: []operand{r(x)}, store: b.at(s).mem, slot: s, class: store})
}

func (b *block) vmov() string {
	if b.masked {
		return "VMOVDQA32"
	}
	return "VMOVDQA"
}

// mn appends the broadcast suffix where the memory operand needs it.
func bcast(mn string, o operand) string {
	if o.bc {
		return mn + ".BCST"
	}
	return mn
}

// get brings an operand into a register.
func (b *block) get(x operand) reg {
	switch {
	case x.isReg():
		return x.r
	case x.bc:
		return b.emit(op{mn: "VPBROADCASTD", src: []operand{x}, class: load})
	default:
		return b.emit(op{mn: b.vmov(), src: []operand{x}, class: load})
	}
}

// add returns x + y. At most one of them may be in memory.
func (b *block) add(x, y operand) operand {
	if !y.isReg() {
		x, y = y, x
	}
	if !y.isReg() {
		y = r(b.get(y))
	}
	if x.bc && !b.masked {
		x = r(b.get(x))
	}
	return r(b.emit(op{mn: bcast("VPADDD", x), src: []operand{x, y}, class: alu}))
}

func (b *block) sum(x ...operand) operand {
	s := x[0]
	for _, y := range x[1:] {
		s = b.add(s, y)
	}
	return s
}

func (b *block) ror(x operand, n int) reg {
	return b.emit(op{mn: bcast("VPRORD", x), imm: fmt.Sprintf("$%d", n), src: []operand{x}, class: rot})
}

func (b *block) shr(x operand, n int) reg {
	return b.emit(op{mn: bcast("VPSRLD", x), imm: fmt.Sprintf("$%d", n), src: []operand{x}, class: shift})
}

func (b *block) shl(x operand, n int) reg {
	return b.emit(op{mn: "VPSLLD", imm: fmt.Sprintf("$%d", n), src: []operand{x}, class: shift})
}

// logic2 is a two-input logic instruction.
func (b *block) logic2(mn string, x, y operand) reg {
	if !y.isReg() {
		x, y = y, x
	}
	return b.emit(op{mn: mn, src: []operand{x, y}, class: alu})
}

// tern is VPTERNLOGD: the result overwrites a, so that a must die here.
func (b *block) tern(imm int, a reg, x, c operand) reg {
	return b.emit(op{mn: bcast("VPTERNLOGD", c), imm: fmt.Sprintf("$0x%02x", imm), src: []operand{c, x, r(a)}, tied: true, class: alu})
}

func (b *block) copy(x reg) reg {
	return b.emit(op{mn: b.vmov(), src: []operand{r(x)}, class: move})
}

// xor3 returns a ^ x ^ c. a must die here where the machine has ternary logic.
func (b *block) xor3(a reg, x, c operand) reg {
	if b.masked {
		return b.tern(0x96, a, x, c)
	}
	return b.logic2("VPXOR", r(b.logic2("VPXOR", r(a), x)), c)
}
