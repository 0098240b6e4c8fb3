package ptx_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"stele/kernels/cuda/ptx"
)

// An operation is an instruction with what it computes, said in integers
// without bounds. Sources are as their type has them; the result is cut to the
// destination's width.
type operation struct {
	name  string
	types string
	args  string // destination first: t and w as the type and twice as wide, i 32 bits, u the type's bits without sign, p a predicate
	last  string // a constant after the operands
	value func(w uint, x []*big.Int) *big.Int
}

const (
	anyInt  = "u16 u32 u64 s16 s32 s64"
	anyBits = "b16 b32 b64"
	narrow  = "u16 u32 s16 s32"
)

func operations() []operation {
	n := big.NewInt
	z := func() *big.Int { return new(big.Int) }
	one := func(b bool) *big.Int {
		if b {
			return n(1)
		}
		return n(0)
	}
	ones := func(w uint) *big.Int { return z().Sub(z().Lsh(n(1), w), n(1)) }
	cap8 := func(x *big.Int) uint { return uint(x.Uint64() & 0xff) }
	upTo := func(x *big.Int, limit uint64) uint { return uint(min(x.Uint64(), limit)) }
	pick := func(b bool, x, y *big.Int) *big.Int {
		if b {
			return x
		}
		return y
	}
	funnel := func(x []*big.Int) *big.Int { return z().Or(z().Lsh(x[1], 32), x[0]) }
	list := []operation{
		{"mov", anyInt + " " + anyBits, "tt", "", func(w uint, x []*big.Int) *big.Int { return x[0] }},
		{"add", anyInt, "ttt", "", func(w uint, x []*big.Int) *big.Int { return z().Add(x[0], x[1]) }},
		{"sub", anyInt, "ttt", "", func(w uint, x []*big.Int) *big.Int { return z().Sub(x[0], x[1]) }},
		{"mul.lo", anyInt, "ttt", "", func(w uint, x []*big.Int) *big.Int { return z().Mul(x[0], x[1]) }},
		{"mul.hi", anyInt, "ttt", "", func(w uint, x []*big.Int) *big.Int { return z().Rsh(z().Mul(x[0], x[1]), w) }},
		{"mul.wide", narrow, "wtt", "", func(w uint, x []*big.Int) *big.Int { return z().Mul(x[0], x[1]) }},
		{"mad.lo", anyInt, "tttt", "", func(w uint, x []*big.Int) *big.Int { return z().Add(z().Mul(x[0], x[1]), x[2]) }},
		{"mad.hi", anyInt, "tttt", "", func(w uint, x []*big.Int) *big.Int { return z().Add(z().Rsh(z().Mul(x[0], x[1]), w), x[2]) }},
		{"mad.wide", narrow, "wttw", "", func(w uint, x []*big.Int) *big.Int { return z().Add(z().Mul(x[0], x[1]), x[2]) }},
		{"div", anyInt, "ttt", "", func(w uint, x []*big.Int) *big.Int { return z().Quo(x[0], x[1]) }},
		{"rem", anyInt, "ttt", "", func(w uint, x []*big.Int) *big.Int { return z().Rem(x[0], x[1]) }},
		{"min", anyInt, "ttt", "", func(w uint, x []*big.Int) *big.Int { return pick(x[0].Cmp(x[1]) < 0, x[0], x[1]) }},
		{"max", anyInt, "ttt", "", func(w uint, x []*big.Int) *big.Int { return pick(x[0].Cmp(x[1]) > 0, x[0], x[1]) }},
		{"abs", "s16 s32 s64", "tt", "", func(w uint, x []*big.Int) *big.Int { return z().Abs(x[0]) }},
		{"neg", "s16 s32 s64", "tt", "", func(w uint, x []*big.Int) *big.Int { return z().Neg(x[0]) }},
		{"and", anyBits, "ttt", "", func(w uint, x []*big.Int) *big.Int { return z().And(x[0], x[1]) }},
		{"or", anyBits, "ttt", "", func(w uint, x []*big.Int) *big.Int { return z().Or(x[0], x[1]) }},
		{"xor", anyBits, "ttt", "", func(w uint, x []*big.Int) *big.Int { return z().Xor(x[0], x[1]) }},
		{"not", anyBits, "tt", "", func(w uint, x []*big.Int) *big.Int { return z().Not(x[0]) }},
		{"shl", anyBits, "tti", "", func(w uint, x []*big.Int) *big.Int { return z().Lsh(x[0], upTo(x[1], 64)) }},
		{"shr", anyBits + " " + anyInt, "tti", "", func(w uint, x []*big.Int) *big.Int { return z().Rsh(x[0], upTo(x[1], 64)) }},
		{"shf.l.wrap", "b32", "ttti", "", func(w uint, x []*big.Int) *big.Int {
			return z().Rsh(z().Lsh(funnel(x), uint(x[2].Uint64()%32)), 32)
		}},
		{"shf.r.wrap", "b32", "ttti", "", func(w uint, x []*big.Int) *big.Int {
			return z().Rsh(funnel(x), uint(x[2].Uint64()%32))
		}},
		{"shf.l.clamp", "b32", "ttti", "", func(w uint, x []*big.Int) *big.Int {
			return z().Rsh(z().Lsh(funnel(x), upTo(x[2], 32)), 32)
		}},
		{"shf.r.clamp", "b32", "ttti", "", func(w uint, x []*big.Int) *big.Int {
			return z().Rsh(funnel(x), upTo(x[2], 32))
		}},
		{"prmt", "b32", "tttt", "", func(w uint, x []*big.Int) *big.Int {
			var from [8]byte
			binary.LittleEndian.PutUint64(from[:], funnel(x).Uint64())
			v := z()
			for i := range 4 {
				b := from[x[2].Uint64()>>(4*i)&7]
				if x[2].Bit(4*i+3) == 1 {
					b = 0 - b>>7
				}
				v.Or(v, z().Lsh(n(int64(b)), uint(8*i)))
			}
			return v
		}},
		{"bfe", "u32 u64 s32 s64", "ttii", "", func(w uint, x []*big.Int) *big.Int {
			pos, length, v := cap8(x[1]), cap8(x[2]), z()
			a := z().And(x[0], ones(w))
			for i := range w {
				bit := uint(0)
				if i < length && pos+i < w {
					bit = a.Bit(int(pos + i))
				} else if length > 0 && x[3].Sign() != 0 {
					bit = a.Bit(int(min(pos+length-1, w-1)))
				}
				v.SetBit(v, int(i), bit)
			}
			return v
		}},
		{"bfi", "b32 b64", "tttii", "", func(w uint, x []*big.Int) *big.Int {
			pos, length, v := cap8(x[2]), cap8(x[3]), z().Set(x[1])
			for i := uint(0); i < length && pos+i < w; i++ {
				v.SetBit(v, int(pos+i), x[0].Bit(int(i)))
			}
			return v
		}},
		{"bfind", "u32 u64 s32 s64", "it", "", func(w uint, x []*big.Int) *big.Int {
			return n(int64(pick(x[0].Sign() < 0, z().Not(x[0]), x[0]).BitLen() - 1))
		}},
		{"brev", "b32 b64", "tt", "", func(w uint, x []*big.Int) *big.Int {
			v := z()
			for i := range w {
				v.SetBit(v, int(w-1-i), x[0].Bit(int(i)))
			}
			return v
		}},
		{"popc", "b32 b64", "it", "", func(w uint, x []*big.Int) *big.Int {
			return n(int64(strings.Count(x[0].Text(2), "1")))
		}},
		{"clz", "b32 b64", "it", "", func(w uint, x []*big.Int) *big.Int { return n(int64(w) - int64(x[0].BitLen())) }},
		{"selp", anyBits + " " + anyInt, "tttp", "", func(w uint, x []*big.Int) *big.Int { return pick(x[2].Sign() != 0, x[0], x[1]) }},
	}
	for _, table := range []int64{0x96, 0xca, 0xe8, 0x1b, 0x80, 0xfe, 0xd2} {
		list = append(list, operation{"lop3", "b32", "tttt", strconv.FormatInt(table, 10), func(w uint, x []*big.Int) *big.Int {
			v := z()
			for i := range int(w) {
				v.SetBit(v, i, n(table).Bit(int(x[0].Bit(i)<<2|x[1].Bit(i)<<1|x[2].Bit(i))))
			}
			return v
		}})
	}
	compare := map[string]func(c int) bool{
		"eq": func(c int) bool { return c == 0 }, "ne": func(c int) bool { return c != 0 },
		"lt": func(c int) bool { return c < 0 }, "le": func(c int) bool { return c <= 0 },
		"gt": func(c int) bool { return c > 0 }, "ge": func(c int) bool { return c >= 0 },
		"lo": func(c int) bool { return c < 0 }, "ls": func(c int) bool { return c <= 0 },
		"hi": func(c int) bool { return c > 0 }, "hs": func(c int) bool { return c >= 0 },
	}
	for _, name := range slices.Sorted(maps.Keys(compare)) {
		met, types := compare[name], anyInt
		switch name[1] {
		case 'q':
			types += " " + anyBits
		case 'o', 's', 'i':
			types = "u16 u32 u64"
		}
		if name == "ne" {
			types += " " + anyBits
		}
		list = append(list, operation{"setp." + name, types, "ptt", "", func(w uint, x []*big.Int) *big.Int { return one(met(x[0].Cmp(x[1]))) }})
	}
	return append(list,
		operation{"and", "pred", "ppp", "", func(w uint, x []*big.Int) *big.Int { return z().And(x[0], x[1]) }},
		operation{"or", "pred", "ppp", "", func(w uint, x []*big.Int) *big.Int { return z().Or(x[0], x[1]) }},
		operation{"xor", "pred", "ppp", "", func(w uint, x []*big.Int) *big.Int { return z().Xor(x[0], x[1]) }},
		operation{"not", "pred", "pp", "", func(w uint, x []*big.Int) *big.Int { return z().Xor(x[0], n(1)) }},
		operation{"mov", "pred", "pp", "", func(w uint, x []*big.Int) *big.Int { return x[0] }})
}

