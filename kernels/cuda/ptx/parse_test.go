package ptx_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"stele/kernels/cuda/ptx"
)

func TestEntries(t *testing.T) {
	m := read(t, "scan")
	e := m.Entries()
	if m.Version != "6.3" || m.Target != "sm_75" || len(e) != 1 || e[0].Name != "scan" {
		t.Fatalf("version %s, target %s, %+v", m.Version, m.Target, e)
	}
	want := []ptx.Param{{Name: "scan_param_0", Size: 104, Align: 8}, {Name: "scan_param_1", Size: 4, Align: 4}, {Name: "scan_param_2", Size: 4, Align: 4}}
	if !slices.Equal(e[0].Params, want) {
		t.Errorf("%+v, expected %+v", e[0].Params, want)
	}
	for _, e := range read(t, "mixed").Entries() {
		switch e.Name {
		case "sum":
			if e.Shared != 256 || e.Local != 0 || e.Instructions != 47 {
				t.Errorf("%+v", e)
			}
		case "histogram":
			if e.Shared != 0 || e.Local != 32 {
				t.Errorf("%+v", e)
			}
		}
	}
}

// What a compiler may write beyond the modules in testdata.
func TestParseAccepts(t *testing.T) {
	for _, text := range []string{
		"/* a\ncomment */ .version 8.0 .target sm_90a, debug\n.address_size 64 .file 1 \"k.cu\"\n.extern .shared .align 16 .b8 s[];",
		head + ".weak .global .align 8 .u32 g[2][3] = {1, -2, 0x3U, 4}; .const .b8 c[4]; .shared .u16 s[3]; .global .u64 h = 7;",
		head + ".entry k { }",
		head + ".visible .entry k() .maxnreg 64 .pragma \"x\"; { ret; }",
		head + ".entry k(.param .u64 .ptr .global .align 4 a, .param .align 16 .b8 b[32]) { .pragma \"nounroll\"; .loc 1 2 3\nret.uni; }",
		head + ".entry k { .reg .b32 a, b<3>, %x; .reg .pred p; mov.u32 a, 1; mov.u32 b2, a; mov.u32 %x, %laneid; mov.pred p, 1; @p bra L; L: }",
	} {
		if _, err := ptx.Parse([]byte(text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct {
		text  string // from line 4 on
		line  int
		kind  error
		words string
	}{
		{"x", 4, ptx.ErrSyntax, `expected a directive such as .entry or .global, found "x"`},
		{"?", 4, ptx.ErrSyntax, `unexpected character '?'`},
		{"/* ", 4, ptx.ErrSyntax, "unterminated comment"},
		{".file \"", 4, ptx.ErrSyntax, "unterminated string"},
		{".address_size 32", 4, ptx.ErrSyntax, "expected 64 to 64"},
		{".version x", 4, ptx.ErrSyntax, "expected a version"},
		{".target \"x\"", 4, ptx.ErrSyntax, "expected a target"},
		{".func f { ret; }", 4, ptx.ErrUnsupported, ".func is not supported"},
		{".section .debug { }", 4, ptx.ErrUnsupported, ".section"},
		{".global .f32 x;", 4, ptx.ErrUnsupported, "expected an integer type"},
		{".global .pred x;", 4, ptx.ErrUnsupported, "expected an integer type"},
		{".global .u32 %x;", 4, ptx.ErrSyntax, "expected a name"},
		{".global .u32 x[];", 4, ptx.ErrUnsupported, "only shared memory may have no size"},
		{".global .u32 x[0];", 4, ptx.ErrSyntax, "array size is 0"},
		{".global .u32 x[99999999999999999999];", 4, ptx.ErrSyntax, "expected array size"},
		{".global .u64 x[16777216];", 4, ptx.ErrSyntax, "more than 16777216 bytes"},
		{".global .u32 x[2] = {1, 2, 3};", 4, ptx.ErrSyntax, "more values"},
		{".global .u32 x[2] = {1 2};", 4, ptx.ErrSyntax, `expected ",", found "2"`},
		{".global .u32 x = 1.5;", 4, ptx.ErrUnsupported, "expected an integer"},
		{".global .u32 x = y;", 4, ptx.ErrSyntax, "expected an integer"},
		{".global .u32 x\n.global", 5, ptx.ErrSyntax, `expected ";", found ".global"`},
		{".global .align 3 .u32 x;", 4, ptx.ErrSyntax, "a power of two"},
		{".global .u32 x;\n.const .u32 x;", 5, ptx.ErrSyntax, "x is declared twice"},
		{".shared .u32 x = 1;", 4, ptx.ErrSyntax, "takes no initialiser"},
		{".shared .u32 x[];", 4, ptx.ErrUnsupported, "expected .extern"},
		{".extern .global .u32 x;", 4, ptx.ErrUnsupported, "expected .extern with .shared"},
		{".shared .b8 x[200000];\n.shared .b8 y[200000];", 5, ptx.ErrSyntax, "y: more than"},
		{".entry k { }\n.entry k { }", 5, ptx.ErrSyntax, "entry k is declared twice"},
		{".entry k(.u32 x) { }", 4, ptx.ErrSyntax, `expected ".param"`},
		{".entry k(.param .u32 x, .param .u32 x) { }", 4, ptx.ErrSyntax, "x is declared twice"},
		{".entry k(.param .b8 x[32764], .param .b8 y) { }", 4, ptx.ErrSyntax, "y: more than"},
		{".entry k x { }", 4, ptx.ErrSyntax, `expected "{"`},
		{".entry k .maxntid 2000 { }", 4, ptx.ErrSyntax, "number of threads is 2000"},
		{".entry k {\n\n", 6, ptx.ErrSyntax, `expected "}" for the "{" of line 4`},
		{".entry k {" + strings.Repeat("{", 64), 4, ptx.ErrUnsupported, "64 nested braces"},
	} {
		rejects(t, head+c.text, c.line, c.kind, c.words)
	}
	// In a body, on line 8.
	for _, c := range []struct {
		text  string
		kind  error
		words string
	}{
		{"add.u32 %r1, %r1, 1", ptx.ErrSyntax, ""},
		{"frobnicate.u32 %r1, %r1;", ptx.ErrUnsupported, "frobnicate.u32"},
		{"add.f32 %r1, %r1, 1;", ptx.ErrUnsupported, "add.f32"},
		{"add.u8 %r1, %r1, 1;", ptx.ErrUnsupported, "add.u8"},
		{"add.sat.s32 %r1, %r1, 1;", ptx.ErrUnsupported, "add.sat.s32"},
		{"setp.lo.s32 %p1, %r1, 1;", ptx.ErrUnsupported, "setp.lo.s32"},
		{"call f;", ptx.ErrSyntax, "f is not declared"},
		{"bar.arrive 0, 32;", ptx.ErrUnsupported, "bar.arrive"},
		{"add.u32 %r1, %r1;", ptx.ErrSyntax, "add.u32 has 2 operands, expected 3"},
		{"ret %r1;", ptx.ErrSyntax, "ret has 1 operands, expected 0"},
		{"add.u32 %r1, %r1, %d1;", ptx.ErrSyntax, "%d1 has 64 bits, expected 32"},
		{"add.u32 %r1, %r1, %p1;", ptx.ErrSyntax, "%p1 has 1 bits"},
		{"and.pred %p1, %p1, %r1;", ptx.ErrSyntax, "%r1 has 32 bits, expected 1"},
		{"add.u32 %r9, %r1, 1;", ptx.ErrSyntax, "%r9 is not declared"},
		{"add.u32 %r01, %r1, 1;", ptx.ErrSyntax, "%r01 is not declared"},
		{"add.u32 %tid.x, %r1, 1;", ptx.ErrSyntax, "%tid.x cannot be written"},
		{"add.u32 %r1, %r1, %tid.x;", ptx.ErrSyntax, "%tid.x can only be read by mov"},
		{"mov.u64 %d1, %tid.x;", ptx.ErrSyntax, "%tid.x can only be read by mov"},
		{"mov.u32 %r1, %tid.w;", ptx.ErrSyntax, "%tid.w is not declared"},
		{"add.u32 5, %r1, 1;", ptx.ErrSyntax, "expected a register, found a constant"},
		{"add.u32 %r1, %r1, 4294967296;", ptx.ErrUnsupported, "does not fit in 32 bits"},
		{"add.u32 %r1, %r1, -2147483649;", ptx.ErrUnsupported, "does not fit in 32 bits"},
		{"add.u32 %r1, %r1, 0f3F800000;", ptx.ErrUnsupported, "expected an integer"},
		{"add.u32 %r1, %r1, [%d1];", ptx.ErrSyntax, "found an address"},
		{"add.u32 %r1, %r1, _;", ptx.ErrSyntax, "expected a register or a constant"},
		{"add.u32 %r1|%r2, %r1, 1;", ptx.ErrSyntax, "expected a register"},
		{"selp.u32 %r1, %r1, 1, !%p1;", ptx.ErrSyntax, "expected a register"},
		{"add.u32 %r1, %r1, ;", ptx.ErrSyntax, "expected an operand"},
		{"add.u32 %r1, %r1, L; L:", ptx.ErrSyntax, "L is not declared"},
		{"L: add.u32 %r1, %r1, L;", ptx.ErrSyntax, "L is a label"},
		{"mov.u32 %r1, G;", ptx.ErrUnsupported, "the address of G does not fit in 32 bits"},
		{"lop3.b32 %r1, %r1, %r1, %r1, 256;", ptx.ErrSyntax, "a constant from 0 to 255"},
		{"lop3.b32 %r1, %r1, %r1, %r1, %r1;", ptx.ErrSyntax, "a constant from 0 to 255"},
		{"bra L;", ptx.ErrSyntax, "L is not declared"},
		{"bra %r1;", ptx.ErrSyntax, "expected a label"},
		{"bra.all L; L:", ptx.ErrUnsupported, "bra.all"},
		{"{ L: } bra L;", ptx.ErrSyntax, "L is not declared"},
		{"L: L:", ptx.ErrSyntax, "L is declared twice"},
		{"@%r1 ret;", ptx.ErrSyntax, "%r1 has 32 bits"},
		{"@5 ret;", ptx.ErrSyntax, "expected a predicate"},
		{"ld.global.u32 %r1, %d1;", ptx.ErrSyntax, "expected an address"},
		{"ld.global.u32 %r1, [%h1];", ptx.ErrSyntax, "%h1 has 16 bits, expected 32"},
		{"ld.global.u32 %h1, [%d1];", ptx.ErrSyntax, "%h1 has 16 bits, expected 32"},
		{"ld.global.u32 %r1, [%d1;", ptx.ErrSyntax, `expected "]"`},
		{"ld.global.u32 %r1, [%d1-4];", ptx.ErrSyntax, `expected "]", found "-"`},
		{"ld.global.u32 %r1, [-4];", ptx.ErrSyntax, "a negative address"},
		{"ld.shared.u32 %r1, [G];", ptx.ErrSyntax, "G is in another state space"},
		{"ld.u32 %r1, [out];", ptx.ErrSyntax, "not a generic address"},
		{"ld.global.v2.u32 %r1, [%d1];", ptx.ErrSyntax, "a vector of 2"},
		{"ld.global.v2.u32 {%r1, %r2, %r3}, [%d1];", ptx.ErrSyntax, "a vector of 2"},
		{"ld.global.v4.u64 {%d1, %d2, %d3, %d4}, [%d1];", ptx.ErrUnsupported, "ld.global.v4.u64"},
		{"ld.global.v4.u32 {%r1, %r2, %r3, %r4, %r5}, [%d1];", ptx.ErrSyntax, "more than 4"},
		{"ld.global.v3.u32 {%r1, %r2, %r3}, [%d1];", ptx.ErrUnsupported, "ld.global.v3.u32"},
		{"ld.global.v2.s8 {%r1, %r2}, [%d1];", ptx.ErrUnsupported, "into registers of 32 bits"},
		{"ld.global.shared.u32 %r1, [%d1];", ptx.ErrUnsupported, "ld.global.shared.u32"},
		{"ld.global %r1, [%d1];", ptx.ErrUnsupported, "ld.global"},
		{"st.param.u32 [out], %r1;", ptx.ErrUnsupported, "st.param.u32"},
		{"st.const.u32 [%d1], %r1;", ptx.ErrUnsupported, "st.const.u32"},
		{"atom.add.b32 %r1, [%d1], 1;", ptx.ErrUnsupported, "atom.add.b32"},
		{"atom.local.add.u32 %r1, [%d1], 1;", ptx.ErrUnsupported, "atom.local.add.u32"},
		{"atom.cas.b32 %r1, [%d1], 1;", ptx.ErrSyntax, "expected 4"},
		{"red.exch.b32 [%d1], 1;", ptx.ErrUnsupported, "red.exch.b32"},
		{"cvt.u32.f32 %r1, %r1;", ptx.ErrUnsupported, "cvt.u32.f32"},
		{"cvt.rni.u32.u32 %r1, %r1;", ptx.ErrUnsupported, "cvt.rni"},
		{"cvta.shared.u32 %r1, %r1;", ptx.ErrUnsupported, "cvta.shared.u32"},
		{"mov.b64 %d1, {%r1, %r2, %r3};", ptx.ErrSyntax, "a vector of 2 or 4"},
		{"mov.b64 {%r1, %r2}, {%r1, %r2};", ptx.ErrSyntax, "a register and a vector"},
		{"mov.u64 %d1, {%r1, %r2};", ptx.ErrUnsupported, "mov.u64"},
		{"mov.b64 %d1, {%h1, %r2};", ptx.ErrSyntax, "%h1 has 16 bits"},
		{"vote.any.pred %p1, %p1;", ptx.ErrSyntax, "expected 3"},
		{"shfl.up.b32 %r1, %r1, 1, 0;", ptx.ErrUnsupported, "shfl.up.b32"},
		{".reg .f32 %f<2>;", ptx.ErrUnsupported, "expected an integer type or .pred"},
		{".reg .b32 %r<2>;", ptx.ErrSyntax, "%r is declared twice"},
		{".reg .b32 x, x;", ptx.ErrSyntax, "x is declared twice"},
		{".reg .b32 %tid.x;", ptx.ErrSyntax, "expected a register"},
		{".reg .b32 %z<0>;", ptx.ErrSyntax, "number of registers is 0"},
		{".shared .b8 x[];", ptx.ErrUnsupported, "belongs outside"},
		{".local .b8 x[500000]; .local .b8 y[500000];", ptx.ErrSyntax, "y: more than"},
		{"5;", ptx.ErrSyntax, "expected an instruction"},
		{".frob", ptx.ErrSyntax, "expected an instruction"},
	} {
		text := strings.Replace(body("\n"+c.text), ".visible", ".global .u32 G; .visible", 1)
		line := 8
		if c.words == "" {
			line, c.words = 9, `expected ";", found "}"`
		}
		rejects(t, text, line, c.kind, c.words)
	}
	rejects(t, "", 1, ptx.ErrSyntax, "expected .version, .target and .address_size 64")
}

func rejects(t *testing.T, text string, line int, kind error, words string) {
	t.Helper()
	_, err := ptx.Parse([]byte(text))
	var p *ptx.ParseError
	if !errors.As(err, &p) {
		t.Errorf("%q is accepted, expected %q", text, words)
		return
	}
	if p.Line != line || !errors.Is(err, kind) || !strings.Contains(p.Message, words) {
		t.Errorf("%q: %v (%v), expected line %d: %s (%v)", text, err, p.Kind, line, words, kind)
	}
	if want := fmt.Sprintf("ptx: line %d: %s", p.Line, p.Message); err.Error() != want {
		t.Errorf("the error reads %q", err)
	}
}

// Parse neither panics nor takes what is not a module for one; what it takes
// runs without a panic.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"scan", "mixed"} {
		f.Add(text(f, name))
	}
	f.Add([]byte(body("ld.global.v4.u8 {%r1, %r2, %r3, %r4}, [%d0+4]; mov.b64 {_, %r2}, %d0; @!%p1 bra L; { .reg .u32 x; mov.u32 x, -1; } L: shfl.sync.idx.b32 %r2|%p5, %r1, 0, 31, 1;")))
	f.Add([]byte(head + ".const .align 8 .u16 c[2] = {1, -2}; .entry k .maxntid 32 { .local .u32 l; .shared .u64 s; mov.u64 %r, s+4; }"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ptx.Parse(text)
		if err != nil {
			var p *ptx.ParseError
			if !errors.As(err, &p) || p.Line < 1 || p.Message == "" {
				t.Fatalf("bad error %#v", err)
			}
			return
		}
		for _, e := range m.Entries() {
			var params [][]byte
			var mem ptx.Memory
			for _, p := range e.Params {
				params = append(params, make([]byte, p.Size))
			}
			_, err := m.Run(e.Name, [3]int{1, 1, 1}, [3]int{2, 1, 1}, params, &mem, ptx.Options{Budget: 1000, Undefined: len(text)%2 == 0})
			var fault *ptx.Fault
			if err != nil && !errors.As(err, &fault) && !errors.Is(err, ptx.ErrShape) {
				t.Fatalf("bad error %v", err)
			}
		}
	})
}
