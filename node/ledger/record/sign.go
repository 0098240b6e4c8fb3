package record

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"stele/node/ledger/reject"
)

// signingPrefix keeps signatures of records apart from all others.
const signingPrefix = "aftersales/tx/v1"

// SigningMessage returns what is signed: "aftersales/tx/v1", the network id as
// u32, and the body.
func (r *Record) SigningMessage() []byte {
	return appendSigningMessage(make([]byte, 0, len(signingPrefix)+4+len(r.Body())), r)
}

func appendSigningMessage(b []byte, r *Record) []byte {
	b = append(b, signingPrefix...)
	b = binary.LittleEndian.AppendUint32(b, r.Network)
	return append(b, r.Body()...)
}

// Sign returns r with the signatures of those signers whose keys are given. The
// other signatures stay as they are, so that several parties can sign one after
// the other. Keys that are not of signers are ignored, but one must be. The
// error is a [reject.Error] only if r has a wrong number of signatures.
func Sign(r *Record, keys ...PrivateKey) (*Record, error) {
	signers := r.Signers()
	if signers == nil {
		return nil, fmt.Errorf("sign: a %v has no signature", r.Type())
	}
	signed := *r
	signed.Signatures = slices.Clone(r.Signatures)
	if len(signed.Signatures) == 0 {
		signed.Signatures = make([]Signature, len(signers))
	}
	if len(signed.Signatures) != len(signers) {
		return nil, wrongSignatureCount(len(r.Signatures), len(signers))
	}
	message, found := r.SigningMessage(), false
	for _, key := range keys {
		if len(key) != ed25519.PrivateKeySize {
			return nil, fmt.Errorf("sign: a private key of %d bytes, want %d", len(key), ed25519.PrivateKeySize)
		}
		if i := slices.Index(signers, PublicOf(key)); i >= 0 {
			signed.Signatures[i], found = Signature(ed25519.Sign(key, message)), true
		}
	}
	if !found {
		return nil, errors.New("sign: no key of a signer of this record")
	}
	return New(signed), nil
}

// zip215 are the rules for which signatures are valid: the same alone and in a
// batch, and the same in every program. See https://zips.z.cash/zip-0215.
var zip215 = &voi.Options{Verify: voi.VerifyOptionsZIP_215}

// Verify checks all signatures, one after the other, and returns the first
// error of [Record.SignatureFaults]. For many records use a [Verifier].
func (r *Record) Verify() error {
	for err := range r.SignatureFaults() {
		return err
	}
	return nil
}

// SignatureFaults returns an error for each signature that is not valid.
// Reasons: [reject.BadSignature], [reject.SignatureCount]. A COINBASE has no
// signatures and no faults.
func (r *Record) SignatureFaults() iter.Seq[error] {
	return func(yield func(error) bool) {
		signers := r.Signers()
		if len(r.Signatures) != len(signers) {
			yield(wrongSignatureCount(len(r.Signatures), len(signers)))
			return
		}
		if len(signers) == 0 {
			return
		}
		message := r.SigningMessage()
		for i, key := range signers {
			if !key.Signed(message, r.Signatures[i]) && !yield(badSignature(r, i, key)) {
				return
			}
		}
	}
}

// Signed reports whether s is a signature by k over message, by the rules of
// ZIP-215.
func (k Key) Signed(message []byte, s Signature) bool {
	return voi.VerifyWithOptions(k[:], message, s[:], zip215)
}

func badSignature(r *Record, i int, key Key) error {
	if r.Signatures[i] == (Signature{}) {
		return reject.New(reject.BadSignature, "signature %d of %d, by %v, is missing", i+1, len(r.Signatures), key)
	}
	return reject.New(reject.BadSignature, "signature %d of %d is not by %v over this record", i+1, len(r.Signatures), key)
}
