package views

import (
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
)

// Versions reads the entries of a [Table] that keeps every version of an entry, as they
// were after the blocks up to a height. The key of a version is the name of the entry,
// and the height at which it was written, inverted: so the version of a height is the
// first one at or after the key of that height, and a block is taken back by removing
// the versions of its height. Not safe for concurrent use.
type Versions struct {
	iter   *pebble.Iterator
	height int64 // -1: before genesis
	buf    []byte
}

// VersionSize is how many bytes the key of a version has after the name.
const VersionSize = 4

// minName is the least length of a name: it begins with its table and its kind.
const minName = 2

// Version appends the height of a version to the name of an entry.
func Version(name []byte, height uint32) []byte {
	return binary.BigEndian.AppendUint32(name, ^height)
}

// VersionOf returns the height at which the version with a key was written.
func VersionOf(key []byte) uint32 { return ^binary.BigEndian.Uint32(key[len(key)-VersionSize:]) }

// NewVersions returns a reader of the table with a prefix, which the caller closes.
// Height -1 is before genesis: there are no entries.
func NewVersions(db pebble.Reader, prefix byte, height int64) (*Versions, error) {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
	return &Versions{iter: iter, height: height}, err
}

// Close releases the reader.
func (v *Versions) Close() error { return v.iter.Close() }

// Get returns the value of an entry, and false if there is none. The value is good until
// the next call.
func (v *Versions) Get(name []byte) (value []byte, ok bool, err error) { return v.At(name, v.height) }

// At is Get as of another height.
func (v *Versions) At(name []byte, height int64) (value []byte, ok bool, err error) {
	if height < 0 {
		return nil, false, nil
	}
	v.buf = Version(append(v.buf[:0], name...), uint32(height))
	if !v.iter.SeekGE(v.buf) {
		return nil, false, v.iter.Error()
	}
	key := v.iter.Key()
	if len(key) != len(name)+VersionSize || string(key[:len(name)]) != string(name) {
		return nil, false, nil
	}
	value, err = v.iter.ValueAndErr()
	return value, err == nil, err
}

// Rewind makes the reader answer as of another height.
func (v *Versions) Rewind(height int64) { v.height = height }

// History calls fn for each version of an entry, the newest first.
func (v *Versions) History(name []byte, fn func(value []byte) error) error {
	if v.height < 0 {
		return nil
	}
	v.buf = Version(append(v.buf[:0], name...), uint32(v.height))
	for ok := v.iter.SeekGE(v.buf); ok; ok = v.iter.Next() {
		key := v.iter.Key()
		if len(key) != len(name)+VersionSize || string(key[:len(name)]) != string(name) {
			break
		}
		value, err := v.iter.ValueAndErr()
		if err != nil {
			return err
		}
		if err := fn(value); err != nil {
			return err
		}
	}
	return v.iter.Error()
}

// Next returns the key of the first version at or after a key that begins with a prefix,
// and false if there is none. The key is good until the next call.
func (v *Versions) Next(from, prefix []byte) (key []byte, ok bool, err error) {
	if !v.iter.SeekGE(from) {
		return nil, false, v.iter.Error()
	}
	key = v.iter.Key()
	if len(key) < len(prefix) || string(key[:len(prefix)]) != string(prefix) {
		return nil, false, nil
	}
	return key, true, nil
}

// Scan calls fn for the newest version of each entry from one key to before another.
// Its use is for kinds of entries that have few versions.
func (v *Versions) Scan(from, to []byte, fn func(name, value []byte) error) error {
	var last []byte
	for ok := v.iter.SeekGE(from); ok && string(v.iter.Key()) < string(to); ok = v.iter.Next() {
		key := v.iter.Key()
		if len(key) < minName+VersionSize {
			return errEntry(key, nil)
		}
		name := key[:len(key)-VersionSize]
		if int64(VersionOf(key)) > v.height || string(name) == string(last) {
			continue
		}
		last = append(last[:0], name...)
		value, err := v.iter.ValueAndErr()
		if err != nil {
			return err
		}
		if err := fn(name, value); err != nil {
			return err
		}
	}
	return v.iter.Error()
}
