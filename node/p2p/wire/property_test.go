package wire

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/engine/pow"
)

var (
	drawHash = rapid.Custom(func(t *rapid.T) pow.Hash {
		return pow.Hash(rapid.SliceOfN(rapid.Byte(), hashSize, hashSize).Draw(t, "hash"))
	})
	drawHeader = rapid.Custom(func(t *rapid.T) pow.Header {
		return pow.Header{
			Version: rapid.Uint32().Draw(t, "version"), Prev: drawHash.Draw(t, "prev"), MerkleRoot: drawHash.Draw(t, "root"),
			Time: rapid.Uint32().Draw(t, "time"), Bits: pow.Bits(rapid.Uint32().Draw(t, "bits")), Nonce: rapid.Uint32().Draw(t, "nonce"),
		}
	})
	drawRecord = rapid.Custom(func(t *rapid.T) []byte {
		size := rapid.OneOf(rapid.IntRange(MinRecordSize, 300), rapid.Just(MaxRecordSize)).Draw(t, "size")
		return bytes.Repeat([]byte{rapid.Byte().Draw(t, "fill")}, size)
	})
	drawAddr = rapid.Custom(func(t *rapid.T) Addr {
		ip := netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ip"))).Unmap()
		if rapid.Bool().Draw(t, "IPv4") {
			ip = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ip")))
		}
		port := rapid.Uint16Min(1).Draw(t, "port")
		return Addr{netip.AddrPortFrom(ip, port), Services(rapid.Uint64().Draw(t, "services")), rapid.Uint16().Draw(t, "age")}
	})
	drawShortID = rapid.Custom(func(t *rapid.T) ShortID { return ShortID(rapid.Uint64Max(uint64(maxShortID)).Draw(t, "id")) })
)

func drawHops(t *rapid.T) uint8 { return rapid.Uint8Max(MaxHops).Draw(t, "hops") }

func drawSignature(t *rapid.T) [64]byte {
	return [64]byte(rapid.SliceOfN(rapid.Byte(), 64, 64).Draw(t, "signature"))
}

// drawList draws low to high elements, nil if there are none.
func drawList[T any](t *rapid.T, of *rapid.Generator[T], low, high int) []T {
	if all := rapid.SliceOfN(of, low, min(high, 40)).Draw(t, "list"); len(all) > 0 {
		return all
	}
	return nil
}

func drawText(t *rapid.T, low, high int, chars string) string {
	return rapid.StringOfN(rapid.SampledFrom([]rune(chars)), low, high, -1).Draw(t, "text")
}

var printable = func() string {
	var b strings.Builder
	for char := ' '; char <= '~'; char++ {
		b.WriteRune(char)
	}
	return b.String()
}()

func drawIndices(t *rapid.T) []uint32 {
	all := rapid.SliceOfNDistinct(rapid.Uint32(), 1, 40, rapid.ID[uint32]).Draw(t, "indices")
	slices.Sort(all)
	return all
}

func drawCompact(t *rapid.T) *Compact {
	m := &Compact{Header: drawHeader.Draw(t, "header"), Nonce: rapid.Uint64().Draw(t, "nonce"), IDs: drawList(t, drawShortID, 0, 40)}
	m.Prefilled = []Prefilled{{0, drawRecord.Draw(t, "coinbase")}}
	size := 0
	for at := range uint32(len(m.IDs)) { // the block has more records than ids
		r := drawRecord.Draw(t, "record")
		if size += len(r); size > MaxPrefilled || !rapid.Bool().Draw(t, "prefilled") {
			break
		}
		m.Prefilled = append(m.Prefilled, Prefilled{at + 1, r})
	}
	return m
}