// width gives the bits of an operand.
func width(arg byte, typ string) uint {
	w, _ := strconv.ParseUint(strings.TrimLeft(typ, "bus"), 10, 8)
	switch {
	case arg == 'p' || typ == "pred":
		return 1
	case arg == 'i':
		return 32
	case arg == 'w':
		return uint(2 * w)
	}
	return uint(w)
}

// number is a source as its type has it.
func number(v uint64, arg byte, typ string) *big.Int {
	w := width(arg, typ)
	x := new(big.Int).SetUint64(v & (1<<w - 1))
	if typ[0] == 's' && arg != 'i' && arg != 'p' && x.Bit(int(w)-1) == 1 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), w))
	}
	return x
}

// expected computes the operation. It is not defined for a division by zero.
func (o operation) expected(typ string, sources []uint64) (v uint64, ok bool) {
	var x []*big.Int
	for i, s := range sources {
		x = append(x, number(s, o.args[i+1], typ))
	}
	if (o.name == "div" || o.name == "rem") && x[1].Sign() == 0 {
		return 0, false
	}
	if o.name == "bfe" {
		x = append(x, number(1, 'i', typ).Mul(big.NewInt(1), big.NewInt(int64(strings.Count(typ, "s")))))
	}
	r := o.value(width('t', typ), x)
	m := new(big.Int).Lsh(big.NewInt(1), width(o.args[0], typ))
	return new(big.Int).Mod(r, m).Uint64(), true
}

