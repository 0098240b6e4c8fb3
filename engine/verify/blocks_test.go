package verify

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"stele/engine/blockfile"
	"stele/engine/blockfile/blockfiletest"
	"stele/engine/headerchain"
	"stele/engine/pow"
)

func TestRealBlocks(t *testing.T) {
	path := blockfiletest.ChainPath(t)
	src := Source{Name: path, Open: func() (io.ReadCloser, error) { return os.Open(path) }}
	for _, workers := range []int{0, 1, 2, 5} {
		opts := bitcoin
		opts.Workers = workers
		r, err := Blocks(t.Context(), reference{}, []Source{src}, opts)
		if err != nil {
			t.Fatal(err)
		}
		if r.Items != blockfiletest.ChainBlocks || r.Valid != r.Items || r.Transactions != blockfiletest.ChainTransactions || r.First != nil {
			t.Errorf("%d workers: report %+v, first %+v", workers, r, r.First)
		}
		if r.Bytes != blockfiletest.ChainEnd-frameSize*blockfiletest.ChainBlocks {
			t.Errorf("%d bytes", r.Bytes)
		}
		if want := []string{CheckProofOfWork, CheckLink, CheckMedianTime, CheckLimit, CheckRetarget, CheckMerkleRoot, CheckWitness, CheckRules, CheckHeight, CheckSegwit}; !slices.Equal(r.Checks, want) {
			t.Errorf("checks %v", r.Checks)
		}
	}
}

func TestRealRawBlocks(t *testing.T) {
	blocks := blockfiletest.SegwitBlocks(t)
	var sources []Source
	for _, hash := range slices.Sorted(maps.Keys(blocks)) {
		sources = append(sources, source(hash, blocks[hash]))
	}
	sources = append(sources, source("277647", blockfiletest.Block277647(t)))
	opts := bitcoin
	opts.Unlinked = true
	r, err := Blocks(t.Context(), reference{}, sources, opts)
	if err != nil || r.Items != 3 || r.Valid != 3 {
		t.Fatalf("%v, report %+v, first %+v", err, r, r.First)
	}

	opts.Unlinked = false
	r, err = Blocks(t.Context(), reference{}, sources, opts)
	if err != nil || r.Valid != 1 || r.First.Index != 1 || r.First.Source != sources[1].Name || r.First.Faults[0].Reason != BadLink {
		t.Errorf("linked: %v, report %+v, first %+v", err, r, r.First)
	}
}

// A chain in several sources is one chain.
func TestBlocksInSeveralSources(t *testing.T) {
	c := realChain(t)
	first, second := c.part(0, 6000), c.part(6000, 14132)
	r, err := Blocks(t.Context(), reference{}, []Source{source("a", first.file), source("none", make([]byte, 100)), source("b", second.file)}, bitcoin)
	if err != nil || r.Items != 14132 || r.Valid != 14132 {
		t.Fatalf("%v, report %+v, first %+v", err, r, r.First)
	}

	block := second.block(1000)
	block[len(block)-1] ^= 1
	r, err = Blocks(t.Context(), reference{}, []Source{source("a", first.file), source("b", second.file)}, bitcoin)
	if err != nil || r.Valid != 14131 || r.First == nil {
		t.Fatalf("%v, report %+v, first %+v", err, r, r.First)
	}
	if f := r.First; f.Index != 7000 || f.Height != 7000 || f.Source != "b" || f.Offset != second.offsets[1000] || !slices.Equal(reasons(f), []Reason{BadMerkleRoot}) {
		t.Errorf("finding %+v", f)
	}
}

