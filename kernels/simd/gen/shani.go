package main

import "fmt"

// The kernels on the SHA instructions work on one message each and hide the
// latency of sha256rnds2 (four cycles, one or two of them issue) with four
// messages in turn. A state is two registers, ABEF = {f, e, b, a} and
// CDGH = {h, g, d, c} from the lowest lane up; a quad is four message words.
// Registers are given by hand:
//
//	X0         K + W for sha256rnds2
//	X1 to X8   the states of the streams
//	X9 to X12  the newest quad of each stream
//	X13, X14   scratch
//	X15        the byte shuffle (hash)
//
// Older quads lie in memory, 16 of them for each stream.

const shaStreams = 4

// quad is four words of a message: known, in memory, or in a register.
type quad struct {
	known *[4]uint32
	mem   string
	reg   string
}

func knownQuad(a, b, c, d uint32) quad { return quad{known: &[4]uint32{a, b, c, d}} }

func (q quad) zero() bool { return q.known != nil && *q.known == [4]uint32{} }

// stream is one message in its registers.
type stream struct {
	a          *asm
	n          int
	abef, cdgh string
	quads      [16]quad
}

func newStreams(a *asm) (s [shaStreams]*stream) {
	for n := range s {
		s[n] = &stream{a: a, n: n, abef: fmt.Sprintf("X%d", 1+2*n), cdgh: fmt.Sprintf("X%d", 2+2*n)}
	}
	return s
}

func (s *stream) slot(i int) string { return fmt.Sprintf("%d(SI)", 256*s.n+16*i) }
func (s *stream) newest() string    { return fmt.Sprintf("X%d", 9+s.n) }

// operand is the quad as the source of an instruction.
func (s *stream) operand(q quad) string {
	switch {
	case q.known != nil:
		return s.a.quad(*q.known)
	case q.reg != "":
		return q.reg
	}
	return q.mem
}

// older is quad i from memory.
func (s *stream) older(i int) quad {
	if q := s.quads[i]; q.known != nil {
		return q
	}
	return quad{mem: s.slot(i)}
}

// set makes register x, which must be newest, quad i, and stores it if it is
// read again when another is the newest.
func (s *stream) set(i int) {
	s.quads[i] = quad{reg: s.newest()}
	if i < 14 {
		s.a.line("VMOVDQA %s, %s", s.newest(), s.slot(i))
	}
}

// extend makes quad i, the words 4i to 4i+3, of the four before it. pre, if
// not nil, is all of the sum that does not need the newest quad.
func (s *stream) extend(i int, pre *quad) {
	a := s.a
	last := s.quads[i-1]
	sum := "X13"
	switch {
	case pre != nil:
		a.line("VMOVDQU %s, X13", s.operand(*pre))
	default:
		// s0(W[t-15]) + W[t-16], then + W[t-7], then + s1(W[t-2])
		w16, w12 := s.older(i-4), s.older(i-3)
		seven := s.align(i)
		switch {
		case w16.known != nil && w12.known != nil:
			both := knownQuad(
				w16.known[0]+sigma0(w16.known[1]), w16.known[1]+sigma0(w16.known[2]),
				w16.known[2]+sigma0(w16.known[3]), w16.known[3]+sigma0(w12.known[0]))
			switch {
			case both.zero() && !seven.zero():
				sum = s.operand(seven)
			case seven.zero():
				a.line("VMOVDQU %s, X13", s.operand(both))
			default:
				a.line("VPADDD %s, X14, X13", s.operand(both))
			}
		default:
			a.line("VMOVDQU %s, X13", s.operand(w16))
			a.line("SHA256MSG1 %s, X13", s.operand(w12))
			if !seven.zero() {
				a.line("VPADDD %s, X13, X13", s.operand(seven))
			}
		}
	}
	if last.known != nil {
		a.line("VMOVDQU %s, %s", s.operand(last), s.newest())
	}
	a.line("SHA256MSG2 %s, %s", s.newest(), sum)
	a.line("VMOVDQA %s, %s", sum, s.newest())
	s.set(i)
}

// align returns the words 4i-7 to 4i-4: known, or in X14.
func (s *stream) align(i int) quad {
	low, high := s.older(i-2), s.quads[i-1]
	if low.known != nil && high.known != nil {
		return knownQuad(low.known[1], low.known[2], low.known[3], high.known[0])
	}
	s.a.line("VPALIGNR $4, %s, %s, X14", s.operand(low), s.operand(high))
	return quad{reg: "X14"}
}

// rounds does the rounds 4i to 4i+3, or only the first two.
func (s *stream) rounds(i int, half bool) {
	a, q := s.a, s.quads[i]
	ki := [4]uint32(k[4*i : 4*i+4])
	switch {
	case q.known != nil:
		for j, w := range q.known {
			ki[j] += w
		}
		a.line("VMOVDQU %s, X0", a.quad(ki))
	case q.reg != "":
		a.line("VPADDD %s, %s, X0", a.quad(ki), q.reg)
	default:
		a.line("VMOVDQU %s, X0", a.quad(ki))
		a.line("VPADDD %s, X0, X0", q.mem)
	}
	s.rnds2()
	if !half {
		a.line("VPSHUFD $0x0e, X0, X0")
		s.rnds2()
	}
}

