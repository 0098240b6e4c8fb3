package blockfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/blockfile/blockfiletest"
)

// null is the output that the input of a coinbase spends.
var null = func() (o [outputSize]byte) {
	copy(o[32:], "\xff\xff\xff\xff")
	return o
}()

// output returns one that may be spent.
func output(id byte, n uint32) (o [outputSize]byte) {
	o[0] = id
	binary.LittleEndian.PutUint32(o[32:], n)
	return o
}

// tx makes a transaction that spends these outputs, each with the script, and has
// outputs of these values.
func tx(script string, values []uint64, spends ...[outputSize]byte) []byte {
	raw := appendVarint([]byte{1, 0, 0, 0}, uint64(len(spends)))
	for _, o := range spends {
		raw = append(raw, o[:]...)
		raw = appendVarint(raw, uint64(len(script)))
		raw = append(raw, script...)
		raw = append(raw, 0xff, 0xff, 0xff, 0xff)
	}
	raw = appendVarint(raw, uint64(len(values)))
	for _, v := range values {
		raw = append(binary.LittleEndian.AppendUint64(raw, v), 0)
	}
	return append(raw, 0, 0, 0, 0)
}

func TestCheckRules(t *testing.T) {
	one := []uint64{1}
	coinbase := tx("ab", one, null)
	a, b, c := output(1, 0), output(1, 1), output(2, 0)
	big := tx(strings.Repeat("x", 999_950), one, a)
	for _, test := range []struct {
		name string
		txs  [][]byte
		want []error
		text string
	}{
		{"good", [][]byte{coinbase, tx("", one, a, b), tx("", one, c)}, nil, ""},
		{"no coinbase", [][]byte{tx("", one, a)}, []error{ErrNoCoinbase}, "transaction 0 is not a coinbase: it has 1 input"},
		{"coinbase second", [][]byte{tx("", one, a), coinbase}, []error{ErrNoCoinbase, ErrCoinbases}, "transaction 1 is a coinbase"},
		{"two coinbases", [][]byte{coinbase, tx("bc", one, null)}, []error{ErrCoinbases}, "transaction 1 is a coinbase: expected only transaction 0 to be one"},
		{"coinbase with two inputs", [][]byte{tx("ab", one, null, a)}, []error{ErrNoCoinbase, ErrNullInput}, "it has 2 inputs"},
		{"script of 1 byte", [][]byte{tx("a", one, null)}, []error{ErrCoinbaseScript}, "a script of 1 byte: expected 2 to 100"},
		{"script of 100 bytes", [][]byte{tx(strings.Repeat("a", 100), one, null)}, nil, ""},
		{"script of 101 bytes", [][]byte{tx(strings.Repeat("a", 101), one, null)}, []error{ErrCoinbaseScript}, "a script of 101 bytes"},
		{"script of 300 bytes", [][]byte{tx(strings.Repeat("a", 300), one, null)}, []error{ErrCoinbaseScript}, "a script of 300 bytes"},
		{"null input", [][]byte{coinbase, tx("", one, a, null)}, []error{ErrNullInput}, "input 1 of transaction 1 spends no output"},
		{"zero id, but another number", [][]byte{coinbase, tx("", one, output(0, 7))}, nil, ""},
		{"duplicate input", [][]byte{coinbase, tx("", one, a, b, a)}, []error{ErrDuplicateInput}, "transaction 1 spends output 0000000000000000000000000000000000000000000000000000000000000001:0 twice"},
		{"double spend", [][]byte{coinbase, tx("", one, a, b), tx("", one, c, b)}, []error{ErrDoubleSpend}, "transactions 1 and 2 both spend output 0000000000000000000000000000000000000000000000000000000000000001:1"},
		{"all the money", [][]byte{coinbase, tx("", []uint64{maxMoney}, a)}, nil, ""},
		{"more than all the money", [][]byte{coinbase, tx("", []uint64{5, maxMoney + 1}, a)}, []error{ErrValue}, "output 1 of transaction 1 has the value 2100000000000001: expected at most 2100000000000000"},
		{"negative value", [][]byte{coinbase, tx("", []uint64{1<<64 - 1}, a)}, []error{ErrValue}, "output 0 of transaction 1"},
		{"sum too large", [][]byte{coinbase, tx("", []uint64{maxMoney, 0, 1}, a)}, []error{ErrValue}, "the sum up to output 2 of transaction 1 has the value 2100000000000001"},
		{"sum over 2^64 back to a small one", [][]byte{coinbase, tx("", slices.Repeat([]uint64{1 << 50}, 1<<14), a)}, []error{ErrValue}, "the sum up to output 1 of transaction 1"},
		{"too heavy", [][]byte{coinbase, big}, []error{ErrWeight}, "the block has a weight of 4000628: expected at most 4000000"},
		{"most signature operations", [][]byte{coinbase, tx(strings.Repeat("\xac", 20_000), one, a)}, nil, ""},
		{"one more", [][]byte{coinbase, tx(strings.Repeat("\xac", 20_000), one, a), tx("\xad", one, b)}, []error{ErrSigops}, "the scripts have 20001 signature operations: expected at most 20000"},
		{"all at once", [][]byte{tx("", []uint64{1<<63 + 1}, a, a), tx("a", one, null), tx("", one, a, null)}, []error{ErrNoCoinbase, ErrCoinbases, ErrCoinbaseScript, ErrNullInput, ErrDuplicateInput, ErrDoubleSpend, ErrValue}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b Block
			if err := b.Parse(block(t, test.txs...)); err != nil {
				t.Fatal(err)
			}
			var kinds []error
			var texts []string
			for _, e := range b.CheckRules() {
				kinds = append(kinds, e.Kind)
				texts = append(texts, e.Error())
			}
			if !slices.Equal(kinds, test.want) || !strings.Contains(strings.Join(texts, "\n"), test.text) {
				t.Errorf("kinds %v, want %v:\n%s", kinds, test.want, strings.Join(texts, "\n"))
			}
		})
	}
}

