package keyfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"stele/node/ledger/record"
)

var (
	// ErrPassphrase means that the passphrase is empty or not the right one.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrFormat means that a text is no key file, or damaged.
	ErrFormat = errors.New("not a good key file")
)

const (
	firstLine = "stele key file, version 1"
	keyLabel  = "public key: "
	seedSize  = 32
)

// MaxSize is the size of the longest text that is read, in bytes. One that
// [Encrypt] writes has about 500.
const MaxSize = 16 << 10

// The base-2 logarithm of the number of scrypt's rounds. The default takes about
// a second and 256 MB.
const (
	DefaultWorkFactor = 18
	MinWorkFactor     = 10
	MaxWorkFactor     = 20
)

// Encrypt returns the text for a key. The work factor says how hard the
// passphrase is to guess, from [MinWorkFactor] to [MaxWorkFactor]; 0 means
// [DefaultWorkFactor]. An empty passphrase gives [ErrPassphrase].
func Encrypt(key record.PrivateKey, passphrase string, workFactor int) ([]byte, error) {
	if workFactor == 0 {
		workFactor = DefaultWorkFactor
	}
	if workFactor < MinWorkFactor || workFactor > MaxWorkFactor {
		return nil, fmt.Errorf("work factor %d, want %d to %d", workFactor, MinWorkFactor, MaxWorkFactor)
	}
	if passphrase == "" {
		return nil, fmt.Errorf("%w: it is empty", ErrPassphrase)
	}
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(workFactor)

	var text bytes.Buffer
	fmt.Fprintf(&text, "%s\n%s%v\n", firstLine, keyLabel, record.PublicOf(key))
	armored := armor.NewWriter(&text)
	plain, err := age.Encrypt(armored, recipient)
	if err != nil {
		return nil, err
	}
	_, err = plain.Write(key.Seed())
	if err := errors.Join(err, plain.Close(), armored.Close()); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// PublicKey returns the public key that a text names, without the passphrase.
// Whether the secret belongs to it, only [Decrypt] finds out. Errors:
// [ErrFormat].
func PublicKey(text []byte) (record.Key, error) {
	key, _, err := parse(text)
	return key, err
}

// Decrypt returns the key of a text. Errors: [ErrFormat] and [ErrPassphrase].
func Decrypt(text []byte, passphrase string) (record.PrivateKey, error) {
	public, sealed, err := parse(text)
	if err != nil {
		return nil, err
	}
	key, err := open(passphrase, sealed)
	if err != nil {
		return nil, err
	}
	if record.PublicOf(key) != public {
		return nil, fmt.Errorf("%w: its secret belongs to another public key", ErrFormat)
	}
	return key, nil
}

// parse splits a text into the public key and the encrypted part.
func parse(text []byte) (key record.Key, sealed []byte, err error) {
	if len(text) > MaxSize {
		return key, nil, fmt.Errorf("%w: more than %d bytes", ErrFormat, MaxSize)
	}
	lines := bytes.SplitN(text, []byte("\n"), 3)
	if len(lines) < 3 || string(lines[0]) != firstLine {
		return key, nil, fmt.Errorf("%w: the first line is not %q", ErrFormat, firstLine)
	}
	public, ok := strings.CutPrefix(string(lines[1]), keyLabel)
	if !ok {
		return key, nil, fmt.Errorf("%w: the second line does not begin with %q", ErrFormat, keyLabel)
	}
	if key, err = record.ParseKey(public); err != nil {
		return key, nil, fmt.Errorf("%w: public %w", ErrFormat, err)
	}
	return key, lines[2], nil
}

// open decrypts the key in the encrypted part of a text.
func open(passphrase string, sealed []byte) (record.PrivateKey, error) {
	if passphrase == "" {
		return nil, fmt.Errorf("%w: it is empty", ErrPassphrase)
	}
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	identity.SetMaxWorkFactor(MaxWorkFactor)
	plain, err := age.Decrypt(armor.NewReader(bytes.NewReader(sealed)), identity)
	switch {
	case errors.Is(err, age.ErrIncorrectIdentity):
		return nil, ErrPassphrase
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	seed, err := io.ReadAll(io.LimitReader(plain, seedSize+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(seed) != seedSize {
		return nil, fmt.Errorf("%w: the secret is not %d bytes long", ErrFormat, seedSize)
	}
	return record.KeyFromSeed([seedSize]byte(seed)), nil
}
