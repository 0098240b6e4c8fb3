package ptx_test

import (
	"fmt"
	"math/big"
	"math/bits"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/kernels/cuda/ptx"
)

const head = ".version 6.3\n.target sm_75\n.address_size 64\n"

// body makes a module with the entry k, whose one parameter is a pointer that
// %d0 holds when the body begins, on line 7.
func body(text string) string {
	return head + `.visible .entry k(.param .u64 out) {
.reg .pred %p<9>; .reg .b16 %h<9>; .reg .b32 %r<9>; .reg .b64 %d<9>;
ld.param.u64 %d0, [out];
` + text + "\n}\n"
}

// result runs a kernel that body made with one thread, over memory that holds
// v at first, and returns what it holds after.
func result(t testing.TB, kernel string, v ...uint64) []uint64 {
	t.Helper()
	m, err := ptx.Parse([]byte(kernel))
	if err != nil {
		t.Fatalf("%v\n%s", err, kernel)
	}
	var mem ptx.Memory
	addr := alloc(t, &mem, le(v))
	if err := m.Launch("k", [3]int{1, 1, 1}, [3]int{1, 1, 1}, [][]byte{u64(addr)}, &mem); err != nil {
		t.Fatalf("%v\n%s", err, kernel)
	}
	return words64(t, &mem, addr, len(v))
}

func TestCarryChains(t *testing.T) {
	kernel := body(`
	ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%d0];
	// a * b from the 32-bit halves
	.reg .b32 %m<4>;
	mul.lo.u32 %m0, %r1, %r3;
	mul.hi.u32 %m1, %r1, %r3;
	mad.lo.cc.u32 %m1, %r1, %r4, %m1;
	madc.hi.u32 %m2, %r1, %r4, 0;
	mad.lo.cc.u32 %m1, %r2, %r3, %m1;
	madc.hi.cc.u32 %m2, %r2, %r3, %m2;
	addc.u32 %m3, 0, 0;
	mad.lo.cc.u32 %m2, %r2, %r4, %m2;
	madc.hi.u32 %m3, %r2, %r4, %m3;
	st.global.v4.u32 [%d0+16], {%m0, %m1, %m2, %m3};
	// (b, a) + (a, b) and (b, a) - (a, b), 128 bits each
	ld.global.v2.u64 {%d1, %d2}, [%d0];
	add.cc.u64 %d3, %d1, %d2;
	addc.cc.u64 %d4, %d2, %d1;
	addc.u64 %d5, 0, 0;
	st.global.u64 [%d0+32], %d3; st.global.u64 [%d0+40], %d4; st.global.u64 [%d0+48], %d5;
	sub.cc.u64 %d3, %d1, %d2;
	subc.cc.u64 %d4, %d2, %d1;
	subc.u64 %d5, 0, 0;
	st.global.u64 [%d0+56], %d3; st.global.u64 [%d0+64], %d4; st.global.u64 [%d0+72], %d5;
	// and in 32-bit halves
	add.cc.u32 %r5, %r1, %r3; addc.u32 %r6, %r2, %r4;
	sub.cc.u32 %r7, %r1, %r3; subc.u32 %r8, %r2, %r4;
	st.global.v4.u32 [%d0+80], {%r5, %r6, %r7, %r8};
	// signed
	mad.hi.cc.s32 %r5, %r1, %r3, %r1; madc.lo.cc.s32 %r6, %r1, %r3, %r3; addc.u32 %r7, 0, 0;
	mad.hi.cc.s64 %d3, %d1, %d2, %d1; addc.u64 %d4, 0, 0;
	st.global.v2.u32 [%d0+96], {%r5, %r6}; st.global.u64 [%d0+104], %d3; st.global.u64 [%d0+112], %d4;
	ret;`)
	rapid.Check(t, func(rt *rapid.T) {
		word := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom(edges))
		a, b := word.Draw(rt, "a"), word.Draw(rt, "b")
		got := result(t, kernel, append([]uint64{a, b}, make([]uint64, 13)...)...)
		ph, pl := bits.Mul64(a, b)
		s0, c := bits.Add64(a, b, 0)
		s1, c := bits.Add64(b, a, c)
		d0, e := bits.Sub64(a, b, 0)
		d1, e := bits.Sub64(b, a, e)
		h32 := uint64(uint32(int64(int32(a))*int64(int32(b))>>32)) + uint64(uint32(a))
		l32 := uint64(uint32(a)*uint32(b)) + uint64(uint32(b)) + h32>>32
		big64 := new(big.Int).Mul(big.NewInt(int64(a)), big.NewInt(int64(b)))
		h64, c64 := bits.Add64(uint64(big64.Rsh(big64, 64).Int64()), a, 0)
		want := []uint64{a, b, pl, ph, s0, s1, c, d0, d1, -e, a + b, a - b, h32&0xffffffff | l32<<32, h64, c64}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			rt.Fatalf("%#x, expected %#x", got, want)
		}
	})
}

