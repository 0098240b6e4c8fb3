package main

import "fmt"

// Rows of tables hold the limbs of a point to add one after the other: Y-X, Y+X,
// 2dT, and 2Z unless it is 2. They are rowWords long, or affineWords.
const (
	rowWords    = 24
	affineWords = 16
)

// transpose returns the columns of eight rows of eight words.
func (l *limbs) transpose(rows [8]reg) (columns [8]reg) {
	two := func(mn, imm string, x, y reg) reg {
		return l.emit(op{mn: mn, imm: imm, src: []operand{r(y), r(x)}, class: shuf})
	}
	var pairs, fours [8]reg
	for i := 0; i < 8; i += 2 {
		pairs[i] = two("VPUNPCKLQDQ", "", rows[i], rows[i+1])
		pairs[i+1] = two("VPUNPCKHQDQ", "", rows[i], rows[i+1])
	}
	for half := 0; half < 8; half += 4 {
		for i := range 2 {
			fours[half+i] = two("VSHUFI64X2", "$0x88", pairs[half+i], pairs[half+i+2])
			fours[half+i+2] = two("VSHUFI64X2", "$0xdd", pairs[half+i], pairs[half+i+2])
		}
	}
	for i := range 4 {
		columns[i] = two("VSHUFI64X2", "$0x88", fours[i], fours[i+4])
		columns[i+4] = two("VSHUFI64X2", "$0xdd", fours[i], fours[i+4])
	}
	return columns
}

// selectRow emits what follows the loads of a row for each lane into Z0 to Z7,
// Z8 to Z15 and so on: it makes the rows the added point, negative in the lanes of
// K1.
func selectRow(l *limbs, words int) map[reg]string {
	entry := map[reg]string{}
	var columns []limb
	for part := 0; part < words; part += 8 {
		var rows [8]reg
		for i := range rows {
			l.regs++
			rows[i] = l.regs
			entry[rows[i]] = fmt.Sprintf("Z%d", part+i)
		}
		for _, c := range l.transpose(rows) {
			columns = append(columns, limb{at: r(c), high: maxLoose})
		}
	}
	minus, plus, t := element(columns[0:5]), element(columns[5:10]), element(columns[10:15])
	l.storeElement(addedMinus, l.blendElement("K1", minus, plus), maxLoose)
	l.storeElement(addedPlus, l.blendElement("K1", plus, minus), maxLoose)
	negative := l.difference(l.known([5]uint64{}), t, aboveRow)
	l.storeElement(added2dT, l.raw("2dT", l.blendElement("K1", t, negative)), maxWide)
	if words == rowWords {
		l.storeElement(added2Z, element(columns[15:20]), maxLoose)
	}
	return entry
}

// selectCode returns the operations of selectRow with registers.
func selectCode(pool *pool64, name string, words int) (*limbs, []op, map[reg]string) {
	l := newLimbs(name, pool)
	entry := selectRow(l, words)
	ops := schedule(prune(l.take()), len(l.pinned)+len(entry), nil, zen5limbs)
	ops, names := l.allocate(ops, registers{"Z", 0, 32}, entry, nil)
	return l, ops, names
}

// writeSelect writes a leaf that makes a row of a table the added point of each
// lane. The address of the table is in DX, of the byte offsets of the rows in R9, and
// the lanes to negate are in K1.
func writeSelect(a *asm, pool *pool64, name string, words int) {
	l, ops, names := selectCode(pool, name, words)
	a.highest(l)
	a.line("TEXT %s<>(SB), 4, $0-0", name)
	for lane := range 8 {
		a.line("MOVL %d(R9), AX", 4*lane)
		for part := 0; part < words; part += 8 {
			a.line("VMOVDQU64 %d(DX)(AX*1), Z%d", 8*part, part+lane)
		}
	}
	a.ops(ops, names)
	a.line("RET")
	a.line("")
}

// storeRow writes the point of each lane, as toAddend has it, to a row of a table. e
// and f are scratch.
func storeRow(l *limbs) {
	z := l.element(elementZ, maxLoose)
	t := l.result("2dT", elementE, l.carry(l.multiply(l.element(elementT, maxLoose), l.known(curve2D))))
	zz := l.result("2Z", elementF, l.carry(l.sum(z, z)))
	l.cut()
	var words []limb
	for _, e := range []element{l.element(elementX, maxLoose), l.element(elementY, maxLoose), t, zz} {
		words = append(words, e[:]...)
	}
	words = append(words, zz[1:]...) // fills the row
	for part := 0; part < rowWords; part += 8 {
		var rows [8]reg
		for i := range rows {
			rows[i] = l.load(words[part+i]).at.reg
		}
		for lane, x := range l.transpose(rows) {
			l.storeAt(operand{mem: fmt.Sprintf("%d(DI)", 8*(rowWords*lane+part))}, limb{at: r(x)})
		}
	}
}

