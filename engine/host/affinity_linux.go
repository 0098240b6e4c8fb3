package host

import (
	"os"

	"golang.org/x/sys/unix"
)

// affinity returns the numbers of the CPUs that this process may run on; nil if
// the system does not report them.
func affinity() (cpus []int) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(os.Getpid(), &set) != nil {
		return nil
	}
	for i := range len(set) * 64 {
		if set.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	return cpus
}
