package gbt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"stele/engine/blockfile"
	"stele/engine/pow"
)

func TestHeightPush(t *testing.T) {
	for h, want := range map[uint32][]byte{1: {0x51}, 16: {0x60}, 17: {1, 17}, 127: {1, 127}, 128: {2, 128, 0}, 227836: {3, 0xfc, 0x79, 3}} {
		if got := heightPush(h); !bytes.Equal(got, want) {
			t.Errorf("height %d: %x, want %x", h, got, want)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add([]byte(`{"version":1,"bits":"207fffff","curtime":1,"height":1,"coinbasevalue":5}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if x, err := parseTemplate(b); err == nil {
			x.block(x.header([]byte{0x51}, "", 0, x.CurTime), []byte{0x51}, "", 0)
		}
	})
}

// A block with 1 to 300 other transactions is read by an independent parser.
func TestBlock(t *testing.T) {
	for _, n := range []int{1, 2, 3, 251, 252, 253, 300} {
		var list []string
		for i := range n {
			value := int64(i)
			data := (&template{Height: 9, Value: &value}).coinbase([]byte{0x51}, "", 0, false)
			data[5]++ // its input is no coinbase's
			list = append(list, fmt.Sprintf(`{"data":"%x","txid":"%s"}`, data, pow.Sum(data)))
		}
		x, err := parseTemplate([]byte(`{"version":1,"bits":"207fffff","curtime":1,"height":500,"coinbasevalue":5,"transactions":[` + strings.Join(list, ",") + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := hex.DecodeString(x.block(x.header([]byte{0x51}, "a", 3, 1), []byte{0x51}, "a", 3))
		var b blockfile.Block
		if err := errors.Join(b.Parse(raw), b.CheckMerkle()); err != nil {
			t.Errorf("%d transactions: %v", n, err)
		}
	}
}
