package main

import "fmt"

// The double SHA-256 of messages of any lengths, and of the pairs of nodes of a Merkle
// tree, for kernels/sha256d. Each lane has a message.
//
// A turn hashes a block in each lane. It reads 64 bytes to a register for each lane,
// and transposes these rows, so that each register has one word of all lanes. Then it
// does the 64 rounds. All blocks, also that of the digest, go through the same code: the
// first 16 rounds once, then three turns of a loop of 16 rounds. The slots of a stream
// are those of hasher, with the state before the block in slotMid.

// Byte offsets of the fields of sha256d's batch.
const (
	batchState = 0                // [stream][8][16]uint32
	batchLeft  = 32 * hashSize    // [stream][16]int32: minus the number of blocks of the message
	batchStep  = batchLeft + 4*32 // uint32: blocks done
	batchRows  = batchStep + 64   // [32][laneSize]byte: the next blocks
	laneSize   = 8 * blockSize
	blockSize  = 64
)

func mid(b *block, i int) operand { return b.at(slotMid + slot(i)) }

// rows makes the words of a block: on entry Z0 to Z15 have the block of each lane.
func (h hasher) rows(b *block, stream int, swap operand, entry map[reg]string) {
	var x [16]operand
	for lane := range x {
		b.regs++
		entry[b.regs] = fmt.Sprintf("Z%d", lane)
		x[lane] = b.swapBytes(swap, r(b.regs))
	}
	w := newWords(b)
	for t := range 16 {
		w.slot[t] = slotM + slot(t)
	}
	for t, v := range b.transpose16(x) {
		w.set(t, v)
	}
}

// transpose16 makes 16 vectors of words of 16 rows.
func (b *block) transpose16(x [16]operand) (y [16]operand) {
	shuffle := func(imm int, low, high operand) operand {
		return r(b.emit(op{mn: "VSHUFI32X4", imm: fmt.Sprintf("$0x%02x", imm), src: []operand{high, low}, class: shuf}))
	}
	var z [4][4]operand // [rows][word of four]: words of four rows in each 128-bit lane
	for q := range z {
		z[q] = b.transpose([4]operand(x[4*q : 4*q+4]))
	}
	for j := range 4 {
		low, high := [2]operand{}, [2]operand{}
		for i := range 2 {
			low[i] = shuffle(0x44, z[2*i][j], z[2*i+1][j])
			high[i] = shuffle(0xee, z[2*i][j], z[2*i+1][j])
		}
		y[j], y[4+j] = shuffle(0x88, low[0], low[1]), shuffle(0xdd, low[0], low[1])
		y[8+j], y[12+j] = shuffle(0x88, high[0], high[1]), shuffle(0xdd, high[0], high[1])
	}
	return y
}

// firstRounds does the rounds 0 to 15 of a block on the state before it.
func (h hasher) firstRounds(b *block, stream int, _ operand, _, exit map[reg]string) {
	var s state
	for i := range s {
		s[i] = r(b.get(mid(b, i)))
	}
	for t := range 16 {
		s = b.round(s, true, s[7], b.at(slotM+slot(t)), constant(k[t]))
	}
	h.exit(b, stream, s, exit)
}

// forward adds the state after the rounds to that before the block, in the lanes that
// have this block.
func (h hasher) forward(b *block, stream int, _ operand, entry, _ map[reg]string) {
	left := b.emit(op{mn: "VMOVDQU32", src: []operand{{mem: fmt.Sprintf("%d(R11)", batchLeft+h.vector()*stream)}}, class: load})
	live := b.byImmediate("VPSRAD", b.add(r(left), word(fmt.Sprintf("%d(R11)", batchStep))), 31, shift)
	for i, x := range h.stream(b, stream, entry) {
		b.put(mid(b, i), b.add(b.binary("VPANDD", live, x), mid(b, i)))
	}
}

// initial makes the state before the next block the initial one.
func initial(b *block) {
	for i, v := range iv {
		b.put(mid(b, i), constant(v))
	}
}

