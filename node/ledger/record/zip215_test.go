package record

import (
	"crypto/ed25519"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/hdevalence/ed25519consensus"
	"github.com/oasisprotocol/curve25519-voi/curve"
	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"

	"stele/kernels/sig"
)

// smallOrderKeys returns all encodings of the eight points of small order, made
// from the points: each y as a number below the field's prime p and, where it
// fits into 255 bits, as y+p; each with both signs, where that is a point.
func smallOrderKeys(t testing.TB) []Key {
	t.Helper()
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	var keys []Key
	for _, point := range curve.EIGHT_TORSION {
		var c curve.CompressedEdwardsY
		c.SetEdwardsPoint(point)
		c[31] &= 0x7f
		slices.Reverse(c[:])
		y := new(big.Int).SetBytes(c[:])
		for _, n := range []*big.Int{y, new(big.Int).Add(y, p)} {
			if n.BitLen() > 255 {
				continue
			}
			for _, sign := range []byte{0, 0x80} {
				var k Key
				n.FillBytes(k[:])
				slices.Reverse(k[:])
				k[31] |= sign
				var back curve.EdwardsPoint
				if _, err := back.SetCompressedY((*curve.CompressedEdwardsY)(&k)); err != nil {
					t.Fatalf("%x: %v", k, err)
				}
				if !back.IsSmallOrder() {
					t.Fatalf("%x has no small order", k)
				}
				if !slices.Contains(keys, k) {
					keys = append(keys, k)
				}
			}
		}
	}
	return keys
}

func TestWeakKeys(t *testing.T) {
	keys := smallOrderKeys(t)
	if len(keys) != 14 || len(weakKeys) != 14 {
		t.Fatalf("%d keys of small order, %d in the table, want 14", len(keys), len(weakKeys))
	}
	for _, k := range keys {
		if !k.Weak() {
			t.Errorf("%x is not known to be weak", k)
		}
	}
	if PublicOf(testKey(0)).Weak() {
		t.Error("an ordinary key is weak")
	}
}

func itemOf(key Key, message []byte, s Signature) sig.Item {
	return sig.Item{Key: (*[32]byte)(&key), Sig: (*[64]byte)(&s), Message: message}
}

// verdicts returns what each way to verify says about a signature.
func verdicts(key Key, message []byte, s Signature) map[string]bool {
	all := map[string]bool{
		"single":           key.Signed(message, s),
		"ed25519consensus": ed25519consensus.Verify(key[:], message, s[:]),
	}
	// Alone and with a good signature on both sides.
	other := testKey(1)
	good := Signature(ed25519.Sign(other, message))
	neighbour := itemOf(PublicOf(other), message, good)
	item := itemOf(key, message, s)
	for _, items := range [][]sig.Item{{item}, {neighbour, item, neighbour}} {
		at := len(items) / 2
		verdicts := make([]bool, len(items))
		newBatch(newKeyCache[*voi.ExpandedPublicKey](keyBytes, expandedSize)).check(items, verdicts)
		all[fmt.Sprintf("voi's batch of %d", len(items))] = verdicts[at]
		if sig.Available() {
			c := sig.NewChecker()
			c.Check(items, verdicts)
			all[fmt.Sprintf("the kernel with %d new keys", len(items))] = verdicts[at]
			table, ok := new(sig.Table), make([]bool, 1)
			c.MakeTables([]*sig.Table{table}, []*[32]byte{item.Key}, ok)
			if ok[0] {
				items[at].Table = table
				c.Check(items, verdicts)
				all[fmt.Sprintf("the kernel with %d keys and a table", len(items))] = verdicts[at]
			}
		}
	}

	batch := ed25519consensus.NewBatchVerifier()
	batch.Add(key[:], message, s[:])
	batch.Add(other.Public().(ed25519.PublicKey), message, good[:])
	all["ed25519consensus in a batch"] = batch.Verify()
	return all
}

// checkAgreement fails if not all ways say the same, and returns what they say.
func checkAgreement(t testing.TB, key Key, message []byte, s Signature) bool {
	t.Helper()
	all := verdicts(key, message, s)
	for how, verdict := range all {
		if verdict != all["single"] {
			t.Fatalf("key %x, message %x, signature %x: single says %t, %s says %t", key, message, s, all["single"], how, verdict)
		}
	}
	return all["single"]
}

// The 196 signatures of ZIP-215's conformance test: S = 0, and key and R are
// any encodings of points of small order. All are valid.
func TestZIP215(t *testing.T) {
	keys, n := smallOrderKeys(t), 0
	for _, key := range keys {
		for _, r := range keys {
			var s Signature
			copy(s[:32], r[:])
			if !checkAgreement(t, key, []byte("Zcash"), s) {
				t.Errorf("key %x, R %x: not valid", key, r)
			}
			n++
		}
	}
	if n != 196 {
		t.Errorf("%d signatures, want 196", n)
	}
}

// groupOrder is L, the order of the base point, little-endian.
var groupOrder = []byte{
	0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
}

// plusOrder returns the signature with S+L in place of S: the same number for
// the equation, and another encoding.
func plusOrder(s Signature) Signature {
	carry := 0
	for i, b := range groupOrder {
		sum := int(s[32+i]) + int(b) + carry
		s[32+i], carry = byte(sum), sum>>8
	}
	return s
}

// An S that is not the smallest is rejected (RFC 8032, section 5.1.7), or
// signatures could be changed by anybody.
func TestSignatureMalleability(t *testing.T) {
	key, message := testKey(0), []byte("message")
	s := Signature(ed25519.Sign(key, message))
	if !checkAgreement(t, PublicOf(key), message, s) {
		t.Error("a good signature is not valid")
	}
	if checkAgreement(t, PublicOf(key), message, plusOrder(s)) {
		t.Error("S+L is valid")
	}
}

// FuzzVerify compares the ways to verify. The choice bits make signatures that
// are nearly good of random bytes.
func FuzzVerify(f *testing.F) {
	signed := ed25519.Sign(testKey(0), []byte("message"))
	public := PublicOf(testKey(0))
	f.Add(public[:], []byte("message"), signed, byte(0))
	f.Add(public[:], []byte("message"), signed, byte(1))
	f.Add(make([]byte, 32), []byte{}, make([]byte, 64), byte(0))
	f.Add(make([]byte, 32), []byte("seed"), make([]byte, 64), byte(6))
	f.Add(public[:], []byte("Zcash"), signed, byte(8))
	weak := smallOrderKeys(f)
	f.Fuzz(func(t *testing.T, key, message, signature []byte, choice byte) {
		var k Key
		var s Signature
		copy(k[:], key)
		copy(s[:], signature)
		if choice&2 != 0 { // key is a seed: sign, then change what signature says
			private := KeyFromSeed(k)
			k = PublicOf(private)
			good := Signature(ed25519.Sign(private, message))
			for i := range s {
				s[i] ^= good[i]
			}
		}
		if choice&1 != 0 {
			s = plusOrder(s)
		}
		if choice&8 != 0 {
			k = weak[int(choice>>4)%len(weak)]
		}
		checkAgreement(t, k, message, s)
	})
}
