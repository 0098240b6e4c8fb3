package main

import (
	"fmt"
	"slices"
	"strings"
)

// loop is the loop of a kernel for one kind of work.
type loop struct {
	kernel, work string
	file         string // in the repository
	function     string
	items        int // of a turn
	parts        []part
}

// part is a piece of a loop. It begins at from and ends with to. Each of them is a label,
// which stands before its first instruction, or the text of a jump, which belongs to the
// part that it ends.
type part struct {
	from, to string
	times    int // that a turn executes it
}

// Widths of the kernels and sizes that their loops depend on.
const (
	inWord        = 64  // candidates in a word of the bitmap
	maxVersions   = 128 // of a header
	versionGroup  = 16  // nonces that share their versions' schedules
	hybridGroup   = 8   // headers of a turn of the hybrid
	hybridChunk   = 16  // groups that its three loops do one after the other
	hybridWarmUp  = 2   // turns of each of them more than it has groups
	stepsOfAvx512 = 6   // of two streams, see kernels/simd/gen/staggered.go
)

var loops = []loop{
	{"avx2", "search", "kernels/simd/avx2/avx2_amd64.s", "search", 8, []part{{"loop", "JNZ loop", 1}}},
	{"avx2", "hash", "kernels/simd/avx2/avx2_amd64.s", "hash", 8, []part{
		{"begin0", "begin1", 1}, {"begin1", "begin2", 1}, {"begin2", "rest", 1},
		{"rest", "sixteen", 3}, {"sixteen", "JNZ sixteen", 3 * 3}, {"JNZ sixteen", "JEQ begin2", 3},
		{"JEQ begin2", "JNZ begin0", 1},
	}},
	{"avx512", "search", "kernels/simd/avx512/avx512_amd64.s", "search", 16, []part{{"loop", "JNZ loop", 1}}},
	{"avx512", "versions", "kernels/simd/avx512/avx512_amd64.s", "searchVersions", versionGroup * maxVersions, []part{
		{"group", "version", 1}, {"version", "JNZ version", maxVersions}, {"JNZ version", "JMP group", 1},
	}},
	{"avx512", "hash", "kernels/simd/avx512/avx512_amd64.s", "hash", 2 * 16, []part{
		{"prepare0", "JGE step", 2}, {"prepare1", "prepare2", 2}, {"prepare2", "step", 2},
		{"step", "JLT prepare0", stepsOfAvx512},
	}},
	{"hybrid", "search", "kernels/simd/hybrid/hybrid_amd64.s", "search", hybridGroup, []part{{"loop", "JNZ loop", 1}}},
	{"hybrid", "hash", "kernels/simd/hybrid/hybrid_amd64.s", "hash", hybridGroup * hybridChunk, []part{
		{"next", "phase0", 1}, {"phase0", "JNZ phase0", hybridChunk + hybridWarmUp},
		{"JNZ phase0", "phase1", 1}, {"phase1", "JNZ phase1", hybridChunk + hybridWarmUp},
		{"JNZ phase1", "phase2", 1}, {"phase2", "JNZ phase2", hybridChunk + hybridWarmUp},
		{"JNZ phase2", "copy", 1}, {"copy", "JNZ copy", hybridGroup * hybridChunk}, {"JNZ copy", "JNZ next", 1},
	}},
	{"shani", "search", "kernels/simd/shani/shani_amd64.s", "search", inWord, []part{
		{"group", "loop", 1}, {"loop", "JNZ loop", inWord / 4}, {"JNZ loop", "JNZ group", 1},
	}},
	{"shani", "hash", "kernels/simd/shani/shani_amd64.s", "hash", 4, []part{{"loop", "JNZ loop", 1}}},
	{"sha2", "search", "kernels/simd/sha2/sha2_arm64.s", "search", inWord, []part{
		{"group", "loop", 1}, {"loop", "BNE loop", inWord / 4}, {"BNE loop", "BNE group", 1},
	}},
	{"sha2", "hash", "kernels/simd/sha2/sha2_arm64.s", "hash", 4, []part{{"loop", "BNE loop", 1}}},
}

// architecture returns the name that Go has for the instruction set.
func (l loop) architecture() string {
	name := strings.TrimSuffix(l.file, ".s")
	return name[strings.LastIndexByte(name, '_')+1:]
}

// count counts the instructions of a turn by kind.
func (l loop) count(text string) (map[string]int, error) {
	lines, err := function(text, l.function)
	if err != nil {
		return nil, err
	}
	classify := classifyAMD64
	if l.architecture() == "arm64" {
		classify = classifyARM64
	}
	counts := map[string]int{}
	for _, p := range l.parts {
		first, last, err := p.find(lines)
		if err != nil {
			return nil, err
		}
		before := ""
		for _, line := range lines[first:last] {
			if isLabel(line) {
				continue
			}
			kinds, err := classify(line)
			if err != nil {
				return nil, err
			}
			for _, kind := range kinds {
				counts[kind] += p.times
			}
			if !isFused(before, line) {
				counts[all] += p.times
			}
			before = line
		}
	}
	return counts, nil
}

// function returns the lines of a function without comments and empty lines.
func function(text, name string) (lines []string, err error) {
	_, body, found := strings.Cut(text, "TEXT ·"+name+"(SB)")
	if !found {
		return nil, fmt.Errorf("no function %q", name)
	}
	_, body, _ = strings.Cut(body, "\n")
	for line := range strings.Lines(body) {
		code, _, _ := strings.Cut(line, "//")
		code = strings.Join(strings.Fields(code), " ")
		if strings.HasPrefix(code, "TEXT ") || strings.HasPrefix(code, "DATA ") {
			break
		}
		if code != "" && !strings.HasPrefix(code, "PCALIGN") {
			lines = append(lines, code)
		}
	}
	return lines, nil
}

func isLabel(line string) bool { return strings.HasSuffix(line, ":") }

// find returns the lines of the part: from first to last-1.
func (p part) find(lines []string) (first, last int, err error) {
	at := func(end string) int { // the line after a jump, or that of a label
		if i := slices.Index(lines, end+":"); i >= 0 {
			return i
		}
		return slices.Index(lines, end) + 1
	}
	first, last = at(p.from), at(p.to)
	if !slices.Contains(lines, p.from) && !slices.Contains(lines, p.from+":") || last <= first {
		return 0, 0, fmt.Errorf("no lines from %q to %q", p.from, p.to)
	}
	return first, last, nil
}

// isFused reports whether a jump and the instruction before it are one for the front
// end of a processor.
func isFused(before, line string) bool {
	if !strings.HasPrefix(line, "J") && !strings.HasPrefix(line, "B") || strings.HasPrefix(line, "JMP") || strings.HasPrefix(line, "BSWAP") {
		return false
	}
	name, _, _ := strings.Cut(before, " ")
	for _, sets := range []string{"CMP", "TEST", "DEC", "INC", "SUBS", "ADDQ"} {
		if strings.HasPrefix(name, sets) {
			return true
		}
	}
	return false
}
