package ptx_test

import (
	"errors"
	"strings"
	"testing"

	"stele/kernels/cuda/ptx"
)

// check compares an error with the kind that is expected.
func check(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: error is %v, expected %v", what, err, want)
	}
}

// Each body goes wrong on line 8, where thread 1 stops, if not said otherwise.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name, text string
		kind       error
		thread     int
		words      string // of the message
	}{
		{"past the end", "@%p0 bra GO;\nst.global.u32 [%d0+64], 0;GO:", ptx.ErrBounds, 1, "4 bytes at 0x7f0000000040, 64 bytes after the start of an allocation of 64"},
		{"across the end", "@%p0 bra GO;\nld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%d0+64];GO:", ptx.ErrBounds, 1, "16 bytes"},
		{"before the start", "@%p0 bra GO;\nst.global.u32 [%d0+-4], 0;GO:", ptx.ErrBounds, 1, "no device address"},
		{"null", "mov.u64 %d1, 0;\n@!%p0 ld.u32 %r1, [%d1];", ptx.ErrBounds, 1, "0x0"},
		{"a generic address as shared", "@%p0 bra GO;\nst.shared.u32 [%d0], 0;GO:", ptx.ErrBounds, 1, "shared memory, which has 0"},
		{"local", ".local .u32 l; \n@!%p0 ld.local.u32 %r1, [l+4];", ptx.ErrBounds, 1, "4 bytes at 0x4 of local memory, which has 4"},
		{"parameters", "\n@!%p0 ld.param.u32 %r1, [out+8];", ptx.ErrBounds, 1, "parameter memory, which has 8"},
		{"misaligned", "\n@!%p0 ld.global.u32 %r1, [%d0+2];", ptx.ErrAlignment, 1, "4 bytes at 0x7f0000000002"},
		{"misaligned vector", "\n@!%p0 ld.global.v2.u32 {%r1, %r2}, [%d0+4];", ptx.ErrAlignment, 1, "8 bytes"},
		{"constant memory", "mov.u64 %d1, C;\n@!%p0 st.u32 [%d1], 1;", ptx.ErrReadOnly, 1, ""},
		{"constant memory as global", "mov.u64 %d1, C;\n@!%p0 ld.global.u32 %r1, [%d1];", ptx.ErrBounds, 1, "not global memory"},
		{"global memory as constant", "\n@!%p0 ld.const.u32 %r1, [%d0];", ptx.ErrBounds, 1, "not constant memory"},
		{"parameter memory", "mov.u64 %d1, out; cvta.param.u64 %d1, %d1;\n@!%p0 st.u32 [%d1], 1;", ptx.ErrReadOnly, 1, ""},
		{"never written", "\n@!%p0 add.u32 %r1, %r1, 1;", ptx.ErrUninitialised, 1, "%r1 was never written"},
		{"guard never written", "\n@%p7 ret;", ptx.ErrUninitialised, 0, "%p7"},
		{"only written by others", "@%p0 mov.u32 %r1, 1;\nadd.u32 %r1, %r1, 1;", ptx.ErrUninitialised, 1, "%r1"},
		{"vector never written", "mov.u32 %r1, 1;\n@!%p0 st.global.v2.u32 [%d0], {%r1, %r2};", ptx.ErrUninitialised, 1, "%r2"},
		{"pack never written", "mov.u32 %r1, 1;\n@!%p0 mov.b64 %d1, {%r1, %r2};", ptx.ErrUninitialised, 1, "%r2"},
		{"insert never written", "mov.u32 %r1, 1;\n@!%p0 bfi.b32 %r1, %r1, %r1, 1, %r2;", ptx.ErrUninitialised, 1, "%r2"},
		{"compare and swap never written", "\n@!%p0 atom.cas.b32 %r1, [%d0], 1, %r2;", ptx.ErrUninitialised, 1, "%r2"},
		{"address never written", "\n@!%p0 ld.u32 %r1, [%d1];", ptx.ErrUninitialised, 1, "%d1"},
		{"division", "mov.u32 %r1, 0;\n@!%p0 div.u32 %r1, %r1, %r1;", ptx.ErrDivision, 1, ""},
		{"remainder", "mov.u64 %d1, 0;\n@!%p0 rem.s64 %d1, %d0, %d1;", ptx.ErrDivision, 1, ""},
		{"endless", "GO: \n@!%p0 bra GO;", ptx.ErrBudget, 1, "1000 instructions"},
		{"trap", "\n@!%p0 trap;", ptx.ErrTrap, 1, ""},
		{"barrier in a branch", "@%p0 bra A;\nbar.sync 0; bra B; A:\nbar.sync 0;B:", ptx.ErrBarrier, 1, "thread [0 0 0] waits at barrier 0 on line 9"},
		{"two barriers", "selp.u32 %r1, 1, 0, %p0;\nbar.sync %r1;", ptx.ErrBarrier, 1, "barrier 0; thread [0 0 0] waits at barrier 1"},
		{"barrier number", "\n@!%p0 bar.sync 16;", ptx.ErrBarrier, 1, "expected 0 to 15"},
		{"warp in a branch", "@%p0 bar.sync 0;\n@!%p0 bar.warp.sync 3;", ptx.ErrBarrier, 1, "lanes of its warp that do not come"},
		{"warp without itself", "mov.u32 %r1, 1;\n@!%p0 bar.warp.sync %r1;", ptx.ErrBarrier, 1, "lacks the lane itself, 1"},
		{"warp masks", "selp.u32 %r1, 3, 7, %p0;\nbar.warp.sync %r1;", ptx.ErrBarrier, 1, "mask is 0x7, that of thread [0 0 0] is 0x3"},
		{"shuffle of a lane that does not exist", "mov.u32 %r1, 1;\nshfl.sync.idx.b32 %r2, %r1, 9, 31, -1;", ptx.ErrUninitialised, 0, "lane 9 does not take part"},
		{"shuffle never written", "\n@!%p0 shfl.sync.idx.b32 %r2, 1, %r3, 31, -1;", ptx.ErrUninitialised, 1, "%r3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(body("{ .reg .u32 %t; mov.u32 %t, %tid.x; setp.eq.u32 %p0, %t, 0; } "+c.text), ".visible", ".const .u32 C = 5; .visible", 1)
			m, err := ptx.Parse([]byte(text))
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			var mem ptx.Memory
			out := alloc(t, &mem, make([]byte, 64))
			_, err = m.Run("k", [3]int{1, 1, 1}, [3]int{2, 1, 1}, [][]byte{u64(out)}, &mem, ptx.Options{Budget: 1000})
			check(t, "launch", err, c.kind)
			var f *ptx.Fault
			if !errors.As(err, &f) {
				t.Fatalf("no fault but %v", err)
			}
			if f.Entry != "k" || f.Line != 8 || f.Thread != [3]int{c.thread, 0, 0} || f.Block != [3]int{} {
				t.Errorf("entry %s, line %d, thread %v, block %v", f.Entry, f.Line, f.Thread, f.Block)
			}
			line := strings.Split(text, "\n")[7]
			if !strings.Contains(line, f.Instruction) || !strings.Contains(f.Message, c.words) {
				t.Errorf("%v, expected %q", f, c.words)
			}
			if s := f.Error(); !strings.Contains(s, "line 8") || !strings.Contains(s, c.kind.Error()) {
				t.Errorf("the error reads %q", s)
			}
		})
	}
}

