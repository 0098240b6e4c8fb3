package blockfile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Magic begins every record of a blk file of Bitcoin's main network.
var Magic = [4]byte{0xf9, 0xbe, 0xb4, 0xd9}

const (
	frameSize  = 8 // magic and length
	readerSize = 1 << 20
)

// Reader takes a stream of blocks apart.
//
// In a blk file each record is [Magic], the length of the block (4 bytes,
// little-endian) and the block. Before a record and at the end of the file may
// stand any number of zero bytes: a node allocates its files in large pieces.
// Bitcoin Core 28 and later hides blk files by XOR with a key of 8 bytes,
// which lies beside them in xor.dat (see [ReadKey]).
//
// A stream that begins neither with the magic nor with four zeros is taken as
// one block without framing.
type Reader struct {
	in      *bufio.Reader
	key     [KeySize]byte
	offset  int64 // of the next byte of in
	started bool
	raw     bool
}

// Record is a block and where it was.
type Record struct {
	Offset      int64  // byte at which the record starts, in the stream: its magic, if framed
	BlockOffset int64  // byte at which the block starts
	Block       []byte // not parsed
}

// NewReader returns a reader of the blocks in r. The key is the content of
// xor.dat, or the zero value; files that are not hidden may be read with any
// key that does not begin with four zeros.
func NewReader(r io.Reader, key [KeySize]byte) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, readerSize), key: key}
}

// Next returns the next block. It lies in buf, up to its capacity, if it fits
// there, and else in new memory. At the end of the stream the error is
// [io.EOF]. Other errors are [*Error] with the offset in the stream:
// [ErrMagic], [ErrLength], [ErrTruncated], and what the stream itself gives.
// After an error, Next must not be called again.
func (r *Reader) Next(buf []byte) (Record, error) {
	if !r.started {
		if err := r.start(); err != nil {
			return Record{}, err
		}
	}
	if r.raw {
		return r.nextRaw(buf)
	}
	head, err := r.frame()
	if err != nil {
		return Record{}, err
	}
	rec := Record{Offset: r.offset, BlockOffset: r.offset + frameSize}
	size := binary.LittleEndian.Uint32(head[4:])
	if size < minBlockSize || size > MaxBlockSize {
		return Record{}, fault(ErrLength, r.offset, "the record has a length of %s: %d to %d are expected", bytesOf(size), minBlockSize, MaxBlockSize)
	}
	r.in.Discard(frameSize)
	r.offset += frameSize
	rec.Block = room(buf, int(size))
	n, err := io.ReadFull(r.in, rec.Block)
	if err != nil {
		r.offset = rec.Offset
		return Record{}, r.readFault(err, "a block", n, int(size))
	}
	r.unhide(rec.Block, r.offset)
	r.offset += int64(n)
	return rec, nil
}

// start looks at the first bytes to find out what the stream is.
func (r *Reader) start() error {
	r.started = true
	first, err := r.in.Peek(len(Magic))
	if err != nil && err != io.EOF {
		return r.readFault(err, "", 0, 0)
	}
	if beginsMagic(first) {
		r.key = [KeySize]byte{}
		return nil
	}
	head := slices.Clone(first)
	r.unhide(head, 0)
	r.raw = !beginsMagic(head) && zeros(first) < len(first)
	return nil
}

// nextRaw returns the whole stream as one block, the first time.
func (r *Reader) nextRaw(buf []byte) (Record, error) {
	if r.offset > 0 {
		return Record{}, io.EOF
	}
	data := room(buf, MaxBlockSize+1)
	n, err := io.ReadFull(r.in, data)
	data = data[:n]
	if err == nil {
		return Record{}, notRaw(data, MaxBlockSize, fmt.Sprintf("it has more than %d bytes", MaxBlockSize))
	}
	if err != io.ErrUnexpectedEOF {
		return Record{}, r.readFault(err, "", 0, 0)
	}
	var b Block
	if err := b.Parse(data); err != nil {
		var e *Error
		errors.As(err, &e)
		return Record{}, notRaw(data, e.Offset, e.Text)
	}
	r.offset = int64(n)
	return Record{Block: data}, nil
}

// notRaw is the error for a stream that is nothing that a Reader knows: why not
// a block, and at which offset.
func notRaw(data []byte, offset int64, why string) error {
	return fault(ErrMagic, offset, "the file is no blk file (it starts with %x, the magic %x is expected) and not one block: %s", data[:min(len(Magic), len(data))], Magic, why)
}

// frame goes to the next record and returns its magic and length. The error is
// [io.EOF] if only padding is left. The magic is looked for before the padding,
// since the key may turn its first byte into zero.
func (r *Reader) frame() (head [frameSize]byte, err error) {
	for {
		found, err := r.in.Peek(frameSize)
		if len(found) == 0 && err == io.EOF {
			return head, io.EOF
		}
		copy(head[:], found)
		r.unhide(head[:], r.offset)
		start := head[:min(len(found), len(Magic))]
		switch {
		case len(found) == frameSize && [4]byte(head[:4]) == Magic:
			return head, nil
		case len(found) > 0 && found[0] == 0:
			r.skipPadding()
		case (err == nil || err == io.EOF) && !beginsMagic(start):
			return head, fault(ErrMagic, r.offset, "%x is not the start of a record: the magic %x is expected", start, Magic)
		default:
			return head, r.readFault(err, "a record", len(found), frameSize)
		}
	}
}

// beginsMagic reports whether data are the magic, or so much of it as the end
// of the stream left.
func beginsMagic(data []byte) bool { return bytes.HasPrefix(Magic[:], data) }

// skipPadding passes the zero bytes that have been read already.
func (r *Reader) skipPadding() {
	data, _ := r.in.Peek(r.in.Buffered())
	n := zeros(data)
	r.in.Discard(n)
	r.offset += int64(n)
}

// zeros counts the zero bytes at the front of data.
func zeros(data []byte) int {
	n := 0
	for n+8 <= len(data) && binary.LittleEndian.Uint64(data[n:]) == 0 {
		n += 8
	}
	for n < len(data) && data[n] == 0 {
		n++
	}
	return n
}

// unhide applies the key to data that lie at offset in the stream.
func (r *Reader) unhide(data []byte, offset int64) {
	if r.key == [KeySize]byte{} {
		return
	}
	var key [KeySize]byte
	for i := range key {
		key[i] = r.key[(offset+int64(i))%KeySize]
	}
	word := binary.LittleEndian.Uint64(key[:])
	for len(data) >= 8 {
		binary.LittleEndian.PutUint64(data, binary.LittleEndian.Uint64(data)^word)
		data = data[8:]
	}
	for i := range data {
		data[i] ^= key[i]
	}
}

// readFault turns an error of the stream, met after got of want bytes of what,
// into an [*Error].
func (r *Reader) readFault(err error, what string, got, want int) error {
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault(ErrTruncated, r.offset, "the file ends inside %s: %s expected, %d there", what, bytesOf(want), got)
	}
	return &Error{Kind: err, Offset: r.offset, Text: fmt.Sprintf("cannot read: %v", err)}
}

// room returns n bytes of the memory of buf, or else new ones.
func room(buf []byte, n int) []byte {
	if cap(buf) >= n {
		return buf[:n]
	}
	return make([]byte, n)
}