// One flipped bit in a block is reported with the right reason and place.
func TestFlippedBlockFields(t *testing.T) {
	c := realChain(t)
	const item = 170 // the first with two transactions
	for _, test := range []struct {
		field   string
		at      int // byte in the block
		bit     byte
		valid   int64
		reasons []Reason
		text    string
	}{
		{"Merkle root", 36, 1, 198, []Reason{HighHash, BadMerkleRoot}, "its 2 transactions have"},
		{"number of transactions, less", 80, 3, 199, []Reason{BadBlock}, "the block does not end after the last transaction: it has 275 bytes more"},
		{"number of transactions, more", 80, 1, 199, []Reason{BadBlock}, "transaction 2 of 3: the block ends inside the version"},
		{"number of transactions, huge", 80, 0xfd, 199, []Reason{BadBlock}, "the number of transactions is"},
		{"version", 81, 1, 199, []Reason{BadMerkleRoot}, ""},
		{"number of inputs", 85, 1, 199, []Reason{BadBlock}, "transaction 0 of 2: no inputs"},
		{"script length", 122, 128, 199, []Reason{BadBlock}, "transaction 0 of 2: "},
		{"signature", 300, 1, 199, []Reason{BadMerkleRoot}, "the header has the Merkle root 7dac2c5666815c17a3b36427de37bb9d2e2c5ccec3f8633eb91a4205cb4c10ff, its 2 transactions have "},
		{"lock time", 489, 128, 199, []Reason{BadMerkleRoot}, ""},
	} {
		t.Run(test.field, func(t *testing.T) {
			bad := c.part(0, 200)
			if n := len(bad.block(item)); n != 490 {
				t.Fatalf("block of %d bytes", n)
			}
			bad.block(item)[test.at] ^= test.bit
			r, err := Blocks(t.Context(), reference{}, []Source{source("x", bad.file)}, bitcoin)
			if err != nil || r.Items != 200 || r.Valid != test.valid || r.First == nil {
				t.Fatalf("%v, report %+v, first %+v", err, r, r.First)
			}
			f := r.First
			if f.Index != item || f.Height != item || f.Offset != c.offsets[item] {
				t.Errorf("finding %+v", f)
			}
			if !slices.Equal(reasons(f), test.reasons) || !strings.Contains(texts(f), test.text) {
				t.Errorf("reasons %v, want %v: %s", reasons(f), test.reasons, texts(f))
			}
		})
	}
}

func TestMutatedBlock(t *testing.T) {
	c := realChain(t)
	// The block of 3 transactions at height 586 with the last of them twice.
	block := slices.Clone(c.block(586))
	var b blockfile.Block
	if err := b.Parse(block); err != nil || len(b.TxIDs) != 3 {
		t.Fatalf("%v, %d transactions", err, len(b.TxIDs))
	}
	for size := 60; ; size++ {
		twice := append(slices.Clone(block), block[len(block)-size:]...)
		twice[80]++
		if b.Parse(twice) == nil {
			block = twice
			break
		}
	}
	r, err := Blocks(t.Context(), reference{}, []Source{source("x", block)}, bitcoin)
	if err != nil || r.Items != 1 || r.Valid != 0 || !slices.Equal(reasons(r.First), []Reason{MerkleMutated, DoubleSpend}) {
		t.Errorf("%v, report %+v, first %+v", err, r, r.First)
	}
}

func TestBadWitness(t *testing.T) {
	blocks := blockfiletest.SegwitBlocks(t)
	raw := slices.Clone(blocks["0000000000000000001602407ac49862a7bca9d00f7f402db20b7be2f5de59d2"])
	reserved := append([]byte{1, 32}, make([]byte, 32)...) // the witness of the coinbase
	raw[pow.HeaderSize+bytes.Index(raw[pow.HeaderSize:], reserved)+2] ^= 1
	r, err := Blocks(t.Context(), reference{}, []Source{source("x", raw)}, bitcoin)
	if err != nil || r.Valid != 0 || !slices.Equal(reasons(r.First), []Reason{BadWitness}) {
		t.Errorf("%v, report %+v, first %+v", err, r, r.First)
	}
}