// The quick look that most blocks get finds a violation where the slow one does.
func TestCheckRulesQuickly(t *testing.T) {
	var b Block
	rapid.Check(t, func(t *rapid.T) {
		outputs := rapid.OneOf(rapid.Just(null), rapid.Map(rapid.IntRange(0, 40), func(n int) [outputSize]byte { return output(byte(n), uint32(n%3)) }))
		values := rapid.SampledFrom([]uint64{0, 1, maxMoney / 2, maxMoney, maxMoney + 1, 1 << 63})
		raw := make([]byte, 80)
		txs := [][]byte{tx("ab", []uint64{1}, null)}
		for range rapid.IntRange(0, 4).Draw(t, "transactions") {
			txs = append(txs, tx(
				strings.Repeat("s", rapid.IntRange(0, 3).Draw(t, "script")),
				rapid.SliceOfN(values, 1, 3).Draw(t, "values"),
				rapid.SliceOfN(outputs, 1, 3).Draw(t, "spends")...))
		}
		txs = txs[rapid.IntRange(0, min(1, len(txs)-1)).Draw(t, "first"):]
		raw = append(raw, byte(len(txs)))
		raw = append(raw, bytes.Join(txs, nil)...)
		if err := b.Parse(raw); err != nil {
			t.Fatal(err)
		}
		if quick, slow := b.CheckRules(), b.findViolations(); len(quick) != len(slow) {
			t.Fatalf("quick %v, slow %v", quick, slow)
		}
	})
}

// Real blocks break no rule.
func TestCheckRulesOfRealBlocks(t *testing.T) {
	blocks := [][]byte{blockfiletest.Block277647(t)[frameSize:]}
	for _, raw := range blockfiletest.SegwitBlocks(t) {
		blocks = append(blocks, raw)
	}
	heights := []int64{277647}
	var b Block
	for i, raw := range blocks {
		if err := b.Parse(raw); err != nil {
			t.Fatal(err)
		}
		if found := b.findViolations(); len(found) > 0 || b.ShortTransactions() > 0 || b.LacksWitnesses() {
			t.Errorf("block %d: %v", i, found)
		}
		if i < len(heights) && b.CoinbaseHeight() != heights[i] {
			t.Errorf("block %d: height %d", i, b.CoinbaseHeight())
		}
	}
}

