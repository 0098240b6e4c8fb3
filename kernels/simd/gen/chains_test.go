package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// plans are the plans of chains of the hybrid kernels.
func plans() map[string][]chain {
	a := newAsm(4)
	return map[string][]chain{
		"search": searchChains(a),
		"hash 0": hashChains(a, 0), "hash 1": hashChains(a, 1), "hash 2": hashChains(a, 2),
	}
}

// Two chains never have the same registers at the same time, also over the end
// of a turn, and each does its steps in order.
func TestChainsDoNotShareRegisters(t *testing.T) {
	for name, chains := range plans() {
		for n := range chains { // their text says who they are
			chains[n].begin = func(abef, cdgh string) []string { return []string{fmt.Sprint("begin ", n)} }
			chains[n].kw = func(late bool, i int) string { return fmt.Sprintf("kw %d step %d late %v", n, i, late) }
			chains[n].end = func(late bool, abef, cdgh string) []string { return []string{fmt.Sprint("end ", n)} }
		}
		turn := slices.Concat(shaTurn(chains)...)
		owner := map[string]int{} // chain that has a register
		step, beginning := map[int]int{}, map[int]int{}
		began, ended := map[int]int{}, map[int]int{}
		current := -1
		const turns = 4
		for at := range turns {
			for _, s := range turn {
				line := s.text
				var n, i int
				var late bool
				switch {
				case strings.HasPrefix(line, "begin "):
					fmt.Sscanf(line, "begin %d", &n)
					for _, x := range registersOf(chains[n]) {
						if other, taken := owner[x]; taken {
							t.Fatalf("%s, turn %d: chain %d begins in %s, which chain %d has", name, at, n, x, other)
						}
						owner[x] = n
					}
					step[n], beginning[n] = 0, at
					began[n]++
				case strings.HasPrefix(line, "VMOVQ kw "):
					fmt.Sscanf(line, "VMOVQ kw %d step %d late %v", &n, &i, &late)
					if began[n] == ended[n] { // begun before the first turn that is looked at
						current = -1
						continue
					}
					if i != step[n] || late != (beginning[n] < at) {
						t.Fatalf("%s, turn %d: chain %d, begun in turn %d, does step %d, late %v, want step %d", name, at, n, beginning[n], i, late, step[n])
					}
					step[n]++
					current = n
				case strings.HasPrefix(line, "SHA256RNDS2 X0, "):
					if current < 0 {
						continue
					}
					want := registersOf(chains[current])
					if step[current]%2 == 0 {
						slices.Reverse(want)
					}
					if got := strings.TrimPrefix(line, "SHA256RNDS2 X0, "); got != strings.Join(want, ", ") {
						t.Fatalf("%s: step %d of chain %d is on %s, want %v", name, step[current], current, got, want)
					}
				case strings.HasPrefix(line, "end "):
					fmt.Sscanf(line, "end %d", &n)
					if began[n] == ended[n] {
						continue
					}
					if step[n] != chains[n].length {
						t.Fatalf("%s: chain %d ends after %d steps of %d", name, n, step[n], chains[n].length)
					}
					ended[n]++
					for _, x := range registersOf(chains[n]) {
						delete(owner, x)
					}
				}
			}
		}
		for n := range chains {
			if began[n] != turns || ended[n] < turns-1 {
				t.Errorf("%s: chain %d begins %d times and ends %d times in %d turns", name, n, began[n], ended[n], turns)
			}
		}
	}
}

// registersOf are those of a chain: ABEF and CDGH.
func registersOf(c chain) []string {
	return []string{fmt.Sprintf("X%d", 1+2*c.pair), fmt.Sprintf("X%d", 2+2*c.pair)}
}

// A turn in which K + W is overwritten before a late chain has read it is
// found, and accepted in the other order.
func TestCheckFindsLateReads(t *testing.T) {
	load := func(abef, cdgh string) []string {
		return []string{"VMOVDQU 0(AX), " + abef, "VMOVDQU 16(AX), " + cdgh}
	}
	of := func(pair int, start, gap float64) chain {
		return chain{
			age: 1, pair: pair, length: 2, start: start, gap: gap, begin: load,
			kw:  func(late bool, i int) string { return fmt.Sprintf("%d(%s)", 64*i, area(late)) },
			end: func(late bool, abef, cdgh string) []string { return nil },
		}
	}
	// Of the four steps of a turn, the third is step 1 of the second chain: it
	// began in the turn before, and reads 64(R9).
	chains := []chain{of(0, 0, 0.5), of(1, 2, 3)}
	write, other := "VMOVDQA32 Y16, 64(R9)", "VPADDD Y16, Y17, Y18"
	check := func(lines ...string) (text string) {
		var vector []step
		for i, l := range lines {
			a := parse(l, false, 32)
			vector = append(vector, step{text: l, order: 1 + i, plain: a, real: a})
		}
		if err := interleave(chains, vector, loop{where: frame(128)}).check(); err != nil {
			return err.Error()
		}
		return ""
	}
	if got := check(other, other, other, write); got != "" {
		t.Errorf("a write at the end fails with %q", got)
	}
	want := `"VMOVQ 64(R9), X0" for item 0: 64(R9) holds the result of "VMOVDQA32 Y16, 64(R9)" for item 2, want the result of "VMOVDQA32 Y16, 64(R9)" for item 0`
	if got := check(write, other, other, other); got != want {
		t.Errorf("a write at the start fails with %q, want %q", got, want)
	}
}
