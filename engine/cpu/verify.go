package cpu

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"stele/engine/pow"
)

// block is the number of headers hashed in one call of the kernel: enough to
// fill its lanes, and the hashes stay in the first-level cache.
const block = 1 << 10

var hashBlocks = sync.Pool{New: func() any { return new([block]pow.Hash) }}

// Offsets in a header.
const (
	offPrev = 4
	offBits = 72
)

// Verify implements engine.Device.
func (d *Device) Verify(ctx context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error {
	if len(headers) != pow.HeaderSize*len(verdicts) {
		return fmt.Errorf("cpu: %d bytes of headers for %d verdicts", len(headers), len(verdicts))
	}
	buf := hashBlocks.Get().(*[block]pow.Hash)
	defer hashBlocks.Put(buf)

	var j judge
	var before pow.Hash
	for done := 0; done < len(verdicts); {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(block, len(verdicts)-done)
		hashes := buf[:n]
		records := headers[done*pow.HeaderSize : (done+n)*pow.HeaderSize]
		d.verify.Hash(hashes, records)
		j.judge(records, hashes, verdicts[done:done+n])
		if linked {
			if done == 0 {
				before = parent(records) // the first header has no header before it
			}
			checkLinks(records, hashes, before, verdicts[done:done+n])
			before = hashes[n-1]
		}
		done += n
	}
	return nil
}

// judge compares hashes with targets. Headers that lie together mostly have
// the same nBits, so it keeps the last target.
type judge struct {
	bits   pow.Bits
	target pow.Target
	bad    bool // bits stand for no target
	known  bool
}

// judge sets the verdict of each record by its hash and its own nBits.
func (j *judge) judge(records []byte, hashes []pow.Hash, verdicts []pow.Verdict) {
	for i := range hashes {
		record := records[i*pow.HeaderSize : (i+1)*pow.HeaderSize]
		if bits := pow.Bits(binary.LittleEndian.Uint32(record[offBits:])); bits != j.bits || !j.known {
			target, err := bits.Target()
			*j = judge{bits: bits, target: target, bad: err != nil, known: true}
		}
		switch hash := &hashes[i]; {
		case j.bad:
			verdicts[i] = pow.BadBits
		// The top limb decides nearly always.
		case binary.LittleEndian.Uint64(hash[24:]) < j.target[3], j.target.MetBy(*hash):
			verdicts[i] = pow.Valid
		default:
			verdicts[i] = pow.HighHash
		}
	}
}

// checkLinks flags each record whose parent is not the hash before its own;
// for the first that is before.
func checkLinks(records []byte, hashes []pow.Hash, before pow.Hash, verdicts []pow.Verdict) {
	for i := range hashes {
		if parent(records[i*pow.HeaderSize:]) != before {
			verdicts[i] |= pow.BadLink
		}
		before = hashes[i]
	}
}

// parent returns the hash that a record names as its parent.
func parent(record []byte) pow.Hash { return pow.Hash(record[offPrev : offPrev+32]) }
