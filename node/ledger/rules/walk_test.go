package rules_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/node/ledger/rules"
)

// entries is a state with an order of its entries.
type entries map[string]string

func (e entries) Get(key []byte) ([]byte, error) {
	if value, ok := e[string(key)]; ok {
		return []byte(value), nil
	}
	return nil, nil
}

func (e entries) Range(prefix []byte, fn func(key, value []byte) error) error {
	for _, key := range slices.Sorted(maps.Keys(e)) {
		if !strings.HasPrefix(key, string(prefix)) {
			continue
		}
		if err := fn([]byte(key), []byte(e[key])); err != nil {
			return err
		}
	}
	return nil
}

// all returns what a state lists under a prefix.
func all(t *rapid.T, v rules.View, prefix string) (listed []string) {
	err := v.(rules.Entries).Range([]byte(prefix), func(key, value []byte) error {
		listed = append(listed, string(key)+"="+string(value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return listed
}

// The entries of an earlier state are those that were there, whatever later blocks did.
func TestPastRange(t *testing.T) {
	keys := rapid.StringMatching(`[ab]{1,4}`)
	states := rapid.MapOf(keys, rapid.StringMatching(`[x-z]{1,2}`))
	rapid.Check(t, func(t *rapid.T) {
		first := entries(states.Draw(t, "state"))
		after := maps.Clone(first)
		var past rules.Past
		for range rapid.IntRange(0, 4).Draw(t, "blocks") {
			s := rules.NewState(maps.Clone(after))
			for key, value := range states.Draw(t, "block") {
				if err := s.Put([]byte(key), []byte(value)); err != nil {
					t.Fatal(err)
				}
			}
			for _, key := range rapid.SliceOfN(keys, 0, 4).Draw(t, "deleted") {
				if err := s.Delete([]byte(key)); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range s.Changes() {
				if c.New == nil {
					delete(after, string(c.Key))
				} else {
					after[string(c.Key)] = string(c.New)
				}
			}
			if err := past.Add(rules.EncodeUndo(s.Changes())); err != nil {
				t.Fatal(err)
			}
		}
		for _, prefix := range []string{"", "a", "b", "ab", "abba"} {
			if got, want := all(t, past.Over(after), prefix), all(t, first, prefix); !slices.Equal(got, want) {
				t.Fatalf("under %q: %v, want %v", prefix, got, want)
			}
		}
	})
}

// unordered is a state without an order.
type unordered struct{}

func (unordered) Get([]byte) ([]byte, error) { return nil, nil }

func TestPastRangeNeedsOrder(t *testing.T) {
	var past rules.Past
	if err := past.Over(unordered{}).(rules.Entries).Range(nil, nil); err != rules.ErrNotEntries {
		t.Errorf("error %v", err)
	}
}

// Entries that no rule has written end a walk with an error.
func TestWalkDamage(t *testing.T) {
	c := rules.Context{}
	for _, e := range []entries{{"v": "x"}, {"v" + strings.Repeat("i", 32): "x"}, {"g1": "x"}, {"g12345678": "x"}, {"a1": "x"}} {
		err := error(nil)
		for _, walk := range []func() error{
			func() error { return rules.EachVoucher(e, c, func(*rules.Voucher) error { return nil }) },
			func() error { return rules.EachProduct(e, func(*rules.Product) error { return nil }) },
			func() error { return rules.EachAccount(e, func(*rules.Account) error { return nil }) },
		} {
			if got := walk(); got != nil {
				err = got
			}
		}
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte("corrupt state")) {
			t.Errorf("%v: error %v", e, err)
		}
	}
}
