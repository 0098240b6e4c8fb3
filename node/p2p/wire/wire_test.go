package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"

	"stele/engine/pow"
)

// body returns the encoded body of m.
func body(t *testing.T, m Message) []byte {
	t.Helper()
	frame, err := testLimits.Append(nil, m)
	if err != nil {
		t.Fatalf("%s: %v", m.Kind(), err)
	}
	return frame[HeaderSize:]
}

// Lengths are checked against the kind, and against what was asked for, before
// there is a body.
func TestCheck(t *testing.T) {
	const none = -1
	for _, c := range []struct {
		kind             Kind
		min              int
		max, unsolicited int
	}{
		{KindHello, 135, 199, 199},
		{KindPing, 8, 8, 8},
		{KindPong, 8, 8, 8},
		{KindGetHeaders, 66, 2082, 2082},
		{KindHeaders, 2, 160_002, 642},
		{KindGetBlocks, 34, 514, 514},
		{KindBlock, 84, 4_000_000, none},
		{KindAbsent, 36, 8196, none},
		{KindCompact, 161, 512 << 10, 512 << 10},
		{KindGetCompact, 32, 32, 32},
		{KindGetParts, 40, 32 << 10, 32 << 10},
		{KindParts, 99, 4_000_000, none},
		{KindHave, 34, 32_002, 32_002},
		{KindWant, 34, 8194, 8194},
		{KindRecords, 65, 512 << 10, 131_090},
		{KindFeeRate, 8, 8, 8},
		{KindAnnounce, 1, 1, 1},
		{KindGetAddrs, 0, 0, 0},
		{KindAddrs, 2, 28_002, 282},
		{KindBye, 3, 194, 194},
		{KindGetBlob, 145, 145, 145},
		{KindBlob, 8, 8200, none},
		{KindGetNotice, 41, 41, 41},
		{KindNotice, 105, 105, none},
		{64, 0, 64 << 10, 64 << 10},
		{127, 0, 64 << 10, 64 << 10},
	} {
		for _, solicited := range []bool{false, true} {
			limit := c.max
			if !solicited {
				limit = c.unsolicited
			}
			for _, n := range []int{0, c.min - 1, c.min, limit, limit + 1, c.max + 1, 1<<32 - 1} {
				if n < 0 {
					continue
				}
				var want error
				switch {
				case limit == none:
					want = ErrUnsolicited
				case n < c.min || n > limit:
					want = ErrLength
				}
				err := testLimits.Check(Header{Length: uint32(n), Kind: c.kind}, solicited)
				if !errors.Is(err, want) {
					t.Errorf("%s of %d bytes, solicited %v: error %v, want %v", c.kind, n, solicited, err, want)
				}
			}
		}
	}
	for _, k := range []Kind{0, 25, 63, 128, 255} {
		if err := testLimits.Check(Header{Kind: k}, true); !errors.Is(err, ErrUnknownKind) {
			t.Errorf("kind %d: error %v, want %v", k, err, ErrUnknownKind)
		}
		if m, err := testLimits.Decode(k, nil, true); m != nil || !errors.Is(err, ErrUnknownKind) {
			t.Errorf("kind %d: message %v, error %v", k, m, err)
		}
	}
}

// All limits of the protocol are within what its description promises.
func TestLimitsAreSmall(t *testing.T) {
	for k, limit := range map[Kind]int{
		KindHello: 300, KindHeaders: 160_002, KindGetParts: 32 << 10, KindCompact: 512 << 10,
		KindRecords: 512 << 10, KindBye: 32 + 160 + 2,
	} {
		if b, _ := testLimits.of(k); b.max > limit {
			t.Errorf("%s may have %d bytes, must have at most %d", k, b.max, limit)
		}
	}
}

