package sig

import (
	"encoding/binary"
	"math/bits"
)

const blockSize = 128 // bytes of a block of SHA-512

// sha512Start is the hash before the first block: the fractions of the square roots of
// the first eight primes (FIPS 180-4).
var sha512Start = [8]uint64{
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
}

// sha512Rounds are the constants of the rounds: the fractions of the cube roots of the
// first 80 primes.
var sha512Rounds = [80]uint64{
	0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
	0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
	0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
	0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
	0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
	0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
	0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
	0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
	0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
	0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
	0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
	0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
	0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
	0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
	0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
	0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
	0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
	0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
	0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
	0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
}

// hashGroup is the memory for the hashes of eight messages, and for the scalars of
// their signatures. The generator knows its layout.
type hashGroup struct {
	_      [16][lanes]uint64 // scratch: the message schedule
	state  [8][lanes]uint64
	blocks [lanes][blockSize]byte

	words [4][lanes]uint64 // s, little-endian
	_     [lanes]uint64
	k, s  radix52 // the hash modulo L, and s, also if that is L or more
	below uint8   // the lanes in which s is below L
	_     [63]byte
}

// start prepares for new messages.
func (h *hashGroup) start() {
	for i, x := range sha512Start {
		for lane := range lanes {
			h.state[i][lane] = x
		}
	}
}

// digest returns the hash of a lane as little-endian words: that is how signatures read
// it.
func (h *hashGroup) digest(lane int) (words [8]uint64) {
	for i := range words {
		words[i] = bits.ReverseBytes64(h.state[i][lane])
	}
	return words
}

// hashItems computes the SHA-512 of R, key and message of at most eight items, those
// at some indices, and sets the words of s. Other lanes have what they had. The numbers of
// blocks may differ: lanes that have ended wait for the others.
func (e *engine) hashItems(h *hashGroup, items []Item, at []int) {
	h.start()
	for lane, i := range at {
		s := items[i].Sig[32:]
		for n := range h.words {
			h.words[n][lane] = binary.LittleEndian.Uint64(s[8*n:])
		}
	}
	for n := 0; ; n++ {
		var live uint8
		for lane, i := range at {
			if n < items[i].blocks() {
				items[i].block(&h.blocks[lane], n)
				live |= 1 << lane
			}
		}
		if live == 0 {
			return
		}
		e.sha512Block(h, live)
	}
}

// hashed is the number of bytes before the message: R and the key.
const hashed = 64

// blocks returns the number of blocks of the hash: the message ends with a byte and 16
// bytes of length.
func (i *Item) blocks() int { return (hashed + len(i.Message) + 17 + blockSize - 1) / blockSize }

// block writes block n of what is hashed.
func (i *Item) block(to *[blockSize]byte, n int) {
	rest := to[:]
	begin := n*blockSize - hashed // of the block in the message
	if n == 0 {
		copy(to[:32], i.Sig[:32])
		copy(to[32:hashed], i.Key[:])
		rest, begin = rest[hashed:], 0
	}
	if begin <= len(i.Message) {
		copied := copy(rest, i.Message[begin:])
		if rest = rest[copied:]; len(rest) > 0 {
			rest[0] = 0x80
			rest = rest[1:]
		}
	}
	clear(rest)
	if n == i.blocks()-1 {
		binary.BigEndian.PutUint64(to[blockSize-8:], 8*uint64(hashed+len(i.Message)))
	}
}

// sha512Model adds the blocks of the live lanes to their hashes.
func sha512Model(h *hashGroup, live uint8) {
	for lane := range lanes {
		if live>>lane&1 == 0 {
			continue
		}
		var w [80]uint64
		for t := range w {
			if t < 16 {
				w[t] = binary.BigEndian.Uint64(h.blocks[lane][8*t:])
				continue
			}
			x, y := w[t-15], w[t-2]
			w[t] = w[t-16] + (bits.RotateLeft64(x, -1) ^ bits.RotateLeft64(x, -8) ^ x>>7) +
				w[t-7] + (bits.RotateLeft64(y, -19) ^ bits.RotateLeft64(y, -61) ^ y>>6)
		}
		var s [8]uint64
		for i := range s {
			s[i] = h.state[i][lane]
		}
		for t, k := range sha512Rounds {
			a, b, c, e, f, g := s[0], s[1], s[2], s[4], s[5], s[6]
			t1 := s[7] + k + w[t] + (e&f ^ ^e&g) +
				(bits.RotateLeft64(e, -14) ^ bits.RotateLeft64(e, -18) ^ bits.RotateLeft64(e, -41))
			t2 := (a&b ^ a&c ^ b&c) +
				(bits.RotateLeft64(a, -28) ^ bits.RotateLeft64(a, -34) ^ bits.RotateLeft64(a, -39))
			s = [8]uint64{t1 + t2, a, b, c, s[3] + t1, e, f, g}
		}
		for i, x := range s {
			h.state[i][lane] += x
		}
	}
}
