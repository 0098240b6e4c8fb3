package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// pipelineMachine returns a machine before the first turn of a pipeline: what the turn
// before should have left is random.
func pipelineMachine(t *testing.T, rng *rand.Rand, a *asm, p pipeline, name map[reg]string) *machine {
	m := newMachine(t, 16)
	m.name = func(x reg) string { return name[x] }
	m.scratch(rng, a)
	m.mem["sixteen<>(SB)"] = []byte{16, 0, 0, 0}
	for v := range p.entry {
		m.set(v, vector{rng.Uint32()})
	}
	return m
}

// A turn of the AVX-512 search, as it is scheduled and has registers, finds for the
// oldest item what SHA-256 finds.
func TestAVX512Turn(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 0))
	a := newAsm(4)
	b, p, name := avx512Turn(a)
	for _, top := range tops {
		header, first := randomBytes(rng, headerSize), rng.Uint32()
		m := pipelineMachine(t, rng, a, p, name)
		m.mem["(AX)"] = jobOf(header, top)
		m.store(b.at(slotNonces).mem, lanesOf(first), 16)
		for turn := range 6 {
			m.run(p.ops)
			item := turn - (p.items - 1)
			nonces := lanesOf(first + 16*uint32(item))
			if want := wantMask(header, nonces, 16, top); item >= 0 && m.mask != want {
				t.Errorf("top %#x, nonces from %d: %016b, want %016b", top, nonces[0], m.mask, want)
			}
		}
	}
}

// versionsLoop does what the instructions around the parts of the search of versions do.
type versionsLoop struct {
	m        *machine
	jobs     [][]byte
	shared   []op
	turn     pipeline
	ofShared map[reg]string
	ofTurn   map[reg]string
}

// masks returns the candidates of each version in each group.
func (l versionsLoop) masks(groups int) (masks []uint32) {
	schedules := [][]byte{make([]byte, scheduleBytes), make([]byte, scheduleBytes)}
	mem := l.m.mem
	for _, r := range jobRegisters {
		mem["("+r+")"] = l.jobs[0]
	}
	mem["(R12)"], mem["(R13)"] = schedules[1], schedules[1]
	items := groups * len(l.jobs)
	for turn := range items + l.turn.items - 1 {
		if turn%len(l.jobs) == 0 {
			mem["(R12)"] = schedules[turn/len(l.jobs)%2]
			l.m.name = func(x reg) string { return l.ofShared[x] }
			l.m.run(l.shared)
		}
		mem["(AX)"] = l.jobs[turn%len(l.jobs)]
		l.m.name = func(x reg) string { return l.ofTurn[x] }
		l.m.run(l.turn.ops)
		if turn >= l.turn.items-1 {
			masks = append(masks, l.m.mask)
		}
		mem["(R10)"], mem["(R9)"], mem["(R13)"] = mem["(R9)"], mem["(AX)"], mem["(R12)"]
	}
	return masks
}

// The parts of the search of versions, repeated as their jumps repeat them, find for
// each version of each group what SHA-256 finds. With the address of another item in
// an operation they do not.
func TestVersionsTurn(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 0))
	a := newAsm(4)
	_, p, name := versionsTurn(a)
	b, shared, sharedName := versionsSchedule(a, len(p.entry))
	const top, groups = 1 << 31, 3
	for _, n := range []int{1, 2, 3, 5} {
		header, first := randomBytes(rng, headerSize), rng.Uint32()
		l := versionsLoop{shared: shared, turn: p, ofShared: sharedName, ofTurn: name}
		var want []uint32
		for g := range groups {
			for v := range n {
				header[0] = byte(v)
				if g == 0 {
					l.jobs = append(l.jobs, jobOf(header, top))
				}
				want = append(want, wantMask(header, lanesOf(first+16*uint32(g)), 16, top))
			}
		}
		masks := func(ops []op) []uint32 {
			l.m = pipelineMachine(t, rng, a, p, name)
			l.m.store(b.at(slotNonces).mem, lanesOf(first), 16)
			l.turn.ops = ops
			return l.masks(groups)
		}
		if got := masks(p.ops); !slices.Equal(got, want) {
			t.Fatalf("%d versions: %016b, want %016b", n, got, want)
		}
		if n < 3 {
			continue
		}
		for _, i := range rng.Perm(len(p.ops))[:400] {
			if ops := ofAnotherItem(p.ops, i); ops != nil && slices.Equal(masks(ops), want) {
				t.Errorf("%d versions: %s of another item in operation %d makes no difference", n, p.ops[i].src[0].mem, i)
			}
		}
	}
}

