package bench

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"stele/engine"
	"stele/engine/pow"
)

// ReferenceScan is the [ScanFunc] of the reference: two calls of crypto/sha256 for
// every nonce of every version.
func ReferenceScan(ctx context.Context, job *engine.Job, r pow.Range, found func(nonce, version uint32)) error {
	for version := range job.Versions() {
		header := job.WithVersion(version)
		for i := range r.Count {
			if i%(1<<12) == 0 && ctx.Err() != nil {
				return context.Cause(ctx)
			}
			nonce := r.First + uint32(i)
			pow.SetNonce(&header, nonce)
			if job.Target.MetBy(standardSum(header[:])) {
				found(nonce, uint32(version))
			}
		}
	}
	return nil
}

// ReferenceVerify is the [VerifyFunc] of the reference: two calls of crypto/sha256
// for every header, and the comparison with the target of its nBits.
func ReferenceVerify(ctx context.Context, headers []byte, verdicts []pow.Verdict) error {
	for i := range verdicts {
		if i%(1<<12) == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		h := headers[i*pow.HeaderSize : (i+1)*pow.HeaderSize]
		target, err := pow.Bits(binary.LittleEndian.Uint32(h[72:])).Target()
		if err != nil || !target.MetBy(standardSum(h)) {
			return ErrRejected
		}
		verdicts[i] = pow.Valid
	}
	return nil
}

// standardSum returns SHA-256(SHA-256(b)) by the standard library.
func standardSum(b []byte) pow.Hash {
	first := sha256.Sum256(b)
	return sha256.Sum256(first[:])
}
