package main

import (
	"strings"
	"testing"

	"github.com/klauspost/cpuid/v2"

	"stele/bench/limit"
)

// Every loop runs where it can, and the table has the kinds of all of them for some
// microarchitecture.
func TestLoops(t *testing.T) {
	var memory [128]byte
	for _, l := range loops {
		if cpuid.CPU.Supports(l.needs) {
			l.run(1, &memory[0])
		} else {
			t.Logf("%v not run: the CPU has no %v", l.group, l.needs)
		}
		if _, err := limit.Of("Zen 5", l.group); err != nil {
			t.Errorf("%v: %v", l.group, err)
		}
	}
}

func TestWrite(t *testing.T) {
	var out strings.Builder
	if err := write(&out, "Zen 3", 1); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.HasPrefix(text, "group") || !strings.Contains(text, "1 shift, 1 shuffle") {
		t.Errorf("got\n%s", text)
	}
}
