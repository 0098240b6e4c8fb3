package main

import "fmt"

// The double SHA-256 of many headers takes three compressions: the first 64
// bytes, the last 16 with padding, and the digest. The first 16 rounds of each
// are written out, with what is constant folded. The other 48 are a loop of
// three turns of 16 rounds, the same code for all three compressions: so the
// whole kernel stays in the first-level instruction cache, which unrolled loops
// overflow.

// A hasher writes the hash kernel for AVX2, and has the parts of the kernels for AVX-512
// (messages.go, staggered.go). It advances several streams of vectors at once, where
// registers allow.
type hasher struct {
	lanes   int
	masked  bool
	streams int
	model   model
	regs    registers
}

var (
	messageHasher = hasher{lanes: 16, masked: true, streams: 2, model: zen5, regs: registers{"Z", 0, 32}}
	avx2Hasher    = hasher{lanes: 8, streams: 1, model: older, regs: registers{"Y", 0, 16}}
)

const (
	headerSize = 80
	hashSize   = 32

	slotM     slot = 1          // 16: the last 16 words of the message schedule
	slotMid   slot = slotM + 16 // 8: the state before the compression
	slotsHash      = 16 + 8     // slots of a stream
)

func (h hasher) vector() int { return h.lanes * 4 }         // bytes
func (h hasher) turn() int   { return h.lanes * h.streams } // headers a turn

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

