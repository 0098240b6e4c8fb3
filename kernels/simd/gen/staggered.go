package main

import "fmt"

// The hash kernel for AVX-512 advances two streams of 16 headers, the second one half a
// compression behind the first. The first rounds of a compression have few operations,
// which wait for each other. Beside them are rounds of the other stream that have many.
//
// A step is half a compression of both streams: the first stream does the rounds 0 to 15
// and 16 to 31, while the second does 32 to 47 and 48 to 63. Then the streams change
// places. So each round is there once, with its K as a constant, and six steps are a
// double hash of both. What differs between the three compressions is in the code that
// prepares them. So the loop has 2,100 instructions. Staggered streams with the first
// rounds of each compression apart, their constants folded, had 3,700, and no gain:
// each part ran at the bound of its operations when alone, all together a sixth slower.
//
//	R10, R11 headers of the group of the first and of the second stream
//	DI, R8   where the hashes of these groups go
//	SI, R9   scratch areas of the first and of the second stream
//	R13, R12 headers and hashes of the next group
//	AX       the state before the first stream's compression
//	CX       step of the double hash, 0 to 5
//	DX       how often a stream begins a group from now on, less one
type staggered struct {
	hasher
	ahead int // rounds from the computation of a schedule word to its use
}

var avx512Hasher = staggered{
	hasher: hasher{lanes: 16, masked: true, streams: 2, model: zen5apart, regs: registers{"Z", 0, 32}},
	ahead:  2,
}

// emit writes parts side by side, one of each stream. With one part, of the first stream,
// the second keeps its state.
func (h staggered) emit(a *asm, parts ...part) { a.ops(h.code(a, parts...)) }

// code returns the code of parts side by side.
func (h staggered) code(a *asm, parts ...part) ([]op, map[reg]string) {
	b, swap := h.block(a)
	if len(parts) == 1 {
		for _, name := range h.stateNames(1) {
			b.pin(name)
		}
	}
	entry, exit := map[reg]string{}, map[reg]string{}
	var streams [][]op
	for s, make := range parts {
		b.scratch, b.apart = [2]string{"SI", "R9"}[s], slot(s*slotsHash)
		make(b, s, swap, entry, exit)
		streams = append(streams, b.take())
	}
	return h.finish(b, streams, entry, exit)
}

// prepare is the part before compression p (0 to 2) of the first stream. It ends the
// compression before, and stores the words with which the next begins. The state before
// the first one is kept for the second, the state before the others is the initial one.
func (h staggered) prepare(p int) part {
	return func(b *block, stream int, swap operand, entry, exit map[reg]string) {
		w := newWords(b)
		for t := range 16 {
			w.slot[t] = slotM + slot(t)
		}
		switch p {
		case 0:
			h.end(b, stream, swap, entry, exit)
			var rows [16]operand
			for lane := range rows {
				from := operand{mem: fmt.Sprintf("%d(R10)", headerSize*lane)}
				rows[lane] = b.swapBytes(swap, r(b.emit(op{mn: "VMOVDQU32", src: []operand{from}, class: load})))
			}
			for t, x := range b.transpose16(rows) {
				w.set(t, x)
			}
		case 1:
			for i, x := range h.stream(b, stream, entry) {
				b.put(mid(b, i), b.add(x, constant(iv[i])))
			}
			w.loadWords(swap, "R10", 0, 0, 64)
			w.constants(4, headerPad[:])
		case 2:
			for i, x := range h.stream(b, stream, entry) {
				w.set(i, b.add(x, mid(b, i)))
			}
			w.constants(8, digestPad[:])
		}
	}
}

// constants stores constants, the words from t on.
func (w *words) constants(t int, values []uint32) {
	loaded := map[uint32]operand{}
	for i, v := range values {
		if _, ok := loaded[v]; !ok {
			loaded[v] = r(w.b.get(constant(v)))
		}
		w.b.put(w.b.at(w.slot[t+i]), loaded[v])
	}
}

// begin is the part with the rounds 0 to 15.
func (h staggered) begin(b *block, stream int, _ operand, _, exit map[reg]string) {
	var s state
	for i := range s {
		from := operand{mem: fmt.Sprintf("%d(AX)", i*h.vector())}
		s[i] = r(b.emit(op{mn: "VMOVDQU32", src: []operand{from}, class: load}))
	}
	h.exit(b, stream, h.rounds(b, s, 0), exit)
}

