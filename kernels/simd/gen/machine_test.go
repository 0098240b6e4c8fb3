package main

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
	"testing"
)

// A machine interprets operations, so that the code for AVX2 and AVX-512 can be
// checked on any computer, before and after it is scheduled and has registers.
// It fails the test when a register is read that was not written.
type machine struct {
	t     *testing.T
	lanes int // of a vector

	// name returns the register of a virtual one. Nil: each has its own, as
	// if there were no end of them.
	name func(reg) string

	regs map[string]vector
	mem  map[string][]byte // by what follows the offset in an address: "(SI)"
	mask uint32            // of the last comparison, in K1 or R8
}

// vector has room for the widest register.
type vector [16]uint32

func newMachine(t *testing.T, lanes int) *machine {
	return &machine{t: t, lanes: lanes, regs: map[string]vector{}, mem: map[string][]byte{}}
}

func (m *machine) register(x reg) string {
	if m.name == nil {
		return fmt.Sprintf("v%d", x)
	}
	return m.name(x)
}

func (m *machine) set(x reg, v vector) { m.regs[m.register(x)] = v }

func (m *machine) get(x reg) vector {
	v, ok := m.regs[m.register(x)]
	if !ok {
		m.t.Fatalf("%s (v%d) is read before it is written", m.register(x), x)
	}
	return v
}

// at returns the memory from an address on, as "64(SI)".
func (m *machine) at(address string) []byte {
	open := strings.IndexByte(address, '(')
	offset := 0
	base := address
	if open > 0 && address[0] <= '9' {
		if _, err := fmt.Sscanf(address[:open], "%d", &offset); err != nil {
			m.t.Fatalf("address %q: %v", address, err)
		}
		base = address[open:]
	}
	memory, ok := m.mem[base]
	if !ok || offset > len(memory) {
		m.t.Fatalf("address %q is outside the memory", address)
	}
	return memory[offset:]
}

// load reads n words.
func (m *machine) load(address string, n int) (v vector) {
	from := m.at(address)
	for i := range n {
		v[i] = binary.LittleEndian.Uint32(from[4*i:])
	}
	return v
}

// store writes n words.
func (m *machine) store(address string, v vector, n int) {
	to := m.at(address)
	for i := range n {
		binary.LittleEndian.PutUint32(to[4*i:], v[i])
	}
}

// operand returns the value of a source.
func (m *machine) operand(o operand) vector {
	switch {
	case o.isReg():
		return m.get(o.reg)
	case o.bcast:
		word := m.load(o.mem, 1)[0]
		var v vector
		for i := range m.lanes {
			v[i] = word
		}
		return v
	}
	return m.load(o.mem, m.lanes)
}

// run executes the operations.
func (m *machine) run(ops []op) {
	for _, o := range ops {
		m.step(o)
	}
}

// step executes one operation.
func (m *machine) step(o op) {
	imm := 0
	if o.imm != "" {
		if _, err := fmt.Sscanf(o.imm, "$%v", &imm); err != nil {
			m.t.Fatalf("immediate %q: %v", o.imm, err)
		}
	}
	mn, broadcast := strings.CutSuffix(o.mn, ".BCST")
	if broadcast != (len(o.src) > 0 && o.src[0].bcast) && mn != "VPBROADCASTD" {
		m.t.Fatalf("%s has source %+v", o.mn, o.src[0])
	}
	if o.class == store {
		m.storeStep(mn, imm, o)
		return
	}
	var result vector
	switch mn {
	case "VBROADCASTI128", "VBROADCASTI32X4":
		row := m.load(o.src[0].mem, 4)
		for i := range m.lanes {
			result[i] = row[i%4]
		}
	case "VINSERTI128", "VINSERTI32X4":
		row := m.load(o.src[0].mem, 4)
		result = m.operand(o.src[1])
		copy(result[4*imm:], row[:4])
	default:
		var src []vector
		for _, s := range o.src {
			src = append(src, m.operand(s))
		}
		result = m.compute(mn, imm, src)
	}
	if o.tied && m.name != nil && m.register(o.dst) != m.register(o.src[len(o.src)-1].reg) {
		m.t.Fatalf("%s writes %s, not the register of its last source", mn, m.register(o.dst))
	}
	m.set(o.dst, result)
}

