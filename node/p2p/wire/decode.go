package wire

import (
	"fmt"
	"math"
)

// Decode decodes the body of a message of kind k. solicited is as for [Limits.Check],
// whose limits Decode applies, too. The message keeps parts of body, which the caller
// must not modify afterwards.
//
// Errors: those of Check, and [ErrMalformed].
func (l Limits) Decode(k Kind, body []byte, solicited bool) (Message, error) {
	h := Header{Length: uint32(min(uint64(len(body)), math.MaxUint32)), Kind: k}
	if err := l.Check(h, solicited); err != nil {
		return nil, err
	}
	m := newMessage(k)
	c := newDecoder(body, solicited)
	defer c.f.Release()
	m.layout(c)
	if n := len(c.f.Bytes()); n > 0 {
		c.failf("%d bytes follow the last field", n)
	}
	if err := c.fault(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrMalformed, k, err)
	}
	return m, nil
}
