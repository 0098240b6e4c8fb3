package cpu

import (
	"context"
	"encoding/binary"
	"fmt"

	"stele/engine"
	"stele/engine/pow"
	"stele/kernels/simd"
)

// versionsDevice is a device with a kernel that searches the versions of a header together.
// It implements engine.VersionScanner.
type versionsDevice struct {
	*device
	versions *simd.Kernel
}

// engine.MaxVersions and simd.MaxVersions are equal: this fails to compile otherwise.
const _ = uint(simd.MaxVersions-engine.MaxVersions) + uint(engine.MaxVersions-simd.MaxVersions)

// ScanVersions implements engine.VersionScanner.
func (d *versionsDevice) ScanVersions(ctx context.Context, job *engine.Job, r pow.Range, early func([]engine.Candidate)) (engine.VersionsResult, error) {
	var res engine.VersionsResult
	if n := job.Versions(); n != engine.MaxVersions {
		return res, fmt.Errorf("cpu: the job has %d versions, must have %d", n, engine.MaxVersions)
	}
	work := simd.NewVersionJob(&job.Header, versions(job), job.Target.Bytes())
	var hits []simd.VersionHit
	for res.Done < r.Count {
		if err := ctx.Err(); err != nil {
			return res, err
		}
		n := min(r.Count-res.Done, simd.MaxNonces/engine.MaxVersions)
		hits = d.versions.ScanVersions(work, r.First+uint32(res.Done), int(n), hits[:0])
		known := len(res.Hits)
		for _, h := range hits {
			res.Hits = append(res.Hits, engine.Candidate(h))
		}
		res.Done += n
		if early != nil && len(hits) > 0 {
			early(res.Hits[known:])
		}
	}
	return res, nil
}

// versions returns the versions of a job, by number.
func versions(job *engine.Job) []uint32 {
	all := make([]uint32, job.Versions())
	for i := range all {
		header := job.WithVersion(uint64(i))
		all[i] = binary.LittleEndian.Uint32(header[:])
	}
	return all
}
