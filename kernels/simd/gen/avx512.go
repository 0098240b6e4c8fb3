package main

// avx512 writes the search kernel for AVX-512F and BW: 16 nonces in the lanes
// of a zmm register. One turn of the loop does the first hash of one group of
// 16 and, between its instructions, the second hash of the group before, so
// that two independent chains of rounds hide each other's latency.
func avx512Search(a *asm) {
	b := newBlock(a, 16, true)
	b.ahead = 2
	counter := b.pin("Z31")
	target := b.pin("Z30")
	swap := b.pin("Z29")

	firstHash(b, b.swapBytes(r(swap), r(counter)))
	first := b.take()
	top := b.swapBytes(r(swap), secondHash(b))
	b.emit(op{mn: "VPCMPUD", imm: "$2", src: []operand{r(target), top}, store: "K1", class: store})
	second := b.take()

	ops := merge(first, second)
	ops = schedule(ops, len(b.pinned), zen5)
	name := b.allocate(ops, "Z", 0, 32)

	a.line("// func search(job *prep.Job, first uint32, candidates *uint64, groups uint64)")
	a.line("TEXT ·search(SB), 0, $%d-32", int(slotEnd)*64+64)
	a.line("MOVQ job+0(FP), AX")
	a.line("MOVL first+8(FP), R8")
	a.line("VPBROADCASTD R8, Z31")
	a.line("MOVQ candidates+16(FP), DI")
	a.line("MOVQ groups+24(FP), CX")
	a.line("LEAQ consts<>(SB), BX")
	a.line("LEAQ 63(SP), SI")
	a.line("ANDQ $~63, SI")
	a.line("VPADDD lanes<>(SB), Z31, Z31")
	a.line("VPBROADCASTD %d(AX), Z30", offTop)
	a.line("VBROADCASTI32X4 swap<>(SB), Z29")
	a.line("SHLQ $2, CX // four turns for a word of candidates, and one more: the")
	a.line("INCQ CX     // first turn has no second hash to do, the last no first")
	a.line("XORQ DX, DX")
	a.line("")
	a.line("loop:")
	a.ops(ops, name)
	a.line("KMOVW K1, R8")
	a.line("MOVW R8, (DI) // the first turn's is overwritten by the second's")
	a.line("ADDQ DX, DI")
	a.line("MOVQ $2, DX")
	a.line("VPADDD.BCST sixteen<>(SB), Z31, Z31")
	a.line("DECQ CX")
	a.line("JNZ loop")
	a.line("VZEROUPPER")
	a.line("RET")
}

func avx512Tables(a *asm) {
	a.table("lanes", []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15})
	a.table("swap", []uint32{0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f})
	a.table("sixteen", []uint32{16, 0})
	a.constants()
}
