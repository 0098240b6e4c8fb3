package main

import (
	"fmt"
	"math/big"
)

// Slots of the memory of the hash: eight messages in the lanes.
const (
	sha512Words  slot = 1                 // 16: the last words of the message schedule
	sha512State  slot = sha512Words + 16  // 8
	sha512Blocks slot = sha512State + 8   // 16: a block of 128 bytes for each lane
	sha512End    slot = sha512Blocks + 16 //
)

// sha512Constants returns the constants of the rounds: the first 64 bits of the
// fractions of the cube roots of the first 80 primes (FIPS 180-4).
func sha512Constants() (all []uint64) {
	for n := int64(2); len(all) < 80; n++ {
		p := big.NewInt(n)
		if !p.ProbablyPrime(0) {
			continue
		}
		all = append(all, new(big.Int).And(cubeRoot(p.Lsh(p, 192)), new(big.Int).SetUint64(1<<64-1)).Uint64())
	}
	return all
}

// cubeRoot returns the cube root of x, rounded down.
func cubeRoot(x *big.Int) *big.Int {
	root := new(big.Int)
	for bit := x.BitLen()/3 + 1; bit >= 0; bit-- {
		root.SetBit(root, bit, 1)
		if cube := new(big.Int).Exp(root, big.NewInt(3), nil); cube.Cmp(x) > 0 {
			root.SetBit(root, bit, 0)
		}
	}
	return root
}

// plus returns x + y modulo 2^64.
func (l *limbs) plus(x, y operand) operand {
	if !y.isReg() {
		x, y = y, x
	}
	if !y.isReg() {
		y = l.load(limb{at: y}).at
	}
	return r(l.emit(op{mn: suffixed("VPADDQ", x), src: []operand{x, y}, class: alu}))
}

// rotations returns the exclusive or of x rotated right by i and j, and rotated right
// or shifted by n.
func (l *limbs) rotations(x operand, i, j int, last string, n int) operand {
	one := func(mn string, n int, c class) operand {
		return r(l.emit(op{mn: mn, imm: fmt.Sprintf("$%d", n), src: []operand{x}, class: c}))
	}
	a := one("VPRORQ", i, rot)
	return l.ternary(0x96, a.reg, one("VPRORQ", j, rot), one(last, n, rot))
}

// choice returns f with the bits of x, y and z, whose table is imm.
func (l *limbs) choice(imm int, x, y, z operand) operand {
	copied := l.emit(op{mn: "VMOVDQA64", src: []operand{x}, class: move})
	return l.ternary(imm, copied, y, z)
}

// sha512Block adds the block of each lane of the mask K1 to its hash.
func sha512Block(l *limbs) {
	l.loadWords()
	l.cut()
	var s [8]operand
	for i := range s {
		s[i] = l.load(limb{at: l.at(sha512State + slot(i))}).at
	}
	for t, k := range sha512Constants() {
		w := l.scheduleWord(t)
		a, b, c, e, f, g := s[0], s[1], s[2], s[4], s[5], s[6]
		t1 := l.plus(l.plus(s[7], l.constant(k).at), w)
		t1 = l.plus(t1, l.choice(0xca, e, f, g))
		t1 = l.plus(t1, l.rotations(e, 14, 18, "VPRORQ", 41))
		t2 := l.plus(l.choice(0xe8, a, b, c), l.rotations(a, 28, 34, "VPRORQ", 39))
		s = [8]operand{l.plus(t1, t2), a, b, c, l.plus(s[3], t1), e, f, g}
	}
	for i, x := range s {
		old := limb{at: l.at(sha512State + slot(i))}
		l.store(sha512State+slot(i), l.blend("K1", old, limb{at: l.plus(x, old.at)}))
	}
}

// loadWords puts the words of the blocks in the lanes.
func (l *limbs) loadWords() {
	first := l.pool.at(0x0001020304050607)
	l.pool.at(0x08090a0b0c0d0e0f)
	swap := r(l.emit(op{mn: "VBROADCASTI32X4", src: []operand{{mem: first}}, class: load}))
	for half := range slot(2) {
		var rows [8]reg
		for lane := range rows {
			rows[lane] = l.load(limb{at: l.at(sha512Blocks + 2*slot(lane) + half)}).at.reg
		}
		for i, x := range l.transpose(rows) {
			l.store(sha512Words+8*half+slot(i), limb{at: l.swapBytes(swap, r(x))})
		}
	}
}

// scheduleWord returns word t of the message schedule, and stores it if it is new.
func (l *limbs) scheduleWord(t int) operand {
	at := func(t int) operand { return l.at(sha512Words + slot(t%16)) }
	if t < 16 {
		return at(t)
	}
	w := l.plus(at(t-16), l.rotations(at(t-15), 1, 8, "VPSRLQ", 7))
	w = l.plus(l.plus(w, at(t-7)), l.rotations(at(t-2), 19, 61, "VPSRLQ", 6))
	l.store(sha512Words+slot(t%16), limb{at: w})
	return w
}

// writeHash writes the function of Go.
func writeHash(a *asm, pool *pool64) {
	_, ops, name := stage{name: "sha512", emit: sha512Block}.code(pool)
	a.line("// func sha512Block(work *hashGroup, live uint8)")
	a.line("TEXT ·sha512Block(SB), 4, $0-9")
	a.line("MOVQ work+0(FP), SI")
	a.line("MOVBLZX live+8(FP), AX")
	a.line("KMOVB AX, K1")
	a.constantsInRegisters(pool)
	a.ops(ops, name)
	a.line("VZEROUPPER")
	a.line("RET")
	a.line("")
}
