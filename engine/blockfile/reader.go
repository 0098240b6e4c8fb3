package blockfile

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	frameSize = 8 // magic and length

	// scanSize is the number of bytes searched for a record at a time.
	scanSize = 1 << 16

	// keysSize is the number of bytes that are deobfuscated at a time: a multiple of
	// KeySize.
	keysSize = 1 << 10

	// undoTrailer is the length of the checksum after a record of a rev file.
	undoTrailer = 32
)

// Reader splits a stream into blocks. Not safe for concurrent use.
//
// In a blk file each record is a [Magic], the length of the block (4 bytes,
// little-endian) and the block. Any number of zero bytes may precede a record or
// end the file, because a node allocates its files in large pieces. Bitcoin Core
// 28 and later obfuscates blk files by XOR with a key of 8 bytes, which is in
// xor.dat beside them (see [ReadKey]).
//
// A stream that does not begin with a magic and is one whole block is read as that
// block, without framing.
//
// Bytes that are neither padding nor a record are skipped up to the next record
// and reported as an error:
//
//   - bytes without a magic before them,
//   - a length that no block can have,
//   - a record that is not a block while another record begins inside it, which a
//     node leaves when it is stopped during a write.
type Reader struct {
	in      window
	key     [KeySize]byte
	magics  []Magic // that a record may have; after the first record, its own
	offset  int64   // of the next byte of in
	started bool
	whole   bool   // the stream is one block without framing
	framed  bool   // a record was read
	keys    []byte // key again and again
	scratch []byte // scanned bytes of an obfuscated file
}

// Record is a block and its place in the stream.
type Record struct {
	Offset      int64  // byte at which the record starts: its magic, if framed
	BlockOffset int64  // byte at which the block starts
	Block       []byte // as it is in the stream, but not obfuscated
}

// NewReader returns a reader of the blocks in r. The key is the content of
// xor.dat, or the zero value; a file that is not obfuscated can be read with any
// key that does not begin with four zeros. All records must have the same magic,
// one of magics, or without any, that of a known network.
func NewReader(r io.Reader, key [KeySize]byte, magics ...Magic) *Reader {
	reader := &Reader{}
	reader.Reset(r, key, magics...)
	return reader
}

// Reset makes r read another stream like a new reader, and keeps its buffers.
func (r *Reader) Reset(in io.Reader, key [KeySize]byte, magics ...Magic) {
	if len(magics) == 0 {
		magics = knownMagics()
	}
	r.in.reset(in)
	*r = Reader{in: r.in, key: key, magics: magics, scratch: r.scratch}
}

// Read fills a batch with the next blocks of the stream and parses them, but computes no
// ids. The bytes of the blocks are not copied. At an error the batch has the blocks before
// it. At the end of the stream the error is [io.EOF]. Other errors are [*Error] with the
// offset in the stream.
//
// After [ErrMagic], [ErrLength], [ErrTruncated], [ErrNetwork] and [ErrUndo] the bytes in
// question have been skipped, as [Error.Skipped] reports, and Read can be called again. It
// must not be called again after an error of the stream itself.
func (r *Reader) Read(b *Batch) error {
	b.clear()
	r.in.use(b.room())
	defer r.in.leave()
	for r.in.kept < batchBytes {
		if err := r.read(b); err != nil {
			return err
		}
	}
	return nil
}

