package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// checkShared fails if two values that are live at the same time have the same
// register, if one has a register outside the allowed ones, or if a pinned
// register is written. ops are those that allocate returned.
func checkShared(t *testing.T, p *program, ops []op, name map[reg]string, from registers) {
	t.Helper()
	last := map[reg]int{}
	for i, o := range ops {
		for _, s := range o.src {
			last[s.reg] = i
		}
	}
	for v, to := range p.exit { // what is written to the name last must stay
		for _, o := range ops {
			if o.dst != 0 && name[o.dst] == to {
				v = o.dst
			}
		}
		last[v] = len(ops)
	}
	owner := map[string]reg{}
	own := func(i int, v reg) {
		n := name[v]
		if n == "" {
			t.Fatalf("v%d has no register", v)
		}
		if other, taken := owner[n]; taken && other != v && last[other] > i {
			t.Fatalf("operation %d: v%d gets %s, which v%d has until operation %d", i, v, n, other, last[other])
		}
		owner[n] = v
	}
	for v := range p.pinned {
		last[v] = len(ops) + 1
		own(-1, v)
	}
	for v := range p.entry {
		own(-1, v)
	}
	allowed := map[string]bool{}
	for i := from.low; i < from.high; i++ {
		allowed[fmt.Sprintf("%s%d", from.prefix, i)] = true
	}
	for i, o := range ops {
		for _, s := range o.src {
			if s.isReg() && owner[name[s.reg]] != s.reg {
				t.Fatalf("operation %d reads v%d in %s, where v%d is", i, s.reg, name[s.reg], owner[name[s.reg]])
			}
		}
		if o.dst == 0 {
			continue
		}
		own(i, o.dst)
		if n := name[o.dst]; !allowed[n] {
			t.Fatalf("operation %d: v%d gets %s, which is not among %+v", i, o.dst, n, from)
		}
	}
}

// With registers given out, a program computes what it did before, in its own
// order and in that of a schedule, and no two live values share a register.
func TestAllocateKeepsValues(t *testing.T) {
	from := registers{"Z", 0, 60}
	programs(t, func(t *testing.T, rng *rand.Rand, p *program) {
		want := p.machine(t, nil)
		want.run(p.ops)
		exit := maps.Clone(p.exit)
		for i, m := range append(models, model{}) {
			ops := slices.Clone(p.ops)
			if m.width > 0 {
				ops = schedule(ops, len(p.pinned)+len(p.entry), exit, m)
			}
			p.exit = maps.Clone(exit)
			all, name := p.b.allocate(ops, from, p.entry, maps.Clone(exit))
			checkShared(t, p, all, name, from)

			got := p.machine(t, name)
			got.run(all)
			sameMemory(t, got, want)
			for v, to := range exit {
				if got.regs[to] != want.get(v) {
					t.Fatalf("model %d: %s is %x on exit, want v%d, %x", i, to, got.regs[to], v, want.get(v))
				}
			}
			for v, x := range p.pinned {
				if got.get(v) != x {
					t.Fatalf("model %d: pinned register %s has changed", i, name[v])
				}
			}
		}
	})
}

// allocate takes as many registers as there are live values, and no more.
func TestAllocateTakesNoMoreThanNeeded(t *testing.T) {
	programs(t, func(t *testing.T, rng *rand.Rand, p *program) {
		if len(p.entry)+len(p.exit) > 0 {
			return // some of their names are given
		}
		need := maxLive(p.ops, p.b.pinned)
		ops, name := p.b.allocate(slices.Clone(p.ops), registers{"Z", 0, need}, nil, nil)
		checkShared(t, p, ops, name, registers{"Z", 0, need})
		if got := failureOf(func() { p.b.allocate(slices.Clone(p.ops), registers{"Z", 0, need - 1}, nil, nil) }); !strings.HasSuffix(got, "no register left") {
			t.Errorf("%d registers for %d live values: %q", need-1, need, got)
		}
	})
}

