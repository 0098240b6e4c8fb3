package main

import (
	"fmt"
	"slices"
)

// state is a to h.
type state [8]operand

// xorRotations is x rotated right by n1 ^ by n2 ^ by n3, the last a plain
// shift if it is the small sigma.
func (b *block) xorRotations(x operand, n1, n2, n3 int, small bool) operand {
	if b.masked {
		third := b.ror
		if small {
			third = b.shr
		}
		first := b.ror(x, n1)
		if b.twoXors {
			return b.xor(b.xor(first, b.ror(x, n2)), third(x, n3))
		}
		return b.ternary(0x96, first.reg, b.ror(x, n2), third(x, n3))
	}
	// Without a rotate instruction, the shifted parts are xored.
	x = r(b.get(x))
	rotation := func(n int) operand { return b.xor(b.shr(x, n), b.shl(x, 32-n)) }
	two := b.xor(rotation(n1), rotation(n2))
	if small {
		return b.xor(two, b.shr(x, n3))
	}
	return b.xor(two, rotation(n3))
}

func (b *block) S0(x operand) operand {
	if x.known {
		return constant(bigSigma0(x.value))
	}
	return b.xorRotations(x, 2, 13, 22, false)
}

func (b *block) S1(x operand) operand {
	if x.known {
		return constant(bigSigma1(x.value))
	}
	return b.xorRotations(x, 6, 11, 25, false)
}

func (b *block) s0(x operand) operand {
	if x.known {
		return constant(sigma0(x.value))
	}
	return b.xorRotations(x, 7, 18, 3, true)
}

func (b *block) s1(x operand) operand {
	if x.known {
		return constant(sigma1(x.value))
	}
	return b.xorRotations(x, 17, 19, 10, true)
}

// ch is e ? f : g, bit by bit.
func (b *block) ch(e, f, g operand) operand {
	switch {
	case e.known && f.known && g.known:
		return constant(choose(e.value, f.value, g.value))
	case !b.masked:
		e, f, g = r(b.get(e)), r(b.get(f)), r(b.get(g))
		return b.xor(b.and(b.xor(f, g), e), g)
	case !f.isReg():
		return b.ternary(0xb8, b.copy(g), e, f) // B ? C : A
	default:
		return b.ternary(0xca, b.copy(e), f, g) // A ? B : C
	}
}

// maj is the majority of the bits of x, y and z.
func (b *block) maj(x, y, z operand) operand {
	switch {
	case x.known && y.known && z.known:
		return constant(majority(x.value, y.value, z.value))
	case !b.masked:
		// x ^ y is the y ^ z of the next round.
		return b.xor(b.and(b.xorOf(x, y), b.xorOf(y, z)), y)
	case !y.isReg():
		return b.ternary(0xe8, b.get(y), x, z)
	default:
		return b.ternary(0xe8, b.copy(x), y, z)
	}
}

// xorOf returns x ^ y and remembers it.
func (b *block) xorOf(x, y operand) operand {
	if x.known && y.known {
		return constant(x.value ^ y.value)
	}
	key := fmt.Sprint(x, y)
	if _, ok := b.xors[key]; !ok {
		b.xors[key] = b.xor(x, y)
	}
	return b.xors[key]
}

// round returns the state after a round. hkw are the terms of h + K + W.
// Without wantA, a is not computed.
func (b *block) round(s state, wantA bool, hkw ...operand) state {
	t1 := b.add(b.sum(b.terms(b.ch(s[4], s[5], b.recall(s, 6)), s, hkw)...), b.S1(s[4]))
	next := state{operand{}, s[0], s[1], s[2], b.add(b.recall(s, 3), t1), s[4], s[5], s[6]}
	if wantA {
		next[0] = b.add(b.add(b.S0(s[0]), b.maj(s[0], s[1], b.recall(s, 2))), t1)
	}
	b.keep(next)
	return next
}

