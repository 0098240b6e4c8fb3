package main

import (
	"fmt"
	"slices"
)

// The kernel on arm64's SHA-256 instructions. One instruction works on one
// message and takes about four cycles, but the next can start a cycle later.
// So there are four messages, each instruction for all of them in turn. Most
// CPUs have one unit for these instructions, and it never waits: 103 of them
// are needed for a nonce, 165 for a header.
//
// A state is two registers, ABCD and EFGH; a quad is four message words. The
// lowest lane holds the word named first. Everything is in registers, eight
// for each stream. R4 has the address of the constants.

const sha2Streams = 4

// vreg is the number of a vector register.
type vreg int

func (v vreg) String() string { return fmt.Sprintf("V%d", int(v)) }
func (v vreg) s4() string     { return fmt.Sprintf("V%d.S4", int(v)) }
func (v vreg) b16() string    { return fmt.Sprintf("V%d.B16", int(v)) }
func (v vreg) d2() string     { return fmt.Sprintf("V%d.D2", int(v)) }
func (v vreg) whole() string  { return fmt.Sprintf("F%d", int(v)) } // for loads and stores

// sha2Stream is one message in its registers.
type sha2Stream struct {
	n          int
	abcd, efgh vreg
	kw, old    vreg    // scratch: K + W, and the ABCD that SHA256H overwrites
	w          [4]vreg // the window: quad i is in w[i%4]
}

// sha2 writes the code of all streams, which are alike.
type sha2 struct {
	*asm
	streams [sha2Streams]sha2Stream
	window  [4]sha2Quad
}

// sha2Quad is what the generator knows of a quad in the window.
type sha2Quad struct {
	known  *[4]uint32 // nil if it depends on the nonce or header
	loaded bool       // it is in its register
}

func newSHA2(a *asm) *sha2 {
	m := &sha2{asm: a}
	for n := range m.streams {
		r := vreg(8 * n)
		m.streams[n] = sha2Stream{n, r, r + 1, r + 2, r + 3, [4]vreg{r + 4, r + 5, r + 6, r + 7}}
	}
	return m
}

// constant loads a constant.
func (m *sha2) constant(v [4]uint32, dst vreg) {
	m.quad(v)
	m.line("FMOVQ %d(R4), %s", 16*slices.Index(m.quads, v), dst.whole())
}

// known makes quad i a constant, loaded when an instruction asks for it.
func (m *sha2) known(i int, v [4]uint32) {
	q := &m.window[i%4]
	q.loaded = q.loaded && q.known != nil && *q.known == v
	q.known = &v
}

// written tells that quad i was written to its registers.
func (m *sha2) written(i int) { m.window[i%4] = sha2Quad{loaded: true} }

// need makes sure that quad i is in its registers.
func (m *sha2) need(i int) {
	q := &m.window[i%4]
	if q.loaded {
		return
	}
	for _, s := range m.streams {
		m.constant(*q.known, s.w[i%4])
	}
	q.loaded = true
}

// ivStart makes the states the initial one.
func (m *sha2) ivStart() {
	for _, s := range m.streams {
		m.constant(ivABCD, s.abcd)
		m.constant(ivEFGH, s.efgh)
	}
}

// ivAdd adds the initial state to the states.
func (m *sha2) ivAdd() {
	for _, s := range m.streams {
		m.constant(ivABCD, s.kw)
		m.line("VADD %s, %s, %s", s.kw.s4(), s.abcd.s4(), s.abcd.s4())
		m.constant(ivEFGH, s.old)
		m.line("VADD %s, %s, %s", s.old.s4(), s.efgh.s4(), s.efgh.s4())
	}
}

var (
	ivABCD = [4]uint32(iv[:4])
	ivEFGH = [4]uint32(iv[4:])
)

// compress does the rounds of the quads from first to last, and makes quad i+4
// after those of quad i. sums has the addresses of s0(W[t-15]) + W[t-16] for the
// quads where the job holds them.
func (m *sha2) compress(first, last int, sums map[int]string) {
	for i := first; i <= last; i++ {
		m.rounds(i)
		if i+4 < 16 {
			m.extend(i+4, sums[i+4])
		}
	}
}