// A pinned value that leaves in another register stays where it is too: its own
// register neither serves to exchange others nor receives a value.
func TestAllocateKeepsPinnedRegisters(t *testing.T) {
	leaving := func(high int, targets ...string) (pinned reg, text string, m *machine) {
		p := &program{b: newBlock(newAsm(4), programLanes, true), values: map[reg]vector{}, pinned: map[reg]vector{}}
		pinned = p.b.pin("Z9")
		p.pinned[pinned] = vector{9}
		p.b.regs += 2 // v2 and v3
		p.values = map[reg]vector{2: {2}, 3: {3}}
		entry := map[reg]string{2: "Z1", 3: "Z2"}
		exit := map[reg]string{pinned: targets[0], 2: targets[1], 3: targets[2]}
		text = failureOf(func() {
			ops, name := p.b.allocate(nil, registers{"Z", 0, high}, entry, exit)
			m = p.machine(t, name)
			m.run(ops)
		})
		return pinned, text, m
	}
	pinned, text, m := leaving(4, "Z0", "Z2", "Z1")
	if text != "" || m.get(pinned) != (vector{9}) || m.regs["Z0"] != (vector{9}) || m.regs["Z2"] != (vector{2}) || m.regs["Z1"] != (vector{3}) {
		t.Errorf("with a spare register: %q, %v", text, m)
	}
	if _, text, _ := leaving(3, "Z0", "Z2", "Z1"); text != "no register left to exchange the values of others" {
		t.Errorf("without a spare register: %q", text)
	}
	if _, text, _ := leaving(4, "Z0", "Z9", "Z1"); text != "v2 leaves in Z9, which is pinned" {
		t.Errorf("a value that leaves in the pinned register: %q", text)
	}
	if _, text, _ := leaving(4, "Z0", "Z3", "Z3"); text != "two values leave in Z3" {
		t.Errorf("two values that leave in one register: %q", text)
	}
}

// failureOf returns the text with which f fails, or "".
func failureOf(f func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = string(r.(failure))
		}
	}()
	f()
	return ""
}

// The values that leave change places as they must: in cycles, in chains, and
// where they are.
func TestAllocateExchangesRegisters(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 0))
	for range 500 {
		n := 1 + rng.IntN(8)
		p := &program{b: newBlock(newAsm(4), programLanes, true), entry: map[reg]string{}, exit: map[reg]string{}, values: map[reg]vector{}}
		// Targets are n of n+2 names; the values lie in the first n.
		targets := rng.Perm(n + 2)
		for i := range n {
			p.b.regs++
			v := p.b.regs
			p.entry[v], p.exit[v], p.values[v] = fmt.Sprintf("Z%d", i), fmt.Sprintf("Z%d", targets[i]), randomVector(rng)
		}
		want := maps.Clone(p.exit)
		ops, name := p.b.allocate(nil, registers{"Z", 0, n + 3}, p.entry, p.exit)
		m := p.machine(t, name)
		m.run(ops)
		for v, to := range want {
			if m.regs[to] != p.values[v] {
				t.Fatalf("entry %v, exit %v: %s is not v%d", p.entry, want, to, v)
			}
		}
		if len(ops) > n+n/2 {
			t.Fatalf("entry %v, exit %v: %d moves", p.entry, want, len(ops))
		}
	}
}

// Code that cannot be correct is rejected.
func TestAllocateRejects(t *testing.T) {
	for _, c := range []struct {
		name string
		code func(b *block) []op
		want string
	}{
		{"a register that nothing writes", func(b *block) []op {
			b.put(b.at(1), r(77))
			return b.take()
		}, "op 0 (VMOVDQA32) reads v77 before it is written"},
		{"a value that nothing reads", func(b *block) []op {
			b.get(job(0))
			return b.take()
		}, "op 0 (VPBROADCASTD): v1 is never read"},
		{"an operation that comes too early", func(b *block) []op {
			b.put(b.at(1), b.xor(job(0), job(4)))
			ops := b.take()
			slices.Reverse(ops)
			return ops
		}, "op 0 (VMOVDQA32) reads v2 before it is written"},
		{"a value that is overwritten and read later", func(b *block) []op {
			x := b.get(job(0))
			b.put(b.at(1), b.ternary(0x96, x, job(4), job(8)))
			b.put(b.at(2), r(x))
			return b.take()
		}, "overwrites Z0, which is read later"},
		{"too many live values", func(b *block) []op {
			var sum []operand
			for i := range 5 {
				sum = append(sum, r(b.get(job(4*i))))
			}
			b.put(b.at(1), b.sum(sum...))
			return b.take()
		}, "op 4 (VPBROADCASTD): no register left"},
	} {
		b := newBlock(newAsm(4), 16, true)
		if got := failureOf(func() { b.allocate(c.code(b), registers{"Z", 0, 4}, nil, nil) }); !strings.HasSuffix(got, c.want) {
			t.Errorf("%s: failed with %q, want %q", c.name, got, c.want)
		}
	}
}
