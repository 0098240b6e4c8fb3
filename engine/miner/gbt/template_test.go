package gbt

import (
	"bytes"
	"testing"
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
