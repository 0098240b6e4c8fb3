package blockfile

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/blockfile/blockfiletest"
	"stele/engine/pow"
)

func TestTransactionIDs(t *testing.T) {
	plain := unhex(t, plainTx)
	raw := block(t, plain, unhex(t, segwitTx), plain)
	var b Block
	for range 2 { // the second time with used memory
		if err := b.Parse(raw); err != nil {
			t.Fatal(err)
		}
		if len(b.TxIDs) != 3 || b.TxIDs[0] != pow.Sum(plain) || b.TxIDs[1].String() != segwitTxID || b.TxIDs[2] != b.TxIDs[0] {
			t.Errorf("ids %v", b.TxIDs)
		}
		if len(b.wtxids) != 3 || b.wtxids[0] != pow.Sum(plain) || b.wtxids[1].String() != segwitWTxID || b.wtxids[2] != b.TxIDs[0] {
			t.Errorf("ids with witnesses %v", b.wtxids)
		}
	}
	if err := b.Parse(block(t, plain)); err != nil || len(b.TxIDs) != 1 || len(b.wtxids) != 0 {
		t.Errorf("a smaller block after a larger one: %v, %d ids, %d with witnesses", err, len(b.TxIDs), len(b.wtxids))
	}
}

func TestRealBlocksWithWitnesses(t *testing.T) {
	for hash, raw := range blockfiletest.SegwitBlocks(t) {
		var b Block
		if err := errors.Join(b.Parse(raw), b.CheckMerkle(), b.CheckWitness()); err != nil {
			t.Errorf("block %s: %v", hash, err)
		}
		if b.Header.Hash().String() != hash {
			t.Errorf("block %s has hash %v", hash, b.Header.Hash())
		}
		if len(b.wtxids) != len(b.TxIDs) || slices.Equal(b.wtxids, b.TxIDs) {
			t.Errorf("block %s: witnesses were not seen", hash)
		}
	}
}

func TestParseFaults(t *testing.T) {
	const (
		version = "01000000"
		input   = "00000000000000000000000000000000000000000000000000000000000000000000000000ffffffff"
		output  = "000000000000000000"
		lock    = "00000000"
	)
	header := make([]byte, pow.HeaderSize)
	for _, test := range []struct {
		name   string
		txs    string // what follows the header
		kind   error
		offset int64
		text   string
	}{
		{"nothing after the header", "", ErrTruncated, 80, "inside the number of transactions: expected 1 byte, 0 left"},
		{"no transactions", "00", ErrTransaction, 80, "no transactions"},
		{"number of transactions cut", "fd01", ErrTruncated, 81, "expected 2 bytes, 1 left"},
		{"number of transactions not shortest", "fdfc00", ErrVarInt, 80, "is 252, encoded in 3 bytes"},
		{"more transactions than bytes", "ffffffffffffffffff" + plainTx, ErrTruncated, 80, "is 18446744073709551615, with only 60 bytes left and at least 60 for each"},
		{"two transactions announced", "02" + plainTx, ErrTruncated, 80, "is 2, with only 60"},
		{"second transaction cut", "02" + plainTx + plainTx[:118], ErrTruncated, 80, "is 2, with only 119"},
		{"lock time cut", "01" + version + "01" + input + "01" + "0000000000000000" + "01ff" + "000000", ErrTruncated, 138, "transaction 0 of 1: the block ends inside the lock time: expected 4 bytes, 3 left"},
		{"no inputs, no flag", "01" + version + "0000" + plainTx, ErrTransaction, 85, "transaction 0 of 1: no inputs"},
		{"unknown flag", "01" + version + "0002" + plainTx, ErrTransaction, 85, "0002 after the version"},
		{"no inputs after the flag", "01" + version + "000100" + plainTx, ErrTransaction, 87, "no inputs"},
		{"more inputs than bytes", "01" + version + "fe00000001" + input + output + lock, ErrTruncated, 85, "is 16777216, with only 54 bytes"},
		{"script over the end", "01" + version + "01" + input[:72] + "fdffff" + "00ffffffff" + "01" + output + lock, ErrTruncated, 125, "the script of an input: expected 65535 bytes, 19 left"},
		{"script length of 2^63", "01" + version + "01" + input[:72] + "ff0000000000000080" + "01" + output + lock, ErrTruncated, 131, "expected 9223372036854775808 bytes"},
		{"no outputs", "01" + version + "01" + input + "00" + output + lock, ErrTransaction, 127, "no outputs"},
		{"more outputs than bytes", "01" + version + "01" + input + "03" + output + lock, ErrTruncated, 127, "outputs is 3"},
		{"output script cut", "01" + version + "01" + input + "01" + "0000000000000000" + "ff" + lock, ErrTruncated, 137, "expected 8 bytes, 4 left"},
		{"flag without witness", "01" + version + "0001" + "01" + input + "01" + output + "00" + lock, ErrTransaction, 139, "marker and flag, but no witness"},
		{"witness cut", "01" + version + "0001" + "01" + input + "01" + output + "01" + "05" + lock, ErrTruncated, 141, "a witness item: expected 5 bytes, 4 left"},
		{"more witness items than bytes", "01" + version + "0001" + "01" + input + "01" + output + "09" + lock, ErrTruncated, 139, "witness items is 9"},
		{"bytes after the block", "01" + plainTx + "00", ErrTrailing, 141, "has 1 byte more"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b Block
			wantFault(t, b.Parse(append(header, unhex(t, test.txs)...)), test.kind, test.offset, test.text)
		})
	}
	var b Block
	wantFault(t, b.Parse(header[:79]), ErrTruncated, 0, "the header: expected 80 bytes, 79 left")
	wantFault(t, b.Parse(nil), ErrTruncated, 0, "expected 80 bytes, 0 left")
}

