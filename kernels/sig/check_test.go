package sig

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"math/big"
	"os"
	"slices"
	"testing"

	"filippo.io/edwards25519"
	"github.com/hdevalence/ed25519consensus"
	voi "github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// reference is the verdict of two other implementations of ZIP-215, which must agree.
func reference(t testing.TB, i Item) bool {
	t.Helper()
	want := voi.VerifyWithOptions(i.Key[:], i.Message, i.Sig[:], &voi.Options{Verify: voi.VerifyOptionsZIP_215})
	if other := ed25519consensus.Verify(i.Key[:], i.Message, i.Sig[:]); other != want {
		t.Fatalf("voi says %v, ed25519consensus %v, of %s", want, other, i)
	}
	return want
}

func (i Item) String() string {
	return fmt.Sprintf("key %x, signature %x, message %x", *i.Key, *i.Sig, i.Message)
}

// checkItems compares the verdicts of c on all items with the reference: without
// tables, with tables of all keys that are points, and with tables of some.
func checkItems(t *testing.T, c *Checker, items []Item) (good int) {
	t.Helper()
	want := make([]bool, len(items))
	for i := range items {
		if want[i] = reference(t, items[i]); want[i] {
			good++
		}
	}
	checkVerdicts(t, c, items, want)
	checkVerdicts(t, c, withTables(c, items, 1), want)
	checkVerdicts(t, c, withTables(c, items, 3), want)
	return good
}

// withTables returns the items with tables of the keys of every n-th one.
func withTables(c *Checker, items []Item, n int) []Item {
	items = slices.Clone(items)
	var tables []*Table
	var keys []*[32]byte
	for i := 0; i < len(items); i += n {
		items[i].Table = new(Table)
		tables, keys = append(tables, items[i].Table), append(keys, items[i].Key)
	}
	c.MakeTables(tables, keys, make([]bool, len(keys)))
	return items
}

// checkVerdicts compares the verdicts of c with the wanted ones.
func checkVerdicts(t *testing.T, c *Checker, items []Item, want []bool) {
	t.Helper()
	got := make([]bool, len(items))
	for i := range got {
		got[i] = i%2 == 0 // must be overwritten
	}
	c.Check(items, got)
	for i := range items {
		if got[i] != want[i] {
			t.Fatalf("item %d of %d, with a table: %v: %v, want %v: %s",
				i, len(items), items[i].known(), got[i], want[i], items[i])
		}
	}
}

// checkers runs f with the model and the assembly.
func checkers(t *testing.T, f func(t *testing.T, c *Checker, fast bool)) {
	engines(t, func(t *testing.T, e *engine) { f(t, newChecker(e), e == &assembly) })
}

// signer makes signatures from a stream of pseudo-random numbers.
type signer struct{ rng *splitMix }

func (s signer) bytes(n int) []byte {
	b := make([]byte, 0, n+8)
	for len(b) < n {
		b = binary.LittleEndian.AppendUint64(b, s.rng.next())
	}
	return b[:n]
}

// item returns a good signature of a message with n bytes.
func (s signer) item(n int) Item {
	private := ed25519.NewKeyFromSeed(s.bytes(ed25519.SeedSize))
	message := s.bytes(n)
	return Item{
		Key:     (*[32]byte)(private.Public().(ed25519.PublicKey)),
		Sig:     (*[64]byte)(ed25519.Sign(private, message)),
		Message: message,
	}
}

// bigOrder is L.
var bigOrder = func() *big.Int {
	l := new(big.Int)
	for i := 3; i >= 0; i-- {
		l.Lsh(l, 64)
		l.Add(l, new(big.Int).SetUint64(order[i]))
	}
	return l
}()

// littleEndian returns v in n bytes.
func littleEndian(v *big.Int, n int) []byte {
	b := v.FillBytes(make([]byte, n))
	slices.Reverse(b)
	return b
}