// What cannot be read is a gap; what follows it is read.
func TestBlocksThatCannotBeRead(t *testing.T) {
	c := realChain(t).part(0, 10)
	broken := errors.New("broken")
	good := source("good", c.file)
	half := c.file[c.offsets[5] : c.offsets[5]+60]
	for _, test := range []struct {
		name  string
		src   Source
		items int64 // in src
		gap   Gap
		kind  error
		text  string
	}{
		{"ends inside a block", source("x", c.file[:len(c.file)-1]), 9, Gap{"x", 2077, 222, nil}, blockfile.ErrTruncated, "x: offset 2077: the file ends inside a block: expected 215 bytes, got 214; 222 bytes skipped"},
		{"garbage after a block", source("x", append(slices.Clone(c.file), "garbage!"...)), 10, Gap{"x", 2300, 8, nil}, blockfile.ErrMagic, "x: offset 2300: 67617262 is not the start of a record"},
		{"garbage between blocks", source("x", slices.Insert(slices.Clone(c.file), int(c.offsets[4]), []byte("garbage!")...)), 10, Gap{"x", c.offsets[4], 8, nil}, blockfile.ErrMagic, " is not the start of a record: expected the magic f9beb4d9; 8 bytes skipped"},
		{"half a record", source("x", slices.Insert(slices.Clone(c.file), int(c.offsets[5]), half...)), 10, Gap{"x", c.offsets[5], 60, nil}, blockfile.ErrLength, "is not one block (its byte 80: the number of transactions is "},
		{"neither", source("x", []byte("garbage!")), 0, Gap{"x", 0, 8, nil}, blockfile.ErrMagic, "x: offset 0: the file is neither a blk file (it starts with 67617262, "},
		{"raw block cut", source("x", c.block(0)[:284]), 0, Gap{"x", 0, 284, nil}, blockfile.ErrMagic, "nor one block: "},
		{"error", streamSource("x", io.MultiReader(bytes.NewReader(c.file[:c.offsets[3]+20]), iotest.ErrReader(broken))), 3, Gap{"x", c.offsets[3], 0, nil}, broken, "cannot read: broken"},
		{"does not open", Source{Name: "x", Open: func() (io.ReadCloser, error) { return os.Open("testdata/not there") }}, 0, Gap{"x", 0, 0, nil}, os.ErrNotExist, "open testdata/not there: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts := linked
			opts.Unlinked = true
			r, err := Blocks(t.Context(), reference{}, []Source{good, test.src, good}, opts)
			if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %v, want %q", err, test.text)
			}
			if want := 20 + test.items; r.Items != want || r.Valid != want {
				t.Errorf("report %+v, want %d items", r, want)
			}
			if r.Gaps.Count != 1 || r.Gaps.Bytes != test.gap.Bytes || len(r.Gaps.List) != 1 {
				t.Fatalf("gaps %+v", r.Gaps)
			}
			g := r.Gaps.List[0]
			if g.Err.Error() != err.Error() {
				t.Errorf("error of the gap: %v, of all: %v", g.Err, err)
			}
			g.Err = nil
			if g != test.gap {
				t.Errorf("gap %+v, want %+v", g, test.gap)
			}
		})
	}
	for _, sources := range [][]Source{nil, {source("a", nil), source("b", make([]byte, 1000))}} {
		r, err := Blocks(t.Context(), reference{}, sources, bitcoin)
		if !errors.Is(err, ErrEmpty) || r.Items != 0 {
			t.Errorf("%d empty files: %v, report %+v", len(sources), err, r)
		}
	}
}

// A gap in a chain is no fault of the block after it: that is judged by what is
// known of the blocks before it.
func TestGapsInAChain(t *testing.T) {
	c := realChain(t)
	const lost = 3000
	// Block 3000 is damaged in its frame, and of block 5000 a part was written
	// before it was written whole.
	file := slices.Clone(c.file)
	file[c.offsets[lost]] ^= 1
	file = slices.Insert(file, int(c.offsets[5000]), c.file[c.offsets[5000]:c.offsets[5000]+100]...)
	r, err := Blocks(t.Context(), reference{}, []Source{source("x", file)}, bitcoin)
	if !errors.Is(err, blockfile.ErrMagic) || !strings.HasSuffix(err.Error(), "(and 1 more gap)") {
		t.Errorf("error %v", err)
	}
	if r.Items != 14131 || r.Valid != 14131 || r.First != nil {
		t.Errorf("report %+v, first %+v", r, r.First)
	}
	if want := []string{CheckProofOfWork, CheckLink, CheckMedianTime, CheckLimit, CheckMerkleRoot, CheckWitness, CheckRules}; !slices.Equal(r.Checks, want) {
		t.Errorf("checks %v: after the gap the height is not known", r.Checks)
	}
	if r.Gaps.Count != 2 || r.Gaps.Bytes != c.offsets[lost+1]-c.offsets[lost]+100 {
		t.Errorf("gaps %+v", r.Gaps)
	}

	// A block that was lost without a gap is a fault as ever.
	file = slices.Delete(slices.Clone(c.file), int(c.offsets[lost]), int(c.offsets[lost+1]))
	r, err = Blocks(t.Context(), reference{}, []Source{source("x", file)}, linked)
	if err != nil || r.First == nil || !slices.Equal(reasons(r.First), []Reason{BadLink}) {
		t.Errorf("%v, report %+v, first %+v", err, r, r.First)
	}
}

// Of very many gaps the first are listed, and all are counted.
func TestManyGaps(t *testing.T) {
	c := realChain(t).part(0, 200)
	var file []byte
	for i := range c.offsets {
		file = append(append(file, "junk"...), frame(c.block(i))...)
	}
	r, err := Blocks(t.Context(), reference{}, []Source{source("x", file)}, linked)
	if err == nil || !strings.HasSuffix(err.Error(), "(and 199 more gaps)") {
		t.Errorf("error %v", err)
	}
	if r.Valid != 200 || r.Gaps.Count != 200 || r.Gaps.Bytes != 800 || len(r.Gaps.List) != maxGaps {
		t.Errorf("report %+v", r)
	}
}

