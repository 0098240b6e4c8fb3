package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// doubleSum is the double SHA-256 of the standard library.
func doubleSum(b []byte) [32]byte {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// jobOf returns the fields of a prep.Job that the vector kernels read, made of
// a header and the top word of a target.
func jobOf(header []byte, top uint32) []byte {
	message := func(b []byte) (w [64]uint32) {
		for i := range len(b) / 4 {
			w[i] = binary.BigEndian.Uint32(b[4*i:])
		}
		return w
	}
	rounds := func(s [8]uint32, w [64]uint32, from, to int) [8]uint32 {
		for t := from; t < to; t++ {
			t1 := s[7] + bigSigma1(s[4]) + choose(s[4], s[5], s[6]) + k[t] + w[t]
			t2 := bigSigma0(s[0]) + majority(s[0], s[1], s[2])
			s = [8]uint32{t1 + t2, s[0], s[1], s[2], s[3] + t1, s[4], s[5], s[6]}
		}
		return s
	}
	w := message(header[:64])
	for t := 16; t < 64; t++ {
		w[t] = sigma1(w[t-2]) + w[t-7] + sigma0(w[t-15]) + w[t-16]
	}
	mid := rounds(iv, w, 0, 64)
	for i := range mid {
		mid[i] += iv[i]
	}
	w = message(header[64:76]) // W[3], the nonce, is 0
	s := rounds(mid, w, 0, 4)
	w16 := sigma0(w[1]) + w[0]
	w17 := sigma1(640) + sigma0(w[2]) + w[1]

	job := make([]byte, offTail)
	put := func(at int, words ...uint32) {
		for i, x := range words {
			binary.LittleEndian.PutUint32(job[at+4*i:], x)
		}
	}
	put(offMid, mid[:]...)
	put(offA4, s[0], s[4])
	put(offS4, s[1], s[2], s[3], s[5], s[6], s[7])
	put(offH4KW, s[7]+k[4]+0x80000000, s[6]+k[5], s[5]+k[6])
	put(offKW16, k[16]+w16, k[17]+w17)
	put(offW16, w16, w17, sigma1(w16)+w[2], sigma1(w17)+sigma0(0x80000000))
	put(offC31, sigma0(w16)+640, sigma0(w17)+w16)
	put(offTop, top)
	return job
}

// lanesOf returns first, first+1 and so on.
func lanesOf(first uint32) (v vector) {
	for i := range v {
		v[i] = first + uint32(i)
	}
	return v
}

func allLanes(x uint32) (v vector) {
	for i := range v {
		v[i] = x
	}
	return v
}

// swapTable is the byte shuffle that reverses the bytes of words.
var swapTable = vector{
	0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f, 0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f,
	0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f, 0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f,
}

// scratch gives a machine its scratch area and the tables of a.
func (m *machine) scratch(rng *rand.Rand, a *asm) {
	m.mem["(SI)"], m.mem["(BX)"] = randomBytes(rng, 1<<14), pool(a)
	m.mem["swap<>(SB)"] = make([]byte, 64)
	m.store("swap<>(SB)", swapTable, 16)
}

// wantMask has a bit for each lane whose hash has a top word of at most top.
func wantMask(header []byte, nonces vector, lanes int, top uint32) (mask uint32) {
	trial := bytes.Clone(header)
	for i := range lanes {
		binary.LittleEndian.PutUint32(trial[76:], nonces[i])
		hash := doubleSum(trial)
		if binary.LittleEndian.Uint32(hash[28:]) <= top {
			mask |= 1 << i
		}
	}
	return mask
}

// tops are top words that half of the hashes meet, all, none, and few.
var tops = []uint32{1 << 31, 1<<32 - 1, 0, 1 << 28}

// A turn of the AVX2 search, as it is scheduled and has registers, finds what
// SHA-256 finds.
func TestAVX2Turn(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 0))
	a := newAsm(32)
	b, ops, name := avx2Turn(a)
	for _, top := range tops {
		header, nonces := randomBytes(rng, headerSize), lanesOf(rng.Uint32())
		m := newMachine(t, 8)
		m.name = func(x reg) string { return name[x] }
		m.scratch(rng, a)
		m.mem["(AX)"] = jobOf(header, top)
		m.store(b.at(slotCounter).mem, nonces, 8)
		m.store(b.at(slotTop).mem, allLanes(top), 8)
		m.run(ops)
		if want := wantMask(header, nonces, 8, top); m.mask != want {
			t.Errorf("top %#x, nonces from %d: %08b, want %08b", top, nonces[0], m.mask, want)
		}
	}
}

// partCode is the code of parts, with registers.
type partCode struct {
	ops  []op
	name map[reg]string
}

// runPart executes the code of parts.
func (m *machine) runPart(c partCode) {
	m.name = func(x reg) string { return c.name[x] }
	m.run(c.ops)
}

// checkHashes compares hashes of headers with the standard library.
func checkHashes(t *testing.T, hashes, headers []byte) {
	t.Helper()
	for i := range len(headers) / headerSize {
		got, want := hashes[i*hashSize:(i+1)*hashSize], doubleSum(headers[i*headerSize:(i+1)*headerSize])
		if !bytes.Equal(got, want[:]) {
			t.Errorf("hash of header %d is %x, want %x", i, got, want)
		}
	}
}

