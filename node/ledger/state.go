package ledger

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
)

// View is a read-only state: key and value pairs. Get returns the value of a
// key, or nil if it has none. The value must not be modified. An error means
// that the state could not be read; no rule depends on it.
type View interface {
	Get(key []byte) ([]byte, error)
}

// Change is a pair of the state before and after. Nil stands for absent. The
// slices must not be modified.
type Change struct {
	Key, Old, New []byte
}

// State is a [View] with changes laid over it. It remembers them in order, so
// that the last ones can be taken back. It belongs to one goroutine.
type State struct {
	base    View
	index   map[string]int // of every key that was read or written, in entries
	entries []entry
	journal []step
	coder   coder // to write entries with
}

// entry is a key that was read or written.
type entry struct {
	key      string
	old, new []byte // old is what the base has
}

// step is one write: entry number index had the value before.
type step struct {
	index  int
	before []byte
}

// NewState returns base without changes. The base must not change while the
// State is in use.
func NewState(base View) *State {
	return &State{base: base, index: map[string]int{}}
}

// reserve makes room for n keys, if nothing was read or written yet.
func (s *State) reserve(n int) {
	if len(s.entries) == 0 {
		s.index = make(map[string]int, n)
		s.entries = make([]entry, 0, n)
		s.journal = make([]step, 0, 2*n)
	}
}

// find returns the number of the entry of key, which it reads from the base if
// it is new.
func (s *State) find(key []byte) (int, error) {
	if i, ok := s.index[string(key)]; ok {
		return i, nil
	}
	value, err := s.base.Get(key)
	if err != nil {
		return 0, err
	}
	i := len(s.entries)
	e := entry{key: string(key), old: value, new: value}
	s.entries = append(s.entries, e)
	s.index[e.key] = i
	return i, nil
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
	s.entries[i].new = bytes.Clone(value)
	return nil
}

// Delete takes the value of key away, if it has one.
func (s *State) Delete(key []byte) error { return s.Put(key, nil) }

// Mark returns a point of time for Revert.
func (s *State) Mark() int { return len(s.journal) }

// Revert takes back all changes since the mark.
func (s *State) Revert(mark int) {
	for _, step := range slices.Backward(s.journal[mark:]) {
		s.entries[step.index].new = step.before
	}
	s.journal = s.journal[:mark]
}

// Changes returns the keys whose value differs from that of the base, in the
// order of keys. They share no memory with each other, so any of them may be
// kept.
func (s *State) Changes() []Change {
	// Sorting numbers instead of changes is several times as fast.
	type place struct {
		start uint64 // the first 8 bytes of the key
		index int
	}
	var order []place
	for i, e := range s.entries {
		if (e.old == nil) != (e.new == nil) || !bytes.Equal(e.old, e.new) {
			var start [8]byte
			copy(start[:], e.key)
			order = append(order, place{binary.BigEndian.Uint64(start[:]), i})
		}
	}
	slices.SortFunc(order, func(a, b place) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		return strings.Compare(s.entries[a.index].key, s.entries[b.index].key)
	})
	changes := make([]Change, len(order))
	for i, p := range order {
		e := s.entries[p.index]
		changes[i] = Change{Key: []byte(e.key), Old: e.old, New: e.new}
	}
	return changes
}
