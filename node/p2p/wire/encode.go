package wire

import (
	"encoding/binary"
	"fmt"
)

// HeaderSize is the length of a frame's header in bytes.
const HeaderSize = 5

// Header is the header of a frame: what precedes the body of each message.
type Header struct {
	Length uint32 // of the body, in bytes
	Kind   Kind
}

// DecodeHeader decodes the header of a frame. It checks nothing: [Limits.Check] does.
func DecodeHeader(b [HeaderSize]byte) Header {
	return Header{Length: binary.LittleEndian.Uint32(b[:]), Kind: Kind(b[4])}
}

// Append appends the frame of m, header and body, to dst. After an error it returns
// dst unchanged. It applies the limits of solicited messages: whether a peer has
// asked for m, the caller knows.
//
// Errors: [ErrMalformed], [ErrLength], [ErrUnknownKind].
func (l Limits) Append(dst []byte, m Message) ([]byte, error) {
	c := newEncoder(append(dst, 0, 0, 0, 0, byte(m.Kind())))
	m.layout(c)
	if err := c.fault(); err != nil {
		return dst, fmt.Errorf("%w: %s: %w", ErrMalformed, m.Kind(), err)
	}
	b := c.f.Bytes()
	h := Header{Length: uint32(len(b) - len(dst) - HeaderSize), Kind: m.Kind()}
	if err := l.Check(h, true); err != nil {
		return dst, err
	}
	binary.LittleEndian.PutUint32(b[len(dst):], h.Length)
	return b, nil
}
