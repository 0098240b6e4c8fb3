package rules

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"stele/node/ledger/fields"
)

// View is a read-only state: pairs of key and value. Get returns the value of a key,
// or nil if it has none. The caller must not modify the value. An error means that
// the state could not be read; no rule depends on it.
type View interface {
	Get(key []byte) ([]byte, error)
}

// get is v.Get for a key that may be on the stack.
func get(v View, key []byte) ([]byte, error) {
	if s, ok := v.(*State); ok {
		return s.Get(key)
	}
	return v.Get(bytes.Clone(key))
}

// Change is the value of a key before and after. Nil stands for absent. The slices
// must not be modified.
type Change struct {
	Key, Old, New []byte
}

// State is a [View] with changes laid over it. It keeps them in order, so that the
// last ones can be reverted. Not safe for concurrent use.
type State struct {
	base    View
	index   index
	entries []entry // that were read or written
	journal []step
	arena   arena        // of keys and values
	coder   fields.Coder // to write entries with
}

// entry is a key that was read or written.
type entry struct {
	key      []byte
	old, new []byte // old is what the base has
}

// step is one write: entry number index had the value before.
type step struct {
	index  int
	before []byte
}

// NewState returns base without changes. The base must not change while the
// State is in use.
func NewState(base View) *State { return &State{base: base} }

// Reset makes s as [NewState] would return it for base, but lets it keep its memory: about
// 600 bytes for each record of the largest block. What Changes has returned stays valid.
func (s *State) Reset(base View) {
	s.base = base
	clear(s.index) // so that all of its memory is clear
	clear(s.entries)
	clear(s.journal)
	s.index, s.entries, s.journal = s.index[:0], s.entries[:0], s.journal[:0]
}

// reserve makes room for n keys, if nothing was read or written yet.
func (s *State) reserve(n int) {
	if len(s.entries) > 0 {
		return
	}
	if size := indexSize(n); size <= cap(s.index) {
		s.index = s.index[:size]
	} else {
		s.index = make(index, size)
	}
	s.entries = slices.Grow(s.entries, n)
	s.journal = slices.Grow(s.journal, 2*n)
}

// find returns the number of the entry of key, which it reads from the base if
// it is new.
func (s *State) find(key []byte) (int, error) {
	if len(s.index) <= 2*len(s.entries) {
		s.index = s.index.grown()
	}
	hash := hashOf(key)
	p := s.index.find(key, hash, s.entries)
	if p.number != 0 {
		return int(p.number) - 1, nil
	}
	kept := s.arena.keep(key)
	value, err := s.base.Get(kept)
	if err != nil {
		return 0, err
	}
	s.entries = append(s.entries, entry{key: kept, old: value, new: value})
	*p = place{hash, uint32(len(s.entries))}
	return len(s.entries) - 1, nil
}

// Get returns the value of key, or nil. It must not be modified.
func (s *State) Get(key []byte) ([]byte, error) {
	i, err := s.find(key)
	if err != nil {
		return nil, err
	}
	return s.entries[i].new, nil
}

// Put gives key a value, of which it keeps a copy. A nil value deletes the key.
func (s *State) Put(key, value []byte) error {
	i, err := s.find(key)
	if err != nil {
		return err
	}
	s.journal = append(s.journal, step{i, s.entries[i].new})
	s.entries[i].new = s.arena.keep(value)
	return nil
}

// Delete takes the value of key away, if it has one.
func (s *State) Delete(key []byte) error { return s.Put(key, nil) }

// Mark returns the number of changes so far, for Revert.
func (s *State) Mark() int { return len(s.journal) }

// Revert reverts all changes since the mark.
func (s *State) Revert(mark int) {
	for _, step := range slices.Backward(s.journal[mark:]) {
		s.entries[step.index].new = step.before
	}
	s.journal = s.journal[:mark]
}

// Frozen returns a view of s whose reads leave no trace in s, so that records can be
// tried out in a State over it. S must not change while it is in use.
func (s *State) Frozen() View { return frozen{s} }

type frozen struct{ state *State }

// Get returns the value of key in the state.
func (f frozen) Get(key []byte) ([]byte, error) {
	s := f.state
	if len(s.entries) > 0 {
		if p := s.index.find(key, hashOf(key), s.entries); p.number != 0 {
			return s.entries[p.number-1].new, nil
		}
	}
	return s.base.Get(key)
}

// Changes returns the keys whose value differs from that of the base, in the order
// of keys. To keep a few of them for long, copy them: each refers to the memory of
// many.
func (s *State) Changes() []Change {
	// Sorting numbers instead of changes is several times as fast.
	type item struct {
		start uint64 // the first 8 bytes of the key
		index int
	}
	order := make([]item, 0, len(s.entries))
	for i := range s.entries {
		e := &s.entries[i]
		if (e.old == nil) != (e.new == nil) || !bytes.Equal(e.old, e.new) {
			var start [8]byte
			copy(start[:], e.key)
			order = append(order, item{binary.BigEndian.Uint64(start[:]), i})
		}
	}
	slices.SortFunc(order, func(a, b item) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		return bytes.Compare(s.entries[a.index].key, s.entries[b.index].key)
	})
	changes := make([]Change, len(order))
	for i, item := range order {
		e := &s.entries[item.index]
		changes[i] = Change{Key: e.key, Old: e.old, New: e.new}
	}
	return changes
}
