package rules

import (
	"stele/node/ledger/fields"
	"stele/node/ledger/record"
)

// layout is an entry whose fields are listed once for both directions.
type layout interface {
	layout(f *fields.Coder)
}

// decode reads the value of an entry. It reports false for what is never written.
func decode(p layout, value []byte) bool {
	f := fields.Read(value)
	defer f.Release()
	p.layout(f)
	return f.Err() == nil && len(f.Bytes()) == 0
}

// getEntry reads an entry into p. It reports whether there is one.
func getEntry(v View, key []byte, p layout) (bool, error) {
	value, err := get(v, key)
	if err != nil || value == nil {
		return false, err
	}
	if !decode(p, value) {
		return false, errState(key, value)
	}
	return true, nil
}

// putEntry writes an entry.
func putEntry(s *State, key []byte, p layout) error {
	s.coder.Reset()
	p.layout(&s.coder)
	return s.Put(key, s.coder.Bytes())
}

// idKey is the key of an entry that a record's id names.
func idKey(kind byte, id record.ID) []byte {
	return append(append(make([]byte, 0, 1+len(id)), kind), id[:]...)
}
