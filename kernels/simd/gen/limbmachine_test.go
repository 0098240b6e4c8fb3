package main

import (
	"fmt"
	"math/big"
	"math/bits"
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
	mem  [groupEnd]limbVector // by slot
	pool pool64
}

func newLimbMachine(l *limbs, name map[reg]string) *limbMachine {
	m := &limbMachine{name: name, regs: map[string]limbVector{}, pool: *l.pool}
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
	case o.bcast:
		var at int
		if _, err := fmt.Sscanf(o.mem, "%d(BX)", &at); err != nil {
			return limbVector{}, err
		}
		return every(m.pool[at/8]), nil
	}
	if want := fmt.Sprintf("%d(SI)", int(o.slot-1)*64); o.mem != want {
		return limbVector{}, fmt.Errorf("address %s of slot %d, want %s", o.mem, o.slot, want)
	}
	return m.mem[o.slot], nil
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
	var src []limbVector
	for _, s := range o.src {
		v, err := m.operand(s)
		if err != nil {
			return err
		}
		src = append(src, v)
	}
	imm := 0
	if o.imm != "" {
		if _, err := fmt.Sscanf(o.imm, "$%d", &imm); err != nil {
			return err
		}
	}
	if o.class == store {
		m.mem[o.slot] = src[0]
		return nil
	}
	var result limbVector
	for i := range result {
		var lane [3]uint64
		for n := range src {
			lane[n] = src[n][i]
		}
		x, err := computeLimb(strings.TrimSuffix(o.mn, ".BCST"), imm, lane)
		if err != nil {
			return fmt.Errorf("lane %d: %w", i, err)
		}
		result[i] = x
	}
	m.regs[m.register(o.dst)] = result
	return nil
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
	case "VPSUBQ":
		return src[1] - src[0], failIf(src[1] < src[0], "negative")
	case "VPANDQ":
		return src[0] & src[1], nil
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
