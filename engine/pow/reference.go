package pow

import "fmt"

// NonceSpace is the number of nonces, 2^32.
const NonceSpace uint64 = 1 << 32

// Range is a run of nonces: Count of them from First on. Nonces wrap around: 0
// follows 2^32-1. Count is at most [NonceSpace].
type Range struct {
	First uint32
	Count uint64
}

// Search calls found for every nonce of r with which the hash of the encoded
// header meets t, in the order of the range. It does not change the header and
// ignores the header's own nonce.
func Search(header *[HeaderSize]byte, t Target, r Range, found func(nonce uint32)) {
	trial := *header
	nonce := r.First
	for range r.Count {
		SetNonce(&trial, nonce)
		if t.MetBy(Sum(trial[:])) {
			found(nonce)
		}
		nonce++ // 0 follows 2^32-1
	}
}

// Verify checks encoded headers of HeaderSize bytes each, one after the other in
// headers: the hash of each against the target of its own nBits and, if linked,
// that each but the first names the one before it as its parent. It applies no
// proof-of-work limit. It sets all verdicts, and panics if their number is not
// that of the headers.
func Verify(headers []byte, linked bool, verdicts []Verdict) {
	if len(headers) != HeaderSize*len(verdicts) {
		panic(fmt.Sprintf("pow.Verify: %d bytes of headers for %d verdicts", len(headers), len(verdicts)))
	}
	var before Hash
	for i := range verdicts {
		record := [HeaderSize]byte(headers[HeaderSize*i:])
		hash := Sum(record[:])
		verdicts[i] = check(record, hash)
		if linked && i > 0 && Hash(record[offPrev:offMerkleRoot]) != before {
			verdicts[i] |= BadLink
		}
		before = hash
	}
}

// VerifyAt returns the verdict of [Verify] on header i of headers. It hashes that
// header and, if linked, the one before it. It panics if there is no such header.
func VerifyAt(headers []byte, linked bool, i int) Verdict {
	first := i
	if linked && i > 0 {
		first--
	}
	var verdicts [2]Verdict
	n := i + 1 - first
	Verify(headers[first*HeaderSize:(i+1)*HeaderSize], linked, verdicts[:n])
	return verdicts[n-1]
}

// check compares the hash of a header with the target of its nBits.
func check(record [HeaderSize]byte, hash Hash) Verdict {
	header, _ := DecodeHeader(record[:]) // 80 bytes are always a header
	target, err := header.Bits.Target()
	switch {
	case err != nil:
		return BadBits
	case !target.MetBy(hash):
		return HighHash
	}
	return Valid
}
