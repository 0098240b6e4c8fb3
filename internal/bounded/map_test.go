package bounded_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/internal/bounded"
)

// A map does what a list of all keys in their order would do.
func TestMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 6).Draw(t, "size")
		m := bounded.NewMap[int, string](size)
		var keys []int
		values := map[int]string{}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				key, value := rapid.IntRange(0, 9).Draw(t, "key"), rapid.String().Draw(t, "value")
				m.Put(key, value)
				if !slices.Contains(keys, key) {
					keys = append(keys, key)
				}
				if len(keys) > size {
					delete(values, keys[0])
					keys = keys[1:]
				}
				values[key] = value
			},
			"clear": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "clear") == 0 {
					m.Clear()
					keys = nil
					clear(values)
				}
			},
			"": func(t *rapid.T) {
				if !slices.Equal(m.Keys(), keys) || m.Len() != len(keys) {
					t.Fatalf("the keys are %v (%d), want %v", m.Keys(), m.Len(), keys)
				}
				for key := range 10 {
					value, ok := m.Get(key)
					want, has := values[key]
					if value != want || ok != has || m.Has(key) != has {
						t.Fatalf("%d: %q, %v; want %q, %v", key, value, ok, want, has)
					}
				}
			},
		})
	})
}

func TestSet(t *testing.T) {
	s := bounded.NewSet[string](2)
	for i, c := range []struct {
		key   string
		isNew bool
	}{{"a", true}, {"b", true}, {"a", false}, {"c", true}, {"a", true}, {"c", false}} {
		if got := s.Add(c.key); got != c.isNew {
			t.Errorf("%d: Add(%q) = %v, want %v", i, c.key, got, c.isNew)
		}
	}
	if !slices.Equal(s.Keys(), []string{"c", "a"}) || s.Len() != 2 || s.Has("b") || !s.Has("a") {
		t.Errorf("the keys are %q", s.Keys())
	}
	s.Clear()
	if s.Len() != 0 || !s.Add("a") {
		t.Error("not empty after Clear")
	}
}

func TestMapWithoutRoom(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	bounded.NewSet[int](0)
}
