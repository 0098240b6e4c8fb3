package main

import "fmt"

// stage is a function of the kernel of signatures: straight-line code over the
// elements of a group.
type stage struct {
	name  string // of the Go function
	emit  func(l *limbs)
	masks int // that it reads
}

// stages are all stages. Their inputs are loose but where it says otherwise.
var stages = []stage{
	{"mul", func(l *limbs) {
		l.result("E", elementE, l.carry(l.raw("XY", l.multiply(l.element(elementX, maxWide), l.element(elementY, maxWide)))))
	}, 0},
	{"sqr", func(l *limbs) {
		l.result("E", elementE, l.carry(l.raw("X^2", l.square(l.element(elementX, maxWide)))))
	}, 0},
	{"carry", func(l *limbs) {
		l.result("E", elementE, l.carry(l.element(elementX, maxRaw)))
	}, 0},
	{"canonical", func(l *limbs) {
		l.reduced("E", elementE, l.element(elementX, maxWide))
	}, 0},
	{"double", doublePoint, 0},
	{"toProjective", toProjective, 0},
	{"toExtended", toExtended, 0},
	{"toAddend", toAddend, 0},
	{"addPoint", addPoint, 0},
	{"addAffine", addAffine, 0},
	{"minusAdded", minusAdded, 0},
	{"toAdded", toAdded, 0},
	{"toAffine", toAffine, 0},
	{"isIdentity", isIdentity, 0},
	{"decodeStart", decodeStart, 0},
	{"decodeRoot", decodeRoot, 0},
	{"decodeTurn", decodeTurn, 1},
	{"decodeSign", decodeSign, 2},
}

// raw notes the bounds of e, a value without carries.
func (l *limbs) raw(name string, e element) element {
	l.bounds = append(l.bounds, fmt.Sprintf("%-13s %s", name, bounds(e)))
	return e
}

// result stores a loose element, and notes its bounds. It returns the element in
// memory, to spare registers.
func (l *limbs) result(name string, to slot, e element) element {
	l.raw(name, e)
	l.storeElement(to, e, maxLoose)
	for i := range e {
		e[i].at = l.at(to + slot(i))
	}
	return e
}

// reduced stores a wide element below p, and notes its bounds.
func (l *limbs) reduced(name string, to slot, e element) {
	l.storeElement(to, l.raw(name, l.canonical(e)), limbMask)
}

// code returns the operations of the stage with registers for them.
func (s stage) code(pool *pool64) (*limbs, []op, map[reg]string) {
	l := newLimbs(s.name, pool)
	s.emit(l)
	l.cut()
	ops, name := l.allocate(l.done, registers{"Z", 0, 32}, nil, nil)
	return l, ops, name
}

// signatureKernel writes the kernel of signatures. Every stage is a leaf that reads the
// address of the group in SI, of the constants in BX, and the constants in Z29 to Z31;
// and a function of Go that calls it.
func signatureKernel(a *asm) {
	pool := new(pool64)
	for _, s := range stages {
		s.write(a, pool)
	}
	writeTable(a, pool)
	writeSelect(a, pool, "selectKey", rowWords)
	writeSelect(a, pool, "selectAffine", affineWords)
	writeBaseSelect(a)
	writePartSelects(a)
	for groups := 1; groups <= 2; groups++ {
		writeLadder(a, pool, groups)
		writeKnownLadder(a, pool, groups)
	}
	writePairs(a, pool)
	writeHash(a, pool)
	writeScalars(a, pool)
	writeFetch(a)
	a.table64("constants", *pool)
}

// write writes the leaf and the function of Go.
func (s stage) write(a *asm, pool *pool64) {
	l, ops, name := s.code(pool)
	a.highest(l)
	a.line("TEXT %s<>(SB), 4, $0-0", s.name)
	for i := range s.masks {
		a.line("KMOVB %d(SI), K%d", masksOffset+i, 1+i)
	}
	a.ops(ops, name)
	a.line("RET")
	a.line("")
	a.line("// func %s(work *group)", s.name)
	a.line("TEXT ·%s(SB), 4, $0-8", s.name)
	a.line("MOVQ work+0(FP), SI")
	a.constantsInRegisters(pool)
	a.line("CALL %s<>(SB)", s.name)
	a.line("VZEROUPPER")
	a.line("RET")
	a.line("")
}

// writeFetch writes the function that fetches what an item points to into the cache.
func writeFetch(a *asm) {
	const maxBytes = 512 // of a message
	a.line("// func fetchItem(item *Item)")
	a.line("TEXT ·fetchItem(SB), 4, $0-8")
	a.line("MOVQ item+0(FP), AX")
	a.line("MOVQ Item_Table(AX), CX // it may be nil: a fetch does not fault")
	a.line("PREFETCHT0 Table_key(CX)")
	a.line("MOVQ Item_Key(AX), CX")
	a.line("PREFETCHT0 (CX)")
	a.line("PREFETCHT0 31(CX)")
	a.line("MOVQ Item_Sig(AX), CX")
	a.line("PREFETCHT0 (CX)")
	a.line("PREFETCHT0 63(CX)")
	a.line("MOVQ Item_Message(AX), CX")
	a.line("MOVQ (Item_Message+8)(AX), DX")
	a.line("MOVQ $%d, BX", maxBytes)
	a.line("CMPQ DX, BX")
	a.line("CMOVQGT BX, DX")
	a.line("ADDQ CX, DX")
	a.line("ANDQ $-64, CX")
	a.line("")
	a.line("line:")
	a.line("PREFETCHT0 (CX)")
	a.line("ADDQ $64, CX")
	a.line("CMPQ CX, DX")
	a.line("JLT line")
	a.line("RET")
	a.line("")
}

// highest writes the bounds of the values in l.
func (a *asm) highest(l *limbs) {
	a.line("// Highest limbs in %s:", l.stage)
	for _, b := range l.bounds {
		a.line("//   %s", b)
	}
}

// constantsInRegisters writes what makes BX and Z29 to Z31 the constants.
func (a *asm) constantsInRegisters(pool *pool64) {
	a.line("LEAQ constants<>(SB), BX")
	a.line("VPXORQ Z31, Z31, Z31")
	a.line("VPBROADCASTQ %s, Z30", pool.at(19))
	a.line("VPBROADCASTQ %s, Z29", pool.at(limbMask))
}

// table64 writes a read-only table of 64-bit words.
func (a *asm) table64(name string, words []uint64) {
	for i, w := range words {
		fmt.Fprintf(a, "DATA %s<>+%d(SB)/8, $0x%016x\n", name, 8*i, w)
	}
	fmt.Fprintf(a, "GLOBL %s<>(SB), RODATA|NOPTR, $%d\n", name, 8*len(words))
}
