package main

import "fmt"

// The hybrid's hash of many headers: three loops, one for each compression,
// over chunks of groups of 8 headers. In turn n of a loop,
//
//	group n    AVX   the block's words and W[16] to W[63]; K + W in pairs
//	group n-1  SHA   rounds 0 to 63, some into turn n+1
//
// so that a loop has two turns more than there are groups. States and digests
// lie in rows of 32 bytes a header; before and after the rows of the chunk
// there is room for what the first and last turns write.
//
// Eight chains of 32 sha256rnds2 run on seven pairs of registers: one pair has
// two after each other, the others one for the whole turn.
const (
	hashChain = 32
	hashTurn  = hybridLanes * hashChain
	hashChunk = 16 // groups

	rowBytes  = 32
	groupRows = rowBytes * hybridLanes

	pairBytes  = 32 * 64                          // K + W of a group
	rowsAt     = 2 * pairBytes                    // after the two areas
	hashWords  = rowsAt + groupRows*(hashChunk+3) // rings of message words
	hashFrame  = hashWords + 32*(16+ring) + 64    // and alignment
	rowsOf0    = rowsAt + groupRows               // group 0 of the chunk
	lastHeader = headerSize * hybridLanes         // bytes of a group's headers
)

// hashChains plans a turn of compression p.
func hashChains(a *asm, p int) []chain {
	var all []chain
	add := func(pair int, start, length float64) {
		c := hashChainOf(a, p, len(all))
		c.pair, c.length, c.start, c.gap = pair, hashChain, start, length/hashChain
		all = append(all, c)
	}
	add(6, 0, hashTurn/2)
	add(6, hashTurn/2, hashTurn/2)
	for pair := range 6 {
		add(pair, float64(10*pair), hashTurn)
	}
	return all
}

// hashChainOf is the compression p of one lane. R11 is the address of the rows
// of the group whose chains begin.
func hashChainOf(a *asm, p, lane int) chain {
	row := func(late bool, half int) string {
		at := rowBytes*lane + 16*half
		if late {
			at -= groupRows
		}
		return fmt.Sprintf("%d(R11)", at)
	}
	// before is half of the state before the first round.
	before := func(late bool, half int) string {
		if p == 1 {
			return row(late, half)
		}
		return a.quad([2][4]uint32{ivABEF, ivCDGH}[half])
	}
	return chain{
		begin: func(abef, cdgh string) []string {
			return []string{"VMOVDQU " + before(false, 0) + ", " + abef, "VMOVDQU " + before(false, 1) + ", " + cdgh}
		},
		kw: func(late bool, i int) string {
			if q := paddingKW(p, i); q != nil {
				return a.quad(*q)
			}
			return fmt.Sprintf("%d(%s)", 64*i+laneOffset(lane), area(late))
		},
		end: func(late bool, abef, cdgh string) []string {
			lines := []string{
				fmt.Sprintf("VPADDD %s, %s, %s", before(late, 0), abef, abef),
				fmt.Sprintf("VPADDD %s, %s, %s", before(late, 1), cdgh, cdgh),
			}
			low, high := abef, cdgh
			if p == 2 { // in the order of the digest, big-endian
				lines = append(lines,
					fmt.Sprintf("VPSHUFD $0x1b, %s, %s", abef, abef),
					fmt.Sprintf("VPSHUFD $0x1b, %s, %s", cdgh, cdgh),
					fmt.Sprintf("VPUNPCKLQDQ %s, %s, X15", cdgh, abef),
					fmt.Sprintf("VPUNPCKHQDQ %s, %s, %s", cdgh, abef, cdgh),
					"VPSHUFB swap<>(SB), X15, X15",
					fmt.Sprintf("VPSHUFB swap<>(SB), %s, %s", cdgh, cdgh))
				low = "X15"
			}
			return append(lines,
				fmt.Sprintf("VMOVDQU %s, %s", low, row(late, 0)),
				fmt.Sprintf("VMOVDQU %s, %s", high, row(late, 1)))
		},
	}
}

// paddingKW is K + W of the rounds 2i and 2i+1 of compression p, if both words
// are padding.
func paddingKW(p, i int) *[4]uint32 {
	t := 2 * i
	switch {
	case p == 1 && t >= 4 && t < 16:
		return &[4]uint32{k[t] + headerPad[t-4], k[t+1] + headerPad[t-3]}
	case p == 2 && t >= 8 && t < 16:
		return &[4]uint32{k[t] + digestPad[t-8], k[t+1] + digestPad[t-7]}
	}
	return nil
}

