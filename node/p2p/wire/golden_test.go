package wire

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"

	"stele/engine/pow"
	"stele/node/ledger/network"
	"stele/node/ledger/record"
)

// testLimits are those of all networks.
var testLimits = Limits{MaxBlockSize: network.Main.MaxBlockSize}

// hashOf returns the hash of 32 bytes that count up from n.
func hashOf(n byte) (h pow.Hash) {
	for i := range h {
		h[i] = n + byte(i)
	}
	return h
}

// signatureOf returns 64 bytes that count up from n.
func signatureOf(n byte) (s [64]byte) {
	for i := range s {
		s[i] = n + byte(i)
	}
	return s
}

func headerOf(n byte) pow.Header {
	return pow.Header{Version: 0x20000000 + uint32(n), Prev: hashOf(n), MerkleRoot: hashOf(n + 32), Time: 1700000000 + uint32(n), Bits: 0x207fffff, Nonce: uint32(n)}
}

// recordOf returns n bytes that take the place of an encoded record.
func recordOf(n int, fill byte) []byte { return bytes.Repeat([]byte{fill}, n) }

// samples returns the messages of testdata/messages.txt, in its order.
func samples() []Message {
	header := headerOf(3).Encode()
	fullHashes := []pow.Hash{hashOf(0x20), hashOf(0x21), hashOf(0x22), hashOf(0x23)}
	return []Message{
		&Hello{
			Protocol: 1, MinProtocol: 1, Network: 0x11223344, Genesis: hashOf(1), Services: ServesBlocks | TakesRecords,
			Height: 70000, Tip: hashOf(0x40), Work: pow.Work{0x090a0b0c0d0e0f10, 0x0102030405060708}, Port: 28699,
			Nonce: 0x8877665544332211, MinFeeRate: 1000, Agent: "stele/0.1",
		},
		&Ping{0x0102030405060708},
		&Pong{0x0102030405060708},
		&GetHeaders{Locator: []pow.Hash{hashOf(2), hashOf(3)}, Stop: hashOf(4)},
		&Headers{[]pow.Header{headerOf(1), headerOf(2)}},
		&GetBlocks{[]pow.Hash{hashOf(5), hashOf(6)}},
		&Block{append(append(header[:], 1, 0, 0, 0), recordOf(61, 0xaa)...)},
		&Absent{Request: KindGetBlocks, Cause: CausePruned, Hashes: []pow.Hash{hashOf(7)}},
		NewCompact(headerOf(4), 0x1122334455667788, fullHashes, []Prefilled{{0, recordOf(61, 0xc0)}, {2, recordOf(62, 0xc2)}}),
		&GetCompact{hashOf(8)},
		&GetParts{Block: hashOf(9), Indices: []uint32{1, 65537}},
		&Parts{Block: hashOf(10), Records: [][]byte{recordOf(61, 0xd1), recordOf(62, 0xd2)}},
		&Have{[]pow.Hash{hashOf(11), hashOf(12)}},
		&Want{[]pow.Hash{hashOf(13)}},
		&Records{[][]byte{recordOf(61, 0xe1)}},
		&FeeRate{1100},
		&Announce{Push: true},
		&GetAddrs{},
		&Addrs{[]Addr{
			{netip.MustParseAddrPort("192.0.2.7:8699"), ServesBlocks, 3},
			{netip.MustParseAddrPort("[2001:db8::1]:18699"), ServesRecentBlocks | TakesRecords, 65535},
		}},
		&Bye{Reason: ReasonTooSlow, Text: "queue is up"},
		&GetBlob{ID: 0x0102030405060708, Hops: 3, Blob: hashOf(14), Key: hashOf(15), Time: 1700000000, Signature: signatureOf(16)},
		&Blob{ID: 0x0102030405060708, Data: []byte{1, 2, 3}},
		&GetNotice{ID: 0x1112131415161718, Hops: 2, Carrier: hashOf(17)},
		&Notice{ID: 0x1112131415161718, Found: true, Key: hashOf(18), Signature: signatureOf(19)},
		&Unknown{Number: 64, Body: []byte{0, 1, 2}},
	}
}

// golden is a message of testdata/messages.txt.
type golden struct {
	name  string
	frame []byte
}

func readGolden(t *testing.T) (all []golden) {
	t.Helper()
	text, err := os.ReadFile("testdata/messages.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		word, _, _ := strings.Cut(line, "#")
		word = strings.TrimRight(word, " \n")
		digits, isField := strings.CutPrefix(word, "  ")
		switch {
		case word == "":
		case isField:
			b, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatalf("line %q: %v", line, err)
			}
			last := &all[len(all)-1]
			last.frame = append(last.frame, b...)
		default:
			all = append(all, golden{name: word})
		}
	}
	return all
}

// Each message has the encoding that is written down, byte for byte, and that
// encoding is the message.
func TestGolden(t *testing.T) {
	all, want := readGolden(t), samples()
	if len(all) != len(want) {
		t.Fatalf("%d messages in the file, want %d", len(all), len(want))
	}
	seen := map[Kind]bool{}
	for i, g := range all {
		m := want[i]
		seen[m.Kind()] = true
		frame, err := testLimits.Append([]byte("before"), m)
		if err != nil || string(frame) != "before"+string(g.frame) {
			t.Errorf("%s: encoded as\n%x, error %v, want\n%x", g.name, frame[6:], err, g.frame)
			continue
		}
		h := DecodeHeader([HeaderSize]byte(g.frame))
		if h.Kind.String() != g.name || int(h.Length) != len(g.frame)-HeaderSize {
			t.Errorf("%s: header %v, length %d", g.name, h, len(g.frame)-HeaderSize)
		}
		got, err := testLimits.Decode(h.Kind, g.frame[HeaderSize:], true)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s: decoded as %+v, error %v, want %+v", g.name, got, err, m)
		}
	}
	for k := range Kind(255) {
		if k.IsKnown() && !seen[k] {
			t.Errorf("%s is not in the file", k)
		}
	}
}

// The limits of records are those of package record.
func TestRecordLimits(t *testing.T) {
	if MaxRecordSize != record.MaxSize {
		t.Errorf("MaxRecordSize is %d, that of package record %d", MaxRecordSize, record.MaxSize)
	}
	coinbase := network.Dev.GenesisCoinbase()
	if _, err := testLimits.Append(nil, &Records{[][]byte{coinbase.Encode()}}); err != nil {
		t.Errorf("a real record: %v", err)
	}
}
