package main

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// kernel has what the generator checks of a file.
type kernel struct {
	name  string
	turns []turn
}

// generated returns what the generator checks of every file.
func generated() []kernel {
	wide, narrow, hybrid, sha, arm := newAsm(4), newAsm(32), newAsm(4), newAsm(16), newAsm(16)
	avx512Search(wide)
	avx512Versions(wide)
	avx512Hasher.write(wide)
	avx2Search(narrow)
	avx2Hasher.write(narrow)
	hybridSearch(hybrid)
	hybridHash(hybrid)
	shaSearch(sha)
	shaHash(sha)
	sha2Search(arm)
	sha2Hash(arm)
	messages, four := newAsm(4), newAsm(16)
	messageHasher.writeMessages(messages)
	messageHasher.writePairs(messages)
	shaMessages(four)
	shaPairs(four)
	return []kernel{
		{"messages", messages.turns}, {"messages of shani", four.turns},
		{"avx512", wide.turns}, {"avx2", narrow.turns}, {"hybrid", hybrid.turns},
		{"shani", sha.turns}, {"sha2", arm.turns},
	}
}

// spare is a register that no kernel has.
var spare = span{base: "Z77"}

// Every turn that is generated reads what it means, and no turn with a mistake does:
// with a register for another one, without a move, with a move to another register, or
// with a slot that is overwritten before it is read.
func TestCheckFindsMistakes(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 0))
	for _, k := range generated() {
		tried := map[string]int{}
		for n, whole := range k.turns {
			if err := whole.check(); err != nil {
				t.Fatalf("%s, turn %d: %v", k.name, n, err)
			}
			// try replaces step i.
			try := func(kind string, i int, by ...step) {
				if tried[kind]++; whole.with(i, by...).check() == nil {
					t.Errorf("%s, turn %d: %s at %q is not found", k.name, n, kind, whole.steps[i].text)
				}
			}
			left := map[string]int{} // to be tried of each kind
			for _, i := range rng.Perm(len(whole.steps)) {
				s := whole.steps[i]
				if s.order == 0 && left["move"] < 4 {
					left["move"]++
					try("a missing move", i)
					s.real.writes = []span{spare}
					try("a move to another register", i, s)
					continue
				}
				j := rng.IntN(len(s.real.reads))
				switch r := s.real.reads[j]; {
				case r.words > 0 && slices.Contains([]string{"SI", "R9", "R10", "R11"}, r.base) && left["slot"] < 4:
					left["slot"]++
					try("an overwritten slot", i, step{real: access{[]span{spare}, []span{r}}}, s)
				case r.words == 0 && left["register"] < 4:
					left["register"]++
					s.real.reads = slices.Clone(s.real.reads)
					s.real.reads[j] = spare
					try("a wrong register", i, s)
				}
			}
		}
		t.Log(k.name, tried)
	}
}

// with returns the turn with other steps in the place of step i.
func (t turn) with(i int, by ...step) turn {
	t.steps = slices.Concat(t.steps[:i], by, t.steps[i+1:])
	return t
}

// A file that ends within a turn is not written.
func TestWriteWantsWholeTurns(t *testing.T) {
	a := newAsm(16)
	a.streamLine(0, "VMOVDQU (AX), X1")
	if got := failureOf(func() { a.write(t.TempDir(), "x.s", "") }); got != `x.s: the turn of "VMOVDQU (AX), X1" has no end` {
		t.Errorf("failure %q", got)
	}
}

// What check accepts computes what the program means. Random programs are changed at
// random places, and run.
func TestCheckAcceptsOnlyTheSame(t *testing.T) {
	from := registers{"Z", 0, 60}
	accepted, rejected := 0, 0
	programs(t, func(t *testing.T, rng *rand.Rand, p *program) {
		want := p.machine(t, nil)
		want.run(p.ops)
		exit := maps.Clone(p.exit)
		ops, name := p.b.allocate(schedule(p.ops, len(p.pinned)+len(p.entry), exit, zen5), from, p.entry, maps.Clone(exit))
		steps, surroundings := p.b.steps(ops, name), loop{pinned: p.b.pinned, entry: p.entry, exit: exit}
		for range 12 {
			i, j := rng.IntN(len(ops)-1), rng.IntN(len(ops))
			mutant, lines := slices.Clone(ops), slices.Clone(steps)
			switch {
			case ops[i].order == 0: // a move
				mutant, lines = slices.Delete(mutant, i, i+1), slices.Delete(lines, i, i+1)
			case rng.IntN(2) == 0 && len(ops[i].src) > 0 && ops[i].src[0].isReg() && !ops[i].tied && ops[j].dst != 0:
				mutant[i].src = slices.Clone(ops[i].src)
				mutant[i].src[0].reg = ops[j].dst
				lines[i].text = p.b.asm.format(mutant[i:i+1], name)[0]
				lines[i].real = parse(lines[i].text, false, 4*programLanes)
			default:
				k := min(i+1+rng.IntN(4), len(ops)-1)
				mutant[i], mutant[k] = mutant[k], mutant[i]
				lines[i], lines[k] = lines[k], lines[i]
			}
			if (turn{lines, surroundings}).check() != nil {
				rejected++
				continue
			}
			accepted++
			got := p.machine(t, name)
			got.run(mutant)
			sameMemory(t, got, want)
			for v, to := range exit {
				if got.regs[to] != want.get(v) {
					t.Fatalf("%s is %x on exit, want v%d, %x", to, got.regs[to], v, want.get(v))
				}
			}
		}
	})
	if accepted < 200 || rejected < 500 {
		t.Errorf("%d changes accepted, %d rejected: too few to prove anything", accepted, rejected)
	}
}

