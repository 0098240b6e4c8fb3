package endtoend

import (
	"encoding/binary"
	"strconv"

	"stele/engine/pow"
	"stele/engine/stratum"
)

const (
	extranonceSize = 8          // of extranonce2, in bytes
	branchLength   = 12         // hashes, as a full block of Bitcoin has
	maxTimeAhead   = 7200       // seconds that a share may be dated after its job
	networkBits    = 0x1703a30c // no share is a block
)

var extranonce1 = []byte{0x5e, 0x1e, 0xbe, 0x0c}

// referee judges shares. It is pure; the caller has the lock.
type referee struct {
	mask   uint32 // bits of the version that the miner may roll
	job    stratum.Notify
	target pow.Target
	seen   map[pow.Hash]bool // accepted shares of the job
}

// makeJob returns job number n: a new block with every job. The number is in the parent's
// hash, see [jobNumber].
func makeJob(n uint64, time uint32) stratum.Notify {
	j := stratum.Notify{
		JobID: jobID(n), Version: 0x20000000, Bits: networkBits, Time: time, Clean: true,
		Prev: pow.Sum([]byte("parent")),
		// A coinbase with one input, whose script is a height and the extranonces, and
		// one output.
		Coinbase1: append([]byte{1, 0, 0, 0, 1}, make([]byte, 32)...),
		Coinbase2: []byte{0xff, 0xff, 0xff, 0xff, 1, 0, 0xf2, 5, 0x2a, 1, 0, 0, 0, 1, 0x51, 0, 0, 0, 0},
	}
	binary.LittleEndian.PutUint64(j.Prev[:], n)
	script := 4 + len(extranonce1) + extranonceSize
	height := uint32(800_000 + n%100_000)
	j.Coinbase1 = append(j.Coinbase1, 0xff, 0xff, 0xff, 0xff, byte(script), 3, byte(height), byte(height>>8), byte(height>>16))
	for i := range branchLength {
		j.Branch = append(j.Branch, pow.Sum([]byte{byte(i)}))
	}
	return j
}

// jobID returns the name of job number n.
func jobID(n uint64) string { return strconv.FormatUint(n, 10) }

// jobNumber returns the number of the job that a header was made of.
func jobNumber(header *[pow.HeaderSize]byte) uint64 {
	const prev = 4 // offset of the parent's hash
	return binary.LittleEndian.Uint64(header[prev:])
}

// begin makes a job the only one for which shares are accepted.
func (r *referee) begin(j stratum.Notify, target pow.Target) {
	r.job, r.target, r.seen = j, target, map[pow.Hash]bool{}
}

// judge decides about a share. Code 0 accepts it; otherwise the code and the text are
// those of Stratum's answer.
func (r *referee) judge(s stratum.Submit) (code int, text string) {
	switch {
	case s.JobID != r.job.JobID:
		return stratum.CodeStale, "the job is out of date"
	case len(s.Extranonce2) != extranonceSize:
		return stratum.CodeOther, "wrong size of the extranonce2"
	case s.Rolled != (r.mask != 0) || s.VersionBits&^r.mask != 0:
		return stratum.CodeOther, "version bits outside the mask"
	case s.Time < r.job.Time || s.Time-r.job.Time > maxTimeAhead:
		return stratum.CodeOther, "the time is out of range"
	}
	version := r.job.Version&^r.mask | s.VersionBits
	header := r.job.Header(extranonce1, s.Extranonce2, s.Time, version)
	header.Nonce = s.Nonce
	encoded := header.Encode()
	hash := pow.Sum(encoded[:])
	switch {
	case !r.target.MetBy(hash):
		return stratum.CodeLowDifficulty, "the hash is above the target"
	case r.seen[hash]:
		return stratum.CodeDuplicate, "the share was submitted before"
	}
	r.seen[hash] = true
	return 0, ""
}
