package chainfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"stele/engine/pow"
	"stele/node/chain"
	"stele/node/chain/chaintest"
	"stele/node/ledger/block"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
	"stele/node/ledger/reject"
	"stele/node/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// verifier is shared by all tests, so that a signature is checked once.
var verifier = record.NewVerifier(1<<16, 0)

// node is a chain with its store, in memory.
type node struct {
	*chain.Chain
	store *store.Store
}

// fatal is what a test and a property have in common.
type fatal interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

func open(t fatal, b *chaintest.Builder, keep uint32) node {
	t.Helper()
	return openOn(t, b, vfs.NewMem(), keep)
}

func openOn(t fatal, b *chaintest.Builder, fs vfs.FS, keep uint32) node {
	t.Helper()
	s, err := store.Open("store", store.Identity{Network: b.Params.ID, Genesis: b.Genesis.Hash()}, store.Options{FS: fs, CacheBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c, err := chain.Open(context.Background(), chain.Options{Store: s, Params: b.Params, Verifier: verifier, Clock: b.Now, Keep: keep})
	if err != nil {
		t.Fatal(err)
	}
	return node{c, s}
}

// give submits the blocks of a chain.
func (n node) give(t *testing.T, tip *chaintest.Block) {
	t.Helper()
	for _, b := range tip.Chain()[1:] {
		if _, err := n.Submit(b.Block); err != nil {
			t.Fatal(err)
		}
	}
}

// export returns the file of a chain.
func (n node) export(t *testing.T, p *network.Params) []byte {
	t.Helper()
	var out bytes.Buffer
	res, err := Export(context.Background(), n.store, p, &out, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.Tip != n.Tip().Hash || res.Height != n.Tip().Height || res.Blocks != int(res.Height)-int(res.First)+1 {
		t.Fatalf("exported %+v, the tip is %v", res, n.Tip())
	}
	return out.Bytes()
}

// take imports a file, which can be read at any place or not.
func (n node) take(p *network.Params, file []byte, seekable bool) (Imported, error) {
	var in io.Reader = bytes.NewReader(file)
	if !seekable {
		in = struct{ io.Reader }{in}
	}
	r, err := NewReader(in)
	if err != nil {
		return Imported{}, err
	}
	return Import(context.Background(), n.Chain, p, r, nil)
}

func TestRoundTrip(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	from := open(t, b, 0)
	tip := b.Grow(b.Genesis, 40, 3)
	from.give(t, tip)
	file := from.export(t, b.Params)

	for _, seekable := range []bool{true, false} {
		to := open(t, b, 0)
		res, err := to.take(b.Params, file, seekable)
		if err != nil {
			t.Fatal(err)
		}
		if want := (Imported{Blocks: 40, Added: 40, Height: 40, Tip: tip.Hash()}); res != want {
			t.Errorf("seekable %t: imported %+v, want %+v", seekable, res, want)
		}
		if got := to.Tip(); got.Digest != from.Tip().Digest {
			t.Errorf("seekable %t: the state differs", seekable)
		}
		if !bytes.Equal(to.export(t, b.Params), file) {
			t.Error("the imported chain is exported as another file")
		}
		again, err := to.take(b.Params, file, seekable)
		if want := (Imported{Blocks: 40, From: 40, Height: 40, Tip: tip.Hash()}); err != nil || again != want {
			t.Errorf("seekable %t: imported again: %+v, %v", seekable, again, err)
		}
	}
}

func TestEmptyChain(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	file := open(t, b, 0).export(t, b.Params)
	res, err := open(t, b, 0).take(b.Params, file, true)
	if want := (Imported{Tip: b.Genesis.Hash()}); err != nil || res != want {
		t.Errorf("imported %+v, %v", res, err)
	}
}

// A file that was cut anywhere gives the blocks before the cut, and an error; the whole
// file then gives the rest.
func TestTruncated(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 2)
	from := open(t, b, 0)
	from.give(t, b.Grow(b.Genesis, 6, 1))
	file := from.export(t, b.Params)
	rapid.Check(t, func(t *rapid.T) {
		to := open(t, b, 0)
		cut := rapid.IntRange(headSize, len(file)-1).Draw(t, "cut")
		seekable := rapid.Bool().Draw(t, "seekable")
		res, err := to.take(b.Params, file[:cut], seekable)
		if !errors.Is(err, ErrTruncated) {
			t.Fatalf("error %v", err)
		}
		if want := blocksBefore(file, int64(cut)); res.Added != want || int(to.Tip().Height) != want {
			t.Fatalf("%d blocks of %d bytes: %+v", want, cut, res)
		}
		if res, err = to.take(b.Params, file, seekable); err != nil || res.Height != 6 || res.Added != 6-int(res.From) {
			t.Fatalf("the whole file: %+v, %v", res, err)
		}
	})
}

// blocksBefore returns how many blocks of a file are whole before an offset.
func blocksBefore(file []byte, offset int64) int {
	at, n := int64(headSize), 0
	for {
		length := int64(binary.LittleEndian.Uint32(file[at:]))
		if at += lengthSize + length; length == 0 || at > offset {
			return n
		}
		n++
	}
}

// A bit that changed anywhere is found, and the blocks before it are kept.
func TestDamaged(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 3)
	from := open(t, b, 0)
	from.give(t, b.Grow(b.Genesis, 6, 2))
	file := from.export(t, b.Params)
	rapid.Check(t, func(t *rapid.T) {
		to := open(t, b, 0)
		bit := rapid.IntRange(0, 8*len(file)-1).Draw(t, "bit")
		damaged := bytes.Clone(file)
		damaged[bit/8] ^= 1 << (bit % 8)
		_, err := to.take(b.Params, damaged, rapid.Bool().Draw(t, "seekable"))
		var where *Error
		if !errors.As(err, &where) {
			t.Fatalf("bit %d: error %v", bit, err)
		}
		// A header whose proof of work is still good is another block, on this network
		// each second time; then the next one does not fit.
		want := blocksBefore(file, int64(bit/8))
		if got := int(to.Tip().Height); got != want && got != want+1 {
			t.Fatalf("bit %d: height %d, want %d: %v", bit, got, want, err)
		}
	})
}

// The height in the head must be that of the first block.
func TestWrongHeight(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 8)
	from := open(t, b, 0)
	from.give(t, b.Grow(b.Genesis, 2, 0))
	file := from.export(t, b.Params)
	file[headSize-4]++
	if _, err := open(t, b, 0).take(b.Params, file, true); !errors.Is(err, ErrDamaged) {
		t.Errorf("error %v", err)
	}
}

