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

const (
	frameSize = 8 // magic and length

	// windowSize is how far a Reader sees ahead: the longest record, and what
	// follows it in a rev file.
	windowSize = 1 << 22

	// scanSize is how many bytes are searched for a record at a time.
	scanSize = 1 << 16

	// undoTrailer is the length of the checksum behind a record of a rev file.
	undoTrailer = 32
)

// Reader takes a stream of blocks apart.
//
// In a blk file each record is a [Magic], the length of the block (4 bytes,
// little-endian) and the block. Before a record and at the end of the file may
// stand any number of zero bytes: a node allocates its files in large pieces.
// Bitcoin Core 28 and later hides blk files by XOR with a key of 8 bytes,
// which lies beside them in xor.dat (see [ReadKey]).
//
// A stream that does not begin with a magic and is one whole block is taken as
// that block, without framing.
//
// What is neither padding nor a record is skipped up to the next record and
// reported as an error: bytes that no magic precedes, a length that no block can
// have, and a record that is no block while another record begins inside it, as
// a node leaves it that was stopped while it wrote.
type Reader struct {
	in      *bufio.Reader
	key     [KeySize]byte
	magics  []Magic // that a record may have; after the first record, its own
	offset  int64   // of the next byte of in
	started bool
	whole   bool   // the stream is one block without framing
	framed  bool   // a record was read
	scratch []byte // scanned bytes of a hidden file
}

// Record is a block and where it was.
type Record struct {
	Offset      int64  // byte at which the record starts, in the stream: its magic, if framed
	BlockOffset int64  // byte at which the block starts
	Block       []byte // not parsed
}

// NewReader returns a reader of the blocks in r. The key is the content of
// xor.dat, or the zero value; files that are not hidden may be read with any
// key that does not begin with four zeros. Records have one of the magics, all
// of them the same; without any, they may be of every network that is known.
func NewReader(r io.Reader, key [KeySize]byte, magics ...Magic) *Reader {
	reader := &Reader{in: bufio.NewReaderSize(nil, windowSize)}
	reader.Reset(r, key, magics...)
	return reader
}

// Reset makes r read another stream, as a new reader does, in the memory that it
// has.
func (r *Reader) Reset(in io.Reader, key [KeySize]byte, magics ...Magic) {
	if len(magics) == 0 {
		magics = knownMagics()
	}
	r.in.Reset(in)
	*r = Reader{in: r.in, key: key, magics: magics, scratch: r.scratch}
}

// Next returns the next block. It lies in buf, up to its capacity, if it fits
// there, and else in new memory. At the end of the stream the error is
// [io.EOF]. Other errors are [*Error] with the offset in the stream. If bytes
// were skipped, as [Error.Skipped] reports, Next can be called again:
// [ErrMagic], [ErrLength], [ErrTruncated], [ErrNetwork], [ErrUndo]. After an
// error of the stream itself it must not be called again.
func (r *Reader) Next(buf []byte) (Record, error) {
	if !r.started {
		if err := r.start(); err != nil {
			return Record{}, err
		}
	}
	if r.whole {
		return r.nextWhole(buf)
	}
	head, err := r.frame()
	if err != nil {
		return Record{}, err
	}
	size := int(binary.LittleEndian.Uint32(head[len(Magic{}):]))
	if !r.framed && r.isUndo(size) {
		return Record{}, r.skipAll(fault(ErrUndo, r.offset, "the file holds undo data, as the rev files of a node do: a file of blocks (blk) is expected"))
	}
	if !isBlockSize(size) {
		return Record{}, r.skip(fault(ErrLength, r.offset, "the record has a length of %s: %d to %d are expected", bytesOf(size), minBlockSize, MaxBlockSize))
	}
	data, err := r.in.Peek(frameSize + size)
	if err != nil && err != io.EOF {
		return Record{}, r.readFault(err)
	}
	data = data[min(frameSize, len(data)):]
	rec := Record{Offset: r.offset, BlockOffset: r.offset + frameSize, Block: room(buf, len(data))}
	copy(rec.Block, data)
	r.unhide(rec.Block, rec.BlockOffset)
	if len(data) < size {
		return Record{}, r.skip(r.truncated("a block", size, len(data)))
	}
	if at := r.find(rec.Block); at >= 0 {
		var e *Error
		if errors.As(checkForm(rec.Block), &e) {
			return Record{}, r.skip(fault(ErrLength, r.offset, "the record has a length of %s, but is not one block (its byte %d: %s), and another record begins at offset %d", bytesOf(size), e.Offset, e.Text, rec.BlockOffset+int64(at)))
		}
	}
	r.framed = true
	r.discard(frameSize + size)
	return rec, nil
}

