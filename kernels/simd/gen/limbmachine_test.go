package main

import (
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

const limbLanes = 8

type limbVector [limbLanes]uint64

// A limbMachine interprets the code of a stage. It reports an error when a register
// is read that was not written, and when a sum overflows, a difference is negative
// or a factor is too long.
type limbMachine struct {
	name map[reg]string // nil: each virtual register is one of its own
	regs map[string]limbVector
	mem  [groupEnd]limbVector  // of the group, by slot
	rest map[string]limbVector // other memory, by address
	mask map[string]uint8      // mask registers
	pool pool64

	modular bool // sums are modulo 2^64
}

func newLimbMachine(l *limbs, name map[reg]string) *limbMachine {
	m := &limbMachine{
		name: name, pool: *l.pool,
		regs: map[string]limbVector{}, rest: map[string]limbVector{}, mask: map[string]uint8{},
	}
	for _, x := range []limb{l.zero, l.nineteen, l.mask} {
		m.regs[m.register(x.at.reg)] = every(x.high)
	}
	return m
}

func every(x uint64) (v limbVector) {
	for i := range v {
		v[i] = x
	}
	return v
}

func (m *limbMachine) register(x reg) string {
	if m.name == nil {
		return fmt.Sprint(x)
	}
	return m.name[x]
}

func (m *limbMachine) operand(o operand) (limbVector, error) {
	switch {
	case o.isReg():
		v, ok := m.regs[m.register(o.reg)]
		if !ok {
			return v, fmt.Errorf("%s is read before it is written", m.register(o.reg))
		}
		return v, nil
	case strings.HasSuffix(o.mem, "(BX)"):
		at, err := strconv.Atoi(strings.TrimSuffix(o.mem, "(BX)"))
		if err != nil {
			return limbVector{}, err
		}
		if o.bcast {
			return every(m.pool[at/8]), nil
		}
		return limbVector{m.pool[at/8], m.pool[at/8+1]}, nil
	}
	if o.slot == 0 {
		v, ok := m.rest[o.mem]
		return v, failIf(!ok, "nothing is at "+o.mem)
	}
	return m.mem[o.slot], nil
}

// checkAddresses checks that addresses in the group are those of the slots.
func checkAddresses(ops []op) error {
	for _, o := range ops {
		for _, at := range append([]operand{{mem: o.store, slot: o.slot}}, o.src...) {
			if want := fmt.Sprintf("%d(SI)", int(at.slot-1)*64); at.slot != 0 && at.slot < firstMask && at.mem != want {
				return fmt.Errorf("address %s of slot %d, want %s", at.mem, at.slot, want)
			}
		}
	}
	return nil
}

// run executes the operations.
func (m *limbMachine) run(ops []op) error {
	for _, o := range ops {
		if err := m.step(o); err != nil {
			return fmt.Errorf("%s: %w", o.mn, err)
		}
	}
	return nil
}

func (m *limbMachine) step(o op) error {
	var sources [3]limbVector
	src := sources[:0]
	var mask uint8
	for _, s := range o.src {
		if strings.HasPrefix(s.mem, "K") {
			mask = m.mask[s.mem]
			continue
		}
		v, err := m.operand(s)
		if err != nil {
			return err
		}
		src = append(src, v)
	}
	switch mn := strings.TrimSuffix(o.mn, ".BCST"); {
	case mn == "VPCMPUQ":
		m.mask[o.store] = 0
		for i := range limbLanes {
			if src[1][i] < src[0][i] {
				m.mask[o.store] |= 1 << i
			}
		}
	case mn == "KMOVB":
		m.rest[o.store] = limbVector{uint64(mask)}
	case mn == "VPMOVQD":
		v := src[0]
		for i := range v {
			v[i] &= 1<<32 - 1
		}
		m.rest[o.store] = v
	case o.class == store && o.slot != 0:
		m.mem[o.slot] = src[0]
	case o.class == store:
		m.rest[o.store] = src[0]
	default:
		result, err := m.result(o, src, mask)
		if err != nil {
			return err
		}
		m.regs[m.register(o.dst)] = result
	}
	return nil
}

// result returns what an operation makes of its sources and a mask.
func (m *limbMachine) result(o op, src []limbVector, mask uint8) (limbVector, error) {
	mn, imm := strings.TrimSuffix(o.mn, ".BCST"), 0
	if o.imm != "" {
		n, err := strconv.ParseInt(o.imm[1:], 0, 0)
		if err != nil {
			return limbVector{}, err
		}
		imm = int(n)
	}
	if mn == garbage {
		return every(0x3141592653589), nil
	}
	masked := slices.ContainsFunc(o.src, func(s operand) bool { return strings.HasPrefix(s.mem, "K") })
	result, ok := m.shuffle(mn, imm, src)
	if ok {
		return result, nil
	}
	for i := range result {
		var lane [3]uint64
		for n := range src {
			lane[n] = src[n][i]
		}
		var err error
		switch {
		case mn == "VPSUBQ" && masked && mask>>i&1 == 0:
			result[i] = lane[2]
		case mn == "VPBLENDMQ":
			result[i] = lane[1-mask>>i&1]
		case mn == "VPADDQ" && m.modular:
			result[i] = lane[0] + lane[1]
		default:
			result[i], err = computeLimb(mn, imm, lane)
		}
		if err != nil {
			return result, fmt.Errorf("lane %d: %w", i, err)
		}
	}
	return result, nil
}

// garbage is an operation whose result is of no use.
const garbage = "garbage"

// shuffle does the instructions that move lanes or bytes. The sources are in the order
// of the Go assembler.
func (m *limbMachine) shuffle(mn string, imm int, src []limbVector) (v limbVector, ok bool) {
	for i := range v {
		switch mn {
		case "VPUNPCKLQDQ":
			v[i] = src[1-i%2][i&^1]
		case "VPUNPCKHQDQ":
			v[i] = src[1-i%2][i|1]
		case "VSHUFI64X2":
			v[i] = src[1-i/4][imm>>(i/2*2)&3*2+i%2]
		case "VPSHUFB":
			for b := range 8 {
				at := int(src[0][i] >> (8 * b) & 15)
				v[i] |= src[1][i&^1+at/8] >> (8 * (at % 8)) & 0xff << (8 * b)
			}
		case "VBROADCASTI32X4":
			v[i] = src[0][i%2]
		default:
			return v, false
		}
	}
	return v, true
}

// computeLimb returns what an instruction makes of its sources, which are in the
// order of the Go assembler.
func computeLimb(mn string, imm int, src [3]uint64) (uint64, error) {
	switch mn {
	case "VMOVDQU64", "VMOVDQA64", "VPBROADCASTQ":
		return src[0], nil
	case "VPADDQ":
		s, overflow := bits.Add64(src[0], src[1], 0)
		return s, failIf(overflow != 0, "overflow")
	case "VPMAXUQ":
		return max(src[0], src[1]), nil
	case "VPMINUQ":
		return min(src[0], src[1]), nil
	case "VPSUBQ":
		return src[1] - src[0], failIf(src[1] < src[0], "negative")
	case "VPANDQ":
		return src[0] & src[1], nil
	case "VPRORQ":
		return bits.RotateLeft64(src[0], -imm), nil
	case "VPTERNLOGD":
		var x uint64
		for bit := range 64 {
			row := src[2]>>bit&1<<2 | src[1]>>bit&1<<1 | src[0]>>bit&1
			x |= uint64(imm) >> row & 1 << bit
		}
		return x, nil
	case "VPSRLQ":
		return src[0] >> imm, nil
	case "VPSLLQ":
		return src[0] << imm, failIf(bits.Len64(src[0])+imm > 64, "overflow")
	case "VPMULLQ":
		high, low := bits.Mul64(src[0], src[1])
		return low, failIf(high != 0, "overflow")
	case "VPMADD52LUQ", "VPMADD52HUQ":
		if max(src[0], src[1]) > maxFactor {
			return 0, fmt.Errorf("a factor is too long")
		}
		high, low := bits.Mul64(src[0], src[1])
		part := low & maxFactor
		if mn == "VPMADD52HUQ" {
			part = high<<12 | low>>52
		}
		s, overflow := bits.Add64(src[2], part, 0)
		return s, failIf(overflow != 0, "overflow")
	}
	return 0, fmt.Errorf("unknown instruction")
}

func failIf(bad bool, what string) error {
	if bad {
		return fmt.Errorf("%s", what)
	}
	return nil
}

// prime is 2^255-19.
var prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

// number returns the element of a lane, not reduced.
func (m *limbMachine) number(first slot, lane int) *big.Int {
	sum := new(big.Int)
	for i := 4; i >= 0; i-- {
		sum.Lsh(sum, limbBits)
		sum.Add(sum, new(big.Int).SetUint64(m.mem[first+slot(i)][lane]))
	}
	return sum
}

// set sets the element of a lane to v below 2^255.
func (m *limbMachine) set(first slot, lane int, v *big.Int) {
	rest := new(big.Int).Set(v)
	for i := range slot(5) {
		m.mem[first+i][lane] = new(big.Int).And(rest, big.NewInt(limbMask)).Uint64()
		rest.Rsh(rest, limbBits)
	}
}