// A block that ends anywhere before its end is truncated there.
func TestEveryPrefixIsTruncated(t *testing.T) {
	raw := block(t, unhex(t, plainTx), unhex(t, segwitTx))
	for n := range raw {
		var b Block
		var e *Error
		if err := b.Parse(raw[:n:n]); !errors.As(err, &e) || e.Kind != ErrTruncated || e.Offset > int64(n) {
			t.Errorf("%d of %d bytes: %v", n, len(raw), err)
		}
	}
}

func TestCheckMerkle(t *testing.T) {
	tx := func(i byte) []byte {
		raw := unhex(t, plainTx)
		raw[0] = i
		return raw
	}
	var b Block
	if err := b.Parse(block(t, tx(1), tx(2), tx(3))); err != nil {
		t.Fatal(err)
	}
	if err := b.CheckMerkle(); err != nil {
		t.Error(err)
	}

	// The same root with the last transaction twice.
	if err := b.Parse(block(t, tx(1), tx(2), tx(3), tx(3))); err != nil {
		t.Fatal(err)
	}
	wantFault(t, b.CheckMerkle(), ErrMutated, merkleRootOffset, "of the 4 transactions")

	raw := block(t, tx(1), tx(2), tx(3))
	raw[len(raw)-1] ^= 1
	if err := b.Parse(raw); err != nil {
		t.Fatal(err)
	}
	wantFault(t, b.CheckMerkle(), ErrMerkleRoot, merkleRootOffset, "its 3 transactions have")
}

// Any flipped bit after the header is noticed, whether in a transaction or in
// a witness.
func TestFlippedBitsInRealBlocks(t *testing.T) {
	blocks := blockfiletest.SegwitBlocks(t)
	raw := blocks[slices.Sorted(maps.Keys(blocks))[0]]
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(pow.HeaderSize, len(raw)-1).Draw(t, "byte")
		bit := byte(1) << rapid.IntRange(0, 7).Draw(t, "bit")
		bad := slices.Clone(raw)
		bad[at] ^= bit
		var b Block
		if errors.Join(b.Parse(bad), b.CheckMerkle(), b.CheckWitness()) == nil {
			t.Fatalf("flipped bit %02x at %d was not noticed", bit, at)
		}
	})
}

func TestCheckWitness(t *testing.T) {
	const (
		start = "01000000" + "0001" + "01" + "0000000000000000000000000000000000000000000000000000000000000000ffffffff" + "00" + "ffffffff"
		other = "0000000000000000" + "00"
		lock  = "00000000"
		zeros = "0000000000000000000000000000000000000000000000000000000000000000"
	)
	segwit := unhex(t, segwitTx)
	wtxid, _ := pow.ParseHash(segwitWTxID)
	root, _ := pow.MerkleRoot([]pow.Hash{{}, wtxid})
	good := pow.Sum(append(root[:], make([]byte, 32)...))
	output := func(commitment pow.Hash, more string) string {
		script := "6a24aa21a9ed" + hexOf(commitment[:]) + more
		return "0000000000000000" + hexOf([]byte{byte(len(script) / 2)}) + script
	}
	for _, test := range []struct {
		name, outputs, witness, text string
	}{
		{"good", "01" + output(good, ""), "0120" + zeros, ""},
		{"good with more in the script", "01" + output(good, "c0ffee"), "0120" + zeros, ""},
		{"good as the last of two", "03" + output(pow.Hash{1}, "") + output(good, "") + other, "0120" + zeros, ""},
		{"good, but another after it", "02" + output(good, "") + output(pow.Hash{1}, ""), "0120" + zeros, "commits to the witnesses by 01000000"},
		{"none", "01" + other, "0120" + zeros, "no output of the coinbase commits"},
		{"short script", "01" + "0000000000000000" + "25" + "6a24aa21a9ed" + zeros[:62], "0120" + zeros, "no output of the coinbase commits"},
		{"other reserved value", "01" + output(good, ""), "0120" + zeros[:63] + "1", "the 2 transactions have"},
		{"reserved value too short", "01" + output(good, ""), "011f" + zeros[:62], "one item of 32 bytes"},
		{"two items", "01" + output(good, ""), "0220" + zeros + "00", "one item of 32 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			coinbase := unhex(t, start+test.outputs+test.witness+lock)
			var b Block
			if err := b.Parse(block(t, coinbase, segwit)); err != nil {
				t.Fatal(err)
			}
			if test.text == "" {
				if err := b.CheckWitness(); err != nil {
					t.Error(err)
				}
				return
			}
			wantFault(t, b.CheckWitness(), ErrWitness, pow.HeaderSize, test.text)
		})
	}

	var b Block
	if err := b.Parse(block(t, unhex(t, plainTx), segwit)); err != nil {
		t.Fatal(err)
	}
	wantFault(t, b.CheckWitness(), ErrWitness, pow.HeaderSize, "no output of the coinbase commits")
	if err := b.Parse(block(t, unhex(t, plainTx))); err != nil {
		t.Fatal(err)
	}
	if err := b.CheckWitness(); err != nil {
		t.Errorf("block without witnesses: %v", err)
	}
}