func (s *stream) rnds2() {
	s.a.line("SHA256RNDS2 X0, %s, %s", s.abef, s.cdgh)
	s.abef, s.cdgh = s.cdgh, s.abef
}

// ivStart makes the state the initial one.
func (s *stream) ivStart() {
	s.a.line("VMOVDQU %s, %s", s.a.quad(ivABEF), s.abef)
	s.a.line("VMOVDQU %s, %s", s.a.quad(ivCDGH), s.cdgh)
}

var (
	ivABEF = [4]uint32{iv[5], iv[4], iv[1], iv[0]}
	ivCDGH = [4]uint32{iv[7], iv[6], iv[3], iv[2]}
)

// digest turns the state into the quads of the next message, {a, b, c, d} in
// X13 and {e, f, g, h} in the newest.
func (s *stream) digest() {
	s.a.line("VPSHUFD $0x1b, %s, %s", s.abef, s.abef)
	s.a.line("VPSHUFD $0x1b, %s, %s", s.cdgh, s.cdgh)
	s.a.line("VPUNPCKLQDQ %s, %s, X13", s.cdgh, s.abef)
	s.a.line("VPUNPCKHQDQ %s, %s, %s", s.cdgh, s.abef, s.newest())
}

// digestMessage makes the digest the message.
func (s *stream) digestMessage() {
	s.digest()
	s.a.line("VMOVDQA X13, %s", s.slot(0))
	s.quads[0] = quad{mem: s.slot(0)}
	s.set(1)
	s.quads[2], s.quads[3] = knownQuad(0x80000000, 0, 0, 0), knownQuad(0, 0, 0, 256)
	s.ivStart()
}

func shaSearch(a *asm) {
	a.line("// func search(job *prep.Job, first uint32, candidates *uint64, groups uint64)")
	a.line("TEXT ·search(SB), 0, $%d-32", 256*shaStreams+16)
	a.line("MOVQ job+0(FP), AX")
	a.line("MOVL first+8(FP), R8")
	a.line("MOVQ candidates+16(FP), DI")
	a.line("MOVQ groups+24(FP), CX")
	a.line("LEAQ 15(SP), SI")
	a.line("ANDQ $~15, SI")
	a.line("MOVL %d(AX), R13", offTop)
	a.line("INCQ R13 // of 64 bits: a top word below it meets the target")
	a.line("")
	a.line("group:")
	a.line("MOVQ $%d, DX // turns for a word of candidates", 64/shaStreams)
	a.line("")
	a.line("loop:")
	streams := newStreams(a)
	for _, s := range streams {
		nonceStart(s)
	}
	for i := 1; i < 16; i++ {
		for _, s := range streams {
			switch {
			case i == 5:
				s.extend(i, &quad{mem: fmt.Sprintf("%d(AX)", offQ20)})
			case i == 7:
				a.line("VMOVDQU %d(AX), X13", offQ28)
				a.line("VPADDD %s, X13, X13", s.operand(s.align(i)))
				a.line("SHA256MSG2 %s, X13", s.newest())
				a.line("VMOVDQA X13, %s", s.newest())
				s.set(i)
			case i > 4:
				s.extend(i, nil)
			}
			s.rounds(i, false)
		}
	}
	for _, s := range streams {
		a.line("VPADDD %d(AX), %s, %s", offMidABEF, s.abef, s.abef)
		a.line("VPADDD %d(AX), %s, %s", offMidCDGH, s.cdgh, s.cdgh)
		s.digestMessage()
	}
	for i := range 16 {
		for _, s := range streams {
			if i > 3 {
				s.extend(i, nil)
			}
			s.rounds(i, i == 15)
		}
	}
	for _, s := range streams { // f of round 61 is the e of round 60
		a.line("VMOVD %s, R9", s.abef)
		a.line("ADDL $0x%08x, R9", iv[7])
		a.line("BSWAPL R9")
		a.line("CMPQ R9, R13")
		a.line("RCRQ $1, R10")
	}
	a.line("ADDL $%d, R8", shaStreams)
	a.line("DECQ DX")
	a.line("JNZ loop")
	a.line("MOVQ R10, (DI)")
	a.line("ADDQ $8, DI")
	a.line("DECQ CX")
	a.line("JNZ group")
	a.line("RET")
}

