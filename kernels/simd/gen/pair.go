package main

import "fmt"

// A pair is an element of one group and then one of another, 320 bytes each.

// pairCode returns the code of an operation on pairs with the sources at DX and SI and
// the result at DI. Each element is stored after everything is read that it is
// made of: the result may be in the place of a source.
func pairCode(pool *pool64, name string, one func(l *limbs, offset int) element) (*limbs, []op, map[reg]string) {
	l := newLimbs(name, pool)
	var all []op
	for offset := 0; offset <= 320; offset += 320 {
		e := l.raw(fmt.Sprint("at ", offset), l.carry(one(l, offset)))
		exit := map[reg]string{}
		for _, x := range e {
			exit[x.at.reg] = ""
		}
		all = append(all, schedule(l.take(), len(l.pinned), exit, zen5limbs)...)
		for i, x := range e {
			if x.high > maxLoose {
				l.fail("limb %d of a result is up to %#x", i, x.high)
			}
			l.storeAt(operand{mem: fmt.Sprintf("%d(DI)", offset+64*i)}, x)
		}
		all = append(all, l.take()...)
	}
	ops, names := l.allocate(all, registers{"Z", 0, 32}, nil, nil)
	return l, ops, names
}

func multiplyPair(pool *pool64) (*limbs, []op, map[reg]string) {
	return pairCode(pool, "mulPair", func(l *limbs, offset int) element {
		return l.multiply(elementAt("SI", offset, maxWide), elementAt("DX", offset, maxWide))
	})
}

func squarePair(pool *pool64) (*limbs, []op, map[reg]string) {
	return pairCode(pool, "sqrPair", func(l *limbs, offset int) element {
		return l.square(elementAt("SI", offset, maxWide))
	})
}

// writePairs writes the product of pairs, and a chain of squares.
func writePairs(a *asm, pool *pool64) {
	l, ops, names := multiplyPair(pool)
	a.highest(l)
	a.line("// func mulPair(to, x, y *pair)")
	a.line("TEXT ·mulPair(SB), 4, $0-24")
	a.line("MOVQ to+0(FP), DI")
	a.line("MOVQ x+8(FP), SI")
	a.line("MOVQ y+16(FP), DX")
	a.constantsInRegisters(pool)
	a.ops(ops, names)
	a.line("VZEROUPPER")
	a.line("RET")
	a.line("")

	l, ops, names = squarePair(pool)
	a.highest(l)
	a.line("// func sqrPair(to, x *pair, times uint64)")
	a.line("TEXT ·sqrPair(SB), 4, $0-24")
	a.line("MOVQ to+0(FP), DI")
	a.line("MOVQ x+8(FP), SI")
	a.line("MOVQ times+16(FP), CX")
	a.constantsInRegisters(pool)
	a.line("")
	a.line("again:")
	a.ops(ops, names)
	a.line("MOVQ DI, SI")
	a.line("DECQ CX")
	a.line("JNZ again")
	a.line("VZEROUPPER")
	a.line("RET")
	a.line("")
}