// draw draws a message of any kind.
func draw(t *rapid.T) Message {
	hash, u64 := drawHash.Draw(t, "hash"), rapid.Uint64().Draw(t, "number")
	hashes := func(high int) []pow.Hash { return drawList(t, drawHash, 1, high) }
	records := func() [][]byte { return drawList(t, drawRecord, 1, 8) }
	switch k := Kind(rapid.IntRange(1, len(kinds)).Draw(t, "kind")); k {
	case KindHello:
		protocol := rapid.Uint16Min(1).Draw(t, "protocol")
		return &Hello{
			Protocol: protocol, MinProtocol: rapid.Uint16Range(1, protocol).Draw(t, "min"), Network: rapid.Uint32().Draw(t, "network"),
			Genesis: hash, Services: Services(u64), Height: rapid.Uint32().Draw(t, "height"), Tip: drawHash.Draw(t, "tip"),
			Work: pow.Work(rapid.SliceOfN(rapid.Uint64(), 4, 4).Draw(t, "work")), Port: rapid.Uint16().Draw(t, "port"),
			Nonce: rapid.Uint64().Draw(t, "nonce"), MinFeeRate: rapid.Uint64().Draw(t, "rate"), Agent: drawText(t, 0, MaxAgent, printable),
		}
	case KindPing:
		return &Ping{u64}
	case KindPong:
		return &Pong{u64}
	case KindGetHeaders:
		return &GetHeaders{hashes(MaxLocator), hash}
	case KindHeaders:
		return &Headers{drawList(t, drawHeader, 0, MaxUnsolicitedHeaders)}
	case KindGetBlocks:
		return &GetBlocks{hashes(MaxGetBlocks)}
	case KindBlock:
		return &Block{rapid.SliceOfN(rapid.Byte(), 84, 200).Draw(t, "block")}
	case KindAbsent:
		request := rapid.SampledFrom([]Kind{KindGetBlocks, KindGetCompact, KindGetParts, KindWant}).Draw(t, "request")
		return &Absent{request, Cause(rapid.Uint8Max(uint8(causes)-1).Draw(t, "cause")), hashes(MaxAbsent)}
	case KindCompact:
		return drawCompact(t)
	case KindGetCompact:
		return &GetCompact{hash}
	case KindGetParts:
		return &GetParts{hash, drawIndices(t)}
	case KindParts:
		return &Parts{hash, records()}
	case KindHave:
		return &Have{hashes(MaxHave)}
	case KindWant:
		return &Want{hashes(MaxWant)}
	case KindRecords:
		return &Records{records()}
	case KindFeeRate:
		return &FeeRate{u64}
	case KindAnnounce:
		return &Announce{rapid.Bool().Draw(t, "push")}
	case KindGetAddrs:
		return &GetAddrs{}
	case KindAddrs:
		return &Addrs{drawList(t, drawAddr, 0, MaxUnsolicitedAddrs)}
	case KindBye:
		return &Bye{Reason(drawText(t, 1, MaxReason, "abcz-09")), drawText(t, 0, MaxText, printable)}
	case KindGetBlob:
		return &GetBlob{u64, drawHops(t), drawHash.Draw(t, "blob"), drawHash.Draw(t, "key"), int64(u64), drawSignature(t)}
	case KindBlob:
		return &Blob{u64, rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "data")}
	case KindGetNotice:
		return &GetNotice{u64, drawHops(t), drawHash.Draw(t, "carrier")}
	case KindNotice:
		if rapid.Bool().Draw(t, "found") {
			return &Notice{u64, true, drawHash.Draw(t, "key"), drawSignature(t)}
		}
		return &Notice{ID: u64}
	default:
		number := Kind(rapid.Uint8Range(uint8(minIgnored), uint8(maxIgnored)).Draw(t, "number"))
		return &Unknown{number, rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "body")}
	}
}

// Decoding gives the message that was encoded. A body that ends earlier or goes on
// is another message or none, never the same.
func TestEncodeDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := draw(t)
		frame, err := testLimits.Append(nil, m)
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		h := DecodeHeader([HeaderSize]byte(frame))
		body := frame[HeaderSize:]
		if h.Kind != m.Kind() || int(h.Length) != len(body) {
			t.Fatalf("header %+v of %d bytes of %s", h, len(body), m.Kind())
		}
		got, err := testLimits.Decode(h.Kind, body, true)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("decoded %+v, error %v, want %+v", got, err, m)
		}
		n := rapid.IntRange(0, len(body)).Draw(t, "length")
		for _, other := range [][]byte{body[:n], append(slices.Clone(body), rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "more")...)} {
			if len(other) != len(body) {
				checkBody(t, h.Kind, other, m)
			}
		}
	})
}

// Bytes that change in transit are another message or none.
func TestChangedBody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := draw(t)
		frame, err := testLimits.Append(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		body := frame[HeaderSize:]
		if len(body) == 0 {
			return
		}
		body[rapid.IntRange(0, len(body)-1).Draw(t, "at")] ^= rapid.ByteMin(1).Draw(t, "bits")
		checkBody(t, m.Kind(), body, m)
	})
}

// checkBody checks what must hold for any body: it has an error of a known kind, or
// it is the only encoding of what it decodes to, which is not the message other.
func checkBody(t interface{ Fatalf(string, ...any) }, k Kind, body []byte, other Message) {
	m, err := testLimits.Decode(k, body, true)
	if err != nil {
		if m != nil || !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrLength) && !errors.Is(err, ErrUnknownKind) {
			t.Fatalf("%s: message %v, error %v", k, m, err)
		}
		return
	}
	if other != nil && reflect.DeepEqual(m, other) {
		t.Fatalf("%s: another body is the same message %+v", k, m)
	}
	if m.Kind() != k {
		t.Fatalf("%s: decoded as %s", k, m.Kind())
	}
	again, err := testLimits.Append(nil, m)
	if err != nil || !bytes.Equal(again[HeaderSize:], body) {
		t.Fatalf("%s: %x is encoded as %x, error %v", k, body, again, err)
	}
}