// appendVarint is the encoder that cursor.varint has to invert.
func appendVarint(b []byte, n uint64) []byte {
	switch {
	case n < 0xfd:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.LittleEndian.AppendUint16(append(b, 0xfd), uint16(n))
	case n < 1<<32:
		return binary.LittleEndian.AppendUint32(append(b, 0xfe), uint32(n))
	}
	return binary.LittleEndian.AppendUint64(append(b, 0xff), n)
}

func TestVarint(t *testing.T) {
	for _, n := range []uint64{0, 1, 0xfc, 0xfd, 0xfe, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff, 1 << 32, 1<<64 - 1} {
		c := &cursor{data: appendVarint(nil, n)}
		if got, err := c.varint("it"); err != nil || got != n || c.left() != 0 {
			t.Errorf("%d: got %d, %v, %d bytes left", n, got, err, c.left())
		}
	}
	for _, long := range []string{"fd0000", "fdfc00", "fe00000000", "feffff0000", "ff0000000000000000", "ffffffffff00000000"} {
		c := &cursor{data: unhex(t, long)}
		_, err := c.varint("it")
		wantFault(t, err, ErrVarInt, 0, "expected the shortest form")
	}
}

func FuzzVarint(f *testing.F) {
	for _, s := range []string{"", "00", "fc", "fdfd00", "fdfc00", "feffffffff", "ff0000000001000000", "ff00"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &cursor{data: data}
		n, err := c.varint("it")
		if err != nil {
			return
		}
		// A number that was read has one form only.
		if again := appendVarint(nil, n); string(again) != string(data[:c.at]) {
			t.Errorf("%x was read as %d, which is %x", data[:c.at], n, again)
		}
	})
}

func FuzzBlock(f *testing.F) {
	f.Add([]byte{})
	f.Add(block(f, unhex(f, plainTx)))
	f.Add(block(f, unhex(f, plainTx), unhex(f, segwitTx)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var b, again Block
		err := b.Parse(data)
		var e *Error
		if err != nil {
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > int64(len(data)) {
				t.Fatalf("error %v for %d bytes", err, len(data))
			}
			return
		}
		_, _, _, _ = b.CheckMerkle(), b.CheckWitness(), b.LacksWitnesses(), b.CoinbaseHeight()
		if quick, slow := b.CheckRules(), b.findViolations(); len(quick) != len(slow) {
			t.Errorf("quick %v, slow %v", quick, slow)
		}
		if len(b.TxIDs) == 0 || len(b.TxIDs) > len(data)/minTransactionSize {
			t.Errorf("%d transactions in %d bytes", len(b.TxIDs), len(data))
		}
		// Where the block ends is certain.
		if err := again.Parse(append(slices.Clone(data), 0)); !errors.Is(err, ErrTrailing) {
			t.Errorf("one more byte: %v", err)
		}
		if err := again.Parse(data[:len(data)-1]); !errors.Is(err, ErrTruncated) {
			t.Errorf("one byte less: %v", err)
		}
	})
}

func BenchmarkBlock(b *testing.B) {
	for hash, raw := range blockfiletest.SegwitBlocks(b) {
		b.Run(hash[len(hash)-8:], func(b *testing.B) { benchmarkBlock(b, raw) })
	}
	b.Run("277647", func(b *testing.B) { benchmarkBlock(b, blockfiletest.Block277647(b)[frameSize:]) })
	b.Run("1", func(b *testing.B) { benchmarkBlock(b, blockfiletest.Chain(b)[293+frameSize:][:215]) })
}

func benchmarkBlock(b *testing.B, raw []byte) {
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	var block Block
	for b.Loop() {
		if err := errors.Join(block.Parse(raw), block.CheckMerkle(), block.CheckWitness()); err != nil {
			b.Fatal(err)
		}
		if block.CheckRules() != nil || block.LacksWitnesses() || block.CoinbaseHeight() == 0 {
			b.Fatal("a rule is broken")
		}
	}
}
