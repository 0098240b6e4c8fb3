package chainfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"stele/engine/pow"
)

const (
	magic      = "stele-b1"
	headSize   = len(magic) + 4 + len(pow.Hash{}) + 4
	lengthSize = 4
	endSize    = 4 + len(pow.Hash{}) // after the length 0
)

// The kinds of errors of a file.
var (
	// ErrFormat means that the file is not one of this format.
	ErrFormat = errors.New("not a file of blocks")
	// ErrTruncated means that the file ends early.
	ErrTruncated = errors.New("the file ends early")
	// ErrDamaged means that a part of the file is not as it was written.
	ErrDamaged = errors.New("the file is damaged")
	// ErrNetwork means that the file has the blocks of another network.
	ErrNetwork = errors.New("a file of another network")
)

// Error is what is wrong with a file, and where.
type Error struct {
	Height uint32 // of the block there; 0: it is no block
	Offset int64  // of the block or the part that is wrong, in bytes
	Err    error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Height == 0 {
		return fmt.Sprintf("at byte %d: %v", e.Offset, e.Err)
	}
	return fmt.Sprintf("block %d at byte %d: %v", e.Height, e.Offset, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Head is the beginning of a file.
type Head struct {
	Network uint32 // id
	Genesis pow.Hash
	First   uint32 // height of the first block
}

// Entry is a block of a file, without its body.
type Entry struct {
	Header pow.Header
	Height uint32
	Offset int64 // in the file, in bytes
}

// Reader reads the blocks of a file, one after the other. Its memory is one block.
// Not safe for concurrent use.
type Reader struct {
	head    Head
	in      io.Reader
	buffer  *bufio.Reader // of in
	maxSize int           // of a block

	offset int64 // of the next byte
	entry  Entry // that Next returned last
	count  uint32
	body   int   // bytes of the entry that were not read
	err    error // that ended the file
}

// NewReader reads the head of a file. Errors are an *[Error] with ErrFormat,
// ErrTruncated, ErrDamaged or an error of in.
func NewReader(in io.Reader) (*Reader, error) {
	r := &Reader{in: in, buffer: bufio.NewReaderSize(in, 1<<14), maxSize: maxBlockSize}
	var begin [len(magic)]byte
	switch err := r.read(begin[:]); {
	case err == nil && string(begin[:]) != magic, errors.Is(err, ErrTruncated):
		return nil, &Error{Err: fmt.Errorf("%w: must begin with %q", ErrFormat, magic)}
	case err != nil:
		return nil, &Error{Err: err}
	}
	var rest [headSize - len(magic)]byte
	if err := r.read(rest[:]); err != nil {
		return nil, &Error{Offset: int64(len(magic)), Err: err}
	}
	r.head = Head{Network: binary.LittleEndian.Uint32(rest[:]), Genesis: pow.Hash(rest[4:36]), First: binary.LittleEndian.Uint32(rest[36:])}
	if r.head.First == 0 {
		return nil, &Error{Offset: int64(headSize - 4), Err: fmt.Errorf("%w: the height of its first block is 0, must be 1 or above", ErrDamaged)}
	}
	return r, nil
}

// maxBlockSize bounds a block of any network, in bytes.
const maxBlockSize = 32 << 20

// Head returns the head of the file.
func (r *Reader) Head() Head { return r.head }

// Limit sets the maximum size of a block in bytes. Without it, 32 MiB.
func (r *Reader) Limit(size int) { r.maxSize = size }

// Next returns the next block without its body. At the end of a complete file the
// error is io.EOF, otherwise an *[Error] with ErrTruncated, ErrDamaged or an error of
// the file. After an error it returns the same error again. A body that was not read is
// skipped; if the file is an io.Seeker, that does not read it, and the end of the file
// may be noticed only by the next call.
func (r *Reader) Next() (Entry, error) {
	if r.err == nil {
		r.err = r.next()
	}
	if r.err != nil {
		return Entry{}, r.err
	}
	return r.entry, nil
}

func (r *Reader) next() error {
	if err := r.skip(r.body); err != nil {
		return r.fail(r.entry.Offset, err)
	}
	at := r.offset
	var start [lengthSize + pow.HeaderSize]byte
	if err := r.read(start[:lengthSize]); err != nil {
		return r.fail(at, err)
	}
	length := int64(binary.LittleEndian.Uint32(start[:]))
	if length == 0 {
		return r.end()
	}
	r.entry = Entry{Height: r.head.First + r.count, Offset: at}
	if length < pow.HeaderSize || length > int64(r.maxSize) {
		return r.fail(at, fmt.Errorf("%w: its length is %d bytes, must be %d to %d", ErrDamaged, length, pow.HeaderSize, r.maxSize))
	}
	if r.entry.Height < r.count {
		return r.fail(at, fmt.Errorf("%w: its height exceeds 32 bits", ErrDamaged))
	}
	err := r.read(start[lengthSize:])
	if err == nil {
		r.entry.Header, err = pow.DecodeHeader(start[lengthSize:])
	}
	if err != nil {
		return r.fail(at, err)
	}
	r.body = int(length) - pow.HeaderSize
	r.count++
	return nil
}

// end reads what follows the last block, and returns io.EOF if it is right.
func (r *Reader) end() error {
	last := pow.Hash{}
	if r.count > 0 {
		last = r.entry.Header.Hash()
	}
	r.entry.Height = 0 // what is wrong here is no block
	at := r.offset
	var end [endSize]byte
	if err := r.read(end[:]); err != nil {
		return r.fail(at, err)
	}
	if binary.LittleEndian.Uint32(end[:]) != r.count || pow.Hash(end[4:]) != last {
		return r.fail(at, fmt.Errorf("%w: its end does not fit its blocks", ErrDamaged))
	}
	at = r.offset
	switch err := r.read(end[:1]); {
	case err == nil:
		return r.fail(at, fmt.Errorf("%w: bytes follow its end", ErrDamaged))
	case errors.Is(err, ErrTruncated):
		return io.EOF
	default:
		return r.fail(at, err)
	}
}

// Body returns the encoded block that Next returned last. It is called at most once
// for each. Errors: those of Next.
func (r *Reader) Body() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	const step = 1 << 20 // the length is only a promise: the buffer grows with what comes
	header := r.entry.Header.Encode()
	raw := slices.Grow(header[:], min(r.body, step))
	for r.body > 0 {
		n := min(r.body, step)
		raw = slices.Grow(raw, n)[:len(raw)+n]
		if err := r.read(raw[len(raw)-n:]); err != nil {
			r.err = r.fail(r.entry.Offset, err)
			return nil, r.err
		}
		r.body -= n
	}
	return raw, nil
}

// again returns a reader of the same file from its beginning, which leaves this one
// where it is; nil if the file does not allow that.
func (r *Reader) again() *Reader {
	file, ok := r.in.(io.ReaderAt)
	if _, seeks := r.in.(io.Seeker); !ok || !seeks {
		return nil
	}
	second, err := NewReader(io.NewSectionReader(file, 0, math.MaxInt64))
	if err != nil {
		return nil
	}
	second.maxSize = r.maxSize
	return second
}

// read reads bytes that must be there. Errors: ErrTruncated, those of the file.
func (r *Reader) read(b []byte) error {
	n, err := io.ReadFull(r.buffer, b)
	r.offset += int64(n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return ErrTruncated
	}
	return err
}

// skip skips n bytes. Errors: those of read.
func (r *Reader) skip(n int) error {
	r.body = 0
	if file, ok := r.in.(io.Seeker); ok && n > r.buffer.Buffered() {
		if _, err := file.Seek(int64(n-r.buffer.Buffered()), io.SeekCurrent); err != nil {
			return err
		}
		r.buffer.Reset(r.in)
		r.offset += int64(n)
		return nil
	}
	skipped, err := r.buffer.Discard(n)
	r.offset += int64(skipped)
	if err == io.EOF {
		return ErrTruncated
	}
	return err
}

// fail returns an error about the current entry, or the end.
func (r *Reader) fail(at int64, err error) error {
	return &Error{Height: r.entry.Height, Offset: at, Err: err}
}
