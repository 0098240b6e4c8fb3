package main

import (
	"fmt"
	"math/bits"
	"slices"
)

// maxFactor is the highest value of a limb that may be multiplied: VPMADD52 reads
// the low 52 bits of its factors.
const maxFactor = 1<<52 - 1

// limb is a 64-bit number in each of eight lanes. No lane can be below low or above
// high: every operation computes the range of its result, and fails where a
// result could be wrong. That is the proof that no sum overflows, no difference is
// negative, and no factor is too long.
type limb struct {
	at        operand
	low, high uint64
}

// limbs builds straight-line code over limbs.
type limbs struct {
	*block
	pool  *pool64
	stage string // for errors

	bounds []string // of the values that are worth a line
	done   []op     // scheduled
	masks  int      // mask registers in use so far

	// The constants in registers throughout.
	zero, nineteen, mask limb
}

// pool64 has 64-bit constants in memory, whose address is in BX.
type pool64 []uint64

// zen5limbs is zen5 with the two pipes that multiply.
var zen5limbs = model{
	width:   4,
	limit:   map[class]int{mul: 2, shift: 2, load: 2, store: 1},
	latency: map[class]int{alu: 2, mul: 4, shift: 2, load: 1, store: 8},
	window:  120,
	regs:    27,
}

// newLimbs returns a builder for the code of a stage.
func newLimbs(stage string, pool *pool64) *limbs {
	l := &limbs{block: newBlock(newAsm(4), 16, true), pool: pool, stage: stage}
	l.zero = limb{at: r(l.pin("Z31"))}
	l.nineteen = limb{r(l.pin("Z30")), 19, 19}
	l.mask = limb{r(l.pin("Z29")), limbMask, limbMask}
	return l
}

// at returns the address of v.
func (p *pool64) at(v uint64) string {
	i := slices.Index(*p, v)
	if i < 0 {
		i = len(*p)
		*p = append(*p, v)
	}
	return fmt.Sprintf("%d(BX)", 8*i)
}

// cut schedules the operations so far, apart from those that follow. Only memory and
// the constants pass a cut.
func (l *limbs) cut() {
	l.done = append(l.done, schedule(l.take(), len(l.pinned), nil, zen5limbs)...)
}

// constant returns v from memory.
func (l *limbs) constant(v uint64) limb {
	return limb{operand{mem: l.pool.at(v), bcast: true}, v, v}
}

// fail ends the program with the name of the stage.
func (l *limbs) fail(format string, args ...any) {
	fail("%s: %s", l.stage, fmt.Sprintf(format, args...))
}

// load returns x in a register.
func (l *limbs) load(x limb) limb {
	switch {
	case x.at.isReg():
	case x.at.bcast:
		x.at = r(l.emit(op{mn: "VPBROADCASTQ", src: []operand{x.at}, class: load}))
	default:
		x.at = r(l.emit(op{mn: "VMOVDQU64", src: []operand{x.at}, class: load}))
	}
	return x
}

// store writes x to a slot.
func (l *limbs) store(to slot, x limb) { l.storeAt(l.at(to), x) }

// storeAt writes x to memory.
func (l *limbs) storeAt(o operand, x limb) {
	l.emit(op{mn: "VMOVDQU64", src: []operand{l.load(x).at}, store: o.mem, slot: o.slot, class: store})
}

// sourceOf returns x and y with at most the second in memory.
func (l *limbs) sourceOf(x, y limb) (limb, limb) {
	if !x.at.isReg() && y.at.isReg() {
		return y, x
	}
	return l.load(x), y
}

// binary emits an instruction with the sources x, in a register, and y.
func (l *limbs) binary(mn string, x, y limb, c class) operand {
	return r(l.emit(op{mn: suffixed(mn, y.at), src: []operand{y.at, l.load(x).at}, class: c}))
}

// add returns x + y.
func (l *limbs) add(x, y limb) limb {
	high, overflow := bits.Add64(x.high, y.high, 0)
	if overflow != 0 {
		l.fail("a sum can reach 2^64: up to %#x + %#x", x.high, y.high)
	}
	a, b := l.sourceOf(x, y)
	return limb{l.binary("VPADDQ", a, b, alu), x.low + y.low, high}
}

// sub returns x - y.
func (l *limbs) sub(x, y limb) limb {
	if x.low < y.high {
		l.fail("a difference can go below zero: from %#x on - up to %#x", x.low, y.high)
	}
	return limb{l.binary("VPSUBQ", x, y, alu), x.low - y.high, x.high - y.low}
}

