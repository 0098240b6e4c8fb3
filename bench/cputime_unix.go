//go:build unix

package bench

import (
	"syscall"
	"time"
)

// ProcessorTime returns the user and system time of all threads of this process;
// false if the system does not report it.
func ProcessorTime() (time.Duration, bool) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, false
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), true
}
