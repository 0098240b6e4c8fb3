package ptx

import "strings"

type op uint8

const (
	opExit op = iota
	opBra
	opBraIf
	opBraUnless
	opSkipIf // skip the next instruction
	opSkipUnless
	opTrap
	opNop
	opMov
	opSext
	opPack
	opUnpack
	opAdd
	opSub
	opMad // also mul, with c zero
	opMadS
	opMadHi
	opMadHiS
	opMadHi64
	opMadHi64S
	opCarryAdd
	opCarrySub
	opCarryMad
	opCarryMadHi
	opDiv
	opDivS
	opRem
	opRemS
	opMin
	opMinS
	opMax
	opMaxS
	opAbs
	opNeg
	opAnd
	opOr
	opXor
	opNot
	opShl
	opShr
	opShrS
	opShfL
	opShfR
	opShfLClamp
	opShfRClamp
	opXor3
	opChoose
	opMajority
	opLop3
	opPrmt
	opBfe
	opBfi
	opBfind
	opBrev
	opPopc
	opClz
	opSelp
	opEq
	opNe
	opLt
	opLtS
	opLe
	opLeS
	opLd
	opLdS
	opLdV
	opSt
	opStV
	opAtom
	opBar
	opBarWarp
	opVote
	opBallot
	opShfl
)

// Bits of imm in the ops with carry, and in others that have signed forms.
const (
	carryIn = 1 << iota
	carryOut
	signed
)

// A form is the syntax of an instruction that computes a value from others.
type form struct {
	op   op
	typ  typ
	args string // a letter for each operand, the destination first, see formTable
	imm  uint64
	swap bool // the first two sources are exchanged
}

// formTable lists instructions by name and types. In args, t has the width of the
// type, w twice that, i 32 bits; p is a predicate, c a constant of 8 bits for imm.
// The ops are those for unsigned and for signed types.
var formTable = []struct {
	name       string
	types      string
	args       string
	op, signed op
	imm        uint64
}{
	{"mov", "b16 b32 b64 u16 u32 u64 s16 s32 s64 pred", "tt", opMov, opMov, 0},
	{"add", ints, "ttt", opAdd, opAdd, 0},
	{"sub", ints, "ttt", opSub, opSub, 0},
	{"mul.lo", ints, "ttt", opMad, opMad, 0},
	{"mul.wide", "u16 u32 s16 s32", "wtt", opMad, opMadS, 0},
	{"mul.hi", "u16 u32 s16 s32", "ttt", opMadHi, opMadHiS, 0},
	{"mul.hi", "u64 s64", "ttt", opMadHi64, opMadHi64S, 0},
	{"mad.lo", ints, "tttt", opMad, opMad, 0},
	{"mad.wide", "u16 u32 s16 s32", "wttw", opMad, opMadS, 0},
	{"mad.hi", "u16 u32 s16 s32", "tttt", opMadHi, opMadHiS, 0},
	{"mad.hi", "u64 s64", "tttt", opMadHi64, opMadHi64S, 0},
	{"add.cc", carries, "ttt", opCarryAdd, opCarryAdd, carryOut},
	{"addc", carries, "ttt", opCarryAdd, opCarryAdd, carryIn},
	{"addc.cc", carries, "ttt", opCarryAdd, opCarryAdd, carryIn | carryOut},
	{"sub.cc", carries, "ttt", opCarrySub, opCarrySub, carryOut},
	{"subc", carries, "ttt", opCarrySub, opCarrySub, carryIn},
	{"subc.cc", carries, "ttt", opCarrySub, opCarrySub, carryIn | carryOut},
	{"mad.lo.cc", carries, "tttt", opCarryMad, opCarryMad, carryOut},
	{"madc.lo", carries, "tttt", opCarryMad, opCarryMad, carryIn},
	{"madc.lo.cc", carries, "tttt", opCarryMad, opCarryMad, carryIn | carryOut},
	{"mad.hi.cc", carries, "tttt", opCarryMadHi, opCarryMadHi, carryOut},
	{"madc.hi", carries, "tttt", opCarryMadHi, opCarryMadHi, carryIn},
	{"madc.hi.cc", carries, "tttt", opCarryMadHi, opCarryMadHi, carryIn | carryOut},
	{"div", ints, "ttt", opDiv, opDivS, 0},
	{"rem", ints, "ttt", opRem, opRemS, 0},
	{"min", ints, "ttt", opMin, opMinS, 0},
	{"max", ints, "ttt", opMax, opMaxS, 0},
	{"abs", "s16 s32 s64", "tt", opAbs, opAbs, 0},
	{"neg", "s16 s32 s64", "tt", opNeg, opNeg, 0},
	{"and", "b16 b32 b64 pred", "ttt", opAnd, opAnd, 0},
	{"or", "b16 b32 b64 pred", "ttt", opOr, opOr, 0},
	{"xor", "b16 b32 b64 pred", "ttt", opXor, opXor, 0},
	{"not", "b16 b32 b64 pred", "tt", opNot, opNot, 0},
	{"shl", "b16 b32 b64", "tti", opShl, opShl, 0},
	{"shr", "b16 b32 b64 u16 u32 u64 s16 s32 s64", "tti", opShr, opShrS, 0},
	{"shf.l.wrap", "b32", "ttti", opShfL, 0, 0},
	{"shf.r.wrap", "b32", "ttti", opShfR, 0, 0},
	{"shf.l.clamp", "b32", "ttti", opShfLClamp, 0, 0},
	{"shf.r.clamp", "b32", "ttti", opShfRClamp, 0, 0},
	{"lop3", "b32", "ttttc", opLop3, 0, 0},
	{"prmt", "b32", "tttt", opPrmt, 0, 0},
	{"bfe", "u32 u64 s32 s64", "ttii", opBfe, opBfe, 0},
	{"bfi", "b32 b64", "tttii", opBfi, 0, 0},
	{"bfind", "u32 u64 s32 s64", "it", opBfind, opBfind, 0},
	{"brev", "b32 b64", "tt", opBrev, 0, 0},
	{"popc", "b32 b64", "it", opPopc, 0, 0},
	{"clz", "b32 b64", "it", opClz, 0, 0},
	{"selp", "b16 b32 b64 u16 u32 u64 s16 s32 s64", "tttp", opSelp, opSelp, 0},
	{"setp.eq", comparable, "ptt", opEq, opEq, 0},
	{"setp.ne", comparable, "ptt", opNe, opNe, 0},
	{"setp.lt", ints, "ptt", opLt, opLtS, 0},
	{"setp.le", ints, "ptt", opLe, opLeS, 0},
	{"setp.gt", ints, "ptt", opLt, opLtS, swapped},
	{"setp.ge", ints, "ptt", opLe, opLeS, swapped},
	{"setp.lo", "u16 u32 u64", "ptt", opLt, 0, 0},
	{"setp.ls", "u16 u32 u64", "ptt", opLe, 0, 0},
	{"setp.hi", "u16 u32 u64", "ptt", opLt, 0, swapped},
	{"setp.hs", "u16 u32 u64", "ptt", opLe, 0, swapped},
}

