package blockfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"stele/engine/blockfile/blockfiletest"
)

var noKey [KeySize]byte

// readAll reads until the first error, io.EOF included.
func readAll(r *Reader) (records []Record, err error) {
	for {
		rec, err := r.Next(nil)
		if err != nil {
			return records, err
		}
		records = append(records, rec)
	}
}

func TestReadRealFile(t *testing.T) {
	data := blockfiletest.Chain(t)
	records, err := readAll(NewReader(bytes.NewReader(data), noKey))
	if err != io.EOF || len(records) != blockfiletest.ChainBlocks {
		t.Fatalf("%d blocks, then %v", len(records), err)
	}
	end, transactions := int64(0), 0
	var b Block
	for i, rec := range records {
		if rec.Offset != end || rec.BlockOffset != end+frameSize {
			t.Fatalf("block %d: offsets %d and %d, want %d", i, rec.Offset, rec.BlockOffset, end)
		}
		end = rec.BlockOffset + int64(len(rec.Block))
		if err := errors.Join(b.Parse(rec.Block), b.CheckMerkle(), b.CheckWitness()); err != nil {
			t.Fatalf("block %d: %v", i, err)
		}
		transactions += len(b.TxIDs)
	}
	if end != blockfiletest.ChainEnd || transactions != blockfiletest.ChainTransactions {
		t.Errorf("%d bytes, %d transactions", end, transactions)
	}
}

func TestNextReadsIntoRoom(t *testing.T) {
	raw := block(t, unhex(t, plainTx))
	r := NewReader(bytes.NewReader(slices.Concat(record(raw), record(raw))), noKey)
	room := make([]byte, len(raw))
	for i, buf := range [][]byte{room[:0], room[: 0 : len(raw)-1]} {
		rec, err := r.Next(buf)
		if err != nil || !bytes.Equal(rec.Block, raw) {
			t.Fatalf("record %d: %v, %x", i, err, rec.Block)
		}
		if inRoom := &rec.Block[0] == &room[0]; inRoom != (i == 0) {
			t.Errorf("record %d: lies in the room: %v", i, inRoom)
		}
	}
}

