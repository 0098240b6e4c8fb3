package ptx_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"stele/kernels/cuda/ptx"
)

// The kernels of testdata/mixed.cu against the same in Go, with threads in
// both orders.
func TestMixedKernels(t *testing.T) {
	m := read(t, "mixed")
	random := rand.New(rand.NewPCG(1, 2))
	words := func(n int) []uint32 {
		v := make([]uint32, n)
		for i := range v {
			v[i] = random.Uint32()
		}
		return v
	}
	longs := func(n int) []uint64 {
		v := make([]uint64, n)
		for i := range v {
			v[i] = random.Uint64() >> random.UintN(64)
		}
		return v
	}
	both := func(name string, f func(t *testing.T, o ptx.Options)) {
		for _, reverse := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s reverse=%v", name, reverse), func(t *testing.T) { f(t, ptx.Options{Reverse: reverse}) })
		}
	}
	launch := func(t *testing.T, entry string, blocks, threads int, mem *ptx.Memory, o ptx.Options, params ...[]byte) {
		t.Helper()
		if _, err := m.Run(entry, [3]int{blocks, 1, 1}, [3]int{threads, 1, 1}, params, mem, o); err != nil {
			t.Fatal(err)
		}
	}

	both("sum", func(t *testing.T, o ptx.Options) {
		var mem ptx.Memory
		in := words(3 * 64)
		out := alloc(t, &mem, make([]byte, 12))
		launch(t, "sum", 3, 64, &mem, o, u64(alloc(t, &mem, le(in))), u64(out))
		want := make([]uint32, 3)
		for i, v := range in {
			want[i/64] += v
		}
		same(t, &mem, out, want)
	})
	both("turn", func(t *testing.T, o ptx.Options) {
		var mem ptx.Memory
		in := words(4 * 2 * 5)
		out := alloc(t, &mem, make([]byte, 4*len(in)))
		launch(t, "turn", 2, 5, &mem, o, u64(alloc(t, &mem, le(in))), u64(out))
		var want []uint32
		for q := range slices.Chunk(in, 4) {
			want = append(want, q[3], q[2], q[1], q[0])
		}
		same(t, &mem, out, want)
	})
	both("neighbour", func(t *testing.T, o ptx.Options) {
		var mem ptx.Memory
		in := words(4 * 32)
		out := alloc(t, &mem, make([]byte, 4*len(in)))
		launch(t, "neighbour", 1, 32, &mem, o, u64(alloc(t, &mem, le(in))), u64(out))
		same(t, &mem, out, append(slices.Clone(in[4:]), in[:4]...))
	})
	both("histogram", func(t *testing.T, o ptx.Options) {
		var mem ptx.Memory
		in := le(words(100))
		out := alloc(t, &mem, make([]byte, 32))
		launch(t, "histogram", 1, 1, &mem, o, u64(alloc(t, &mem, in)), u32(400), u64(out))
		want := make([]uint16, 16)
		for _, c := range in {
			want[c&15]++
		}
		same(t, &mem, out, want)
	})
	both("divide", func(t *testing.T, o ptx.Options) {
		var mem ptx.Memory
		a, b := longs(64), longs(64)
		a[0], b[0] = 1<<63, 1<<64-1 // the quotient does not fit
		a[1], b[1] = 0xfffffff9, 2
		for i := range b {
			b[i] |= 1
		}
		var gcd, quotient []uint64
		var remainder []uint32
		for i := range a {
			x, y := a[i], b[i]
			quotient = append(quotient, uint64(int64(x)/int64(y)))
			remainder = append(remainder, uint32(int32(x)%int32(y)))
			for y != 0 {
				x, y = y, x%y
			}
			gcd = append(gcd, x)
		}
		g, q, r := alloc(t, &mem, make([]byte, 512)), alloc(t, &mem, make([]byte, 512)), alloc(t, &mem, make([]byte, 256))
		launch(t, "divide", 1, 64, &mem, o, u64(alloc(t, &mem, le(a))), u64(alloc(t, &mem, le(b))), u64(g), u64(q), u64(r))
		same(t, &mem, g, gcd)
		same(t, &mem, q, quotient)
		same(t, &mem, r, remainder)
	})
	both("product", func(t *testing.T, o ptx.Options) {
		var mem ptx.Memory
		a, b := longs(64), longs(64)
		var low, high, mixed []uint64
		for i := range a {
			h, l := bits.Mul64(a[i], b[i])
			low, high = append(low, l), append(high, h)
			mixed = append(mixed, uint64(int64(int32(a[i]))*int64(int32(b[i])))^uint64(uint32(a[i]))*uint64(uint32(b[i])))
		}
		l, h, x := alloc(t, &mem, make([]byte, 512)), alloc(t, &mem, make([]byte, 512)), alloc(t, &mem, make([]byte, 512))
		launch(t, "product", 1, 64, &mem, o, u64(alloc(t, &mem, le(a))), u64(alloc(t, &mem, le(b))), u64(l), u64(h), u64(x))
		same(t, &mem, l, low)
		same(t, &mem, h, high)
		same(t, &mem, x, mixed)
	})
	both("warps", func(t *testing.T, o ptx.Options) {
		var mem ptx.Memory
		in := words(96)
		ballot, sum := make([]uint32, 96), make([]uint32, 96)
		total := uint32(7)
		for i, v := range in {
			for j := range 32 {
				ballot[i/32*32+j] |= v & 1 << (i % 32)
				sum[i/32*32+j] += v
			}
			total += v
		}
		b, s, a := alloc(t, &mem, make([]byte, 384)), alloc(t, &mem, make([]byte, 384)), alloc(t, &mem, u32(7))
		launch(t, "warps", 1, 96, &mem, o, u64(alloc(t, &mem, le(in))), u64(b), u64(s), u64(a))
		same(t, &mem, b, ballot)
		same(t, &mem, s, sum)
		same(t, &mem, a, []uint32{total})
	})
	both("keep", func(t *testing.T, o ptx.Options) {
		var mem ptx.Memory
		o.Shared = 4 * 8
		out := alloc(t, &mem, make([]byte, 32))
		for calls := range uint32(3) {
			launch(t, "keep", 1, 8, &mem, o, u64(out))
			var want []uint32
			for i := range uint32(8) {
				want = append(want, 5+calls+7-i)
			}
			same(t, &mem, out, want)
		}
		addr, size, err := m.Symbol(&mem, "calls")
		if err != nil || size != 4 {
			t.Fatalf("calls has %d bytes, %v", size, err)
		}
		same(t, &mem, addr, []uint32{8})
		if err := mem.Write(addr, u32(100)); err != nil {
			t.Fatal(err)
		}
		launch(t, "keep", 1, 1, &mem, o, u64(out))
		same(t, &mem, out, []uint32{100})
		var other ptx.Memory // has variables of its own
		out = alloc(t, &other, make([]byte, 4))
		launch(t, "keep", 1, 1, &other, o, u64(out))
		same(t, &other, out, []uint32{5})
	})
}

// le gives values as they lie in memory.
func le[T any](v []T) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		panic(err)
	}
	return b
}

// same compares memory with what is expected there.
func same[T uint16 | uint32 | uint64](t testing.TB, mem *ptx.Memory, addr uint64, want []T) {
	t.Helper()
	got := make([]T, len(want))
	b := make([]byte, len(le(want)))
	if err := mem.Read(addr, b); err != nil {
		t.Fatal(err)
	}
	if _, err := binary.Decode(b, binary.LittleEndian, got); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, le(want)) {
		t.Errorf("memory holds %#x, expected %#x", got, want)
	}
}
