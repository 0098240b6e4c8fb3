package recipient

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/hex"
	"fmt"

	"github.com/minio/sha256-simd"

	"stele/node/ledger/record"
)

// kem is X25519 with HKDF-SHA256 (RFC 9180, KEM 0x0020).
func kem() hpke.KEM { return hpke.DHKEM(ecdh.X25519()) }

// PrivateKey opens the blobs that are sealed to a carrier.
type PrivateKey struct{ key hpke.PrivateKey }

// PublicKey seals blobs to a carrier.
type PublicKey struct{ key hpke.PublicKey }

// DeriveKey returns the key for blobs that belongs to a carrier's record key,
// so that a carrier has one secret to keep. Neither key reveals anything about the
// other.
func DeriveKey(record ed25519.PrivateKey) (PrivateKey, error) {
	if len(record) != ed25519.PrivateKeySize {
		return PrivateKey{}, fmt.Errorf("%w: a record key has %d bytes, not %d", ErrKey, ed25519.PrivateKeySize, len(record))
	}
	seed := sha256.Sum256(append([]byte("stele/recipient/key/v1"), record.Seed()...))
	key, err := kem().DeriveKeyPair(seed[:])
	if err != nil {
		return PrivateKey{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return PrivateKey{key}, nil
}

// Public returns the key that others seal with.
func (k PrivateKey) Public() PublicKey { return PublicKey{k.key.PublicKey()} }

// String does not reveal the key.
func (k PrivateKey) String() string { return "private key" }

// GoString is String.
func (k PrivateKey) GoString() string { return k.String() }

// ParsePublicKey reads the 32 bytes of an X25519 key (RFC 7748).
func ParsePublicKey(b []byte) (PublicKey, error) {
	key, err := kem().NewPublicKey(b)
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	return PublicKey{key}, nil
}

// Bytes returns the 32 bytes of the X25519 key.
func (k PublicKey) Bytes() []byte { return k.key.Bytes() }

// String returns 64 hexadecimal digits.
func (k PublicKey) String() string { return hex.EncodeToString(k.Bytes()) }

// A Notice says which key seals blobs to a carrier. It is signed with the
// carrier's record key, so that nobody can have parcels' data sealed to
// themselves in a carrier's name.
type Notice struct {
	Carrier   [32]byte // record key (Ed25519)
	Key       [32]byte // X25519
	Signature [64]byte
}

// NewNotice publishes the key that DeriveKey gives.
func NewNotice(record ed25519.PrivateKey) (Notice, error) {
	key, err := DeriveKey(record)
	if err != nil {
		return Notice{}, err
	}
	var n Notice
	copy(n.Carrier[:], record.Public().(ed25519.PublicKey))
	copy(n.Key[:], key.Public().Bytes())
	copy(n.Signature[:], ed25519.Sign(record, n.message()))
	return n, nil
}

func (n Notice) message() []byte {
	b := append([]byte("stele/recipient/notice/v1"), n.Carrier[:]...)
	return append(b, n.Key[:]...)
}

// PublicKey checks the signature and returns the key. Errors: [ErrNotice].
func (n Notice) PublicKey() (PublicKey, error) {
	if !record.Key(n.Carrier).Signed(n.message(), n.Signature) {
		return PublicKey{}, fmt.Errorf("%w: it is not signed by carrier %x", ErrNotice, n.Carrier)
	}
	key, err := ParsePublicKey(n.Key[:])
	if err != nil {
		return PublicKey{}, fmt.Errorf("%w: %w", ErrNotice, err)
	}
	return key, nil
}

// PickupHash is what a shipment's record shows of the recipient's pick-up key:
// the SHA-256 of an Ed25519 public key that is made for this parcel and used
// once, by the signature of the delivery's record. Until then nobody knows
// whose key it is.
func PickupHash(key [32]byte) [32]byte { return sha256.Sum256(key[:]) }
