package main

import "fmt"

// The double SHA-256 of many headers takes three compressions: the first 64
// bytes, the last 16 with padding, and the digest. Each is a loop of its own
// over a chunk of headers, short enough for the first-level caches. Between
// the loops the states lie in a buffer, a vector for each of the eight words.

// A hasher writes the hash kernel for a vector machine. It advances several
// streams of vectors at once, where registers allow.
type hasher struct {
	lanes   int
	masked  bool
	streams int
	model   model
	prefix  string
	regs    int
	chunk   int // turns of each loop
}

const (
	headerSize = 80
	hashSize   = 32

	slotM     slot = 1          // 16: the block's own words
	slotRing  slot = slotM + 16 // ring: the words made of them
	slotsHash      = 16 + ring  // slots of a stream
	slotState slot = 1000       // 8 in the buffer, whose address is in R9
)

func (h hasher) vector() int { return h.lanes * 4 }         // bytes
func (h hasher) turn() int   { return h.lanes * h.streams } // headers a turn

// buffer is state word i of the stream.
func (h hasher) buffer(stream, i int) operand {
	return operand{mem: fmt.Sprintf("%d(R9)", (8*stream+i)*h.vector()), slot: slotState + slot(8*stream+i)}
}

// transpose makes four vectors of words of four vectors of rows, in each
// 128-bit lane, and the reverse.
func (b *block) transpose(x [4]operand) [4]operand {
	unpack := func(mn string, x, y operand) operand {
		return r(b.emit(op{mn: mn, src: []operand{y, x}, class: shuf}))
	}
	t0, t1 := unpack("VPUNPCKLDQ", x[0], x[1]), unpack("VPUNPCKHDQ", x[0], x[1])
	t2, t3 := unpack("VPUNPCKLDQ", x[2], x[3]), unpack("VPUNPCKHDQ", x[2], x[3])
	return [4]operand{
		unpack("VPUNPCKLQDQ", t0, t2), unpack("VPUNPCKHQDQ", t0, t2),
		unpack("VPUNPCKLQDQ", t1, t3), unpack("VPUNPCKHQDQ", t1, t3),
	}
}

// gather makes vectors of four words of the 16 bytes at each lane's address.
// If swap is not nil, the bytes of the words are reversed.
func (b *block) gather(swap *operand, at func(lane int) string) [4]operand {
	broadcast, insert := "VBROADCASTI128", "VINSERTI128"
	if b.masked {
		broadcast, insert = "VBROADCASTI32X4", "VINSERTI32X4"
	}
	var rows [4]operand
	for j := range rows {
		x := b.emit(op{mn: broadcast, src: []operand{{mem: at(j)}}, class: load})
		for part := 1; part < b.lanes/4; part++ {
			from := operand{mem: at(4*part + j)}
			x = b.emit(op{mn: insert, imm: fmt.Sprintf("$%d", part), src: []operand{from, r(x)}, class: shuf})
		}
		rows[j] = r(x)
		if swap != nil {
			rows[j] = b.swapBytes(*swap, r(x))
		}
	}
	return b.transpose(rows)
}

// loadWords sets W[t] to W[t+3] to the 16 bytes at offset of each header,
// where R10 is the address of the first.
func (w *words) loadWords(swap operand, header, t, offset int) {
	x := w.b.gather(&swap, func(lane int) string {
		return fmt.Sprintf("%d(R10)", headerSize*(header+lane)+offset)
	})
	for j := range x {
		w.set(t+j, x[j])
	}
}

// storeHashes writes the digest words of s; the address of the turn's first
// hash is in DI.
func (h hasher) storeHashes(b *block, s state, stream int, swap operand) {
	extract := "VEXTRACTI128"
	if h.masked {
		extract = "VEXTRACTI32X4"
	}
	for half := range 2 {
		for j, row := range b.transpose([4]operand(s[4*half : 4*half+4])) {
			row = b.swapBytes(swap, row)
			for part := range h.lanes / 4 {
				b.emit(op{
					mn: extract, imm: fmt.Sprintf("$%d", part), src: []operand{row}, class: store,
					store: fmt.Sprintf("%d(DI)", hashSize*(h.lanes*stream+4*part+j)+16*half),
				})
			}
		}
	}
}

