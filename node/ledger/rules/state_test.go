package rules

import (
	"bytes"
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

// mapView is a whole state in memory.
type mapView map[string][]byte

func (m mapView) Get(key []byte) ([]byte, error) { return m[string(key)], nil }

// put gives every key of changes the value that pick chooses.
func (m mapView) put(changes []Change, pick func(Change) []byte) {
	for _, c := range changes {
		if value := pick(c); value != nil {
			m[string(c.Key)] = value
		} else {
			delete(m, string(c.Key))
		}
	}
}

func (m mapView) connect(changes []Change) {
	m.put(changes, func(c Change) []byte { return c.New })
}

func (m mapView) disconnect(changes []Change) {
	m.put(changes, func(c Change) []byte { return c.Old })
}

func (m mapView) hash() pow.Hash {
	return StateHash(func(yield func(key, value []byte) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield([]byte(key), m[key]) {
				return
			}
		}
	})
}

// brokenView cannot be read.
type brokenView struct{ err error }

func (v brokenView) Get([]byte) ([]byte, error) { return nil, v.err }

// A State is its base with the writes since the last revert, whatever is read
// and written in which order.
func TestState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		someKey := rapid.SampledFrom([]string{"a", "b", "c", "ab", "abc"})
		someValue := rapid.SliceOfN(rapid.Byte(), 1, 3)
		base := mapView(rapid.MapOf(someKey, someValue).Draw(t, "base"))
		s := NewState(base)

		now := maps.Clone(base)
		type point struct {
			mark int
			then mapView
		}
		points := []point{{s.Mark(), maps.Clone(now)}}
		var former, copies []Change // from before the resets
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				key, value := someKey.Draw(t, "key"), someValue.Draw(t, "value")
				if err := s.Put([]byte(key), value); err != nil {
					t.Fatal(err)
				}
				now[key] = bytes.Clone(value)
				value[0]++ // the State has a copy
			},
			"delete": func(t *rapid.T) {
				key := someKey.Draw(t, "key")
				if err := s.Delete([]byte(key)); err != nil {
					t.Fatal(err)
				}
				delete(now, key)
			},
			"mark": func(*rapid.T) { points = append(points, point{s.Mark(), maps.Clone(now)}) },
			"revert": func(t *rapid.T) {
				i := rapid.IntRange(0, len(points)-1).Draw(t, "point")
				s.Revert(points[i].mark)
				if got := s.Mark(); got != points[i].mark {
					t.Fatalf("reverted to %d, want %d", got, points[i].mark)
				}
				now, points = maps.Clone(points[i].then), points[:i+1]
			},
			"reset": func(t *rapid.T) {
				for _, c := range s.Changes() {
					former = append(former, c)
					copies = append(copies, Change{bytes.Clone(c.Key), bytes.Clone(c.Old), bytes.Clone(c.New)})
				}
				base = maps.Clone(now)
				s.Reset(base)
				if n := rapid.IntRange(0, 50).Draw(t, "reserved"); n > 0 {
					s.reserve(n)
				}
				points = []point{{s.Mark(), maps.Clone(now)}}
			},
			"": func(t *rapid.T) {
				for _, key := range []string{"a", "b", "c", "ab", "abc"} {
					got, err := s.Get([]byte(key))
					if err != nil || !bytes.Equal(got, now[key]) || (got == nil) != (now[key] == nil) {
						t.Fatalf("%q is %x, %v; want %x", key, got, err, now[key])
					}
				}
				changes := s.Changes()
				after := maps.Clone(base)
				for i, c := range changes {
					if i > 0 && bytes.Compare(changes[i-1].Key, c.Key) >= 0 {
						t.Fatal("changes are not sorted")
					}
					if !bytes.Equal(c.Old, base[string(c.Key)]) || bytes.Equal(c.Old, c.New) {
						t.Fatalf("change of %q from %x to %x, but the base has %x", c.Key, c.Old, c.New, base[string(c.Key)])
					}
				}
				after.connect(changes)
				if after.hash() != now.hash() {
					t.Fatal("the changes do not lead to what the State says")
				}
				after.disconnect(changes)
				if after.hash() != base.hash() {
					t.Fatal("the changes do not lead back to the base")
				}
				if !reflect.DeepEqual(former, copies) {
					t.Fatal("changes from before a reset have changed")
				}
			},
		})
	})
}

// An entry with an empty value is not an absent one.
func TestStateEmptyValue(t *testing.T) {
	s := NewState(mapView{"a": {}})
	if got, _ := s.Get([]byte("a")); got == nil {
		t.Error("an empty value reads as absent")
	}
	if err := s.Delete([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put([]byte("b"), []byte{}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Changes()); n != 2 {
		t.Errorf("%d changes, want 2", n)
	}
}

// What the base cannot read, no method hides.
func TestStateBrokenView(t *testing.T) {
	broken := errors.New("disk on fire")
	s := NewState(brokenView{broken})
	if _, err := s.Get([]byte("a")); !errors.Is(err, broken) {
		t.Errorf("Get: %v", err)
	}
	if err := s.Put([]byte("a"), []byte("b")); !errors.Is(err, broken) {
		t.Errorf("Put: %v", err)
	}
	if err := s.Delete([]byte("a")); !errors.Is(err, broken) {
		t.Errorf("Delete: %v", err)
	}
	if len(s.Changes()) != 0 || s.Mark() != 0 {
		t.Error("a failed write left something")
	}
}

// A frozen view shows the state as it is, and what is read by it leaves nothing in
// the state.
func TestFrozen(t *testing.T) {
	base := mapView{"a": []byte("1"), "b": []byte("2"), "c": []byte("3")}
	s := NewState(base)
	if v, err := s.Frozen().Get([]byte("a")); err != nil || string(v) != "1" {
		t.Errorf("an unused state: %q, %v", v, err)
	}
	if err := s.Put([]byte("a"), []byte("4")); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete([]byte("b")); err != nil {
		t.Fatal(err)
	}
	over := NewState(s.Frozen())
	for key, want := range map[string]string{"a": "4", "b": "", "c": "3", "d": ""} {
		if v, err := over.Get([]byte(key)); err != nil || string(v) != want {
			t.Errorf("%s: %q, %v, want %q", key, v, err, want)
		}
		if err := over.Put([]byte(key), []byte("5")); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.entries) != 2 {
		t.Errorf("the state remembers %d keys, want the 2 that were written", len(s.entries))
	}
	if v, _ := s.Get([]byte("a")); string(v) != "4" {
		t.Errorf("the state has changed: %q", v)
	}
}
