package main

import (
	"fmt"
	"maps"
	"slices"
)

// merge interleaves streams in proportion to their lengths.
func merge(streams ...[]op) []op {
	var out []op
	done := make([]int, len(streams))
	for {
		next, least := -1, 2.0
		for i, s := range streams {
			if done[i] < len(s) {
				if at := float64(done[i]) / float64(len(s)); at < least {
					next, least = i, at
				}
			}
		}
		if next < 0 {
			return out
		}
		out = append(out, streams[next][done[next]])
		done[next]++
	}
}

// mergeRuns interleaves instructions with short runs of instructions in
// proportion to their numbers.
func mergeRuns[T any](runs [][]T, single []T) []T {
	var out []T
	total := 0
	for _, r := range runs {
		total += len(r)
	}
	done, next := 0, 0
	for _, r := range runs {
		for ; next*total < done*len(single); next++ {
			out = append(out, single[next])
		}
		out = append(out, r...)
		done += len(r)
	}
	return append(out, single[next:]...)
}

// registers are prefix<low> to prefix<high-1>.
type registers struct {
	prefix    string
	low, high int
}

// allocate assigns every virtual register of ops, in their order, a register of the
// machine, other than the pinned ones. A register of entry has the name given
// there until it is read for the last time. Operations at the end move the values
// of exit, which no operation may overwrite, to the names given there. allocate
// returns all operations and the names. It fails if the result does not read what ops
// mean.
func (b *block) allocate(ops []op, from registers, entry, exit map[reg]string) ([]op, map[reg]string) {
	name := map[reg]string{}
	taken := map[string]bool{}
	for v, p := range b.pinned {
		name[v], taken[p] = p, true
	}
	for v, p := range entry {
		name[v], taken[p] = p, true
	}
	var free []string
	for i := from.low; i < from.high; i++ {
		if p := fmt.Sprintf("%s%d", from.prefix, i); !taken[p] {
			free = append(free, p)
		}
	}
	last := lastReads(ops, exit)
	for i, o := range ops {
		var freed []string // read here for the last time
		for _, s := range o.src {
			if !s.isReg() {
				continue
			}
			if name[s.reg] == "" {
				fail("op %d (%s) reads v%d before it is written", i, o.mn, s.reg)
			}
			if b.pinned[s.reg] == "" && last[s.reg] == i && !slices.Contains(freed, name[s.reg]) {
				freed = append(freed, name[s.reg])
			}
		}
		switch {
		case o.dst == 0:
		case last[o.dst] <= i:
			fail("op %d (%s): v%d is never read", i, o.mn, o.dst)
		case o.tied:
			t := name[o.src[len(o.src)-1].reg]
			at := slices.Index(freed, t)
			if at < 0 {
				fail("op %d (%s) overwrites %s, which is read later", i, o.mn, t)
			}
			freed = slices.Delete(freed, at, at+1)
			name[o.dst] = t
		default:
			free, freed = append(free, freed...), nil
			if len(free) == 0 {
				fail("op %d (%s): no register left", i, o.mn)
			}
			name[o.dst], free = free[0], free[1:]
		}
		free = append(free, freed...)
	}
	leaving := maps.Clone(exit)
	ops = append(ops, b.moves(name, exit, free)...)
	l := loop{pinned: b.pinned, entry: entry, exit: leaving}
	if len(b.carried) > 0 { // what a turn leaves is what the next one reads: no name is needed
		l.entry, l.exit = nil, nil
	}
	b.asm.check(turn{b.steps(ops, name), l})
	return ops, name
}

// lastReads returns the index of the last operation that reads each register, or
// len(ops) if its value is in exit.
func lastReads(ops []op, exit map[reg]string) map[reg]int {
	last := map[reg]int{}
	for i, o := range ops {
		for _, s := range o.src {
			last[s.reg] = i
		}
	}
	for v := range exit {
		last[v] = len(ops)
	}
	return last
}

// moves returns the operations that move the values of exit to their names, as if at
// once. It adds the registers of the results to name.
func (b *block) moves(name, exit map[reg]string, free []string) []op {
	var out []op
	move := func(v reg, to string) {
		b.regs++
		name[b.regs] = to
		out = append(out, op{mn: b.vmov(), src: []operand{r(v)}, dst: b.regs, class: move})
	}
	at := map[string]reg{} // the value in a register that must move
	var todo []reg
	target := map[string]bool{}
	for _, v := range slices.Sorted(maps.Keys(exit)) {
		to := exit[v]
		for pin, p := range b.pinned {
			if p == to && pin != v {
				fail("v%d leaves in %s, which is pinned", v, to)
			}
		}
		if target[to] {
			fail("two values leave in %s", to)
		}
		target[to] = true
		if name[v] != to {
			at[name[v]] = v
			todo = append(todo, v)
		}
	}
	free = slices.DeleteFunc(free, func(n string) bool { return target[n] })
	for len(todo) > 0 {
		i := slices.IndexFunc(todo, func(v reg) bool { _, busy := at[exit[v]]; return !busy })
		if i < 0 { // only cycles are left: move one value out of the way
			if len(free) == 0 {
				fail("no register left to exchange the values of others")
			}
			v := todo[0]
			move(v, free[0])
			delete(at, name[v])
			exit[b.regs] = exit[v]
			todo[0] = b.regs
			at[free[0]] = b.regs
			free = free[1:]
			continue
		}
		v := todo[i]
		move(v, exit[v])
		delete(at, name[v])
		if !target[name[v]] && b.pinned[v] == "" {
			free = append(free, name[v])
		}
		todo = slices.Delete(todo, i, i+1)
	}
	return out
}

// A failure is a mistake in the code that is generated. It ends the program.
type failure string

func fail(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }
