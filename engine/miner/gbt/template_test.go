package gbt

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
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

// Whatever a node sends, nothing panics; and every accepted template makes a header and
// a block around it.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		`{"version":1,"bits":"207fffff","curtime":1,"height":1,"coinbasevalue":5}`,
		`{"version":-1,"bits":"1d00ffff","curtime":4294967295,"mintime":1,"maxtime":2,"height":16,"coinbasevalue":0,"longpollid":"x","capabilities":["proposal"]}`,
		`{"version":536870912,"previousblockhash":"000000000000000000000000000000000000000000000000000000000000002a","bits":"1a2b3c4d","curtime":1,"height":2147483647,"coinbasevalue":9223372036854775807,"default_witness_commitment":"6a24aa21a9ed","transactions":[{"data":"00","txid":"000000000000000000000000000000000000000000000000000000000000002a","hash":"","fee":1,"depends":[]}]}`,
		`{"version":1,"bits":"207fffff","curtime":1,"height":0,"coinbasevalue":5}`,
		`{"version":4294967296,"bits":"207fffff","curtime":1,"height":1,"coinbasevalue":5}`,
		`{"version":1,"bits":"ff800001","curtime":1,"height":1,"coinbasevalue":5}`,
		`{"version":1,"bits":"207fffff","curtime":1,"height":1,"coinbasevalue":-5}`,
		`{"version":1,"bits":"207fffff","curtime":1,"height":1,"coinbasevalue":5,"default_witness_commitment":"6"}`,
		`{"version":1,"bits":"207fffff","curtime":1,"height":1,"coinbasevalue":5,"transactions":[{"data":"x"}]}`,
		`null`, `[]`, `{"transactions":null}`, `{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := parseTemplate(b)
		if err != nil {
			if !errors.Is(err, ErrTemplate) {
				t.Errorf("error of another kind: %v", err)
			}
			return
		}
		h := x.header([]byte{0x51}, "tag", 1, x.CurTime)
		block, err := hex.DecodeString(x.block(h, []byte{0x51}, "tag", 1))
		if err != nil || len(block) < pow.HeaderSize {
			t.Fatalf("block of %d bytes, %v", len(block), err)
		}
		if got, err := pow.DecodeHeader(block[:pow.HeaderSize]); err != nil || got != h {
			t.Errorf("header %+v, want %+v, %v", got, h, err)
		}
	})
}

// A rule that changes how a block is built, and that the miner does not know, makes
// the template unusable (BIP 9). Rules without an exclamation mark, and segwit,
// change nothing for it.
func TestRules(t *testing.T) {
	for rules, unsupported := range map[string]string{
		`null`:                               "",
		`[]`:                                 "",
		`["csv","!segwit","taproot"]`:        "",
		`["segwit"]`:                         "",
		`["csv","!segwit","!signet","!new"]`: `"!signet"`,
		`["!"]`:                              `"!"`,
		`["!SegWit"]`:                        `"!SegWit"`,
		`["!\u001b[31m"]`:                    `"!\x1b[31m"`,
	} {
		_, err := parseTemplate([]byte(`{"version":1,"bits":"207fffff","curtime":1,"height":1,"coinbasevalue":5,"rules":` + rules + `}`))
		switch {
		case unsupported == "" && err != nil:
			t.Errorf("%s: %v", rules, err)
		case unsupported != "" && (!errors.Is(err, ErrTemplate) || !strings.Contains(err.Error(), "unsupported rule "+unsupported)):
			t.Errorf("%s: %v, want the rule %s", rules, err, unsupported)
		}
	}
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

// What is allocated for a template is at most twice its text and 64 kB: for a
// full one, and for texts that are made to take memory.
func TestTemplateMemory(t *testing.T) {
	const size = 4 << 20
	list := func(name, element string) string {
		n := size / (len(element) + 1)
		return `{"` + name + `":[` + strings.Repeat(element+",", n-1) + element + `],"coinbasevalue":1,"height":1,"curtime":1,"bits":"1d00ffff","version":1}`
	}
	id := strings.Repeat("ab", 32)
	for name, c := range map[string]struct {
		text string
		good bool
	}{
		"transactions":         {list("transactions", `{"data":"`+strings.Repeat("00", 250)+`","txid":"`+id+`","fee":100}`), true},
		"one transaction":      {list("transactions", `{"data":"`+strings.Repeat("00", size/2-100)+`","txid":"`+id+`"}`), true},
		"small transactions":   {list("transactions", `{"data":"00"}`), false},
		"smallest ones":        {list("transactions", `{"data":"`+strings.Repeat("00", minTransaction)+`","txid":"`+id+`"}`), true},
		"without txid":         {list("transactions", `{"data":"`+strings.Repeat("00", minTransaction)+`"}`), false},
		"empty transactions":   {list("transactions", `{}`), false},
		"null transactions":    {list("transactions", `null`), false},
		"capabilities":         {list("capabilities", `""`), false},
		"rules":                {list("rules", `"a"`), false},
		"what nobody knows":    {list("unknown", `{"a":[]}`), true},
		"unknown transactions": {list("transactions", `{"data":"0","x":{}}`), false},
	} {
		text := []byte(c.text)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := parseTemplate(text)
		runtime.ReadMemStats(&after)
		if (err == nil) != c.good || err != nil && !errors.Is(err, ErrTemplate) {
			t.Errorf("%s: %v", name, err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 2*uint64(len(c.text))+64<<10 {
			t.Errorf("%s: %d kB allocated for %d kB", name, got>>10, len(c.text)>>10)
		}
	}
}
