package recipient

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// carrier returns the record key of carrier n.
func carrier(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func blobKey(t interface{ Fatal(...any) }, n byte) PrivateKey {
	k, err := DeriveKey(carrier(n))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealedToOneCarrierAfterTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 1, MaxData).Draw(t, "data")
		s, err := NewSecret(data)
		if err != nil {
			t.Fatal(err)
		}
		first, second := blobKey(t, 1), blobKey(t, 2)
		blob, err := Seal(first.Public(), s)
		if err != nil {
			t.Fatal(err)
		}
		if len(blob) > MaxBlob || (len(blob)-48)%step != 0 {
			t.Fatalf("a blob of %d bytes", len(blob))
		}
		next, err := Reseal(first, s.Commitment(), blob, second.Public())
		if err != nil {
			t.Fatal(err)
		}
		got, err := Open(second, s.Commitment(), next)
		if err != nil || got.Salt != s.Salt || !bytes.Equal(got.Data, data) {
			t.Fatalf("opened %v: %v", got, err)
		}
		if BlobHash(blob) == BlobHash(next) {
			t.Fatal("two blobs, one hash")
		}

		if _, err := Open(second, s.Commitment(), blob); !errors.Is(err, ErrNotForYou) {
			t.Fatalf("the second carrier opened the first one's blob: %v", err)
		}
		other := s.Commitment()
		other[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1
		if _, err := Open(first, other, blob); !errors.Is(err, ErrNotForYou) {
			t.Fatalf("opened for another commitment: %v", err)
		}
		changed := bytes.Clone(blob)
		changed[rapid.IntRange(0, len(blob)-1).Draw(t, "at")] ^= byte(1 << rapid.IntRange(0, 7).Draw(t, "bit"))
		if _, err := Open(first, s.Commitment(), changed); !errors.Is(err, ErrNotForYou) {
			t.Fatalf("opened a changed blob: %v", err)
		}
	})
}

// A sender that seals something else than it committed to is found out: the
// blob is bound to the commitment, and the commitment to the data.
func TestOtherDataThanPromised(t *testing.T) {
	key := blobKey(t, 1)
	promised, _ := NewSecret([]byte("1 Harbour Street"))
	lie := promised
	lie.Data = []byte("2 Harbour Street")
	blob, err := seal(key.Public(), promised.Commitment(), lie)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(key, promised.Commitment(), blob); !errors.Is(err, ErrCommitment) {
		t.Fatalf("another address was taken for the promised one: %v", err)
	}
}

func TestLimits(t *testing.T) {
	if _, err := NewSecret(nil); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
	if _, err := NewSecret(make([]byte, MaxData+1)); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	key := blobKey(t, 1)
	if _, err := Seal(key.Public(), Secret{Data: make([]byte, MaxData+1)}); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	for _, n := range []int{0, 1, 47, 48, MaxBlob, MaxBlob + 1, 1 << 20} {
		if _, err := Open(key, Commitment{}, make([]byte, n)); !errors.Is(err, ErrNotForYou) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := ParsePublicKey(make([]byte, 31)); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
	if _, err := DeriveKey(make([]byte, 3)); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
}

// The salt hides the data: equal data have unequal commitments.
func TestCommitmentHides(t *testing.T) {
	a, _ := NewSecret([]byte("1 Harbour Street"))
	b, _ := NewSecret([]byte("1 Harbour Street"))
	if a.Commitment() == b.Commitment() {
		t.Fatal("the commitment reveals that two parcels go to one address")
	}
}

// A known answer: SHA-256 of 32 zero bytes and "abc".
func TestCommitmentVector(t *testing.T) {
	got := Secret{Data: []byte("abc")}.Commitment().String()
	if want := "365aa7d8f7f9402c4b9434502b4cc89ddb09fe50d7cd95b493b834c62d5a5370"; got != want {
		t.Fatalf("commitment %s, want %s", got, want)
	}
}

func TestNotice(t *testing.T) {
	n, err := NewNotice(carrier(1))
	if err != nil {
		t.Fatal(err)
	}
	key, err := n.PublicKey()
	if err != nil || key.String() != blobKey(t, 1).Public().String() {
		t.Fatalf("%v: %v", key, err)
	}
	for i := range n.Key {
		forged := n
		forged.Key[i] ^= 0x80
		if _, err := forged.PublicKey(); !errors.Is(err, ErrNotice) {
			t.Fatalf("a notice with another key was taken: %v", err)
		}
	}
	forged := n
	copy(forged.Carrier[:], carrier(2).Public().(ed25519.PublicKey))
	if _, err := forged.PublicKey(); !errors.Is(err, ErrNotice) {
		t.Fatalf("a notice in another's name was taken: %v", err)
	}
}

// What is logged by mistake reveals nothing.
func TestNoSecretInText(t *testing.T) {
	s, _ := NewSecret([]byte("1 Harbour Street"))
	key := blobKey(t, 1)
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v", s, s, s), fmt.Sprintf("%v %#v", key, key)} {
		if strings.Contains(text, "Harbour") || strings.Contains(text, fmt.Sprint([]byte("Harbour"))) {
			t.Fatalf("revealed: %s", text)
		}
	}
}

func FuzzOpen(f *testing.F) {
	key := blobKey(f, 1)
	s := Secret{Data: []byte("1 Harbour Street")}
	blob, err := Seal(key.Public(), s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(blob)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Open(key, s.Commitment(), b)
		if err == nil && !bytes.Equal(got.Data, s.Data) {
			t.Fatalf("opened as %q", got.Data)
		}
	})
}
