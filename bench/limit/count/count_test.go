package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

const root = "../../.."

func TestCountsAreCurrent(t *testing.T) {
	want, err := os.ReadFile(root + "/bench/limit/counts.txt")
	if err != nil {
		t.Fatal(err)
	}
	got, err := table(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("bench/limit/counts.txt is not what the assembly gives; run go run ./bench/limit/count, and commit what it changes")
	}
}

// What the algorithm itself says: a search needs 60 or 61 pairs of rounds for a nonce, the
// hash of a header 96 (three compressions of 64 rounds), and each round of vectors six
// rotates. The hybrid computes two more turns for a chunk of 16.
func TestCountsOfRounds(t *testing.T) {
	for _, l := range loops {
		text, err := os.ReadFile(root + "/" + l.file)
		if err != nil {
			t.Fatal(err)
		}
		counts, err := l.count(string(text))
		if err != nil {
			t.Fatal(err)
		}
		pairs := map[string]int{"search": 61, "hash": 96}[l.work] * l.items
		want := map[string]int{}
		switch l.kernel + " " + l.work {
		case "hybrid search":
			want["rnds2"] = 60 * l.items
		case "hybrid hash":
			want["rnds2"] = pairs * (hybridChunk + hybridWarmUp) / hybridChunk
		case "shani search", "shani hash":
			want["rnds2"] = pairs
		case "sha2 search", "sha2 hash": // four rounds by each of two instructions
			want["sha256h"] = pairs
		case "avx512 hash": // 64 rounds and 48 schedule words with two sigmas of two rotates
			want["rotate512"] = 3 * (64*6 + 48*4) * 2
			want["shift512"] = 3 * 48 * 2 * 2
		}
		for kind, n := range want {
			if counts[kind] != n {
				t.Errorf("%s %s: %d of %s, want %d", l.kernel, l.work, counts[kind], kind, n)
			}
		}
	}
}

func TestClassify(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"VPADDD Y1, Y2, Y3", "add"},
		{"VPADDD 32(SI), Y2, Y3", "add load"},
		{"VPADDD lanes<>(SB), Z0, Z0", "add512 load512"},
		{"VPADDD.BCST 4(BX), Z0, Z0", "add512 load"},
		{"VMOVDQA Y1, Y2", "move"},
		{"VMOVDQA32 Z1, 64(SI)", "store512"},
		{"VMOVDQU (R11), Y0", "load"},
		{"VBROADCASTI32X4 64(R10), Z20", "load512"},
		{"VPBROADCASTD R8, Z0", "to-vector"},
		{"VINSERTI32X4 $1, 384(R10), Z20, Z28", "insert512 load"},
		{"VEXTRACTI128 $1, Y9, 128(DI)", "store"},
		{"VPINSRD $2, R11, X9, X9", "to-vector shuffle"},
		{"SHA256RNDS2 X0, X12, X11", "rnds2"},
		{"LEAQ 64(SI), AX", "scalar"},
		{"ADDL 92(AX), R11", "scalar scalar-load"},
		{"MOVQ $16, DX", "scalar"},
		{"MOVL R9, R12", "move"},
		{"JNZ loop", "branch"},
		{"KMOVW K1, R8", "from-vector"},
		{"VPCMPUD.BCST $2, 108(AX), Z1, K1", "mask512 load"},
	} {
		if got, err := classifyAMD64(test.line); err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%q: %v, %v; want %s", test.line, got, err, test.want)
		}
	}
	for _, test := range []struct{ line, want string }{
		{"VDUP R1, V2.S4", "to-vector"},
		{"FMOVQ 36(R0), F0", "load"},
		{"FMOVQ F0, 36(R0)", "store"},
		{"VMOV V3.S[0], V0.S[0]", "shuffle"},
		{"VMOV V3.B16, V0.B16", "move"},
		{"VMOV V2.S[0], R13", "from-vector"},
		{"SHA256H2 V2.S4, V3, V1", "sha256h"},
		{"MOVD.P R12, 8(R2)", "scalar-store"},
	} {
		if got, err := classifyARM64(test.line); err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%q: %v, %v; want %s", test.line, got, err, test.want)
		}
	}
	for _, classify := range []func(string) ([]string, error){classifyAMD64, classifyARM64} {
		if got, err := classify("VUNKNOWN Y1, Y2"); err == nil {
			t.Errorf("an unknown instruction is %v", got)
		}
	}
}

func TestParts(t *testing.T) {
	const text = "TEXT ·f(SB), 0, $0-8\n\tMOVQ $1, AX // before\n\nloop: // a label\n\tDECQ CX\n\tJNZ loop\n\tADDQ $1, AX\n\tRET\n\nTEXT ·g(SB), 0, $0\n\tRET\n"
	lines, err := function(text, "f")
	if want := []string{"MOVQ $1, AX", "loop:", "DECQ CX", "JNZ loop", "ADDQ $1, AX", "RET"}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("%q, %v; want %q", lines, err, want)
	}
	l := loop{kernel: "k", work: "w", file: "k_amd64.s", function: "f", items: 1, parts: []part{{"loop", "JNZ loop", 5}}}
	counts, err := l.count(text)
	if err != nil || counts[all] != 5 || counts["scalar"] != 5 || counts["branch"] != 5 {
		t.Errorf("%v, %v; want five turns of a fused pair", counts, err)
	}
	for _, p := range []part{{"none", "JNZ loop", 1}, {"loop", "none", 1}, {"JNZ loop", "loop", 1}} {
		l.parts = []part{p}
		if counts, err := l.count(text); err == nil {
			t.Errorf("%+v: %v", p, counts)
		}
	}
	l.function = "h"
	if _, err := l.count(text); err == nil {
		t.Error("a function that is not there was counted")
	}
}