func TestConversions(t *testing.T) {
	names := []string{"u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64"}
	registers := map[uint]string{16: "%h", 32: "%r", 64: "%d"}
	for _, from := range names {
		for _, to := range names {
			for size, register := range registers {
				if size < width('t', to) {
					continue
				}
				var b strings.Builder
				fmt.Fprintf(&b, "ld.global.u64 %%d1, [%%d0];\ncvt.%s.%s %s2, %%d1;\n", to, from, register)
				if size < 64 {
					fmt.Fprintf(&b, "cvt.u64.u%d %%d2, %s2;\n", size, register)
				}
				b.WriteString("st.global.u64 [%d0], %d2; ret;")
				kernel := body(b.String())
				for _, v := range edges {
					x := number(v, 't', from)
					x = number(new(big.Int).And(x, new(big.Int).SetUint64(1<<64-1)).Uint64(), 't', to)
					want := x.And(x, new(big.Int).SetUint64(1<<size-1)).Uint64()
					if got := result(t, kernel, v); got[0] != want {
						t.Errorf("cvt.%s.%s of %#x into %d bits = %#x, expected %#x", to, from, v, size, got[0], want)
					}
				}
			}
		}
	}
}

// Each text is a body, with the words that stand in memory before and after.
func TestInstructions(t *testing.T) {
	const v = 0x8123456789abcdef
	for _, c := range []struct {
		name, text string
		in, out    []uint64
	}{
		{"unpack", "ld.global.u64 %d1, [%d0]; mov.b64 {%r1, %r2}, %d1; st.global.v2.u32 [%d0], {%r2, %r1};", []uint64{v}, []uint64{0x89abcdef_81234567}},
		{"unpack one", "ld.global.u64 %d1, [%d0]; mov.b64 {_, %r2}, %d1; cvt.u64.u32 %d1, %r2; st.global.u64 [%d0], %d1;", []uint64{v}, []uint64{0x81234567}},
		{"pack", "mov.b64 %d1, {1, 2}; st.global.u64 [%d0], %d1;", []uint64{0}, []uint64{2<<32 | 1}},
		{"pack 4", "mov.u16 %h1, -1; mov.b64 %d1, {1, %h1, 3, 4}; st.global.u64 [%d0], %d1;", []uint64{0}, []uint64{0x0004_0003_ffff_0001}},
		{"unpack 4", "ld.global.u64 %d1, [%d0]; mov.b64 {%h1, %h2, %h3, %h4}, %d1; st.global.v4.u16 [%d0], {%h4, %h3, %h2, %h1};", []uint64{v}, []uint64{0xcdef_89ab_4567_8123}},
		{"pack 32", "mov.b32 %r1, {7, 9}; st.global.u32 [%d0], %r1;", []uint64{0}, []uint64{9<<16 | 7}},
		{"load u8", "ld.global.u8 %r1, [%d0+7]; cvt.u64.u32 %d1, %r1; st.global.u64 [%d0], %d1;", []uint64{v}, []uint64{0x81}},
		{"load s8", "ld.global.s8 %r1, [%d0+7]; cvt.u64.u32 %d1, %r1; st.global.u64 [%d0], %d1;", []uint64{v}, []uint64{0xffffff81}},
		{"load s16", "ld.global.s16 %h1, [%d0+6]; cvt.s64.s16 %d1, %h1; st.global.u64 [%d0], %d1;", []uint64{v}, []uint64{0xffffffff_ffff8123}},
		{"load s32 to 64", "ld.global.s32 %d1, [%d0+4]; st.global.u64 [%d0], %d1;", []uint64{v}, []uint64{0xffffffff_81234567}},
		{"load vector of bytes", "ld.global.v4.u8 {%r1, %r2, %r3, %r4}, [%d0+4]; st.global.v4.u8 [%d0+4], {%r4, %r3, %r2, %r1};", []uint64{v}, []uint64{0x67452381_89abcdef}},
		{"store u8", "mov.u32 %r1, 0x1ff; st.global.u8 [%d0+1], %r1;", []uint64{v}, []uint64{0x81234567_89abffef}},
		{"store constant", "st.global.u32 [%d0], -2;", []uint64{0}, []uint64{0xfffffffe}},
		{"cache and order", "ld.global.nc.v2.u32 {%r1, %r2}, [%d0]; ld.volatile.global.u32 %r1, [%d0]; ld.global.cg.u32 %r2, [%d0+4]; st.relaxed.gpu.global.u32 [%d0+4], %r1; st.global.cs.u32 [%d0], %r2; membar.gl; fence.acq_rel.gpu;", []uint64{1<<32 | 2}, []uint64{2<<32 | 1}},
		{"generic", ".shared .align 8 .b8 s[16]; .local .u64 l; mov.u64 %d1, s; cvta.shared.u64 %d1, %d1; st.u64 [%d1+8], 5; ld.shared.u64 %d2, [s+8]; mov.u64 %d3, l; cvta.local.u64 %d3, %d3; st.u64 [%d3], %d2; ld.local.u64 %d4, [l]; cvta.to.shared.u64 %d5, %d1; cvta.global.u64 %d6, %d0; ld.shared.u64 %d7, [%d5+8]; add.u64 %d4, %d4, %d7; st.u64 [%d6], %d4;", []uint64{0}, []uint64{10}},
		{"shared by 32 bits", ".shared .align 16 .b8 s[16]; .shared .u32 n; mov.u32 %r1, n; st.shared.u32 [%r1], 77; ld.shared.u32 %r2, [n]; cvt.u64.u32 %d1, %r2; st.global.u64 [%d0], %d1;", []uint64{0}, []uint64{77}},
		{"parameter by address", "mov.b64 %d1, out; ld.param.u64 %d2, [%d1]; st.global.u64 [%d2], 3;", []uint64{0}, []uint64{3}},
		{"guards", "setp.eq.u32 %p1, 1, 1; @%p1 st.global.u32 [%d0], 1; @!%p1 st.global.u32 [%d0+4], 1; @!%p1 bra END; st.global.u32 [%d0+4], 2; @%p1 bra.uni END; st.global.u32 [%d0+4], 3; END: ret;", []uint64{0}, []uint64{2<<32 | 1}},
		{"guarded exit", "setp.ne.u32 %p1, 1, 1; @%p1 exit; @!%p1 ret; trap;", []uint64{3}, []uint64{3}},
		{"loop", "mov.u32 %r1, 0; mov.u32 %r2, 10; AGAIN: add.u32 %r1, %r1, %r2; sub.u32 %r2, %r2, 1; setp.gt.s32 %p1, %r2, 0; @%p1 bra AGAIN; st.global.u32 [%d0], %r1;", []uint64{0}, []uint64{55}},
		{"nested scopes", "mov.u32 %r1, 1; { .reg .u32 %r<2>, t; bra X; { .reg .u32 t; mov.u32 t, 7; } X: mov.u32 %r1, 9; mov.u32 t, %r1; st.global.u32 [%d0+4], t; } st.global.u32 [%d0], %r1;", []uint64{0}, []uint64{9<<32 | 1}},
		{"numbers", "mov.u64 %d1, 0x10U; add.u64 %d1, %d1, 0b11; add.u64 %d1, %d1, 010; add.u64 %d1, %d1, -1; st.global.u64 [%d0], %d1;", []uint64{0}, []uint64{16 + 3 + 8 - 1}},
		{"special registers", "mov.u32 %r1, %ntid.y; mov.u32 %r2, %nctaid.z; add.u32 %r1, %r1, %r2; mov.u32 %r2, %lanemask_eq; add.u32 %r1, %r1, %r2; activemask.b32 %r3; add.u32 %r1, %r1, %r3; mov.u32 %r2, %lanemask_gt; sub.u32 %r1, %r1, %r2; sub.u32 %r1, %r1, WARP_SZ; st.global.u32 [%d0], %r1;", []uint64{0}, []uint64{1<<32 + 4 + 2 - 32}},
		{"alone in a warp", "mov.u32 %r1, 5; setp.eq.u32 %p1, %r1, 6; vote.sync.any.pred %p2, !%p1, 1; vote.sync.all.pred %p3, %p1, -1; vote.sync.uni.pred %p4, %p1, 1; shfl.sync.idx.b32 %r2|%p5, %r1, 0, 31, 1; bar.warp.sync 1; barrier.sync 3; selp.u32 %r3, 1, 0, %p2; @%p3 add.u32 %r3, %r3, 2; @%p4 add.u32 %r3, %r3, 4; @%p5 add.u32 %r3, %r3, 8; add.u32 %r3, %r3, %r2; st.global.u32 [%d0], %r3;", []uint64{0}, []uint64{1 + 4 + 8 + 5}},

		{"atom add", "atom.global.add.u32 %r1, [%d0], 5; st.global.u32 [%d0+4], %r1;", []uint64{7}, []uint64{7<<32 | 12}},
		{"atom add wraps", "atom.add.s32 %r1, [%d0], -8; red.global.add.u64 [%d0+8], -1;", []uint64{7, 0}, []uint64{0xffffffff, 1<<64 - 1}},
		{"atom bits", "atom.relaxed.gpu.global.and.b32 %r1, [%d0], 6; red.or.b32 [%d0+4], 6; atom.xor.b64 %d1, [%d0+8], 6;", []uint64{3<<32 | 3, 3}, []uint64{7<<32 | 2, 5}},
		{"atom exch", "atom.exch.b32 %r1, [%d0], 6; st.global.u32 [%d0+4], %r1;", []uint64{3}, []uint64{3<<32 | 6}},
		{"atom cas", "atom.cas.b64 %d1, [%d0], 3, 9; atom.cas.b64 %d2, [%d0+8], 3, 9; add.u64 %d1, %d1, %d2; st.global.u64 [%d0+16], %d1;", []uint64{3, 4, 0}, []uint64{9, 4, 7}},
		{"atom min and max", "red.min.u32 [%d0], -1; red.min.s32 [%d0+4], -1; red.max.u32 [%d0+8], -1; red.max.s32 [%d0+12], -1; red.max.s64 [%d0+16], -1; red.max.u64 [%d0+24], -1;",
			[]uint64{5<<32 | 5, 5<<32 | 5, 5, 5}, []uint64{0xffffffff<<32 | 5, 5<<32 | 0xffffffff, 5, 1<<64 - 1}},
		{"atom inc and dec", "red.inc.u32 [%d0], 5; red.inc.u32 [%d0+4], 5; red.dec.u32 [%d0+8], 5; red.dec.u32 [%d0+12], 5; red.dec.u32 [%d0+16], 5;",
			[]uint64{5<<32 | 4, 5, 6}, []uint64{5, 5<<32 | 4, 5}},
		{"atom shared", ".shared .u32 s; mov.u32 %r1, 4; st.shared.u32 [s], %r1; atom.shared.add.u32 %r2, [s], 3; ld.shared.u32 %r3, [s]; st.global.v2.u32 [%d0], {%r2, %r3};", []uint64{0}, []uint64{7<<32 | 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := result(t, body(c.text), c.in...); fmt.Sprint(got) != fmt.Sprint(c.out) {
				t.Errorf("%#x, expected %#x", got, c.out)
			}
		})
	}
}