// read appends the next block to a batch, in whose memory the window lies.
func (r *Reader) read(b *Batch) error {
	if !r.started {
		if err := r.start(); err != nil {
			return err
		}
	}
	if r.whole {
		return r.readWhole(b)
	}
	head, err := r.frame()
	if err != nil {
		return err
	}
	size := int(binary.LittleEndian.Uint32(head[len(Magic{}):]))
	if !r.framed && r.isUndo(size) {
		return r.skipAll(fault(ErrUndo, r.offset, "the file has undo data, as the rev files of a node: expected a file of blocks (blk)"))
	}
	if !isBlockSize(size) {
		return r.skip(fault(ErrLength, r.offset, "the record has a length of %s: expected %d to %d", bytesOf(size), minBlockSize, MaxBlockSize))
	}
	data, err := r.in.peek(frameSize + size)
	if err != nil && err != io.EOF {
		return r.readFault(err)
	}
	data = data[min(frameSize, len(data)):]
	if len(data) < size {
		return r.skip(r.truncated("a block", size, len(data)))
	}
	rec := Record{Offset: r.offset, BlockOffset: r.offset + frameSize, Block: data}
	r.deobfuscate(rec.Block, rec.BlockOffset)
	if err := b.add(rec, r.in.at+frameSize); err != nil {
		// Only a record that is not a block can have another one inside it.
		if at := r.find(rec.Block); at >= 0 {
			b.drop()
			r.deobfuscate(rec.Block, rec.BlockOffset) // back, to be scanned again
			return r.skip(fault(ErrLength, r.offset, "the record of %s is not one block (its byte %d: %s), and another record begins at offset %d", bytesOf(size), err.Offset, err.Text, rec.BlockOffset+int64(at)))
		}
	}
	r.framed = true
	r.keep(frameSize + size)
	return nil
}

// start determines from the first bytes what the stream is.
func (r *Reader) start() error {
	r.started = true
	first, err := r.in.peek(len(Magic{}))
	if err != nil && err != io.EOF {
		return r.readFault(err)
	}
	if r.beginsMagic(first) {
		r.key = [KeySize]byte{}
		return nil
	}
	head := slices.Clone(first) // what r.in returns changes
	plain := slices.Clone(first)
	r.deobfuscate(plain, 0)
	if r.beginsMagic(plain) {
		return nil
	}
	for _, seen := range [][]byte{head, plain} {
		if len(seen) == len(Magic{}) && Magic(seen).Network() != "" {
			return r.skipAll(fault(ErrNetwork, 0, "the file has blocks of %s (magic %v): expected %s", Magic(seen).Network(), Magic(seen), r.expected()))
		}
	}

	data, err := r.in.peek(MaxBlockSize + 1)
	if err != nil && err != io.EOF {
		return r.readFault(err)
	}
	var notBlock *Error // why the stream is not one block
	if len(data) > MaxBlockSize {
		notBlock = fault(ErrLength, MaxBlockSize, "it has more than %d bytes", MaxBlockSize)
	} else {
		notBlock = checkForm(data)
	}
	switch {
	case notBlock == nil:
		r.whole = true
		return nil
	case zeros(head) == len(head): // padding
		return nil
	}
	text := r.expected() // before settle changes it
	err = r.skip(fault(ErrMagic, 0, "%x is not the start of a record: expected %s", head, text))
	var e *Error
	if _, end := r.in.peek(1); end == io.EOF && errors.As(err, &e) && e.Skipped > 0 {
		e.Offset = notBlock.Offset
		e.Text = fmt.Sprintf("the file is neither a blk file (it starts with %x, expected %s) nor one block: %s", head, text, notBlock.Text)
	}
	return err
}

// readWhole appends the whole stream as one block to a batch, the first time.
func (r *Reader) readWhole(b *Batch) error {
	data, err := r.in.peek(MaxBlockSize)
	switch {
	case err != nil && err != io.EOF:
		return r.readFault(err)
	case len(data) == 0:
		return io.EOF
	}
	_ = b.add(Record{Block: data}, r.in.at) // start has parsed it
	r.keep(len(data))
	return nil
}

// frame skips padding up to the next record and returns its magic and length. The
// error is [io.EOF] if only padding is left. It checks for a magic before padding,
// because the key may turn the first byte of a magic into zero.
func (r *Reader) frame() (head [frameSize]byte, err error) {
	for {
		found, err := r.in.peek(frameSize)
		if err != nil && err != io.EOF {
			return head, r.readFault(err)
		}
		if len(found) == 0 {
			return head, io.EOF
		}
		copy(head[:], found)
		r.deobfuscate(head[:], r.offset)
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
			return head, r.skip(fault(ErrMagic, r.offset, "%x is not the start of a record: expected %s", start, r.expected()))
		}
	}
}

