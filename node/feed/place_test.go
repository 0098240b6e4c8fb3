package feed

import (
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

func TestPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := place{
			run: rapid.Uint64().Draw(t, "run"), seq: rapid.Uint64().Draw(t, "seq"), leaving: rapid.Bool().Draw(t, "leaving"),
			done: rapid.Uint32().Draw(t, "done"), block: pow.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "block")),
		}
		if got, err := parsePlace(p.String()); err != nil || got != p || !IsID(p.String()) {
			t.Errorf("%+v becomes %+v, %v", p, got, err)
		}
	})
}

// Whatever is read as an id has exactly one form.
func FuzzPlace(f *testing.F) {
	f.Add(place{run: 1, seq: 2, leaving: true, done: whole}.String())
	f.Add("")
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, id string) {
		p, err := parsePlace(id)
		if err == nil && p.String() != id {
			t.Errorf("%q is read as %q", id, p)
		}
	})
}