// terms returns the terms of h + K + W + ch in the order in which they are added: ch
// last, because it comes last. In a pipeline it comes first if the others are all in
// memory, which saves a load.
func (b *block) terms(ch operand, s state, hkw []operand) []operand {
	if b.turn == 0 {
		return append(hkw, ch)
	}
	var inRegister, inMemory []operand
	for _, x := range hkw {
		if x == s[7] {
			x = b.recall(s, 7)
		}
		if x.isReg() || x.known {
			inRegister = append(inRegister, x)
		} else {
			inMemory = append(inMemory, x)
		}
	}
	if len(inMemory) > 0 && !slices.ContainsFunc(inRegister, operand.isReg) {
		return append(append(inRegister, ch), inMemory...)
	}
	return append(append(inRegister, inMemory...), ch)
}

// stateRing is the number of rounds after which the slot of a state word is written
// again. Each segment of an item has a ring of its own.
const stateRing = 8

// keep stores the new words of a state that later rounds read from memory.
func (b *block) keep(s state) {
	round, segment := slot(b.now), slot(b.segment(b.now+1))
	for i, x := range []operand{s[0], s[4]} {
		if x.isReg() && slices.Contains(b.old[4*i:4*i+4], true) {
			b.kept[x.reg] = slotState + 2*(stateRing*segment+round%stateRing) + slot(i)
			b.put(b.at(b.kept[x.reg]), x)
		}
	}
}

// recall returns word i of a state, from memory if rounds read it there.
func (b *block) recall(s state, i int) operand {
	if at, ok := b.kept[s[i].reg]; ok && b.old[i] {
		return b.at(at)
	}
	return s[i]
}

// words is a message schedule. Every word made is stored in its slot, if it
// has one, and read from there except soon after.
type words struct {
	b      *block
	number int // of the message schedule
	word   [64]operand
	slot   [64]slot
	stored [64]bool // by set
}

func newWords(b *block) *words {
	b.words++
	return &words{b: b, number: b.words}
}

// at returns the slot of W[t].
func (w *words) at(t int) operand {
	x := w.b.at(w.slot[t])
	if w.stored[t] {
		x.name = fmt.Sprintf("W[%d] of message %d", t, w.number)
	}
	return x
}

// set makes x the word t.
func (w *words) set(t int, x operand) {
	w.word[t] = x
	if w.slot[t] != 0 && !x.known {
		w.stored[t] = true
		w.b.put(w.at(t), x)
	}
}

// near is W[t] for a use shortly after it was made, far for a later one. Where
// registers are few, both are read from memory.
func (w *words) near(t int) operand {
	if !w.b.masked {
		return w.far(t)
	}
	return w.word[t]
}

func (w *words) far(t int) operand {
	if w.slot[t] != 0 && !w.word[t].known {
		return w.at(t)
	}
	return w.word[t]
}

// extend makes W[t] of those before it.
func (w *words) extend(t int) {
	w.set(t, w.b.sum(w.b.s0(w.far(t-15)), w.far(t-16), w.far(t-7), w.b.s1(w.near(t-2))))
}

// ringSlots gives the words from t on to last a place in a ring of slots. With
// AVX-512 those that are only read soon after stay in registers.
func (w *words) ringSlots(first slot, t, last int) {
	if w.b.masked {
		last -= 7
	}
	for ; t <= last; t++ {
		w.slot[t] = first + slot(t%ring)
	}
}

// ring is longer than the 16 words that are alive, so that stores can run
// ahead of loads.
const ring = 32

// rounds runs the rounds 0 to last on s with the words w, whose first 16 are
// set. Only e is wanted of the last four rounds if onlyE. The constant extra
// is added in the last round.
func (b *block) rounds(s state, w *words, last int, onlyE bool, extra uint32) state {
	begin := b.now
	for t := 0; t <= last; t++ {
		b.now = begin + float64(t)
		if n := t + b.ahead; n >= 16 && n <= last {
			w.extend(n)
		}
		kw := []operand{s[7], w.near(t), constant(k[t])}
		if t < 16 {
			kw[1] = w.far(t)
		}
		if t == last {
			kw = append(kw, constant(extra))
		}
		s = b.round(s, !onlyE || t <= last-4, kw...)
	}
	return s
}

func ivState() (s state) {
	for i, v := range iv {
		s[i] = constant(v)
	}
	return s
}