// start looks at the first bytes to find out what the stream is.
func (r *Reader) start() error {
	r.started = true
	first, err := r.in.Peek(len(Magic{}))
	if err != nil && err != io.EOF {
		return r.readFault(err)
	}
	if r.beginsMagic(first) {
		r.key = [KeySize]byte{}
		return nil
	}
	head := slices.Clone(first) // what r.in returns changes
	hidden := slices.Clone(first)
	r.unhide(hidden, 0)
	if r.beginsMagic(hidden) {
		return nil
	}
	for _, seen := range [][]byte{head, hidden} {
		if len(seen) == len(Magic{}) && Magic(seen).Network() != "" {
			return r.skipAll(fault(ErrNetwork, 0, "the file holds blocks of %s (magic %v): %s expected", Magic(seen).Network(), Magic(seen), r.expected()))
		}
	}

	data, err := r.in.Peek(MaxBlockSize + 1)
	if err != nil && err != io.EOF {
		return r.readFault(err)
	}
	var why *Error
	if len(data) > MaxBlockSize {
		why = fault(ErrLength, MaxBlockSize, "it has more than %d bytes", MaxBlockSize)
	} else {
		errors.As(checkForm(data), &why)
	}
	switch {
	case why == nil:
		r.whole = true
		return nil
	case zeros(head) == len(head): // padding
		return nil
	}
	text := r.expected() // before a record says more
	err = r.skip(fault(ErrMagic, 0, "%x is not the start of a record: %s expected", head, text))
	var e *Error
	if _, end := r.in.Peek(1); end == io.EOF && errors.As(err, &e) && e.Skipped > 0 {
		e.Offset = why.Offset
		e.Text = fmt.Sprintf("the file is no blk file (it starts with %x, %s expected) and not one block: %s", head, text, why.Text)
	}
	return err
}

// nextWhole returns the whole stream as one block, the first time.
func (r *Reader) nextWhole(buf []byte) (Record, error) {
	data, err := r.in.Peek(MaxBlockSize)
	switch {
	case err != nil && err != io.EOF:
		return Record{}, r.readFault(err)
	case len(data) == 0:
		return Record{}, io.EOF
	}
	rec := Record{Block: room(buf, len(data))}
	copy(rec.Block, data)
	r.discard(len(data))
	return rec, nil
}

// frame goes to the next record and returns its magic and length. The error is
// [io.EOF] if only padding is left. The magic is looked for before the padding,
// since the key may turn its first byte into zero.
func (r *Reader) frame() (head [frameSize]byte, err error) {
	for {
		found, err := r.in.Peek(frameSize)
		if err != nil && err != io.EOF {
			return head, r.readFault(err)
		}
		if len(found) == 0 {
			return head, io.EOF
		}
		copy(head[:], found)
		r.unhide(head[:], r.offset)
		start := head[:min(len(found), len(Magic{}))]
		switch {
		case len(found) == frameSize && r.beginsMagic(start):
			r.settle(Magic(start))
			return head, nil
		case found[0] == 0:
			r.skipPadding()
		case r.beginsMagic(start):
			return head, r.skip(r.truncated("a record", frameSize, len(found)))
		default:
			return head, r.skip(fault(ErrMagic, r.offset, "%x is not the start of a record: %s expected", start, r.expected()))
		}
	}
}

// settle keeps to the magic of a record: all others of the stream have the same.
func (r *Reader) settle(m Magic) {
	if len(r.magics) > 1 {
		r.magics = []Magic{m}
	}
}

