package rules

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrUndo means that bytes are not undo data.
var ErrUndo = errors.New("bad undo record")

// absent is the length that stands for a value that is absent.
const absent = 1<<16 - 1

// appendEntry appends key length u16, key, value length u16, value. Integers
// are little-endian; a nil value has the length 65535. So keys may have up to
// 65535 bytes and values up to 65534, far more than any rule writes.
func appendEntry(b, key, value []byte) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(key)))
	b = append(b, key...)
	if value == nil {
		return binary.LittleEndian.AppendUint16(b, absent)
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return append(b, value...)
}

// cutEntry reads what appendEntry wrote. The slices are parts of b.
func cutEntry(b []byte) (key, value, rest []byte, ok bool) {
	if key, b, ok = cutBytes(b, false); ok {
		value, rest, ok = cutBytes(b, true)
	}
	return key, value, rest, ok
}

func cutBytes(b []byte, optional bool) (value, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.LittleEndian.Uint16(b))
	b = b[2:]
	switch {
	case n == absent && optional:
		return nil, b, true
	case n > len(b):
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}

// EncodeUndo returns undo data: the keys of changes and their old values. Changes must be in the order of keys, as [State.Changes] gives
// them.
func EncodeUndo(changes []Change) []byte {
	size := 0
	for _, c := range changes {
		size += 4 + len(c.Key) + len(c.Old)
	}
	b := make([]byte, 0, size)
	for _, c := range changes {
		b = appendEntry(b, c.Key, c.Old)
	}
	return b
}

// DecodeUndo reads what [EncodeUndo] wrote: changes with Key and Old, which
// are parts of b, and without New. To disconnect a block, put Old under each
// Key. There is one encoding for a list of changes; all else is [ErrUndo].
func DecodeUndo(b []byte) ([]Change, error) {
	count := 0
	var last []byte
	for rest := b; len(rest) > 0; count++ {
		key, _, next, ok := cutEntry(rest)
		if !ok {
			return nil, fmt.Errorf("%w: entry %d is cut off", ErrUndo, count)
		}
		if count > 0 && bytes.Compare(last, key) >= 0 {
			return nil, fmt.Errorf("%w: entry %d is not in the order of keys", ErrUndo, count)
		}
		last, rest = key, next
	}
	changes := make([]Change, count)
	for i := range changes {
		changes[i].Key, changes[i].Old, b, _ = cutEntry(b)
	}
	return changes, nil
}
