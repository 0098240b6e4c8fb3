//go:build !linux

package cycles

import (
	"errors"
	"runtime"
)

// Counter counts cycles on Linux.
type Counter struct{}

// Open returns an error: the counter needs Linux.
func Open() (*Counter, error) {
	return nil, errors.New("performance counters are read on Linux only, this is " + runtime.GOOS)
}

// Read returns 0 and false.
func (c *Counter) Read() (float64, bool) { return 0, false }

// Close does nothing.
func (c *Counter) Close() error { return nil }
