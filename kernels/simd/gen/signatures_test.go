package main

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// formulas are what the stages must compute, modulo p, from the elements before. Those
// with masks are in maskFormulas.
var formulas = map[string]func(at func(slot) *big.Int) map[slot]*big.Int{
	"mul":       func(at func(slot) *big.Int) map[slot]*big.Int { return one(times(at(elementX), at(elementY))) },
	"sqr":       func(at func(slot) *big.Int) map[slot]*big.Int { return one(times(at(elementX), at(elementX))) },
	"carry":     func(at func(slot) *big.Int) map[slot]*big.Int { return one(at(elementX)) },
	"canonical": func(at func(slot) *big.Int) map[slot]*big.Int { return one(at(elementX)) },
	"double": func(at func(slot) *big.Int) map[slot]*big.Int {
		x, y, z := at(elementX), at(elementY), at(elementZ)
		xx, yy, zz, xy := times(x, x), times(y, y), times(z, z), times(x, y)
		return map[slot]*big.Int{
			elementE: plus(xy, xy), elementF: plus(plus(zz, zz), minus(xx, yy)),
			elementG: minus(yy, xx), elementH: plus(xx, yy),
		}
	},
	"toProjective": func(at func(slot) *big.Int) map[slot]*big.Int {
		e, f, g, h := at(elementE), at(elementF), at(elementG), at(elementH)
		return map[slot]*big.Int{elementX: times(e, f), elementY: times(g, h), elementZ: times(f, g)}
	},
	"toExtended": func(at func(slot) *big.Int) map[slot]*big.Int {
		e, f, g, h := at(elementE), at(elementF), at(elementG), at(elementH)
		return map[slot]*big.Int{
			elementX: times(e, f), elementY: times(g, h), elementZ: times(f, g), elementT: times(e, h),
		}
	},
	"toAddend": func(at func(slot) *big.Int) map[slot]*big.Int {
		e, f, g, h := at(elementE), at(elementF), at(elementG), at(elementH)
		x, y := times(e, f), times(g, h)
		return map[slot]*big.Int{
			elementX: minus(y, x), elementY: plus(y, x), elementZ: times(f, g), elementT: times(e, h),
		}
	},
	"addPoint": func(at func(slot) *big.Int) map[slot]*big.Int {
		return addition(at, times(at(elementZ), at(added2Z)))
	},
	"minusAdded": func(at func(slot) *big.Int) map[slot]*big.Int {
		x, y := at(elementX), at(elementY)
		return map[slot]*big.Int{
			addedMinus: plus(y, x), addedPlus: minus(y, x), added2Z: big.NewInt(2),
			added2dT: times(big.NewInt(-2), times(d, times(x, y))),
		}
	},
	"toAdded": func(at func(slot) *big.Int) map[slot]*big.Int {
		return map[slot]*big.Int{
			addedMinus: at(elementX), addedPlus: at(elementY),
			added2dT: times(plus(d, d), at(elementT)), added2Z: plus(at(elementZ), at(elementZ)),
		}
	},
	"toAffine": func(at func(slot) *big.Int) map[slot]*big.Int {
		return map[slot]*big.Int{elementX: times(at(elementX), at(elementZ)), elementY: times(at(elementY), at(elementZ))}
	},
	"decodeStart": func(at func(slot) *big.Int) map[slot]*big.Int {
		yy := times(at(elementY), at(elementY))
		u, v := minus(yy, big.NewInt(1)), plus(times(d, yy), big.NewInt(1))
		v3 := times(v, times(v, v))
		uv3 := times(u, v3)
		return map[slot]*big.Int{
			elementX: yy, elementT: times(v, v), elementE: u, elementF: v, elementG: uv3, elementH: times(uv3, times(v, v3)),
		}
	},
	"isIdentity": func(at func(slot) *big.Int) map[slot]*big.Int {
		return map[slot]*big.Int{elementE: at(elementX), elementF: minus(at(elementY), at(elementZ))}
	},
	"decodeRoot": func(at func(slot) *big.Int) map[slot]*big.Int {
		x := times(at(elementG), at(elementH))
		t := times(at(elementF), times(x, x))
		return map[slot]*big.Int{
			elementX: x, elementT: t, elementE: minus(t, at(elementE)), elementF: plus(t, at(elementE)),
		}
	},
	"addAffine": func(at func(slot) *big.Int) map[slot]*big.Int {
		return addition(at, plus(at(elementZ), at(elementZ)))
	},
}