func TestReaderFaults(t *testing.T) {
	raw := block(t, unhex(t, plainTx))
	rec := record(raw)
	n := int64(len(rec))
	length := func(size uint32) []byte {
		return binary.LittleEndian.AppendUint32(slices.Clone(Magic[:]), size)
	}
	for _, test := range []struct {
		name    string
		data    []byte
		records int
		kind    error
		offset  int64
		text    string
	}{
		{"ends in the magic", slices.Concat(rec, Magic[:3]), 1, ErrTruncated, n, "inside a record: 8 bytes expected, 3 there"},
		{"ends in the length", slices.Concat(rec, rec[:7]), 1, ErrTruncated, n, "inside a record: 8 bytes expected, 7 there"},
		{"ends before the block", slices.Concat(rec, rec[:8]), 1, ErrTruncated, n, "inside a block: 141 bytes expected, 0 there"},
		{"ends in the block", slices.Concat(rec, rec, rec[:20]), 2, ErrTruncated, 2 * n, "inside a block: 141 bytes expected, 12 there"},
		{"garbage after a record", slices.Concat(rec, []byte("what is this")), 1, ErrMagic, n, "77686174 is not the start of a record: the magic f9beb4d9 is expected"},
		{"one wrong bit in the magic", slices.Concat(rec, []byte{0xf9, 0xbe, 0xb4, 0xd8}, rec[4:]), 1, ErrMagic, n, "f9beb4d8"},
		{"garbage after the padding", slices.Concat(rec, make([]byte, 21), []byte("garbage!")), 1, ErrMagic, n + 21, "67617262"},
		{"garbage after padding at the start", slices.Concat(make([]byte, 9), []byte("garbage!")), 0, ErrMagic, 9, "67617262"},
		{"too long", slices.Concat(rec, length(MaxBlockSize+1), raw), 1, ErrLength, n, "a length of 4000001 bytes: 81 to 4000000 are expected"},
		{"far too long", slices.Concat(length(1<<32-1), raw), 0, ErrLength, 0, "4294967295"},
		{"too short", slices.Concat(length(80), raw), 0, ErrLength, 0, "a length of 80 bytes"},
		{"longest, but not there", length(MaxBlockSize), 0, ErrTruncated, 0, "4000000 bytes expected, 0 there"},
		{"one byte of the magic", Magic[:1], 0, ErrTruncated, 0, "inside a record: 8 bytes expected, 1 there"},
		{"seven bytes of a record", rec[:7], 0, ErrTruncated, 0, "inside a record: 8 bytes expected, 7 there"},
		{"one byte", []byte("a"), 0, ErrMagic, 0, "the file is no blk file (it starts with 61, the magic f9beb4d9 is expected) and not one block: the block ends inside the header: 80 bytes expected, 1 left"},
		{"three bytes", []byte("abc"), 0, ErrMagic, 0, "(it starts with 616263, the magic f9beb4d9 is expected)"},
		{"seven bytes", []byte("abcdefg"), 0, ErrMagic, 0, "(it starts with 61626364, the magic f9beb4d9 is expected)"},
		{"one byte after a record", slices.Concat(rec, []byte("a")), 1, ErrMagic, n, "61 is not the start of a record"},
		{"seven bytes after the padding", slices.Concat(rec, make([]byte, 5), []byte("abcdefg")), 1, ErrMagic, n + 5, "61626364 is not the start of a record"},
		{"a record of one byte", length(1), 0, ErrLength, 0, "a length of 1 byte:"},
		{"text", []byte("this is neither a blk file nor a block, although it is long enough for a header, is it not?"), 0, ErrMagic, 80, "the file is no blk file (it starts with 74686973, the magic f9beb4d9 is expected) and not one block: the number of transactions is "},
		{"raw block cut", slices.Concat([]byte{1}, raw[1:len(raw)-1]), 0, ErrMagic, 80, "and not one block: the number of transactions is 1, with only 59 bytes left and 60 at least for each"},
		{"raw block and more", slices.Concat([]byte{1}, raw[1:], []byte{0}), 0, ErrMagic, 141, "and not one block: the block should end after the last transaction, but has 1 byte more"},
		{"raw and too long", bytes.Repeat([]byte{1}, MaxBlockSize+1), 0, ErrMagic, MaxBlockSize, "it has more than 4000000 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			records, err := readAll(NewReader(bytes.NewReader(test.data), noKey))
			if len(records) != test.records {
				t.Errorf("%d records, want %d", len(records), test.records)
			}
			wantFault(t, err, test.kind, test.offset, test.text)
		})
	}
}

func TestReaderTellsErrorsOfTheStream(t *testing.T) {
	broken := errors.New("broken")
	rec := record(block(t, unhex(t, plainTx)))
	for _, good := range []int{0, 3, 20, len(rec), len(rec) + 5, len(rec) + 20} {
		in := io.MultiReader(bytes.NewReader(slices.Concat(rec, rec)[:good]), iotest.ErrReader(broken))
		records, err := readAll(NewReader(in, noKey))
		if len(records) != good/len(rec) {
			t.Errorf("%d good bytes: %d records", good, len(records))
		}
		wantFault(t, err, broken, int64(good/len(rec)*len(rec)), "cannot read: broken")
	}
}

func TestRawBlock(t *testing.T) {
	for hash, raw := range blockfiletest.SegwitBlocks(t) {
		records, err := readAll(NewReader(iotest.OneByteReader(bytes.NewReader(raw)), noKey))
		if err != io.EOF || len(records) != 1 || !bytes.Equal(records[0].Block, raw) {
			t.Errorf("block %s: %d records, then %v", hash, len(records), err)
		} else if records[0].Offset != 0 || records[0].BlockOffset != 0 {
			t.Errorf("block %s: offsets %d and %d", hash, records[0].Offset, records[0].BlockOffset)
		}
	}
}