// rounds does the rounds 4i to 4i+3.
func (m *sha2) rounds(i int) {
	m.addK(i)
	for _, s := range m.streams {
		m.line("VMOV %s, %s", s.abcd.b16(), s.old.b16())
	}
	for _, s := range m.streams {
		m.line("SHA256H %s, %s, %s", s.kw.s4(), s.efgh, s.abcd)
	}
	for _, s := range m.streams {
		m.line("SHA256H2 %s, %s, %s", s.kw.s4(), s.old, s.efgh)
	}
}

// addK makes kw the sum of quad i and its round constants.
func (m *sha2) addK(i int) {
	sum := [4]uint32(k[4*i : 4*i+4])
	known := m.window[i%4].known
	if known != nil {
		for j, w := range known {
			sum[j] += w
		}
	}
	for _, s := range m.streams {
		m.constant(sum, s.kw)
	}
	if known == nil {
		for _, s := range m.streams {
			m.line("VADD %s, %s, %s", s.w[i%4].s4(), s.kw.s4(), s.kw.s4())
		}
	}
}

// extend makes quad i of the four before it, in the place of quad i-4. sum, if
// not empty, is the address of s0(W[t-15]) + W[t-16].
func (m *sha2) extend(i int, sum string) {
	w16, w12 := m.window[i%4].known, m.window[(i+1)%4].known
	switch {
	case sum != "":
		for _, s := range m.streams {
			m.line("FMOVQ %s, %s", sum, s.w[i%4].whole())
		}
		m.written(i)
	case w16 != nil && w12 != nil:
		m.known(i, [4]uint32{
			w16[0] + sigma0(w16[1]), w16[1] + sigma0(w16[2]),
			w16[2] + sigma0(w16[3]), w16[3] + sigma0(w12[0])})
	default:
		m.need(i)
		m.need(i + 1)
		for _, s := range m.streams {
			m.line("SHA256SU0 %s, %s", s.w[(i+1)%4].s4(), s.w[i%4].s4())
		}
	}
	m.need(i)
	m.need(i + 2)
	m.need(i + 3)
	for _, s := range m.streams {
		m.line("SHA256SU1 %s, %s, %s", s.w[(i+3)%4].s4(), s.w[(i+2)%4].s4(), s.w[i%4].s4())
	}
	m.written(i)
}

// headerEnd makes quads 1 to 3 what follows the last 16 bytes of a header.
func (m *sha2) headerEnd() {
	m.known(1, [4]uint32{0x80000000, 0, 0, 0})
	m.known(2, [4]uint32{})
	m.known(3, [4]uint32{0, 0, 0, 640})
}

// digestMessage begins the second hash. Its message is the sum of the states
// and those before the block, whose place in memory is told for stream n: ABCD
// at offset 0, EFGH at 16.
func (m *sha2) digestMessage(place func(n, offset int) string) {
	for _, s := range m.streams {
		m.line("FMOVQ %s, %s", place(s.n, 0), s.w[0].whole())
		m.line("VADD %s, %s, %s", s.abcd.s4(), s.w[0].s4(), s.w[0].s4())
		m.line("FMOVQ %s, %s", place(s.n, 16), s.w[1].whole())
		m.line("VADD %s, %s, %s", s.efgh.s4(), s.w[1].s4(), s.w[1].s4())
	}
	m.written(0)
	m.written(1)
	m.known(2, [4]uint32{0x80000000, 0, 0, 0})
	m.known(3, [4]uint32{0, 0, 0, 256})
	m.ivStart()
}