// shfl.sync in its four modes, over two segments of 16 lanes.
func TestShuffles(t *testing.T) {
	for _, mode := range []struct {
		name  string
		clamp int
		from  func(lane int) (int, bool)
	}{
		{"up", 0x1000, func(i int) (int, bool) { return i - 3, i%16 >= 3 }},
		{"down", 0x100f, func(i int) (int, bool) { return i + 3, i%16+3 < 16 }},
		{"bfly", 0x100f, func(i int) (int, bool) { return i ^ 3, true }},
		{"idx", 0x100f, func(i int) (int, bool) { return i/16*16 + 3, true }},
	} {
		kernel := body(fmt.Sprintf(`mov.u32 %%r1, %%tid.x; add.u32 %%r2, %%r1, 100;
			shfl.sync.%s.b32 %%r3|%%p1, %%r2, 3, %d, -1;
			@!%%p1 add.u32 %%r3, %%r3, 1000;
			mad.wide.u32 %%d0, %%r1, 4, %%d0; st.global.u32 [%%d0], %%r3;`, mode.name, mode.clamp))
		m, err := ptx.Parse([]byte(kernel))
		if err != nil {
			t.Fatal(err)
		}
		var mem ptx.Memory
		out := alloc(t, &mem, make([]byte, 128))
		if err := m.Launch("k", [3]int{1, 1, 1}, [3]int{32, 1, 1}, [][]byte{u64(out)}, &mem); err != nil {
			t.Fatal(err)
		}
		var want []uint32
		for i := range 32 {
			j, ok := mode.from(i)
			if !ok {
				j = i + 1000
			}
			want = append(want, uint32(j+100))
		}
		same(t, &mem, out, want)
	}
}

