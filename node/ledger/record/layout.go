package record

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"stele/node/ledger/reject"
)

// coder goes through the fields of a payload in the order of their encoding: it
// writes them if in is nil, and else reads them.
type coder struct {
	out []byte
	in  *reader
}

// layout is a payload whose fields are listed once for both directions.
type layout interface {
	layout(f *coder)
}

func appendLayout(b []byte, p layout) []byte {
	f := coder{out: b}
	p.layout(&f)
	return f.out
}

// decodeLayout reads a payload of type P.
func decodeLayout[P Payload, L interface {
	*P
	layout
}](in *reader) Payload {
	var p P
	in.coder = coder{in: in}
	L(&p).layout(&in.coder)
	return p
}

func (f *coder) uint16(p *uint16) {
	if f.in == nil {
		f.out = binary.LittleEndian.AppendUint16(f.out, *p)
	} else {
		*p = f.in.uint16()
	}
}

func (f *coder) uint32(p *uint32) {
	if f.in == nil {
		f.out = binary.LittleEndian.AppendUint32(f.out, *p)
	} else {
		*p = f.in.uint32()
	}
}

func (f *coder) time(p *Time) { f.uint32((*uint32)(p)) }

func (f *coder) gtin(p *GTIN) { f.uint64((*uint64)(p)) }

func (f *coder) amount(p *Amount) { f.uint64((*uint64)(p)) }

func (f *coder) uint64(p *uint64) {
	if f.in == nil {
		f.out = binary.LittleEndian.AppendUint64(f.out, *p)
	} else {
		*p = f.in.uint64()
	}
}

func (f *coder) uint8(p *uint8) {
	if f.in == nil {
		f.out = append(f.out, *p)
	} else {
		*p = f.in.uint8()
	}
}

// flag is a byte that is 0 or 1.
func (f *coder) flag(p *bool) {
	var n uint8
	if *p {
		n = 1
	}
	f.uint8(&n)
	if n > 1 {
		f.in.fail(reject.New(reject.NotCanonical, "a flag is %d, it can be 0 or 1", n))
	}
	*p = n == 1
}

// hash is 32 bytes: an id, a key, the hash of a text.
func hash[H ~[32]byte](f *coder, p *H) {
	if f.in == nil {
		f.out = append(f.out, (*p)[:]...)
	} else {
		*p = H(f.in.hash())
	}
}

func (f *coder) nonce(p *Nonce) {
	if f.in == nil {
		f.out = append(f.out, p[:]...)
	} else {
		copy(p[:], f.in.bytes(len(p)))
	}
}

// choice is a byte that stands for one of several words.
func choice[C ~uint8](f *coder, p *C) {
	n := uint8(*p)
	f.uint8(&n)
	*p = C(n)
}

// text is a string after its length.
func text[S ~string](f *coder, p *S) {
	n := uint16(len(*p))
	f.uint16(&n)
	if f.in == nil {
		f.out = append(f.out, *p...)
	} else {
		*p = S(f.in.bytes(int(n)))
	}
}

func (r *reader) uint16() (n uint16) {
	if b := r.bytes(2); b != nil {
		n = binary.LittleEndian.Uint16(b)
	}
	return n
}

// Time is a point of time in seconds since 1970, that somebody claims: nothing
// proves it. Its text form is that of RFC 3339 in UTC. The zero Time is none.
type Time uint32

// earliest is the time of Bitcoin's first block: no record is about something
// that was before.
const earliest Time = 1231006505

// String returns the form of RFC 3339: "2026-11-22T21:00:00Z".
func (t Time) String() string { return time.Unix(int64(t), 0).UTC().Format(time.RFC3339) }

// MarshalText returns String.
func (t Time) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a time of RFC 3339, in whole seconds and any zone.
func (t *Time) UnmarshalText(b []byte) error {
	at, err := time.Parse(time.RFC3339, string(b))
	if err != nil || at.Nanosecond() != 0 || at.Unix() < int64(earliest) || at.Unix() > int64(^uint32(0)) {
		return reject.New(reject.BadTime, "%.40q is not a time as 2026-11-22T21:00:00Z, in whole seconds, from %v on", b, earliest)
	}
	*t = Time(at.Unix())
	return nil
}

// check refuses times before there were any.
func (t Time) check() error {
	if t < earliest {
		return reject.New(reject.BadTime, "the claimed time is %v, before %v", t, earliest)
	}
	return nil
}

// words are the names of the choices 1, 2 and so on.
type words []string

// noChoice is the word for 0, where a choice may be left open.
const noChoice = "none"

func (w words) known(n uint8) bool { return n > 0 && int(n) <= len(w) }

func (w words) name(n uint8) string {
	switch {
	case n == 0:
		return noChoice
	case !w.known(n):
		return fmt.Sprintf("choice-%d", n)
	}
	return w[n-1]
}

func (w words) parse(field string, b []byte) (uint8, error) {
	i := slices.Index(w, string(b))
	if i < 0 && string(b) != noChoice {
		return 0, reject.New(reject.UnknownChoice, "%.40q is no %s, they are %q", b, field, []string(w))
	}
	return uint8(i + 1), nil
}

func (w words) check(field string, n uint8) error {
	if !w.known(n) {
		return reject.New(reject.UnknownChoice, "there is no %s with the number %d, they are 1 to %d", field, n, len(w))
	}
	return nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// named refuses an id that is zero.
func named(what string, id ID) error {
	if id == (ID{}) {
		return reject.New(reject.MissingID, "the %s is not named: its id is zero", what)
	}
	return nil
}

// unmarshalWord reads a choice from its word.
func unmarshalWord[C ~uint8](c *C, w words, field string, b []byte) error {
	n, err := w.parse(field, b)
	*c = C(n)
	return err
}
