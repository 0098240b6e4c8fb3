package host

import (
	"io/fs"
	"os"
	"runtime"
	"strconv"
)

// Limits are what this process may use of the machine.
type Limits struct {
	CPUs  int     `json:"cpus"`            // that it may run on, by its affinity
	Cores int     `json:"cores,omitempty"` // to which those belong; 0: not known
	Quota float64 `json:"quota,omitempty"` // CPUs' worth of time, by its cgroups; 0: no limit
	From  string  `json:"quota_file,omitempty"`
}

// Threads is how many threads can compute all the time within the limits: as
// many as there are CPUs, but at most the whole part of the quota, and at least
// one.
func (l Limits) Threads() int {
	n := max(1, l.CPUs)
	if l.Quota > 0 {
		n = min(n, wholeThreads(l.Quota))
	}
	return n
}

// ReadLimits reads the limits of this process.
func ReadLimits() Limits { return readLimits(os.DirFS("/"), affinity()) }

// readLimits reads the limits of a process that may run on these CPUs; nil: not
// known.
func readLimits(root fs.FS, allowed []int) Limits {
	l := Limits{CPUs: len(allowed), Cores: cores(root, allowed)}
	if l.CPUs == 0 {
		l.CPUs = runtime.NumCPU()
	}
	l.Quota, l.From = quota(root)
	return l
}

// FitProcessors makes GOMAXPROCS fit the limits, unless the environment variable
// GOMAXPROCS sets it. What counts threads by GOMAXPROCS then fits them too. To
// be called once, when the program starts.
func FitProcessors(l Limits) {
	if n, err := strconv.Atoi(os.Getenv("GOMAXPROCS")); err == nil && n > 0 {
		return
	}
	runtime.GOMAXPROCS(l.Threads())
}
