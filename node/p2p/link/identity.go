package link

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"time"

	"stele/internal/atomicfile"
)

// ID names a node: the SHA-256 of its public key.
type ID [sha256.Size]byte

// String returns the first 16 hex digits.
func (id ID) String() string { return hex.EncodeToString(id[:8]) }

// Full returns all 64 hex digits.
func (id ID) Full() string { return hex.EncodeToString(id[:]) }

// Key is the identity of a node: an Ed25519 key that signs TLS handshakes and nothing
// else, and its certificate. It is no key of the ledger. Make one with [NewKey] or
// [OpenKey]. Safe for concurrent use.
type Key struct {
	private ed25519.PrivateKey
	cert    tls.Certificate
	id      ID
}

// ID returns the name of the key.
func (k *Key) ID() ID { return k.id }

// NewKey returns a random key.
func NewKey() (*Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return newKey(private)
}

// newKey makes the certificate of a key.
func newKey(private ed25519.PrivateKey) (*Key, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		// The certificate says nothing but the key, so that it does not depend on when
		// it was made.
		NotBefore: time.Unix(0, 0),
		NotAfter:  time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC), // RFC 5280: no end
	}
	public := private.Public().(ed25519.PublicKey)
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		return nil, err
	}
	return &Key{private, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, sha256.Sum256(public)}, nil
}

const pemType = "PRIVATE KEY" // PKCS #8, RFC 5958

// OpenKey reads the key in a file, or makes one and writes the file if there is none.
// It rejects a file that others than the owner may read or write.
func OpenKey(name string) (*Key, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return createKey(name)
	}
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %#o: must be accessible by its owner only (0600)", name, mode)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemType {
		return nil, fmt.Errorf("%s is not a key of a node: must be a PEM block %q", name, pemType)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s has a key of type %T: must be Ed25519", name, parsed)
	}
	return newKey(private)
}

func createKey(name string) (*Key, error) {
	k, err := NewKey()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, err
	}
	return k, atomicfile.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), 0o600)
}
