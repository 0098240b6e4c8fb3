package blockfile

import "encoding/binary"

// cursor reads a block from its first byte on. Its errors are [*Error].
type cursor struct {
	data []byte
	at   int // never beyond len(data)

	tx     transaction // the last one read
	start  int         // of the first transaction
	sigops int         // signature operations in the scripts so far
	spent  []uint32    // offsets of the outputs that the inputs so far spend, without null outputs
}

func (c *cursor) left() int { return len(c.data) - c.at }

// skip skips n bytes. What names them in an error.
func (c *cursor) skip(n uint64, what string) *Error {
	if n > uint64(c.left()) {
		return fault(ErrTruncated, int64(c.at), "the block ends inside %s: expected %s, %d left", what, bytesOf(n), c.left())
	}
	c.at += int(n)
	return nil
}

// varint reads a number of variable length: a byte below 0xfd, or 0xfd, 0xfe,
// 0xff and then 2, 4, 8 bytes, little-endian. There is one form for each
// number, the shortest; others are [ErrVarInt].
func (c *cursor) varint(what string) (uint64, *Error) {
	if c.at < len(c.data) && c.data[c.at] < 0xfd {
		c.at++
		return uint64(c.data[c.at-1]), nil
	}
	return c.longVarint(what)
}

// longVarint is varint for a number of several bytes, or a missing one.
func (c *cursor) longVarint(what string) (uint64, *Error) {
	start := c.at
	if err := c.skip(1, what); err != nil {
		return 0, err
	}
	first := c.data[start]
	size := uint64(2) << (first - 0xfd)
	if err := c.skip(size, what); err != nil {
		return 0, err
	}
	var n, minimum uint64
	switch rest := c.data[start+1:]; first {
	case 0xfd:
		n, minimum = uint64(binary.LittleEndian.Uint16(rest)), 0xfd
	case 0xfe:
		n, minimum = uint64(binary.LittleEndian.Uint32(rest)), 1<<16
	default:
		n, minimum = binary.LittleEndian.Uint64(rest), 1<<32
	}
	if n < minimum {
		return 0, fault(ErrVarInt, int64(start), "%s is %d, encoded in %d bytes: expected the shortest form", what, n, 1+size)
	}
	return n, nil
}

// count reads the number of the elements that follow, of at least size bytes each,
// and checks that the block has room for them.
func (c *cursor) count(size int, what string) (int, *Error) {
	start := c.at
	n, err := c.varint(what)
	if err != nil {
		return 0, err
	}
	if n > uint64(c.left()/size) {
		return 0, fault(ErrTruncated, int64(start), "%s is %d, with only %s left and at least %d for each", what, n, bytesOf(c.left()), size)
	}
	return int(n), nil
}

// bytes reads a byte string, which is a length and then that many bytes. Most are
// short.
func (c *cursor) bytes(what string) ([]byte, *Error) {
	if left := c.data[c.at:]; len(left) > 0 && left[0] < 0xfd && int(left[0]) < len(left) {
		end := 1 + int(left[0])
		c.at += end
		return left[1:end], nil
	}
	n, err := c.varint(what)
	if err != nil {
		return nil, err
	}
	if err := c.skip(n, what); err != nil {
		return nil, err
	}
	return c.data[c.at-int(n) : c.at], nil
}

// script reads a script and counts its signature operations.
func (c *cursor) script(what string) *Error {
	script, err := c.bytes(what)
	if err == nil && countsSigops(c.data) {
		c.sigops += countSigops(script)
	}
	return err
}

// countsSigops reports whether a block is so long that it can have too many signature
// operations.
func countsSigops(block []byte) bool { return len(block) > maxSigops/sigopsOfMultisig }
