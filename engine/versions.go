package engine

import (
	"cmp"
	"context"
	"encoding/binary"
	"math/bits"
	"slices"

	"stele/engine/pow"
)

// MaxVersions is the number of versions of a header that are searched together.
// SHA-256 hashes a header in two blocks of 64 bytes. The version is in the first,
// so headers that differ only in the version share the message schedule of the
// second. A job with more versions is searched in groups of MaxVersions.
const MaxVersions = 128

// Versions returns the number of versions that the header may have: 2^n for n
// bits in VersionMask.
func (j *Job) Versions() uint64 { return 1 << bits.OnesCount32(j.VersionMask) }

// WithVersion returns the header with version i, from 0 to Versions()-1. Version 0
// is the header itself. The bits of i, lowest first, choose which bits of
// VersionMask are inverted.
func (j *Job) WithVersion(i uint64) [pow.HeaderSize]byte {
	header := j.Header
	setVersion(&header, versionOf(&header)^spread(i, j.VersionMask))
	return header
}

// group returns the job with group n of the versions of j: up to MaxVersions of
// them, from number n*MaxVersions on.
func (j *Job) group(n uint64) Job {
	g := Job{Header: j.WithVersion(n * MaxVersions), Target: j.Target}
	g.VersionMask = spread(MaxVersions-1, j.VersionMask)
	return g
}

// spread deposits the low bits of x at the positions of the bits of mask, as the
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

// The version is in the first four bytes of a header, little-endian.
func versionOf(header *[pow.HeaderSize]byte) uint32     { return binary.LittleEndian.Uint32(header[:]) }
func setVersion(header *[pow.HeaderSize]byte, v uint32) { binary.LittleEndian.PutUint32(header[:], v) }

// VersionScanner is a [Device] that searches [MaxVersions] versions of a header
// faster together than one after the other.
type VersionScanner interface {
	// ScanVersions is Device.Scan for a job with exactly MaxVersions versions:
	// it hashes each of them with every nonce of r. A nonce is finished when all
	// versions are. Early is called as in Device.Scan.
	ScanVersions(ctx context.Context, job *Job, r pow.Range, early func(hits []Candidate)) (VersionsResult, error)
}

// VersionsResult is the result of [VersionScanner.ScanVersions].
type VersionsResult struct {
	Hits []Candidate // in the order of the range; those of one nonce by version
	Done uint64      // nonces finished with all versions, counted from the first of the range
}

// Candidate is a header that a device reported as a hit.
type Candidate struct {
	Nonce   uint32
	Version uint32 // number of the version, as in [Job.WithVersion]
}

// scanned is the work of a device on a piece.
type scanned struct {
	VersionsResult
	hashes uint64
}

// scanVersions searches all versions of a job, at most MaxVersions, on a device:
// together if the device can, otherwise one after the other. In that case either
// all nonces are done or none. Hits that the device reports early are passed on in
// no defined order.
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

// candidates appends candidates with version i.
func candidates(to []Candidate, nonces []uint32, i uint64) []Candidate {
	for _, nonce := range nonces {
		to = append(to, Candidate{nonce, uint32(i)})
	}
	return to
}

// sort orders hits that were found version by version by their places in r.
func (s *scanned) sort(r pow.Range, versions uint64) {
	if versions > 1 {
		slices.SortFunc(s.Hits, func(a, b Candidate) int { return cmp.Compare(a.place(r), b.place(r)) })
	}
}

// place numbers the candidates of a range in the order in which devices report
// them. For a nonce outside the range it is at least r.Count*MaxVersions.
func (c Candidate) place(r pow.Range) uint64 {
	return uint64(c.Nonce-r.First)*MaxVersions + uint64(c.Version)
}