// closing is a stream that notes that it was closed.
type closing struct {
	io.Reader
	closed *bool
}

func (c closing) Close() error {
	*c.closed = true
	return nil
}

// Files packed with gzip are read as the files in them, and damage in them is
// reported.
func TestGzip(t *testing.T) {
	c := realChain(t)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(c.file); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Blocks(t.Context(), reference{}, []Source{source("x.gz", packed.Bytes())}, bitcoin)
	if err != nil || r.Items != 14132 || r.Valid != 14132 {
		t.Errorf("%v, report %+v", err, r)
	}
	r, err = Blocks(t.Context(), reference{}, []Source{source("x.gz", packed.Bytes()[:packed.Len()/2]), source("y", c.part(0, 10).file)}, Options{Unlinked: true})
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "x.gz: offset ") || !strings.Contains(err.Error(), ": cannot read: gzip: unexpected EOF") {
		t.Errorf("cut: %v", err)
	}
	if r.Items < 1000 || r.Items > 14000 || r.Valid != r.Items {
		t.Errorf("cut: report %+v", r)
	}

	// A source that fails at once, or whose gzip begins wrongly, is closed.
	broken := errors.New("broken")
	for _, in := range []io.Reader{iotest.ErrReader(broken), bytes.NewReader([]byte{0x1f, 0x8b, 8, 0})} {
		closed := false
		src := Source{Name: "x", Open: func() (io.ReadCloser, error) { return closing{in, &closed}, nil }}
		if r, err := Blocks(t.Context(), reference{}, []Source{src, source("y", c.part(0, 10).file)}, linked); err == nil || !strings.HasPrefix(err.Error(), "x: ") || r.Valid != 10 || !closed {
			t.Errorf("%v, report %+v, closed: %v", err, r, closed)
		}
	}

	headers := mine(100)
	packed.Reset()
	w.Reset(&packed)
	if _, err := w.Write(headers); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := Headers(t.Context(), reference{}, source("x.gz", packed.Bytes()), linked); err != nil || r.Valid != 100 {
		t.Errorf("headers: %v, report %+v", err, r)
	}
	packed.Truncate(packed.Len() - 1) // of the checksum behind the data
	if r, err := Headers(t.Context(), reference{}, source("x.gz", packed.Bytes()), linked); !errors.Is(err, io.ErrUnexpectedEOF) || r.Valid != 100 {
		t.Errorf("headers, cut: %v, report %+v", err, r)
	}
}

func TestBlocksEngineFails(t *testing.T) {
	c := realChain(t)
	broken := errors.New("broken")
	r, err := Blocks(t.Context(), &failing{1, broken}, []Source{source("x", c.file), source("y", c.file)}, bitcoin)
	if !errors.Is(err, broken) || r.Items == 0 || r.Items == 14132 || r.Valid != r.Items {
		t.Errorf("%v, report %+v", err, r)
	}
}

// repeat gives data again and again until the context ends.
type repeat struct {
	endless
	data []byte
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	if _, err := r.endless.Read(nil); err != nil {
		return 0, err
	}
	n := copy(p, r.data[r.at:])
	r.at = (r.at + n) % len(r.data)
	return n, nil
}

func TestBlocksCancel(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	in := &repeat{endless: endless{ctx, stop, 20}, data: blockfiletest.Chain(t)}
	r, err := Blocks(ctx, reference{}, []Source{streamSource("x", in)}, linked)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, report %+v", err, r)
	}
}

// zeros gives zeros and does not know of any context. It calls stop after 10
// reads, and ends after 1000.
type zeros struct {
	stop  func()
	reads int
}

func (z *zeros) Read(p []byte) (int, error) {
	switch z.reads++; z.reads {
	case 10:
		z.stop()
	case 1000:
		return 0, io.EOF
	}
	clear(p)
	return len(p), nil
}

// Padding without end can be left, although no block comes.
func TestPaddingCancel(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	in := &zeros{stop: stop}
	r, err := Blocks(ctx, reference{}, []Source{streamSource("x", in)}, linked)
	if !errors.Is(err, context.Canceled) || r.Items != 0 || in.reads != 10 {
		t.Errorf("%v after %d reads, report %+v", err, in.reads, r)
	}
}

