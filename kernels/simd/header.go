package simd

import (
	"encoding/binary"

	sha256 "github.com/minio/sha256-simd"
)

const (
	headerSize  = 80 // length of an encoded header
	nonceOffset = 76 // offset of the nonce in it
)

// setNonce writes the nonce into an encoded header, little-endian.
func setNonce(header *[headerSize]byte, nonce uint32) {
	binary.LittleEndian.PutUint32(header[nonceOffset:], nonce)
}

// doubleSum is SHA-256d by an implementation other than the kernels. It confirms
// candidates, and the known-answer tests compare with it.
func doubleSum(b []byte) [32]byte {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}

// meets reports whether hash is at most target, both read as little-endian
// numbers.
func meets(hash, target *[32]byte) bool {
	for i := 24; i > 0; i -= 8 { // the most significant word decides nearly always
		h, t := binary.LittleEndian.Uint64(hash[i:]), binary.LittleEndian.Uint64(target[i:])
		if h != t {
			return h < t
		}
	}
	return binary.LittleEndian.Uint64(hash[:]) <= binary.LittleEndian.Uint64(target[:])
}

// topOf returns the most significant 32 bits of a hash or a target.
func topOf(number [32]byte) uint32 { return binary.LittleEndian.Uint32(number[28:]) }
