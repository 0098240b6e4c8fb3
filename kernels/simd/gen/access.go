package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// access is what a step reads and writes.
type access struct{ reads, writes []span }

// A span is a register, or 32-bit words in memory.
type span struct {
	base  string // register, or register that holds an address
	at    int    // bytes from base
	words int    // 0: a register
	name  string // what the plain program has there, "": whatever it wrote there last
}

// named returns the place that the plain program has for what s holds: its own for each
// name.
func (s span) named() span {
	if s.name != "" {
		s.base = s.name
	}
	return s
}

func (s span) String() string {
	if s.words == 0 {
		return s.base
	}
	return fmt.Sprintf("%d(%s)", s.at, s.base)
}

// parseLine returns what a line with registers of 16 bytes or fewer reads and writes.
func parseLine(line string) access {
	mn, _, _ := strings.Cut(line, " ")
	switch {
	case mn == "LEAL": // reads the register, and no memory
		line = strings.NewReplacer("(", ", ", ")", "").Replace(line)
		_, line, _ = strings.Cut(line, ", ")
		return parse(mn+" "+line, false, 16)
	case mn == "CMPQ":
		return access{parse(line, true, 16).reads, []span{{base: "flags"}}}
	case mn == "RCRQ":
		a := parse(line, true, 16)
		a.reads = append(a.reads, span{base: "flags"})
		return a
	}
	tied := strings.HasPrefix(mn, "SHA256") || strings.Contains(line, ", K1, ") || strings.HasSuffix(line, ".S[0]") ||
		slices.Contains([]string{"ADDL", "BSWAPL", "SHRL", "VSLI", "XORL"}, mn)
	return parse(line, tied, 16)
}

// parse returns what a line reads and writes. The last operand is written, and read
// too if the instruction is tied. vector is the size of a vector in bytes.
func parse(line string, tied bool, vector int) access {
	mn, rest, _ := strings.Cut(line, " ")
	args := slices.DeleteFunc(strings.Split(rest, ", "), func(a string) bool { return a[0] == '$' })
	bytes := operandBytes(mn, vector)
	var a access
	for _, arg := range args[:len(args)-1] {
		a.reads = append(a.reads, spanOf(arg, bytes))
	}
	last := spanOf(args[len(args)-1], bytes)
	if tied {
		a.reads = append(a.reads, last)
	}
	a.writes = []span{last}
	return a
}

// spanOf returns the span of an operand in Go assembler form. The X, Y and Z registers
// of one number are one register, and so are the forms of a V register of arm64.
func spanOf(arg string, bytes int) span {
	open := strings.IndexByte(arg, '(')
	if open >= 0 && bytes < 4 {
		return span{base: arg} // less than a word is a place of its own
	}
	if open < 0 {
		switch arg[0] {
		case 'X', 'Y', 'Z':
			arg = "Z" + arg[1:]
		case 'V', 'F':
			arg, _, _ = strings.Cut("V"+arg[1:], ".")
		}
		return span{base: arg}
	}
	at, err := strconv.Atoi(arg[:open])
	if err != nil && arg[:open] != "" { // a symbol
		return span{base: arg, words: bytes / 4}
	}
	return span{base: strings.Trim(arg[open:], "()"), at: at, words: bytes / 4}
}

// operandBytes returns the size of an operand in memory, for vectors of a size.
func operandBytes(mn string, vector int) int {
	mn, bcast := strings.CutSuffix(mn, ".BCST")
	switch {
	case (bcast || strings.HasPrefix(mn, "VPBROADCAST")) && strings.HasSuffix(mn, "Q"), mn == "VMOVQ":
		return 8
	case bcast, mn == "VPBROADCASTD", mn == "VMOVD", mn == "ADDL":
		return 4
	case mn == "KMOVB":
		return 1
	case mn == "VPMOVQD":
		return vector / 2
	case strings.HasSuffix(mn, "128"), strings.HasSuffix(mn, "32X4"), strings.HasSuffix(mn, "64X2"):
		return 16
	}
	return vector
}