const (
	ints       = "u16 u32 u64 s16 s32 s64"
	carries    = "u32 s32 u64 s64"
	comparable = "b16 b32 b64 " + ints
	swapped    = 1 << 63 // in imm: the sources are exchanged
)

// forms is formTable by full name, such as mad.lo.u32.
var forms = func() map[string]form {
	all := make(map[string]form)
	for _, f := range formTable {
		for t := range strings.FieldsSeq(f.types) {
			g := form{op: f.op, typ: types[t], args: f.args, imm: f.imm &^ swapped, swap: f.imm&swapped != 0}
			if g.typ.signed {
				g.op = f.signed
				g.imm |= signed
			}
			all[f.name+"."+t] = g
		}
	}
	return all
}()

// bits returns the width of an operand of the form.
func (f form) bits(arg byte) int {
	switch arg {
	case 'w':
		return 2 * f.typ.bits
	case 'i':
		return 32
	case 'p':
		return 1
	}
	return f.typ.bits
}

// compute decodes an instruction with a form.
func (d *decoder) compute(in *instr, name token, f form, args []operand) {
	d.count(name, args, len(f.args), len(f.args))
	in.op, in.imm = f.op, f.imm
	in.sx = uint8(64 - f.typ.bits)
	in.mask = mask(f.bits(f.args[0]))
	in.d = d.dst(args[0], f.bits(f.args[0]))
	var sources [4]int32
	for i, arg := range f.args[1:] {
		o := args[i+1]
		if arg == 'c' {
			if o.kind != operandNumber || o.negative || o.value > 255 {
				d.wrong(o, "a constant from 0 to 255")
			}
			in.imm = o.value
			continue
		}
		if f.op == opMov && o.kind == operandRegister && o.slot < slotFirst && f.typ.bits == 32 {
			sources[i] = o.slot // a special register
			continue
		}
		sources[i] = d.src(o, f.bits(byte(arg)))
	}
	if f.swap {
		sources[0], sources[1] = sources[1], sources[0]
	}
	in.a, in.b, in.c = sources[0], sources[1], sources[2]
	switch in.op {
	case opBfi:
		in.list = d.list(sources)
	case opLop3:
		switch in.imm {
		case 0x96:
			in.op = opXor3
		case 0xca:
			in.op = opChoose
		case 0xe8:
			in.op = opMajority
		}
	}
}
