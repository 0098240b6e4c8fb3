package main

import (
	"fmt"
	"sort"
	"strings"
)

// The hybrid makes message schedules with AVX-512VL, 8 lanes of a ymm
// register, and does the rounds with sha256rnds2, one message to a register:
// each does what it does best, in one instruction stream. A turn of the loop
// moves a pipeline by one group of 8 nonces. In turn n,
//
//	group n    AVX   W[18] to W[63] of the first hash, K + W in pairs to KW1
//	group n-1  SHA   rounds 4 to 63 of the first hash; states to memory
//	group n-2  AVX   digest words from the states; K + W of the second hash to KW2
//	group n-3  SHA   rounds 1 to 60 of the second hash, some into turn n+1
//	group n-5  AVX   compare
//
// KW1, KW2 and the rows beside them exist twice, for even and odd groups: P
// (R9) is the area of group n, Q (R10) of group n-1, and they change places
// after each turn.
//
// sha256rnds2 has a latency of four cycles, and one issues in a cycle (Zen 4),
// so that about six chains of them must be in flight. Of 16 chains a turn,
// twelve run three after the other on four register pairs, and four run two
// after the other on two pairs, each pair begun a little later than the one
// before it. Chains that cross the end of the turn are all of the second hash.
const (
	hybridLanes = 8
	rnds2Chain  = 30              // sha256rnds2 of a chain
	rnds2Turn   = 16 * rnds2Chain // of a turn
)

// Byte offsets within the area of a group.
const (
	areaW3    = 0                // 32: W[3], the nonce with its bytes swapped
	areaW0    = 32               // 32: W[0] of the second hash
	areaE     = 64               // 64: low halves of the final ABEF
	areaKW1   = 128              // pairs (18,19) to (62,63)
	areaKW2   = areaKW1 + 23*64  // pairs (1,2) to (59,60)
	areaBytes = areaKW2 + 30*64  // size
	stateRows = 2 * areaBytes    // 8 x 32: ABEF and CDGH after the first hash
	hybridW   = stateRows + 8*32 // rings of message words
	hybridEnd = hybridW + 32*int(slotEnd)
)

// laneOffset is where lane j lies in two vectors of pairs made by
// VPUNPCKLDQ and VPUNPCKHDQ.
func laneOffset(j int) int { return [8]int{0, 8, 32, 40, 16, 24, 48, 56}[j] }

// chain is a run of sha256rnds2 on one message. Its functions return
// instructions; late tells that they stand in the turn after the one in which
// the chain began.
type chain struct {
	pair       int     // of registers
	length     int     // sha256rnds2
	start, gap float64 // in units of one sha256rnds2 of the turn

	begin func(abef, cdgh string) []string
	kw    func(late bool, i int) string // operand with K + W of step i
	end   func(late bool, abef, cdgh string) []string
}

// shaTurn is the SHA half of a turn of as many sha256rnds2 as the chains have,
// in its order.
func shaTurn(chains []chain) [][]string {
	turn := 0
	for _, c := range chains {
		turn += c.length
	}
	type event struct {
		at    float64
		lines []string
	}
	var events []event
	for _, c := range chains {
		abef, cdgh := fmt.Sprintf("X%d", 1+2*c.pair), fmt.Sprintf("X%d", 2+2*c.pair)
		for i := range c.length {
			at := c.start + c.gap*float64(i)
			late := at >= float64(turn)
			if late {
				at -= float64(turn)
			}
			var lines []string
			if i == 0 {
				lines = c.begin(abef, cdgh)
			}
			lines = append(lines,
				fmt.Sprintf("VMOVQ %s, X0", c.kw(late, i)),
				fmt.Sprintf("SHA256RNDS2 X0, %s, %s", abef, cdgh))
			abef, cdgh = cdgh, abef
			if i == c.length-1 {
				lines = append(lines, c.end(late, abef, cdgh)...)
			}
			events = append(events, event{at, lines})
		}
	}
	sort.SliceStable(events, func(i, j int) bool { return events[i].at < events[j].at })
	var out [][]string
	for _, e := range events {
		out = append(out, e.lines)
	}
	return out
}

// area is the register of the area that a chain reads: that of the group
// before the newest, which in the turn after it has become the other.
func area(late bool) string {
	if late {
		return "R9"
	}
	return "R10"
}

// interleave puts the chains of a turn and its vector instructions together.
// It fails if a late chain would read K + W after the vectors have overwritten
// it.
func interleave(chains []chain, vector []string) []string {
	turn := mergeLines(shaTurn(chains), vector)
	written := map[string]bool{}
	for _, l := range turn {
		mn, args, _ := strings.Cut(l, " ")
		f := strings.Split(args, ", ")
		if from := f[0]; mn == "VMOVQ" && strings.HasSuffix(from, "(R9)") && f[1] == "X0" {
			var at int
			fmt.Sscanf(from, "%d", &at)
			if written[fmt.Sprintf("%d(R9)", at&^31)] {
				fail("a late chain reads %s too late", from)
			}
		}
		if to := f[len(f)-1]; strings.HasSuffix(to, "(R9)") {
			written[to] = true
		}
	}
	return turn
}

