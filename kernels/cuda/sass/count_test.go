package main

import (
	"fmt"
	"strings"
	"testing"
)

// listing makes one as nvdisasm does, with an address for each instruction.
func listing(lines ...string) string {
	var b strings.Builder
	b.WriteString("\t.section\t.text.other,\"ax\",@progbits\n        /*0000*/                   FOO R1 ;\n")
	b.WriteString("\t.section\t.text.k,\"ax\",@progbits\n\t.sectioninfo\t@\"SHI_REGISTERS=52\"\nk:\n.text.k:\n")
	at := 0
	for _, l := range lines {
		if strings.HasSuffix(l, ":") {
			b.WriteString(l + "\n")
			continue
		}
		guard := "    "
		if strings.HasPrefix(l, "@") {
			guard, l, _ = strings.Cut(l, " ")
		}
		fmt.Fprintf(&b, "        /*%04x*/             %5s %s ;\n", at, guard, l)
		at += 16
	}
	return b.String()
}

func TestCount(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  Slots
		err   string
	}{
		"both pipes, wide twice": {
			[]string{"MOV R1, R2", ".L_0:", "IADD3 R1, R1, R2, RZ", "IMAD R1, R1, R2, R3", "IMAD.WIDE.U32 R4, R1, R2, R4", "IMAD.HI.U32 R4, R1, R2, RZ",
				"LDS R5, [R1]", "@P0 BRA `(.L_0)", "EXIT", ".L_1:", "BRA `(.L_1)"},
			Slots{Issue: 6, ALU: 1, FMA: 5}, ""},
		"a rare block does not count": {
			[]string{".L_0:", "LOP3.LUT R1, R1, R2, R3, 0x96, !PT", "@P0 BRA `(.L_1)", "ATOMG.E.ADD R1, [R2], R3", "IADD3 R9, R9, R9, RZ", ".L_1:",
				"SHF.L.W.U32 R1, R2, 0x5, R3", "@P1 BRA `(.L_0)", "EXIT"},
			Slots{Issue: 4, ALU: 2}, ""},
		"the inner of two loops": {
			[]string{".L_0:", "IADD3 R1, R1, R2, RZ", ".L_1:", "IMAD R1, R1, R2, R3", "IMAD R1, R1, R2, R3", "@P0 BRA `(.L_1)", "@P1 BRA `(.L_0)", "EXIT"},
			Slots{Issue: 3, FMA: 2}, ""},
		"a small loop inside does not hide the large one": {
			append(append([]string{".L_0:", "NOP", ".L_1:", "NOP", "@P0 BRA `(.L_1)"}, strings.Split(strings.Repeat("MOV R1, R2;", 20), ";")[:20]...), "@P1 BRA `(.L_0)", "EXIT"),
			Slots{Issue: 24, ALU: 20}, ""},
		"an opcode that nobody knows": {[]string{".L_0:", "FROB R1", "@P0 BRA `(.L_0)", "EXIT"}, Slots{}, "FROB at 0000"},
		"no loop":                     {[]string{"MOV R1, R2", "EXIT", ".L_0:", "BRA `(.L_0)"}, Slots{}, "no loop"},
	} {
		code, err := parse(listing(c.lines...), "k")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := count(code)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %q", name, err, c.err)
			}
		} else if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
	if _, err := parse(listing("EXIT"), "missing"); err == nil {
		t.Error("code of a function that does not exist")
	}
}