// phase emits one turn of compression p (0 to 2) for a stream.
func (h hasher) phase(b *block, p, stream int, swap operand) {
	b.first = slot(stream * slotsHash)
	w := &words{b: b}
	s := ivState()
	for t := range 16 {
		w.slot[t] = slotM + slot(t)
	}
	w.ringSlots(slotRing, 16, 63)
	switch p {
	case 0:
		for t := 0; t < 16; t += 4 {
			w.loadWords(swap, h.lanes*stream, t, 4*t)
		}
	case 1:
		w.loadWords(swap, h.lanes*stream, 0, 64)
		for t, v := range headerPad {
			w.word[4+t] = constant(v)
		}
		for i := range s {
			s[i] = r(b.get(h.buffer(stream, i)))
		}
	case 2:
		for t := range 8 {
			w.slot[t] = 0
			w.word[t] = h.buffer(stream, t)
			w.word[8+t] = constant(digestPad[t])
		}
	}
	end := b.rounds(s, w, 63, false, 0)
	for i := range end {
		if p == 1 {
			s[i] = h.buffer(stream, i)
		}
		end[i] = b.add(end[i], s[i])
		if p < 2 {
			b.put(h.buffer(stream, i), end[i])
		}
	}
	if p == 2 {
		h.storeHashes(b, end, stream, swap)
	}
}

// write writes the whole kernel.
func (h hasher) write(a *asm) {
	state := h.streams * 8 * h.vector() // bytes of a turn's states
	words := h.streams * slotsHash * h.vector()
	align := h.vector() - 1
	a.line("// func hash(hashes *pow.Hash, headers *byte, turns uint64)")
	a.line("TEXT ·hash(SB), 0, $%d-24", words+h.chunk*state+h.vector())
	a.line("MOVQ hashes+0(FP), DI")
	a.line("MOVQ headers+8(FP), R11")
	a.line("MOVQ turns+16(FP), DX")
	a.line("LEAQ consts<>(SB), BX")
	a.line("LEAQ %d(SP), SI", align)
	a.line("ANDQ $~%d, SI", align)
	if h.masked {
		a.line("VBROADCASTI32X4 swap<>(SB), Z31")
	}
	a.line("")
	a.line("next: // chunk of at most %d turns", h.chunk)
	a.line("MOVQ $%d, R12", h.chunk)
	a.line("CMPQ DX, R12")
	a.line("CMOVQLT DX, R12")
	a.line("SUBQ R12, DX")
	for p := range 3 {
		a.line("LEAQ %d(SI), R9", words)
		a.line("MOVQ R12, CX")
		if p < 2 {
			a.line("MOVQ R11, R10")
		}
		a.line("")
		a.line("phase%d:", p)
		b := newBlock(a, h.lanes, h.masked)
		swap := operand{mem: "swap<>(SB)"}
		if h.masked {
			swap = r(b.pin("Z31"))
		}
		var streams [][]op
		for s := range h.streams {
			h.phase(b, p, s, swap)
			streams = append(streams, b.take())
		}
		ops := schedule(merge(streams...), len(b.pinned), h.model)
		a.ops(ops, b.allocate(ops, h.prefix, 0, h.regs))
		a.line("ADDQ $%d, R9", state)
		if p < 2 {
			a.line("ADDQ $%d, R10", h.turn()*headerSize)
		} else {
			a.line("ADDQ $%d, DI", h.turn()*hashSize)
		}
		a.line("DECQ CX")
		a.line("JNZ phase%d", p)
	}
	a.line("MOVQ R10, R11")
	a.line("TESTQ DX, DX")
	a.line("JNZ next")
	a.line("VZEROUPPER")
	a.line("RET")
}