// from is the part with the rounds t to t+15.
func (h staggered) from(t int) part {
	return func(b *block, stream int, _ operand, entry, exit map[reg]string) {
		h.exit(b, stream, h.rounds(b, h.stream(b, stream, entry), t), exit)
	}
}

// crossed is from for streams that then change places.
func (h staggered) crossed(t int) part {
	return func(b *block, stream int, _ operand, entry, exit map[reg]string) {
		h.exit(b, 1-stream, h.rounds(b, h.stream(b, stream, entry), t), exit)
	}
}

// rounds emits the rounds first to first+15. Each word is made before it is needed, also
// those of the next rounds, in the slot of the word 16 before it.
func (h staggered) rounds(b *block, s state, first int) state {
	w := newWords(b)
	for t := max(0, first-16); t < max(16, first+h.ahead); t++ { // in memory
		w.slot[t] = slotM + slot(t%16)
		w.word[t] = b.at(w.slot[t])
	}
	for t := first; t < first+16; t++ {
		if n := t + h.ahead; n >= 16 && n < 64 {
			if n < 64-7 { // it is read again later
				w.slot[n] = slotM + slot(n%16)
			}
			w.extend(n)
		}
		s = b.round(s, true, s[7], w.near(t), constant(k[t]))
	}
	return s
}

// write writes the kernel. Where a stream begins a group it stores the hashes of its last
// one. The first two times there is none, and what it stores goes to the stack. The last
// two times there is no group to begin, and it begins the first of all, whose headers
// are there to be read.
func (h staggered) write(a *asm) {
	area, headers, hashes := slotsHash*h.vector(), h.lanes*headerSize, h.lanes*hashSize
	a.line("")
	a.line("// func hash(hashes *[32]byte, headers *byte, groups uint64)")
	a.line("TEXT ·hash(SB), 0, $%d-24", 2*area+hashes+h.vector())
	a.line("MOVQ hashes+0(FP), R12")
	a.line("MOVQ headers+8(FP), R13")
	a.line("MOVQ groups+16(FP), DX")
	a.line("INCQ DX")
	a.line("LEAQ consts<>(SB), BX")
	a.line("LEAQ %d(SP), SI", h.vector()-1)
	a.line("ANDQ $~%d, SI", h.vector()-1)
	a.line("LEAQ %d(SI), R9", area)
	a.line("LEAQ %d(SI), DI", 2*area)
	a.line("MOVQ DI, R8")
	a.line("XORQ CX, CX")
	a.line("VBROADCASTI32X4 swap<>(SB), Z31")
	a.line("")
	a.line("prepare0:")
	a.line("MOVQ R13, R10")
	a.line("CMPQ DX, $2")
	a.line("CMOVQLT headers+8(FP), R10")
	h.emit(a, h.prepare(0))
	a.line("MOVQ R12, DI")
	a.line("ADDQ $%d, R13", headers)
	a.line("ADDQ $%d, R12", hashes)
	a.line("LEAQ initial<>(SB), AX")
	a.line("DECQ DX")
	a.line("JGE step")
	a.line("VZEROUPPER")
	a.line("RET")
	a.line("")
	a.line("prepare1:")
	h.emit(a, h.prepare(1))
	a.line("LEAQ %d(SI), AX", int(slotMid-1)*h.vector())
	a.line("JMP step")
	a.line("")
	a.line("prepare2:")
	h.emit(a, h.prepare(2))
	a.line("LEAQ initial<>(SB), AX")
	a.line("")
	a.line("step:")
	h.emit(a, h.begin, h.from(32))
	h.emit(a, h.crossed(16), h.crossed(48))
	a.line("XCHGQ R10, R11")
	a.line("XCHGQ DI, R8")
	a.line("XCHGQ SI, R9")
	a.line("INCQ CX")
	a.line("CMPQ CX, $2")
	a.line("JLT prepare0")
	a.line("CMPQ CX, $4")
	a.line("JLT prepare1")
	a.line("CMPQ CX, $6")
	a.line("JLT prepare2")
	a.line("XORQ CX, CX")
	a.line("JMP prepare0")
}

// tables writes the initial state of SHA-256, in all lanes.
func (h staggered) tables(a *asm) {
	var state []uint32
	for _, v := range iv {
		for range h.lanes {
			state = append(state, v)
		}
	}
	a.table("initial", state)
}
