// Command count counts the instructions that the CPU kernels execute for an item, and
// writes them to bench/limit/counts.txt. Run it in the root of the repository when the
// assembly has changed:
//
//	go run ./bench/limit/count
//
// It reads the assembly in kernels/simd, not the program, so it counts for every
// architecture on any machine. The table in loops.go has the parts of each loop and how
// often a turn executes them; that in classify.go has the kind of each instruction. An
// instruction that is not in it is an error.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

func main() {
	root := flag.String("root", ".", "`folder` of the repository")
	flag.Parse()
	text, err := table(os.DirFS(*root))
	if err == nil {
		err = os.WriteFile(filepath.Join(*root, "bench", "limit", "counts.txt"), text, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "count:", err)
		os.Exit(1)
	}
}

const head = `# What a turn of each loop of the CPU kernels executes: the items of the turn, the
# number of instructions of each kind, and that of all instructions, where a compare
# and its jump count as one. "add512" is an instruction on 512 bits. An instruction
# with an operand in memory counts as its own kind and as a load. Written by
# go run ./bench/limit/count from the assembly in kernels/simd.
#  instructions  kernel  work  items  kind  count
`

// table returns the content of counts.txt.
func table(root fs.FS) ([]byte, error) {
	out := bytes.NewBufferString(head)
	for _, l := range loops {
		text, err := fs.ReadFile(root, l.file)
		if err != nil {
			return nil, err
		}
		counts, err := l.count(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s, %s of %s: %w", l.file, l.work, l.kernel, err)
		}
		for _, kind := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(out, "%s %s %s %d %s %d\n", l.architecture(), l.kernel, l.work, l.items, kind, counts[kind])
		}
	}
	return out.Bytes(), nil
}
