package recipient

import (
	"crypto/hpke"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/minio/sha256-simd"
)

// MaxData is the longest recipient's data, in bytes.
const MaxData = 4096

// MaxBlob is the longest blob that Seal makes, in bytes: the encapsulated key,
// the padded secret and the authentication tag.
const MaxBlob = 32 + (header+MaxData+step-1)/step*step + 16

const (
	header = 32 + 2 // salt and length of the data
	step   = 256    // a plaintext is padded to a multiple of this
)

// Errors, to be tested with errors.Is.
var (
	ErrTooLong    = errors.New("recipient's data too long")
	ErrEmpty      = errors.New("no recipient's data")
	ErrNotForYou  = errors.New("blob cannot be opened")             // another key, another commitment, or changed bytes
	ErrCommitment = errors.New("recipient's data are not the ones") // opened, but not what the commitment promised
	ErrKey        = errors.New("bad key for sealed blobs")
	ErrNotice     = errors.New("bad notice of a key")
)

// Commitment is SHA-256(salt || data). It is what a shipment's record shows of
// its recipient.
type Commitment [32]byte

// String returns 64 hexadecimal digits.
func (c Commitment) String() string { return hex.EncodeToString(c[:]) }

// Secret is what a commitment hides. Data is any text that the carrier needs to
// find the recipient, 1 to MaxData bytes.
type Secret struct {
	Salt [32]byte
	Data []byte
}

// NewSecret returns data with a fresh salt. Without the salt nobody can try
// likely addresses against the commitment.
func NewSecret(data []byte) (Secret, error) {
	s := Secret{Data: data}
	if err := s.check(); err != nil {
		return Secret{}, err
	}
	_, _ = rand.Read(s.Salt[:]) // never fails, see its documentation
	return s, nil
}

func (s Secret) check() error {
	switch {
	case len(s.Data) == 0:
		return ErrEmpty
	case len(s.Data) > MaxData:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLong, len(s.Data), MaxData)
	}
	return nil
}

// Commitment returns the commitment to the secret.
func (s Secret) Commitment() (c Commitment) {
	h := sha256.New()
	h.Write(s.Salt[:])
	h.Write(s.Data)
	h.Sum(c[:0])
	return c
}

// String does not reveal the data, so that a Secret in a log is harmless.
func (s Secret) String() string { return "secret of " + s.Commitment().String() }

// GoString is String.
func (s Secret) GoString() string { return s.String() }

// Seal encrypts the secret to a carrier. Only the owner of the key that belongs
// to `to` can open the blob, and only for this secret's commitment.
func Seal(to PublicKey, s Secret) ([]byte, error) {
	return seal(to, s.Commitment(), s)
}

func seal(to PublicKey, c Commitment, s Secret) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	text := make([]byte, (header+len(s.Data)+step-1)/step*step)
	copy(text, s.Salt[:])
	binary.LittleEndian.PutUint16(text[32:], uint16(len(s.Data)))
	copy(text[header:], s.Data)
	blob, err := hpke.Seal(to.key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info(c), text)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return blob, nil
}

// info binds a blob to its purpose and to its commitment.
func info(c Commitment) []byte { return append([]byte("stele/recipient/v1"), c[:]...) }

// Open decrypts a blob and checks that it holds what the commitment promised.
// Errors: [ErrNotForYou], [ErrCommitment].
func Open(key PrivateKey, c Commitment, blob []byte) (Secret, error) {
	if len(blob) > MaxBlob {
		return Secret{}, fmt.Errorf("%w: it has %d bytes, at most %d", ErrNotForYou, len(blob), MaxBlob)
	}
	text, err := hpke.Open(key.key, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info(c), blob)
	if err != nil {
		return Secret{}, fmt.Errorf("%w: it was sealed to another key or for another shipment, or was changed", ErrNotForYou)
	}
	if len(text) < header {
		return Secret{}, fmt.Errorf("%w: %d bytes are no secret", ErrCommitment, len(text))
	}
	n := int(binary.LittleEndian.Uint16(text[32:]))
	if n == 0 || n > MaxData || n > len(text)-header {
		return Secret{}, fmt.Errorf("%w: its length is wrong", ErrCommitment)
	}
	s := Secret{Data: text[header : header+n]}
	copy(s.Salt[:], text)
	if s.Commitment() != c {
		return Secret{}, fmt.Errorf("%w: commitment %v was promised, the blob has %v", ErrCommitment, c, s.Commitment())
	}
	return s, nil
}

// Reseal opens a blob and seals it to the next carrier.
func Reseal(key PrivateKey, c Commitment, blob []byte, next PublicKey) ([]byte, error) {
	s, err := Open(key, c, blob)
	if err != nil {
		return nil, err
	}
	return Seal(next, s)
}

// BlobHash names a blob: its SHA-256.
func BlobHash(blob []byte) [32]byte { return sha256.Sum256(blob) }