// ofAnotherItem returns ops with the address in operation i replaced by that of an older
// or newer item, or nil if it has none, or if what it reads is the same for all.
func ofAnotherItem(ops []op, i int) []op {
	other := map[string]string{"AX": "R9", "R9": "R10", "R10": "AX"}
	ops = slices.Clone(ops)
	for j, s := range ops[i].src {
		offset, base, _ := strings.Cut(strings.TrimSuffix(s.mem, ")"), "(")
		shared := []string{fmt.Sprint(offKW16), fmt.Sprint(offKW17), fmt.Sprint(offTop)}
		if other[base] == "" || slices.Contains(shared, offset) {
			continue
		}
		ops[i].src = slices.Clone(ops[i].src)
		ops[i].src[j].mem = fmt.Sprintf("%s(%s)", offset, other[base])
		return ops
	}
	return nil
}

// Where the turn has another length, the slots of one item are written before another has
// read them. That is found.
func TestCheckFindsPipelinesOutOfStep(t *testing.T) {
	for _, turn := range []float64{20, 42} {
		b := avx512Block(newAsm(4))
		b.turn = turn
		versionsItem(b)
		p := b.fold(b.take())
		m := zen5pipeline
		m.regs = 100
		got := failureOf(func() {
			ops := schedule(p.ops, len(p.entry), p.exit, m)
			b.allocate(ops, registers{"Z", 0, 200}, p.entry, p.exit)
		})
		if !strings.Contains(got, " holds the result of ") && !strings.Contains(got, " overwrites the result of ") {
			t.Errorf("%g rounds in a turn: failure %q", turn, got)
		}
	}
}

// itemProgram emits a random program of an item. Its input is a counter in slot 1, which
// it counts up; its output a vector at (DI). Some values are read long after they are
// made, and some go through slots, which the next item writes a turn later.
func itemProgram(b *block, rng *rand.Rand, rounds int) {
	n := r(b.get(b.at(1)))
	b.put(b.at(1), b.add(n, constant(1)))
	pool := []operand{n}
	stored := []float64{float64(rounds)} // time until which each of pool may be read, less a turn
	next := slot(2)
	any := func() operand {
		for {
			if i := rng.IntN(len(pool)); b.now+1 < stored[i]+b.turn {
				return pool[i]
			}
		}
	}
	for round := range rounds {
		b.now = float64(round)
		for range 1 + rng.IntN(6) {
			x, y := any(), any()
			var v operand
			switch rng.IntN(5) {
			case 0:
				v = b.add(x, b.ror(y, 5))
			case 1:
				v = b.xor(x, b.add(y, constant(rng.Uint32())))
			case 2:
				v = b.ch(x, y, job(4*rng.IntN(programWords)))
			case 3:
				v = b.maj(x, y, n)
			default:
				v = b.S1(x)
				b.put(b.at(next), v)
				pool, stored = append(pool, b.at(next)), append(stored, b.now)
				next++
			}
			pool, stored = append(pool, r(b.get(v))), append(stored, float64(rounds))
		}
	}
	sum := n
	for i, x := range pool {
		if stored[i] == float64(rounds) {
			sum = b.add(sum, x)
		}
	}
	b.put(operand{mem: "0(DI)"}, sum)
}