// However blocks are changed, left out or exchanged, the report is that of a
// plain loop over the blocks.
func TestBlocksAgainstPlainLoop(t *testing.T) {
	whole := realChain(t)
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.SampledFrom([]int{0, 1, 160, 2000}).Draw(t, "first")
		c := whole.part(first, first+40)
		var blocks [][]byte
		for i := range c.offsets {
			blocks = append(blocks, c.block(i))
		}
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			i := rapid.IntRange(0, len(blocks)-1).Draw(t, "block")
			switch rapid.IntRange(0, 2).Draw(t, "change") {
			case 0:
				at := rapid.IntRange(0, len(blocks[i])-1).Draw(t, "byte")
				blocks[i][at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			case 1:
				blocks = slices.Delete(blocks, i, i+1)
			default:
				j := rapid.IntRange(0, len(blocks)-1).Draw(t, "other")
				blocks[i], blocks[j] = blocks[j], blocks[i]
			}
		}
		var file []byte
		for _, b := range blocks {
			file = append(file, frame(b)...)
		}
		opts := Options{
			Unlinked:    rapid.Bool().Draw(t, "unlinked"),
			Network:     rapid.SampledFrom([]*Network{nil, Bitcoin}).Draw(t, "network"),
			StartHeight: rapid.SampledFrom([]int64{headerchain.UnknownHeight, int64(first)}).Draw(t, "height"),
			Workers:     rapid.IntRange(1, 3).Draw(t, "workers"),
		}
		valid, index, want := plainLoop(blocks, opts)
		r, err := Blocks(context.Background(), reference{}, []Source{source("x", file)}, opts)
		if err != nil {
			t.Fatal(err)
		}
		if r.Items != int64(len(blocks)) || r.Valid != int64(valid) {
			t.Errorf("%d of %d valid, want %d of %d", r.Valid, r.Items, valid, len(blocks))
		}
		if (r.First == nil) != (want == nil) {
			t.Fatalf("first %+v, want %v", r.First, want)
		}
		if r.First != nil && (r.First.Index != int64(index) || !slices.Equal(reasons(r.First), want)) {
			t.Errorf("first %+v, want %d: %v", r.First, index, want)
		}
	})
}

// plainLoop returns how many of the blocks are valid, and which is the first
// that is not, for what reasons.
func plainLoop(blocks [][]byte, opts Options) (valid, index int, first []Reason) {
	c := headerchain.New(opts.params(), opts.StartHeight)
	for i, raw := range blocks {
		var wrong []Reason
		h, _ := pow.DecodeHeader(raw[:pow.HeaderSize])
		err := h.CheckProofOfWork(pow.MaxTarget)
		switch {
		case errors.Is(err, pow.ErrHighHash):
			wrong = append(wrong, HighHash)
		case err != nil:
			wrong = append(wrong, BadBits)
		}
		if !opts.Unlinked && i > 0 && h.Prev != pow.Sum(blocks[i-1][:pow.HeaderSize]) {
			wrong = append(wrong, BadLink)
		}
		err = headerchain.CheckLimit(opts.params(), h.Bits)
		if !opts.Unlinked {
			err = c.Append(raw[:pow.HeaderSize])
		}
		var broken headerchain.Violations
		errors.As(err, &broken)
		for _, v := range broken {
			wrong = append(wrong, Reason(v.Rule))
		}
		var b blockfile.Block
		if err := b.Parse(raw); err != nil {
			wrong = append(wrong, BadBlock)
		} else {
			if root, mutated := pow.MerkleRoot(b.TxIDs); root != h.MerkleRoot {
				wrong = append(wrong, BadMerkleRoot)
			} else if mutated {
				wrong = append(wrong, MerkleMutated)
			}
			for _, e := range b.CheckRules() {
				wrong = append(wrong, blockReasons[e.Kind])
			}
		}
		switch {
		case len(wrong) == 0:
			valid++
		case first == nil:
			index, first = i, wrong
		}
	}
	return valid, index, first
}

// moody returns its data, reports their end twice, and then fails.
type moody struct {
	*bytes.Reader
	asked int
	after error
}

func (m *moody) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if err == io.EOF {
		if m.asked++; m.asked > 2 {
			return 0, m.after
		}
	}
	return n, err
}

// A stream of one block without a frame that fails behind it leaves the block, and
// an error that reports where.
func TestRawBlockFailsBehindItsEnd(t *testing.T) {
	raw := realChain(t).block(0)
	broken := errors.New("broken")
	in := &moody{bytes.NewReader(raw), 0, broken}
	r, err := Blocks(t.Context(), reference{}, []Source{streamSource("x", in)}, Options{Unlinked: true})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "cannot read: broken") || r.Items != 1 || r.Valid != 1 {
		t.Errorf("%v, report %+v", err, r)
	}
}