// Bodies that are no encoding are rejected, with the field that is wrong.
func TestMalformed(t *testing.T) {
	put := func(b []byte, at int, with ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], with)
		return b
	}
	all := map[Kind][]byte{}
	for _, m := range samples() {
		all[m.Kind()] = body(t, m)
	}
	compact := all[KindCompact] // short ids at 92, count of prefilled at 104, records at 106 and 173
	for _, c := range []struct {
		name string
		kind Kind
		body []byte
		want string
	}{
		{"protocol 0", KindHello, put(all[KindHello], 2, 0, 0), "protocols 0 to 1"},
		{"minimum above", KindHello, put(all[KindHello], 2, 2, 0), "protocols 2 to 1"},
		{"agent too long", KindHello, put(all[KindHello], 134, 65), "a text has 65 bytes, must have at most 64"},
		{"agent ends early", KindHello, put(all[KindHello], 134, 10), "the body ends before the last field"},
		{"agent with a line", KindHello, put(all[KindHello], 135, '\n'), "byte 0x0a"},
		{"no locator", KindGetHeaders, put(all[KindGetHeaders], 0, 0), "0 elements in a list, must be 1 to 64"},
		{"long locator", KindGetHeaders, put(all[KindGetHeaders], 0, 65), "65 elements in a list, must be 1 to 64"},
		{"headers missing", KindHeaders, put(all[KindHeaders], 0, 3), "3 elements do not fit into 160 bytes"},
		{"headers left", KindHeaders, put(all[KindHeaders], 0, 1), "80 bytes follow the last field"},
		{"absent of a wrong kind", KindAbsent, put(all[KindAbsent], 0, byte(KindPing)), "ping was not served"},
		{"absent without a cause", KindAbsent, put(all[KindAbsent], 1, 3), "cause 3, must be 0 to 2"},
		{"too many short ids", KindCompact, put(compact, 88, 0xff, 0xff, 0xff, 0xff), "4294967295 elements in a list"},
		{"no coinbase", KindCompact, put(compact, 106, 1), "the first prefilled record has index 1, must be 0"},
		{"same index twice", KindCompact, put(compact, 173, 0), "index 0 after 0, must ascend"},
		{"index above the block", KindCompact, put(compact, 173, 4), "index 4 in a block of 4 records"},
		{"short record", KindCompact, put(compact, 110, 60), "a record of 60 bytes, must be 61 to 16384"},
		{"indices descend", KindGetParts, put(all[KindGetParts], 36, 2, 0, 1), "index 65537 after 65538, must ascend"},
		{"an index twice", KindGetParts, put(all[KindGetParts], 36, 1, 0, 1), "index 65537 after 65537, must ascend"},
		{"a record too long", KindParts, put(all[KindParts], 36, 1, 0x40), "a record of 16385 bytes, must be 61 to 16384"},
		{"record above the limit", KindRecords, append([]byte{1, 0, 1, 0x40}, make([]byte, 16385)...), "a record of 16385 bytes"},
		{"a flag of 2", KindAnnounce, []byte{2}, "a flag is 2, must be 0 or 1"},
		{"port 0", KindAddrs, put(all[KindAddrs], 18, 0, 0), "port 0, must be 1 to 65535"},
		{"too many hops", KindGetBlob, put(all[KindGetBlob], 8, 4), "4 hops, must be at most 3"},
		{"a key of no notice", KindNotice, put(all[KindNotice], 8, 0), "not found has a key"},
		{"no reason", KindBye, []byte{0, 1, 'x'}, "no reason"},
		{"reason with capitals", KindBye, []byte{2, 'A', 'b', 0}, `reason "Ab"`},
	} {
		_, err := testLimits.Decode(c.kind, c.body, true)
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		}
	}
}

