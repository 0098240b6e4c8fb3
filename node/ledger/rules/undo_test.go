package rules

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// someChanges draws changes as a State gives them.
var someChanges = rapid.Custom(func(t *rapid.T) []Change {
	base, after := mapView{}, NewState(empty{})
	value := rapid.SliceOfN(rapid.Byte(), 0, 40)
	for range rapid.IntRange(0, 20).Draw(t, "entries") {
		key := rapid.SliceOfN(rapid.Byte(), 0, 3).Draw(t, "key")
		if rapid.Bool().Draw(t, "old") {
			base[string(key)] = value.Draw(t, "before")
		}
		if rapid.Bool().Draw(t, "new") {
			after.Put(key, value.Draw(t, "after"))
		}
	}
	s := NewState(base)
	for key := range base {
		s.Delete([]byte(key))
	}
	for _, c := range after.Changes() {
		s.Put(c.Key, c.New)
	}
	return s.Changes()
})

func TestUndo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		changes := someChanges.Draw(t, "changes")
		decoded, err := DecodeUndo(EncodeUndo(changes))
		if err != nil {
			t.Fatal(err)
		}
		if len(decoded) != len(changes) {
			t.Fatalf("%d changes, want %d", len(decoded), len(changes))
		}
		for i, c := range changes {
			c.New = nil
			if !bytes.Equal(decoded[i].Key, c.Key) || !reflect.DeepEqual(decoded[i].Old, c.Old) || decoded[i].New != nil {
				t.Fatalf("change %d is %x, want %x", i, decoded[i], c)
			}
		}
	})
}

func TestDecodeUndoRejects(t *testing.T) {
	entry := func(key, value string) []byte { return appendEntry(nil, []byte(key), []byte(value)) }
	for name, b := range map[string][]byte{
		"half a length":               {1},
		"no key":                      {1, 0},
		"no value":                    {1, 0, 'a'},
		"half a value":                {1, 0, 'a', 2, 0, 'b'},
		"absent key":                  {0xff, 0xff, 0, 0},
		"one byte more":               append(entry("a", "b"), 0),
		"the same key twice":          append(entry("a", "b"), entry("a", "c")...),
		"a key that was to be before": append(entry("b", "b"), entry("a", "c")...),
	} {
		if changes, err := DecodeUndo(b); !errors.Is(err, ErrUndo) {
			t.Errorf("%s: %v, %v", name, changes, err)
		}
	}
}

func FuzzDecodeUndo(f *testing.F) {
	f.Add([]byte{})
	f.Add(EncodeUndo([]Change{{Key: []byte("a")}, {Key: []byte("ab"), Old: []byte("x")}}))
	f.Add([]byte{1, 0, 'a', 0xff, 0xff, 1, 0, 'a', 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		changes, err := DecodeUndo(b)
		if err != nil {
			if !errors.Is(err, ErrUndo) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(EncodeUndo(changes), b) {
			t.Fatalf("%x decodes to %x, which has another encoding", b, changes)
		}
	})
}

// The digest distinguishes all histories that differ in the block before, a key,
// a new value, or whether there is one.
func TestDigest(t *testing.T) {
	one := []Change{{Key: []byte("a"), New: []byte("bc")}}
	seen := map[pow.Hash]string{}
	for name, d := range map[string]pow.Hash{
		"nothing":       Digest(pow.Hash{}, nil),
		"another past":  Digest(pow.Hash{1}, nil),
		"one change":    Digest(pow.Hash{}, one),
		"another value": Digest(pow.Hash{}, []Change{{Key: []byte("a"), New: []byte("bd")}}),
		"another key":   Digest(pow.Hash{}, []Change{{Key: []byte("ab"), New: []byte("c")}}),
		"empty":         Digest(pow.Hash{}, []Change{{Key: []byte("a"), New: []byte{}}}),
		"absent":        Digest(pow.Hash{}, []Change{{Key: []byte("a")}}),
		"chained":       Digest(Digest(pow.Hash{}, one), nil),
	} {
		if other, ok := seen[d]; ok {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[d] = name
	}
}

// Vectors, so that no change of the encoding goes unseen.
func TestDigestVectors(t *testing.T) {
	changes := []Change{{Key: []byte("a"), Old: []byte("x"), New: []byte("bc")}, {Key: []byte("b"), Old: []byte("y")}}
	plain := []byte("\x01\x00a\x02\x00bc" + "\x01\x00b\xff\xff")
	if got, want := Digest(pow.Hash{7}, changes), pow.Sum(append(append([]byte{7}, make([]byte, 31)...), plain...)); got != want {
		t.Errorf("digest %v, want %v", got, want)
	}
	if got, want := string(EncodeUndo(changes)), "\x01\x00a\x01\x00x"+"\x01\x00b\x01\x00y"; got != want {
		t.Errorf("undo %q, want %q", got, want)
	}
	if got, want := (mapView{"b": []byte("y"), "a": []byte("x")}).hash(), pow.Sum([]byte("\x01\x00a\x01\x00x"+"\x01\x00b\x01\x00y")); got != want {
		t.Errorf("state hash %v, want %v", got, want)
	}
}