// expected names the magic that a record must have, for errors.
func (r *Reader) expected() string {
	if len(r.magics) == 1 {
		return fmt.Sprintf("the magic %v is", r.magics[0])
	}
	return "the magic of a known network is"
}

// beginsMagic reports whether data are a magic, or so much of it as the end of
// the stream left.
func (r *Reader) beginsMagic(data []byte) bool {
	return slices.ContainsFunc(r.magics, func(m Magic) bool { return bytes.HasPrefix(m[:], data) })
}

// isUndo reports whether the record of this size is one of a rev file: no block,
// and with the next magic 32 bytes behind it.
func (r *Reader) isUndo(size int) bool {
	next := frameSize + size + undoTrailer
	if size > MaxBlockSize {
		return false
	}
	data, _ := r.in.Peek(next + len(Magic{}))
	if len(data) < next+len(Magic{}) {
		return false
	}
	data = slices.Clone(data)
	r.unhide(data, r.offset)
	return r.beginsMagic(data[next:]) && checkForm(data[frameSize:frameSize+size]) != nil
}

// skip passes the bytes up to the next record, or to the end of the stream. It
// returns e with their number, or an error of the stream.
func (r *Reader) skip(e *Error) error {
	start := r.offset
	r.discard(1)
	for {
		if _, err := r.in.Peek(frameSize); err != nil && err != io.EOF {
			return r.readFault(err)
		}
		data, _ := r.in.Peek(min(r.in.Buffered(), scanSize))
		if at := r.find(r.plain(data)); at >= 0 {
			r.discard(at)
		} else if len(data) >= frameSize {
			r.discard(len(data) - frameSize + 1) // a record can begin in the last bytes
			continue
		} else {
			r.discard(len(data))
		}
		e.SkippedFrom, e.Skipped = start, r.offset-start
		return e
	}
}

// skipAll passes all that is left of the stream. It returns e with the number of
// bytes, or an error of the stream.
func (r *Reader) skipAll(e *Error) error {
	start := r.offset
	n, err := io.Copy(io.Discard, r.in)
	r.offset += n
	if err != nil {
		return r.readFault(err)
	}
	e.SkippedFrom, e.Skipped = start, n
	return e
}

// find returns where the first record starts in data, by its magic and a length
// that a block can have, or -1.
func (r *Reader) find(data []byte) int {
	first := -1
	for _, m := range r.magics {
		for at := 0; first < 0 || at < first; at++ {
			i := bytes.Index(data[at:], m[:])
			if i < 0 || at+i+frameSize > len(data) {
				break
			}
			at += i
			if isBlockSize(int(binary.LittleEndian.Uint32(data[at+len(m):]))) {
				if first < 0 || at < first {
					first = at
				}
				break
			}
		}
	}
	return first
}

// plain returns data, which begin at r.offset, without the key.
func (r *Reader) plain(data []byte) []byte {
	if r.key == [KeySize]byte{} {
		return data
	}
	r.scratch = append(r.scratch[:0], data...)
	r.unhide(r.scratch, r.offset)
	return r.scratch
}

// discard passes n bytes that lie in r.in.
func (r *Reader) discard(n int) {
	n, _ = r.in.Discard(n)
	r.offset += int64(n)
}

func isBlockSize(n int) bool { return minBlockSize <= n && n <= MaxBlockSize }

// skipPadding passes the zero bytes that have been read already.
func (r *Reader) skipPadding() {
	data, _ := r.in.Peek(r.in.Buffered())
	n := zeros(data)
	r.discard(n)
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

// truncated is the error for what the stream ends in, at r.offset.
func (r *Reader) truncated(what string, want, got int) *Error {
	return fault(ErrTruncated, r.offset, "the file ends inside %s: %s expected, %d there", what, bytesOf(want), got)
}

// readFault turns an error of the stream into an [*Error].
func (r *Reader) readFault(err error) error {
	return &Error{Kind: err, Offset: r.offset, Text: fmt.Sprintf("cannot read: %v", err)}
}

// room returns n bytes of the memory of buf, or else new ones.
func room(buf []byte, n int) []byte {
	if cap(buf) >= n {
		return buf[:n]
	}
	return make([]byte, n)
}
