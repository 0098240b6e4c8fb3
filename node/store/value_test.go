package store

import (
	"bytes"
	"encoding/binary"
	"testing"

	"stele/engine/pow"
)

// encoders decode a value and encode it again; nil if it is no value.
var encoders = []func(b []byte) []byte{
	func(b []byte) []byte {
		if h, ok := decodeHeader(b); ok {
			return h.encode()
		}
		return nil
	},
	func(b []byte) []byte {
		if l, ok := decodeLink(b); ok {
			return l.encode()
		}
		return nil
	},
	func(b []byte) []byte {
		if t, ok := decodeTip(b); ok {
			return t.encode()
		}
		return nil
	},
	func(b []byte) []byte {
		if h, ok := decodeHeight(b); ok {
			return encodeHeight(h)
		}
		return nil
	},
	func(b []byte) []byte {
		if p, ok := decodePlace(b); ok {
			var value [placeSize]byte
			p.encode(&value)
			return value[:]
		}
		return nil
	},
	func(b []byte) []byte {
		if raw, ok := cutSum(b); ok {
			return appendSum(bytes.Clone(raw))
		}
		return nil
	},
}

// Every value is encoded as it was decoded, with any contents.
func FuzzValue(f *testing.F) {
	for _, n := range []int{0, 4, 8, 64, 68, 82} {
		f.Add(bytes.Repeat([]byte{1}, n))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for i, encode := range encoders {
			for _, value := range [][]byte{b, appendSum(bytes.Clone(b))} {
				if again := encode(value); again != nil && !bytes.Equal(again, value) {
					t.Errorf("kind %d: %x became %x", i, value, again)
				}
			}
		}
	})
}

// The values are decoded as they were encoded, and a flipped bit is found.
func TestValues(t *testing.T) {
	h := header{Header: pow.Header{Version: 1, Time: 5, Nonce: 9}, Status: 7, HasUndo: true}
	if got, ok := decodeHeader(h.encode()); !ok || got != h {
		t.Errorf("%+v", got)
	}
	l := link{pow.Hash{1}, pow.Hash{2}}
	if got, ok := decodeLink(l.encode()); !ok || got != l {
		t.Errorf("%+v", got)
	}
	tip := Tip{pow.Hash{1}, 77, pow.Hash{2}}
	if got, ok := decodeTip(tip.encode()); !ok || got != tip {
		t.Errorf("%+v", got)
	}
	p := Place{5, 6}
	var place [placeSize]byte
	p.encode(&place)
	if got, ok := decodePlace(place[:]); !ok || got != p {
		t.Errorf("%+v", got)
	}
	for i, value := range [][]byte{h.encode(), l.encode(), tip.encode(), encodeHeight(7), place[:]} {
		encode := encoders[i]
		if encode(value) == nil {
			t.Errorf("kind %d is not decoded", i)
		}
		for bit := range 8 * len(value) {
			value[bit/8] ^= 1 << (bit % 8)
			if encode(value) != nil {
				t.Errorf("kind %d: bit %d is not seen", i, bit)
			}
			value[bit/8] ^= 1 << (bit % 8)
		}
	}
	key := blockKey(bodies, 0x01020304, pow.Hash{5})
	if height, hash, ok := cutBlockKey(key[1:]); !ok || height != 0x01020304 || hash != (pow.Hash{5}) {
		t.Errorf("%x: %d, %v", key, height, hash)
	}
	if binary.BigEndian.Uint32(heightKey(9)[1:]) != 9 {
		t.Error("heights do not sort")
	}
}

// An identity is read only in the form in which it is written.
func FuzzIdentity(f *testing.F) {
	f.Add(testIdentity.text())
	f.Add([]byte("stele store, schema 1, network "))
	f.Add(bytes.Replace(bytes.SplitAfter(testIdentity.text(), []byte("\n"))[0], []byte("\n"), []byte(" \n"), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, text := range [][]byte{b, append(append([]byte{}, b...), "sum "+pow.Sum(b).String()+"\n"...)} {
			id, version, err := parseIdentity(text)
			if err == nil && version <= schema && !bytes.Equal(id.text(), text) {
				t.Errorf("%q was read as %+v", text, id)
			}
		}
	})
}
