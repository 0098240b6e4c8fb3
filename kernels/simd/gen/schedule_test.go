package main

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// models are those of the kernels, and two that leave little room.
var models = []model{
	zen5, zen4beside, older,
	{width: 1, window: 3, regs: 4},
	{width: 8, limit: map[class]int{load: 1}, latency: map[class]int{alu: 7, load: 20, store: 3}, window: 1000, regs: 40},
}

// conflict reports whether op j must stay behind op i, which comes first: it
// reads what i writes, or writes what i reads or writes.
func conflict(i, j op) bool {
	for _, s := range j.src {
		if s.isReg() && s.reg == i.dst || s.slot != 0 && s.slot == i.slot {
			return true
		}
	}
	if j.slot != 0 && j.slot == i.slot {
		return true
	}
	for _, s := range i.src {
		if s.slot != 0 && s.slot == j.slot || j.tied && s.isReg() && s.reg == j.src[len(j.src)-1].reg {
			return true
		}
	}
	return false
}

// places returns where each of want lies in got. It fails if got is not an
// order of want.
func places(t *testing.T, got, want []op) []int {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d operations, want %d", len(got), len(want))
	}
	where := map[string][]int{}
	for i, o := range got {
		key := fmt.Sprintf("%+v", o)
		where[key] = append(where[key], i)
	}
	at := make([]int, len(want))
	for i, o := range want {
		key := fmt.Sprintf("%+v", o)
		if len(where[key]) == 0 {
			t.Fatalf("operation %d (%s) is missing", i, key)
		}
		at[i], where[key] = where[key][0], where[key][1:] // equal stores stay in order
	}
	return at
}

// The schedule is an order of the operations that keeps all dependencies, and
// so it computes the same.
func TestScheduleKeepsDependencies(t *testing.T) {
	programs(t, func(t *testing.T, rng *rand.Rand, p *program) {
		want := p.machine(t, nil)
		want.run(p.ops)
		live := len(p.pinned) + len(p.entry)
		for i, m := range models {
			got := schedule(p.ops, live, p.exit, m)
			at := places(t, got, p.ops)
			for j := range p.ops {
				for i := range j {
					if conflict(p.ops[i], p.ops[j]) && at[i] > at[j] {
						t.Fatalf("model %d: %+v comes before %+v", i, p.ops[j], p.ops[i])
					}
				}
			}
			again := p.machine(t, nil)
			again.run(got)
			sameMemory(t, again, want)
			for v := range p.exit {
				if again.get(v) != want.get(v) {
					t.Fatalf("model %d: v%d is %x on exit, want %x", i, v, again.get(v), want.get(v))
				}
			}
			if once := schedule(p.ops, live, p.exit, m); !reflect.DeepEqual(once, got) {
				t.Fatalf("model %d: two schedules differ", i)
			}
		}
	})
}

// chains returns n independent chains of operations, one after the other.
func chains(b *block, n, length int) []op {
	for i := range n {
		x := r(b.get(job(4 * i)))
		for range length {
			x = b.xor(b.ror(x, 7), x)
			x = b.add(x, x) // read twice by one operation
		}
		b.put(operand{mem: fmt.Sprintf("%d(DI)", outputBytes*i)}, x)
	}
	return b.take()
}

// Independent chains advance together, as far as the registers last. The oldest
// operation may start even if that takes one register more.
func TestScheduleUsesFreePorts(t *testing.T) {
	const n, length = 6, 20
	ops := chains(newBlock(newAsm(4), 16, true), n, length)
	m := zen5
	m.window = len(ops)
	for _, regs := range []int{2, 4, 8, 12, 29} {
		m.regs = regs
		got := schedule(ops, 0, nil, m)
		if live := maxLive(got, nil); live > regs+1 {
			t.Errorf("%d registers are live, %d are allowed", live, regs)
		}
		// A chain takes one or two registers.
		begun := 0
		for _, o := range got {
			if o.class == load {
				begun++
			}
			if o.class == store {
				break
			}
		}
		if low, high := min(n, regs/2), min(n, regs); begun < low || begun > high {
			t.Errorf("%d registers: %d chains advance together, want %d to %d", regs, begun, low, high)
		}
	}
}