// searchChains plans a turn of the nonce search.
func searchChains(a *asm) []chain {
	var all []chain
	lane := [2]int{}
	add := func(second int, pair int, start, gap float64) {
		make := firstChain
		if second == 1 {
			make = secondChain
		}
		c := make(a, lane[second])
		lane[second]++
		c.pair, c.length, c.start, c.gap = pair, rnds2Chain, start, gap/rnds2Chain
		all = append(all, c)
	}
	third, half := float64(rnds2Turn)/3, float64(rnds2Turn)/2
	for pair := range 4 {
		begin := third * float64(pair) / 4
		add(0, pair, begin, third)
		add(0, pair, begin+third, third)
		add(1, pair, begin+2*third, third)
	}
	for pair := 4; pair < 6; pair++ {
		begin := half * (float64(pair-4) + 0.5) / 2
		add(1, pair, begin, half)
		add(1, pair, begin+half, half)
	}
	return all
}

// chainStart sets up the state before a chain's first round: a constant, and
// one word of the lane added to a and e (mask K1).
func chainStart(constant, rest string, word int, abef, cdgh string) []string {
	return []string{
		fmt.Sprintf("VMOVDQA %s, %s", constant, abef),
		fmt.Sprintf("VMOVDQU %s, %s", rest, cdgh),
		fmt.Sprintf("VPADDD.BCST %d(R10), %s, K1, %s", word, constant, abef),
	}
}

// firstChain is rounds 4 to 63 of the first hash. The state goes to memory.
func firstChain(a *asm, lane int) chain {
	return chain{
		begin: func(abef, cdgh string) []string {
			return chainStart("X13", fmt.Sprintf("%d(AX)", offCDGH4), areaW3+4*lane, abef, cdgh)
		},
		kw: func(late bool, i int) string {
			t := 4 + 2*i
			switch {
			case t < 16:
				return a.quad([4]uint32{k[t] + headerPad[t-4], k[t+1] + headerPad[t-3]})
			case t == 16:
				return fmt.Sprintf("%d(AX)", offKW16)
			}
			return fmt.Sprintf("%d(%s)", areaKW1+64*(t-18)/2+laneOffset(lane), area(late))
		},
		end: func(late bool, abef, cdgh string) []string {
			return []string{
				fmt.Sprintf("VMOVDQA %s, %d(SI)", abef, stateRows+32*lane),
				fmt.Sprintf("VMOVDQA %s, %d(SI)", cdgh, stateRows+32*lane+16),
			}
		},
	}
}

// secondChain is rounds 1 to 60 of the second hash.
func secondChain(a *asm, lane int) chain {
	return chain{
		begin: func(abef, cdgh string) []string {
			return chainStart("X14", a.quad(cdgh1), areaW0+4*lane, abef, cdgh)
		},
		kw: func(late bool, i int) string {
			if t := 1 + 2*i; t >= 9 && t <= 13 {
				return a.quad([4]uint32{k[t] + digestPad[t-8], k[t+1] + digestPad[t-7]})
			}
			return fmt.Sprintf("%d(%s)", areaKW2+64*i+laneOffset(lane), area(late))
		},
		end: func(late bool, abef, cdgh string) []string {
			return []string{fmt.Sprintf("VMOVQ %s, %d(%s)", abef, areaE+laneOffset(lane), area(late))}
		},
	}
}

// abef1 and cdgh1 are the state after round 0 of the second hash, less W[0] in
// a and e.
var abef1, cdgh1 = func() ([4]uint32, [4]uint32) {
	t1 := iv[7] + bigSigma1(iv[4]) + choose(iv[4], iv[5], iv[6]) + k[0]
	a := t1 + bigSigma0(iv[0]) + majority(iv[0], iv[1], iv[2])
	return [4]uint32{iv[4], iv[3] + t1, iv[0], a}, [4]uint32{iv[6], iv[5], iv[2], iv[1]}
}()

// pairs stores K + W of the words t and t+1, lane by lane.
func (b *block) pairs(area string, offset int, kw0, kw1 operand) {
	for half, mn := range []string{"VPUNPCKLDQ", "VPUNPCKHDQ"} {
		x := b.emit(op{mn: mn, src: []operand{r(b.get(kw1)), r(b.get(kw0))}, class: shuf})
		b.put(operand{mem: fmt.Sprintf("%d(%s)", offset+32*half, area)}, r(x))
	}
}

// firstSchedule is the AVX work on group n.
func firstSchedule(b *block, swap, counter operand) {
	w := &words{b: b}
	for t, v := range headerPad {
		w.word[4+t] = constant(v)
	}
	w.ringSlots(slotW1, 18, 63)
	w3 := b.swapBytes(swap, counter)
	b.put(operand{mem: fmt.Sprintf("%d(R9)", areaW3)}, w3)
	for t := 18; t < 64; t += 2 {
		firstWord(w, w3, t)
		firstWord(w, w3, t+1)
		b.pairs("R9", areaKW1+64*(t-18)/2, b.add(w.near(t), constant(k[t])), b.add(w.near(t+1), constant(k[t+1])))
	}
}