// settle accepts from now on only the magic of this record, which all others of
// the stream must have.
func (r *Reader) settle(m Magic) {
	if len(r.magics) > 1 {
		r.magics = []Magic{m}
	}
}

// expected names the magic that a record must have, for errors.
func (r *Reader) expected() string {
	if len(r.magics) == 1 {
		return fmt.Sprintf("the magic %v", r.magics[0])
	}
	return "the magic of a known network"
}

// beginsMagic reports whether data are a magic, or the beginning of one that the
// end of the stream cuts off.
func (r *Reader) beginsMagic(data []byte) bool {
	return slices.ContainsFunc(r.magics, func(m Magic) bool { return bytes.HasPrefix(m[:], data) })
}

// isUndo reports whether the record of this size is one of a rev file: it is not a
// block, and the next magic follows 32 bytes after it.
func (r *Reader) isUndo(size int) bool {
	next := frameSize + size + undoTrailer
	if size > MaxBlockSize {
		return false
	}
	data, _ := r.in.peek(next + len(Magic{}))
	if len(data) < next+len(Magic{}) {
		return false
	}
	data = slices.Clone(data)
	r.deobfuscate(data, r.offset)
	return r.beginsMagic(data[next:]) && checkForm(data[frameSize:frameSize+size]) != nil
}

// skip skips the bytes up to the next record or the end of the stream. It returns e
// with their number, or an error of the stream.
func (r *Reader) skip(e *Error) error {
	start := r.offset
	r.discard(1)
	for {
		if _, err := r.in.peek(frameSize); err != nil && err != io.EOF {
			return r.readFault(err)
		}
		data := r.in.unread()
		data = data[:min(len(data), scanSize)]
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

// skipAll skips the rest of the stream. It returns e with the number of bytes, or
// an error of the stream.
func (r *Reader) skipAll(e *Error) error {
	start := r.offset
	for {
		data, err := r.in.peek(scanSize)
		r.discard(len(data))
		switch err {
		case nil:
		case io.EOF:
			e.SkippedFrom, e.Skipped = start, r.offset-start
			return e
		default:
			return r.readFault(err)
		}
	}
}

// find returns the index at which the first record starts in data, recognized by
// its magic and a length that a block can have, or -1.
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

// plain returns data, which begin at r.offset, deobfuscated.
func (r *Reader) plain(data []byte) []byte {
	if r.key == [KeySize]byte{} {
		return data
	}
	r.scratch = append(r.scratch[:0], data...)
	r.deobfuscate(r.scratch, r.offset)
	return r.scratch
}

// discard skips n bytes of the window.
func (r *Reader) discard(n int) {
	r.in.at += n
	r.offset += int64(n)
}

// keep skips n bytes of the window, which stay where they are.
func (r *Reader) keep(n int) {
	r.in.keep(n)
	r.offset += int64(n)
}

func isBlockSize(n int) bool { return minBlockSize <= n && n <= MaxBlockSize }

// skipPadding skips the zero bytes at the front of the window.
func (r *Reader) skipPadding() {
	r.discard(zeros(r.in.unread()))
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

// deobfuscate applies the key to data at offset in the stream. To do so twice changes
// nothing.
func (r *Reader) deobfuscate(data []byte, offset int64) {
	if r.key == [KeySize]byte{} {
		return
	}
	if r.keys == nil {
		r.keys = bytes.Repeat(r.key[:], 1+keysSize/KeySize)
	}
	keys := r.keys[offset%KeySize:][:keysSize]
	for len(data) > 0 {
		data = data[subtle.XORBytes(data, data, keys):]
	}
}

// truncated returns the error of a stream that ends inside what, at r.offset.
func (r *Reader) truncated(what string, want, got int) *Error {
	return fault(ErrTruncated, r.offset, "the file ends inside %s: expected %s, got %d", what, bytesOf(want), got)
}

// readFault returns an error of the stream as an [*Error].
func (r *Reader) readFault(err error) error {
	return &Error{Kind: err, Offset: r.offset, Text: fmt.Sprintf("cannot read: %v", err)}
}
