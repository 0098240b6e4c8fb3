package ptx

import (
	"slices"
	"strings"
)

// This file decodes the instructions without a form: those that move data, wait or
// end a thread.

// Kinds of atomic operations, in instr.list.
const (
	atomAdd = iota
	atomAnd
	atomOr
	atomXor
	atomExch
	atomCas
	atomMin
	atomMax
	atomInc
	atomDec
)

var atomics = map[string]struct {
	n     int32
	types string
}{
	"add":  {atomAdd, "u32 s32 u64"},
	"and":  {atomAnd, "b32 b64"},
	"or":   {atomOr, "b32 b64"},
	"xor":  {atomXor, "b32 b64"},
	"exch": {atomExch, "b32 b64"},
	"cas":  {atomCas, "b32 b64"},
	"min":  {atomMin, "u32 s32 u64 s64"},
	"max":  {atomMax, "u32 s32 u64 s64"},
	"inc":  {atomInc, "u32"},
	"dec":  {atomDec, "u32"},
}

// Modifiers without a meaning when threads run one after the other: memory order,
// scope, cache.
var (
	orders = []string{"weak", "volatile", "relaxed", "acquire", "release", "acq_rel", "cta", "gpu", "sys"}
	caches = []string{"nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt"}
)

// modifiers are the parts of an opcode after its first word.
type modifiers struct {
	space    space
	elements int    // of a vector, else 1
	what     string // of an atomic operation or a vote
	typ      typ
	typName  string
}

func (d *decoder) modifiers(name token) modifiers {
	parts := strings.Split(name.text, ".")
	m := modifiers{elements: 1}
	last := len(parts) - 1
	m.typName = parts[last]
	var ok bool
	if m.typ, ok = types[m.typName]; !ok || last == 0 {
		d.unknown(name)
	}
	for _, p := range parts[1:last] {
		s, isSpace := spaces[p]
		switch {
		case isSpace && m.space == spaceGeneric:
			m.space = s
		case p == "v2" && m.elements == 1:
			m.elements = 2
		case p == "v4" && m.elements == 1:
			m.elements = 4
		case slices.Contains(orders, p) || slices.Contains(caches, p):
		case strings.HasPrefix(p, "L1::") || strings.HasPrefix(p, "L2::"):
		case m.what == "" && atomics[p].types != "":
			m.what = p
		default:
			d.unknown(name)
		}
	}
	return m
}

// instruction decodes an instruction that is no branch.
func (d *decoder) instruction(in *instr, name token, args []operand) {
	vector := slices.ContainsFunc(args, func(o operand) bool { return o.kind == operandVector })
	base, rest, _ := strings.Cut(name.text, ".")
	if base == "mov" && vector {
		d.repack(in, name, args)
		return
	}
	if f, ok := forms[name.text]; ok {
		d.compute(in, name, f, args)
		return
	}
	switch base {
	case "ld":
		d.load(in, name, args)
	case "st":
		d.store(in, name, args)
	case "atom", "red":
		d.atomic(in, name, args)
	case "cvta":
		d.convertAddress(in, name, args)
	case "cvt":
		d.convert(in, name, args)
	case "vote":
		d.vote(in, name, args)
	case "shfl":
		d.shuffle(in, name, args)
	case "bar", "barrier":
		d.barrier(in, name, rest, args)
	case "membar", "fence":
		d.count(name, args, 0, 0)
		in.op = opNop
	case "activemask":
		if rest != "b32" {
			d.unknown(name)
		}
		d.count(name, args, 1, 1)
		in.op, in.d, in.a, in.mask = opMov, d.dst(args[0], 32), slotLaneEq, mask(32)
	case "ret", "exit", "trap":
		if rest != "" && name.text != "ret.uni" {
			d.unknown(name)
		}
		d.count(name, args, 0, 0)
		in.op = opExit
		if base == "trap" {
			in.op = opTrap
		}
	default:
		d.unknown(name)
	}
}

// locate sets the address of a memory operand: slot a and offset imm.
func (d *decoder) locate(in *instr, name token, m modifiers, o operand) {
	if o.kind != operandMemory {
		d.wrong(o, "an address in brackets")
	}
	in.space, in.size, in.n = m.space, uint8(m.typ.bits/8), uint8(m.elements)
	in.imm = o.value
	switch {
	case o.based:
		in.a = o.slot
	case o.variable != nil:
		v := o.variable
		if m.space != v.space && m.space != spaceGeneric {
			failAt(o.at.line, ErrSyntax, "%s is in another state space", v.name)
		}
		if m.space == spaceGeneric && windows[v.space] != 0 {
			failAt(o.at.line, ErrSyntax, "the name of %s is not a generic address, expected its state space in %s", v.name, name.text)
		}
		in.a = d.address(v, 0)
	}
}

