package seen

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"stele/engine/pow"
	"stele/internal/atomicfile"
	"stele/internal/text"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
)

// A file has a head, the marks of good records, those of rejected ones, each oldest first,
// and the SHA-256 of all of it. Numbers are big endian, times milliseconds since 1970.
//
//	head      magic, genesis hash (32 bytes), number of good marks (4), of rejected ones (4)
//	good      id (32), source (1), first (8), admitted (8), confirmed (8)
//	rejected  id (32), source (1), first (8), at (8), reason and text (1 byte of length before each)
const (
	magic     = "stele seen 1\n"
	headSize  = len(magic) + 32 + 4 + 4
	goodSize  = 32 + 1 + 3*8
	maxReason = 64 // bytes
	maxFile   = 1 << 28
)

var errDamaged = errors.New("file of marks is damaged")

// Save writes the marks to a file, and replaces what it has. Genesis is the hash of block
// 0 of the chain. Safe for concurrent use.
func (b *Book) Save(name string, genesis pow.Hash) error {
	return atomicfile.WriteFile(name, b.encode(genesis), 0o600)
}

// Load adds the marks of a file to an empty book, as far as it has room for them. A file
// that does not exist is no error. One that is damaged, or of another chain, is an error,
// and the book stays empty.
func (b *Book) Load(name string, genesis pow.Hash) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Size() > maxFile:
		return fmt.Errorf("%w: it has %d bytes, at most %d are possible", errDamaged, info.Size(), maxFile)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return b.decode(data, genesis)
}

func (b *Book) encode(genesis pow.Hash) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rejected []record.ID
	for _, id := range b.rejected.Keys() {
		if x, _ := b.rejected.Get(id); b.isFresh(x) {
			rejected = append(rejected, id)
		}
	}
	data := make([]byte, 0, headSize+b.good.Len()*goodSize+len(rejected)*128+sha256.Size)
	data = append(append(data, magic...), genesis[:]...)
	data = binary.BigEndian.AppendUint32(data, uint32(b.good.Len()))
	data = binary.BigEndian.AppendUint32(data, uint32(len(rejected)))
	number := func(n int64) { data = binary.BigEndian.AppendUint64(data, uint64(n)) }
	for _, id := range b.good.Keys() {
		g, _ := b.good.Get(id)
		data = append(append(data, id[:]...), g.from)
		number(g.first)
		number(g.admitted)
		number(g.confirmed)
	}
	for _, id := range rejected {
		x, _ := b.rejected.Get(id)
		data = append(append(data, id[:]...), x.from)
		number(x.first)
		number(x.at)
		for _, s := range []string{string(x.reason), x.text} {
			data = append(append(data, byte(len(s))), s...)
		}
	}
	return seal(data)
}

// seal appends the checksum.
func seal(data []byte) []byte {
	sum := sha256.Sum256(data)
	return append(data, sum[:]...)
}

// decode adds the marks of an encoding to an empty book.
func (b *Book) decode(data []byte, genesis pow.Hash) error {
	if len(data) < headSize+sha256.Size {
		return fmt.Errorf("%w: it has %d bytes, fewer than possible", errDamaged, len(data))
	}
	content, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if got := sha256.Sum256(content); !bytes.Equal(got[:], sum) {
		return fmt.Errorf("%w: its checksum is wrong", errDamaged)
	}
	in := &reading{rest: content}
	if string(in.take(len(magic))) != magic {
		return fmt.Errorf("%w: it does not begin with %q", errDamaged, magic)
	}
	if pow.Hash(in.take(32)) != genesis {
		return errors.New("file of marks is of another chain")
	}
	goods, rejections := in.marks()
	if in.failed || len(in.rest) > 0 {
		return fmt.Errorf("%w: its marks do not fill it, or have impossible values", errDamaged)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, g := range goods {
		b.good.Put(g.id, g.good)
	}
	for _, x := range rejections {
		b.rejected.Put(x.id, x.rejection)
	}
	return nil
}

type namedGood struct {
	id record.ID
	good
}

type namedRejection struct {
	id record.ID
	rejection
}

// reading reads an encoding. After a failure it returns zeros.
type reading struct {
	rest   []byte
	failed bool
}

// take returns the next n bytes.
func (in *reading) take(n int) []byte {
	if in.failed || n > len(in.rest) {
		in.failed = true
		return make([]byte, n)
	}
	taken := in.rest[:n]
	in.rest = in.rest[n:]
	return taken
}

// time reads a time, which is never negative.
func (in *reading) time() int64 {
	n := int64(binary.BigEndian.Uint64(in.take(8)))
	in.failed = in.failed || n < 0
	return n
}

func (in *reading) source() byte {
	n := in.take(1)[0]
	if int(n) >= len(sources) {
		in.failed = true
		return 0
	}
	return n
}

// text reads a text of at most limit bytes, which is printable.
func (in *reading) text(limit int) string {
	s := string(in.take(int(in.take(1)[0])))
	in.failed = in.failed || text.Clean(s, limit) != s
	return s
}

// marks reads the numbers of marks, and the marks.
func (in *reading) marks() (goods []namedGood, rejections []namedRejection) {
	n, m := binary.BigEndian.Uint32(in.take(4)), binary.BigEndian.Uint32(in.take(4))
	for ; n > 0 && !in.failed; n-- {
		g := namedGood{id: record.ID(in.take(32))}
		g.from, g.first, g.admitted, g.confirmed = in.source(), in.time(), in.time(), in.time()
		goods = append(goods, g)
	}
	for ; m > 0 && !in.failed; m-- {
		x := namedRejection{id: record.ID(in.take(32))}
		x.from, x.first, x.at, x.reason, x.text = in.source(), in.time(), in.time(), reject.Reason(in.text(maxReason)), in.text(maxText)
		rejections = append(rejections, x)
	}
	return goods, rejections
}