// maskFormulas are formulas of stages with masks.
var maskFormulas = map[string]func(at func(slot) *big.Int, masks [2]bool) map[slot]*big.Int{
	"decodeTurn": func(at func(slot) *big.Int, masks [2]bool) map[slot]*big.Int {
		x := at(elementX)
		if masks[0] {
			x = times(x, new(big.Int).Exp(big.NewInt(2), new(big.Int).Rsh(prime, 2), prime))
		}
		return map[slot]*big.Int{elementX: x}
	},
	"decodeSign": func(at func(slot) *big.Int, masks [2]bool) map[slot]*big.Int {
		x, y := at(elementX), at(elementY)
		if masks[0] {
			x = minus(new(big.Int), x)
		}
		if masks[1] {
			x, y = new(big.Int), big.NewInt(1)
		}
		return map[slot]*big.Int{elementX: x, elementY: y}
	},
}

func isZero(x *big.Int) bool { return new(big.Int).Mod(x, prime).Sign() == 0 }

// d is the constant of the curve, from its definition.
var d = new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), prime))

func addition(at func(slot) *big.Int, d *big.Int) map[slot]*big.Int {
	a, b := times(at(elementX), at(addedMinus)), times(at(elementY), at(addedPlus))
	c := times(at(elementT), at(added2dT))
	return map[slot]*big.Int{elementE: minus(b, a), elementF: minus(d, c), elementG: plus(d, c), elementH: plus(b, a)}
}

func one(e *big.Int) map[slot]*big.Int { return map[slot]*big.Int{elementE: e} }
func times(x, y *big.Int) *big.Int     { return new(big.Int).Mul(x, y) }
func plus(x, y *big.Int) *big.Int      { return new(big.Int).Add(x, y) }
func minus(x, y *big.Int) *big.Int     { return new(big.Int).Sub(x, y) }

// maxInput is the highest limb that a stage takes.
func maxInput(s stage) uint64 {
	switch s.name {
	case "mul", "sqr", "canonical":
		return maxWide
	case "carry":
		return maxRaw
	}
	return maxLoose
}

// fill sets all elements: to the highest limbs in lane 0, zero in lane 1, around p in
// lanes 2 to 4, at random in the others.
func (m *limbMachine) fill(rng *rand.Rand, high uint64) {
	for first := slot(1); first < groupEnd; first += 5 {
		for i := range slot(5) {
			v := &m.mem[first+i]
			*v = limbVector{0: high, 2: limbMask, 3: limbMask, 4: limbMask}
			if i == 0 {
				v[2] -= 19 - rng.Uint64N(20) // from p-1 on
				v[3] -= 18
				v[4] += rng.Uint64N(20)
			}
		}
		for lane := 5; lane < limbLanes; lane++ {
			for i, x := range randomLimbs(rng, high) {
				m.mem[first+slot(i)][lane] = x
			}
		}
	}
}

// randomLimbs returns random limbs, or zero or p with one limb exchanged for one at an
// edge, or only such.
func randomLimbs(rng *rand.Rand, high uint64) (e [5]uint64) {
	edge := func() uint64 {
		x := []uint64{0, 1, 1 << 51, limbMask, limbMask - 18, limbMask - 19, high, rng.Uint64N(high + 1)}
		return x[rng.IntN(len(x))]
	}
	kind := rng.IntN(4)
	for i := range e {
		switch kind {
		case 0:
			e[i] = rng.Uint64N(high + 1)
		case 1:
			e[i] = edge()
		case 2:
			e[i] = limbMask
		}
	}
	if kind == 2 {
		e[0] -= uint64(rng.IntN(20))
	}
	if kind >= 2 {
		e[rng.IntN(5)] = edge()
	}
	return e
}

// fillFor is fill for a stage, with masks.
func (m *limbMachine) fillFor(s stage, rng *rand.Rand) {
	m.fill(rng, maxInput(s))
	m.mask["K1"], m.mask["K2"] = uint8(rng.Uint32()), uint8(rng.Uint32())
	if s.name == "decodeRoot" { // let it find 0 in lanes 5 and 6, or p if it does not reduce
		for lane := 5; lane <= 6; lane++ {
			x := times(m.number(elementG, lane), m.number(elementH, lane))
			t := times(m.number(elementF, lane), times(x, x))
			if lane == 6 {
				t.Neg(t)
			}
			m.set(elementE, lane, t.Mod(t, prime))
		}
	}
}

