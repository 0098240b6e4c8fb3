package ptx

import "math/bits"

// execute runs a thread from its pc on until it ends or waits for others. The value
// of a register is always within its width; a predicate is 0 or 1.
func (l *launch) execute(t *thread) error {
	code, r, def := l.e.code, t.regs, t.defined
	pc, steps := t.pc, t.steps
	var bad *Fault
loop:
	for {
		in := &code[pc]
		if steps >= l.budget {
			bad = l.fault(t, pc, ErrBudget, "%d instructions", steps)
			break
		}
		steps++
		if def[in.a]&def[in.b]&def[in.c] == 0 {
			bad = l.undefined(t, pc, in.a, in.b, in.c)
			break
		}
		def[in.d] = 1
		pc++
		switch in.op {
		case opExit:
			t.state = done
			if pc-1 == l.e.sentinel {
				steps--
			}
			break loop
		case opBra:
			pc = int(in.imm)
		case opBraIf:
			if r[in.a] != 0 {
				pc = int(in.imm)
			}
		case opBraUnless:
			if r[in.a] == 0 {
				pc = int(in.imm)
			}
		case opSkipIf:
			if r[in.a] != 0 {
				pc++
			} else {
				steps-- // the guarded instruction counts
			}
		case opSkipUnless:
			if r[in.a] == 0 {
				pc++
			} else {
				steps--
			}
		case opTrap:
			bad = l.fault(t, pc-1, ErrTrap, "")
			break loop
		case opNop:
		case opMov:
			r[in.d] = r[in.a] & in.mask
		case opSext:
			r[in.d] = sext(r[in.a], in.sx) & in.mask
		case opAdd:
			r[in.d] = (r[in.a] + r[in.b]) & in.mask
		case opSub:
			r[in.d] = (r[in.a] - r[in.b]) & in.mask
		case opMad:
			r[in.d] = (r[in.a]*r[in.b] + r[in.c]) & in.mask
		case opMadS:
			r[in.d] = (sext(r[in.a], in.sx)*sext(r[in.b], in.sx) + r[in.c]) & in.mask
		case opMadHi:
			r[in.d] = (r[in.a]*r[in.b]>>(64-in.sx) + r[in.c]) & in.mask
		case opMadHiS:
			r[in.d] = (sext(r[in.a], in.sx)*sext(r[in.b], in.sx)>>(64-in.sx) + r[in.c]) & in.mask
		case opMadHi64, opMadHi64S:
			r[in.d] = high(r[in.a], r[in.b], in) + r[in.c]
		case opCarryAdd, opCarrySub, opCarryMad, opCarryMadHi:
			t.withCarry(in)
		case opDiv, opDivS, opRem, opRemS:
			if r[in.b] == 0 {
				bad = l.fault(t, pc-1, ErrDivision, "")
				break loop
			}
			r[in.d] = divide(in, r[in.a], r[in.b])
		case opMin:
			r[in.d] = min(r[in.a], r[in.b])
		case opMax:
			r[in.d] = max(r[in.a], r[in.b])
		case opMinS:
			r[in.d] = uint64(min(int64(sext(r[in.a], in.sx)), int64(sext(r[in.b], in.sx)))) & in.mask
		case opMaxS:
			r[in.d] = uint64(max(int64(sext(r[in.a], in.sx)), int64(sext(r[in.b], in.sx)))) & in.mask
		case opAbs:
			v := int64(sext(r[in.a], in.sx))
			r[in.d] = uint64(max(v, -v)) & in.mask
		case opNeg:
			r[in.d] = -r[in.a] & in.mask
		case opAnd:
			r[in.d] = r[in.a] & r[in.b]
		case opOr:
			r[in.d] = r[in.a] | r[in.b]
		case opXor:
			r[in.d] = r[in.a] ^ r[in.b]
		case opNot:
			r[in.d] = ^r[in.a] & in.mask
		case opShl:
			r[in.d] = r[in.a] << r[in.b] & in.mask
		case opShr:
			r[in.d] = r[in.a] >> r[in.b]
		case opShrS:
			r[in.d] = uint64(int64(sext(r[in.a], in.sx))>>r[in.b]) & in.mask
		case opShfL:
			r[in.d] = (r[in.b]<<32 | r[in.a]) << (r[in.c] & 31) >> 32
		case opShfR:
			r[in.d] = (r[in.b]<<32 | r[in.a]) >> (r[in.c] & 31) & 0xffffffff
		case opShfLClamp:
			r[in.d] = (r[in.b]<<32 | r[in.a]) << min(r[in.c], 32) >> 32
		case opShfRClamp:
			r[in.d] = (r[in.b]<<32 | r[in.a]) >> min(r[in.c], 32) & 0xffffffff
		case opXor3:
			r[in.d] = r[in.a] ^ r[in.b] ^ r[in.c]
		case opChoose:
			r[in.d] = r[in.c] ^ r[in.a]&(r[in.b]^r[in.c])
		case opMajority:
			r[in.d] = r[in.a]&r[in.b] | r[in.c]&(r[in.a]|r[in.b])
		case opLop3:
			r[in.d] = uint64(lop3(uint32(r[in.a]), uint32(r[in.b]), uint32(r[in.c]), in.imm))
		case opPrmt:
			r[in.d] = permute(r[in.b]<<32|r[in.a], r[in.c])
		case opBfe:
			r[in.d] = extract(in, r[in.a], r[in.b], r[in.c])
		case opBfi:
			list := &l.e.lists[in.list]
			if bad = l.undefined(t, pc-1, list[3]); bad != nil {
				break loop
			}
			r[in.d] = insert(in, r[in.a], r[in.b], r[in.c], r[list[3]])
		case opBfind:
			v := r[in.a]
			if in.imm&signed != 0 && v>>(63-in.sx) != 0 {
				v = ^v & mask(int(64-in.sx))
			}
			r[in.d] = uint64(bits.Len64(v)-1) & in.mask
		case opBrev:
			r[in.d] = bits.Reverse64(r[in.a]) >> in.sx
		case opPopc:
			r[in.d] = uint64(bits.OnesCount64(r[in.a]))
		case opClz:
			r[in.d] = uint64(bits.LeadingZeros64(r[in.a])) - uint64(in.sx)
		case opSelp:
			v := r[in.b]
			if r[in.c] != 0 {
				v = r[in.a]
			}
			r[in.d] = v
		case opEq:
			r[in.d] = truth(r[in.a] == r[in.b])
		case opNe:
			r[in.d] = truth(r[in.a] != r[in.b])
		case opLt:
			r[in.d] = truth(r[in.a] < r[in.b])
		case opLe:
			r[in.d] = truth(r[in.a] <= r[in.b])
		case opLtS:
			r[in.d] = truth(int64(r[in.a]<<in.sx) < int64(r[in.b]<<in.sx))
		case opLeS:
			r[in.d] = truth(int64(r[in.a]<<in.sx) <= int64(r[in.b]<<in.sx))
		case opPack:
			list := &l.e.lists[in.list]
			if bad = l.undefined(t, pc-1, list[:in.n]...); bad != nil {
				break loop
			}
			v := uint64(0)
			for i := range in.n {
				v |= r[list[i]] << (i * in.size)
			}
			r[in.d] = v
		case opUnpack:
			v := r[in.a]
			for i, d := range l.e.lists[in.list][:in.n] {
				r[d] = v >> (i * int(in.size)) & in.mask
				def[d] = 1
			}
		case opLd, opLdS, opLdV, opSt, opStV, opAtom:
			if bad = l.access(t, in, pc-1); bad != nil {
				break loop
			}
		case opBar:
			if r[in.a] > 15 {
				bad = l.fault(t, pc-1, ErrBarrier, "barrier %d, expected 0 to 15", r[in.a])
			}
			t.state = atBarrier
			break loop
		default: // of a warp
			t.state = atWarp
			if in.op == opShfl {
				list := &l.e.lists[in.list]
				bad = l.undefined(t, pc-1, list[1], list[2])
			}
			break loop
		}
	}
	t.pc, t.steps = pc, steps
	if bad != nil {
		return bad
	}
	return nil
}

