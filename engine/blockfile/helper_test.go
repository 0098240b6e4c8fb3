package blockfile

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"stele/engine/pow"
)

// segwitTx is a transaction with a witness, of block 23157 of segnet, with its
// two ids (from the tests of btcd/wire).
const (
	segwitTx = "01000000" + "0001" +
		"01" + "a53352d5135766f030765974182 63da2d9c958315968fea8235294 67481ff9cd" + "13000000" + "00" + "ffffffff" +
		"01" + "0b07060000000000" + "16" + "00149ddac6f39d51e0398e532a22c41ba189406a8523" +
		"02" +
		"46" + "3043021f4d2381dc97f182abd8185f517530185232 12f5ddc07cc4e63a8dc03658da190220608b5c4d92b86b6de7d78ef23a2fa735bcb59b914a48b0e187c5e7569a18197001" +
		"21" + "0307ead084807eb7634 6df6977000c89392f45c76425b26181f521d7f370066a8f" +
		"00000000"
	segwitTxID  = "0f167d1385a84d1518cfee208b653fc9163b605ccf1b75347e2850b3e2eb19f3"
	segwitWTxID = "0858eab78e77b6b033da30f46699996396cf48fcf625a783c85a51403e175e74"
)

// plainTx is the smallest transaction, but for its last bytes.
const plainTx = "01000000" +
	"01" + "0000000000000000000000000000000000000000000000000000000000000000ffffffff" + "00" + "ffffffff" +
	"01" + "0000000000000000" + "00" +
	"00000000"

// unhex decodes hex digits, with spaces for the eye among them.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// block returns a block of these transactions with a fitting Merkle root.
func block(t testing.TB, txs ...[]byte) []byte {
	t.Helper()
	raw := append(make([]byte, pow.HeaderSize), byte(len(txs)))
	raw = append(raw, bytes.Join(txs, nil)...)
	var b Block
	if err := b.Parse(raw); err != nil {
		t.Fatal(err)
	}
	root, _ := pow.MerkleRoot(b.TxIDs)
	copy(raw[merkleRootOffset:], root[:])
	return raw
}

// record puts a frame around a block.
func record(block []byte) []byte {
	frame := binary.LittleEndian.AppendUint32(slices.Clone(MagicBitcoin[:]), uint32(len(block)))
	return append(frame, block...)
}

// wantFault fails the test unless err is of this kind, at this offset, and contains
// this.
func wantFault(t *testing.T, err, kind error, offset int64, text string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, kind) {
		t.Fatalf("error %v, want kind %q", err, kind)
	}
	if e.Offset != offset {
		t.Errorf("offset %d, want %d: %v", e.Offset, offset, err)
	}
	if !strings.Contains(e.Text, text) {
		t.Errorf("error %q, want %q in it", e, text)
	}
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
