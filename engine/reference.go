package engine

import (
	"context"
	"runtime"

	"stele/engine/pow"
)

// Reference returns the device with the ID "reference": the plain code of
// package pow on all CPU threads. It is slow, and correct by definition.
func Reference() Device { return reference{} }

type reference struct{}

func (reference) Info() Info {
	return Info{
		ID:           "reference",
		Kind:         "reference",
		Name:         "plain Go",
		Lanes:        runtime.GOMAXPROCS(0),
		Threads:      runtime.GOMAXPROCS(0),
		Features:     []string{},
		Kernels:      []KernelInfo{{Name: "reference", Available: true}},
		SearchKernel: "reference",
		VerifyKernel: "reference",
	}
}

func (reference) Scan(ctx context.Context, job *Job, r pow.Range, early func([]uint32)) (ScanResult, error) {
	const step = 1 << 12 // nonces between two checks of ctx
	var res ScanResult
	for res.Done < r.Count {
		if ctx.Err() != nil {
			return res, ctx.Err()
		}
		part := pow.Range{First: r.First + uint32(res.Done), Count: min(step, r.Count-res.Done)}
		known := len(res.Nonces)
		pow.Search(&job.Header, job.Target, part, func(nonce uint32) {
			res.Nonces = append(res.Nonces, nonce)
		})
		res.Done += part.Count
		if early != nil && len(res.Nonces) > known {
			early(res.Nonces[known:])
		}
	}
	return res, nil
}

// Verify ignores ctx, because the engine passes it few headers at a time.
func (reference) Verify(_ context.Context, headers []byte, linked bool, verdicts []pow.Verdict) error {
	pow.Verify(headers, linked, verdicts)
	return nil
}

func (reference) Close() error { return nil }
