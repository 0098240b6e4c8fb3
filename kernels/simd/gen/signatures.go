package main

import "fmt"

// stage is a function of the kernel of signatures: straight-line code over the
// elements of a group.
type stage struct {
	name string // of the Go function
	doc  string
	emit func(l *limbs)
}

// stages are all stages. Their inputs are loose but where it says otherwise.
var stages = []stage{
	{"mul", "mul sets e to xy. Wide limbs of x and y are allowed.", func(l *limbs) {
		l.result("E", elementE, l.carry(l.raw("XY", l.multiply(l.element(elementX, maxWide), l.element(elementY, maxWide)))))
	}},
	{"sqr", "sqr sets e to x^2. Wide limbs of x are allowed.", func(l *limbs) {
		l.result("E", elementE, l.carry(l.raw("X^2", l.square(l.element(elementX, maxWide)))))
	}},
	{"carry", "carry sets e to x with loose limbs. Raw limbs of x are allowed.", func(l *limbs) {
		l.result("E", elementE, l.carry(l.element(elementX, maxRaw)))
	}},
	{"canonical", "canonical sets e to x reduced modulo p. Wide limbs of x are allowed.", func(l *limbs) {
		e := l.canonical(l.element(elementX, maxWide))
		l.bounds = append(l.bounds, "E "+bounds(e))
		l.storeElement(elementE, e, limbMask)
	}},
	{"double", "double completes 2(x:y:z).", doublePoint},
	{"toProjective", "toProjective sets x, y, z to those of the completed point.", toProjective},
	{"toExtended", "toExtended sets x, y, z, t to those of the completed point.", toExtended},
	{"toAddend", "toAddend sets x, y, z, t to Y-X, Y+X, Z, T of the completed point.", toAddend},
	{"addPoint", "addPoint completes the sum of x, y, z, t, as toAddend makes them, and added.", addPoint},
	{"addAffine", "addAffine is addPoint for an added point with Z = 1. It ignores 2Z.", addAffine},
}

// raw notes the bounds of e, a value without carries.
func (l *limbs) raw(name string, e element) element {
	l.bounds = append(l.bounds, fmt.Sprintf("%-13s %s", name, bounds(e)))
	return e
}

// result stores a loose element, and notes its bounds.
func (l *limbs) result(name string, to slot, e element) {
	l.raw(name, e)
	l.storeElement(to, e, maxLoose)
}

// code returns the operations of the stage with registers for them.
func (s stage) code(pool *pool64) (*limbs, []op, map[reg]string) {
	l := newLimbs(s.name, pool)
	s.emit(l)
	ops := schedule(l.take(), len(l.pinned), nil, zen5limbs)
	ops, name := l.allocate(ops, registers{"Z", 0, 32}, nil, nil)
	return l, ops, name
}

// signatureStages writes all stages. Each is a leaf that reads the address of the
// group in SI, of the constants in BX, and the constants in Z29 to Z31; and a
// function of Go that calls it.
func signatureStages(a *asm) {
	pool := new(pool64)
	for _, s := range stages {
		l, ops, name := s.code(pool)
		a.line("// Highest limbs in %s:", s.name)
		for _, b := range l.bounds {
			a.line("//   %s", b)
		}
		a.line("TEXT %s<>(SB), 4, $0-0", s.name)
		a.ops(ops, name)
		a.line("RET")
		a.line("")
		a.line("// func %s(work *group)", s.name)
		a.line("TEXT ·%s(SB), 4, $0-8", s.name)
		a.line("MOVQ work+0(FP), SI")
		a.line("LEAQ constants<>(SB), BX")
		a.line("VPXORQ Z31, Z31, Z31")
		a.line("VPBROADCASTQ %s, Z30", pool.at(19))
		a.line("VPBROADCASTQ %s, Z29", pool.at(limbMask))
		a.line("CALL %s<>(SB)", s.name)
		a.line("VZEROUPPER")
		a.line("RET")
		a.line("")
	}
	a.table64("constants", *pool)
}

// table64 writes a read-only table of 64-bit words.
func (a *asm) table64(name string, words []uint64) {
	for i, w := range words {
		fmt.Fprintf(a, "DATA %s<>+%d(SB)/8, $0x%016x\n", name, 8*i, w)
	}
	fmt.Fprintf(a, "GLOBL %s<>(SB), RODATA|NOPTR, $%d\n", name, 8*len(words))
}
