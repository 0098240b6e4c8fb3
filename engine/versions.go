package engine

import (
	"cmp"
	"context"
	"encoding/binary"
	"math/bits"
	"slices"

	"stele/engine/pow"
)

// MaxVersions is how many versions of a header are searched at once. The hash
// of a header has two blocks of 64 bytes; the version is in the first, so that
// headers which differ in nothing else share the message schedule of the
// second. A job with more versions is searched in groups of so many.
const MaxVersions = 128

// Versions returns how many versions the header may have: 2^n for n bits in
// VersionMask.
func (j *Job) Versions() uint64 { return 1 << bits.OnesCount32(j.VersionMask) }

// WithVersion returns the header with its version number i, of those from 0 to
// Versions()-1. Number 0 is the header as it is; in the others the bits of
// VersionMask differ from it as the bits of i say, the lowest first.
func (j *Job) WithVersion(i uint64) [pow.HeaderSize]byte {
	header := j.Header
	setVersion(&header, versionOf(&header)^spread(i, j.VersionMask))
	return header
}

// group returns the job that has those versions of j whose numbers begin with
// n*MaxVersions.
func (j *Job) group(n uint64) Job {
	g := Job{Header: j.WithVersion(n * MaxVersions), Target: j.Target}
	g.VersionMask = spread(MaxVersions-1, j.VersionMask)
	return g
}

// spread puts the low bits of x into the places of the bits of mask, as the
// instruction PDEP does.
func spread(x uint64, mask uint32) (y uint32) {
	for ; mask != 0; mask &= mask - 1 {
		if x&1 != 0 {
			y |= mask & -mask
		}
		x >>= 1
	}
	return y
}

// The version stands in the first four bytes of a header, little-endian.
func versionOf(header *[pow.HeaderSize]byte) uint32     { return binary.LittleEndian.Uint32(header[:]) }
func setVersion(header *[pow.HeaderSize]byte, v uint32) { binary.LittleEndian.PutUint32(header[:], v) }

// VersionScanner is a Device that searches [MaxVersions] versions of a header
// faster together than one after the other.
type VersionScanner interface {
	// ScanVersions is Device.Scan for a job with exactly MaxVersions versions:
	// it hashes each of them with every nonce of r. A nonce counts as finished
	// when all versions are. Early is as there.
	ScanVersions(ctx context.Context, job *Job, r pow.Range, early func(hits []Candidate)) (VersionsResult, error)
}

// VersionsResult is what VersionScanner.ScanVersions found.
type VersionsResult struct {
	Hits []Candidate // in the order of the range; those of a nonce by their versions
	Done uint64      // nonces finished with all versions, counted from the first of the range
}

// Candidate is a header that a device found: a nonce, and the number of a
// version as [Job.WithVersion] counts them.
type Candidate struct {
	Nonce   uint32
	Version uint32
}

// scanned is what a device did of a piece.
type scanned struct {
	VersionsResult
	hashes uint64
}

// scanVersions searches all versions of a job, which has at most MaxVersions,
// on a device: together if it can do that, otherwise one after the other. Then
// either all nonces are done or none. Hits are also told early where the device
// does that, in no certain order.
func scanVersions(ctx context.Context, d Device, job *Job, r pow.Range, early func([]Candidate)) (scanned, error) {
	versions := job.Versions()
	if s, ok := d.(VersionScanner); ok && versions == MaxVersions {
		got, err := s.ScanVersions(ctx, job, r, early)
		return scanned{got, min(got.Done, r.Count) * versions}, err
	}
	var all scanned
	for i := range versions {
		one := Job{Header: job.WithVersion(i), Target: job.Target}
		got, err := d.Scan(ctx, &one, r, func(nonces []uint32) {
			early(candidates(nil, nonces, i))
		})
		all.hashes += min(got.Done, r.Count)
		all.Hits = candidates(all.Hits, got.Nonces, i)
		if versions == 1 || got.Done > r.Count {
			all.Done = got.Done
		}
		if err != nil || got.Done != r.Count {
			all.sort(r, versions)
			return all, err
		}
	}
	all.Done = r.Count
	all.sort(r, versions)
	return all, nil
}

// candidates appends those with the version number i.
func candidates(to []Candidate, nonces []uint32, i uint64) []Candidate {
	for _, nonce := range nonces {
		to = append(to, Candidate{nonce, uint32(i)})
	}
	return to
}

// sort puts hits that were found version after version in the order of the range.
func (s *scanned) sort(r pow.Range, versions uint64) {
	if versions > 1 {
		slices.SortFunc(s.Hits, func(a, b Candidate) int { return cmp.Compare(a.place(r), b.place(r)) })
	}
}

// place numbers the candidates of a range in the order in which they are told.
// It is of no use for nonces outside the range.
func (c Candidate) place(r pow.Range) uint64 {
	return uint64(c.Nonce-r.First)*MaxVersions + uint64(c.Version)
}