// kernel makes an entry in which thread i reads its sources from row i of
// "in", and writes the result to "out", all in 64 bits. constants replace
// sources.
func (o operation) kernel(typ string, constants map[int]string) string {
	var b strings.Builder
	b.WriteString(`.version 6.3
.target sm_75
.address_size 64
.visible .entry k(.param .u64 in, .param .u64 out) {
	.reg .pred %p<8>; .reg .b16 %h<8>; .reg .b32 %r<8>; .reg .b64 %d<16>; .reg .u32 %i, %n;
	mov.u32 %i, %tid.x; mov.u32 %n, %ctaid.x; mad.lo.u32 %i, %n, 1024, %i;
	ld.param.u64 %d8, [in]; ld.param.u64 %d9, [out];
	mad.wide.u32 %d8, %i, 32, %d8; mad.wide.u32 %d9, %i, 8, %d9;
`)
	name := func(arg byte, i int) string {
		return fmt.Sprint(map[uint]string{1: "%p", 16: "%h", 32: "%r", 64: "%d"}[width(arg, typ)], i)
	}
	operands := []string{name(o.args[0], 0)}
	for i := 1; i < len(o.args); i++ {
		r := name(o.args[i], i)
		if c, ok := constants[i]; ok {
			operands = append(operands, c)
			continue
		}
		operands = append(operands, r)
		fmt.Fprintf(&b, "\tld.global.u64 %%d10, [%%d8+%d];\n", 8*(i-1))
		switch w := width(o.args[i], typ); w {
		case 1:
			fmt.Fprintf(&b, "\tand.b64 %%d10, %%d10, 1; setp.ne.u64 %s, %%d10, 0;\n", r)
		case 64:
			fmt.Fprintf(&b, "\tmov.b64 %s, %%d10;\n", r)
		default:
			fmt.Fprintf(&b, "\tcvt.u%d.u64 %s, %%d10;\n", w, r)
		}
	}
	if o.last != "" {
		operands = append(operands, o.last)
	}
	fmt.Fprintf(&b, "\t%s.%s %s;\n", o.name, typ, strings.Join(operands, ", "))
	switch w := width(o.args[0], typ); w {
	case 1:
		b.WriteString("\tselp.u64 %d10, 1, 0, %p0;\n")
	case 64:
		b.WriteString("\tmov.b64 %d10, %d0;\n")
	default:
		fmt.Fprintf(&b, "\tcvt.u64.u%d %%d10, %s;\n", w, operands[0])
	}
	b.WriteString("\tst.global.u64 [%d9], %d10;\n\tret;\n}\n")
	return b.String()
}

