package bench

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Difference is something in which the environments or settings of two results
// differ, and which makes their rates hard to compare.
type Difference struct {
	What string `json:"what"` // one of the words of Differences; stable
	Old  string `json:"old"`
	New  string `json:"new"`
}

// Differences returns the differences between two results. What an older result
// lacks is no difference.
func Differences(old, new *Result) []Difference {
	out := []Difference{}
	differs := func(what, a, b string) {
		if a != b {
			out = append(out, Difference{what, cmp.Or(a, "unknown"), cmp.Or(b, "unknown")})
		}
	}
	differsIfKnown := func(what, a, b string) {
		if a != "" && b != "" {
			differs(what, a, b)
		}
	}
	a, b := old.Environment, new.Environment
	differs("label", cmp.Or(a.Label, "none"), cmp.Or(b.Label, "none"))
	differs("cpu", a.CPU.Brand, b.CPU.Brand)
	differs("gpu", gpuNames(a), gpuNames(b))
	differsIfKnown("driver", a.Driver, b.Driver)
	differsIfKnown("power limit", old.powerLimits(), new.powerLimits())
	differs("system", a.OS+"/"+a.Arch, b.OS+"/"+b.Arch)
	differsIfKnown("kernel", a.Kernel, b.Kernel)
	differs("threads", fmt.Sprint(a.Threads), fmt.Sprint(b.Threads))
	differsIfKnown("limit of the process", a.allowed(), b.allowed())
	differs("governor", a.Governor, b.Governor)
	differs("hypervisor", cmp.Or(a.Virtual, "none"), cmp.Or(b.Virtual, "none"))
	differs("program", a.Version, b.Version)
	differs("go", a.Go, b.Go)
	differs("duration", fmt.Sprint(old.Settings.Duration, " s"), fmt.Sprint(new.Settings.Duration, " s"))
	return out
}

// referencesDiffer returns the names of the differences between two environments
// that make ratios to their references incomparable.
func referencesDiffer(old, new Environment) (what []string) {
	for _, d := range []struct {
		name    string
		differs bool
	}{
		{"cpu", old.CPU.Brand != new.CPU.Brand},
		{"go", old.Go != new.Go},
		{"threads", old.Threads != new.Threads},
	} {
		if d.differs {
			what = append(what, d.name)
		}
	}
	return what
}

// doubts returns a line for each kind of doubt about a result: an unsettled
// warm-up, failed cases, flags.
func (r *Result) doubts(name string) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, name+": "+fmt.Sprintf(format, args...)) }
	if !r.Timing.Settled {
		add("the warm-up ended before the rates were steady")
	}
	var failed []string
	for _, f := range r.Failed {
		failed = append(failed, f.Case)
	}
	if len(failed) > 0 {
		add("failed: %s", strings.Join(failed, ", "))
	}
	for _, f := range flags {
		if ids := r.flagged(f); len(ids) > 0 {
			add("flagged %s: %s", f, strings.Join(ids, ", "))
		}
	}
	return lines
}

// flagged returns the cases that have a flag.
func (r *Result) flagged(f Flag) (ids []string) {
	for _, c := range r.Cases {
		if slices.Contains(c.Flags, f) {
			ids = append(ids, c.ID)
		}
	}
	return ids
}
