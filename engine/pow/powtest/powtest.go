// Package powtest makes headers for tests, and finds by package pow what devices
// and kernels must find. The results depend on nothing but the arguments.
package powtest

import "stele/engine/pow"

// Header returns an encoded header in which byte i is seed+i.
func Header(seed byte) (header [pow.HeaderSize]byte) {
	for i := range header {
		header[i] = seed + byte(i)
	}
	return header
}

// ChainBits are the nBits of the headers of [Chain]. Every second hash meets them.
const ChainBits pow.Bits = 0x207fffff

// Chain returns n encoded headers, one after the other, each the child of the one
// before and ten minutes later. All are valid; the first has no parent.
func Chain(n int) []byte {
	target, err := ChainBits.Target()
	if err != nil {
		panic(err) // a constant
	}
	var headers []byte
	var parent pow.Hash
	for i := range n {
		h := pow.Header{Prev: parent, Time: uint32(600 * i), Bits: ChainBits}
		for !target.MetBy(h.Hash()) {
			h.Nonce++
		}
		encoded := h.Encode()
		headers = append(headers, encoded[:]...)
		parent = h.Hash()
	}
	return headers
}

// Hits returns the nonces of r with which the header meets t, in the order of r.
func Hits(header [pow.HeaderSize]byte, t pow.Target, r pow.Range) (nonces []uint32) {
	pow.Search(&header, t, r, func(nonce uint32) { nonces = append(nonces, nonce) })
	return nonces
}

// Verdicts returns the verdicts of [pow.Verify] on headers.
func Verdicts(headers []byte, linked bool) []pow.Verdict {
	verdicts := make([]pow.Verdict, len(headers)/pow.HeaderSize)
	pow.Verify(headers, linked, verdicts)
	return verdicts
}