// elements returns the loaded or stored operands: one, or those of a vector.
func (d *decoder) elements(name token, m modifiers, o operand) []operand {
	if m.elements == 1 {
		return []operand{o}
	}
	if o.kind != operandVector || len(o.list) != m.elements {
		failAt(name.line, ErrSyntax, "%s: expected a vector of %d registers", name.text, m.elements)
	}
	if m.elements*m.typ.bits > 128 {
		d.unknown(name)
	}
	return o.list
}

func (d *decoder) load(in *instr, name token, args []operand) {
	m := d.modifiers(name)
	d.count(name, args, 2, 2)
	if m.typ.bits < 8 || m.what != "" {
		d.unknown(name)
	}
	d.locate(in, name, m, args[1])
	in.op, in.sx = opLd, uint8(64-m.typ.bits)
	if m.typ.signed {
		in.op = opLdS
	}
	var list [4]int32
	for i, o := range d.elements(name, m, args[0]) {
		list[i] = d.target(o, m.typ.bits, 64)
		in.mask = mask(d.e.slots[list[i]].bits)
	}
	in.d = list[0]
	if m.elements > 1 {
		if m.typ.signed && m.typ.bits < 64 {
			// The extension depends on each register.
			for _, i := range list[:m.elements] {
				if b := d.e.slots[i].bits; i != slotScratch && b != m.typ.bits {
					failAt(name.line, ErrUnsupported, "%s into registers of %d bits", name.text, b)
				}
			}
		}
		in.op, in.d, in.list = opLdV, slotScratch, d.list(list)
	}
}

func (d *decoder) store(in *instr, name token, args []operand) {
	m := d.modifiers(name)
	d.count(name, args, 2, 2)
	if m.typ.bits < 8 || m.what != "" || m.space == spaceParam || m.space == spaceConst {
		d.unknown(name)
	}
	d.locate(in, name, m, args[0])
	in.op = opSt
	var list [4]int32
	for i, o := range d.elements(name, m, args[1]) {
		list[i] = d.wide(o, m.typ.bits, 64)
	}
	in.b = list[0]
	if m.elements > 1 {
		in.op, in.b, in.list = opStV, slotZero, d.list(list)
	}
}

func (d *decoder) atomic(in *instr, name token, args []operand) {
	m := d.modifiers(name)
	a := atomics[m.what]
	if !slices.Contains(strings.Fields(a.types), m.typName) || m.elements > 1 ||
		m.space != spaceGeneric && m.space != spaceGlobal && m.space != spaceShared {
		d.unknown(name)
	}
	count := 3
	if m.what == "cas" {
		count = 4
	}
	if strings.HasPrefix(name.text, "red.") {
		if m.what == "cas" || m.what == "exch" {
			d.unknown(name)
		}
		d.count(name, args, 2, 2)
		args = slices.Insert(slices.Clone(args), 0, operand{kind: operandSink})
	}
	d.count(name, args, count, count)
	in.d = d.dst(args[0], m.typ.bits)
	d.locate(in, name, m, args[1])
	in.b = d.src(args[2], m.typ.bits)
	if m.what == "cas" {
		in.c = d.src(args[3], m.typ.bits)
	}
	in.op, in.list, in.sx, in.mask = opAtom, a.n, uint8(64-m.typ.bits), 0
	if m.typ.signed {
		in.mask = signed
	}
}

// repack decodes mov with a vector on one side.
func (d *decoder) repack(in *instr, name token, args []operand) {
	d.count(name, args, 2, 2)
	t, ok := types[strings.TrimPrefix(name.text, "mov.")]
	v, other := args[0], args[1]
	in.op = opUnpack
	if v.kind != operandVector {
		v, other = other, v
		in.op = opPack
	}
	if !ok || t.signed || t.bits < 16 || name.text[4] != 'b' {
		d.unknown(name)
	}
	n := len(v.list)
	each := t.bits / n
	if n == 1 || n == 3 || each*n != t.bits || other.kind == operandVector {
		failAt(name.line, ErrSyntax, "%s: expected a register and a vector of 2 or 4", name.text)
	}
	in.n, in.size, in.mask = uint8(n), uint8(each), mask(each)
	var list [4]int32
	for i, o := range v.list {
		if in.op == opPack {
			list[i] = d.src(o, each)
		} else {
			list[i] = d.dst(o, each)
		}
	}
	in.list = d.list(list)
	if in.op == opPack {
		in.d = d.dst(other, t.bits)
	} else {
		in.a = d.src(other, t.bits)
	}
}