// hashSchedule is the AVX work of compression p on group n. R12 is the address
// of its headers, R11 that of the rows of group n-1.
func hashSchedule(b *block, p int, swap operand) {
	w := &words{b: b}
	for t := range 16 {
		w.slot[t] = slotM + slot(t)
	}
	w.ringSlots(slotM+16, 16, 63)
	header := func(t, offset int) {
		x := b.gather(&swap, func(lane int) string { return fmt.Sprintf("%d(R12)", headerSize*lane+offset) })
		for j := range x {
			w.set(t+j, x[j])
		}
	}
	switch p {
	case 0:
		for t := 0; t < 16; t += 4 {
			header(t, 4*t)
		}
	case 1:
		header(0, 64)
		for t, v := range headerPad {
			w.word[4+t] = constant(v)
		}
	case 2:
		for half, order := range stateOrder {
			x := b.gather(nil, func(lane int) string {
				return fmt.Sprintf("%d(R11)", groupRows+rowBytes*lane+16*half)
			})
			for i := range x {
				w.set(order[i], x[i])
			}
		}
		for t, v := range digestPad {
			w.word[8+t] = constant(v)
		}
	}
	kw := func(t int) operand {
		x := w.far(t)
		if t >= 16 {
			x = w.near(t)
		}
		return b.add(x, constant(k[t]))
	}
	for t := 0; t < 64; t += 2 {
		if t >= 16 {
			w.extend(t)
			w.extend(t + 1)
		}
		if paddingKW(p, t/2) == nil {
			b.pairs("R9", 64*t/2, kw(t), kw(t+1))
		}
	}
}

func hybridHash(a *asm) {
	a.line("")
	a.line("// func hash(hashes *pow.Hash, headers *byte, turns uint64)")
	a.line("TEXT ·hash(SB), 0, $%d-24", hashFrame)
	a.line("MOVQ hashes+0(FP), DI")
	a.line("MOVQ headers+8(FP), R8")
	a.line("MOVQ turns+16(FP), DX")
	a.line("LEAQ consts<>(SB), BX")
	a.line("LEAQ 63(SP), SI")
	a.line("ANDQ $~63, SI")
	a.line("VBROADCASTI32X4 swap<>(SB), Y31")
	a.line("LEAQ (SI), R9")
	a.line("LEAQ %d(SI), R10", pairBytes)
	a.line("")
	a.line("next: // chunk of at most %d groups", hashChunk)
	a.line("MOVQ $%d, R13", hashChunk)
	a.line("CMPQ DX, R13")
	a.line("CMOVQLT DX, R13")
	a.line("SUBQ R13, DX")
	for p := range 3 {
		a.line("LEAQ %d(SI), R11 // rows of group -1", rowsOf0-groupRows)
		a.line("MOVQ R8, R12")
		a.line("LEAQ 2(R13), CX")
		a.line("")
		a.line("phase%d:", p)
		b := newBlock(a, hybridLanes, true)
		b.twoXors = true
		b.first = slot(hashWords / 32)
		swap := r(b.pin("Y31"))
		hashSchedule(b, p, swap)
		vec := schedule(b.take(), len(b.pinned), nil, zen4beside)
		vec, name := b.allocate(vec, registers{"Y", 16, 32}, nil, nil)
		for _, l := range interleave(hashChains(a, p), a.format(vec, name)) {
			a.line("%s", l)
		}
		a.line("ADDQ $%d, R11", groupRows)
		a.line("XCHGQ R9, R10")
		a.line("DECQ CX")
		if p < 2 {
			a.line("CMPQ CX, $3 // the last two turns have no headers of their own:")
			a.line("SETGE R14   // they read the last group's again")
			a.line("MOVBLZX R14, R14")
			a.line("IMUL3Q $%d, R14, R14", lastHeader)
			a.line("ADDQ R14, R12")
			a.line("TESTQ CX, CX")
		}
		a.line("JNZ phase%d", p)
	}
	a.line("")
	a.line("IMUL3Q $%d, R13, R14", lastHeader)
	a.line("ADDQ R14, R8")
	a.line("SHLQ $3, R13")
	a.line("LEAQ %d(SI), R11", rowsOf0)
	a.line("")
	a.line("copy:")
	a.line("VMOVDQU (R11), Y0")
	a.line("VMOVDQU Y0, (DI)")
	a.line("ADDQ $%d, R11", rowBytes)
	a.line("ADDQ $%d, DI", hashSize)
	a.line("DECQ R13")
	a.line("JNZ copy")
	a.line("TESTQ DX, DX")
	a.line("JNZ next")
	a.line("VZEROUPPER")
	a.line("RET")
}