func fromLittleEndian(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

// spoiled returns the item with something that makes most signatures bad, but not all.
func (s signer) spoiled(t testing.TB, i Item, how int) Item {
	key, sig := *i.Key, *i.Sig
	i.Key, i.Sig, i.Message = &key, &sig, slices.Clone(i.Message)
	flip := func(b []byte) {
		if len(b) > 0 {
			b[s.rng.next()%uint64(len(b))] ^= 1 << (s.rng.next() % 8)
		}
	}
	addTorsion := func(b []byte) {
		q, err := new(point).SetBytes(b)
		if err == nil {
			q.Add(q, torsion(t)[s.rng.next()%8])
			copy(b, q.Bytes())
		}
	}
	switch how {
	case 0:
		flip(key[:])
	case 1:
		flip(sig[:32])
	case 2:
		flip(sig[32:])
	case 3:
		flip(i.Message)
	case 4: // s + L
		n := new(big.Int).Add(fromLittleEndian(sig[32:]), bigOrder)
		copy(sig[32:], littleEndian(n, 32))
	case 5:
		copy(sig[:32], s.bytes(32))
	case 6:
		addTorsion(key[:])
	case 7: // good only times 8, if signed anew; else bad
		addTorsion(sig[:32])
	case 8:
		copy(key[:], smallEncodings(t)[s.rng.next()%14])
	case 9:
		copy(sig[:32], smallEncodings(t)[s.rng.next()%14])
	case 10:
		copy(key[:], s.bytes(32))
	case 11: // y is p or more
		n := new(big.Int).Add(p, new(big.Int).SetUint64(s.rng.next()%19))
		copy(key[:], littleEndian(n, 32))
		key[31] |= byte(s.rng.next() & 128)
	case 12:
		copy(sig[32:], bytes.Repeat([]byte{0xff}, 32))
	}
	return i
}

const spoilings = 13

// withTorsion returns a signature whose key and R have parts of small order: it is good,
// but the equation holds only times 8.
func (s signer) withTorsion(t testing.TB, n int) Item {
	t.Helper()
	a, r := scalarModL(t, s.bytes(64)), scalarModL(t, s.bytes(64))
	return signed(t, a, r, s.nearTimesBase(t, a), s.nearTimesBase(t, r), s.bytes(n))
}

// nearTimesBase returns the encoding of n B plus a point of small order.
func (s signer) nearTimesBase(t testing.TB, n *edwards25519.Scalar) []byte {
	q := new(point).ScalarBaseMult(n)
	return q.Add(q, torsion(t)[s.rng.next()%8]).Bytes()
}

// signed returns the signature R, r + k a. It is good if 8 R = 8 r B and 8 A = 8 a B.
func signed(t testing.TB, a, r *edwards25519.Scalar, key, encodedR, message []byte) Item {
	t.Helper()
	digest := sha512.Sum512(slices.Concat(encodedR, key, message))
	k := scalarModL(t, digest[:])
	sig := slices.Concat(encodedR, k.MultiplyAdd(k, a, r).Bytes())
	return Item{Key: (*[32]byte)(key), Sig: (*[64]byte)(sig), Message: message}
}

// scalarModL returns 64 bytes modulo L.
func scalarModL(t testing.TB, b []byte) *edwards25519.Scalar {
	t.Helper()
	x, err := edwards25519.NewScalar().SetUniformBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// smallEncodings are the 14 encodings of the eight points of small order that ZIP-215
// accepts: y may be p or more, and x = 0 may have a sign.
func smallEncodings(t testing.TB) (all [][]byte) {
	t.Helper()
	for _, q := range torsion(t) {
		y := fromLittleEndian(q.Bytes())
		y.SetBit(y, 255, 0)
		for _, v := range []*big.Int{y, new(big.Int).Add(y, p)} {
			for sign := range uint(2) {
				if v.BitLen() > 255 {
					continue
				}
				b := littleEndian(new(big.Int).SetBit(v, 255, sign), 32)
				if d, err := new(point).SetBytes(b); err != nil || d.Equal(q) != 1 {
					continue
				}
				if !slices.ContainsFunc(all, func(o []byte) bool { return bytes.Equal(o, b) }) {
					all = append(all, b)
				}
			}
		}
	}
	if len(all) != 14 {
		t.Fatalf("%d encodings, want 14", len(all))
	}
	return all
}

// The 196 signatures with s = 0 and every encoding of a point of small order as key and
// as R are all good by ZIP-215.
func TestSmallOrder(t *testing.T) {
	encodings := smallEncodings(t)
	checkers(t, func(t *testing.T, c *Checker, fast bool) {
		var items []Item
		for _, key := range encodings {
			for _, r := range encodings {
				sig := new([64]byte)
				copy(sig[:], r)
				items = append(items, Item{Key: (*[32]byte)(key), Sig: sig, Message: []byte("Zcash")})
			}
		}
		if good := checkItems(t, c, items); good != len(items) {
			t.Fatalf("%d of %d are good", good, len(items))
		}
	})
}

// Good signatures whose s has extreme digits, whose key is a small multiple of the base
// point, or whose R is of small order, in all encodings.
func TestExtremes(t *testing.T) {
	s, small, zero := signer{newSplitMix(26)}, smallEncodings(t), edwards25519.NewScalar()
	anySmall := func() []byte { return slices.Clone(small[s.rng.next()%uint64(len(small))]) }
	var all []Item
	for n, v := range edgeScalars(253) {
		x := scalarModL(t, littleEndian(v, 64))
		message, xB := []byte{byte(n)}, s.nearTimesBase(t, x)
		all = append(all,
			signed(t, zero, x, anySmall(), xB, message), // s = x
			signed(t, x, zero, xB, anySmall(), message), // s B - k A is of small order
			signed(t, x, x, xB, s.nearTimesBase(t, x), message))
	}
	checkers(t, func(t *testing.T, c *Checker, fast bool) {
		step := 4
		if !fast {
			step = 301
		}
		var items []Item
		for i := 0; i < len(all); i += step {
			items = append(items, all[i])
		}
		if good := checkItems(t, c, items); good != len(items) {
			t.Errorf("%d of %d are good", good, len(items))
		}
	})
}

// Any number of items, with all good, one bad at each place, and all bad.
func TestShapes(t *testing.T) {
	s := signer{newSplitMix(21)}
	var good, bad []Item
	for i := range 300 {
		good = append(good, s.item(i))
		bad = append(bad, s.spoiled(t, good[i], 1+i%5))
	}
	checkers(t, func(t *testing.T, c *Checker, fast bool) {
		sizes := []int{0, 1, 2, 17}
		if fast {
			sizes = []int{0, 1, 2, 7, 8, 9, 15, 16, 17, 24, 25, 127, 128, 129, 143, 256, 257, 300}
		}
		for _, n := range sizes {
			if got := checkItems(t, c, good[:n]); got != n {
				t.Fatalf("%d of %d are good", got, n)
			}
			if got := checkItems(t, c, bad[:n]); got > n/20 {
				t.Fatalf("%d of %d are good, want bad ones", got, n)
			}
		}
		for at := range 17 {
			items := slices.Clone(good[:17])
			items[at] = bad[at]
			checkItems(t, c, items)
		}
		c.Check(nil, nil)
	})
}

// The kernel agrees with the references on signatures that are spoiled in many ways,
// mixed with good ones, of messages with every number of blocks and at their edges.
// STELE_LONG=1 makes a million of them.
func TestDifferential(t *testing.T) {
	lengths := []int{0, 1, 47, 48, 63, 64, 111, 112, 150, 175, 176, 250, 300, 400}
	checkers(t, func(t *testing.T, c *Checker, fast bool) {
		s := signer{newSplitMix(22)}
		rounds := 1
		switch {
		case fast && os.Getenv("STELE_LONG") != "":
			rounds = 16_700
		case fast:
			rounds = 130
		}
		goods, total := 0, 0
		for round := range rounds {
			var items []Item
			for n := range 60 {
				length := lengths[(n+round)%len(lengths)]
				i := s.item(length)
				if n%3 == 0 {
					i = s.withTorsion(t, length)
				}
				if n%2 == 0 {
					i = s.spoiled(t, i, (n/2+round)%spoilings)
				}
				items = append(items, i)
			}
			goods += checkItems(t, c, items)
			total += len(items)
		}
		if goods < total/2 || goods > total*3/4 {
			t.Errorf("%d of %d are good", goods, total)
		}
	})
}

// Verdicts do not depend on the order and the neighbours.
func TestNeighbours(t *testing.T) {
	s := signer{newSplitMix(23)}
	var items []Item
	for n := range 40 {
		i := s.withTorsion(t, n)
		if n%3 == 0 {
			i = s.item(n)
		}
		items = append(items, s.spoiled(t, i, n%(2*spoilings)))
	}
	checkers(t, func(t *testing.T, c *Checker, fast bool) {
		items := slices.Concat(items, withTables(c, items, 1))
		want := make([]bool, len(items))
		c.Check(items, want)
		orders := 1
		if fast {
			orders = 50
		}
		for range orders {
			order := make([]int, 1+s.rng.next()%64)
			shuffled, got := make([]Item, len(order)), make([]bool, len(order))
			for n := range order {
				order[n] = int(s.rng.next() % uint64(len(items)))
				shuffled[n] = items[order[n]]
			}
			c.Check(shuffled, got)
			for n, i := range order {
				if got[n] != want[i] {
					t.Fatalf("item %d is %v at place %d of %d", i, got[n], n, len(order))
				}
			}
		}
	})
}

// Check leaves no garbage.
func TestCheckAllocations(t *testing.T) {
	needKernel(t)
	s := signer{newSplitMix(24)}
	c := newChecker(&assembly)
	items := []Item{s.item(100), s.withTorsion(t, 200), s.spoiled(t, s.item(3), 4)}
	items = append(items, withTables(c, items, 1)...)
	good := make([]bool, len(items))
	if n := testing.AllocsPerRun(20, func() { c.Check(items, good) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCheck(f *testing.F) {
	needKernel(f)
	s := signer{newSplitMix(25)}
	for n := range 6 {
		i := s.withTorsion(f, 30*n)
		f.Add(i.Key[:], i.Sig[:], i.Message, byte(n))
	}
	f.Fuzz(func(t *testing.T, key, sig, message []byte, at byte) {
		if len(key) != 32 || len(sig) != 64 {
			return
		}
		items := slices.Repeat([]Item{s.item(10)}, 16)
		items[at%16] = Item{Key: (*[32]byte)(key), Sig: (*[64]byte)(sig), Message: message}
		checkItems(t, newChecker(&assembly), items)
	})
}