// What no peer would accept is not encoded.
func TestAppendRejects(t *testing.T) {
	hashes := func(n int) []pow.Hash { return make([]pow.Hash, n) }
	records := func(n, size int) (all [][]byte) {
		for range n {
			all = append(all, make([]byte, size))
		}
		return all
	}
	addr := func(text string, port uint16) *Addrs {
		var ip netip.Addr
		if text != "" {
			ip = netip.MustParseAddr(text)
		}
		return &Addrs{[]Addr{{Addr: netip.AddrPortFrom(ip, port)}}}
	}
	coinbase := Prefilled{0, recordOf(100, 1)}
	for i, c := range []struct {
		m    Message
		want error
	}{
		{&Hello{Protocol: 1, MinProtocol: 1, Agent: strings.Repeat("x", 65)}, ErrMalformed},
		{&Hello{Protocol: 1, MinProtocol: 1, Agent: strings.Repeat("x", 256)}, ErrMalformed},
		{&Hello{Protocol: 1, MinProtocol: 1, Agent: "é"}, ErrMalformed},
		{&Hello{}, ErrMalformed},
		{&GetHeaders{}, ErrMalformed},
		{&GetHeaders{Locator: hashes(65)}, ErrMalformed},
		{&Headers{make([]pow.Header, 2001)}, ErrMalformed},
		{&GetBlocks{hashes(17)}, ErrMalformed},
		{&Block{}, ErrLength},
		{&Block{make([]byte, testLimits.MaxBlockSize+1)}, ErrLength},
		{&Absent{Hashes: hashes(1)}, ErrMalformed},
		{&Absent{Request: KindWant, Cause: 3, Hashes: hashes(1)}, ErrMalformed},
		{&Compact{}, ErrMalformed},
		{&Compact{IDs: []ShortID{1 << 48}, Prefilled: []Prefilled{coinbase}}, ErrMalformed},
		{&Compact{IDs: make([]ShortID, 1), Prefilled: []Prefilled{coinbase, {2, recordOf(100, 1)}, {2, recordOf(100, 1)}}}, ErrMalformed},
		{&Compact{Prefilled: []Prefilled{coinbase, {1, recordOf(10_000, 1)}, {2, recordOf(6_385, 1)}}}, ErrMalformed},
		{&Compact{IDs: make([]ShortID, 87_400), Prefilled: []Prefilled{coinbase}}, ErrMalformed},
		{&Compact{IDs: make([]ShortID, 87_360), Prefilled: []Prefilled{coinbase}}, ErrLength},
		{&GetParts{Indices: []uint32{2, 1}}, ErrMalformed},
		{&GetParts{Indices: make([]uint32, 8184)}, ErrMalformed},
		{&Parts{Records: records(250, 16384)}, ErrLength},
		{&Parts{Records: records(70_000, 61)}, ErrMalformed},
		{&Have{hashes(1001)}, ErrMalformed},
		{&Have{hashes(1 << 16)}, ErrMalformed},
		{&Want{hashes(257)}, ErrMalformed},
		{&Records{records(257, 61)}, ErrMalformed},
		{&Records{records(32, 16384)}, ErrLength},
		{&Records{records(1, 60)}, ErrMalformed},
		{&Records{records(1, 16385)}, ErrMalformed},
		{&Records{records(1, 1<<16+61)}, ErrMalformed},
		{&Addrs{make([]Addr, 1001)}, ErrMalformed},
		{addr("192.0.2.1", 0), ErrMalformed},
		{addr("", 1), ErrMalformed},
		{addr("::ffff:192.0.2.1", 1), ErrMalformed},
		{addr("fe80::1%eth0", 1), ErrMalformed},
		{&Bye{}, ErrMalformed},
		{&Bye{Reason: "Full"}, ErrMalformed},
		{&Bye{Reason: ReasonFull, Text: strings.Repeat("x", 161)}, ErrMalformed},
		{&Unknown{Number: 63}, ErrUnknownKind},
		{&Unknown{Number: 64, Body: make([]byte, 64<<10+1)}, ErrLength},
	} {
		got, err := testLimits.Append([]byte("before"), c.m)
		if !errors.Is(err, c.want) || string(got) != "before" {
			t.Errorf("%d, %s: %d bytes, error %v, want %v", i, c.m.Kind(), len(got), err, c.want)
		}
	}
}

// Lists that are pushed without a request are shorter.
func TestUnsolicited(t *testing.T) {
	records := func(n int) *Records {
		m := &Records{}
		for range n {
			m.Records = append(m.Records, recordOf(61, 7))
		}
		return m
	}
	for _, c := range []struct {
		m    Message
		want error
	}{
		{&Headers{make([]pow.Header, 8)}, nil},
		{&Headers{make([]pow.Header, 9)}, ErrLength},
		{records(8), nil},
		{records(9), ErrMalformed}, // short enough, but too many
		{&Block{make([]byte, 84)}, ErrUnsolicited},
		{&Absent{Request: KindWant, Hashes: make([]pow.Hash, 1)}, ErrUnsolicited},
	} {
		b := body(t, c.m)
		if _, err := testLimits.Decode(c.m.Kind(), b, false); !errors.Is(err, c.want) {
			t.Errorf("%s of %d bytes: error %v, want %v", c.m.Kind(), len(b), err, c.want)
		}
		if _, err := testLimits.Decode(c.m.Kind(), b, true); err != nil {
			t.Errorf("%s of %d bytes, solicited: %v", c.m.Kind(), len(b), err)
		}
	}
}