func sha2Search(a *asm) {
	m := newSHA2(a)
	a.line("// func search(job *prep.Job, first uint32, candidates *uint64, groups uint64)")
	a.line("TEXT ·search(SB), NOSPLIT, $0-32")
	a.line("MOVD job+0(FP), R0")
	a.line("MOVWU first+8(FP), R1")
	a.line("MOVD candidates+16(FP), R2")
	a.line("MOVD groups+24(FP), R3")
	a.line("MOVD $quads<>(SB), R4")
	a.line("MOVD %d(R0), R5 // W[16], W[17]", offW16)
	a.line("MOVWU %d(R0), R6", offC18)
	a.line("MOVWU %d(R0), R7", offC19)
	a.line("MOVWU %d(R0), R8", offA4)
	a.line("MOVWU %d(R0), R9", offE4)
	a.line("MOVWU %d(R0), R10", offTop)
	a.line("")
	a.line("group:")
	a.line("MOVD $%d, R11 // turns for a word of candidates", 64/sha2Streams)
	a.line("")
	a.line("loop:")
	m.nonceStart()
	m.compress(1, 15, map[int]string{7: fmt.Sprintf("%d(R0)", offQ28)})
	m.digestMessage(func(_, offset int) string { return fmt.Sprintf("%d(R0)", offMid+offset) })
	m.compress(0, 14, nil)
	m.addK(15)
	for _, s := range m.streams { // h after round 63 is the e of round 60: ABCD is not needed
		a.line("SHA256H2 %s, %s, %s", s.kw.s4(), s.abcd, s.efgh)
	}
	m.test()
	a.line("ADDW $%d, R1", sha2Streams)
	a.line("SUBS $1, R11")
	a.line("BNE loop")
	a.line("MOVD.P R12, 8(R2)")
	a.line("SUBS $1, R3")
	a.line("BNE group")
	a.line("RET")
}

// nonceStart sets up state 4 and the message of the nonces from R1 on, one for
// each stream. It first works on all of them in one vector.
func (m *sha2) nonceStart() {
	nonce, t, u, v := m.streams[0].kw, m.streams[0].old, m.streams[1].kw, m.streams[1].old
	m.line("VDUP R1, %s", nonce.s4())
	m.constant([4]uint32{0, 1, 2, 3}, t)
	m.line("VADD %s, %s, %s", t.s4(), nonce.s4(), nonce.s4())
	m.line("VREV32 %s, %s // W[3]", nonce.b16(), nonce.b16())

	// W[18] = C18 + s0(W[3]), W[19] = C19 + W[3]
	m.line("VUSHR $7, %s, %s", nonce.s4(), t.s4())
	m.line("VSLI $25, %s, %s", nonce.s4(), t.s4())
	m.line("VUSHR $18, %s, %s", nonce.s4(), u.s4())
	m.line("VSLI $14, %s, %s", nonce.s4(), u.s4())
	m.line("VUSHR $3, %s, %s", nonce.s4(), v.s4())
	m.line("VEOR %s, %s, %s", u.b16(), t.b16(), t.b16())
	m.line("VEOR %s, %s, %s", v.b16(), t.b16(), t.b16())
	m.line("VDUP R6, %s", u.s4())
	m.line("VADD %s, %s, %s", u.s4(), t.s4(), t.s4())
	m.line("VDUP R7, %s", v.s4())
	m.line("VADD %s, %s, %s", nonce.s4(), v.s4(), v.s4())
	m.line("VZIP2 %s, %s, %s // {W[18], W[19]} of streams 2 and 3", v.s4(), t.s4(), u.s4())
	m.line("VZIP1 %s, %s, %s // and of 0 and 1", v.s4(), t.s4(), t.s4())
	m.line("VDUP R5, %s", v.d2())
	for n, pair := range []vreg{t, t, u, u} {
		m.line("VZIP%d %s, %s, %s", 1+n%2, pair.d2(), v.d2(), m.streams[n].w[0].d2())
	}
	m.written(4)
	m.headerEnd()

	// b, c, d and f, g, h are constant; what the job holds before them is
	// overwritten by a = A4 + W[3] and e = E4 + W[3].
	m.line("VDUP R8, %s", t.s4())
	m.line("VADD %s, %s, %s", nonce.s4(), t.s4(), t.s4())
	m.line("VDUP R9, %s", u.s4())
	m.line("VADD %s, %s, %s", nonce.s4(), u.s4(), u.s4())
	for _, s := range m.streams {
		m.line("FMOVQ %d(R0), %s", offS4-4, s.abcd.whole())
		m.line("FMOVQ %d(R0), %s", offS4+8, s.efgh.whole())
		m.line("VMOV %s.S[%d], %s.S[0]", t, s.n, s.abcd)
		m.line("VMOV %s.S[%d], %s.S[0]", u, s.n, s.efgh)
	}
}

