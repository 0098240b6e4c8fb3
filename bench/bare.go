package bench

import (
	"context"

	"stele/engine"
	"stele/engine/pow"
	"stele/kernels/simd"
)

// BareScan returns a function that calls a SIMD kernel on one thread, without the
// engine, which is measured against it. It ignores the version mask.
func BareScan(k *simd.Kernel) ScanFunc {
	return func(ctx context.Context, job *engine.Job, r pow.Range, found func(nonce, version uint32)) error {
		work := simd.NewJob(&job.Header, job.Target.Bytes())
		var nonces []uint32
		for done := uint64(0); done < r.Count; {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			n := min(r.Count-done, simd.MaxNonces)
			nonces = k.Scan(work, r.First+uint32(done), int(n), nonces[:0])
			for _, nonce := range nonces {
				found(nonce, 0)
			}
			done += n
		}
		return nil
	}
}