// Threads that have ended do not hold up a barrier, as on sm_70 and later.
func TestBarrierWithoutThoseThatEnded(t *testing.T) {
	m, err := ptx.Parse([]byte(body(".shared .u32 s; mov.u32 %r1, %tid.x; setp.ge.u32 %p1, %r1, 2; @%p1 ret; setp.eq.u32 %p2, %r1, 0; @%p2 st.shared.u32 [s], 9; bar.sync 0; ld.shared.u32 %r2, [s]; mad.wide.u32 %d0, %r1, 4, %d0; st.global.u32 [%d0], %r2;")))
	if err != nil {
		t.Fatal(err)
	}
	var mem ptx.Memory
	out := alloc(t, &mem, make([]byte, 8))
	for _, reverse := range []bool{false, true} {
		if _, err := m.Run("k", [3]int{1, 1, 1}, [3]int{70, 1, 1}, [][]byte{u64(out)}, &mem, ptx.Options{Reverse: reverse}); err != nil {
			t.Fatal(err)
		}
		same(t, &mem, out, []uint32{9, 9})
	}
}

func TestUndefinedRegistersByOption(t *testing.T) {
	m, err := ptx.Parse([]byte(body("st.global.u32 [%d0], %r1; selp.u32 %r2, 1, 0, %p1; st.global.u32 [%d0+4], %r2;")))
	if err != nil {
		t.Fatal(err)
	}
	var mem ptx.Memory
	out := alloc(t, &mem, make([]byte, 8))
	if _, err := m.Run("k", [3]int{1, 1, 1}, [3]int{1, 1, 1}, [][]byte{u64(out)}, &mem, ptx.Options{Undefined: true}); err != nil {
		t.Fatal(err)
	}
	same(t, &mem, out, []uint32{0xdeadbeef, 1})
}