// want returns what the stage must make of a lane.
func (m *limbMachine) want(s stage, lane int) map[slot]*big.Int {
	at := func(e slot) *big.Int { return m.number(e, lane) }
	if f, ok := formulas[s.name]; ok {
		return f(at)
	}
	return maskFormulas[s.name](at, [2]bool{m.mask["K1"]>>lane&1 != 0, m.mask["K2"]>>lane&1 != 0})
}

// reduces reports whether the stage leaves an element below p.
func reduces(s stage, e slot) bool {
	switch s.name {
	case "canonical", "toAffine", "decodeTurn", "isIdentity":
		return true
	}
	return s.name == "decodeRoot" && (e == elementE || e == elementF)
}

// check runs the operations on m and compares all elements with the formulas.
func (m *limbMachine) check(s stage, ops []op) error {
	before := *m
	if err := m.run(ops); err != nil {
		return err
	}
	for lane := range limbLanes {
		want := before.want(s, lane)
		for first := slot(1); first < groupEnd; first += 5 {
			got, result, high := m.number(first, lane), want[first], uint64(maxLoose)
			switch {
			case result == nil:
				if got.Cmp(before.number(first, lane)) != 0 {
					return fmt.Errorf("lane %d: element at %d has changed", lane, first)
				}
				continue
			case !isZero(minus(got, result)):
				return fmt.Errorf("lane %d: element at %d is %x", lane, first, got)
			case reduces(s, first):
				if got.Cmp(prime) >= 0 {
					return fmt.Errorf("lane %d: %x is not canonical", lane, got)
				}
				high = limbMask
			}
			for i := range slot(5) {
				if m.mem[first+i][lane] > high {
					return fmt.Errorf("lane %d: element at %d, limb %d is %#x", lane, first, i, m.mem[first+i][lane])
				}
			}
		}
	}
	return nil
}

// Every stage computes its formula, without an overflow, in the order in which it
// is written, and scheduled with registers.
func TestStagesCompute(t *testing.T) {
	for _, s := range stages {
		t.Run(s.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			virtual := newLimbs(s.name, new(pool64))
			s.emit(virtual)
			inOrder := virtual.take()
			l, ops, name := s.code(new(pool64))
			if err := checkAddresses(ops); err != nil {
				t.Fatal(err)
			}
			for range 20 {
				m := newLimbMachine(virtual, nil)
				m.fillFor(s, rng)
				if err := m.check(s, inOrder); err != nil {
					t.Fatalf("as written: %v", err)
				}
				m = newLimbMachine(l, name)
				m.fillFor(s, rng)
				if err := m.check(s, ops); err != nil {
					t.Fatalf("scheduled: %v", err)
				}
			}
		})
	}
}

// Every instruction matters: without it, or with one source exchanged for another,
// the stage is wrong.
func TestStageMutants(t *testing.T) {
	for _, s := range stages {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			l, ops, name := s.code(new(pool64))
			killMutants(t, l, ops, name, func(rng *rand.Rand, m *limbMachine, ops []op) error {
				m.fillFor(s, rng)
				return m.check(s, ops)
			})
		})
	}
}

// killMutants checks that check fails for all mutants of the operations.
func killMutants(t *testing.T, l *limbs, ops []op, name map[reg]string, check func(*rand.Rand, *limbMachine, []op) error) {
	t.Helper()
	survives := func(ops []op) bool {
		rng := rand.New(rand.NewPCG(3, 4))
		for range 100 {
			m := newLimbMachine(l, name)
			for i := range 29 { // what happened to be in the registers
				m.regs[fmt.Sprintf("Z%d", i)] = every(rng.Uint64() >> 13)
			}
			if check(rng, m, ops) != nil {
				return false
			}
		}
		return true
	}
	if !survives(ops) {
		t.Fatal("the code itself is wrong")
	}
	if testing.Short() {
		return
	}
	for i, o := range ops {
		text := l.asm.format(ops[i:i+1], name)[0]
		without := slices.Delete(slices.Clone(ops), i, i+1)
		if o.class != store {
			without = slices.Clone(ops)
			without[i].mn, without[i].src = garbage, nil
		}
		if survives(without) {
			t.Errorf("without instruction %d, %s, it is as good", i, text)
		}
		for n, src := range o.src {
			other, ok := exchanged(l, o, n)
			if !ok {
				continue
			}
			mutant := slices.Clone(ops)
			mutant[i].src = slices.Clone(o.src)
			mutant[i].src[n] = other
			if survives(mutant) {
				t.Errorf("instruction %d, %s, is as good with %v instead of %v", i, text, other, src)
			}
		}
	}
}

