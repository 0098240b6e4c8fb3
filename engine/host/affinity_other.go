//go:build !linux

package host

// affinity is not known here.
func affinity() []int { return nil }
