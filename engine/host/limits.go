package host

import (
	"io/fs"
	"os"
	"runtime"
	"strconv"
)

// Limits are the limits of this process.
type Limits struct {
	CPUs  int     `json:"cpus"`                 // CPUs that it may run on, by its affinity
	Cores int     `json:"cores,omitempty"`      // cores of these CPUs; 0 if not known
	Quota float64 `json:"quota,omitempty"`      // CPU time in CPUs, by its cgroups; 0 if not limited
	From  string  `json:"quota_file,omitempty"` // the file that sets the quota
}

// Threads returns the number of threads that can compute without a pause within the
// limits: one for each CPU, but at most the integer part of the quota, and at
// least 1.
func (l Limits) Threads() int {
	n := max(1, l.CPUs)
	if l.Quota > 0 {
		n = min(n, wholeThreads(l.Quota))
	}
	return n
}

// ReadLimits reads the limits of this process.
func ReadLimits() Limits { return readLimits(os.DirFS("/"), affinity()) }

// readLimits reads the limits of a process that may run on these CPUs; nil if they
// are not known.
func readLimits(root fs.FS, allowed []int) Limits {
	l := Limits{CPUs: len(allowed), Cores: cores(root, allowed)}
	if l.CPUs == 0 {
		l.CPUs = runtime.NumCPU()
	}
	l.Quota, l.From = quota(root)
	return l
}

// FitProcessors sets GOMAXPROCS to [Limits.Threads], unless the environment variable
// GOMAXPROCS sets it. Call it once, when the program starts.
func FitProcessors(l Limits) {
	if n, err := strconv.Atoi(os.Getenv("GOMAXPROCS")); err == nil && n > 0 {
		return
	}
	runtime.GOMAXPROCS(l.Threads())
}