func TestOtherNetwork(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 1)
	file := open(t, b, 0).export(t, b.Params)
	other := chaintest.New(chaintest.Network(func(p *network.Params) { p.ID++ }), 1)
	if _, err := open(t, other, 0).take(other.Params, file, true); !errors.Is(err, ErrNetwork) {
		t.Errorf("error %v", err)
	}
}

// The file of a pruned chain begins at the first body, and does not fit an empty chain.
func TestPruned(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 4)
	from, whole := open(t, b, chain.MinKeep), open(t, b, 0)
	tip := b.Grow(b.Genesis, 300, 0)
	from.give(t, tip)
	file := from.export(t, b.Params)
	r, err := NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	e, err := r.Next()
	if err != nil || e.Height != r.Head().First || e.Height < 2 || e.Height > 13 {
		t.Fatalf("first entry %+v, %v", e, err)
	}
	_, err = whole.take(b.Params, file, true)
	if reason, _ := reject.Of(err); reason != reject.UnknownParent {
		t.Errorf("on an empty chain: %v", err)
	}
	for _, blk := range tip.Chain()[1:e.Height] {
		if _, err := whole.Submit(blk.Block); err != nil {
			t.Fatal(err)
		}
	}
	if res, err := whole.take(b.Params, file, false); err != nil || res.Tip != tip.Hash() {
		t.Errorf("on its parent: %+v, %v", res, err)
	}
}

// A heavier branch is followed although it leaves the chain far below its tip, if the
// file can be read twice.
func TestDeepBranch(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 5)
	theirs, ours := open(t, b, 0), open(t, b, 0)
	heavier := b.Grow(b.Genesis, chain.MaxReorg+40, 0)
	theirs.give(t, heavier)
	file := theirs.export(t, b.Params)
	ours.give(t, b.Grow(b.Genesis, chain.MaxReorg+20, 0))

	_, err := ours.take(b.Params, file, false)
	if reason, _ := reject.Of(err); reason != reject.LowWork {
		t.Errorf("from a pipe: %v", err)
	}
	if res, err := ours.take(b.Params, file, true); err != nil || res.Tip != heavier.Hash() {
		t.Errorf("from a file: %+v, %v", res, err)
	}
}

