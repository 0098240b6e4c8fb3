package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

const (
	programLanes = 4  // of a vector
	programSlots = 5  // scratch slots of a random program
	programWords = 8  // words of its job
	outputBytes  = 64 // of a vector that is stored
)

// program is straight-line code made by chance.
type program struct {
	b           *block
	ops         []op
	pinned      map[reg]vector // values of the registers in use throughout
	entry, exit map[reg]string
	values      map[reg]vector // of entry
	outputs     int            // vectors stored at (DI)
}

// programs runs f with random programs, the same on every run.
func programs(t *testing.T, f func(t *testing.T, rng *rand.Rand, p *program)) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			f(t, rng, randomProgram(rng))
		})
	}
}

// randomProgram returns code in which every value is read, as allocate wants
// it. Values live in a small pool, so that some are read soon and some late.
func randomProgram(rng *rand.Rand) *program {
	masked := rng.IntN(2) == 0
	p := &program{
		b:      newBlock(newAsm(4), programLanes, masked),
		pinned: map[reg]vector{}, values: map[reg]vector{},
		entry: map[reg]string{}, exit: map[reg]string{},
	}
	b := p.b
	var pool []operand
	for i := range rng.IntN(3) {
		x := b.pin(fmt.Sprintf("Z%d", 60+i))
		p.pinned[x] = randomVector(rng)
		pool = append(pool, r(x))
	}
	for i := range rng.IntN(5) {
		b.regs++
		p.entry[b.regs], p.values[b.regs] = fmt.Sprintf("Z%d", 3*i), randomVector(rng)
		pool = append(pool, r(b.regs))
	}
	for i := range programSlots { // so that every slot may be read
		b.put(b.at(slot(1+i)), job(4*i))
	}
	for range 20 + rng.IntN(100) {
		pool = append(pool, p.randomValue(rng, pool))
		if len(pool) > 10 {
			i := rng.IntN(len(pool) - 1)
			pool = slices.Delete(pool, i, i+1)
		}
	}

	// Some of the last values leave in registers, and what nobody has read is
	// stored.
	p.ops = b.take()
	exits := rng.IntN(4)
	for i, v := range slices.Backward(pool) {
		if _, pinned := b.pinned[v.reg]; v.isReg() && !pinned && len(p.exit) < exits && p.exit[v.reg] == "" {
			p.exit[v.reg] = fmt.Sprintf("Z%d", 2*(i%8))
		}
	}
	names := map[string]bool{}
	for v, n := range p.exit { // two values need two names
		if names[n] {
			delete(p.exit, v)
		}
		names[n] = true
	}
	read := map[reg]bool{}
	for _, o := range p.ops {
		for _, s := range o.src {
			read[s.reg] = true
		}
	}
	for v := range p.exit {
		read[v] = true
	}
	for v := reg(1); v <= b.regs; v++ {
		if !read[v] && b.pinned[v] == "" {
			b.emit(op{mn: b.vmov(), src: []operand{r(v)}, store: fmt.Sprintf("%d(DI)", outputBytes*p.outputs), class: store})
			p.outputs++
		}
	}
	p.ops = append(p.ops, b.take()...)
	return p
}

func randomVector(rng *rand.Rand) (v vector) {
	for i := range programLanes {
		v[i] = rng.Uint32()
	}
	return v
}

// randomValue emits the making of one value.
func (p *program) randomValue(rng *rand.Rand, pool []operand) operand {
	b := p.b
	any := func() operand {
		switch n := rng.IntN(10); {
		case n < 7 && len(pool) > 0:
			return pool[rng.IntN(len(pool))]
		case n < 8:
			return b.at(slot(1 + rng.IntN(programSlots)))
		case n < 9:
			return job(4 * rng.IntN(programWords))
		}
		return constant(rng.Uint32() >> rng.IntN(32))
	}
	register := func() operand { return r(b.get(any())) }
	switch rng.IntN(9) {
	case 0:
		return b.add(register(), any())
	case 1:
		return b.xor(register(), any())
	case 2:
		return b.and(any(), register())
	case 3:
		return b.S1(register())
	case 4:
		return b.s0(register())
	case 5:
		return b.ch(register(), any(), any())
	case 6:
		return b.maj(register(), register(), register())
	case 7:
		x := register()
		b.put(b.at(slot(1+rng.IntN(programSlots))), x)
		return x
	}
	return b.sum(any(), register(), any(), constant(rng.Uint32()))
}

// machine returns a machine before the first operation of the program. Name is
// nil for virtual registers.
func (p *program) machine(t *testing.T, name map[reg]string) *machine {
	m := newMachine(t, p.b.lanes)
	if name != nil {
		m.name = func(x reg) string { return name[x] }
	}
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(n int) (b []byte) {
		for range n {
			b = append(b, byte(rng.Uint32()))
		}
		return b
	}
	m.mem["(SI)"], m.mem["(AX)"] = random(programSlots*4*programLanes), random(4*programWords)
	m.mem["(DI)"] = make([]byte, outputBytes*p.outputs)
	m.mem["(BX)"] = pool(p.b.asm)
	for v, x := range p.pinned {
		m.set(v, x)
	}
	for v, x := range p.values {
		m.set(v, x)
	}
	return m
}

// pool returns the constants of a in memory.
func pool(a *asm) (b []byte) {
	for _, v := range a.pool {
		for range a.width / 4 {
			b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
		}
	}
	return b
}

// sameMemory checks that two machines have stored the same.
func sameMemory(t *testing.T, got, want *machine) {
	t.Helper()
	for _, base := range []string{"(SI)", "(DI)"} {
		if !slices.Equal(got.mem[base], want.mem[base]) {
			t.Fatalf("memory %s is\n%x, want\n%x", base, got.mem[base], want.mem[base])
		}
	}
}
