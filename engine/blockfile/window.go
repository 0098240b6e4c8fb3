package blockfile

import "io"

const (
	// windowSize is the number of bytes that a Reader sees ahead: the longest
	// record, and the bytes that follow it in a rev file.
	windowSize = 1 << 22

	// readAhead is the number of bytes read beyond those that are asked for: so many
	// that small blocks do not cost a call each, and so few that it costs little to
	// move them to the next batch.
	readAhead = 1 << 16

	// maxEmptyReads bounds the reads without a byte or an error, one after the other.
	maxEmptyReads = 100
)

// window is the part of a stream that is in memory. The memory is the caller's, so
// that blocks stay where they were read. Like [bufio.Reader] it returns an error of
// the stream after the bytes before it, once, and then reads on.
type window struct {
	in      io.Reader
	memory  []byte
	kept    int // bytes at the start of memory that no longer move
	at, end int // memory[at:end] was read and is not yet discarded
	err     error
	own     []byte // has the unread bytes while no other memory is in use
}

// reset begins another stream.
func (w *window) reset(in io.Reader) { *w = window{in: in, own: w.own} }

// use moves the unread bytes to memory, where nothing is kept yet. It must have room
// for them.
func (w *window) use(memory []byte) {
	n := copy(memory, w.unread())
	w.memory, w.kept, w.at, w.end = memory, 0, 0, n
}

// leave moves the unread bytes away from the memory in use.
func (w *window) leave() {
	w.own = append(w.own[:0], w.unread()...)
	w.memory, w.kept, w.at, w.end = w.own, 0, 0, len(w.own)
}

// unread returns the bytes that were read and are not yet discarded.
func (w *window) unread() []byte { return w.memory[w.at:w.end] }

// peek returns the next n bytes without discarding them. If there are fewer, it
// returns these and why. They stay valid until the next peek.
func (w *window) peek(n int) ([]byte, error) {
	for w.end-w.at < n && w.err == nil {
		w.fill(n)
	}
	data := w.unread()
	if len(data) >= n {
		return data[:n], nil
	}
	err := w.err
	w.err = nil
	return data, err
}

// fill reads once, so that n bytes can come to be in the window.
func (w *window) fill(n int) {
	if w.at == w.end || w.at+n > len(w.memory) {
		w.end = w.kept + copy(w.memory[w.kept:], w.unread())
		w.at = w.kept
	}
	room := w.memory[w.end:min(w.at+n+readAhead, len(w.memory))]
	for range maxEmptyReads {
		var read int
		read, w.err = w.in.Read(room)
		w.end += read
		if read > 0 || w.err != nil {
			return
		}
	}
	w.err = io.ErrNoProgress
}

// keep discards the next n bytes. They, and all before them, stay where they are.
func (w *window) keep(n int) {
	w.at += n
	w.kept = w.at
}
