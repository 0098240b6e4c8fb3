package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"stele/bench/limit"
	"stele/engine"
)

// Limit compares the cycles that a case took with those that the processor needs at
// least, by the rules of package limit. A GPU's cycles are those of one multiprocessor.
type Limit struct {
	// CyclesPerItem is what one core took for an item: the median of the samples that
	// count for the rate. Threads that share a core count as one core.
	CyclesPerItem float64 `json:"cycles_per_item"`
	LimitCycles   float64 `json:"limit_cycles_per_item"` // the least number
	Share         float64 `json:"share"`                 // LimitCycles / CyclesPerItem
	Clock         float64 `json:"clock_hz"`              // the median of the same samples; 0 if not known
	Method        string  `json:"method"`                // how the cycles were found: one of the Methods
	Bound         string  `json:"bound"`                 // which port or pipe is the limit, in words
}

// The methods of [Limit].
const (
	// MethodCounter: the performance counter of the processor counted the cycles.
	MethodCounter = "counter"
	// MethodChain: a chain of dependent instructions before and after each slice gave
	// the clock.
	MethodChain = "chain"
	// MethodGPUClock: the driver of the GPU reported the clock.
	MethodGPUClock = "gpu-clock"
)

// maxShare is the share of the limit above which it, or the cycles, must be wrong.
const maxShare = 1.02

// loops has the loop that does the work of a mode. Other modes have no limit.
var loops = map[Mode]limit.Work{Search: limit.Search, Roll: limit.Versions, Verify: limit.Hash}

// limitAbsent returns the reason why the kernels have no limit on a microarchitecture, or
// "".
func limitAbsent(microarchitecture string) string {
	switch {
	case microarchitecture == "":
		return "the microarchitecture of the processor is not known, or its cores differ"
	case !slices.Contains(limit.Microarchitectures(), microarchitecture):
		return fmt.Sprintf("no figures of %s; there are those of %s", microarchitecture, strings.Join(limit.Microarchitectures(), ", "))
	}
	return ""
}

// bound returns the limit of a case by the tables of this program.
func (e Environment) bound(s Spec) (limit.Bound, error) {
	if s.Threads > 0 {
		if e.Microarchitecture == "" {
			return limit.Bound{}, fmt.Errorf("%w: %s", limit.ErrArchitecture, limitAbsent(""))
		}
		return limit.For(s.Kernel, loops[s.Mode], e.Microarchitecture)
	}
	major, minor, ok := capability(e.device(s.Device))
	if !ok {
		return limit.Bound{}, fmt.Errorf("%w: its compute capability is not known", limit.ErrArchitecture)
	}
	return limit.ForGPU(s.Kernel, major, minor)
}

// device returns the description of a device; the zero value if there is none.
func (e Environment) device(id string) engine.Info {
	for _, d := range e.Devices {
		if d.ID == id {
			return d
		}
	}
	return engine.Info{}
}

// capability returns the compute capability of a GPU, whose feature is such as "sm_90".
func capability(d engine.Info) (major, minor int, ok bool) {
	for _, f := range d.Features {
		digits, found := strings.CutPrefix(f, "sm_")
		if n, err := strconv.ParseUint(digits, 10, 16); found && err == nil {
			return int(n / 10), int(n % 10), true
		}
	}
	return 0, 0, false
}

// deriveLimit computes the share of the limit of a case, and its flag. Results of a
// program with other tables keep the limit that they have.
func (c *CaseResult) deriveLimit(e Environment) {
	was := c.Limit
	c.Limit = nil
	if _, known := loops[c.Mode]; !known || c.Device == All || c.Kernel == Reference {
		return
	}
	l, ok := c.taken(e)
	if !ok {
		return
	}
	switch {
	case e.LimitTable == limit.Digest():
		bound, err := e.bound(c.Spec)
		if err != nil {
			return
		}
		l.LimitCycles, l.Bound = bound.Cycles, bound.By
	case was != nil:
		l.LimitCycles, l.Bound = was.LimitCycles, was.Bound
	default:
		return
	}
	l.Share = l.LimitCycles / l.CyclesPerItem
	c.Limit = &l
	if l.Share > maxShare {
		c.Flags = append(c.Flags, FlagAboveLimit)
		slices.SortFunc(c.Flags, func(a, b Flag) int { return slices.Index(flags, a) - slices.Index(flags, b) })
	}
}