// loadWords sets W[t] to W[t+3] to the 16 bytes at offset of the headers from
// header on, where base holds the address of the first of all.
func (w *words) loadWords(swap operand, base string, header, t, offset int) {
	x := w.b.gather(&swap, func(lane int) string {
		return fmt.Sprintf("%d(%s)", headerSize*(header+lane)+offset, base)
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

// stateNames are the registers that hold the state of a stream between the
// parts of the kernel.
func (h hasher) stateNames(stream int) (names [8]string) {
	for i := range names {
		names[i] = fmt.Sprintf("%s%d", h.regs.prefix, 8*stream+i)
	}
	return names
}

// stream starts the code of a part for a stream, and returns the state on
// entry.
func (h hasher) stream(b *block, stream int, entry map[reg]string) (s state) {
	for i, n := range h.stateNames(stream) {
		b.regs++
		entry[b.regs] = n
		s[i] = r(b.regs)
	}
	return s
}

// exit notes that s is the state of a stream at the end of a part.
func (h hasher) exit(b *block, stream int, s state, exit map[reg]string) {
	for i, n := range h.stateNames(stream) {
		v := b.get(s[i])
		if exit[v] != "" {
			fail("one value leaves in %s and in %s", exit[v], n)
		}
		exit[v] = n
	}
}

// A part makes the code of one part of the kernel for a stream. It adds the
// registers that hold values on entry and on exit.
type part func(b *block, stream int, swap operand, entry, exit map[reg]string)

// emit writes a part.
func (h hasher) emit(a *asm, make part) { a.ops(h.code(a, make)) }

// code returns the code of a part for all streams.
func (h hasher) code(a *asm, make part) ([]op, map[reg]string) {
	b, swap := h.block(a)
	entry, exit := map[reg]string{}, map[reg]string{}
	var streams [][]op
	for s := range h.streams {
		b.first = slot(s * slotsHash)
		make(b, s, swap, entry, exit)
		streams = append(streams, b.take())
	}
	return h.finish(b, streams, entry, exit)
}

// block returns an empty block, and the mask that swaps bytes.
func (h hasher) block(a *asm) (b *block, swap operand) {
	b = newBlock(a, h.lanes, h.masked)
	if h.masked {
		return b, r(b.pin("Z31"))
	}
	return b, operand{mem: "swap<>(SB)"}
}

// finish merges streams and returns their code.
func (h hasher) finish(b *block, streams [][]op, entry, exit map[reg]string) ([]op, map[reg]string) {
	read := map[reg]bool{}
	ops := merge(streams...)
	for _, o := range ops {
		for _, s := range o.src {
			read[s.reg] = true
		}
	}
	for v := range entry {
		if !read[v] {
			delete(entry, v)
		}
	}
	ops = schedule(ops, len(b.pinned)+len(entry), exit, h.model)
	return b.allocate(ops, h.regs, entry, exit)
}

// begin is the part with the rounds 0 to 15 of compression p (0 to 2). Before
// them it ends the previous compression, and it stores what the other rounds
// need.
func (h hasher) begin(p int) part {
	return func(b *block, stream int, swap operand, entry, exit map[reg]string) {
		h.beginStream(b, p, stream, swap, entry, exit)
	}
}

// beginStream emits that part for one stream.
func (h hasher) beginStream(b *block, p, stream int, swap operand, entry, exit map[reg]string) {
	w := newWords(b)
	for t := range 16 {
		w.slot[t] = slotM + slot(t)
	}
	s := ivState()
	mid := func(i int) operand { return b.at(slotMid + slot(i)) }
	switch p {
	case 0:
		for t := 0; t < 16; t += 4 {
			w.loadWords(swap, "R10", h.lanes*stream, t, 4*t)
		}
	case 1:
		end := h.stream(b, stream, entry)
		for i := range s {
			s[i] = b.add(end[i], s[i])
			b.put(mid(i), s[i])
		}
		w.loadWords(swap, "R10", h.lanes*stream, 0, 64)
		for t, v := range headerPad {
			w.constant(4+t, v)
		}
	case 2:
		end := h.stream(b, stream, entry)
		for i := range s {
			w.set(i, b.add(end[i], mid(i)))
		}
		for t, v := range digestPad {
			w.constant(8+t, v)
		}
	}
	h.exit(b, stream, b.rounds(s, w, 15, false, 0), exit)
}

// constant sets W[t] to a constant, which is stored too.
func (w *words) constant(t int, v uint32) {
	w.word[t] = constant(v)
	w.b.put(w.b.at(w.slot[t]), w.word[t])
}

// sixteen emits 16 of the rounds 16 to 63; the address of their K is in R13.
func (h hasher) sixteen(b *block, stream int, _ operand, entry, exit map[reg]string) {
	s := h.stream(b, stream, entry)
	w := newWords(b)
	for t := range 16 { // of the 16 rounds before
		w.slot[t] = slotM + slot(t)
		w.word[t] = b.at(w.slot[t])
	}
	for t := range 16 {
		w.slot[16+t] = slotM + slot(t)
		w.extend(16 + t)
		s = b.round(s, true, s[7], w.near(16+t), word(fmt.Sprintf("%d(R13)", 4*t)))
	}
	h.exit(b, stream, s, exit)
}

// end emits the end of the last compression, and stores the hashes.
func (h hasher) end(b *block, stream int, swap operand, entry, _ map[reg]string) {
	s := h.stream(b, stream, entry)
	for i := range s {
		s[i] = b.add(s[i], constant(iv[i]))
	}
	h.storeHashes(b, s, stream, swap)
}

// write writes the whole kernel.
func (h hasher) write(a *asm) {
	align := h.vector() - 1
	a.line("")
	a.line("// func hash(hashes *[32]byte, headers *byte, turns uint64)")
	a.line("TEXT ·hash(SB), 0, $%d-24", h.streams*slotsHash*h.vector()+h.vector())
	a.line("MOVQ hashes+0(FP), DI")
	a.line("MOVQ headers+8(FP), R10")
	a.line("MOVQ turns+16(FP), DX")
	a.line("LEAQ consts<>(SB), BX")
	a.line("LEAQ %d(SP), SI", align)
	a.line("ANDQ $~%d, SI", align)
	for p := range 3 {
		a.line("")
		a.line("begin%d:", p)
		h.emit(a, h.begin(p))
		a.line("MOVQ $%d, CX // the next part", p)
		if p < 2 {
			a.line("JMP rest")
		}
	}
	a.line("")
	a.line("rest:")
	a.line("LEAQ kTable<>+64(SB), R13")
	a.line("MOVQ $3, R12")
	a.line("")
	a.line("sixteen:")
	h.emit(a, h.sixteen)
	a.line("ADDQ $64, R13")
	a.line("DECQ R12")
	a.line("JNZ sixteen")
	a.line("CMPQ CX, $1")
	a.line("JLT begin1")
	a.line("JEQ begin2")
	a.line("")
	h.emit(a, h.end)
	a.line("ADDQ $%d, R10", h.turn()*headerSize)
	a.line("ADDQ $%d, DI", h.turn()*hashSize)
	a.line("DECQ DX")
	a.line("JNZ begin0")
	a.line("VZEROUPPER")
	a.line("RET")
}
