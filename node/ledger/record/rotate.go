package record

import (
	"stele/node/ledger/reject"

	"stele/node/ledger/fields"
)

// KeyRotate puts a new key in the author's place. Both sign.
//
// Encoding: new 32.
type KeyRotate struct {
	New Key `json:"new"`
}

// Type returns [TypeKeyRotate].
func (KeyRotate) Type() Type { return TypeKeyRotate }

// Append appends the encoding.
func (p KeyRotate) Append(b []byte) []byte { return append(b, p.New[:]...) }

func decodeKeyRotate(f *fields.Coder) Payload {
	var p KeyRotate
	fields.Hash(f, &p.New)
	return p
}

// CoSigners returns the new key, so that nobody rotates to a key that nobody
// holds.
func (p KeyRotate) CoSigners() []Key { return []Key{p.New} }

// Check has nothing to check.
func (KeyRotate) Check() error { return nil }

// checkFrame rejects a rotation to oneself.
func (p KeyRotate) checkFrame(r *Record) error {
	if p.New == r.Key {
		return reject.New(reject.SelfRotation, "the author %v rotates to itself", r.Key)
	}
	return nil
}
