package main

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// kernel has what the generator checks of a file.
type kernel struct {
	name  string
	turns []turn
}

func generated() []kernel {
	wide, narrow, hybrid := newAsm(4), newAsm(32), newAsm(4)
	avx512Search(wide)
	avx512Hasher.write(wide)
	avx2Search(narrow)
	avx2Hasher.write(narrow)
	hybridSearch(hybrid)
	hybridHash(hybrid)
	return []kernel{{"avx512", wide.turns}, {"avx2", narrow.turns}, {"hybrid", hybrid.turns}}
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

// A file whose code does not read what it means is not written.
func TestWriteChecks(t *testing.T) {
	dir := t.TempDir()
	a := newAsm(4)
	avx512Hasher.write(a)
	a.write(dir, "right.s", "")
	last := &a.turns[len(a.turns)-1]
	last.steps[0].real.reads[1] = spare
	if got := failureOf(func() { a.write(dir, "wrong.s", "") }); !strings.HasPrefix(got, "wrong.s: ") || !strings.Contains(got, "Z77 holds what was in Z77 before") {
		t.Errorf("a wrong file is written with failure %q", got)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 || files[0].Name() != "right.s" {
		t.Errorf("files %v, %v, want right.s", files, err)
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
		if err := (turn{steps, surroundings}).check(); err != nil {
			t.Fatal(err)
		}
		for range 20 {
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
	if accepted < 300 || rejected < 500 {
		t.Errorf("%d changes accepted, %d rejected: too few to prove anything", accepted, rejected)
	}
}

// Where two items share a turn, a slot that the newer one fills before the older one has
// read it is found, and also one that it fills in time.
func TestCheckTellsItemsApart(t *testing.T) {
	slots := func(early bool) error {
		b := newBlock(newAsm(4), 16, true)
		b.put(b.at(1), r(b.get(job(0))))
		fill := b.take()
		b.age = 1
		b.put(operand{mem: "(DI)"}, b.at(1))
		ops := append(b.take(), fill...)
		if early {
			ops = append(fill, ops[:len(ops)-len(fill)]...)
		}
		b.allocate(ops, registers{"Z", 0, 4}, nil, nil)
		return b.asm.turns[0].check()
	}
	if err := slots(false); err != nil {
		t.Errorf("read before it is filled again: %v", err)
	}
	want := `"VMOVDQA32 0(SI), Z1" for item 0: 0(SI) holds the result of "VMOVDQA32 Z0, 0(SI)" for item 1, want the result of "VMOVDQA32 Z0, 0(SI)" for item 0`
	if err := slots(true); err == nil || err.Error() != want {
		t.Errorf("filled before it is read:\n%v, want\n%s", err, want)
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
