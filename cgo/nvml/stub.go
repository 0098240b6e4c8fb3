//go:build !linux || !cuda || !cgo

package nvml

import "fmt"

// Read says that there are no sensors.
func Read(string) (Reading, error) {
	return Reading{}, fmt.Errorf("%w: this binary was built without CUDA", ErrAbsent)
}

// Driver says that there is none.
func Driver() (string, error) {
	return "", fmt.Errorf("%w: this binary was built without CUDA", ErrAbsent)
}

// Processes says that they cannot be counted.
func Processes(string) (int, error) {
	return 0, fmt.Errorf("%w: this binary was built without CUDA", ErrAbsent)
}
