// Command sass compiles the CUDA kernels with NVIDIA's ptxas and counts the cost of
// a pass of their hot loops.
//
//	sass -tools DIR          compare with kernels/cuda/sass.txt
//	sass -tools DIR -write   write kernels/cuda/sass.txt
//
// DIR has ptxas and nvdisasm of CUDA 11.8; make check-sass downloads them. No GPU is
// needed. The listing has no costs: the tables in count.go have the pipe of each
// instruction, and an instruction that is not in them is an error.
//
// The counts are for one pass of the hot loop, one nonce or header. They are bounds,
// not speeds: a multiprocessor that never waits needs that many slots.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"

	kernels "stele/kernels/cuda"
)

// architectures are those of ptxas 11.8 that are known to have the same two pipes.
var architectures = []string{"sm_75", "sm_80", "sm_86", "sm_89", "sm_90"}

func main() {
	tools := flag.String("tools", "", "`folder` of ptxas and nvdisasm")
	write := flag.Bool("write", false, "write the table instead of comparing it")
	table := flag.String("table", filepath.Join("kernels", "cuda", "sass.txt"), "`file` of the table")
	flag.Parse()
	if err := run(*tools, *table, *write); err != nil {
		fmt.Fprintln(os.Stderr, "sass:", err)
		os.Exit(1)
	}
}

func run(tools, table string, write bool) error {
	text, err := measure(tools)
	if err != nil {
		return err
	}
	if write {
		return os.WriteFile(table, text, 0o644)
	}
	want, err := os.ReadFile(table)
	if err != nil {
		return err
	}
	if bytes.Equal(text, want) {
		return nil
	}
	was := strings.Split(string(want), "\n")
	for i, line := range strings.Split(string(text), "\n") {
		if i >= len(was) || line != was[i] {
			fmt.Printf("now %s\n", line)
			if i < len(was) {
				fmt.Printf("was %s\n", was[i])
			}
		}
	}
	return fmt.Errorf("the kernels do not cost what %s says: if that is meant, run make sass", table)
}

// header is the head of the table.
const header = `# What one pass of the hot loop costs, one nonce or header, in the code that
# ptxas 11.8 makes: registers, bytes that are spilled, and warp instructions, all
# of them and those of the ALU and the FMA pipe (IMAD.HI and IMAD.WIDE twice).
# Written by make sass, checked by make check-sass.
`

// measure returns the table.
func measure(tools string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "sass")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var out bytes.Buffer
	out.WriteString(header)
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "#\tentry\tarchitecture\tregisters\tspilled\tissue\tALU\tFMA")
	for _, e := range kernels.Entries() {
		if e.Kind.IsBoundByBus() {
			continue
		}
		ptx := filepath.Join(dir, e.Name+".ptx")
		if err := os.WriteFile(ptx, e.PTX, 0o600); err != nil {
			return nil, err
		}
		for _, arch := range architectures {
			registers, spilled, slots, err := compile(tools, dir, ptx, e.Name, arch)
			if err != nil {
				return nil, fmt.Errorf("%s for %s: %w", e.Name, arch, err)
			}
			fmt.Fprintf(w, "\t%s\t%s\t%d\t%d\t%d\t%d\t%d\n", e.Name, arch, registers, spilled, slots.Issue, slots.ALU, slots.FMA)
		}
	}
	w.Flush()
	return regexp.MustCompile(`(?m)[ \t]+$`).ReplaceAll(out.Bytes(), nil), nil
}

var (
	usedRegisters = regexp.MustCompile(`Used (\d+) registers`)
	spilledBytes  = regexp.MustCompile(`(\d+) bytes spill stores, (\d+) bytes spill loads`)
)

func compile(tools, dir, ptx, entry, arch string) (registers, spilled int, s Slots, err error) {
	cubin := filepath.Join(dir, "cubin")
	said, err := exec.Command(filepath.Join(tools, "ptxas"), "-v", "-arch="+arch, ptx, "-o", cubin).CombinedOutput()
	if err != nil {
		return 0, 0, s, fmt.Errorf("ptxas: %w\n%s", err, said)
	}
	r, b := usedRegisters.FindSubmatch(said), spilledBytes.FindSubmatch(said)
	if r == nil || b == nil {
		return 0, 0, s, fmt.Errorf("ptxas does not say what it used:\n%s", said)
	}
	registers, _ = strconv.Atoi(string(r[1]))
	stores, _ := strconv.Atoi(string(b[1]))
	loads, _ := strconv.Atoi(string(b[2]))
	listing, err := exec.Command(filepath.Join(tools, "nvdisasm"), "-c", cubin).Output()
	if err != nil {
		return 0, 0, s, fmt.Errorf("nvdisasm: %w", err)
	}
	code, err := parse(string(listing), entry)
	if err == nil {
		s, err = count(code)
	}
	return registers, stores + loads, s, err
}
