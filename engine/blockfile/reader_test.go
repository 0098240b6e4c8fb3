package blockfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"stele/engine/blockfile/blockfiletest"
)

var noKey [KeySize]byte

// readAll reads as far as that can be done. It returns the first error.
func readAll(r *Reader) (records []Record, err error) {
	records, skips, err := readOn(r)
	if len(skips) > 0 {
		err = skips[0]
	}
	return records, err
}

// singles returns the blocks of a Reader one after the other, in memory of their own.
type singles struct {
	in    *Reader
	batch Batch
	given int   // records of batch that next has returned
	after error // what follows them
}

func (s *singles) next() (Record, error) {
	for s.given == len(s.batch.Records) {
		if err := s.after; err != nil {
			s.after = nil
			return Record{}, err
		}
		s.after, s.given = s.in.Read(&s.batch), 0
	}
	rec := s.batch.Records[s.given]
	s.given++
	rec.Block = bytes.Clone(rec.Block)
	return rec, nil
}

// readOn reads as far as that can be done. Skips are what was skipped, err is
// what ended the reading.
func readOn(r *Reader) (records []Record, skips []*Error, err error) {
	blocks := singles{in: r}
	for {
		rec, err := blocks.next()
		var e *Error
		switch {
		case err == nil:
			records = append(records, rec)
		case errors.As(err, &e) && e.Skipped > 0:
			skips = append(skips, e)
		default:
			return records, skips, err
		}
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

func TestReaderFaults(t *testing.T) {
	raw := block(t, unhex(t, plainTx))
	rec := record(raw)
	n := int64(len(rec))
	length := func(size uint32) []byte {
		return binary.LittleEndian.AppendUint32(slices.Clone(MagicBitcoin[:]), size)
	}
	for _, test := range []struct {
		name    string
		data    []byte
		records int
		kind    error
		offset  int64
		text    string
	}{
		{"ends in the magic", slices.Concat(rec, MagicBitcoin[:3]), 1, ErrTruncated, n, "inside a record: expected 8 bytes, got 3"},
		{"ends in the length", slices.Concat(rec, rec[:7]), 1, ErrTruncated, n, "inside a record: expected 8 bytes, got 7"},
		{"ends before the block", slices.Concat(rec, rec[:8]), 1, ErrTruncated, n, "inside a block: expected 141 bytes, got 0"},
		{"ends in the block", slices.Concat(rec, rec, rec[:20]), 2, ErrTruncated, 2 * n, "inside a block: expected 141 bytes, got 12"},
		{"garbage after a record", slices.Concat(rec, []byte("what is this")), 1, ErrMagic, n, "77686174 is not the start of a record: expected the magic f9beb4d9"},
		{"one wrong bit in the magic", slices.Concat(rec, []byte{0xf9, 0xbe, 0xb4, 0xd8}, rec[4:]), 1, ErrMagic, n, "f9beb4d8"},
		{"garbage after the padding", slices.Concat(rec, make([]byte, 21), []byte("garbage!")), 1, ErrMagic, n + 21, "67617262"},
		{"garbage after padding at the start", slices.Concat(make([]byte, 9), []byte("garbage!")), 0, ErrMagic, 9, "67617262"},
		{"too long", slices.Concat(rec, length(MaxBlockSize+1), raw), 1, ErrLength, n, "a length of 4000001 bytes: expected 81 to 4000000"},
		{"far too long", slices.Concat(length(1<<32-1), raw), 0, ErrLength, 0, "4294967295"},
		{"too short", slices.Concat(length(80), raw), 0, ErrLength, 0, "a length of 80 bytes"},
		{"longest, but not there", length(MaxBlockSize), 0, ErrTruncated, 0, "expected 4000000 bytes, got 0"},
		{"one byte of the magic", MagicBitcoin[:1], 0, ErrTruncated, 0, "inside a record: expected 8 bytes, got 1"},
		{"seven bytes of a record", rec[:7], 0, ErrTruncated, 0, "inside a record: expected 8 bytes, got 7"},
		{"one byte", []byte("a"), 0, ErrMagic, 0, "the file is neither a blk file (it starts with 61, expected the magic f9beb4d9) nor one block: the block ends inside the header: expected 80 bytes, 1 left"},
		{"three bytes", []byte("abc"), 0, ErrMagic, 0, "(it starts with 616263, expected the magic f9beb4d9)"},
		{"seven bytes", []byte("abcdefg"), 0, ErrMagic, 0, "(it starts with 61626364, expected the magic f9beb4d9)"},
		{"one byte after a record", slices.Concat(rec, []byte("a")), 1, ErrMagic, n, "61 is not the start of a record"},
		{"seven bytes after the padding", slices.Concat(rec, make([]byte, 5), []byte("abcdefg")), 1, ErrMagic, n + 5, "61626364 is not the start of a record"},
		{"a record of one byte", length(1), 0, ErrLength, 0, "a length of 1 byte:"},
		{"text", []byte("this is neither a blk file nor a block, although it is long enough for a header, is it not?"), 0, ErrMagic, 80, "the file is neither a blk file (it starts with 74686973, expected the magic f9beb4d9) nor one block: the number of transactions is "},
		{"raw block cut", slices.Concat([]byte{1}, raw[1:len(raw)-1]), 0, ErrMagic, 80, "nor one block: the number of transactions is 1, with only 59 bytes left and at least 60 for each"},
		{"raw block and more", slices.Concat([]byte{1}, raw[1:], []byte{0}), 0, ErrMagic, 141, "nor one block: the block does not end after the last transaction: it has 1 byte more"},
		{"raw and too long", bytes.Repeat([]byte{1}, MaxBlockSize+1), 0, ErrMagic, MaxBlockSize, "it has more than 4000000 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			records, err := readAll(NewReader(bytes.NewReader(test.data), noKey, MagicBitcoin))
			if len(records) != test.records {
				t.Errorf("%d records, want %d", len(records), test.records)
			}
			wantFault(t, err, test.kind, test.offset, test.text)
		})
	}
}

// What is no record is skipped, and all whole records are read.
func TestReaderGoesOn(t *testing.T) {
	raw := block(t, unhex(t, plainTx))
	rec := record(raw)
	n := int64(len(rec))
	short, long := slices.Clone(rec), slices.Clone(rec)
	short[4] -= 20
	long[4] += 9
	huge := slices.Clone(rec)
	huge[7] = 1
	small := slices.Concat(MagicBitcoin[:], []byte{1, 0, 0, 0, 0}, bytes.Repeat([]byte{7}, 32))
	undo := slices.Concat(record(bytes.Repeat([]byte{9}, 90)), bytes.Repeat([]byte{7}, 32))
	junk := []byte("junk")
	empty := append(slices.Concat([]byte{1}, raw[1:80]), 0)
	// A transaction whose output has a record as its script.
	nested := record(block(t, slices.Concat(unhex(t, plainTx[:len(plainTx)-10]), []byte{byte(n)}, rec, make([]byte, 4))))
	// skip is what is expected of an error.
	type skip struct {
		kind   error
		offset int64
		bytes  int64
	}
	for _, test := range []struct {
		name    string
		data    []byte
		offsets []int64 // of the records
		skips   []skip
	}{
		{"junk between", slices.Concat(rec, junk, rec), []int64{0, n + 4}, []skip{{ErrMagic, n, 4}}},
		{"one byte between", slices.Concat(rec, junk[:1], rec, junk[:1], rec), []int64{0, n + 1, 2*n + 2}, []skip{{ErrMagic, n, 1}, {ErrMagic, 2*n + 1, 1}}},
		{"junk at the start", slices.Concat(junk, rec), []int64{4}, []skip{{ErrMagic, 0, 4}}},
		{"junk at the end", slices.Concat(rec, junk), []int64{0}, []skip{{ErrMagic, n, 4}}},
		{"junk after padding", slices.Concat(rec, make([]byte, 50), junk, rec), []int64{0, n + 54}, []skip{{ErrMagic, n + 50, 4}}},
		{"junk over several scans", slices.Concat(rec, bytes.Repeat(junk, scanSize), rec), []int64{0, n + 4*scanSize}, []skip{{ErrMagic, n, 4 * scanSize}}},
		{"junk with half a magic", slices.Concat(rec, junk, MagicBitcoin[:3], rec), []int64{0, n + 7}, []skip{{ErrMagic, n, 7}}},
		{"junk with a magic, but no length", slices.Concat(rec, junk, MagicBitcoin[:], junk, rec), []int64{0, n + 12}, []skip{{ErrMagic, n, 12}}},
		{"half a record", slices.Concat(rec, rec[:60], rec, rec), []int64{0, n + 60, 2*n + 60}, []skip{{ErrLength, n, 60}}},
		{"half a frame", slices.Concat(rec, rec[:6], rec, rec), []int64{0, n + 6, 2*n + 6}, []skip{{ErrLength, n, 6}}},
		{"half a record twice", slices.Concat(rec[:70], rec[:60], rec), []int64{130}, []skip{{ErrLength, 0, 70}, {ErrLength, 70, 60}}},
		{"half a record and one to the end", slices.Concat(rec, rec[:60], rec), []int64{0, n + 60}, []skip{{ErrLength, n, 60}}},
		{"half a long record and one to the end", slices.Concat(rec, long[:60], rec[:n-1]), []int64{0}, []skip{{ErrLength, n, 60}, {ErrTruncated, n + 60, n - 1}}},
		{"length too long", slices.Concat(rec, long, rec, rec), []int64{0, 2 * n, 3 * n}, []skip{{ErrLength, n, n}}},
		{"length too short", slices.Concat(rec, short, rec), []int64{0, n, 2 * n}, []skip{{ErrMagic, 2*n - 20, 20}}},
		{"length of no block", slices.Concat(rec, huge, rec), []int64{0, 2 * n}, []skip{{ErrLength, n, n}}},
		{"a rev file of small records", slices.Concat(small, small, small), nil, []skip{{ErrUndo, 0, 123}}},
		{"a rev file", slices.Concat(undo, undo, undo), nil, []skip{{ErrUndo, 0, 3 * int64(len(undo))}}},
		{"a block of regtest among others", slices.Concat(rec, MagicRegtest[:], rec[4:], rec), []int64{0, 2 * n}, []skip{{ErrMagic, n, n}}},
		{"a block with a record in it", slices.Concat(nested, rec), []int64{0, int64(len(nested))}, nil},
		{"raw, of version 0", raw, []int64{0}, nil},
		{"raw, without transactions", empty, nil, []skip{{ErrMagic, 80, 81}}},
		{"raw, cut", slices.Concat([]byte{1}, raw[1:len(raw)-1]), nil, []skip{{ErrMagic, 80, n - 9}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := slices.Clone(test.data)
			for _, key := range [][KeySize]byte{noKey, [KeySize]byte([]byte("8bytekey"))} {
				if key != noKey && (strings.HasPrefix(test.name, "raw") || strings.Contains(test.name, "padding")) {
					continue // these are never obfuscated
				}
				for i := range data {
					data[i] ^= key[i%KeySize]
				}
				records, skips, err := readOn(NewReader(iotest.HalfReader(bytes.NewReader(data)), key))
				if err != io.EOF {
					t.Errorf("ended with %v", err)
				}
				var offsets []int64
				for _, rec := range records {
					offsets = append(offsets, rec.Offset)
				}
				if !slices.Equal(offsets, test.offsets) {
					t.Errorf("records at %d, want %d", offsets, test.offsets)
				}
				var got []skip
				for _, e := range skips {
					got = append(got, skip{e.Kind, e.Offset, e.Skipped})
				}
				if !slices.Equal(got, test.skips) {
					t.Errorf("skipped %v, want %v: %v", got, test.skips, skips)
				}
			}
		})
	}
}

// A file of any known network is read. A file of another network than that which
// is asked for is skipped, and the error names both.
func TestReaderNetworks(t *testing.T) {
	raw := block(t, unhex(t, plainTx))
	other := Magic{1, 2, 3, 4}
	for _, test := range []struct {
		file   Magic
		magics []Magic
		text   string // of the error
	}{
		{MagicBitcoin, nil, ""},
		{MagicTestnet3, nil, ""},
		{MagicTestnet4, nil, ""},
		{MagicSignet, nil, ""},
		{MagicRegtest, nil, ""},
		{MagicRegtest, []Magic{MagicRegtest}, ""},
		{other, []Magic{other}, ""},
		{other, nil, "the file is neither a blk file (it starts with 01020304, expected the magic of a known network) nor one block: "},
		{MagicRegtest, []Magic{MagicBitcoin}, "the file has blocks of regtest (magic fabfb5da): expected the magic f9beb4d9"},
		{MagicTestnet4, []Magic{other}, "the file has blocks of testnet4 (magic 1c163f28): expected the magic 01020304"},
	} {
		rec := record(raw)
		copy(rec, test.file[:])
		for _, key := range [][KeySize]byte{noKey, [KeySize]byte([]byte("8bytekey"))} {
			data := slices.Concat(rec, rec)
			for i := range data {
				data[i] ^= key[i%KeySize]
			}
			records, err := readAll(NewReader(bytes.NewReader(data), key, test.magics...))
			if test.text == "" {
				if err != io.EOF || len(records) != 2 {
					t.Errorf("%v with %v: %d records, then %v", test.file, test.magics, len(records), err)
				}
				continue
			}
			if key == noKey || test.file.Network() != "" {
				if err == io.EOF || !strings.Contains(err.Error(), test.text) || len(records) > 0 {
					t.Errorf("%v with %v: %d records, then %v", test.file, test.magics, len(records), err)
				}
			}
		}
	}
}

func TestParseMagic(t *testing.T) {
	if m, err := ParseMagic("fabfb5da"); err != nil || m != MagicRegtest || m.String() != "fabfb5da" || m.Network() != "regtest" {
		t.Errorf("%v, %v", m, err)
	}
	for _, bad := range []string{"", "fabfb5", "fabfb5da00", "0xfabfb5", "fabfb5dg"} {
		if _, err := ParseMagic(bad); err == nil || !strings.Contains(err.Error(), "must be 8 hexadecimal digits") {
			t.Errorf("%q: %v", bad, err)
		}
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
	for _, n := range []int{0, 1, 3, 4, 7, 8, 9, 2 * windowSize} {
		for _, key := range [][KeySize]byte{noKey, {1, 2, 3, 4, 5, 6, 7, 8}} {
			records, err := readAll(NewReader(bytes.NewReader(make([]byte, n)), key))
			if len(records) != 0 || err != io.EOF {
				t.Errorf("%d zeros: %d records, then %v", n, len(records), err)
			}
		}
	}
}

// Any blocks, with any padding before, between and after them, or obfuscated by any
// key, are read back with their offsets. Padding is never obfuscated.
func TestFramingRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var key [KeySize]byte
		copy(key[:], rapid.SliceOfN(rapid.Byte(), KeySize, KeySize).Draw(t, "key"))
		obfuscated := rapid.Bool().Draw(t, "obfuscated") && [4]byte(key[:4]) != [4]byte{}
		type want struct {
			offset int64
			block  []byte
		}
		var data []byte
		var wants []want
		for range rapid.IntRange(0, 5).Draw(t, "blocks") {
			// An obfuscated magic may begin with zeros, which are then taken for padding.
			if !obfuscated {
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
				if obfuscated {
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
	f.Add(slices.Concat(rec[:30], rec, []byte("junk"), rec), []byte{})
	f.Add(rec[frameSize:], []byte{})
	r := NewReader(nil, noKey)
	f.Fuzz(func(t *testing.T, data, keyBytes []byte) {
		var key [KeySize]byte
		copy(key[:], keyBytes)
		r.Reset(bytes.NewReader(data), key)
		// Records and what is skipped follow one another, with nothing but
		// zeros between them.
		end := int64(0)
		pass := func(from, to int64) {
			if from < end || to > int64(len(data)) || to < from {
				t.Fatalf("bytes %d to %d of %d, after %d", from, to, len(data), end)
			}
			if zeros(data[end:from]) != int(from-end) {
				t.Fatalf("bytes %d to %d are not reported: %x", end, from, data[end:from])
			}
			end = to
		}
		blocks := singles{in: r}
		for {
			rec, err := blocks.next()
			var e *Error
			switch {
			case err == nil:
				pass(rec.Offset, rec.BlockOffset+int64(len(rec.Block)))
			case err == io.EOF:
				pass(int64(len(data)), int64(len(data)))
				return
			case !errors.As(err, &e) || e.Skipped <= 0 || e.Offset < e.SkippedFrom || e.Offset > int64(len(data)):
				t.Fatalf("error %v for %d bytes", err, len(data))
			default:
				pass(e.SkippedFrom, e.SkippedFrom+e.Skipped)
			}
		}
	})
}

func BenchmarkReader(b *testing.B) {
	data := blockfiletest.Chain(b)
	b.SetBytes(int64(len(data)))
	var batch Batch
	for b.Loop() {
		r := NewReader(bytes.NewReader(data), noKey)
		n := 0
		for err := error(nil); err == nil; n += len(batch.Records) {
			err = r.Read(&batch)
		}
		if n != blockfiletest.ChainBlocks {
			b.Fatal(n)
		}
	}
}