// Registers, local and shared memory of one thread or block are not seen by
// the next.
func TestNothingIsLeftBehind(t *testing.T) {
	m, err := ptx.Parse([]byte(body(".shared .u32 s; .local .u32 l; ld.shared.u32 %r1, [s]; ld.local.u32 %r2, [l]; st.shared.u32 [s], 1; st.local.u32 [l], 1; mov.u32 %r3, %ctaid.x; mad.wide.u32 %d0, %r3, 8, %d0; st.global.v2.u32 [%d0], {%r1, %r2};")))
	if err != nil {
		t.Fatal(err)
	}
	var mem ptx.Memory
	out := alloc(t, &mem, make([]byte, 16))
	if err := m.Launch("k", [3]int{2, 1, 1}, [3]int{1, 1, 1}, [][]byte{u64(out)}, &mem); err != nil {
		t.Fatal(err)
	}
	same(t, &mem, out, []uint32{0xa5a5a5a5, 0xa5a5a5a5, 0xa5a5a5a5, 0xa5a5a5a5})
}

func TestLaunchesThatDoNotFit(t *testing.T) {
	m, err := ptx.Parse([]byte(head + ".shared .b8 s[1000]; .entry k(.param .align 8 .b8 job[12], .param .u8 c) .maxntid 64, 2 .minnctapersm 1 { ret; } .entry r .reqntid 32 { ret; }"))
	if err != nil {
		t.Fatal(err)
	}
	one := [3]int{1, 1, 1}
	good := [][]byte{make([]byte, 12), {1}}
	for _, c := range []struct {
		what        string
		entry       string
		grid, block [3]int
		params      [][]byte
		shared      int
		want        error
	}{
		{"all good", "k", one, [3]int{32, 4, 1}, good, 0, nil},
		{"required", "r", one, [3]int{32, 1, 1}, nil, 0, nil},
		{"no entry", "x", one, one, good, 0, ptx.ErrEntry},
		{"too few arguments", "k", one, one, good[:1], 0, ptx.ErrArguments},
		{"a short argument", "k", one, one, [][]byte{make([]byte, 11), {1}}, 0, ptx.ErrArguments},
		{"no block", "k", [3]int{1, 0, 1}, one, good, 0, ptx.ErrShape},
		{"too many blocks", "k", [3]int{1, 1 << 16, 1}, one, good, 0, ptx.ErrShape},
		{"no thread", "k", one, [3]int{0, 1, 1}, good, 0, ptx.ErrShape},
		{"deep block", "k", one, [3]int{1, 1, 65}, good, 0, ptx.ErrShape},
		{"large block", "k", one, [3]int{1024, 2, 1}, good, 0, ptx.ErrShape},
		{"more than maxntid", "k", one, [3]int{129, 1, 1}, good, 0, ptx.ErrShape},
		{"not reqntid", "r", one, [3]int{16, 1, 1}, nil, 0, ptx.ErrShape},
		{"negative shared", "k", one, one, good, -1, ptx.ErrShape},
		{"too much shared", "k", one, one, good, 227<<10 - 1000, ptx.ErrShape},
	} {
		var mem ptx.Memory
		_, err := m.Run(c.entry, c.grid, c.block, c.params, &mem, ptx.Options{Shared: c.shared})
		check(t, c.what, err, c.want)
	}
	_, _, err = m.Symbol(&ptx.Memory{}, "s")
	check(t, "symbol", err, ptx.ErrEntry)
}