// Where two items share a turn, a slot that the newer one fills before the older one has
// read it is found, and also one that it fills in time.
func TestCheckTellsItemsApart(t *testing.T) {
	slots := func(early bool) string {
		b := newBlock(newAsm(4), 16, true)
		b.put(b.at(1), r(b.get(job(0))))
		fill := b.take()
		b.age = 1
		b.put(operand{mem: "(DI)"}, b.at(1))
		ops := append(b.take(), fill...)
		if early {
			ops = append(fill, ops[:len(ops)-len(fill)]...)
		}
		return failureOf(func() { b.allocate(ops, registers{"Z", 0, 4}, nil, nil) })
	}
	if got := slots(false); got != "" {
		t.Errorf("read before it is filled again: %s", got)
	}
	want := `"VMOVDQA32 0(SI), Z1" for item 0: 0(SI) holds the result of "VMOVDQA32 Z0, 0(SI)" for item 1, want the result of "VMOVDQA32 Z0, 0(SI)" for item 0`
	if got := slots(true); got != want {
		t.Errorf("filled before it is read:\n%s, want\n%s", got, want)
	}
}

// Message words that share a slot while both are needed are found.
func TestCheckFindsSharedSlots(t *testing.T) {
	share := func(read int) string {
		b := newBlock(newAsm(4), 16, true)
		w := newWords(b)
		for i := range 2 {
			w.slot[i] = 1
			w.set(i, r(b.get(job(4*i))))
		}
		b.put(operand{mem: "(DI)"}, w.far(read))
		return failureOf(func() { b.allocate(b.take(), registers{"Z", 0, 4}, nil, nil) })
	}
	if got := share(1); got != "" {
		t.Errorf("the last word in the slot: %s", got)
	}
	want := `"VMOVDQA32 0(SI), Z2" for item 0: 0(SI) holds the result of "VMOVDQA32 Z1, 0(SI)" for item 0, want the result of "VMOVDQA32 Z0, 0(SI)" for item 0`
	if got := share(0); got != want {
		t.Errorf("the word before:\n%s, want\n%s", got, want)
	}
}

// A chain of the hybrid that ends so late that the vectors have read its state is
// found, and so are two chains in one pair of registers.
func TestCheckFindsWrongChains(t *testing.T) {
	counter := operand{mem: "0(SI)"}
	for name, change := range map[string]func(c *chain){
		"a first hash that ends in the next turn": func(c *chain) { c.start += float64(rnds2Turn) / 2 },
		"a pair of registers for two chains":      func(c *chain) { c.pair++ },
		"a chain that begins too late":            func(c *chain) { c.age++ },
	} {
		a := newAsm(4)
		good := hybridTurn(a, counter)
		if err := good.check(); err != nil {
			t.Fatal(err)
		}
		chains := searchChains(a)
		change(&chains[1])
		vector := slices.DeleteFunc(good.steps, func(s step) bool { return s.age == 1 || s.age == 3 })
		if err := interleave(chains, vector, good.loop).check(); err == nil {
			t.Errorf("%s is not found", name)
		} else {
			t.Log(err)
		}
	}
}

// Of streams whose registers are given by hand, one that overwrites a register of another
// is found, and so is a slot that only the message before has filled.
func TestCheckFindsWrongStreams(t *testing.T) {
	two := func(register string) string {
		a := newAsm(16)
		a.streamLine(0, "VMOVDQU (AX), X1")
		a.streamLine(1, "VMOVDQU 16(AX), %s", register)
		a.streamLine(0, "VMOVDQU X1, (DI)")
		a.streamLine(1, "VMOVDQU %s, 16(DI)", register)
		return failureOf(a.endTurn)
	}
	if got := two("X2"); got != "" {
		t.Errorf("two registers: %s", got)
	}
	want := `"VMOVDQU X1, (DI)" for item 0: Z1 holds the result of "VMOVDQU 16(AX), X1" for item 0, want the result of "VMOVDQU (AX), X1" for item 0`
	if got := two("X1"); got != want {
		t.Errorf("one register:\n%s, want\n%s", got, want)
	}

	quads := func(last int) string { // of which message 0 has three and message 1 two
		a := newAsm(16)
		s := newStreams(a)[0]
		for message, n := range []int{3, 2} {
			s.message = message
			for i := range n {
				s.line("VMOVDQU %d(R10), %s", 16*i, s.newest())
				s.set(i)
			}
		}
		s.line("VMOVDQU %s, X13", s.older(last).mem)
		return failureOf(a.endTurn)
	}
	if got := quads(1); got != "" {
		t.Errorf("a quad of the message: %s", got)
	}
	want = `"VMOVDQU 32(SI), X13" for item 0: 32(SI) holds the result of "VMOVDQA X9, 32(SI)" for item 0, want what was at 32(message 1) before`
	if got := quads(2); got != want {
		t.Errorf("a quad of the message before:\n%s, want\n%s", got, want)
	}
}
