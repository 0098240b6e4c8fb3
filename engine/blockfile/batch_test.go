package blockfile

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"stele/engine/blockfile/blockfiletest"
	"stele/engine/pow"
)

// segwitFile returns a blk file of small blocks and of large ones with witnesses.
func segwitFile(t testing.TB) []byte {
	file := blockfiletest.Chain(t)[:1<<20]
	_, last, err := lastRecord(file)
	if err != nil {
		t.Fatal(err)
	}
	file = file[:last]
	for _, raw := range blockfiletest.SegwitBlocks(t) {
		file = slices.Concat(file, record(raw), blockfiletest.Block277647(t))
	}
	return file
}

// lastRecord returns how many whole records a file has, and where they end.
func lastRecord(file []byte) (n int, end int64, err error) {
	records, err := readAll(NewReader(bytes.NewReader(file), noKey))
	if err != io.EOF && !errors.Is(err, ErrTruncated) {
		return 0, 0, err
	}
	last := records[len(records)-1]
	return len(records), last.BlockOffset + int64(len(last.Block)), nil
}

// The blocks of a batch, and what is known of them, are those of blocks that are read
// and parsed alone.
func TestBatch(t *testing.T) {
	file := segwitFile(t)
	want, err := readAll(NewReader(bytes.NewReader(file), noKey))
	if err != io.EOF {
		t.Fatal(err)
	}
	r := NewReader(bytes.NewReader(file), noKey)
	var batch Batch
	var hasher Hasher
	for err == io.EOF && len(want) > 0 {
		if err := r.Read(&batch); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		hasher.Hash(&batch)
		transactions := 0
		for i, rec := range batch.Records {
			var alone Block
			if err := alone.Parse(want[i].Block); err != nil {
				t.Fatal(err)
			}
			block, err := batch.Block(i)
			if err != nil || rec.Offset != want[i].Offset || !bytes.Equal(rec.Block, want[i].Block) {
				t.Fatalf("block at %d: %v, want the one at %d", rec.Offset, err, want[i].Offset)
			}
			if !slices.Equal(block.TxIDs, alone.TxIDs) || !slices.Equal(block.wtxids, alone.wtxids) || !slices.Equal(block.TxIDs, plainIDs(t, rec.Block)) {
				t.Fatalf("block at %d: ids %v, want %v", rec.Offset, block.TxIDs, alone.TxIDs)
			}
			if err := errors.Join(block.CheckMerkle(), block.CheckWitness()); err != nil || block.CheckRules() != nil || block.Header != alone.Header {
				t.Fatalf("block at %d: %v", rec.Offset, err)
			}
			transactions += len(block.TxIDs)
		}
		if n := len(batch.parts.spans); n != transactions {
			t.Errorf("a batch of %d transactions has memory in use for %d", transactions, n)
		}
		want = want[len(batch.Records):]
	}
	if err := r.Read(&batch); err != io.EOF || len(batch.Records) > 0 {
		t.Errorf("%d blocks behind the end: %v", len(batch.Records), err)
	}
}

// plainIDs returns the ids of the transactions of a block.
func plainIDs(t testing.TB, raw []byte) (ids []pow.Hash) {
	err := (&cursor{data: raw}).transactions(func(tx *transaction) {
		data := raw[tx.start:tx.end]
		if tx.witness {
			data = slices.Concat(raw[tx.start:tx.start+4], raw[tx.body:tx.bodyEnd], raw[tx.end-4:tx.end])
		}
		first := sha256.Sum256(data)
		ids = append(ids, sha256.Sum256(first[:]))
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// A block that cannot be parsed is in its batch, between the others.
func TestBatchWithBadBlock(t *testing.T) {
	good := block(t, unhex(t, plainTx), unhex(t, segwitTx))
	bad := slices.Clone(good)
	bad[pow.HeaderSize]++ // a transaction more than there are
	var batch Batch
	var hasher Hasher
	for range 2 { // the second time with used memory
		r := NewReader(bytes.NewReader(slices.Concat(record(good), record(bad), record(good))), noKey)
		if err := r.Read(&batch); err != io.EOF || len(batch.Records) != 3 {
			t.Fatalf("%v, %d blocks", err, len(batch.Records))
		}
		hasher.Hash(&batch)
		for i := range batch.Records {
			b, err := batch.Block(i)
			if i == 1 {
				wantFault(t, err, ErrTruncated, int64(len(bad)), "transaction 2 of 3: the block ends inside the version")
			} else if err != nil || b.CheckMerkle() != nil || len(b.wtxids) != 2 {
				t.Errorf("block %d: %v, %v", i, err, b)
			}
		}
	}
}

// A batch belongs to the caller: another reader may use it in between.
func TestReadersShareBatch(t *testing.T) {
	good := record(block(t, unhex(t, plainTx)))
	file := bytes.Repeat(good, 2*batchBytes/len(good))
	first, second := NewReader(bytes.NewReader(file), noKey), NewReader(bytes.NewReader(file), noKey)
	var batch Batch
	read := map[*Reader]int{}
	for range 3 {
		for _, r := range []*Reader{first, second} {
			if err := r.Read(&batch); err != nil && err != io.EOF {
				t.Fatal(err)
			}
			read[r] += len(batch.Records)
			clear(batch.memory)
		}
	}
	if want := len(file) / len(good); read[first] != want || read[second] != want {
		t.Errorf("%d and %d blocks, want %d", read[first], read[second], want)
	}
}

// What is read into one batch stays as it is while others are read, and no batch needs
// more memory than one has, however long the blocks, the padding, and what is skipped.
func TestBatchesAreApart(t *testing.T) {
	largest := record(bytes.Repeat([]byte{0x4e}, MaxBlockSize))
	small := record(block(t, unhex(t, plainTx)))
	var batches []*Batch
	rapid.Check(t, func(t *rapid.T) {
		var key [KeySize]byte
		copy(key[:], rapid.SampledFrom([]string{"", "8bytekey"}).Draw(t, "key"))
		file := slices.Clone(small)
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			file = append(file, rapid.SampledFrom([][]byte{
				small, bytes.Repeat(small, 3000), largest, []byte("junk"), bytes.Repeat([]byte("junk"), 300_000), make([]byte, 50), make([]byte, 1<<20),
			}).Draw(t, "part")...)
		}
		if key != noKey {
			file = bytes.ReplaceAll(file, make([]byte, 50), nil) // padding is never obfuscated
			obfuscate(file, key, 0)
		}
		in := io.Reader(bytes.NewReader(file))
		if rapid.Bool().Draw(t, "halves") {
			in = iotest.HalfReader(in)
		}
		r := NewReader(in, key)
		n := 0
		for err := error(nil); err != io.EOF; n++ {
			if n == len(batches) {
				batches = append(batches, new(Batch))
			}
			var e *Error
			err = r.Read(batches[n])
			if err != nil && err != io.EOF && (!errors.As(err, &e) || e.Skipped == 0) {
				t.Fatal(err)
			}
		}
		for _, b := range batches[:n] {
			for _, rec := range b.Records {
				want := slices.Clone(file[rec.BlockOffset:][:len(rec.Block)])
				obfuscate(want, key, rec.BlockOffset)
				if !bytes.Equal(rec.Block, want) {
					t.Fatalf("block at %d has changed", rec.Offset)
				}
			}
		}
	})
}

// obfuscate applies a key to data at an offset in a file.
func obfuscate(data []byte, key [KeySize]byte, offset int64) {
	if key != noKey {
		subtle.XORBytes(data, data, bytes.Repeat(key[:], len(data)/KeySize+2)[offset%KeySize:])
	}
}
