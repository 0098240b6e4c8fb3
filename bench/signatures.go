package bench

import (
	"context"
	"crypto/ed25519"
	"math/rand/v2"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"stele/kernels/sig"
)

const (
	signatureCount = 1 << 12
	knownKeys      = 1 << 8 // of the mode SignaturesKnown

	// The last mixedCount signatures of a list are of all kinds: every second one is
	// bad, and some of the others are good only by the rules of ZIP-215. All before
	// them are good, as nearly all are that a node sees.
	mixedCount = 32

	// signaturePart is the most signatures that are checked together.
	signaturePart = 256
)

// SignatureSet is the list of a mode with signatures. Several workers may share it.
type SignatureSet struct {
	items    []sig.Item // with tables if the keys are known
	expanded []*voi.ExpandedPublicKey
}

// MakeSignatureSet returns the list of [SignaturesNew] or [SignaturesKnown], which is
// the same for every call. The messages are random bytes, 120 to 247 of them. In the
// first list each signature has a key of its own. The second has a few hundred keys, of
// which voi's expanded forms are made ahead, and with a kernel also tables.
func MakeSignatureSet(mode Mode) *SignatureSet {
	keys := signatureCount
	if mode == SignaturesKnown {
		keys = knownKeys
	}
	random := rand.NewChaCha8([32]byte([]byte("keys and messages to be checked.")))
	read := func(n int) []byte {
		b := make([]byte, n)
		_, _ = random.Read(b) // never fails
		return b
	}
	private := make([]ed25519.PrivateKey, keys)
	for i := range private {
		private[i] = ed25519.NewKeyFromSeed(read(ed25519.SeedSize))
	}
	s := &SignatureSet{items: make([]sig.Item, signatureCount)}
	for i := range s.items {
		message := read(120 + int(random.Uint64()%128))
		key := private[i%keys]
		public := [32]byte(key.Public().(ed25519.PublicKey))
		signature := [64]byte(ed25519.Sign(key, message))
		s.items[i] = sig.Item{Key: &public, Sig: &signature, Message: message}
	}
	for i := range mixedCount {
		mix(i, &s.items[signatureCount-mixedCount+i])
	}
	if mode == SignaturesKnown {
		s.prepareKeys()
	}
	return s
}

// mix makes the i-th of the mixed signatures what it is.
func mix(i int, item *sig.Item) {
	switch i {
	case 0, 8: // good: neutral element as key and as R, and s = 0
		*item.Key, *item.Sig = [32]byte{1}, [64]byte{1}
	case 2, 10: // good: its other encoding, y = p+1
		*item.Key = [32]byte{0xee}
		for at := 1; at < 31; at++ {
			item.Key[at] = 0xff
		}
		item.Key[31] = 0x7f
		*item.Sig = [64]byte{1}
	}
	if i%2 == 0 {
		return
	}
	switch i / 2 % 5 {
	case 0:
		item.Message[i] ^= 1
	case 1:
		item.Sig[i] ^= 1 // of R
	case 2:
		item.Sig[32] ^= 1 // of s
	case 3: // s + the order of the group
		addOrder((*[32]byte)(item.Sig[32:]))
	case 4:
		*item.Key = [32]byte{2} // y = 2 is of no point
	}
}

// addOrder adds the order of the base point to a number below it, little-endian.
func addOrder(s *[32]byte) {
	order := [32]byte{
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 31: 0x10,
	}
	carry := uint(0)
	for i := range s {
		carry += uint(s[i]) + uint(order[i])
		s[i] = byte(carry)
		carry >>= 8
	}
}

// prepareKeys makes the expanded forms of the keys, and tables if there is a kernel.
func (s *SignatureSet) prepareKeys() {
	var checker *sig.Checker
	if sig.Available() {
		checker = sig.NewChecker()
	}
	type prepared struct {
		expanded *voi.ExpandedPublicKey
		table    *sig.Table
	}
	made := map[[32]byte]prepared{}
	s.expanded = make([]*voi.ExpandedPublicKey, len(s.items))
	for i := range s.items {
		key := s.items[i].Key
		p, have := made[*key]
		if !have {
			// A key that is no point is nil here, and its signatures are bad.
			p.expanded, _ = voi.NewExpandedPublicKey(key[:])
			if checker != nil {
				p.table = new(sig.Table)
				checker.MakeTables([]*sig.Table{p.table}, []*[32]byte{key}, make([]bool, 1))
			}
			made[*key] = p
		}
		s.expanded[i], s.items[i].Table = p.expanded, p.table
	}
}

// signatureChecker is a [Worker] that checks signatures.
type signatureChecker struct {
	threads int
	good    []bool
	check   func(thread, from, to int)
}

// NewSignatureChecker returns the worker of the list with the kernel of package sig,
// which must be available.
func NewSignatureChecker(s *SignatureSet, threads int) Worker[bool] {
	checkers := make([]*sig.Checker, threads)
	for i := range checkers {
		checkers[i] = sig.NewChecker()
	}
	w := &signatureChecker{threads: threads, good: make([]bool, len(s.items))}
	w.check = func(thread, from, to int) { checkers[thread].Check(s.items[from:to], w.good[from:to]) }
	return w
}

// NewReferenceChecker returns the worker of the list with curve25519-voi: batches, and
// the mixed signatures one by one, since a batch with a bad one is checked twice.
func NewReferenceChecker(s *SignatureSet, threads int) Worker[bool] {
	batches := make([]*voi.BatchVerifier, threads)
	for i := range batches {
		batches[i] = voi.NewBatchVerifierWithCapacity(signaturePart)
	}
	w := &signatureChecker{threads: threads, good: make([]bool, len(s.items))}
	w.check = func(thread, from, to int) {
		const mixed = signatureCount - mixedCount
		if from < mixed {
			s.batch(batches[thread], from, min(to, mixed), w.good)
		}
		for i := max(from, mixed); i < to; i++ {
			w.good[i] = s.single(i)
		}
	}
	return w
}

// zip215 are the options of voi for the rules that the kernel follows.
var zip215 = &voi.Options{Verify: voi.VerifyOptionsZIP_215}

// batch sets the verdicts on the signatures from from to to.
func (s *SignatureSet) batch(b *voi.BatchVerifier, from, to int, good []bool) {
	b.Reset()
	for i := from; i < to; i++ {
		item := &s.items[i]
		if s.expanded != nil {
			b.AddExpandedWithOptions(s.expanded[i], item.Message, item.Sig[:], zip215)
		} else {
			b.AddWithOptions(item.Key[:], item.Message, item.Sig[:], zip215)
		}
	}
	_, verdicts := b.Verify(nil)
	copy(good[from:to], verdicts)
}

// single returns the verdict on a signature.
func (s *SignatureSet) single(i int) bool {
	item := &s.items[i]
	if s.expanded != nil {
		return s.expanded[i] != nil && voi.VerifyExpandedWithOptions(s.expanded[i], item.Message, item.Sig[:], zip215)
	}
	return voi.VerifyWithOptions(item.Key[:], item.Message, item.Sig[:], zip215)
}

// Do checks signatures.
func (w *signatureChecker) Do(ctx context.Context, first, count int) error {
	return spread(ctx, w.threads, first, count, signaturePart, w.check)
}

// Answers returns the verdicts.
func (w *signatureChecker) Answers() []bool { return w.good }
