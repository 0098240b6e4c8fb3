package record

import (
	"sync"

	"stele/engine/pow"
	"stele/kernels/sha256d"
)

// seal keeps the encoding, and computes the hashes.
func (r *Record) seal(raw []byte) {
	r.keep(raw)
	r.hash()
}

func (r *Record) keep(raw []byte) { r.raw = raw[:len(raw):len(raw)] }

// hash computes the hashes of the encoding that r keeps.
func (r *Record) hash() { r.id, r.fullHash = pow.Sum(bodyOf(r.raw)), pow.Sum(r.raw) }

// hashEach computes the hashes of the encodings that records keep: many together, which is
// several times as fast as one after the other.
func hashEach(records []*Record) {
	if len(records) == 1 {
		records[0].hash()
		return
	}
	h := hashings.Get().(*hashing)
	defer hashings.Put(h)
	for len(records) > 0 {
		some := records[:min(len(records), maxHashing)]
		records = records[len(some):]
		h.hash(some)
	}
}

// maxHashing is how many records are hashed together.
const maxHashing = 512

// hashing is the memory to hash records together: of each its body, and all of it.
type hashing struct {
	messages [2 * maxHashing]sha256d.Message
	hashes   [2 * maxHashing]pow.Hash
}

var hashings = sync.Pool{New: func() any { return new(hashing) }}

func (h *hashing) hash(records []*Record) {
	messages, hashes := h.messages[:2*len(records)], h.hashes[:2*len(records)]
	for i, r := range records {
		messages[2*i][0], messages[2*i+1][0] = bodyOf(r.raw), r.raw
	}
	sha256d.Sum(hashes, messages)
	for i, r := range records {
		r.id, r.fullHash = hashes[2*i], hashes[2*i+1]
	}
	clear(messages) // so that the pool keeps no records alive
}
