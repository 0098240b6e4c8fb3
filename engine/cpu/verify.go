package cpu

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"stele/engine/pow"
)

// block is the number of headers per call of the kernel: enough to fill its lanes,
// and few enough that the hashes stay in the first-level cache.
const block = 1 << 10

var hashBlocks = sync.Pool{New: func() any { return new([block][32]byte) }}

// Offsets in a header.
const (
	offPrev = 4
	offBits = 72
)

// Verify implements engine.Device.
func (d *device) Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error {
	if len(headers) != pow.HeaderSize*len(verdicts) {
		return fmt.Errorf("cpu: %d bytes of headers for %d verdicts", len(headers), len(verdicts))
	}
	buf := hashBlocks.Get().(*[block][32]byte)
	defer hashBlocks.Put(buf)

	j := judge{linked: linked}
	for done := 0; done < len(verdicts); {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(block, len(verdicts)-done)
		records := headers[done*pow.HeaderSize : (done+n)*pow.HeaderSize]
		d.verify.Hash(buf[:n], records)
		if done == 0 {
			j.before = [32]byte(records[offPrev:]) // the first header has no link to check
		}
		j.judge(records, buf[:n], verdicts[done:done+n])
		done += n
	}
	return nil
}

// judge determines the verdicts of consecutive headers. It runs tens of millions of
// times per second, so it first compares what decides nearly always: the top limb
// of the hash with the target, which is mostly that of the previous header.
type judge struct {
	linked bool
	before [32]byte // hash of the previous header

	known  bool // bits, target and bad are set
	bits   pow.Bits
	target pow.Target // of bits; zero if they have none
	bad    bool       // bits have no target
}

// judge sets the verdict of each record from its hash.
func (j *judge) judge(records []byte, hashes [][32]byte, verdicts []pow.Verdict) {
	verdicts = verdicts[:len(hashes)]
	before := &j.before
	for i := range hashes {
		record, hash := (*[pow.HeaderSize]byte)(records), &hashes[i]
		records = records[pow.HeaderSize:]
		verdict := pow.Valid
		bits := pow.Bits(binary.LittleEndian.Uint32(record[offBits:]))
		if bits != j.bits || binary.LittleEndian.Uint64(hash[24:]) >= j.target[3] {
			verdict = j.closer(bits, hash)
		}
		if j.linked && !same((*[32]byte)(record[offPrev:]), before) {
			verdict |= pow.BadLink
		}
		before = hash
		verdicts[i] = verdict
	}
	j.before = *before
}

// closer compares the whole hash with the target of bits.
func (j *judge) closer(bits pow.Bits, hash *[32]byte) pow.Verdict {
	if bits != j.bits || !j.known {
		target, err := bits.Target()
		if err != nil {
			target = pow.Target{}
		}
		j.known, j.bits, j.target, j.bad = true, bits, target, err != nil
	}
	switch {
	case j.bad:
		return pow.BadBits
	case !j.target.MetBy(*hash):
		return pow.HighHash
	}
	return pow.Valid
}

// same reports whether two hashes are equal. The compiler makes a function call of
// a comparison of arrays; this one is inlined.
func same(a, b *[32]byte) bool {
	le := binary.LittleEndian
	return le.Uint64(a[0:]) == le.Uint64(b[0:]) && le.Uint64(a[8:]) == le.Uint64(b[8:]) &&
		le.Uint64(a[16:]) == le.Uint64(b[16:]) && le.Uint64(a[24:]) == le.Uint64(b[24:])
}