func TestEmptyFiles(t *testing.T) {
	for _, n := range []int{0, 1, 3, 4, 7, 8, 9, 3 * readerSize} {
		for _, key := range [][KeySize]byte{noKey, {1, 2, 3, 4, 5, 6, 7, 8}} {
			records, err := readAll(NewReader(bytes.NewReader(make([]byte, n)), key))
			if len(records) != 0 || err != io.EOF {
				t.Errorf("%d zeros: %d records, then %v", n, len(records), err)
			}
		}
	}
}

// Any blocks, with any padding before, between and after them, or hidden by any
// key, are read back with their offsets. Padding is never hidden.
func TestFramingRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var key [KeySize]byte
		copy(key[:], rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key"))
		hidden := rapid.Bool().Draw(t, "hidden") && [4]byte(key[:4]) != [4]byte{}
		type want struct {
			offset int64
			block  []byte
		}
		var data []byte
		var wants []want
		for range rapid.IntRange(0, 5).Draw(t, "blocks") {
			// A hidden magic may begin with zeros, which are then taken for padding.
			if !hidden {
				padding := rapid.IntRange(0, 20).Draw(t, "padding")
				if len(data) == 0 && (padding < 4 || key != noKey) {
					padding = 0 // at the start it is no sure sign of a blk file
				}
				data = append(data, make([]byte, padding)...)
			}
			b := rapid.SliceOfN(rapid.Byte(), minBlockSize, minBlockSize+40).Draw(t, "block")
			wants = append(wants, want{int64(len(data)), b})
			rec := record(b)
			for i := range rec {
				if hidden {
					rec[i] ^= key[(len(data)+i)%KeySize]
				}
			}
			data = append(data, rec...)
		}
		data = append(data, make([]byte, rapid.IntRange(0, 20).Draw(t, "tail"))...)

		records, err := readAll(NewReader(iotest.HalfReader(bytes.NewReader(data)), key))
		if err != io.EOF || len(records) != len(wants) {
			t.Fatalf("%d records of %d, then %v", len(records), len(wants), err)
		}
		for i, w := range wants {
			if records[i].Offset != w.offset || !bytes.Equal(records[i].Block, w.block) {
				t.Errorf("record %d at %d, want %d", i, records[i].Offset, w.offset)
			}
		}
	})
}

func FuzzReader(f *testing.F) {
	rec := record(block(f, unhex(f, plainTx)))
	f.Add([]byte{}, []byte{})
	f.Add(rec, []byte{})
	f.Add(slices.Concat(rec, make([]byte, 9), rec, rec[:30]), []byte("12345678"))
	f.Add(rec[frameSize:], []byte{})
	f.Fuzz(func(t *testing.T, data, keyBytes []byte) {
		var key [KeySize]byte
		copy(key[:], keyBytes)
		records, err := readAll(NewReader(bytes.NewReader(data), key))
		var e *Error
		if err != io.EOF && (!errors.As(err, &e) || e.Offset < 0 || e.Offset > int64(len(data))) {
			t.Fatalf("error %v for %d bytes", err, len(data))
		}
		end := int64(0)
		for i, rec := range records {
			if rec.Offset < end || rec.BlockOffset < rec.Offset {
				t.Fatalf("record %d at %d and %d, after %d", i, rec.Offset, rec.BlockOffset, end)
			}
			end = rec.BlockOffset + int64(len(rec.Block))
		}
		if end > int64(len(data)) {
			t.Fatalf("records up to %d of %d bytes", end, len(data))
		}
	})
}

func BenchmarkReader(b *testing.B) {
	data := blockfiletest.Chain(b)
	b.SetBytes(int64(len(data)))
	room := make([]byte, 1<<20)
	for b.Loop() {
		r := NewReader(bytes.NewReader(data), noKey)
		n := 0
		for _, err := r.Next(room); err == nil; _, err = r.Next(room) {
			n++
		}
		if n != blockfiletest.ChainBlocks {
			b.Fatal(n)
		}
	}
}