// tableRows is the number of rows in the table of a key: 0 to 16 times the point.
const tableRows = 17

// writeTable writes the function that fills a table with the multiples of the added
// point.
func writeTable(a *asm, pool *pool64) {
	s := stage{name: "storeRow", emit: storeRow}
	l, ops, names := s.code(pool)
	a.highest(l)
	a.line("TEXT storeRow<>(SB), 4, $0-0")
	a.ops(ops, names)
	a.line("RET")
	a.line("")
	a.line("// func fillTable(rows *table, work *group)")
	a.line("TEXT ·fillTable(SB), 4, $0-16")
	a.line("MOVQ rows+0(FP), DI")
	a.line("MOVQ work+8(FP), SI")
	a.constantsInRegisters(pool)
	a.line("MOVQ $%d, CX", tableRows)
	a.line("")
	a.line("row:")
	a.line("CALL storeRow<>(SB)")
	a.line("CALL addPoint<>(SB)")
	a.line("CALL toAddend<>(SB)")
	a.line("ADDQ $%d, DI", 8*8*rowWords)
	a.line("DECQ CX")
	a.line("JNZ row")
	a.line("VZEROUPPER")
	a.line("RET")
	a.line("")
}

// Turns of the ladder: digits of five bits of the key's scalar, and in every other turn
// of ten bits of the base point's.
const turns = 51

// writeLadder writes the function that computes k times the points of the tables and
// s times the base point for some groups. Groups take turns at every stage, so that
// one fills the gaps that the latency of the other leaves.
func writeLadder(a *asm, pool *pool64, name string, groups int) {
	each := func(f func(group int)) {
		for g := range groups {
			a.line("LEAQ (ladder_groups+%d*group__size)(R8), SI", g)
			f(g)
		}
	}
	call := func(stages ...string) {
		for _, s := range stages {
			each(func(int) { a.line("CALL %s<>(SB)", s) })
		}
	}
	a.line("// func %s(work *ladder, base *baseTable)", name)
	a.line("TEXT ·%s(SB), 4, $0-16", name)
	a.line("MOVQ work+0(FP), R8")
	a.line("MOVQ base+8(FP), R13")
	a.constantsInRegisters(pool)
	a.line("MOVQ $%d, R10", turns-1)
	a.line("JMP first")
	a.line("")
	a.line("turn:")
	a.line("MOVQ $4, R11")
	a.line("")
	a.line("again:")
	call("double", "toProjective")
	a.line("DECQ R11")
	a.line("JNZ again")
	call("double", "toAddend")
	a.line("")
	a.line("first:")
	a.line("MOVQ R10, R11")
	each(func(g int) {
		a.line("LEAQ (ladder_tables+%d*table__size)(R8), DX", g)
		a.addDigit("key", g, "selectKey", "addPoint")
	})
	a.line("SHRQ $1, R11")
	a.line("JCS last")
	call("toAddend")
	each(func(g int) {
		a.line("MOVQ R13, DX")
		a.addDigit("base", g, "selectBase", "addAffine")
	})
	a.line("")
	a.line("last:")
	call("toProjective")
	a.line("DECQ R10")
	a.line("JGE turn")
	a.line("VZEROUPPER")
	a.line("RET")
	a.line("")
}

// addDigit writes the addition of the digits with the index in R11 to a group.
func (a *asm) addDigit(of string, group int, selection, addition string) {
	a.line("LEAQ (ladder_%ss+%d*%sDigits__size)(R8), R9", of, group, of)
	a.line("MOVBLZX %sDigits_signs(R9)(R11*1), AX", of)
	a.line("KMOVB AX, K1")
	a.line("MOVQ R11, AX")
	a.line("SHLQ $5, AX")
	a.line("LEAQ %sDigits_rows(R9)(AX*1), R9", of)
	a.line("CALL %s<>(SB)", selection)
	a.line("CALL %s<>(SB)", addition)
}
