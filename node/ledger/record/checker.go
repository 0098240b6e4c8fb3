package record

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"stele/kernels/sig"
)

// signedItem is the reference: [Key.Signed] for an item.
func signedItem(i *sig.Item) bool { return Key(*i.Key).Signed(i.Message, *i.Sig) }

// expandedSize is the size of a voi.ExpandedPublicKey in bytes, with its tables.
const expandedSize = 1536

// batch checks signatures by one equation over all of them, and each alone if that does
// not hold. A bad one passes with probability 2^-128. Not safe for concurrent use.
type batch struct {
	keys  *keyCache[*voi.ExpandedPublicKey]
	batch *voi.BatchVerifier
}

func newBatch(keys *keyCache[*voi.ExpandedPublicKey]) *batch {
	return &batch{keys: keys, batch: voi.NewBatchVerifier()}
}

// check sets good[i] to whether the signature of items[i] is good.
func (b *batch) check(items []sig.Item, good []bool) {
	b.batch.Reset()
	for i := range items {
		// A key that is no point is nil here, and the signature is bad.
		b.batch.AddExpandedWithOptions(b.expand((*Key)(items[i].Key)), items[i].Message, items[i].Sig[:], zip215)
	}
	_, verdicts := b.batch.Verify(nil)
	copy(good, verdicts)
}

// expand returns the form of a key that is faster to verify with, or nil if the
// key is no point of the curve.
func (b *batch) expand(k *Key) *voi.ExpandedPublicKey {
	if expanded, ok := b.keys.get(k); ok {
		return expanded
	}
	expanded, err := voi.NewExpandedPublicKey(k[:])
	if err != nil {
		return nil
	}
	b.keys.put(*k, expanded)
	return expanded
}

// kernel is what a Verifier uses of a [sig.Checker].
type kernel interface {
	Check(items []sig.Item, good []bool)
	MakeTables(tables []*sig.Table, keys []*[32]byte, ok []bool)
}

// kernels is where a Verifier has its kernels from, and how it watches them.
type kernels struct {
	preferred func() bool
	make      func() kernel
	disable   func() // from now on none is preferred
	sampling  uint32 // one of so many groups of accepted signatures is checked again
}

// sigKernels are the kernels of package sig.
var sigKernels = kernels{
	preferred: sig.Preferred,
	make:      func() kernel { return sig.NewChecker() },
	disable:   sig.Disable,
	sampling:  1024,
}

// groupItems is the number of signatures that are checked again together: the lanes of
// the kernel.
const groupItems = 8

// disputed returns the index of an item on which the reference differs from the verdict,
// or -1. It looks at all that are bad, so that nothing is rejected without its consent,
// and at some groups of the good ones.
func (k *kernels) disputed(items []sig.Item, good []bool) int {
	for from := 0; from < len(items); from += groupItems {
		sampled := rand.Uint32N(k.sampling) == 0
		for i := from; i < min(from+groupItems, len(items)); i++ {
			if (sampled || !good[i]) && signedItem(&items[i]) != good[i] {
				return i
			}
		}
	}
	return -1
}

// Disagreement is the error about a signature on which the kernel and the reference
// differ.
type Disagreement struct {
	Key       Key
	Signature Signature
	Message   []byte
	Accepted  bool // by the kernel, not by the reference; or the other way round
}

func newDisagreement(i *sig.Item, accepted bool) *Disagreement {
	return &Disagreement{Key(*i.Key), Signature(*i.Sig), bytes.Clone(i.Message), accepted}
}

// maxMessageText is how many bytes of a message the text of a Disagreement has.
const maxMessageText = 1024

func (d *Disagreement) Error() string {
	by, not := "the kernel", "the reference"
	if !d.Accepted {
		by, not = not, by
	}
	rest := ""
	if len(d.Message) > maxMessageText {
		rest = fmt.Sprintf("... (%d bytes)", len(d.Message))
	}
	return fmt.Sprintf("%s accepts a signature that %s rejects: key %x, signature %x, message %x%s",
		by, not, d.Key[:], d.Signature[:], d.Message[:min(len(d.Message), maxMessageText)], rest)
}
