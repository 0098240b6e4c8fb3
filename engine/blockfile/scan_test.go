package blockfile

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/blockfile/blockfiletest"
)

// checkScan compares both parsers.
func checkScan(t testing.TB, raw []byte) {
	t.Helper()
	// Parts of another block precede those of this one.
	quickParts := parts{[]span{{1, 2, 3, 4}}, []uint32{5}}
	plainParts := parts{slices.Clone(quickParts.spans), slices.Clone(quickParts.spent)}
	var quick, plain Block
	quick.clear(raw)
	plain.clear(raw)
	accepted := quick.scan(raw, &quickParts)
	err := plain.parsePlain(raw, &plainParts)
	switch {
	case accepted != (err == nil):
		t.Fatalf("accepted: %v, but the plain parser returns %v", accepted, err)
	case !reflect.DeepEqual(quickParts, plainParts):
		t.Fatalf("parts %v, want %v", quickParts, plainParts)
	case accepted && !reflect.DeepEqual(quick, plain):
		t.Fatalf("block %+v, want %+v", quick, plain)
	}
}

// A block, however it is changed, is to the quick parser what it is to the plain one.
func TestScan(t *testing.T) {
	blocks := [][]byte{
		block(t, unhex(t, plainTx), unhex(t, segwitTx), unhex(t, plainTx)),
		blockfiletest.Block277647(t)[frameSize:],
		manyForms(t),
	}
	for _, raw := range blocks {
		checkScan(t, raw)
	}
	rapid.Check(t, func(rt *rapid.T) {
		raw := slices.Clone(rapid.SampledFrom(blocks).Draw(rt, "block"))
		for range rapid.IntRange(1, 3).Draw(rt, "changes") {
			at := rapid.IntRange(80, min(len(raw), 3000)-1).Draw(rt, "at")
			switch rapid.IntRange(0, 3).Draw(rt, "change") {
			case 0:
				raw[at] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
			case 1:
				raw[at] = rapid.SampledFrom([]byte{0, 1, 0x51, 0xa9, 0xac, 0xae, 0xfc, 0xfd, 0xfe, 0xff}).Draw(rt, "byte")
			case 2:
				raw = raw[:at+1]
			default:
				raw = slices.Insert(raw, at, rapid.SliceOfN(rapid.Byte(), 1, 4).Draw(rt, "more")...)
			}
		}
		checkScan(t, raw)
	})
}

// manyForms returns a block whose scripts have, or nearly have, the usual forms, with
// numbers of 1, 3 and 5 bytes.
func manyForms(t testing.TB) []byte {
	forms := []string{
		"",
		"0014" + "0000000000000000000000000000000000000000",
		"5120" + "acacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacac",
		"0020" + "acacacacacacacacacacacacacacacacacacacacacacacacacacacacacacacac",
		"0014" + "0000000000000000000000000000000000000000" + "ac",
		"0013" + "00000000000000000000000000000000000000" + "ac",
		"6014" + "0000000000000000000000000000000000000000",
		"ac14" + "0000000000000000000000000000000000000000",
		"a914" + "0000000000000000000000000000000000000000" + "87",
		"a914" + "0000000000000000000000000000000000000000" + "ac",
		"a913" + "00000000000000000000000000000000000000" + "ac87",
		"76a914" + "0000000000000000000000000000000000000000" + "88ac",
		"76a914" + "0000000000000000000000000000000000000000" + "88ad",
		"76a914" + "0000000000000000000000000000000000000000" + "88ae",
		"76a913" + "00000000000000000000000000000000000000" + "ac88ac",
		"ac", "ae", "4c", "4c01ac", "4dffff",
	}
	var txs [][]byte
	for i, form := range forms {
		script := string(unhex(t, form))
		txs = append(txs, tx(script, []uint64{uint64(i)}, null, output(byte(i), 0)))
		other := tx("", []uint64{1}, output(byte(i), 1))
		txs = append(txs, slices.Concat(other[:len(other)-5], []byte{byte(len(script))}, []byte(script), make([]byte, 4)))
	}
	txs = append(txs,
		tx(string(make([]byte, 300)), slices.Repeat([]uint64{maxMoney / 100}, 260), null),
		tx(string(make([]byte, 1<<16)), []uint64{1}, slices.Repeat([][outputSize]byte{output(9, 9)}, 3)...),
		unhex(t, segwitTx))
	return block(t, txs...)
}

func FuzzScan(f *testing.F) {
	f.Add(block(f, unhex(f, plainTx), unhex(f, segwitTx)))
	f.Add(manyForms(f))
	f.Fuzz(func(t *testing.T, data []byte) { checkScan(t, data) })
}
