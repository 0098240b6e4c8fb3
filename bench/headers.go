package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"stele/engine/pow"
)

// ErrRejected means that a valid header was reported as invalid.
var ErrRejected = errors.New("a valid header was rejected")

// VerifyFunc checks unlinked headers of 80 bytes each, all of them valid. It returns
// [ErrRejected] if it finds one invalid.
type VerifyFunc func(ctx context.Context, headers []byte, verdicts []pow.Verdict) error

// HeaderSet is the number of headers for a [Batch]: 5 MiB.
const HeaderSet = 1 << 16

// easyBits is the target of regtest: half of all hashes meet it.
const easyBits pow.Bits = 0x207fffff

// MakeHeaders returns n encoded headers, the same for every call. They differ in
// every field, are not linked, and meet the target of their own nBits.
func MakeHeaders(n int) []byte {
	random := rand.NewChaCha8([32]byte([]byte("independent headers to verify...")))
	target, err := easyBits.Target()
	if err != nil {
		panic(err) // a constant
	}
	headers := make([]byte, n*pow.HeaderSize)
	_, _ = random.Read(headers) // never fails
	for i := range n {
		h := (*[pow.HeaderSize]byte)(headers[i*pow.HeaderSize:])
		binary.LittleEndian.PutUint32(h[72:], uint32(easyBits))
		for nonce := binary.LittleEndian.Uint32(h[76:]); !target.MetBy(pow.Sum(h[:])); nonce++ {
			pow.SetNonce(h, nonce+1)
		}
	}
	return headers
}

// Batch is the [Workload] of a verification: it verifies a set of headers in memory
// again and again.
type Batch struct {
	verify   VerifyFunc
	headers  []byte
	verdicts []pow.Verdict
	at       int // header
}

// NewBatch returns a workload on headers of [MakeHeaders]. Several batches may share
// them.
func NewBatch(verify VerifyFunc, headers []byte) *Batch {
	return &Batch{verify: verify, headers: headers, verdicts: make([]pow.Verdict, len(headers)/pow.HeaderSize)}
}

// Begin does nothing.
func (b *Batch) Begin(uint64) {}

// Run verifies the next headers, in calls of at most the whole set.
func (b *Batch) Run(ctx context.Context, items uint64) error {
	for items > 0 {
		n := int(min(items, uint64(len(b.verdicts)-b.at)))
		part := b.headers[b.at*pow.HeaderSize : (b.at+n)*pow.HeaderSize]
		if err := b.verify(ctx, part, b.verdicts[:n]); err != nil {
			return fmt.Errorf("headers %d to %d: %w", b.at, b.at+n-1, err)
		}
		b.at = (b.at + n) % len(b.verdicts)
		items -= uint64(n)
	}
	return nil
}