// digest makes the state the message of the second hash.
func (h hasher) digest(b *block, _ int, _ operand, _, _ map[reg]string) {
	for i := range iv {
		b.put(b.at(slotM+slot(i)), r(b.get(mid(b, i))))
	}
	digestPadding(b)
	initial(b)
}

func digestPadding(b *block) {
	for t, v := range digestPad {
		b.put(b.at(slotM+slot(8+t)), constant(v))
	}
}

// load writes the reading of a row for each lane of a stream, and makes the words of
// them.
func (h hasher) load(a *asm, stream int, row func(lane int)) {
	for lane := range h.lanes {
		row(lane)
	}
	a.ops(h.rowsOf(a, stream))
}

// rowsOf returns the code of rows for one stream.
func (h hasher) rowsOf(a *asm, stream int) ([]op, map[reg]string) {
	one := h
	one.streams = 1
	return one.code(a, func(b *block, _ int, swap operand, entry, _ map[reg]string) {
		b.first = slot(stream * slotsHash)
		h.rows(b, stream, swap, entry)
	})
}

// rest writes the rounds 16 to 63.
func (h hasher) rest(a *asm, label string) {
	a.line("LEAQ kTable<>+64(SB), R13")
	a.line("MOVQ $3, R12")
	a.line("")
	a.line("%s:", label)
	h.emit(a, h.sixteen)
	a.line("ADDQ $64, R13")
	a.line("DECQ R12")
	a.line("JNZ %s", label)
}

// start writes the beginning of a function.
func (h hasher) start(a *asm) {
	align := h.vector() - 1
	a.line("LEAQ consts<>(SB), BX")
	a.line("LEAQ %d(SP), SI", align)
	a.line("ANDQ $~%d, SI", align)
	a.line("VBROADCASTI32X4 swap<>(SB), Z31")
}

// frame is the size of the scratch area on the stack.
func (h hasher) frame() int { return h.streams*slotsHash*h.vector() + h.vector() }

// states writes the copying of the states from the batch to the slots, or back.
func (h hasher) states(a *asm, back bool) {
	for s := range h.streams {
		for i := range iv {
			there := fmt.Sprintf("%d(R11)", batchState+(8*s+i)*h.vector())
			scratch := fmt.Sprintf("%d(SI)", (s*slotsHash+int(slotMid)-1+i)*h.vector())
			if back {
				a.line("VMOVDQA32 %s, Z0", scratch)
				a.line("VMOVDQU32 Z0, %s", there)
			} else {
				a.line("VMOVDQU32 %s, Z0", there)
				a.line("VMOVDQA32 Z0, %s", scratch)
			}
		}
	}
}

// writeMessages writes the kernel for messages.
func (h hasher) writeMessages(a *asm) {
	a.line("// func avx512Messages(b *batch, steps, last uint64)")
	a.line("TEXT ·avx512Messages(SB), 0, $%d-24", h.frame())
	a.line("MOVQ b+0(FP), R11")
	a.line("MOVQ steps+8(FP), DX")
	a.line("LEAQ %d(R11), R10", batchRows)
	h.start(a)
	h.states(a, false)
	a.line("XORQ CX, CX")
	a.line("")
	a.line("block:")
	for s := range h.streams {
		h.load(a, s, func(lane int) {
			a.line("VMOVDQU32 %d(R10), Z%d", laneSize*(h.lanes*s+lane), lane)
		})
	}
	a.line("")
	a.line("rounds:")
	h.emit(a, h.firstRounds)
	h.rest(a, "sixteen")
	a.line("TESTQ CX, CX")
	a.line("JNZ end")
	h.emit(a, h.forward)
	a.line("INCL %d(R11)", batchStep)
	a.line("ADDQ $%d, R10", blockSize)
	a.line("DECQ DX")
	a.line("JNZ block")
	a.line("MOVQ last+16(FP), CX")
	a.line("TESTQ CX, CX")
	a.line("JNZ digest")
	h.states(a, true)
	a.line("VZEROUPPER")
	a.line("RET")
	a.line("")
	a.line("digest:")
	h.emit(a, h.digest)
	a.line("JMP rounds")
	a.line("")
	a.line("end:")
	a.line("LEAQ %d(R11), DI", batchState)
	h.emit(a, h.end)
	a.line("VZEROUPPER")
	a.line("RET")
}

