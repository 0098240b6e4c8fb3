package fields

import (
	"encoding/binary"
	"sync"

	"stele/node/ledger/reject"
)

// Coder goes through fields in the order of their encoding, and reads or writes
// them. The zero Coder writes; [Read] returns one that reads. After an error, a
// Coder reads zeros. A Coder belongs to one goroutine.
type Coder struct {
	reading bool
	b       []byte // what was written, or what is left to read
	err     error  // the first one
}

// Append returns a Coder that appends what it writes to b.
func Append(b []byte) Coder { return Coder{b: b} }

// readers spares each value that is read the memory of a Coder.
var readers = sync.Pool{New: func() any { return new(Coder) }}

// Read returns a Coder that reads b. Call [Coder.Release] after its last use.
func Read(b []byte) *Coder {
	f := readers.Get().(*Coder)
	*f = Coder{reading: true, b: b}
	return f
}

// Release gives back a Coder of [Read].
func (f *Coder) Release() {
	*f = Coder{}
	readers.Put(f)
}

// Reset makes f write a new value into the memory of the last one.
func (f *Coder) Reset() { *f = Coder{b: f.b[:0]} }

// Reading reports whether f reads.
func (f *Coder) Reading() bool { return f.reading }

// Bytes returns what was written, or what is left to read.
func (f *Coder) Bytes() []byte { return f.b }

// Err returns the first error of reading.
func (f *Coder) Err() error { return f.err }

// Fail makes err the error, if f reads and has none yet.
func (f *Coder) Fail(err error) {
	if f.reading && f.err == nil {
		f.err, f.b = err, nil
	}
}

// Require fails unless ok: for values that are never written.
func (f *Coder) Require(ok bool) {
	if !ok {
		f.Fail(errNeverWritten)
	}
}

var errNeverWritten = reject.New(reject.NotCanonical, "a field has a value that is never written")

// Take reads the next n bytes. They are part of what is read, and nil if there
// are fewer.
func (f *Coder) Take(n int) []byte {
	if len(f.b) < n {
		f.Fail(reject.New(reject.BadRecordEncoding, "the payload ends %d bytes early", n-len(f.b)))
		return nil
	}
	b := f.b[:n:n]
	f.b = f.b[n:]
	return b
}

// Uint8 is one byte.
func (f *Coder) Uint8(p *uint8) {
	if !f.reading {
		f.b = append(f.b, *p)
		return
	}
	*p = 0
	if b := f.Take(1); b != nil {
		*p = b[0]
	}
}

// Uint16 is two bytes.
func (f *Coder) Uint16(p *uint16) {
	if !f.reading {
		f.b = binary.LittleEndian.AppendUint16(f.b, *p)
		return
	}
	*p = 0
	if b := f.Take(2); b != nil {
		*p = binary.LittleEndian.Uint16(b)
	}
}

// Uint32 is four bytes.
func (f *Coder) Uint32(p *uint32) {
	if !f.reading {
		f.b = binary.LittleEndian.AppendUint32(f.b, *p)
		return
	}
	*p = 0
	if b := f.Take(4); b != nil {
		*p = binary.LittleEndian.Uint32(b)
	}
}

// Uint64 is eight bytes.
func (f *Coder) Uint64(p *uint64) {
	if !f.reading {
		f.b = binary.LittleEndian.AppendUint64(f.b, *p)
		return
	}
	*p = 0
	if b := f.Take(8); b != nil {
		*p = binary.LittleEndian.Uint64(b)
	}
}

// Flag is a byte that is 0 or 1.
func (f *Coder) Flag(p *bool) {
	n := uint8(0)
	if *p {
		n = 1
	}
	f.Uint8(&n)
	if n > 1 {
		f.Fail(reject.New(reject.NotCanonical, "a flag is %d, must be 0 or 1", n))
	}
	*p = n == 1
}

// Flags is one byte: bit n is flag n, the others are 0.
func (f *Coder) Flags(all ...*bool) {
	var n uint8
	for i, p := range all {
		if *p {
			n |= 1 << i
		}
	}
	f.Uint8(&n)
	for i, p := range all {
		*p = n&(1<<i) != 0
	}
	f.Require(n>>len(all) == 0)
}

// Fixed is bytes of a known number.
func (f *Coder) Fixed(p []byte) {
	if !f.reading {
		f.b = append(f.b, p...)
		return
	}
	if b := f.Take(len(p)); b != nil {
		copy(p, b)
	} else {
		clear(p)
	}
}

// Hash is 32 bytes: an ID, a key, the hash of a text.
func Hash[H ~[32]byte](f *Coder, p *H) {
	if !f.reading {
		f.b = append(f.b, (*p)[:]...)
		return
	}
	*p = H{}
	if b := f.Take(len(*p)); b != nil {
		*p = H(b)
	}
}

// Optional is 0, or 1 and 32 bytes that are not what the field has otherwise.
func Optional[H ~[32]byte](f *Coder, p *H, otherwise H) {
	there := *p != otherwise
	f.Flags(&there)
	if !there {
		*p = otherwise
		return
	}
	Hash(f, p)
	f.Require(*p != otherwise)
}

// Choice is a byte that stands for one of several words. Whether it does, the
// caller checks.
func Choice[C ~uint8](f *Coder, p *C) {
	n := uint8(*p)
	f.Uint8(&n)
	*p = C(n)
}

// ChoiceUpTo is a byte of 0 to max.
func ChoiceUpTo[C ~uint8](f *Coder, p *C, max C) {
	Choice(f, p)
	f.Require(*p <= max)
}

// Text8 is a string of at most 255 bytes after its length, a byte.
func Text8[S ~string](f *Coder, p *S) {
	n := uint8(len(*p))
	f.Uint8(&n)
	text(f, p, int(n))
}

// Text16 is a string of at most 65535 bytes after its length, two bytes.
func Text16[S ~string](f *Coder, p *S) {
	n := uint16(len(*p))
	f.Uint16(&n)
	text(f, p, int(n))
}

func text[S ~string](f *Coder, p *S, n int) {
	if !f.reading {
		f.b = append(f.b, *p...)
		return
	}
	*p = S(f.Take(n))
}