// allocated returns how many bytes do allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Decoding the largest body of each kind, good or filled with one byte, allocates at
// most twice its length and 64 kB.
func TestDecodeMemory(t *testing.T) {
	bodies := map[string][]byte{}
	add := func(m Message) { bodies[m.Kind().String()] = body(t, m) }
	add(&Headers{make([]pow.Header, MaxHeaders)})
	add(&Have{make([]pow.Hash, MaxHave)})
	indices, short := make([]uint32, MaxParts), make([][]byte, MaxParts)
	for i := range indices {
		indices[i], short[i] = uint32(i), recordOf(MinRecordSize, 1)
	}
	add(&GetParts{Indices: indices})
	add(&Parts{Records: short})
	add(&Records{short[:MaxRecords]})
	addrs := &Addrs{}
	for i := range MaxAddrs {
		addrs.Addrs = append(addrs.Addrs, Addr{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1)})
	}
	add(addrs)
	add(&Compact{IDs: make([]ShortID, 87_000), Prefilled: []Prefilled{{0, recordOf(MaxRecordSize/16, 1)}}})
	add(&Block{make([]byte, testLimits.MaxBlockSize)})
	bodies["getparts that descends"] = append(binary.LittleEndian.AppendUint32(make([]byte, 32), MaxParts), make([]byte, 4*MaxParts)...)

	check := func(name string, k Kind, b []byte) {
		used := allocated(func() { _, _ = testLimits.Decode(k, b, true) })
		if limit := 2*uint64(len(b)) + 64<<10; used > limit {
			t.Errorf("%s of %d bytes: decoding allocates %d bytes, must be at most %d", name, len(b), used, limit)
		}
	}
	for k := range Kind(len(kinds)) {
		for name, b := range bodies {
			if first, _, _ := strings.Cut(name, " "); first == k.String() {
				check(name, k, b)
			}
		}
		b, _ := testLimits.of(k)
		for _, fill := range []byte{0, 1, 'x', 0xff} {
			check(fmt.Sprintf("%s filled with %#x", k, fill), k, bytes.Repeat([]byte{fill}, b.max))
		}
	}
}

// Both sides of a connection choose the same version.
func TestCommon(t *testing.T) {
	for _, c := range []struct {
		aMin, a, bMin, b, want uint16
		ok                     bool
	}{
		{1, 1, 1, 1, 1, true},
		{1, 1, 1, 3, 1, true},
		{2, 4, 1, 3, 3, true},
		{1, 1, 2, 3, 0, false},
	} {
		a, b := &Hello{Protocol: c.a, MinProtocol: c.aMin}, &Hello{Protocol: c.b, MinProtocol: c.bMin}
		for _, pair := range [][2]*Hello{{a, b}, {b, a}} {
			if got, ok := pair[0].Common(pair[1]); ok != c.ok || ok && got != c.want {
				t.Errorf("%d to %d and %d to %d: %d, %v, want %d, %v", c.aMin, c.a, c.bMin, c.b, got, ok, c.want, c.ok)
			}
		}
	}
}

func TestServices(t *testing.T) {
	s := ServesBlocks | TakesRecords
	if !s.Has(TakesRecords) || !s.Has(s) || !s.Has(0) || s.Has(ServesRecentBlocks) || s.Has(ServesRecentBlocks|TakesRecords) {
		t.Errorf("wrong services of %b", s)
	}
}

func TestKindString(t *testing.T) {
	for k, want := range map[Kind]string{KindHello: "hello", KindBye: "bye", 0: "kind-0", 25: "kind-25", 64: "kind-64", 255: "kind-255"} {
		if got := k.String(); got != want {
			t.Errorf("kind %d is %q, want %q", uint8(k), got, want)
		}
	}
}

func TestBlockHeader(t *testing.T) {
	want := headerOf(3)
	encoded := want.Encode()
	if got, err := (&Block{append(encoded[:], 1, 2, 3, 4)}).Header(); err != nil || got != want {
		t.Errorf("header %+v, error %v", got, err)
	}
	if _, err := (&Block{encoded[:79]}).Header(); err == nil {
		t.Error("79 bytes have a header")
	}
}

// MaxBody is the length up to which Check takes a body.
func TestMaxBody(t *testing.T) {
	l := Limits{MaxBlockSize: 1 << 20}
	for k := range Kind(130) {
		n := l.MaxBody(k)
		if err := l.Check(Header{Length: uint32(n), Kind: k}, true); err != nil && n > 0 {
			t.Errorf("%v of %d bytes: %v", k, n, err)
		}
		if l.Check(Header{Length: uint32(n) + 1, Kind: k}, true) == nil {
			t.Errorf("%v of %d bytes is accepted", k, n+1)
		}
	}
}
