//go:build !linux || !cuda || !cgo

package nvml

import "fmt"

// Read reports that there are no sensors.
func Read(string) (Reading, error) {
	return Reading{}, fmt.Errorf("%w: this binary was built without CUDA", ErrAbsent)
}

// Driver reports that there is no driver.
func Driver() (string, error) {
	return "", fmt.Errorf("%w: this binary was built without CUDA", ErrAbsent)
}

// Processes reports that processes cannot be counted.
func Processes(string) (int, error) {
	return 0, fmt.Errorf("%w: this binary was built without CUDA", ErrAbsent)
}