// convert decodes cvt between integers. With a register wider than the type,
// the value is sign- or zero-extended according to the type.
func (d *decoder) convert(in *instr, name token, args []operand) {
	parts := strings.Split(name.text, ".")
	if len(parts) != 3 {
		d.unknown(name)
	}
	to, ok := types[parts[1]]
	from, ok2 := types[parts[2]]
	if !ok || !ok2 || to.bits < 8 || from.bits < 8 || parts[1][0] == 'b' || parts[2][0] == 'b' {
		d.unknown(name)
	}
	d.count(name, args, 2, 2)
	in.d = d.target(args[0], to.bits, 64)
	in.a = d.wide(args[1], from.bits, 64)
	register := d.e.slots[in.d].bits
	if in.d == slotScratch {
		register = to.bits
	}
	in.op, in.mask = opMov, mask(min(from.bits, to.bits))
	switch {
	case to.bits <= from.bits && to.signed:
		in.op, in.sx, in.mask = opSext, uint8(64-to.bits), mask(register)
	case to.bits > from.bits && from.signed:
		in.op, in.sx, in.mask = opSext, uint8(64-from.bits), mask(to.bits)
		if to.signed {
			in.mask = mask(register)
		}
	}
}

// convertAddress decodes cvta: the windows of the state spaces are at fixed generic
// addresses.
func (d *decoder) convertAddress(in *instr, name token, args []operand) {
	rest, to := strings.CutPrefix(name.text, "cvta.to.")
	if !to {
		rest = strings.TrimPrefix(name.text, "cvta.")
	}
	s, ok := spaces[strings.TrimSuffix(rest, ".u64")]
	if !ok || !strings.HasSuffix(rest, ".u64") {
		d.unknown(name)
	}
	d.count(name, args, 2, 2)
	in.d = d.dst(args[0], 64)
	in.a = d.src(args[1], 64)
	in.b = d.constant(windows[s])
	in.op, in.mask = opAdd, mask(64)
	if to {
		in.op = opSub
	}
}

// barrier decodes the barriers of a block or a warp.
func (d *decoder) barrier(in *instr, name token, rest string, args []operand) {
	switch rest {
	case "sync", "sync.aligned", "cta.sync", "cta.sync.aligned":
		d.count(name, args, 1, 1)
		in.op, in.a = opBar, d.src(args[0], 32)
	case "warp.sync":
		d.count(name, args, 1, 1)
		in.op, in.a = opBarWarp, d.src(args[0], 32)
	default:
		d.unknown(name)
	}
	d.e.waits = true
}

// Votes, in instr.n.
const (
	voteAll = iota
	voteAny
	voteUni
)

// vote decodes vote.sync: a is the membership mask, b the predicate.
func (d *decoder) vote(in *instr, name token, args []operand) {
	d.count(name, args, 3, 3)
	bits := 1
	switch name.text {
	case "vote.sync.all.pred":
		in.op, in.n = opVote, voteAll
	case "vote.sync.any.pred":
		in.op, in.n = opVote, voteAny
	case "vote.sync.uni.pred":
		in.op, in.n = opVote, voteUni
	case "vote.sync.ballot.b32":
		in.op, bits = opBallot, 32
	default:
		d.unknown(name)
	}
	in.d = d.dst(args[0], bits)
	if args[1].not {
		in.imm, args[1].not = 1, false
	}
	in.b = d.src(args[1], 1)
	in.a = d.src(args[2], 32)
	d.e.waits = true
}

// Shuffles, in instr.n.
const (
	shuffleUp = iota
	shuffleDown
	shuffleButterfly
	shuffleIndex
)

// shuffle decodes shfl.sync: a is the membership mask, b the value, and the
// list holds the predicate written, the lane and the clamp.
func (d *decoder) shuffle(in *instr, name token, args []operand) {
	n := slices.Index([]string{"shfl.sync.up.b32", "shfl.sync.down.b32", "shfl.sync.bfly.b32", "shfl.sync.idx.b32"}, name.text)
	if n < 0 {
		d.unknown(name)
	}
	d.count(name, args, 5, 5)
	list := [4]int32{slotScratch}
	if q := args[0].pair; q != nil {
		list[0] = d.dst(*q, 1)
		args[0].pair = nil
	}
	list[1], list[2] = d.src(args[2], 32), d.src(args[3], 32)
	in.op, in.n, in.list = opShfl, uint8(n), d.list(list)
	in.d, in.b, in.a = d.dst(args[0], 32), d.src(args[1], 32), d.src(args[4], 32)
	d.e.waits = true
}