// shiftRight returns x >> n.
func (l *limbs) shiftRight(x limb, n int) limb {
	o := l.emit(op{mn: suffixed("VPSRLQ", x.at), imm: fmt.Sprintf("$%d", n), src: []operand{x.at}, class: shift})
	return limb{r(o), x.low >> n, x.high >> n}
}

// shiftLeft returns x << n.
func (l *limbs) shiftLeft(x limb, n int) limb {
	if bits.Len64(x.high)+n > 64 {
		l.fail("a shift by %d can lose bits of up to %#x", n, x.high)
	}
	o := l.emit(op{mn: suffixed("VPSLLQ", x.at), imm: fmt.Sprintf("$%d", n), src: []operand{x.at}, class: shift})
	return limb{r(o), x.low << n, x.high << n}
}

// low51 returns the low 51 bits of x.
func (l *limbs) low51(x limb) limb {
	m := limb{l.binary("VPANDQ", l.mask, x, alu), 0, min(x.high, limbMask)}
	if x.high <= limbMask {
		m.low = x.low
	}
	return m
}

// times19 returns 19 x.
func (l *limbs) times19(x limb) limb {
	over, high := bits.Mul64(x.high, 19)
	if over != 0 {
		l.fail("19 times up to %#x can reach 2^64", x.high)
	}
	return limb{l.binary("VPMULLQ", l.nineteen, x, mul), 19 * x.low, high}
}

// blend returns y in the lanes whose bits are set in the mask register, x in others.
func (l *limbs) blend(mask string, x, y limb) limb {
	o := l.emit(op{mn: "VPBLENDMQ", src: []operand{l.load(y).at, l.load(x).at, {mem: mask}}, class: alu})
	return limb{r(o), min(x.low, y.low), max(x.high, y.high)}
}

// subWhere returns x - y in the lanes whose bits are set in the mask register, y in
// others. It overwrites y, which must die here.
func (l *limbs) subWhere(mask string, x, y limb) limb {
	d := limb{low: x.low - y.high, high: x.high - y.low}
	if x.low < y.high {
		l.fail("a difference can go below zero: from %#x on - up to %#x", x.low, y.high)
	}
	d.at = r(l.emit(op{mn: "VPSUBQ", src: []operand{y.at, l.load(x).at, {mem: mask}, y.at}, tied: true, class: alu}))
	return limb{d.at, min(d.low, y.low), max(d.high, y.high)}
}

// none returns a new zero, as the first value of a sum of products.
func (l *limbs) none() limb {
	return limb{at: r(l.emit(op{mn: "VMOVDQA64", src: []operand{l.zero.at}, class: move}))}
}

// addLow returns s + (x y mod 2^52). It overwrites s, which must die here.
func (l *limbs) addLow(s, x, y limb) limb {
	low, high := uint64(0), uint64(maxFactor)
	if over, p := bits.Mul64(x.high, y.high); over == 0 && p <= maxFactor {
		low, high = x.low*y.low, p
	}
	return l.addProduct("VPMADD52LUQ", s, x, y, low, high)
}

// addHigh returns s + floor(x y / 2^52). It overwrites s, which must die here.
func (l *limbs) addHigh(s, x, y limb) limb {
	return l.addProduct("VPMADD52HUQ", s, x, y, above52(x.low, y.low), above52(x.high, y.high))
}

// above52 returns floor(x y / 2^52).
func above52(x, y uint64) uint64 {
	high, low := bits.Mul64(x, y)
	return high<<12 | low>>52
}

// addProduct adds a half of x y, which is from low to high, to s.
func (l *limbs) addProduct(mn string, s, x, y limb, low, high uint64) limb {
	for _, f := range []limb{x, y} {
		if f.high > maxFactor {
			l.fail("a factor can reach 2^52: up to %#x", f.high)
		}
	}
	most, overflow := bits.Add64(s.high, high, 0)
	if overflow != 0 {
		l.fail("a sum of products can reach 2^64: up to %#x + %#x", s.high, high)
	}
	x, y = l.sourceOf(x, y)
	o := l.emit(op{
		mn: suffixed(mn, y.at), src: []operand{y.at, x.at, s.at}, tied: true, class: mul,
	})
	return limb{r(o), s.low + low, most}
}

// prune removes the operations whose results nobody reads.
func prune(ops []op) []op {
	read := map[reg]bool{}
	var kept []op
	for _, o := range slices.Backward(ops) {
		if o.class != store && !read[o.dst] {
			continue
		}
		for _, x := range o.src {
			read[x.reg] = true
		}
		kept = append(kept, o)
	}
	slices.Reverse(kept)
	return kept
}
