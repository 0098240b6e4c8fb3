package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"stele/engine/blockfile"
	"stele/engine/blockfile/blockfiletest"
)

// realData is the script command "real headers|blocks|segwit FILE": it writes
// the first headers or blocks of Bitcoin's main network, as many as there are,
// or a raw block with witnesses.
func realData(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: real headers|blocks|segwit FILE")
	}
	t := scriptTB{ts: ts}
	var data []byte
	switch args[0] {
	case "headers":
		data = slices.Concat(blockfiletest.Headers(t)...)
	case "blocks":
		data = blockfiletest.Chain(t)
	case "segwit":
		data = blockfiletest.SegwitBlocks(t)["00000000000000000021868c2cefc52a480d173c849412fe81c4e5ab806f94ab"]
	default:
		ts.Fatalf("no real %s", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o600))
}

// scriptTB makes errors of test helpers errors of a script.
type scriptTB struct {
	testing.TB
	ts *testscript.TestScript
}

func (t scriptTB) Helper() {}

func (t scriptTB) Fatal(args ...any) { t.ts.Fatalf("%v", args) }

func (t scriptTB) Fatalf(format string, args ...any) { t.ts.Fatalf(format, args...) }

// flip is the script command "flip FILE OFFSET BIT": it flips one bit (0 to 7)
// of a byte.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: flip FILE OFFSET BIT")
	}
	at, bit := integer(ts, args[1]), integer(ts, args[2])
	data := []byte(ts.ReadFile(args[0]))
	data[at] ^= 1 << bit
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// hide is the script command "hide FILE KEY": it hides a blk file by a key of
// 8 characters.
func hide(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: hide FILE KEY")
	}
	data := []byte(ts.ReadFile(args[0]))
	for i := range data {
		data[i] ^= args[1][i%len(args[1])]
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// unhex is the script command "unhex FROM TO": it writes the bytes of which a file
// has the hexadecimal digits.
func unhex(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unhex FROM TO")
	}
	data, err := hex.DecodeString(strings.ReplaceAll(ts.ReadFile(args[0]), "\n", ""))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o600))
}

// magic is the script command "magic FILE FROM TO": it replaces bytes, given as
// hexadecimal digits, wherever they are.
func magic(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: magic FILE FROM TO")
	}
	from, err := blockfile.ParseMagic(args[1])
	ts.Check(err)
	to, err := blockfile.ParseMagic(args[2])
	ts.Check(err)
	data := bytes.ReplaceAll([]byte(ts.ReadFile(args[0])), from[:], to[:])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o600))
}

// slice is the script command "slice FROM FIRST END TO": it appends the bytes
// of one file from FIRST up to END to another. An END below 0 counts from the end.
func slice(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: slice FROM FIRST END TO")
	}
	data, end := ts.ReadFile(args[0]), integer(ts, args[2])
	if end < 0 {
		end += len(data)
	}
	data = data[integer(ts, args[1]):end]
	to, err := os.OpenFile(ts.MkAbs(args[3]), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = to.WriteString(data)
	ts.Check(errors.Join(err, to.Close()))
}

func integer(ts *testscript.TestScript, s string) int {
	n, err := strconv.Atoi(s)
	ts.Check(err)
	return n
}
