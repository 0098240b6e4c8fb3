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
	for i := range t {
		t[i] = l.subWhere("K1", l.constant(above(i, aboveRow)), t[i])
	}
	l.storeElement(added2dT, l.raw("2dT", t), maxWide)
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
// lane. The lanes to negate are in K1. For rows of a key, the address of the table is in
// DX, and of the byte offsets of the rows in R9; affine ones are in Z0 to Z15.
func writeSelect(a *asm, pool *pool64, name string, words int) {
	l, ops, names := selectCode(pool, name, words)
	a.highest(l)
	a.line("TEXT %s<>(SB), 4, $0-0", name)
	if words == rowWords {
		a.loadRows("DX", words)
	}
	a.ops(ops, names)
	a.line("RET")
	a.line("")
}

// loadRows writes the loads of a row for each lane, at the offsets in R9. Rows of a key
// have those of the other lanes between them. A table of each lane has its address in DX,
// if base is not DX.
func (a *asm) loadRows(base string, words int) {
	for lane := range 8 {
		if base != "DX" {
			a.line("MOVQ %d(DX), %s", 8*lane, base)
		}
		first := 0 // of the lane in the table
		if words == rowWords {
			first = 8 * rowWords * lane
		}
		a.line("MOVL %d(R9), AX", 4*lane)
		for part := 0; part < words; part += 8 {
			a.line("VMOVDQU64 %d(%s)(AX*1), Z%d", first+8*part, base, part+lane)
		}
	}
}

// fetchRows writes what fetches a row for each lane, at the offsets ahead of R9, into
// the cache. A table of each lane has its address in DX, if base is not DX.
func (a *asm) fetchRows(base string, ahead int) {
	for lane := range 8 {
		if base != "DX" {
			a.line("MOVQ %d(DX), %s", 8*lane, base)
		}
		a.line("MOVL %d(R9), AX", 4*lane-ahead)
		a.line("PREFETCHT0 (%s)(AX*1)", base)
		a.line("PREFETCHT0 64(%s)(AX*1)", base)
	}
}

// writeBaseSelect writes the leaf that makes a row of the table of the base point in DX
// the added point of each lane, at the offsets in R9.
func writeBaseSelect(a *asm) {
	a.line("TEXT selectBase<>(SB), 4, $0-0")
	a.loadRows("DX", affineWords)
	a.line("JMP selectAffine<>(SB)")
	a.line("")
}

// Known keys have a table for each of four parts of the scalar. Offsets of rows are by
// turn, part and lane; those of the base point for every other turn only.
const (
	parts     = 4
	partTurns = 13
	turnBytes = 4 * 8 * parts
)

// Rows are fetched so many turns before they are added: a row of a key that has not
// signed for long is not in a near cache.
const turnsAhead = 2