// test shifts a bit for each stream into R12 from above: whether its nonce can
// meet the target. The last word of the digest is h plus a constant.
func (m *sha2) test() {
	t, u := m.streams[0].kw, m.streams[0].old
	h := [4]vreg{}
	for n, s := range m.streams {
		h[n] = s.efgh
	}
	m.line("VZIP2 %s, %s, %s", h[1].s4(), h[0].s4(), t.s4())
	m.line("VZIP2 %s, %s, %s", h[3].s4(), h[2].s4(), u.s4())
	m.line("VZIP2 %s, %s, %s", u.d2(), t.d2(), t.d2())
	m.constant([4]uint32{iv[7], iv[7], iv[7], iv[7]}, u)
	m.line("VADD %s, %s, %s", u.s4(), t.s4(), t.s4())
	m.line("VREV32 %s, %s", t.b16(), t.b16())
	m.line("VDUP R10, %s", u.s4())
	m.line("VUMIN %s, %s, %s", t.s4(), u.s4(), u.s4())
	m.line("VCMEQ %s, %s, %s // at most the target's top word", t.s4(), u.s4(), t.s4())
	m.constant([4]uint32{1, 2, 4, 8}, u)
	m.line("VAND %s, %s, %s", u.b16(), t.b16(), t.b16())
	m.line("VADDV %s, %s", t.s4(), t)
	m.line("VMOV %s.S[0], R13", t)
	m.line("LSR $%d, R12", sha2Streams)
	m.line("ORR R13<<%d, R12, R12", 64-sha2Streams)
}

func sha2Hash(a *asm) {
	m := newSHA2(a)
	a.line("")
	a.line("// func hash(hashes *pow.Hash, headers *byte, turns uint64)")
	a.line("TEXT ·hash(SB), NOSPLIT, $0-24")
	a.line("MOVD hashes+0(FP), R0")
	a.line("MOVD headers+8(FP), R1")
	a.line("MOVD turns+16(FP), R2")
	a.line("MOVD $quads<>(SB), R4")
	a.line("")
	a.line("loop:")
	out := func(n, offset int) string { return fmt.Sprintf("%d(R0)", hashSize*n+offset) }

	// The first 64 bytes. The state waits where the hash will stand.
	m.ivStart()
	for i := range 4 {
		m.loadQuad(i, 16*i)
	}
	m.compress(0, 15, nil)
	m.ivAdd()
	m.storeStates(out)

	// The last 16 bytes.
	m.loadQuad(0, 64)
	m.headerEnd()
	m.compress(0, 15, nil)

	// The digest.
	m.digestMessage(out)
	m.compress(0, 15, nil)
	m.ivAdd()
	for _, s := range m.streams {
		a.line("VREV32 %s, %s", s.abcd.b16(), s.abcd.b16())
		a.line("VREV32 %s, %s", s.efgh.b16(), s.efgh.b16())
	}
	m.storeStates(out)
	a.line("ADD $%d, R0", hashSize*sha2Streams)
	a.line("ADD $%d, R1", headerSize*sha2Streams)
	a.line("SUBS $1, R2")
	a.line("BNE loop")
	a.line("RET")
}

// loadQuad reads quad i at offset of the headers.
func (m *sha2) loadQuad(i, offset int) {
	for _, s := range m.streams {
		m.line("FMOVQ %d(R1), %s", headerSize*s.n+offset, s.w[i].whole())
		m.line("VREV32 %s, %s", s.w[i].b16(), s.w[i].b16())
	}
	m.written(i)
}

// storeStates writes the states to their place, as digestMessage reads them.
func (m *sha2) storeStates(place func(n, offset int) string) {
	for _, s := range m.streams {
		m.line("FMOVQ %s, %s", s.abcd.whole(), place(s.n, 0))
		m.line("FMOVQ %s, %s", s.efgh.whole(), place(s.n, 16))
	}
}

func sha2Tables(a *asm) {
	var w []uint32
	for _, q := range a.quads {
		w = append(w, q[:]...)
	}
	a.table("quads", w)
}
