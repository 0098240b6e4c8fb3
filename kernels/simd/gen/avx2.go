package main

// avx2Search writes the search kernel for AVX2: 8 nonces in the lanes of a ymm
// register. The registers hold one chain of rounds only, so that the two
// hashes follow each other; the message schedule lives in memory.
func avx2Search(a *asm) {
	b := newBlock(a, 8, false)
	counter := b.at(slotEnd)
	swap := operand{mem: "swap<>(SB)"}
	b.put(b.at(slotEnd+1), b.swapBytes(swap, counter))
	firstHash(b, b.at(slotEnd+1))
	top := b.swapBytes(swap, secondHash(b))
	meets := b.binary("VPCMPEQD", top, b.binary("VPMINUD", b.at(slotEnd+2), top))
	b.emit(op{mn: "VMOVMSKPS", src: []operand{meets}, store: "R8", class: store})

	ops := schedule(b.take(), 0, older)
	name := b.allocate(ops, "Y", 0, 16)

	a.line("// func search(job *prep.Job, first uint32, candidates *uint64, groups uint64)")
	a.line("TEXT ·search(SB), 0, $%d-32", int(slotEnd+3)*32+32)
	a.line("MOVQ job+0(FP), AX")
	a.line("MOVL first+8(FP), R8")
	a.line("VMOVD R8, X0")
	a.line("VPBROADCASTD X0, Y0")
	a.line("MOVQ candidates+16(FP), DI")
	a.line("MOVQ groups+24(FP), CX")
	a.line("LEAQ consts<>(SB), BX")
	a.line("LEAQ 31(SP), SI")
	a.line("ANDQ $~31, SI")
	a.line("VPADDD lanes<>(SB), Y0, Y0")
	a.line("VMOVDQA Y0, %s", counter.mem)
	a.line("VPBROADCASTD %d(AX), Y0", offTop)
	a.line("VMOVDQA Y0, %s", b.at(slotEnd+2).mem)
	a.line("SHLQ $3, CX // eight turns for a word of candidates")
	a.line("")
	a.line("loop:")
	a.ops(ops, name)
	a.line("MOVB R8, (DI)")
	a.line("INCQ DI")
	a.line("VMOVDQA %s, Y0", counter.mem)
	a.line("VPADDD eight<>(SB), Y0, Y0")
	a.line("VMOVDQA Y0, %s", counter.mem)
	a.line("DECQ CX")
	a.line("JNZ loop")
	a.line("VZEROUPPER")
	a.line("RET")
}

func avx2Tables(a *asm) {
	swap := []uint32{0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f}
	a.table("lanes", []uint32{0, 1, 2, 3, 4, 5, 6, 7})
	a.table("swap", append(swap, swap...))
	a.table("eight", []uint32{8, 8, 8, 8, 8, 8, 8, 8})
	a.constants()
}
