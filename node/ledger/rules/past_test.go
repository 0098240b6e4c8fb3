package rules

import (
	"bytes"
	"errors"
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// The undo data of blocks, laid over the state after any of them, are the state before
// the first one. A block that is added later changes nothing.
func TestPast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.ByteRange(0, 3), 1, 2)
		first := mapView{}
		for range rapid.IntRange(0, 8).Draw(t, "entries") {
			first[string(key.Draw(t, "key"))] = []byte{rapid.Byte().Draw(t, "value")}
		}
		var past Past
		after := []View{first}
		last := first
		for range rapid.IntRange(0, 5).Draw(t, "blocks") {
			s := NewState(last)
			for range rapid.IntRange(0, 6).Draw(t, "writes") {
				value := rapid.SliceOfN(rapid.Byte(), 0, 2).Draw(t, "value")
				if rapid.Bool().Draw(t, "delete") {
					value = nil
				}
				s.Put(key.Draw(t, "key"), value)
			}
			if err := past.Add(EncodeUndo(s.Changes())); err != nil {
				t.Fatal(err)
			}
			last = maps.Clone(last)
			for _, c := range s.Changes() {
				last[string(c.Key)] = c.New
			}
			after = append(after, last)
		}
		for i, view := range after {
			for a := range byte(4) {
				for _, key := range [][]byte{{a}, {a, 0}, {a, 1}, {a, 2}, {a, 3}} {
					got, err := past.Over(view).Get(key)
					if want := first[string(key)]; err != nil || (got == nil) != (want == nil) || !bytes.Equal(got, want) {
						t.Fatalf("over the state after %d blocks: %x has %x, %v; want %x", i, key, got, err, want)
					}
				}
			}
		}
	})
}

// Bytes that are no undo data are rejected, and add nothing.
func TestPastRejects(t *testing.T) {
	var past Past
	if err := past.Add([]byte{1}); !errors.Is(err, ErrUndo) || past.Size() != 0 {
		t.Errorf("%v, size %d", err, past.Size())
	}
}