// Where every operation takes two cycles and one starts in a cycle, a second
// chain fills the gaps of the first.
func TestScheduleWaitsForLatency(t *testing.T) {
	ops := chains(newBlock(newAsm(4), 16, true), 2, 4)
	m := model{width: 1, latency: map[class]int{alu: 2, rot: 2, load: 1}, window: len(ops), regs: 100}
	var order []int
	first := map[reg]bool{}
	for i, o := range ops {
		if i < len(ops)/2 {
			first[o.dst] = true
		}
	}
	for _, o := range schedule(ops, 0, nil, m) {
		if o.class == rot || o.class == alu {
			order = append(order, map[bool]int{true: 0, false: 1}[first[o.dst]])
		}
	}
	for i, chain := range order {
		if chain != i%2 {
			t.Fatalf("the chains take turns as %v", order)
		}
	}
}

// maxLive returns how many registers beside the pinned ones are live at most,
// after any operation.
func maxLive(ops []op, pinned map[reg]string) int {
	last := map[reg]int{}
	for i, o := range ops {
		for _, s := range o.src {
			if s.isReg() {
				last[s.reg] = i
			}
		}
	}
	live, highest := 0, 0
	for i, o := range ops {
		seen := map[reg]bool{}
		for _, s := range o.src {
			if s.isReg() && pinned[s.reg] == "" && last[s.reg] == i && !seen[s.reg] {
				seen[s.reg] = true
				live--
			}
		}
		if o.dst != 0 {
			live++
		}
		highest = max(highest, live)
	}
	return highest
}

// Merged streams keep their own order, and none runs ahead of another by more
// than an operation.
func TestMerge(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	for range 200 {
		var streams [][]op
		total := 0
		for s := range 1 + rng.IntN(4) {
			var ops []op
			for i := range rng.IntN(30) {
				ops = append(ops, op{dst: reg(1000*s + i)})
			}
			streams, total = append(streams, ops), total+len(ops)
		}
		done := make([]int, len(streams))
		got := merge(streams...)
		for _, o := range got {
			s, i := int(o.dst)/1000, int(o.dst)%1000
			if i != done[s] {
				t.Fatalf("operation %d of stream %d comes after %d others", i, s, done[s])
			}
			done[s]++
			for other, ops := range streams {
				if len(ops) == 0 {
					continue
				}
				ahead := float64(i)/float64(len(streams[s])) - float64(done[other])/float64(len(ops))
				if other != s && ahead > 0 && done[other] < len(ops) {
					t.Fatalf("stream %d is at operation %d of %d when stream %d is at %d of %d",
						s, i, len(streams[s]), other, done[other], len(ops))
				}
			}
		}
		if len(got) != total {
			t.Fatalf("%d operations, want %d", len(got), total)
		}
	}
}

// Merged lines keep their order, and runs stay whole.
func TestMergeRuns(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 0))
	for range 200 {
		var runs [][]string
		var single, inRuns []string
		for r := range 1 + rng.IntN(20) {
			var run []string
			for i := range 1 + rng.IntN(4) {
				run = append(run, fmt.Sprintf("run %d.%d", r, i))
			}
			runs, inRuns = append(runs, run), append(inRuns, run...)
		}
		for i := range rng.IntN(60) {
			single = append(single, fmt.Sprintf("line %d", i))
		}
		got := mergeRuns(runs, single)
		only := func(kind string) (lines []string) {
			for _, l := range got {
				if l[:4] == kind {
					lines = append(lines, l)
				}
			}
			return lines
		}
		if !slices.Equal(only("run "), inRuns) || !slices.Equal(only("line"), single) {
			t.Fatalf("merged lines %q\nof %q\nand %q", got, runs, single)
		}
		for _, run := range runs {
			if at := slices.Index(got, run[0]); !slices.Equal(got[at:at+len(run)], run) {
				t.Fatalf("run %q is not whole in %q", run, got)
			}
		}
	}
}