// stateOrder is the order of the words in ABEF and CDGH.
var stateOrder = [2][4]int{{5, 4, 1, 0}, {7, 6, 3, 2}}

// secondSchedule is the AVX work on group n-2.
func secondSchedule(b *block) {
	w := &words{b: b}
	w.ringSlots(slotW2, 16, 60)
	for t := range 8 {
		w.slot[t] = slotDigest + slot(t)
		w.word[8+t] = constant(digestPad[t])
	}
	for half, words := range stateOrder {
		x := b.gather(nil, func(lane int) string { return fmt.Sprintf("%d(SI)", stateRows+32*lane+16*half) })
		for i := range x {
			w.set(words[i], b.add(x[i], job(offMid+4*words[i])))
		}
	}
	b.put(operand{mem: fmt.Sprintf("%d(R9)", areaW0)}, w.far(0))
	kw := func(t int) operand {
		x := w.far(t)
		if t >= 16 {
			x = w.near(t)
		}
		return b.add(x, constant(k[t]))
	}
	for t := 1; t < 60; t += 2 {
		if t >= 9 && t <= 13 {
			continue // constant
		}
		for n := max(t, 16); n <= t+1; n++ {
			w.extend(n)
		}
		b.pairs("R9", areaKW2+64*(t-1)/2, kw(t), kw(t+1))
	}
}

// compare is the AVX work on group n-5: K2 is set where the hash can meet the
// target.
func compare(b *block, swap operand) {
	low := b.get(operand{mem: fmt.Sprintf("%d(R10)", areaE)})
	high := operand{mem: fmt.Sprintf("%d(R10)", areaE+32)}
	e := r(b.emit(op{mn: "VSHUFPS", imm: "$0xdd", src: []operand{high, r(low)}, class: shuf}))
	top := b.swapBytes(swap, b.add(e, constant(iv[7])))
	b.emit(op{mn: "VPCMPUD.BCST", imm: "$2", src: []operand{job(offTop), top}, store: "K2", class: store})
}

func hybridSearch(a *asm) {
	b := newBlock(a, hybridLanes, true)
	b.twoXors = true
	b.first = slot(hybridW / 32)
	swap := r(b.pin("Y31"))
	counter := operand{mem: fmt.Sprintf("%d(SI)", hybridEnd)}
	compare(b, swap)
	check := b.take()
	firstSchedule(b, swap, counter)
	one := b.take()
	secondSchedule(b)
	two := b.take()
	vec := schedule(merge(one, two), len(b.pinned), nil, zen4beside)
	vec = append(check, vec...)
	vec, name := b.allocate(vec, registers{"Y", 16, 32}, nil, nil)
	turn := interleave(searchChains(a), a.format(vec, name))

	a.line("// func search(job *prep.Job, first uint32, candidates *uint64, groups uint64)")
	a.line("TEXT ·search(SB), 0, $%d-32", hybridEnd+32+64)
	a.line("MOVQ job+0(FP), AX")
	a.line("MOVL first+8(FP), R8")
	a.line("MOVQ candidates+16(FP), DI")
	a.line("MOVQ groups+24(FP), CX")
	a.line("LEAQ consts<>(SB), BX")
	a.line("LEAQ 63(SP), SI")
	a.line("ANDQ $~63, SI")
	a.line("LEAQ (SI), R9")
	a.line("LEAQ %d(SI), R10", areaBytes)
	a.line("VPBROADCASTD R8, Y16")
	a.line("VPADDD lanes<>(SB), Y16, Y16")
	a.line("VMOVDQA32 Y16, %s", counter.mem)
	a.line("VBROADCASTI32X4 swap<>(SB), Y31")
	a.line("VMOVDQU %d(AX), X13", offABEF4)
	a.line("VMOVDQU %s, X14", a.quad(abef1))
	a.line("MOVL $0x0a, R8 // lanes of a and e in ABEF")
	a.line("KMOVW R8, K1")
	a.line("SHLQ $3, CX // eight turns for a word of candidates, and five to")
	a.line("ADDQ $5, CX // fill the pipeline")
	a.line("MOVQ $-5, DX")
	a.line("")
	a.line("loop:")
	for _, l := range turn {
		a.line("%s", l)
	}
	a.line("KMOVW K2, R8")
	a.line("MOVB R8, (DI) // until the pipeline is full, to be written again")
	a.line("INCQ DX")
	a.line("XORL R8, R8")
	a.line("TESTQ DX, DX")
	a.line("SETGT R8")
	a.line("ADDQ R8, DI")
	a.line("XCHGQ R9, R10")
	a.line("VMOVDQA32 %s, Y16", counter.mem)
	a.line("VPADDD.BCST eight<>(SB), Y16, Y16")
	a.line("VMOVDQA32 Y16, %s", counter.mem)
	a.line("DECQ CX")
	a.line("JNZ loop")
	a.line("VZEROUPPER")
	a.line("RET")
}

func hybridTables(a *asm) {
	a.table("lanes", []uint32{0, 1, 2, 3, 4, 5, 6, 7})
	a.table("eight", []uint32{8, 0})
	shaTables(a)
	a.constants()
}