// run launches a kernel that operation.kernel made.
func run(t testing.TB, kernel string, rows [][4]uint64) []uint64 {
	m, err := ptx.Parse([]byte(kernel))
	if err != nil {
		t.Fatalf("%v\n%s", err, kernel)
	}
	var mem ptx.Memory
	blocks := (len(rows) + 1023) / 1024
	b := make([]byte, 32*1024*blocks)
	for i := range 1024 * blocks {
		for j, v := range rows[min(i, len(rows)-1)] {
			binary.LittleEndian.PutUint64(b[32*i+8*j:], v)
		}
	}
	in := alloc(t, &mem, b)
	out := alloc(t, &mem, make([]byte, 8*1024*blocks))
	if err := m.Launch("k", [3]int{blocks, 1, 1}, [3]int{1024, 1, 1}, [][]byte{u64(in), u64(out)}, &mem); err != nil {
		t.Fatalf("%v\n%s", err, kernel)
	}
	return words64(t, &mem, out, len(rows))
}

// alloc puts bytes in memory.
func alloc(t testing.TB, mem *ptx.Memory, b []byte) uint64 {
	t.Helper()
	addr, err := mem.Alloc(len(b))
	if err == nil {
		err = mem.Write(addr, b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func words64(t testing.TB, mem *ptx.Memory, addr uint64, n int) []uint64 {
	t.Helper()
	b := make([]byte, 8*n)
	if err := mem.Read(addr, b); err != nil {
		t.Fatal(err)
	}
	v := make([]uint64, n)
	for i := range v {
		v[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return v
}

var edges = []uint64{0, 1, 2, 7, 31, 32, 33, 64, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
	0x0123456789abcdef, 0x7fffffffffffffff, 0x8000000000000000, 0xfedcba9876543210, 0xffffffffffffffff}

// rows gives all combinations of edge values for n sources, of a third of
// them for more than two.
func rows(n int) [][4]uint64 {
	list := [][4]uint64{{}}
	for i := range n {
		var more [][4]uint64
		for _, r := range list {
			for j, v := range edges {
				if n > 2 && (j+i)%3 != 0 {
					continue
				}
				r[i] = v
				more = append(more, r)
			}
		}
		list = more
	}
	return list
}

func TestOperationsAtTheEdges(t *testing.T) {
	for _, o := range operations() {
		for typ := range strings.FieldsSeq(o.types) {
			n := len(o.args) - 1
			var list [][4]uint64
			for _, r := range rows(n) {
				if _, ok := o.expected(typ, r[:n]); ok {
					list = append(list, r)
				}
			}
			for i, got := range run(t, o.kernel(typ, nil), list) {
				if want, _ := o.expected(typ, list[i][:n]); got != want {
					t.Fatalf("%s.%s %#x %s = %#x, expected %#x", o.name, typ, list[i][:n], o.last, got, want)
				}
			}
		}
	}
}

// Any sources, some of them constants in the instruction.
func TestOperationsOnAnything(t *testing.T) {
	all := operations()
	rapid.Check(t, func(t *rapid.T) {
		o := all[rapid.IntRange(0, len(all)-1).Draw(t, "operation")]
		typ := rapid.SampledFrom(strings.Fields(o.types)).Draw(t, "type")
		n := len(o.args) - 1
		var row [4]uint64
		constants := make(map[int]string)
		for i := range n {
			row[i] = rapid.OneOf(rapid.Uint64(), rapid.Uint64Range(0, 70)).Draw(t, "source")
			if rapid.IntRange(0, 2).Draw(t, "constant") == 0 {
				w := width(o.args[i+1], typ)
				v := row[i] & (1<<w - 1)
				constants[i+1] = fmt.Sprintf("%#x", v)
				if w > 1 && v>>(w-1) == 1 {
					constants[i+1] = fmt.Sprintf("-%d", (1<<w-1)&-v)
				}
			}
		}
		want, ok := o.expected(typ, row[:n])
		if !ok {
			return // a division by zero, which is a fault
		}
		m, err := ptx.Parse([]byte(o.kernel(typ, constants)))
		if err != nil {
			t.Fatal(err)
		}
		var mem ptx.Memory
		in, out := place(t, &mem, row[:]), place(t, &mem, []uint64{0})
		if err := m.Launch("k", [3]int{1, 1, 1}, [3]int{1, 1, 1}, [][]byte{u64(in), u64(out)}, &mem); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 8)
		if err := mem.Read(out, b); err != nil {
			t.Fatal(err)
		}
		if got := binary.LittleEndian.Uint64(b); got != want {
			t.Fatalf("%s.%s %#x %s = %#x, expected %#x", o.name, typ, row[:n], o.last, got, want)
		}
	})
}

func place(t *rapid.T, mem *ptx.Memory, v []uint64) uint64 {
	var b []byte
	for _, x := range v {
		b = append(b, u64(x)...)
	}
	addr, err := mem.Alloc(len(b))
	if err == nil {
		err = mem.Write(addr, b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
