package gpucheck

import (
	"fmt"

	kernels "stele/kernels/cuda"
)

// Figure compares a measured value with the goal of the kernels on a large GPU
// (H100). A smaller GPU may miss some goals, which does not mean a fault.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Want  string  `json:"want"`
	Met   bool    `json:"met"`
}

// String returns the figure for people.
func (f Figure) String() string {
	word := "met"
	if !f.Met {
		word = "NOT MET"
	}
	return fmt.Sprintf("%-60s %10.4g  %-10s %s", f.Name, f.Value, f.Want, word)
}

// judge returns the figures of the report.
func (r *Report) judge() (all []Figure) {
	atLeast := func(name string, value, want float64) {
		all = append(all, Figure{name, value, fmt.Sprintf(">= %g", want), value >= want})
	}
	atMost := func(name string, value, want float64) {
		all = append(all, Figure{name, value, fmt.Sprintf("<= %g", want), value <= want})
	}
	ratio := func(name string, a, b, want float64) {
		if a > 0 && b > 0 {
			atLeast(name, a/b, want)
		}
	}
	scan, roll, plain := r.best(kernels.Scan), r.best(kernels.Roll), r.entry("scan_e")
	if scan.Bound > 0 { // otherwise it is unknown
		atLeast("scan: share of its bound", scan.ShareOf, 0.85)
	}
	// scan_e leaves the choice of pipes to the compiler. It takes as many clocks as
	// the best public kernels.
	ratio("scan: times the kernel of the compiler's own choice", scan.Rate, plain.Rate, 1.35)
	ratio("roll: times scan", roll.Rate, scan.Rate, 1)
	ratio("engine: search, share of the kernel's rate", r.Soak.ScanRate, scan.Rate, 0.9)
	ratio("engine: search of several versions, share of the kernel's rate", r.Soak.RollRate, roll.Rate, 0.9)
	if scan.Rate > 0 {
		atMost("scan: registers", float64(scan.Attributes.Registers), 64)
	}
	if roll.Rate > 0 {
		atMost("roll: registers", float64(roll.Attributes.Registers), 80)
	}
	spilled, wrong := 0, r.Soak.Wrong+r.Soak.HardwareErrors
	for _, e := range r.Entries {
		spilled += e.Attributes.LocalBytes
		wrong += e.Wrong
	}
	if len(r.Entries) > 0 {
		atMost("all kernels: bytes of spilled registers", float64(spilled), 0)
	}
	for _, s := range r.Switch {
		atMost("job switch, "+s.Kernel+": p99 in ms", s.P99MS, 5)
	}
	if r.Copy.Headers > 0 {
		atLeast("batch: share of the copy from pinned memory", r.Copy.ShareOfCopy, 0.85)
	}
	if len(r.Entries) > 0 || r.Soak.Compared > 0 {
		atMost("wrong answers", float64(wrong), 0)
	}
	if r.Soak.Compared > 0 {
		atMost("search: share of a CPU core", r.Soak.CPUShare, 0.05)
		atMost("missed hits", float64(r.Soak.Missed), 0)
	}
	return all
}

// best returns the fastest entry of a kind.
func (r *Report) best(kind kernels.Kind) (best Entry) {
	for _, e := range r.Entries {
		if e.Kind == kind && e.Rate > best.Rate {
			best = e
		}
	}
	return best
}

// entry returns the entry with this name.
func (r *Report) entry(name string) Entry {
	for _, e := range r.Entries {
		if e.Name == name {
			return e
		}
	}
	return Entry{}
}