// exchanged returns another operand for source n of o, if there is one worth a test.
func exchanged(l *limbs, o op, n int) (operand, bool) {
	src := o.src[n]
	switch {
	case src.slot >= firstMask:
		return operand{mem: "K1"}, true
	case src.slot == elementX:
		return l.at(elementX + 1), true
	case src.slot != 0:
		return l.at(src.slot - 1), true
	case !src.isReg() || o.tied && n == len(o.src)-1:
		return src, false // other memory, a mask, or the result's own register
	case src.reg == l.zero.at.reg:
		return l.mask.at, true
	}
	return l.zero.at, true
}

// The generator rejects code that could be wrong.
func TestLimbBounds(t *testing.T) {
	for name, c := range map[string]func(l *limbs, x func(high uint64) limb){
		"a sum":        func(l *limbs, x func(uint64) limb) { l.add(x(1<<63), x(1<<63)) },
		"a difference": func(l *limbs, x func(uint64) limb) { l.sub(x(1<<60), x(1)) },
		"a constant less": func(l *limbs, x func(uint64) limb) {
			l.sub(l.constant(1<<60), x(1<<60+1))
		},
		"a factor":          func(l *limbs, x func(uint64) limb) { l.addLow(l.none(), x(1<<52), x(1)) },
		"the other factor":  func(l *limbs, x func(uint64) limb) { l.addHigh(l.none(), x(1), x(1<<52)) },
		"a sum of products": func(l *limbs, x func(uint64) limb) { l.addLow(x(1<<64-1<<51), x(1<<51), x(1<<51)) },
		"19 times":          func(l *limbs, x func(uint64) limb) { l.times19(x(1 << 60)) },
		"a shift":           func(l *limbs, x func(uint64) limb) { l.shiftLeft(x(1<<62), 2) },
		"a carry":           func(l *limbs, x func(uint64) limb) { l.carry(l.element(elementX, 1<<62)) },
		"a result":          func(l *limbs, x func(uint64) limb) { l.result("E", elementE, l.element(elementX, maxLoose+1)) },
		"a canonical":       func(l *limbs, x func(uint64) limb) { l.canonical(l.element(elementX, 1<<54)) },
		"raw factors": func(l *limbs, x func(uint64) limb) {
			e := l.element(elementX, maxLoose)
			l.multiply(l.multiply(e, e), e)
		},
		"less than a product": func(l *limbs, x func(uint64) limb) {
			e := l.element(elementX, maxLoose)
			l.difference(e, l.square(e), 7)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				var f failure
				if err, ok := recover().(failure); ok {
					f = err
				}
				if f == "" {
					t.Error("no failure")
				}
			}()
			l := newLimbs("test", new(pool64))
			c(l, func(high uint64) limb { return limb{at: l.at(elementX), high: high} })
		})
	}
}

// The ranges that the builder computes are right: values from the ends of the
// ranges of the sources give values within the range of the result.
func TestLimbRanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 20000 {
		l := newLimbs("test", new(pool64))
		x, a := randomLimb(rng, l, elementX, 52)
		y, b := randomLimb(rng, l, elementX+1, 52)
		s, c := randomLimb(rng, l, elementX+2, 63)
		results := []limb{
			l.add(x, y), l.shiftRight(s, 51), l.shiftLeft(x, 3), l.low51(s), l.times19(x),
			l.addLow(l.load(s), x, y), l.addHigh(l.load(s), x, y),
		}
		if x.low >= y.high {
			results = append(results, l.sub(x, y))
		}
		m := newLimbMachine(l, nil)
		m.mem[elementX], m.mem[elementX+1], m.mem[elementX+2] = every(a), every(b), every(c)
		if err := m.run(l.take()); err != nil {
			t.Fatal(err)
		}
		for i, z := range results {
			if v := m.regs[m.register(z.at.reg)][0]; v < z.low || v > z.high {
				t.Fatalf("result %d of %#x, %#x, %#x is %#x, not from %#x to %#x", i, a, b, c, v, z.low, z.high)
			}
		}
	}
}

// randomLimb returns a limb with a range of at most n bits, and a value from it, often
// at an end.
func randomLimb(rng *rand.Rand, l *limbs, at slot, n int) (limb, uint64) {
	low := rng.Uint64() >> (64 - n) >> rng.IntN(n)
	high := max(low, rng.Uint64()>>(64-n)>>rng.IntN(n))
	x := limb{l.at(at), low, high}
	return x, []uint64{low, high, low + rng.Uint64N(high-low+1)}[rng.IntN(3)]
}