// The parts of the hash kernel for AVX2, one after the other as their jumps order them,
// make the double SHA-256 of every header.
func TestHasherParts(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 0))
	h, a := avx2Hasher, newAsm(32)
	make1 := func(p part) partCode {
		ops, name := h.code(a, p)
		return partCode{ops, name}
	}
	begin := []partCode{make1(h.begin(0)), make1(h.begin(1)), make1(h.begin(2))}
	sixteen, end := make1(h.sixteen), make1(h.end)

	headers := randomBytes(rng, h.turn()*headerSize)
	m := newMachine(t, h.lanes)
	m.scratch(rng, a)
	m.mem["(R10)"], m.mem["(DI)"] = headers, make([]byte, h.turn()*hashSize)
	table := make([]byte, 256)
	for i, x := range k {
		binary.LittleEndian.PutUint32(table[4*i:], x)
	}
	for _, c := range begin {
		m.runPart(c)
		for turn := 1; turn < 4; turn++ {
			m.mem["(R13)"] = table[64*turn:]
			m.runPart(sixteen)
		}
	}
	m.runPart(end)
	checkHashes(t, m.mem["(DI)"], headers)
}

// The parts of the hash kernel for AVX-512, step by step: groups begin in turn in both
// streams, and each group is hashed when its stream begins another.
func TestStaggeredParts(t *testing.T) {
	const groups = 5
	rng := rand.New(rand.NewPCG(10, 0))
	h, a := avx512Hasher, newAsm(4)
	make1 := func(parts ...part) partCode {
		ops, name := h.code(a, parts...)
		return partCode{ops, name}
	}
	prepare := []partCode{make1(h.prepare(0)), make1(h.prepare(1)), make1(h.prepare(2))}
	front, back := make1(h.begin, h.from(32)), make1(h.crossed(16), h.crossed(48))

	m := newMachine(t, h.lanes)
	m.scratch(rng, a)
	m.mem["(R9)"] = randomBytes(rng, len(m.mem["(SI)"]))
	m.regs["Z31"] = swapTable
	for i := range 16 { // of what ran before
		m.regs[fmt.Sprintf("Z%d", i)] = vector{rng.Uint32()}
	}
	var initial []byte
	for _, x := range iv {
		for range h.lanes {
			initial = binary.LittleEndian.AppendUint32(initial, x)
		}
	}
	headers, hashes := randomBytes(rng, groups*h.lanes*headerSize), make([]byte, groups*h.lanes*hashSize)
	swap := func(a, b string) { m.mem[a], m.mem[b] = m.mem[b], m.mem[a] }
	m.mem["(DI)"], m.mem["(R8)"] = make([]byte, h.lanes*hashSize), make([]byte, h.lanes*hashSize)
	for begun, step := 0, 0; ; step++ {
		p := step % 6 / 2
		if p == 0 {
			group := begun % groups
			m.mem["(R10)"] = headers[group*h.lanes*headerSize:]
		}
		m.runPart(prepare[p])
		m.mem["(AX)"] = initial
		switch p {
		case 0:
			if begun == groups+1 {
				checkHashes(t, hashes, headers)
				return
			}
			m.mem["(DI)"] = hashes[begun%groups*h.lanes*hashSize:]
			begun++
		case 1:
			m.mem["(AX)"] = m.mem["(SI)"][int(slotMid-1)*h.vector():]
		}
		m.runPart(front)
		m.runPart(back)
		swap("(R10)", "(R11)")
		swap("(DI)", "(R8)")
		swap("(SI)", "(R9)")
	}
}

// What is folded is what is computed: the functions of known operands.
func TestFolding(t *testing.T) {
	b := newBlock(newAsm(4), 16, true)
	x, y, z := uint32(0x12345678), uint32(0x9abcdef0), uint32(0x0fedcba9)
	for _, c := range []struct {
		name string
		got  operand
		want uint32
	}{
		{"add", b.add(constant(x), constant(y)), x + y},
		{"sum", b.sum(constant(x), constant(y), constant(z)), x + y + z},
		{"S0", b.S0(constant(x)), bits.RotateLeft32(x, -2) ^ bits.RotateLeft32(x, -13) ^ bits.RotateLeft32(x, -22)},
		{"S1", b.S1(constant(x)), bits.RotateLeft32(x, -6) ^ bits.RotateLeft32(x, -11) ^ bits.RotateLeft32(x, -25)},
		{"s0", b.s0(constant(x)), bits.RotateLeft32(x, -7) ^ bits.RotateLeft32(x, -18) ^ x>>3},
		{"s1", b.s1(constant(x)), bits.RotateLeft32(x, -17) ^ bits.RotateLeft32(x, -19) ^ x>>10},
		{"ch", b.ch(constant(x), constant(y), constant(z)), x&y ^ ^x&z},
		{"maj", b.maj(constant(x), constant(y), constant(z)), x&y ^ x&z ^ y&z},
		{"xorOf", b.xorOf(constant(x), constant(y)), x ^ y},
	} {
		if !c.got.is(c.want) {
			t.Errorf("%s is %+v, want the constant %#x", c.name, c.got, c.want)
		}
	}
	if ops := b.take(); len(ops) > 0 {
		t.Errorf("%d operations for constants", len(ops))
	}
	if v := r(b.get(job(0))); b.add(v, constant(0)) != v || b.add(constant(0), v) != v {
		t.Error("an addition of 0 is not left out")
	}
}
