package main

import "fmt"

// state is a to h, each in a register or constant in memory.
type state [8]operand

// bigSigma is the xor of three rotations.
func (b *block) bigSigma(x operand, n1, n2, n3 int) reg {
	if b.masked {
		return b.xor3(b.ror(x, n1), r(b.ror(x, n2)), r(b.ror(x, n3)))
	}
	// Without a rotate instruction the six shifted parts are xored in pairs.
	p := func(n int) operand { return r(b.logic2("VPXOR", r(b.shr(x, n)), r(b.shl(x, 32-n)))) }
	return b.logic2("VPXOR", r(b.logic2("VPXOR", p(n1), p(n2))), p(n3))
}

// smallSigma is the xor of two rotations and a shift.
func (b *block) smallSigma(x operand, n1, n2, n3 int) operand {
	if b.masked {
		return r(b.xor3(b.ror(x, n1), r(b.ror(x, n2)), r(b.shr(x, n3))))
	}
	x = r(b.get(x))
	p := func(n int) operand { return r(b.logic2("VPXOR", r(b.shr(x, n)), r(b.shl(x, 32-n)))) }
	return r(b.logic2("VPXOR", r(b.logic2("VPXOR", p(n1), p(n2))), r(b.shr(x, n3))))
}

func (b *block) S0(x operand) operand { return r(b.bigSigma(x, 2, 13, 22)) }
func (b *block) S1(x operand) operand { return r(b.bigSigma(x, 6, 11, 25)) }
func (b *block) s0(x operand) operand { return b.smallSigma(x, 7, 18, 3) }
func (b *block) s1(x operand) operand { return b.smallSigma(x, 17, 19, 10) }

// ch is e ? f : g, bit by bit.
func (b *block) ch(e, f, g operand) operand {
	if !b.masked {
		e, f, g = r(b.get(e)), r(b.get(f)), r(b.get(g))
		return r(b.logic2("VPXOR", r(b.logic2("VPAND", r(b.logic2("VPXOR", f, g)), e)), g))
	}
	if g.isReg() && !f.isReg() { // result over g; f may be in memory
		return r(b.tern(0xb8, b.copy(g.r), e, f)) // A=g B=e C=f: B?C:A
	}
	if !g.isReg() {
		return r(b.tern(0xb8, b.get(g), e, f))
	}
	return r(b.tern(0xca, b.copy(e.r), f, g)) // A=e B=f C=g: A?B:C
}

// maj is the majority of the bits of a, b and c.
func (b *block) maj(x, y, z operand) operand {
	if !b.masked {
		// y ^ ((x^y) & (y^z)), where y^z is the x^y of the round before.
		xy := b.xorOf(x, y)
		return r(b.logic2("VPXOR", r(b.logic2("VPAND", xy, b.xorOf(y, z))), y))
	}
	if !y.isReg() { // y and z constant
		return r(b.tern(0xe8, b.get(y), x, z))
	}
	return r(b.tern(0xe8, b.copy(x.r), y, z))
}

// xorOf returns x ^ y and remembers it.
func (b *block) xorOf(x, y operand) operand {
	key := fmt.Sprint(x, y)
	if v, ok := b.xors[key]; ok {
		return v
	}
	v := r(b.logic2("VPXOR", r(b.get(x)), y))
	b.xors[key] = v
	return v
}

// want tells which parts of a round's result are used later.
type want int

const (
	wantBoth want = iota
	wantE
)

// round returns the state after a round. hkw is h + K + W, as one operand or
// two that are still to be added.
func (b *block) round(s state, w want, hkw ...operand) state {
	x := b.sum(append(hkw, b.ch(s[4], s[5], s[6]))...)
	t1 := b.add(x, b.S1(s[4]))
	e := b.add(s[3], t1)
	var a operand
	if w == wantBoth {
		a = b.add(b.add(b.S0(s[0]), b.maj(s[0], s[1], s[2])), t1)
	}
	return state{a, s[0], s[1], s[2], e, s[4], s[5], s[6]}
}

// words is a message schedule: the words still in registers, and the slots
// from which older ones are read again.
type words struct {
	b    *block
	reg  [64]operand // the value as computed
	slot [64]slot
	used [64]bool
}

// near is w[t] for a use shortly after it was made, far for a later use.
func (w *words) near(t int) operand { return w.reg[t] }
func (w *words) far(t int) operand {
	if w.slot[t] != 0 {
		return w.b.at(w.slot[t])
	}
	return w.reg[t]
}

// set makes x the word t and stores it in its slot.
func (w *words) set(t int, x operand) {
	w.reg[t] = x
	if w.slot[t] != 0 {
		w.b.put(w.slot[t], x.r)
	}
}