// sext extends the sign of a value of 64-sx bits.
func sext(v uint64, sx uint8) uint64 { return uint64(int64(v<<(sx&63)) >> (sx & 63)) }

// high returns the upper half of a product.
func high(a, b uint64, in *instr) uint64 {
	isSigned := in.imm&signed != 0
	if in.sx != 0 {
		if isSigned {
			a, b = sext(a, in.sx), sext(b, in.sx)
		}
		return a * b >> (64 - in.sx) & in.mask
	}
	h, _ := bits.Mul64(a, b)
	if isSigned {
		h -= uint64(int64(a)>>63)&b + uint64(int64(b)>>63)&a
	}
	return h
}

// withCarry runs the instructions that read or write the carry flag, which is the
// borrow of a subtraction.
func (t *thread) withCarry(in *instr) {
	r := t.regs
	a, b := r[in.a], r[in.b]
	switch in.op {
	case opCarryMad:
		a, b = a*b&in.mask, r[in.c]
	case opCarryMadHi:
		a, b = high(a, b, in), r[in.c]
	}
	carry := uint64(0)
	if in.imm&carryIn != 0 {
		carry = t.carry
	}
	var v, out uint64
	if in.op == opCarrySub {
		v, out = bits.Sub64(a, b, carry)
	} else {
		v, out = bits.Add64(a, b, carry)
		if in.sx == 32 {
			out = v >> 32
		}
	}
	r[in.d] = v & in.mask
	if in.imm&carryOut != 0 {
		t.carry = out
	}
}

