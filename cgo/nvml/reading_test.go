package nvml

import (
	"errors"
	"testing"
)

// A GPU that does not exist has no sensors, with or without a driver.
func TestAbsent(t *testing.T) {
	if r, err := Read("GPU-00000000-0000-0000-0000-000000000000"); !errors.Is(err, ErrAbsent) || r.String() != "none" {
		t.Errorf("%v, %v", r, err)
	}
}