func TestCancelled(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 6)
	from := open(t, b, 0)
	from.give(t, b.Grow(b.Genesis, 10, 0))
	r, err := NewReader(struct{ io.Reader }{bytes.NewReader(from.export(t, b.Params))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	to := open(t, b, 0)
	res, err := Import(ctx, to.Chain, b.Params, r, func(height, _ uint32) {
		if height == 4 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || res.Height != 4 {
		t.Errorf("imported %+v, %v", res, err)
	}
}

// Whatever a file holds, the reader ends, and a file that it reads to the end is
// written again as it was.
func FuzzReader(f *testing.F) {
	b := chaintest.New(chaintest.Network(), 7)
	var file bytes.Buffer
	w := NewWriter(&file, Head{Network: b.Params.ID, Genesis: b.Genesis.Hash(), First: 1})
	for _, blk := range b.Grow(b.Genesis, 3, 1).Chain()[1:] {
		if err := w.Write(blk.Encode()); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add(file.Bytes()[:headSize])
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		w := NewWriter(&again, r.Head())
		headers := r.again()
		for {
			e, err := r.Next()
			if e2, err2 := headers.Next(); err == nil && (e2 != e || err2 != nil) {
				t.Fatalf("%+v, %v without bodies, %+v with them", e2, err2, e)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return
			}
			raw, err := r.Body()
			if err != nil {
				return
			}
			if h, err := pow.DecodeHeader(raw[:pow.HeaderSize]); err != nil || h != e.Header {
				t.Fatal("body and header differ")
			}
			if err := w.Write(raw); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), data) {
			t.Fatal("another file was written")
		}
	})
}

// smallDisk has no space for writes while it is full.
type smallDisk struct{ isFull atomic.Bool }

func (d *smallDisk) String() string { return "small disk" }

func (d *smallDisk) MaybeError(op errorfs.Op) error {
	if d.isFull.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		return syscall.ENOSPC
	}
	return nil
}

// An import whose last blocks do not reach the disk is no success.
func TestFullDisk(t *testing.T) {
	b := chaintest.New(chaintest.Network(), 9)
	from := open(t, b, 0)
	from.give(t, b.Extend(b.Extend(b.Extend(b.Genesis))))
	r, err := NewReader(bytes.NewReader(from.export(t, b.Params)))
	if err != nil {
		t.Fatal(err)
	}
	disk := &smallDisk{}
	to := openOn(t, b, errorfs.Wrap(vfs.NewMem(), disk), 0)
	res, err := Import(t.Context(), to.Chain, b.Params, r, func(height, last uint32) { disk.isFull.Store(height == last) })
	if !errors.Is(err, store.ErrFull) || res.Added != 3 {
		t.Errorf("%+v, %v", res, err)
	}
	disk.isFull.Store(false)
	if err := to.Sync(); err != nil {
		t.Error(err)
	}
}

// A bad signature ends an import at its block, however far the file was read ahead, and
// all blocks before it are in the chain.
func TestBadSignature(t *testing.T) {
	const chunks, bad = 3, 17
	b := chaintest.New(chaintest.Network(), 8)
	var file bytes.Buffer
	w := NewWriter(&file, Head{Network: b.Params.ID, Genesis: b.Genesis.Hash(), First: 1})
	write := func(blk *block.Block) {
		if err := w.Write(blk.Encode()); err != nil {
			t.Fatal(err)
		}
	}
	tip := b.Genesis
	for tip.Height() < bad-1 {
		tip = b.Extend(tip, b.Records(tip, chunks*chunkRecords/bad)...)
		write(tip.Block)
	}
	records := b.Records(tip, 5)
	spoilt := *record.New(*records[2])
	spoilt.Signatures[0][40] ^= 1
	records[2] = record.New(spoilt)
	wrong := b.Draft(tip, records...).Seal()
	write(wrong)
	later := b.Draft(tip).Seal()
	later.Header.Prev = wrong.Hash()
	chaintest.Mine(&later.Header)
	for range chunkRecords {
		write(later)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	to := open(t, b, 0)
	res, err := to.take(b.Params, file.Bytes(), false)
	var wrongAt *Error
	if reason, _ := reject.Of(err); reason != reject.BadSignature || !errors.As(err, &wrongAt) || wrongAt.Height != bad {
		t.Errorf("%v, want %v at height %d", err, reject.BadSignature, bad)
	}
	if res.Tip != tip.Hash() || res.Added != bad-1 || res.Blocks != bad {
		t.Errorf("imported %+v, want up to %v", res, tip.Hash())
	}
}
