package rules

import (
	"encoding/binary"
	"sync"

	"stele/node/ledger/record"
)

// coder goes through the fields of an entry's value in the order of their
// encoding: it reads or writes them. Integers are little-endian.
type coder struct {
	reading bool
	b       []byte // what was written, or what is left to read
	bad     bool   // the writer does not write that
}

// layout is an entry whose fields are listed once for both directions.
type layout interface {
	layout(f *coder)
}

// write starts anew with what an entry's value is.
func (f *coder) write(p layout) []byte {
	f.b = f.b[:0]
	p.layout(f)
	return f.b
}

// decode reads the value of an entry, and refuses what is never written.
func decode(p layout, value []byte) bool {
	f := readers.Get().(*coder)
	*f = coder{reading: true, b: value}
	p.layout(f)
	good := !f.bad && len(f.b) == 0
	f.b = nil
	readers.Put(f)
	return good
}

// readers are coders to read with: one made for each value would be a quarter of
// what a block of after-sales records allocates.
var readers = sync.Pool{New: func() any { return new(coder) }}

// bytes reads or writes p.
func (f *coder) bytes(p []byte) {
	switch {
	case !f.reading:
		f.b = append(f.b, p...)
	case len(f.b) < len(p):
		f.bad, f.b = true, nil
	default:
		copy(p, f.b)
		f.b = f.b[len(p):]
	}
}

func (f *coder) uint8(p *uint8) {
	b := [1]byte{*p}
	f.bytes(b[:])
	*p = b[0]
}

func (f *coder) uint16(p *uint16) {
	var b [2]byte
	binary.LittleEndian.PutUint16(b[:], *p)
	f.bytes(b[:])
	*p = binary.LittleEndian.Uint16(b[:])
}

func (f *coder) uint32(p *uint32) {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], *p)
	f.bytes(b[:])
	*p = binary.LittleEndian.Uint32(b[:])
}

func (f *coder) uint64(p *uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], *p)
	f.bytes(b[:])
	*p = binary.LittleEndian.Uint64(b[:])
}

func (f *coder) amount(p *record.Amount) { f.uint64((*uint64)(p)) }

func (f *coder) gtin(p *record.GTIN) { f.uint64((*uint64)(p)) }

// flags is one byte: bit n says what flag n is.
func (f *coder) flags(all ...*bool) {
	var n uint8
	for i, p := range all {
		if *p {
			n |= 1 << i
		}
	}
	f.uint8(&n)
	for i, p := range all {
		*p = n&(1<<i) != 0
	}
	f.bad = f.bad || n>>len(all) != 0
}

// serial is a length and characters.
func (f *coder) serial(p *record.Serial) {
	n := uint8(len(*p))
	f.uint8(&n)
	if !f.reading {
		f.b = append(f.b, *p...)
		return
	}
	text := make([]byte, n)
	f.bytes(text)
	*p = record.Serial(text)
}

// choice is a byte of 0 to most.
func choice[C ~uint8](f *coder, p *C, most C) {
	n := uint8(*p)
	f.uint8(&n)
	*p = C(n)
	f.bad = f.bad || *p > most
}

// hash is 32 bytes.
func hash[H ~[32]byte](f *coder, p *H) {
	b := [32]byte(*p)
	f.bytes(b[:])
	*p = H(b)
}

// optional is 0, or 1 and 32 bytes that are not what the field has otherwise.
func optional[H ~[32]byte](f *coder, p *H, otherwise H) {
	there := *p != otherwise
	f.flags(&there)
	if !there {
		*p = otherwise
		return
	}
	hash(f, p)
	f.bad = f.bad || *p == otherwise
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
func putEntry(s *State, key []byte, p layout) error { return s.Put(key, s.coder.write(p)) }

// idKey is the key of an entry that a record's id names.
func idKey(kind byte, id record.ID) []byte {
	return append(append(make([]byte, 0, 1+len(id)), kind), id[:]...)
}
