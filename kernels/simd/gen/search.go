package main

// The two halves of a nonce search, for any vector machine. They leave out
// what prep.Job holds ready, and the rounds that cannot change the answer.

// Slots of the scratch area that the halves share.
const (
	slotDigest slot = 1              // 8: digest words of the first hash, the message of the second
	slotW1     slot = slotDigest + 8 // ring: message schedule of the first hash
	slotW2     slot = slotW1 + ring  // ring: message schedule of the second hash
	slotEnd    slot = slotW2 + ring
)

// firstHash emits rounds 4 to 63 of the header's second block for a vector of
// nonces w3, bytes swapped as W[3] has them, and puts the eight digest words
// into slotDigest.
func firstHash(b *block, w3 operand) {
	w := firstWords(b)
	firstRounds(b, w3, func(t int) []operand {
		if n := t + b.ahead; n >= 18 && n < 64 {
			firstWord(w, w3, n)
		}
		return []operand{w.near(t), constant(k[t])}
	})
}

// firstRounds is firstHash with the terms of K + W[t] from kw.
func firstRounds(b *block, w3 operand, kw func(t int) []operand) {
	s := state{
		b.add(job(offA4), w3), job(offS4), job(offS4 + 4), job(offS4 + 8),
		b.add(job(offE4), w3), job(offS4 + 12), job(offS4 + 16), job(offS4 + 20),
	}
	for t := 4; t < 64; t++ {
		b.now = float64(t - 4)
		terms := kw(t)
		switch {
		case t <= 6: // h is constant
			s = b.round(s, true, job(offH4KW+4*(t-4)))
		case t == 16 || t == 17:
			s = b.round(s, true, s[7], job(offKW16+4*(t-16)))
		default:
			s = b.round(s, true, append([]operand{s[7]}, terms...)...)
		}
	}
	for i := range s {
		b.put(b.at(slotDigest+slot(i)), b.add(s[i], job(offMid+4*i)))
	}
}

// firstWords is the message schedule of a header's second block.
func firstWords(b *block) *words {
	w := newWords(b)
	for t, v := range headerPad {
		w.word[4+t] = constant(v)
	}
	w.ringSlots(slotW1, 18, 63)
	return w
}

// headerPad is W[4] to W[15] of a header's second block.
var headerPad = [12]uint32{0: 0x80000000, 11: 640}

// firstWord makes W[t]. W[0] to W[2], W[16] and W[17] are constants of the job.
func firstWord(w *words, w3 operand, t int) {
	b := w.b
	switch t {
	case 18:
		w.set(t, b.add(b.s0(w3), job(offC18)))
	case 19:
		w.set(t, b.add(w3, job(offC19)))
	case 23, 24:
		w.set(t, b.add(b.s1(w.near(t-2)), job(offW16+4*(t-23))))
	case 31, 32:
		w.set(t, b.sum(w.far(t-7), job(offC31+4*(t-31)), b.s1(w.near(t-2))))
	case 33:
		w.set(t, b.sum(b.s0(w.far(18)), job(offW17), w.far(26), b.s1(w.near(31))))
	default:
		w.extend(t)
	}
}

// secondHash emits rounds 0 to 60 of the hash of the digest in slotDigest, and
// returns the last word of the final digest: the e of round 60 only moves
// after it.
func secondHash(b *block) operand {
	w := newWords(b)
	digestWords(w, slotDigest)
	w.ringSlots(slotW2, 16, 60)
	return b.rounds(ivState(), w, 60, true, iv[7])[4]
}

// digestWords sets W[0] to W[15] of a block that holds a digest.
func digestWords(w *words, digest slot) {
	for t := range 8 {
		w.slot[t] = digest + slot(t)
		w.word[t] = w.b.at(w.slot[t])
		w.word[8+t] = constant(digestPad[t])
	}
}

// digestPad is W[8] to W[15] of a block that holds a digest.
var digestPad = [8]uint32{0: 0x80000000, 7: 256}
