package main

import "fmt"

// The kernels for messages and pairs of nodes with SHA instructions: four at a time, as
// in shani.go.

// shaMessages writes the kernel for messages. Between blocks the states lie in the
// batch: ABEF and CDGH of each lane.
func shaMessages(a *asm) {
	a.line("// func shaniMessages(b *batch, steps, last uint64)")
	a.line("TEXT ·shaniMessages(SB), 0, $%d-24", 256*shaStreams+16)
	a.line("MOVQ b+0(FP), R11")
	a.line("MOVQ steps+8(FP), DX")
	a.line("LEAQ %d(R11), R10", batchRows)
	shaStart(a)
	a.line("")
	a.line("block:")
	streams := newStreams(a)
	for _, s := range streams {
		s.line("VMOVDQU %s, %s", s.batchState(0), s.abef)
		s.line("VMOVDQU %s, %s", s.batchState(1), s.cdgh)
	}
	shaRounds(streams, func(s *stream, i int) { s.loadRow(i, laneSize) })
	for _, s := range streams {
		s.forward()
	}
	a.endTurn()
	a.line("INCL %d(R11)", batchStep)
	a.line("ADDQ $%d, R10", blockSize)
	a.line("DECQ DX")
	a.line("JNZ block")
	a.line("CMPQ last+16(FP), $0")
	a.line("JEQ return")
	a.line("")
	streams = newStreams(a)
	for _, s := range streams {
		s.line("VMOVDQU %s, %s", s.batchState(0), s.abef)
		s.line("VMOVDQU %s, %s", s.batchState(1), s.cdgh)
		s.digestMessage()
	}
	shaRounds(streams, nil)
	for _, s := range streams {
		s.storeHash(s.batchState(0), s.batchState(1))
	}
	a.endTurn()
	a.line("")
	a.line("return:")
	a.line("RET")
}

// shaPairs writes the kernel for pairs of nodes.
func shaPairs(a *asm) {
	a.line("")
	a.line("// func shaniPairs(parents, nodes *[32]byte, turns uint64)")
	a.line("TEXT ·shaniPairs(SB), 0, $%d-24", (256+32)*shaStreams+16)
	a.line("MOVQ parents+0(FP), DI")
	a.line("MOVQ nodes+8(FP), R10")
	a.line("MOVQ turns+16(FP), DX")
	shaStart(a)
	a.line("")
	a.line("pairs:")
	streams := newStreams(a)
	for _, s := range streams {
		s.ivStart()
	}
	shaRounds(streams, func(s *stream, i int) { s.loadRow(i, blockSize) })
	for _, s := range streams {
		s.addIV()
		s.line("VMOVDQA %s, %s", s.abef, s.saved(0))
		s.line("VMOVDQA %s, %s", s.cdgh, s.saved(1))
	}
	padding := paddingWords()
	for i := range 16 {
		for _, s := range streams {
			s.quads[i] = knownQuad(padding[4*i], padding[4*i+1], padding[4*i+2], padding[4*i+3])
			s.rounds(i, false)
		}
	}
	for _, s := range streams {
		s.line("VPADDD %s, %s, %s", s.saved(0), s.abef, s.abef)
		s.line("VPADDD %s, %s, %s", s.saved(1), s.cdgh, s.cdgh)
		s.digestMessage()
	}
	shaRounds(streams, nil)
	for _, s := range streams {
		s.storeHash(fmt.Sprintf("%d(DI)", hashSize*s.n), fmt.Sprintf("%d(DI)", hashSize*s.n+16))
	}
	a.endTurn()
	a.line("ADDQ $%d, R10", blockSize*shaStreams)
	a.line("ADDQ $%d, DI", hashSize*shaStreams)
	a.line("DECQ DX")
	a.line("JNZ pairs")
	a.line("RET")
}

func shaStart(a *asm) {
	a.line("LEAQ 15(SP), SI")
	a.line("ANDQ $~15, SI")
	a.line("VMOVDQU swap<>(SB), X15")
}

// shaRounds does the 64 rounds of a block. load, if not nil, makes the first four quads.
func shaRounds(streams [shaStreams]*stream, load func(s *stream, i int)) {
	for i := range 16 {
		for _, s := range streams {
			switch {
			case i > 3:
				s.extend(i, nil)
			case load != nil:
				load(s, i)
			}
			s.rounds(i, false)
		}
	}
}

// loadRow reads quad i of the stream's block. The blocks are distance bytes apart.
func (s *stream) loadRow(i, distance int) {
	s.line("VMOVDQU %d(R10), %s", distance*s.n+16*i, s.newest())
	s.line("VPSHUFB X15, %s, %s", s.newest(), s.newest())
	s.set(i)
}

// batchState is half of the state of the stream's lane: ABEF or CDGH.
func (s *stream) batchState(half int) string {
	return fmt.Sprintf("%d(R11)", batchState+hashSize*s.n+16*half)
}

// saved is half of a state that is kept on the stack.
func (s *stream) saved(half int) string {
	return fmt.Sprintf("%d(SI)", 256*shaStreams+32*s.n+16*half)
}

// forward adds the state after the rounds to that before the block, if the lane has
// this block.
func (s *stream) forward() {
	s.line("VPBROADCASTD %d(R11), X13", batchLeft+4*s.n)
	s.line("VPBROADCASTD %d(R11), X14", batchStep)
	s.line("VPADDD X14, X13, X13")
	s.line("VPSRAD $31, X13, X13")
	for half, x := range [2]string{s.abef, s.cdgh} {
		s.line("VPAND X13, %s, %s", x, x)
		s.line("VPADDD %s, %s, %s", s.batchState(half), x, x)
		s.line("VMOVDQU %s, %s", x, s.batchState(half))
	}
}

// addIV adds the initial state.
func (s *stream) addIV() {
	s.line("VPADDD %s, %s, %s", s.a.quad(ivABEF), s.abef, s.abef)
	s.line("VPADDD %s, %s, %s", s.a.quad(ivCDGH), s.cdgh, s.cdgh)
}

// storeHash ends the second hash and stores its two halves.
func (s *stream) storeHash(first, second string) {
	s.addIV()
	s.digest()
	s.line("VPSHUFB X15, X13, X13")
	s.line("VPSHUFB X15, %s, %s", s.newest(), s.newest())
	s.line("VMOVDQU X13, %s", first)
	s.line("VMOVDQU %s, %s", s.newest(), second)
}