// storeStep executes an operation without a vector register as its result.
func (m *machine) storeStep(mn string, imm int, o op) {
	switch mn {
	case "VMOVDQA", "VMOVDQA32":
		m.store(o.store, m.operand(o.src[0]), m.lanes)
	case "VEXTRACTI128", "VEXTRACTI32X4":
		v := m.operand(o.src[0])
		var row vector
		copy(row[:], v[4*imm:4*imm+4])
		m.store(o.store, row, 4)
	case "VPCMPUD":
		if imm != 2 {
			m.t.Fatalf("comparison %d", imm)
		}
		limit, x := m.operand(o.src[0]), m.operand(o.src[1])
		m.mask = 0
		for i := range m.lanes {
			if x[i] <= limit[i] {
				m.mask |= 1 << i
			}
		}
	case "VMOVMSKPS":
		x := m.operand(o.src[0])
		m.mask = 0
		for i := range m.lanes {
			m.mask |= x[i] >> 31 << i
		}
	default:
		m.t.Fatalf("unknown store %s", mn)
	}
}

// compute returns what an instruction makes of its sources, which are in the
// order of the Go assembler.
func (m *machine) compute(mn string, imm int, src []vector) (v vector) {
	for i := range m.lanes {
		x := src[len(src)-1][i]
		y := src[0][i]
		switch mn {
		case "VMOVDQA", "VMOVDQA32", "VMOVDQU32", "VPBROADCASTD":
			v[i] = x
		case "VPADDD":
			v[i] = x + y
		case "VPXOR", "VPXORD":
			v[i] = x ^ y
		case "VPAND", "VPANDD":
			v[i] = x & y
		case "VPMINUD":
			v[i] = min(x, y)
		case "VPCMPEQD":
			if x == y {
				v[i] = 1<<32 - 1
			}
		case "VPRORD":
			v[i] = bits.RotateLeft32(x, -imm)
		case "VPSRLD":
			v[i] = x >> imm
		case "VPSRAD":
			v[i] = uint32(int32(x) >> imm)
		case "VSHUFI32X4":
			from := src[1] // of the result's low half
			if i >= 8 {
				from = src[0]
			}
			v[i] = from[imm>>(2*(i/4))&3*4+i%4]
		case "VPSLLD":
			v[i] = x << imm
		case "VPTERNLOGD":
			for bit := range 32 {
				row := x>>bit&1<<2 | src[1][i]>>bit&1<<1 | y>>bit&1
				v[i] |= uint32(imm) >> row & 1 << bit
			}
		case "VPUNPCKLDQ", "VPUNPCKHDQ", "VPUNPCKLQDQ", "VPUNPCKHQDQ":
			v[i] = src[1-unpacked[mn][i%4].from][i&^3+unpacked[mn][i%4].word]
		case "VPSHUFB":
			for b := range 4 {
				at := y >> (8 * b) & 15
				v[i] |= src[1][i&^3+int(at/4)] >> (8 * (at % 4)) & 0xff << (8 * b)
			}
		default:
			m.t.Fatalf("unknown instruction %s", mn)
		}
	}
	return v
}

// unpacked is where each word of four comes from: the first or the second
// source in the order of the Intel manual, and which of its words.
var unpacked = map[string][4]struct{ from, word int }{
	"VPUNPCKLDQ":  {{0, 0}, {1, 0}, {0, 1}, {1, 1}},
	"VPUNPCKHDQ":  {{0, 2}, {1, 2}, {0, 3}, {1, 3}},
	"VPUNPCKLQDQ": {{0, 0}, {0, 1}, {1, 0}, {1, 1}},
	"VPUNPCKHQDQ": {{0, 2}, {0, 3}, {1, 2}, {1, 3}},
}