// Each thread of a grid writes its place to where it belongs.
func TestThreadsOfAGrid(t *testing.T) {
	kernel := body(`
	.reg .b32 %c<4>;
	mov.u32 %r1, %ctaid.z;
	mov.u32 %c0, %nctaid.y; mov.u32 %c1, %ctaid.y; mad.lo.u32 %r1, %r1, %c0, %c1;
	mov.u32 %c0, %nctaid.x; mov.u32 %c1, %ctaid.x; mad.lo.u32 %r1, %r1, %c0, %c1;
	mov.u32 %c0, %ntid.z; mov.u32 %c1, %tid.z; mad.lo.u32 %r1, %r1, %c0, %c1;
	mov.u32 %c0, %ntid.y; mov.u32 %c1, %tid.y; mad.lo.u32 %r1, %r1, %c0, %c1;
	mov.u32 %c0, %ntid.x; mov.u32 %c1, %tid.x; mad.lo.u32 %r1, %r1, %c0, %c1;
	mad.wide.u32 %d0, %r1, 4, %d0;
	atom.global.add.u32 %r2, [%d0], %r1;
	mov.u32 %c2, %warpid; mov.u32 %c3, %laneid; mad.lo.u32 %r3, %c2, 32, %c3; atom.global.add.u32 %r2, [%d0], %r3;`)
	m, err := ptx.Parse([]byte(kernel))
	if err != nil {
		t.Fatal(err)
	}
	grid, block := [3]int{3, 2, 4}, [3]int{5, 4, 3}
	var mem ptx.Memory
	out := alloc(t, &mem, make([]byte, 4*24*60))
	stats, err := m.Run("k", grid, block, [][]byte{u64(out)}, &mem, ptx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var want []uint32
	for i := range uint32(24 * 60) {
		want = append(want, i+i%60)
	}
	same(t, &mem, out, want)
	if stats.Threads != 24*60 || stats.Instructions != 24*60*23 {
		t.Errorf("%+v, expected %d threads and 23 instructions each", stats, 24*60)
	}
}

// The masks of lanes around each lane of a warp.
func TestLaneMasks(t *testing.T) {
	m, err := ptx.Parse([]byte(body(`
	mov.u32 %r1, %laneid; mad.wide.u32 %d0, %r1, 16, %d0;
	mov.u32 %r1, %lanemask_lt; mov.u32 %r2, %lanemask_le; mov.u32 %r3, %lanemask_gt; mov.u32 %r4, %lanemask_ge;
	st.global.v4.u32 [%d0], {%r1, %r2, %r3, %r4};`)))
	if err != nil {
		t.Fatal(err)
	}
	var mem ptx.Memory
	out := alloc(t, &mem, make([]byte, 32*16))
	if err := m.Launch("k", [3]int{1, 1, 1}, [3]int{32, 1, 1}, [][]byte{u64(out)}, &mem); err != nil {
		t.Fatal(err)
	}
	var want []uint32
	for lane := range 32 {
		less := uint32(1<<lane - 1)
		own := uint32(1) << lane
		want = append(want, less, less|own, ^(less | own), ^less)
	}
	same(t, &mem, out, want)
}

func TestMemory(t *testing.T) {
	var mem ptx.Memory
	a, _ := mem.Alloc(100)
	b, _ := mem.Alloc(1)
	p := make([]byte, 100)
	if err := mem.Read(a, p); err != nil || p[0] != ptx.FreshByte || p[99] != ptx.FreshByte {
		t.Errorf("fresh memory is %#x, %v", p, err)
	}
	if a%256 != 0 || b%256 != 0 || b < a+100 {
		t.Errorf("allocations at %#x and %#x", a, b)
	}
	if err := mem.Write(a+90, []byte("0123456789")); err != nil {
		t.Error(err)
	}
	if err := mem.Free(b); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		what string
		err  error
		want error
	}{
		{"past the end", mem.Write(a+91, []byte("0123456789")), ptx.ErrBounds},
		{"at nothing", mem.Read(0, p[:1]), ptx.ErrBounds},
		{"freed", mem.Read(b, p[:1]), ptx.ErrBounds},
		{"at the end of the addresses", mem.Read(1<<64-1, p[:4]), ptx.ErrBounds},
		{"free twice", mem.Free(b), ptx.ErrBounds},
		{"free of the middle", mem.Free(a + 1), ptx.ErrBounds},
		{"alloc nothing", second(mem.Alloc(0)), ptx.ErrNoMemory},
		{"alloc too much", second(mem.Alloc(ptx.MaxAlloc + 1)), ptx.ErrNoMemory},
	} {
		check(t, c.what, c.err, c.want)
	}
	if err := mem.Read(a+90, p[:10]); err != nil || string(p[:10]) != "0123456789" {
		t.Errorf("%q, %v", p[:10], err)
	}
	large, err := mem.Alloc(10001)
	if err != nil {
		t.Fatal(err)
	}
	p = make([]byte, 10001)
	if err := mem.Read(large, p); err != nil || p[4096] != ptx.FreshByte || p[10000] != ptx.FreshByte {
		t.Errorf("a large allocation is not fresh: %v", err)
	}
}

func second(_ uint64, err error) error { return err }
