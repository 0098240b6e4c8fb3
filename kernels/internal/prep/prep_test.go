package prep

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// K and IV are by definition the first 32 bits of the fractions of the cube
// roots of the first 64 primes, and of the square roots of the first 8.
func TestConstantsAreThoseOfFIPS180(t *testing.T) {
	var primes []int64
	for n := int64(2); len(primes) < len(K); n++ {
		if big.NewInt(n).ProbablyPrime(0) {
			primes = append(primes, n)
		}
	}
	for i, p := range primes {
		if got, want := K[i], fraction(p, 3); got != want {
			t.Errorf("K[%d] is %#08x, want %#08x", i, got, want)
		}
	}
	for i, p := range primes[:len(IV)] {
		if got, want := IV[i], fraction(p, 2); got != want {
			t.Errorf("IV[%d] is %#08x, want %#08x", i, got, want)
		}
	}
}

// fraction is the first 32 bits of the fraction of the root of n of this
// degree: the integer root of n * 2^(32*degree), less its whole part.
func fraction(n int64, degree uint) uint32 {
	scaled := new(big.Int).Lsh(big.NewInt(n), 32*degree)
	exponent := big.NewInt(int64(degree))
	root := new(big.Int)
	for bit := 40; bit >= 0; bit-- {
		root.SetBit(root, bit, 1)
		if new(big.Int).Exp(root, exponent, nil).Cmp(scaled) > 0 {
			root.SetBit(root, bit, 0)
		}
	}
	return uint32(root.Uint64())
}

func TestConstantsAgainstPublished(t *testing.T) {
	// The ends of the tables as FIPS 180-4 prints them, against a mistake in
	// fraction.
	for _, c := range []struct{ got, want uint32 }{
		{fraction(2, 3), 0x428a2f98}, {fraction(311, 3), 0xc67178f2},
		{fraction(2, 2), 0x6a09e667}, {fraction(19, 2), 0x5be0cd19},
	} {
		if c.got != c.want {
			t.Errorf("constant %#08x, want %#08x", c.got, c.want)
		}
	}
}

// random returns n random bytes, the same on every run.
func random(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// blockOf is 64 bytes as the first words of a message schedule.
func blockOf(b []byte) *[64]uint32 {
	w := new([64]uint32)
	for i := range 16 {
		w[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	return w
}

// digestOf is a state as bytes.
func digestOf(s [8]uint32) (digest [32]byte) {
	for i, word := range s {
		binary.BigEndian.PutUint32(digest[4*i:], word)
	}
	return digest
}

// Compress, over the blocks of a padded message, is SHA-256.
func TestCompressIsSHA256(t *testing.T) {
	for n := range 200 {
		message := random(uint64(n), n)
		padded := append(slices.Clone(message), 0x80)
		for len(padded)%64 != 56 {
			padded = append(padded, 0)
		}
		padded = binary.BigEndian.AppendUint64(padded, uint64(8*n))
		s := IV
		for block := range slices.Chunk(padded, 64) {
			s = Compress(s, blockOf(block))
		}
		if got, want := digestOf(s), sha256.Sum256(message); got != want {
			t.Errorf("%d bytes: %x, want %x", n, got, want)
		}
	}
}

// Every field of a job is what its comment says, checked with the plain
// schedule and the plain rounds of a header with some nonce.
func TestJob(t *testing.T) {
	for seed := range uint64(50) {
		header := [80]byte(random(seed, 80))
		top := binary.LittleEndian.Uint32(random(seed+1000, 4))
		j := New(&header, top)

		w3 := binary.BigEndian.Uint32(header[76:]) // the nonce as it is hashed
		mid := Compress(IV, blockOf(header[:64]))
		second := slices.Concat(header[64:], []byte{0x80}, make([]byte, 45), []byte{640 >> 8, 640 & 0xff})
		w := blockOf(second)
		Schedule(w)
		state := func(r int) [8]uint32 { return Rounds(mid, w, 0, r) }
		s := state(4)
		abef := func(s [8]uint32, less uint32) [4]uint32 { return [4]uint32{s[5], s[4] - less, s[1], s[0] - less} }
		cdgh := func(s [8]uint32) [4]uint32 { return [4]uint32{s[7], s[6], s[3], s[2]} }

		for _, c := range []struct {
			name      string
			got, want any
		}{
			{"Mid", j.Mid, mid},
			{"A4", j.A4 + w3, s[0]},
			{"E4", j.E4 + w3, s[4]},
			{"S4", j.S4, [6]uint32{s[1], s[2], s[3], s[5], s[6], s[7]}},
			{"H4KW", j.H4KW, state(4)[7] + K[4] + w[4]},
			{"H5KW", j.H5KW, state(5)[7] + K[5] + w[5]},
			{"H6KW", j.H6KW, state(6)[7] + K[6] + w[6]},
			{"KW16", j.KW16, K[16] + w[16]},
			{"KW17", j.KW17, K[17] + w[17]},
			{"W16", j.W16, w[16]},
			{"W17", j.W17, w[17]},
			{"C18", j.C18 + s0(w3), w[18]},
			{"C19", j.C19 + w3, w[19]},
			{"W23", j.W16 + s1(w[21]), w[23]},
			{"W24", j.W17 + s1(w[22]), w[24]},
			{"C31", j.C31 + s1(w[29]) + w[24], w[31]},
			{"C32", j.C32 + s1(w[30]) + w[25], w[32]},
			{"W33", j.W17 + s1(w[31]) + w[26] + s0(w[18]), w[33]},
			{"Top", j.Top, top},
			{"Tail", j.Tail, [3]uint32(w[:3])},
			{"MidABEF", j.MidABEF, abef(mid, 0)},
			{"MidCDGH", j.MidCDGH, cdgh(mid)},
			{"ABEF4", j.ABEF4, abef(s, w3)},
			{"CDGH4", j.CDGH4, cdgh(s)},
			{"Q16", j.Q16, [4]uint32{w[16], w[17], w[18] - s0(w3), w[19] - w3}},
			{"Q20", j.Q20, [4]uint32{w[20] - s1(w[18]), w[21] - s1(w[19]), w[22] - s1(w[20]), w[23] - s1(w[21])}},
			{"Q28", j.Q28, [4]uint32{
				s0(w[13]) + w[12], s0(w[14]) + w[13], s0(w[15]) + w[14], s0(w[16]) + w[15],
			}},
		} {
			if c.got != c.want {
				t.Errorf("header %x: %s gives %#x, want %#x", header, c.name, c.got, c.want)
			}
		}
	}
}

// A job is the same for all nonces of a header, and New does not change it.
func TestNewIgnoresNonce(t *testing.T) {
	header := [80]byte(random(7, 80))
	before := header
	want := *New(&header, 1)
	for bit := range 32 {
		header[76+bit/8] ^= 1 << (bit % 8)
		if got := *New(&header, 1); got != want {
			t.Errorf("another job with bit %d of the nonce changed", bit)
		}
		header[76+bit/8] ^= 1 << (bit % 8)
	}
	if header != before {
		t.Error("New changed the header")
	}
	for bit := range 76 * 8 {
		header[bit/8] ^= 1 << (bit % 8)
		if got := *New(&header, 1); got == want {
			t.Errorf("the same job with bit %d of the header changed", bit)
		}
		header[bit/8] ^= 1 << (bit % 8)
	}
}
