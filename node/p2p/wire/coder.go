package wire

import (
	"errors"
	"fmt"

	"stele/engine/pow"
	"stele/node/ledger/fields"
)

// coder encodes or decodes the fields of one message, and checks them in both
// directions.
type coder struct {
	f         *fields.Coder
	solicited bool
	err       error // the first rule that is broken
}

func newEncoder(dst []byte) *coder {
	f := fields.Append(dst)
	return &coder{f: &f, solicited: true}
}

func newDecoder(body []byte, solicited bool) *coder {
	return &coder{f: fields.Read(body), solicited: solicited}
}

var errShort = errors.New("the body ends before the last field")

// fault returns the first rule that is broken, nil if there is none.
func (c *coder) fault() error {
	if c.err == nil && c.f.Err() != nil {
		return errShort // the only error of package fields for what is used here
	}
	return c.err
}

// failf records that a rule is broken, unless the input is already known to be bad.
func (c *coder) failf(format string, args ...any) {
	if c.fault() == nil {
		c.err = fmt.Errorf(format, args...)
		c.f.Fail(c.err)
	}
}

// limit returns the maximum for what a message may have more of as an answer.
func (c *coder) limit(solicited, unsolicited int) int {
	if c.solicited {
		return solicited
	}
	return unsolicited
}

// rest is all that is left of the body.
func (c *coder) rest(p *[]byte) {
	if c.f.Reading() {
		*p = c.f.Take(len(c.f.Bytes()))
		return
	}
	c.f.Fixed(*p)
}

// flag is a byte that is 0 or 1.
func (c *coder) flag(p *bool) {
	n := uint8(0)
	if *p {
		n = 1
	}
	c.f.Uint8(&n)
	if n > 1 {
		c.failf("a flag is %d, must be 0 or 1", n)
	}
	*p = n == 1
}

// hops is how often a request may be passed on, a byte.
func (c *coder) hops(p *uint8) {
	c.f.Uint8(p)
	if *p > MaxHops {
		c.failf("%d hops, must be at most %d", *p, MaxHops)
	}
}

// text is a string of at most limit printable ASCII characters after its length, a byte.
func (c *coder) text(p *string, limit int) {
	n := uint8(min(len(*p), 255)) // encoding; if the text is longer, it is above any limit
	c.f.Uint8(&n)
	if int(n) > limit {
		c.failf("a text has %d bytes, must have at most %d", n, limit)
		return
	}
	b := []byte(*p)
	if c.f.Reading() {
		b = c.f.Take(int(n))
	} else {
		c.f.Fixed(b)
	}
	for _, char := range b {
		if char < ' ' || char > '~' {
			c.failf("a text has the byte %#02x, must have printable ASCII only", char)
			return
		}
	}
	*p = string(b)
}

// header is the 80 bytes of a block header.
func (c *coder) header(p *pow.Header) {
	b := p.Encode()
	c.f.Fixed(b[:])
	*p, _ = pow.DecodeHeader(b[:]) // any 80 bytes are a header
}

// record is an encoded record after its length, two bytes.
func (c *coder) record(p *[]byte) {
	size := len(*p)
	if c.f.Reading() {
		var n uint16
		c.f.Uint16(&n)
		size = int(n)
	}
	if size < MinRecordSize || size > MaxRecordSize {
		c.failf("a record of %d bytes, must be %d to %d", size, MinRecordSize, MaxRecordSize)
		return
	}
	if c.f.Reading() {
		*p = c.f.Take(size)
		return
	}
	n := uint16(size)
	c.f.Uint16(&n)
	c.f.Fixed(*p)
}

// count16 is the number of elements of a list in two bytes, count32 in four.
// Decoding, it fails if the elements, of at least size bytes each, do not fit into
// the rest of the body.
func (c *coder) count16(n, low, high, size int) int {
	v := uint16(min(n, 1<<16-1))
	c.f.Uint16(&v)
	return c.count(n, int(v), low, high, size)
}

func (c *coder) count32(n, low, high, size int) int {
	v := uint32(n)
	c.f.Uint32(&v)
	return c.count(n, int(v), low, high, size)
}

// count checks a number of elements: n of the list that is encoded, or decoded from
// the body. It returns 0 after an error.
func (c *coder) count(n, decoded, low, high, size int) int {
	if c.f.Reading() {
		n = decoded
	}
	if n < low || n > high {
		c.failf("%d elements in a list, must be %d to %d", n, low, high)
	}
	if c.f.Reading() {
		room := len(c.f.Bytes())
		if n > room/size {
			c.failf("%d elements do not fit into %d bytes", n, room)
		}
	}
	if c.fault() != nil {
		return 0
	}
	return n
}

// list is the n elements of a list, whose number is encoded before.
func list[T any](c *coder, p *[]T, n int, element func(*T)) {
	if c.f.Reading() && n > 0 {
		*p = make([]T, n)
	}
	for i := range (*p)[:n] {
		if c.fault() != nil {
			return
		}
		element(&(*p)[i])
	}
}

// hashes is a list of hashes after its number, two bytes.
func (c *coder) hashes(p *[]pow.Hash, low, high int) {
	n := c.count16(len(*p), low, high, hashSize)
	list(c, p, n, func(h *pow.Hash) { fields.Hash(c.f, h) })
}

// records is a list of records; its number is encoded before.
func (c *coder) records(p *[][]byte, n int) { list(c, p, n, c.record) }

// ascending requires that each number is above the one before.
func (c *coder) ascending(numbers []uint32, what string) {
	for i := 1; i < len(numbers); i++ {
		if numbers[i-1] >= numbers[i] {
			c.failf("%s %d after %d, must ascend", what, numbers[i], numbers[i-1])
			return
		}
	}
}
