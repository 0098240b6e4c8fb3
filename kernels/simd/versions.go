package simd

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"stele/kernels/internal/prep"
)

const (
	// MaxVersions is the maximal number of versions of a [VersionJob].
	MaxVersions = 128

	versionOffset = 0  // of the version in an encoded header
	nonceGroup    = 16 // nonces per word of the candidates of a search of versions
)

// VersionJob is a header in several versions and a target, prepared for
// [Kernel.ScanVersions]. Safe for concurrent use.
type VersionJob struct {
	prep     *prep.VersionJob
	header   [headerSize]byte
	versions []uint32
	target   [32]byte
}

// VersionHit is a nonce and a version with which a header's hash meets the target.
type VersionHit struct {
	Nonce   uint32
	Version uint32 // index into the versions of the job
}

// NewVersionJob prepares the search for nonces with which the hash of header with one of
// versions is at most target, as [NewJob] does for one. The header's own version is
// ignored. It panics if the number of versions is not 1 to [MaxVersions].
func NewVersionJob(header *[80]byte, versions []uint32, target [32]byte) *VersionJob {
	if len(versions) == 0 || len(versions) > MaxVersions {
		panic(fmt.Sprintf("simd: search of %d versions, 1 to %d are allowed", len(versions), MaxVersions))
	}
	return &VersionJob{prep.NewVersions(header, versions, topOf(target)), *header, slices.Clone(versions), target}
}

// SharesVersions reports whether the kernel has a loop of its own for ScanVersions, in
// which the versions share a part of the work. Without it ScanVersions searches one
// version after the other, which is slower than Scan.
func (k *Kernel) SharesVersions() bool { return k.versions != nil }

// ScanVersions tests count nonces from first on, where 0 follows 2^32-1, with each
// version of the job. It appends every hit to hits, in the order of the range and those
// of one nonce by version, and returns the result. It panics if count is not 0 to
// [MaxNonces] divided by the number of versions.
func (k *Kernel) ScanVersions(job *VersionJob, first uint32, count int, hits []VersionHit) []VersionHit {
	n := len(job.versions)
	if count < 0 || count > MaxNonces/n {
		panic(fmt.Sprintf("simd: scan of %d nonces with %d versions in one call, at most %d are allowed", count, n, MaxNonces/n))
	}
	buffer := versionMasks.Get().(*[maxMasks]uint16)
	defer versionMasks.Put(buffer)
	masks := buffer[:(count+nonceGroup-1)/nonceGroup*n]
	k.searchVersions(job.prep, first, masks)
	for done := 0; done < count; done += nonceGroup {
		row := masks[:n]
		masks = masks[n:]
		any := uint16(0)
		for _, mask := range row {
			any |= mask
		}
		if rest := count - done; rest < nonceGroup {
			any &= 1<<rest - 1
		}
		for ; any != 0; any &= any - 1 {
			i := bits.TrailingZeros16(any)
			hits = job.hits(first+uint32(done+i), row, i, hits)
		}
	}
	return hits
}

// maxMasks is the maximal number of masks of a search: one for each version and 16
// nonces, the last of which may be left over.
const maxMasks = MaxNonces/nonceGroup + MaxVersions

// versionMasks is the pool of the candidates of ScanVersions, as bitmaps is for Scan.
var versionMasks = sync.Pool{New: func() any { return new([maxMasks]uint16) }}

// hits appends those versions with bit i in their mask whose whole hash with this nonce
// meets the target.
func (j *VersionJob) hits(nonce uint32, masks []uint16, i int, hits []VersionHit) []VersionHit {
	for v, mask := range masks {
		if mask>>i&1 != 0 && j.meets(nonce, v) {
			hits = append(hits, VersionHit{nonce, uint32(v)})
		}
	}
	return hits
}

// meets reports whether the whole hash with this nonce and version meets the target.
func (j *VersionJob) meets(nonce uint32, version int) bool {
	header := j.header
	binary.LittleEndian.PutUint32(header[versionOffset:], j.versions[version])
	setNonce(&header, nonce)
	hash := doubleSum(header[:])
	return meets(&hash, &j.target)
}

// searchVersions is pure.SearchVersions, by the loop for versions or else by the search
// of each version.
func (k *Kernel) searchVersions(job *prep.VersionJob, first uint32, masks []uint16) {
	if k.versions != nil {
		k.versions(job, first, masks)
		return
	}
	jobs := job.Jobs()
	bitmap := bitmaps.Get().(*[MaxNonces / group]uint64)
	defer bitmaps.Put(bitmap)
	groups := len(masks) / len(jobs)
	const inWord = group / nonceGroup
	candidates := bitmap[:(groups+inWord-1)/inWord]
	for v := range jobs {
		k.search(&jobs[v], first, candidates)
		for g := range groups {
			masks[g*len(jobs)+v] = uint16(candidates[g/inWord] >> (g % inWord * nonceGroup))
		}
	}
}
