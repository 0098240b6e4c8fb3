package gpucheck

import (
	"fmt"

	kernels "stele/kernels/cuda"
)

// Figure sets a measured value against what is wanted of the kernels on a large
// GPU (H100). A smaller one may miss some, and is no worse for that.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Want  string  `json:"want"`
	Met   bool    `json:"met"`
}

// judge makes the figures.
func (r *Report) judge(opts Options) {
	add := func(name string, value float64, want string, met bool) {
		r.Figures = append(r.Figures, Figure{name, value, want, met})
		word := "met"
		if !met {
			word = "NOT MET"
		}
		fmt.Fprintf(opts.Log, "figure    %-60s %10.4g  %-10s %s\n", name, value, want, word)
	}
	atLeast := func(name string, value, want float64) {
		add(name, value, fmt.Sprintf(">= %g", want), value >= want)
	}
	atMost := func(name string, value, want float64) {
		add(name, value, fmt.Sprintf("<= %g", want), value <= want)
	}
	scan, roll, plain := r.best(kernels.Scan), r.best(kernels.Roll), r.entry("scan_e")
	atLeast("scan: share of its bound", scan.ShareOf, 0.85)
	// scan_e leaves all to the compiler. It takes as many clocks as the best
	// public kernels do.
	atLeast("scan: times the kernel of the compiler's own choice", quotient(scan.Rate, plain.Rate), 1.35)
	atLeast("roll: times scan", quotient(roll.Rate, scan.Rate), 1)
	atLeast("engine: search, share of the kernel's rate", quotient(r.Soak.ScanRate, scan.Rate), 0.9)
	atLeast("engine: search of several versions, share of the kernel's rate", quotient(r.Soak.RollRate, roll.Rate), 0.9)
	atMost("scan: registers", float64(scan.Attributes.Registers), 64)
	atMost("roll: registers", float64(roll.Attributes.Registers), 80)
	spilled := 0
	for _, e := range r.Entries {
		spilled += e.Attributes.LocalBytes
	}
	atMost("all kernels: bytes of spilled registers", float64(spilled), 0)
	for _, s := range r.Switch {
		atMost("job switch, "+s.Kernel+": p99 in ms", s.P99MS, 5)
	}
	atLeast("batch: share of the copy from pinned memory", r.Copy.ShareOfCopy, 0.85)
	atMost("search: share of a CPU core", r.Soak.CPUShare, 0.05)
	wrong := r.Soak.Wrong + r.Soak.HardwareErrors
	for _, e := range r.Entries {
		wrong += e.Wrong
	}
	atMost("wrong answers", float64(wrong), 0)
	atMost("missed hits", float64(r.Soak.Missed), 0)
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

func quotient(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