// kept adds the state after the rounds to that before the block, and keeps the result
// in registers too.
func (h hasher) kept(b *block, stream int, _ operand, entry, exit map[reg]string) {
	s := h.stream(b, stream, entry)
	for i := range s {
		s[i] = b.add(s[i], mid(b, i))
		b.put(mid(b, i), s[i])
	}
	h.exit(b, stream, s, exit)
}

// paddingRounds does 16 rounds of the block that is the padding of 64 bytes. The address
// of their K + W is in R13.
func (h hasher) paddingRounds(b *block, stream int, _ operand, entry, exit map[reg]string) {
	s := h.stream(b, stream, entry)
	for t := range 16 {
		s = b.round(s, true, s[7], word(fmt.Sprintf("%d(R13)", 4*t)))
	}
	h.exit(b, stream, s, exit)
}

// digestAfter adds the state after the rounds to that before the block, and makes the
// result the message of the second hash.
func (h hasher) digestAfter(b *block, stream int, _ operand, entry, _ map[reg]string) {
	for i, x := range h.stream(b, stream, entry) {
		b.put(b.at(slotM+slot(i)), b.add(x, mid(b, i)))
	}
	digestPadding(b)
	initial(b)
}

// paddingWords is the message schedule of the block that is the padding of 64 bytes.
func paddingWords() (w [64]uint32) {
	w[0], w[15] = 0x80000000, 8*blockSize
	for t := 16; t < 64; t++ {
		w[t] = sigma1(w[t-2]) + w[t-7] + sigma0(w[t-15]) + w[t-16]
	}
	return w
}

// writePairs writes the kernel for pairs of nodes.
func (h hasher) writePairs(a *asm) {
	a.line("")
	a.line("// func avx512Pairs(parents, nodes *[32]byte, turns uint64)")
	a.line("TEXT ·avx512Pairs(SB), 0, $%d-24", h.frame())
	a.line("MOVQ parents+0(FP), DI")
	a.line("MOVQ nodes+8(FP), R10")
	a.line("MOVQ turns+16(FP), DX")
	h.start(a)
	a.line("")
	a.line("pairs:")
	for s := range h.streams {
		h.load(a, s, func(lane int) {
			a.line("VMOVDQU32 %d(R10), Z%d", blockSize*(h.lanes*s+lane), lane)
		})
	}
	h.emit(a, func(b *block, _ int, _ operand, _, _ map[reg]string) { initial(b) })
	a.line("XORQ CX, CX")
	a.line("")
	a.line("rounds:")
	h.emit(a, h.firstRounds)
	h.rest(a, "sixteen")
	a.line("TESTQ CX, CX")
	a.line("JNZ end")
	h.emit(a, h.kept)
	a.line("LEAQ paddingTable<>(SB), R13")
	a.line("MOVQ $4, R12")
	a.line("")
	a.line("padding:")
	h.emit(a, h.paddingRounds)
	a.line("ADDQ $64, R13")
	a.line("DECQ R12")
	a.line("JNZ padding")
	h.emit(a, h.digestAfter)
	a.line("MOVQ $1, CX")
	a.line("JMP rounds")
	a.line("")
	a.line("end:")
	h.emit(a, h.end)
	a.line("ADDQ $%d, R10", h.turn()*blockSize)
	a.line("ADDQ $%d, DI", h.turn()*hashSize)
	a.line("DECQ DX")
	a.line("JNZ pairs")
	a.line("VZEROUPPER")
	a.line("RET")
}

func messageTables(a *asm) {
	a.table("swap", []uint32{0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f})
	a.table("kTable", k[:])
	padding := paddingWords()
	for t := range padding {
		padding[t] += k[t]
	}
	a.table("paddingTable", padding[:])
	a.constants()
}
