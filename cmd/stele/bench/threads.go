package bench

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/engine/cpu"
)

// maxThreadCounts bounds the list of --threads: each count is a case of every kernel.
const maxThreadCounts = 64

func threadsFlag() cli.Flag {
	return &cli.StringFlag{Name: "threads", Usage: "use `N` CPU threads, or each of several numbers separated by commas (default: one, and all that the process may use)"}
}

// readThreads reads --threads: one number, or the numbers of a list in ascending order.
// It returns 0 and nil without the flag.
func readThreads(c *cli.Context) (one int, several []int, err error) {
	text := c.String("threads")
	if !strings.Contains(text, ",") {
		n, err := cmdline.Number(c, "threads", 1, cpu.MaxThreads, 0)
		return int(n), nil, err
	}
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		switch {
		case err != nil || n < 1 || n > cpu.MaxThreads:
			return 0, nil, fmt.Errorf("--threads: invalid number %.20q in a list: must be 1 to %d", part, cpu.MaxThreads)
		case slices.Contains(several, n):
			return 0, nil, fmt.Errorf("--threads: %d is in the list twice", n)
		case len(several) == maxThreadCounts:
			return 0, nil, fmt.Errorf("--threads: more than %d numbers", maxThreadCounts)
		}
		several = append(several, n)
	}
	slices.Sort(several)
	return 0, several, nil
}

// threads returns the numbers of CPU threads with which each kernel is measured, in
// ascending order.
func (s *caseSet) threads() []int {
	switch {
	case s.settings.ThreadCounts != nil:
		return s.settings.ThreadCounts
	case s.settings.Threads > 0:
		return []int{s.settings.Threads}
	}
	return slices.Compact([]int{1, runtime.GOMAXPROCS(0)})
}