// nonceStart sets up state 4 and the message of nonce R8 + s.n.
func nonceStart(s *stream) {
	a := s.a
	a.line("LEAL %d(R8), R9", s.n)
	a.line("BSWAPL R9")
	a.line("VMOVD R9, X13")
	a.line("VPSHUFD $0x11, X13, X13 // {0, w3, 0, w3}")
	a.line("VPADDD %d(AX), X13, %s", offABEF4, s.abef)
	a.line("VMOVDQU %d(AX), %s", offCDGH4, s.cdgh)
	// W[18] = C18 + s0(W[3]), W[19] = C19 + W[3]
	a.line("RORXL $7, R9, R11")
	a.line("RORXL $18, R9, R12")
	a.line("XORL R12, R11")
	a.line("MOVL R9, R12")
	a.line("SHRL $3, R12")
	a.line("XORL R12, R11")
	a.line("ADDL %d(AX), R11", offC18)
	a.line("ADDL %d(AX), R9", offC19)
	a.line("VMOVDQU %d(AX), %s", offQ16, s.newest())
	a.line("VPINSRD $2, R11, %s, %s", s.newest(), s.newest())
	a.line("VPINSRD $3, R9, %s, %s", s.newest(), s.newest())
	s.quads = [16]quad{
		1: knownQuad(0x80000000, 0, 0, 0),
		2: knownQuad(0, 0, 0, 0),
		3: knownQuad(0, 0, 0, 640),
	}
	s.set(4)
}

func shaHash(a *asm) {
	a.line("")
	a.line("// func hash(hashes *pow.Hash, headers *byte, turns uint64)")
	a.line("TEXT ·hash(SB), 0, $%d-24", (256+32)*shaStreams+16)
	a.line("MOVQ hashes+0(FP), DI")
	a.line("MOVQ headers+8(FP), R10")
	a.line("MOVQ turns+16(FP), CX")
	a.line("LEAQ 15(SP), SI")
	a.line("ANDQ $~15, SI")
	a.line("VMOVDQU swap<>(SB), X15")
	a.line("")
	a.line("loop:")
	streams := newStreams(a)
	saved := func(s *stream, i int) string { return fmt.Sprintf("%d(SI)", (256*shaStreams)+32*s.n+16*i) }

	// The first 64 bytes.
	for _, s := range streams {
		s.ivStart()
	}
	for i := range 16 {
		for _, s := range streams {
			if i < 4 {
				loadQuad(s, i, 16*i)
			} else {
				s.extend(i, nil)
			}
			s.rounds(i, false)
		}
	}
	for _, s := range streams {
		a.line("VPADDD %s, %s, %s", a.quad(ivABEF), s.abef, s.abef)
		a.line("VPADDD %s, %s, %s", a.quad(ivCDGH), s.cdgh, s.cdgh)
		a.line("VMOVDQA %s, %s", s.abef, saved(s, 0))
		a.line("VMOVDQA %s, %s", s.cdgh, saved(s, 1))
	}

	// The last 16 bytes.
	for i := range 16 {
		for _, s := range streams {
			switch {
			case i == 0:
				loadQuad(s, 0, 64)
				s.quads[1] = knownQuad(0x80000000, 0, 0, 0)
				s.quads[2] = knownQuad(0, 0, 0, 0)
				s.quads[3] = knownQuad(0, 0, 0, 640)
			case i > 3:
				s.extend(i, nil)
			}
			s.rounds(i, false)
		}
	}
	for _, s := range streams {
		a.line("VPADDD %s, %s, %s", saved(s, 0), s.abef, s.abef)
		a.line("VPADDD %s, %s, %s", saved(s, 1), s.cdgh, s.cdgh)
		s.digestMessage()
	}

	// The digest.
	for i := range 16 {
		for _, s := range streams {
			if i > 3 {
				s.extend(i, nil)
			}
			s.rounds(i, false)
		}
	}
	for _, s := range streams {
		a.line("VPADDD %s, %s, %s", a.quad(ivABEF), s.abef, s.abef)
		a.line("VPADDD %s, %s, %s", a.quad(ivCDGH), s.cdgh, s.cdgh)
		s.digest()
		a.line("VPSHUFB X15, X13, X13")
		a.line("VPSHUFB X15, %s, %s", s.newest(), s.newest())
		a.line("VMOVDQU X13, %d(DI)", hashSize*s.n)
		a.line("VMOVDQU %s, %d(DI)", s.newest(), hashSize*s.n+16)
	}
	a.line("ADDQ $%d, R10", headerSize*shaStreams)
	a.line("ADDQ $%d, DI", hashSize*shaStreams)
	a.line("DECQ CX")
	a.line("JNZ loop")
	a.line("RET")
}

// loadQuad reads quad i at offset of the stream's header.
func loadQuad(s *stream, i, offset int) {
	s.a.line("VMOVDQU %d(R10), %s", headerSize*s.n+offset, s.newest())
	s.a.line("VPSHUFB X15, %s, %s", s.newest(), s.newest())
	s.set(i)
}

func shaTables(a *asm) {
	a.table("swap", []uint32{0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f})
	var w []uint32
	for _, q := range a.quads {
		w = append(w, q[:]...)
	}
	a.table("quads", w)
}
