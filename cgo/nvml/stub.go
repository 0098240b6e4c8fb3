//go:build !linux || !cuda || !cgo

package nvml

import "fmt"

// Read says that there are no sensors.
func Read(string) (Reading, error) {
	return Reading{}, fmt.Errorf("%w: this binary was built without CUDA", ErrAbsent)
}