// A program that is folded into a pipeline computes for each item what it computes on
// its own, however many items are in flight.
func TestFoldKeepsValues(t *testing.T) {
	deepest := 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 13))
		b := newBlock(newAsm(4), programLanes, true)
		rounds := 4 + rng.IntN(12)
		b.turn = float64(rounds) / (1 + 5*rng.Float64())
		itemProgram(b, rng, rounds)
		plain := b.take()
		p := b.fold(slices.Clone(plain))
		deepest = max(deepest, p.items)
		m := zen5pipeline
		m.regs = 150
		ops := schedule(p.ops, len(p.entry), p.exit, m)
		ops, name := b.allocate(ops, registers{"Z", 0, 400}, p.entry, p.exit)

		memory := func(name func(reg) string) *machine {
			m := newMachine(t, programLanes)
			m.name = name
			m.mem["(SI)"], m.mem["(AX)"] = make([]byte, 1<<13), randomBytes(rand.New(rand.NewPCG(1, 1)), 4*programWords)
			m.mem["(DI)"], m.mem["(BX)"] = make([]byte, outputBytes), pool(b.asm)
			return m
		}
		want, got := memory(nil), memory(func(x reg) string { return name[x] })
		for v := range p.entry {
			got.set(v, vector{rng.Uint32()})
		}
		for turn := range p.items + 4 {
			got.run(ops)
			if turn < p.items-1 {
				continue
			}
			want.run(plain)
			if !bytes.Equal(got.mem["(DI)"], want.mem["(DI)"]) {
				t.Fatalf("seed %d, item %d of %d in flight: %x, want %x", seed, turn-p.items+1, p.items, got.mem["(DI)"], want.mem["(DI)"])
			}
		}
		if count := binary.LittleEndian.Uint32(got.mem["(SI)"]); count != uint32(p.items+4) {
			t.Fatalf("seed %d: the counter is %d after %d turns", seed, count, p.items+4)
		}
	}
	if deepest < 5 {
		t.Errorf("at most %d items in flight: too few to prove anything", deepest)
	}
}

// The operations of a round are spread over it, in their order, and an item's over its
// turns.
func TestFoldKeepsTime(t *testing.T) {
	b := newBlock(newAsm(4), programLanes, true)
	b.turn = 1.5
	for round := range 3 {
		b.now = float64(round)
		b.put(b.at(slot(1+2*round)), job(0)) // two operations
		b.put(b.at(slot(2+2*round)), job(4))
	}
	p := b.fold(b.take())
	var got []string
	for _, o := range p.ops {
		got = append(got, fmt.Sprintf("%d.%d at %g", o.age, o.order, o.at))
	}
	want := []string{ // age.order: the older item first
		"1.7 at 0", "0.1 at 0", "1.8 at 0.25", "0.2 at 0.25", "1.9 at 0.5", "0.3 at 0.5",
		"1.10 at 0.75", "0.4 at 0.75", "1.11 at 1", "0.5 at 1", "1.12 at 1.25", "0.6 at 1.25",
	}
	if p.items != 2 || !slices.Equal(got, want) {
		t.Errorf("%d items, turn %q, want 2 and %q", p.items, got, want)
	}
}

// A register for an item that has no address is not made up.
func TestFollowWantsRegisters(t *testing.T) {
	b := newBlock(newAsm(4), programLanes, true)
	b.turn = 1
	for round := range 3 {
		b.now = float64(round)
		b.put(b.at(slot(1+round)), job(0))
	}
	p := b.fold(b.take())
	if got := failureOf(func() { p.follow([]string{"AX", "R9"}) }); got != "segment 2 reads 0(AX), which has registers for 2 segments" {
		t.Errorf("failure %q", got)
	}
	p.follow([]string{"AX", "R9", "R10"})
	for _, o := range p.ops {
		if want := []string{"0(AX)", "0(R9)", "0(R10)"}[o.age]; o.class == load && o.src[0].mem != want {
			t.Errorf("segment %d reads %s, want %s", o.age, o.src[0].mem, want)
		}
	}
}
