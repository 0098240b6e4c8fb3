package record

import (
	"runtime"
	"sync"

	"stele/engine/pow"
	"stele/kernels/sha256d"
)

// Seal makes records keep their encodings and hashes, as those from [Decode] and [New]
// do. To hash many together is several times as fast as one after the other. Records
// that keep them already are left alone. The others must not be in use elsewhere, and
// must not be modified afterwards.
func Seal(records []*Record) {
	var open []*Record
	for _, r := range records {
		if r.raw == nil {
			r.keep(appendRecord(nil, r))
			open = append(open, r)
		}
	}
	hashAll(open)
}

// seal keeps the encoding, and computes the hashes.
func (r *Record) seal(raw []byte) {
	r.keep(raw)
	r.hash()
}

func (r *Record) keep(raw []byte) { r.raw = raw[:len(raw):len(raw)] }

// hash computes the hashes of the encoding that r keeps.
func (r *Record) hash() { r.id, r.fullHash = pow.Sum(bodyOf(r.raw)), pow.Sum(r.raw) }

// hashAll hashes records, on all processors: of a large block, that takes longer
// than the rest of its decoding.
func hashAll(records []*Record) {
	const minShare = 512 // records; fewer are not worth a goroutine
	shares := max(1, min(runtime.GOMAXPROCS(0), len(records)/minShare))
	var others sync.WaitGroup
	for ; shares > 1; shares-- {
		share := records[:len(records)/shares]
		records = records[len(share):]
		others.Go(func() { hashEach(share) })
	}
	hashEach(records)
	others.Wait()
}

// hashEach hashes records on one processor.
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
