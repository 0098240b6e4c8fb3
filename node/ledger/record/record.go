package record

import (
	"iter"
	"slices"

	"stele/engine/pow"
	"stele/node/ledger/reject"
)

// ID identifies what a record says: the double SHA-256 of its body.
type ID = pow.Hash

// MaxSize is the maximum length of an encoded record, in bytes.
const MaxSize = 16384

// Record is the frame of every record, with its payload. The package comment says
// when it may be modified.
type Record struct {
	Network    uint32 // id of the network for which it is signed
	Version    uint8  // of the payload: its type's Version
	Seq        uint64 // of the author's records: 0, 1, 2 and so on without gaps
	ValidUntil uint32 // height of the last block that may hold it
	Fee        Amount // paid by the author
	Key        Key    // the author, who signs first; of a COINBASE who is paid
	Payload    Payload
	Signatures []Signature // the author's, then those of Payload.CoSigners; none for a COINBASE

	raw      []byte // the encoding; nil if the record is not sealed
	id       ID
	fullHash pow.Hash
}

// New returns a copy of r that keeps its encoding and hashes. If r has no
// signatures the copy has zeros in their place. New does not check r: a record
// without payload, or one that is too long, is rejected by [Record.Check].
func New(r Record) *Record {
	s := &Record{
		Network: r.Network, Version: r.Version, Seq: r.Seq, ValidUntil: r.ValidUntil,
		Fee: r.Fee, Key: r.Key, Payload: r.Payload,
		Signatures: slices.Clone(r.Signatures),
	}
	if len(s.Signatures) == 0 {
		s.Signatures = make([]Signature, signatureCount(r.Payload))
	}
	s.seal(appendRecord(nil, s))
	return s
}

// sealed returns r if it keeps its encoding, or a copy that does.
func (r *Record) sealed() *Record {
	if r.raw != nil {
		return r
	}
	s := *r
	s.seal(appendRecord(nil, r))
	return &s
}

// Type returns the type of the payload, 0 if there is none.
func (r *Record) Type() Type {
	if r.Payload == nil {
		return 0
	}
	return r.Payload.Type()
}

// Encode returns the full encoding. It must not be modified.
func (r *Record) Encode() []byte { return r.sealed().raw }

// Body returns the encoding without the signatures. It must not be modified.
func (r *Record) Body() []byte { return bodyOf(r.Encode()) }

// Size returns the length of the full encoding in bytes.
func (r *Record) Size() int { return len(r.Encode()) }

// ID returns the double SHA-256 of the body.
func (r *Record) ID() ID { return r.sealed().id }

// FullHash returns the double SHA-256 of the full encoding: it identifies the
// record with its signatures.
func (r *Record) FullHash() pow.Hash { return r.sealed().fullHash }

// Signers returns who has to sign: the author, then the payload's co-signers.
// It is nil for a COINBASE.
func (r *Record) Signers() []Key { return r.appendSigners(nil) }

func (r *Record) appendSigners(to []Key) []Key {
	if signatureCount(r.Payload) == 0 {
		return to
	}
	return append(append(to, r.Key), r.Payload.CoSigners()...)
}

// signatureCount returns how many signatures a record with payload p has.
func signatureCount(p Payload) int {
	if p == nil || p.Type() == TypeCoinbase {
		return 0
	}
	return 1 + len(p.CoSigners())
}

// Check applies all rules that need only the record, except the signatures
// themselves ([Record.Verify]), and returns the first error of
// [Record.Faults].
func (r *Record) Check(network uint32) error {
	for err := range r.Faults(network) {
		return err
	}
	return nil
}

// Faults returns a [reject.Error] for each rule of Check that the record breaks.
// Network is the id of the network that it should belong to.
func (r *Record) Faults(network uint32) iter.Seq[error] {
	return func(yield func(error) bool) {
		for _, rule := range [...]func(r *Record, network uint32) error{
			checkNetwork, checkType, checkSize, checkFee, checkSignatureCount, checkPayload, checkOwn, checkSigners,
		} {
			if err := rule(r, network); err != nil && !yield(err) {
				return
			}
		}
	}
}

func checkNetwork(r *Record, network uint32) error {
	if r.Network != network {
		return reject.New(reject.WrongNetwork, "the record is for network %08x, this is %08x", r.Network, network)
	}
	return nil
}

func checkType(r *Record, _ uint32) error { return knownType(r.Type(), r.Version) }

func checkSize(r *Record, _ uint32) error {
	switch {
	case len(r.Body()) == ambiguousSize:
		return ambiguous()
	case r.Size() > MaxSize:
		return tooLarge(r.Size())
	}
	return nil
}

func checkFee(r *Record, _ uint32) error { return checkAmount("fee", r.Fee, 0) }

func checkSignatureCount(r *Record, _ uint32) error {
	if want := signatureCount(r.Payload); len(r.Signatures) != want {
		return wrongSignatureCount(len(r.Signatures), want)
	}
	return nil
}

// checkSigners rejects keys that do not stand for one signer each.
func checkSigners(r *Record, _ uint32) error {
	var room [4]Key
	signers := r.appendSigners(room[:0])
	for i, k := range signers {
		if k.Weak() {
			return reject.New(reject.WeakKey, "the key %v of signer %d is a point of small order, for which anybody can sign", k, i+1)
		}
		if first := slices.Index(signers[:i], k); first >= 0 {
			return reject.New(reject.DuplicateSigner, "signers %d and %d have the same key %v", first+1, i+1, k)
		}
	}
	return nil
}

func checkPayload(r *Record, _ uint32) error {
	if r.Payload == nil {
		return nil // checkType reports it
	}
	return r.Payload.Check()
}

// checkOwn checks the rules of a type that need the frame too.
func checkOwn(r *Record, _ uint32) error {
	if p, ok := r.Payload.(frameChecker); ok {
		return p.checkFrame(r)
	}
	return nil
}

// checkAmount rejects amounts below a minimum or above [MaxAmount].
func checkAmount(what string, a, least Amount) error {
	switch {
	case a < least:
		return reject.New(reject.AmountOutOfRange, "%s %v, want at least %v", what, a, least)
	case a > MaxAmount:
		return reject.New(reject.AmountOutOfRange, "%s %v is above the greatest amount, %v", what, a, MaxAmount)
	}
	return nil
}
