package main

// The two halves of a nonce search, for any vector machine. Each leaves out
// what prep.Job holds ready, and the rounds that cannot change the answer.

// slots of the scratch area, shared by the halves.
const (
	slotDigest slot = 1 // 8: digest words of the first hash, the message of the second
	slotW1     slot = 9 // ring of 32: message schedule of the first hash
	slotW2     slot = 41
	slotEnd    slot = 73
)

const ring = 32

// firstHash emits rounds 4 to 63 of the header's second block for a vector of
// nonces, bytes swapped as W[3] has them, and puts the eight digest words into slotDigest.
func firstHash(b *block, nonce operand) {
	w := &words{b: b}
	for t := 18; t <= 56; t++ { // W[57] and later are read from registers only
		w.slot[t] = slotW1 + slot(t%ring)
	}
	s := state{
		b.add(job(offA4), nonce), job(offS4), job(offS4 + 4), job(offS4 + 8),
		b.add(job(offE4), nonce), job(offS4 + 12), job(offS4 + 16), job(offS4 + 20),
	}
	for t := 4; t < 64; t++ {
		if t >= 18-ahead {
			firstWord(b, w, nonce, t+ahead)
		}
		switch {
		case t <= 6:
			s = b.round(s, wantBoth, job(offH4KW+4*(t-4)))
		case t < 15:
			s = b.round(s, wantBoth, s[7], b.konst(k[t]))
		case t == 15:
			s = b.round(s, wantBoth, s[7], b.konst(k[t]+640))
		case t <= 17:
			s = b.round(s, wantBoth, s[7], job(offKW16+4*(t-16)))
		default:
			s = b.round(s, wantBoth, s[7], w.near(t), b.konst(k[t]))
		}
	}
	for i := range s {
		b.put(slotDigest+slot(i), b.add(s[i], job(offMid+4*i)).r)
	}
}

// ahead is how many rounds before its use a schedule word is made.
var ahead = 2

// firstWord emits W[t] of the second block: the nonce is W[3], W[4] to W[15]
// are padding.
func firstWord(b *block, w *words, nonce operand, t int) {
	if t < 18 || t > 63 {
		return
	}
	n, f := w.near, w.far
	var x operand
	switch t {
	case 18:
		x = b.add(b.s0(nonce), job(offC18))
	case 19:
		x = b.add(nonce, job(offC19))
	case 20:
		x = b.add(b.s1(n(18)), b.konst(0x80000000))
	case 21:
		x = b.s1(n(19))
	case 22:
		x = b.add(b.s1(n(20)), b.konst(640))
	case 23:
		x = b.add(b.s1(n(21)), job(offW16))
	case 24:
		x = b.add(b.s1(n(22)), job(offW17))
	case 25, 26, 27, 28, 29:
		x = b.add(b.s1(n(t-2)), f(t-7))
	case 30:
		x = b.sum(f(23), b.konst(sigma0(640)), b.s1(n(28)))
	case 31:
		x = b.sum(f(24), job(offC31), b.s1(n(29)))
	case 32:
		x = b.sum(f(25), job(offC32), b.s1(n(30)))
	case 33:
		x = b.sum(b.s0(f(18)), job(offW17), f(26), b.s1(n(31)))
	default:
		x = b.sum(b.s0(f(t-15)), f(t-16), f(t-7), b.s1(n(t-2)))
	}
	w.set(t, x)
}

// secondHash emits rounds 0 to 60 of the hash of the digest in slotDigest, and
// returns the last word of the final digest.
func secondHash(b *block) operand {
	w := &words{b: b}
	for t := range 8 {
		w.slot[t] = slotDigest + slot(t)
	}
	for t := 16; t <= 53; t++ {
		w.slot[t] = slotW2 + slot(t%ring)
	}
	s := state{}
	for t := 0; t <= 60; t++ {
		secondWord(b, w, t+ahead)
		want := wantBoth
		if t >= 57 {
			want = wantE
		}
		switch {
		case t == 0: // everything but W[0] is constant
			t1 := iv[7] + bigSigma1(iv[4]) + choose(iv[4], iv[5], iv[6]) + k[0]
			w0 := r(b.get(w.far(0)))
			s = state{
				b.add(w0, b.konst(t1+bigSigma0(iv[0])+majority(iv[0], iv[1], iv[2]))),
				b.konst(iv[0]), b.konst(iv[1]), b.konst(iv[2]),
				b.add(w0, b.konst(t1+iv[3])),
				b.konst(iv[4]), b.konst(iv[5]), b.konst(iv[6]),
			}
		case t <= 3: // h is constant
			s = b.round(s, want, r(b.get(w.far(t))), b.konst(iv[7-t]+k[t]))
		case t < 8:
			s = b.round(s, want, s[7], w.far(t), b.konst(k[t]))
		case t < 16:
			s = b.round(s, want, s[7], b.konst(k[t]+digestPad[t-8]))
		case t == 60: // the initial h is added to the digest word in the end
			s = b.round(s, want, s[7], w.near(t), b.konst(k[t]+iv[7]))
		default:
			s = b.round(s, want, s[7], w.near(t), b.konst(k[t]))
		}
	}
	return s[4]
}

// digestPad is W[8] to W[15] of a block that holds a digest.
var digestPad = [8]uint32{0: 0x80000000, 7: 256}

// secondWord emits W[t] of the hash of a digest: W[8] to W[15] are padding.
func secondWord(b *block, w *words, t int) {
	if t < 16 || t > 60 {
		return
	}
	n, f := w.near, w.far
	var x operand
	switch t {
	case 16:
		x = b.add(b.s0(f(1)), f(0))
	case 17:
		x = b.sum(b.s0(f(2)), f(1), b.konst(sigma1(256)))
	case 18, 19, 20, 21:
		x = b.sum(b.s0(f(t-15)), f(t-16), b.s1(n(t-2)))
	case 22:
		x = b.sum(b.s0(f(7)), f(6), b.konst(256), b.s1(n(20)))
	case 23:
		x = b.sum(r(b.get(f(16))), f(7), b.konst(sigma0(0x80000000)), b.s1(n(21)))
	case 24:
		x = b.sum(r(b.get(f(17))), b.konst(0x80000000), b.s1(n(22)))
	case 25, 26, 27, 28, 29:
		x = b.add(b.s1(n(t-2)), f(t-7))
	case 30:
		x = b.sum(r(b.get(f(23))), b.konst(sigma0(256)), b.s1(n(28)))
	case 31:
		x = b.sum(b.s0(f(16)), f(24), b.konst(256), b.s1(n(29)))
	default:
		x = b.sum(b.s0(f(t-15)), f(t-16), f(t-7), b.s1(n(t-2)))
	}
	w.set(t, x)
}
