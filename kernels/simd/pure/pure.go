// Package pure is the kernel in plain Go: the variant for CPUs without the
// instruction sets of the others, and the readable form of the assembly. It uses
// the constants of the job, and skips the rounds of the second hash that cannot
// change its last word.
package pure

import (
	"encoding/binary"
	"math/bits"

	"stele/kernels/internal/prep"
)

// Search sets bit i of candidates (bit i%64 of word i/64) for each nonce first+i
// (mod 2^32) whose hash has a top word of at most job.Top, and clears the others.
func Search(job *prep.Job, first uint32, candidates []uint64) {
	for g := range candidates {
		var mask uint64
		for i := range uint32(64) {
			if top(job, first+uint32(g)*64+i) <= job.Top {
				mask |= 1 << i
			}
		}
		candidates[g] = mask
	}
}

// SearchVersions is Search for several versions of a header, 16 nonces at a time. With n
// versions, bit i of candidates[n*g+v] is for the nonce first+16*g+i (mod 2^32) and
// version v. The length of candidates must be a multiple of n.
func SearchVersions(job *prep.VersionJob, first uint32, candidates []uint16) {
	jobs := job.Jobs()
	for c := range candidates {
		group, version := uint32(c/len(jobs)), c%len(jobs)
		var mask uint16
		for i := range uint32(16) {
			if top(&jobs[version], first+group*16+i) <= jobs[version].Top {
				mask |= 1 << i
			}
		}
		candidates[c] = mask
	}
}

// top returns the most significant 32 bits of the hash as a little-endian number:
// the last word of the digest with its bytes swapped.
func top(job *prep.Job, nonce uint32) uint32 {
	var w [64]uint32
	copy(w[:], job.Tail[:])
	w3 := bits.ReverseBytes32(nonce) // little-endian in the header, hashed as a big-endian word
	w[3], w[4], w[15] = w3, 0x80000000, 640
	prep.Schedule(&w)
	s := prep.Rounds([8]uint32{
		job.A4 + w3, job.S4[0], job.S4[1], job.S4[2],
		job.E4 + w3, job.S4[3], job.S4[4], job.S4[5],
	}, &w, 4, 64)

	for i := range s {
		w[i] = s[i] + job.Mid[i]
	}
	w[8], w[9], w[10], w[11], w[12], w[13], w[14], w[15] = 0x80000000, 0, 0, 0, 0, 0, 0, 256
	prep.Schedule(&w)
	// Word 7 of the digest is the e of round 60: later rounds only move it.
	s = prep.Rounds(prep.IV, &w, 0, 61)
	return bits.ReverseBytes32(s[4] + prep.IV[7])
}

// Hash writes the double SHA-256 of each 80-byte record of headers to hashes, in the
// byte order of SHA-256.
func Hash(hashes [][32]byte, headers []byte) {
	for i := range hashes {
		h := headers[80*i : 80*i+80]
		var w [64]uint32
		for j := range 16 {
			w[j] = binary.BigEndian.Uint32(h[4*j:])
		}
		s := prep.Compress(prep.IV, &w)
		w = [64]uint32{4: 0x80000000, 15: 640}
		for j := range 4 {
			w[j] = binary.BigEndian.Uint32(h[64+4*j:])
		}
		s = prep.Compress(s, &w)
		w = [64]uint32{8: 0x80000000, 15: 256}
		copy(w[:], s[:])
		s = prep.Compress(prep.IV, &w)
		for j := range s {
			binary.BigEndian.PutUint32(hashes[i][4*j:], s[j])
		}
	}
}
