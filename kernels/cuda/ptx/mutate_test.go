package ptx_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"stele/engine/pow"
	"stele/kernels/cuda/ptx"
)

// ladder gives targets around the hash of a nonce, which it meets or misses by
// one word of 32 bits each.
func ladder(t *testing.T, nonce uint32) []pow.Target {
	t.Helper()
	h := header(t)
	pow.SetNonce(&h, nonce)
	hash, err := pow.ParseTarget(pow.Sum(h[:]).String())
	if err != nil {
		t.Fatal(err)
	}
	targets := []pow.Target{easy(4), hash}
	for word := range 8 {
		limb, one := word/2, uint64(1)<<(word%2*32)
		above, below := hash, hash
		above[limb] = (hash[limb] + one) &^ (one - 1)
		below[limb] = (hash[limb] - one) | (one - 1)
		for i := range limb {
			above[i], below[i] = 0, 1<<64-1
		}
		targets = append(targets, above, below)
	}
	return targets
}

// A search over 64 nonces in two blocks, with a ladder of targets distinguishes all mutants of the
// sample kernel from the good one.
func TestScanNoticesMutants(t *testing.T) {
	const first, count, mutants = 1000, 64, 60
	good := text(t, "scan")
	targets := ladder(t, first+50)
	var want [][]uint32
	for _, target := range targets {
		want = append(want, reference(t, target, first, count))
	}
	right := func(m *ptx.Module) bool {
		for i, target := range targets {
			found, _, err := scan(t, m, target, first, 2, 16, 2)
			if err != nil || !slices.Equal(found, want[i]) {
				return false
			}
		}
		return true
	}
	if !right(read(t, "scan")) {
		t.Fatal("the kernel itself is wrong")
	}
	for seed := range uint64(mutants) {
		mutant, err := ptx.Mutate(good, seed)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ptx.Parse(mutant.Text)
		if err != nil {
			t.Fatalf("%v: %v", mutant, err)
		}
		if right(m) {
			t.Errorf("seed %d: nothing is noticed of %v", seed, mutant)
		}
	}
}

func TestMutate(t *testing.T) {
	good := text(t, "mixed")
	lines := strings.Split(string(good), "\n")
	seen := make(map[string]bool)
	for seed := range uint64(300) {
		m, err := ptx.Mutate(good, seed, "sum", "divide")
		if err != nil {
			t.Fatal(err)
		}
		again, err := ptx.Mutate(good, seed, "sum", "divide")
		if err != nil || !bytes.Equal(m.Text, again.Text) {
			t.Fatalf("seed %d gives %v, then %v, %v", seed, m, again, err)
		}
		changed := strings.Split(string(m.Text), "\n")
		if len(changed) != len(lines) {
			t.Fatalf("%v: %d lines, expected %d", m, len(changed), len(lines))
		}
		for i := range lines {
			if (lines[i] != changed[i]) != (i+1 == m.Line) {
				t.Errorf("%v: line %d is %q instead of %q", m, i+1, changed[i], lines[i])
			}
		}
		entry := ""
		for _, l := range lines[:m.Line] {
			if _, name, ok := strings.Cut(l, ".entry "); ok {
				entry = name
			}
		}
		if entry != "sum(" && entry != "divide(" {
			t.Errorf("%v is in %s", m, entry)
		}
		switch {
		case m.Was == "@" || m.Was == "!":
			seen["guard"] = true
		case strings.Contains(m.Was, "."):
			seen["opcode"] = true
		case m.Was[0] == '%':
			seen["register"] = true
		default:
			seen["constant"] = true
		}
	}
	if len(seen) != 4 {
		t.Errorf("only %v were changed", seen)
	}
	_, err := ptx.Mutate(good, 1, "no such entry")
	check(t, "no entry", err, ptx.ErrNoMutant)
	_, err = ptx.Mutate([]byte(head+".entry k { ret; }"), 1)
	check(t, "nothing to change", err, ptx.ErrNoMutant)
	var p *ptx.ParseError
	if _, err = ptx.Mutate([]byte("x"), 1); !errors.As(err, &p) {
		t.Errorf("error is %v, expected a ParseError", err)
	}
}
