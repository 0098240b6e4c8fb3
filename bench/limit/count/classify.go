package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// all is the kind that counts every instruction.
const all = "all"

// kindsAMD64 has the kind of each instruction that can have registers only. Those with a
// width have "512" after it for 512 bits. "move" between registers needs no port: the
// processor renames the register.
var kindsAMD64 = map[string]string{
	"VPADDD": "add", "VPMINUD": "add", "VPCMPEQD": "add",
	"VPXOR": "logic", "VPXORD": "logic", "VPAND": "logic", "VPANDD": "logic",
	"VPTERNLOGD": "ternlog",
	"VPRORD":     "rotate", "VPSRLD": "shift", "VPSLLD": "shift",
	"VPSHUFB": "shuffle", "VPSHUFD": "shuffle", "VSHUFPS": "shuffle", "VPALIGNR": "shuffle",
	"VPUNPCKLDQ": "shuffle", "VPUNPCKHDQ": "shuffle", "VPUNPCKLQDQ": "shuffle", "VPUNPCKHQDQ": "shuffle",
	"VINSERTI128": "lanes", "VEXTRACTI128": "lanes", "VSHUFI32X4": "lanes", "VINSERTI32X4": "lanes", "VEXTRACTI32X4": "lanes",
	"SHA256RNDS2": "rnds2", "SHA256MSG1": "msg1", "SHA256MSG2": "msg2",
	"VPCMPUD":      "mask", // a comparison into a mask register
	"VPBROADCASTD": "to-vector", "VMOVD": "to-vector",
	"VMOVMSKPS": "from-vector", "KMOVW": "from-vector",
}

// scalarAMD64 lists the instructions on general registers.
var scalarAMD64 = []string{
	"ADDL", "ADDQ", "ANDQ", "BSWAPL", "CMOVQLT", "CMPQ", "DECQ", "IMULQ", "IMUL3Q", "INCQ", "LEAL", "LEAQ", "MOVBLZX",
	"ORQ", "RCRQ", "RORXL", "SETGE", "SETGT", "SHLQ", "SHRL", "SUBQ", "TESTQ", "XCHGQ", "XORL", "XORQ",
}

var (
	memory    = regexp.MustCompile(`\((SB|FP|SP|[A-Z]+[0-9]*)\)`)
	vector512 = regexp.MustCompile(`\bZ[0-9]+\b`)
	vectorReg = regexp.MustCompile(`^[XYZ][0-9]+$`)
	armVector = regexp.MustCompile(`^V[0-9]+\.[A-Z0-9]+$`)
)

// split returns the name of an instruction, and its operands.
func split(line string) (name string, operands []string) {
	name, rest, _ := strings.Cut(line, " ")
	for operand := range strings.SplitSeq(rest, ", ") {
		operands = append(operands, strings.TrimSpace(operand))
	}
	return name, operands
}

// classifyAMD64 returns the kinds of an instruction.
func classifyAMD64(line string) ([]string, error) {
	name, operands := split(line)
	name = strings.TrimSuffix(name, ".BCST")
	name = strings.TrimSuffix(name, ".Z")
	last := len(operands) - 1
	stores := memory.MatchString(operands[last])
	loads := slices.ContainsFunc(operands[:last], memory.MatchString)
	width := ""
	if vector512.MatchString(line) {
		width = "512"
	}
	switch {
	case strings.HasPrefix(name, "J"):
		return []string{"branch"}, nil
	case strings.HasPrefix(name, "LEA"):
		return []string{"scalar"}, nil
	case slices.Contains(scalarAMD64, name):
		return withMemory("scalar", loads, stores), nil
	case strings.HasPrefix(name, "MOV"):
		switch {
		case stores:
			return []string{"scalar-store"}, nil
		case loads:
			return []string{"scalar-load"}, nil
		case strings.HasPrefix(operands[0], "$"):
			return []string{"scalar"}, nil
		}
		return []string{"move"}, nil
	case stores && (strings.HasPrefix(name, "VMOV") || strings.HasPrefix(name, "VEXTRACT")):
		return []string{"store" + width}, nil
	case loads && (strings.HasPrefix(name, "VMOV") || strings.Contains(name, "BROADCAST")):
		return []string{"load" + width}, nil
	case strings.HasPrefix(name, "VMOVDQ") && vectorReg.MatchString(operands[0]):
		return []string{"move"}, nil
	case loads && strings.HasPrefix(name, "VINSERT"):
		return []string{"insert" + width, "load"}, nil
	case name == "VPINSRD":
		return []string{"to-vector", "shuffle"}, nil
	}
	kind, known := kindsAMD64[name]
	if !known {
		return nil, fmt.Errorf("unknown instruction %q", line)
	}
	switch kind {
	case "rnds2", "msg1", "msg2", "to-vector", "from-vector":
		width = ""
	}
	kinds := []string{kind + width}
	if loads {
		if strings.Contains(line, ".BCST") {
			width = "" // four bytes
		}
		kinds = append(kinds, "load"+width)
	}
	return kinds, nil
}

func withMemory(kind string, loads, stores bool) []string {
	kinds := []string{kind}
	if loads {
		kinds = append(kinds, "scalar-load")
	}
	if stores {
		kinds = append(kinds, "scalar-store")
	}
	return kinds
}

var kindsARM64 = map[string]string{
	"SHA256H": "sha256h", "SHA256H2": "sha256h", "SHA256SU0": "sha256su0", "SHA256SU1": "sha256su1",
	"VADD": "add", "VEOR": "logic", "VAND": "logic", "VUMIN": "add", "VCMEQ": "add",
	"VUSHR": "shift", "VSLI": "shift",
	"VZIP1": "shuffle", "VZIP2": "shuffle", "VREV32": "shuffle",
	"VADDV": "reduce",
	"ADD":   "scalar", "ADDW": "scalar", "SUBS": "scalar", "LSR": "scalar", "ORR": "scalar",
	"BNE": "branch",
}

// classifyARM64 returns the kinds of an instruction.
func classifyARM64(line string) ([]string, error) {
	name, operands := split(line)
	last := len(operands) - 1
	stores := memory.MatchString(operands[last])
	loads := slices.ContainsFunc(operands[:last], memory.MatchString)
	switch name {
	case "FMOVQ":
		if stores {
			return []string{"store"}, nil
		}
		return []string{"load"}, nil
	case "MOVD", "MOVWU", "MOVD.P", "MOVW":
		switch {
		case stores:
			return []string{"scalar-store"}, nil
		case loads:
			return []string{"scalar-load"}, nil
		}
		return []string{"scalar"}, nil
	case "VDUP":
		if armVector.MatchString(operands[0]) || strings.Contains(operands[0], "[") {
			return []string{"shuffle"}, nil
		}
		return []string{"to-vector"}, nil
	case "VMOV":
		from, to := operands[0], operands[last]
		switch {
		case strings.HasPrefix(to, "R"):
			return []string{"from-vector"}, nil
		case strings.HasPrefix(from, "R"):
			return []string{"to-vector"}, nil
		case strings.Contains(from, "["):
			return []string{"shuffle"}, nil
		}
		return []string{"move"}, nil
	}
	kind, known := kindsARM64[name]
	if !known {
		return nil, fmt.Errorf("unknown instruction %q", line)
	}
	return []string{kind}, nil
}