func divide(in *instr, a, b uint64) uint64 {
	x, y := int64(sext(a, in.sx)), int64(sext(b, in.sx))
	switch in.op {
	case opDiv:
		return a / b
	case opDivS:
		return uint64(x/y) & in.mask
	case opRem:
		return a % b
	}
	return uint64(x%y) & in.mask
}

// lop3 computes any function of three bits from its table.
func lop3(a, b, c uint32, table uint64) uint32 {
	v := uint32(0)
	for i := range 8 {
		if table>>i&1 == 0 {
			continue
		}
		x, y, z := a, b, c
		if i&4 == 0 {
			x = ^x
		}
		if i&2 == 0 {
			y = ^y
		}
		if i&1 == 0 {
			z = ^z
		}
		v |= x & y & z
	}
	return v
}

// permute selects four of eight bytes, or their signs.
func permute(from, selector uint64) uint64 {
	v := uint64(0)
	for i := 0; i < 32; i += 8 {
		b := from >> ((selector & 7) * 8) & 0xff
		if selector&8 != 0 {
			b = uint64(int8(b)>>7) & 0xff
		}
		v |= b << i
		selector >>= 4
	}
	return v
}

// extract is bfe: n bits of a from position pos on.
func extract(in *instr, a, pos, n uint64) uint64 {
	width := 64 - uint64(in.sx)
	pos, n = pos&0xff, n&0xff
	v := a >> pos & mask(int(min(n, 64)))
	if in.imm&signed != 0 && n > 0 && a>>min(pos+n-1, width-1)&1 == 1 {
		there := width - min(pos, width)
		v |= ^uint64(0) << min(n, there)
	}
	return v & in.mask
}

// insert is bfi: n bits of a into b from position pos on.
func insert(in *instr, a, b, pos, n uint64) uint64 {
	pos, n = pos&0xff, n&0xff
	m := mask(int(min(n, 64))) << pos & in.mask
	return a<<pos&m | b&^m
}