// writePartSelects writes leaves as selectBase for tables of known keys, whose addresses
// are at DX, and for those of the base point. They fetch what later turns add.
func writePartSelects(a *asm) {
	a.line("TEXT fetchPart<>(SB), 4, $0-0")
	a.fetchRows("CX", 0)
	a.line("RET")
	a.line("")
	a.line("TEXT fetchBasePart<>(SB), 4, $0-0")
	a.fetchRows("DX", 0)
	a.line("RET")
	a.line("")
	a.line("TEXT selectPart<>(SB), 4, $0-0")
	a.fetchRows("CX", turnsAhead*turnBytes)
	a.loadRows("CX", affineWords)
	a.line("JMP selectAffine<>(SB)")
	a.line("")
	a.line("TEXT selectBasePart<>(SB), 4, $0-0")
	a.fetchRows("DX", turnBytes)
	a.loadRows("DX", affineWords)
	a.line("JMP selectAffine<>(SB)")
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
	a.line("// func fillTable(rows *laneTable, work *group)")
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

// A ladderWriter writes a ladder for some groups. They take turns at every stage, so that
// one fills the gaps that the latency of the other leaves.
type ladderWriter struct {
	*asm
	groups int
}

// each writes what f writes for each group, whose address is then in SI.
func (w ladderWriter) each(f func(group int)) {
	for g := range w.groups {
		w.line("LEAQ (ladder_groups+%d*group__size)(R8), SI", g)
		f(g)
	}
}

func (w ladderWriter) call(stages ...string) {
	for _, s := range stages {
		w.each(func(int) { w.line("CALL %s<>(SB)", s) })
	}
}

// begin writes the turns of a ladder up to the first addition: doublings, apart from
// the first turn. R10 is the number of turns to come.
func (w ladderWriter) begin(turns int) {
	w.line("MOVQ $%d, R10", turns-1)
	w.line("JMP first")
	w.line("")
	w.line("turn:")
	w.line("MOVQ $4, R11")
	w.line("")
	w.line("again:")
	w.call("double", "toProjective")
	w.line("DECQ R11")
	w.line("JNZ again")
	w.call("double", "toAddend")
	w.line("")
	w.line("first:")
}

// end writes the rest of a turn.
func (w ladderWriter) end() {
	w.line("")
	w.line("last:")
	w.call("toProjective")
	w.line("DECQ R10")
	w.line("JGE turn")
	w.line("VZEROUPPER")
	w.line("RET")
	w.line("")
}

// writeLadder writes the function that computes k times the points of the tables and
// s times the base point for some groups.
func writeLadder(a *asm, pool *pool64, groups int) {
	w := ladderWriter{a, groups}
	a.line("// func ladder%d(work *ladder, base *baseTables)", groups)
	a.line("TEXT ·ladder%d(SB), 4, $0-16", groups)
	a.line("MOVQ work+0(FP), R8")
	a.line("MOVQ base+8(FP), R13")
	a.constantsInRegisters(pool)
	w.begin(turns)
	a.line("MOVQ R10, R11")
	w.each(func(g int) {
		a.line("LEAQ (ladder_tables+%d*laneTable__size)(R8), DX", g)
		a.addDigit("key", g, "selectKey", "addPoint")
	})
	a.line("SHRQ $1, R11")
	a.line("JCS last")
	w.call("toAddend")
	w.each(func(g int) {
		a.line("MOVQ R13, DX")
		a.addDigit("base", g, "selectBase", "addAffine")
	})
	w.end()
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

// writeKnownLadder writes the function that does what writeLadder's does, with the
// tables of known keys.
func writeKnownLadder(a *asm, pool *pool64, groups int) {
	w := ladderWriter{a, groups}
	a.line("// func knownLadder%d(work *ladder, tables *[2][8]*Table, base *baseTables)", groups)
	a.line("TEXT ·knownLadder%d(SB), 4, $0-24", groups)
	a.line("MOVQ work+0(FP), R8")
	a.line("MOVQ tables+8(FP), R12")
	a.line("MOVQ base+16(FP), R13")
	a.constantsInRegisters(pool)
	w.fetchFirst()
	w.begin(partTurns)
	for part := range parts {
		if part > 0 {
			w.call("toAddend")
		}
		w.each(func(g int) {
			a.line("LEAQ %d(R12), DX", 64*g)
			a.line("MOVQ R10, R11")
			a.addPart("keyPart", "partDigits", turnsAhead, g, part, "selectPart")
		})
	}
	a.line("TESTQ $1, R10")
	a.line("JNZ last")
	for part := range parts {
		w.call("toAddend")
		w.each(func(g int) {
			a.line("MOVQ R13, DX")
			a.line("MOVQ R10, R11")
			a.line("SHRQ $1, R11")
			a.addPart("basePart", "basePartDigits", 1, g, part, "selectBasePart")
		})
	}
	w.end()
}

// addPart writes the addition of the digits of a part in the turn in R11 to a group.
// Before the rows of the first turn are those of so many others.
func (a *asm) addPart(field, kind string, before, group, part int, selection string) {
	a.line("LEAQ (ladder_%ss+%d*%s__size)(R8), R9", field, group, kind)
	a.line("MOVBLZX (%s_signs+%d)(R9)(R11*%d), AX", kind, part, parts)
	a.line("KMOVB AX, K1")
	a.line("SHLQ $7, R11") // turnBytes
	a.line("LEAQ (%s_rows+%d)(R9)(R11*1), R9", kind, turnBytes*before+4*8*part)
	a.line("CALL %s<>(SB)", selection)
	a.line("CALL addAffine<>(SB)")
}

// fetchFirst writes what fetches the rows of the first turns.
func (w ladderWriter) fetchFirst() {
	loop := func(name, at string, rows int, fetch string) {
		w.line("LEAQ %s(R8), R9", at)
		w.line("MOVQ $%d, R11", rows)
		w.line("")
		w.line("%s:", name)
		w.line("CALL %s<>(SB)", fetch)
		w.line("ADDQ $32, R9")
		w.line("DECQ R11")
		w.line("JNZ %s", name)
	}
	for g := range w.groups {
		w.line("LEAQ %d(R12), DX", 64*g)
		loop(fmt.Sprintf("fetch%d", g),
			fmt.Sprintf("(ladder_keyParts+%d*partDigits__size+partDigits_rows+%d)", g, turnBytes*partTurns),
			turnsAhead*parts, "fetchPart")
		w.line("MOVQ R13, DX")
		loop(fmt.Sprintf("fetchBase%d", g),
			fmt.Sprintf("(ladder_baseParts+%d*basePartDigits__size+basePartDigits_rows+%d)", g, turnBytes*(partTurns/2+1)),
			parts, "fetchBasePart")
	}
}
