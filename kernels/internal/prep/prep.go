// Package prep does the part of a nonce search that does not depend on the nonce,
// once per job instead of once per nonce.
//
// It compresses the first 64 bytes of the header to the midstate. In the second
// block the nonce is W[3] with its bytes swapped: it is little-endian in the
// header, and SHA-256 reads big-endian words. The package does rounds 0 to 2, round
// 3 up to the addition of the nonce, and the constant sums of the later rounds and
// of the message schedule. "State r" is the state before round r.
//
// Caveat: the generated kernels read Job by byte offset. kernels/simd/gen/layout.go
// has the offsets too, so the order and sizes of the fields must change in both.
package prep

import (
	"encoding/binary"
	"math/bits"
)

// Job has the constants of one search. All words are in the byte order of the CPU,
// ready for arithmetic. It is immutable.
type Job struct {
	Mid [8]uint32 // state after the first block (the midstate), a to h

	// State 4 is a = A4 + W[3], e = E4 + W[3], and the constants
	// b, c, d = S4[0..2] and f, g, h = S4[3..5].
	A4, E4 uint32
	S4     [6]uint32

	// H4KW, H5KW, H6KW are h + K + W of rounds 4 to 6, where h is constant.
	H4KW, H5KW, H6KW uint32

	// KW16, KW17 are K + W of the two schedule words that are constant.
	KW16, KW17 uint32

	// Constant parts of schedule words:
	//	W18 = C18 + s0(W3)          W19 = C19 + W3
	//	W23 = W16 + s1(W21)         W24 = W17 + s1(W22)
	//	W31 = C31 + s1(W29) + W24   W32 = C32 + s1(W30) + W25
	//	W33 = W17 + s1(W31) + W26 + s0(W18)
	W16, W17, C18, C19, C31, C32 uint32

	Top uint32 // top 32 bits of the target

	Tail [3]uint32 // W[0], W[1], W[2] of the second block

	// The same for SHA instructions, which take the state as two vectors
	// ABEF = {f, e, b, a} and CDGH = {h, g, d, c}, and four words at a time.
	MidABEF, MidCDGH [4]uint32 // the midstate
	ABEF4, CDGH4     [4]uint32 // state 4, less the nonce in a and e
	Q16              [4]uint32 // {W16, W17, C18, C19}
	Q20              [4]uint32 // W20 to W23, less the s1 of W18 to W21
	Q28              [4]uint32 // s0(W13..W16) + W12..W15

	State3 [8]uint32 // state 3, a to h: it does not depend on the nonce
}

// K are the round constants of SHA-256 (FIPS 180-4, section 4.2.2).
var K = [64]uint32{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}

// IV is the initial state of SHA-256 (FIPS 180-4, section 5.3.3).
var IV = [8]uint32{
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

// The functions of FIPS 180-4, section 4.1.2: S0 and S1 are its capital
// sigmas, s0 and s1 its small ones.

func S0(x uint32) uint32 {
	return bits.RotateLeft32(x, -2) ^ bits.RotateLeft32(x, -13) ^ bits.RotateLeft32(x, -22)
}
func S1(x uint32) uint32 {
	return bits.RotateLeft32(x, -6) ^ bits.RotateLeft32(x, -11) ^ bits.RotateLeft32(x, -25)
}
func s0(x uint32) uint32 { return bits.RotateLeft32(x, -7) ^ bits.RotateLeft32(x, -18) ^ x>>3 }
func s1(x uint32) uint32 { return bits.RotateLeft32(x, -17) ^ bits.RotateLeft32(x, -19) ^ x>>10 }

// Ch and Maj are the choice and the majority, bit by bit.
func Ch(e, f, g uint32) uint32  { return g ^ e&(f^g) }
func Maj(a, b, c uint32) uint32 { return a&b ^ c&(a^b) }

// Rounds does the rounds from to to-1 of the compression on state s, with the
// message schedule w, and returns the new state.
func Rounds(s [8]uint32, w *[64]uint32, from, to int) [8]uint32 {
	a, b, c, d, e, f, g, h := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	for t := from; t < to; t++ {
		t1 := h + S1(e) + Ch(e, f, g) + K[t] + w[t]
		t2 := S0(a) + Maj(a, b, c)
		a, b, c, d, e, f, g, h = t1+t2, a, b, c, d+t1, e, f, g
	}
	return [8]uint32{a, b, c, d, e, f, g, h}
}

// Schedule extends w[0..15] to w[63].
func Schedule(w *[64]uint32) {
	for t := 16; t < 64; t++ {
		w[t] = s1(w[t-2]) + w[t-7] + s0(w[t-15]) + w[t-16]
	}
}

// Compress is the compression function: it returns the state after the block
// w[0..15], and extends w in place.
func Compress(s [8]uint32, w *[64]uint32) [8]uint32 {
	Schedule(w)
	r := Rounds(s, w, 0, 64)
	for i := range r {
		r[i] += s[i]
	}
	return r
}

// New prepares the search over the nonces of an encoded header, whose own nonce
// (bytes 76 to 79) is ignored. top is the most significant 32 bits of the target.
func New(header *[80]byte, top uint32) *Job {
	var w [64]uint32
	for i := range 16 {
		w[i] = binary.BigEndian.Uint32(header[4*i:])
	}
	j := &Job{Mid: Compress(IV, &w), Top: top}
	for i := range j.Tail {
		j.Tail[i] = binary.BigEndian.Uint32(header[64+4*i:])
	}

	// W[3], the nonce, is added to a and e by the kernel.
	first := [64]uint32{j.Tail[0], j.Tail[1], j.Tail[2], 0}
	j.State3 = Rounds(j.Mid, &first, 0, 3)
	s := Rounds(j.State3, &first, 3, 4)
	j.A4, j.E4 = s[0], s[4]
	j.S4 = [6]uint32{s[1], s[2], s[3], s[5], s[6], s[7]}
	j.H4KW = s[7] + K[4] + 0x80000000 // W[4] is the padding bit
	j.H5KW = s[6] + K[5]
	j.H6KW = s[5] + K[6]

	const length = 640 // W[15]: bits hashed
	j.W16 = s0(j.Tail[1]) + j.Tail[0]
	j.W17 = s1(length) + s0(j.Tail[2]) + j.Tail[1]
	j.KW16, j.KW17 = K[16]+j.W16, K[17]+j.W17
	j.C18 = s1(j.W16) + j.Tail[2]
	j.C19 = s1(j.W17) + s0(0x80000000)
	j.C31 = s0(j.W16) + length
	j.C32 = s0(j.W17) + j.W16

	m := j.Mid
	j.MidABEF = [4]uint32{m[5], m[4], m[1], m[0]}
	j.MidCDGH = [4]uint32{m[7], m[6], m[3], m[2]}
	j.ABEF4 = [4]uint32{s[5], s[4], s[1], s[0]}
	j.CDGH4 = [4]uint32{s[7], s[6], s[3], s[2]}
	j.Q16 = [4]uint32{j.W16, j.W17, j.C18, j.C19}
	j.Q20 = [4]uint32{0x80000000, 0, length, j.W16}
	j.Q28 = [4]uint32{0, 0, s0(length), j.C31}
	return j
}
