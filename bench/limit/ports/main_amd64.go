// Command ports measures what the ports of this processor execute in a cycle, and compares
// it with bench/limit/microarchitectures.txt. Run it on a quiet machine:
//
//	go run ./bench/limit/ports
//
// For each kind of instruction, and for some mixtures, it prints the cycles that a group
// takes and those that the table says. Fewer cycles than in the table mean that the table
// is wrong; more are possible, because the table has no restriction that is not known.
package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/klauspost/cpuid/v2"

	"stele/bench/cycles"
	"stele/bench/limit"
	"stele/engine/host"
)

const (
	turns  = 100  // of a loop in one slice: a few microseconds
	rounds = 2000 // of each loop
	// A slice counts if the clocks before and after it differ by at most this part.
	steady = 0.005
)

func main() {
	runtime.LockOSThread()
	if err := write(os.Stdout, host.ReadMachine().Microarchitecture, rounds); err != nil {
		fmt.Fprintln(os.Stderr, "ports:", err)
		os.Exit(1)
	}
}

// write measures all loops that run here in n slices each, and writes the table.
func write(w io.Writer, design string, n int) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "group\tcycles\ttable (%s)\n", design)
	for _, l := range loops {
		if !cpuid.CPU.Supports(l.needs) {
			continue
		}
		var names []string
		for _, kind := range slices.Sorted(maps.Keys(l.group)) {
			names = append(names, fmt.Sprintf("%d %s", l.group[kind], kind))
		}
		measured, known := l.measure(n), "not known"
		if bound, err := limit.Of(design, l.group); err == nil {
			known = fmt.Sprintf("%.2f", bound.Cycles)
			if measured < 0.98*bound.Cycles {
				known += "  WRONG, it takes less"
			}
		}
		fmt.Fprintf(out, "%s\t%.2f\t%s\n", strings.Join(names, ", "), measured, known)
	}
	return out.Flush()
}

// measure returns the cycles of a group: the first tenth of n slices, those next to which
// the clock was steady. It returns NaN if there are none.
func (l loop) measure(n int) float64 {
	memory := make([]byte, 128)
	var all []float64
	for range n {
		before := cycles.Frequency()
		start := time.Now()
		l.run(turns, &memory[0])
		took := time.Since(start).Seconds()
		if after := cycles.Frequency(); math.Abs(after/before-1) <= steady {
			all = append(all, took*(before+after)/2/(turns*groupsOfTurn))
		}
	}
	if len(all) == 0 {
		return math.NaN()
	}
	slices.Sort(all)
	return all[len(all)/10]
}