// taken returns the cycles that the case took for an item, with the clock and the
// method; false if too few samples have them.
func (c *CaseResult) taken(e Environment) (Limit, bool) {
	var clocks, byCounter, byClock []float64
	quiet := !slices.Contains(c.Flags, FlagFewQuiet)
	cores, method := float64(e.cores(c.Threads)), MethodChain
	if c.Threads == 0 {
		cores, method = float64(e.device(c.Device).Multiprocessors), MethodGPUClock
	}
	for _, s := range c.Samples {
		if quiet && !s.Quiet() {
			continue
		}
		if hz := s.clock(); hz > 0 {
			clocks = append(clocks, hz)
			byClock = append(byClock, hz*cores/s.Rate())
		}
		if s.Cycles > 0 && c.Threads > 0 {
			byCounter = append(byCounter, s.Cycles*cores/float64(c.Threads)/float64(s.Items))
		}
	}
	l := Limit{Clock: Median(clocks), Method: method}
	switch {
	case len(byCounter) >= minQuiet && len(byCounter) >= len(byClock):
		l.CyclesPerItem, l.Method = Median(byCounter), MethodCounter
	case len(byClock) >= minQuiet:
		l.CyclesPerItem = Median(byClock)
	}
	return l, l.CyclesPerItem > 0
}

// clock returns the clock during the sample in hertz; 0 if it is not known. That of a GPU
// before a slice may be the clock of an idle GPU.
func (s Sample) clock() float64 {
	if s.GPU != nil && s.GPU.After.Clock != nil {
		return float64(*s.GPU.After.Clock) * 1e6
	}
	return s.Clock
}

// cores returns the number of cores that a number of threads keep busy: as many, or all
// that the process may use if these are fewer.
func (e Environment) cores(threads int) int {
	if n := e.Process.Cores; n > 0 {
		return min(threads, n)
	}
	return threads
}

// share formats the share of the limit.
func (l *Limit) share() string {
	if l == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", l.Share*100)
}

// hasLimits reports whether any case has a share of the limit.
func (r *Result) hasLimits() bool {
	return slices.ContainsFunc(r.Cases, func(c CaseResult) bool { return c.Limit != nil })
}

// limitLines describes the clock of the CPU, and which kernels have no limit and why.
func (r *Result) limitLines() (lines []string) {
	e := r.Environment
	for _, c := range r.Cases {
		if c.Limit != nil && c.Threads > 0 {
			lines = append(lines, fmt.Sprintf("cores: %s at %.2f GHz, cycles by %s%s", e.Microarchitecture, c.Limit.Clock/1e9, methodWords[c.Limit.Method], optional(", ", e.CounterAbsent)))
			break
		}
	}
	if e.LimitAbsent != "" {
		return append(lines, "no share of the limit: "+e.LimitAbsent)
	}
	if e.LimitTable != limit.Digest() {
		return lines
	}
	for _, c := range r.Cases {
		if c.Limit != nil || loops[c.Mode] == "" || c.Kernel == Reference || c.Device == All {
			continue
		}
		if _, err := e.bound(c.Spec); err != nil {
			if text := fmt.Sprintf("no limit of %s: %v", c.Kernel, err); !slices.Contains(lines, text) {
				lines = append(lines, text)
			}
		}
	}
	return lines
}

// methodWords describes each method.
var methodWords = map[string]string{
	MethodCounter:  "the performance counter",
	MethodChain:    "the clock around each slice",
	MethodGPUClock: "the clock that the driver reports",
}