func TestCountSigops(t *testing.T) {
	for _, test := range []struct {
		script string
		want   int
	}{
		{"", 0},
		{"\x76\xa9\x14" + strings.Repeat("\xac", 20) + "\x88\xac", 1}, // a payment to a hash
		{"\xac\xad\xae\xaf", 42},
		{"\x52\xae", 20}, // the number before it does not matter
		{"\x4c\x02\xac\xac\xac", 1},
		{"\x4d\x02\x00\xac\xac\xac", 1},
		{"\x4e\x02\x00\x00\x00\xac\xac\xac", 1},
		{"\xac\x05\xac\xac", 1}, // cut pushes
		{"\xac\x4c", 1},
		{"\xac\x4c\x05\xac", 1},
		{"\xac\x4d\xac", 1},
		{"\xac\x4e\xff\xff\xff\xff\xac", 1},
		{"\xac\x4e\xff\xff\xff", 1},
	} {
		if got := countSigops([]byte(test.script)); got != test.want {
			t.Errorf("%x: %d, want %d", test.script, got, test.want)
		}
	}
	// A block of 1000 bytes can have no more, so that it is not looked at.
	if n := countSigops(bytes.Repeat([]byte{0xae}, maxSigops/sigopsOfMultisig)); n > maxSigops {
		t.Errorf("%d operations in %d bytes", n, maxSigops/sigopsOfMultisig)
	}
}

func TestShortTransactions(t *testing.T) {
	short := tx("", []uint64{1}, output(1, 0)) // 60 bytes
	short = append(short[:len(short)-5], 4, 'a', 'b', 'c', 'd', 0, 0, 0, 0)
	withWitness := slices.Concat(short[:4], []byte{0, 1}, short[4:len(short)-4], []byte{1, 1, 'w'}, short[len(short)-4:])
	var b Block
	if err := b.Parse(block(t, tx("abcd", []uint64{1}, null), short, withWitness, tx("abc", []uint64{1}, output(2, 0)))); err != nil {
		t.Fatal(err)
	}
	if b.ShortTransactions() != 3 {
		t.Errorf("%d transactions of 64 bytes, want 3", b.ShortTransactions())
	}
}

func TestCoinbaseHeight(t *testing.T) {
	for _, test := range []struct {
		script string
		height int64
	}{
		{"\x00\x00", 0},
		{"\x51\x00", 1},
		{"\x60\x00", 16},
		{"\x01\x11", 17},
		{"\x01\x10", -1}, // there is a shorter form
		{"\x01\x7f", 127},
		{"\x01\x80", -1}, // negative
		{"\x02\x80\x00", 128},
		{"\x02\x7f\x00", -1}, // there is a shorter form
		{"\x03\x8f\x3c\x04more", 277647},
		{"\x03\x8f\x3c", -1}, // cut
		{"\x4c\x03\x8f\x3c\x04", -1},
		{"ab", -1},
	} {
		var b Block
		if err := b.Parse(block(t, tx(test.script, []uint64{1}, null))); err != nil {
			t.Fatal(err)
		}
		if got := b.CoinbaseHeight(); got != test.height {
			t.Errorf("%x: height %d, want %d", test.script, got, test.height)
		}
	}
	var b Block
	if err := b.Parse(block(t, tx("\x51\x00", []uint64{1}, output(1, 1)))); err != nil || b.CoinbaseHeight() != -1 {
		t.Errorf("no coinbase: %v, height %d", err, b.CoinbaseHeight())
	}
}

func TestLacksWitnesses(t *testing.T) {
	coinbase := tx("ab", []uint64{1}, null)
	commitment := slices.Concat(commitmentPrefix, make([]byte, 32))
	script := slices.Concat(coinbase[:len(coinbase)-5], []byte{byte(len(commitment))}, commitment, make([]byte, 4))
	for _, test := range []struct {
		coinbase []byte
		want     bool
	}{{coinbase, false}, {script, true}} {
		var b Block
		if err := errors.Join(b.Parse(block(t, test.coinbase)), b.CheckWitness()); err != nil {
			t.Fatal(err)
		}
		if b.LacksWitnesses() != test.want || b.HasWitnesses() {
			t.Errorf("lacks witnesses: %v, want %v", b.LacksWitnesses(), test.want)
		}
	}
}
