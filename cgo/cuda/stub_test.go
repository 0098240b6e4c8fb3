//go:build !linux || !cuda || !cgo

package cuda

import (
	"errors"
	"strings"
	"testing"
)

func TestWithoutCUDA(t *testing.T) {
	s := Probe()
	if s.Usable() || s.Loaded || !strings.Contains(s.Reason, "built without CUDA") {
		t.Errorf("status %+v", s)
	}
	devices, err := Devices()
	if len(devices) != 0 || !errors.Is(err, ErrNoDriver) || !strings.Contains(err.Error(), s.Reason) {
		t.Errorf("Devices: %v, %v", devices, err)
	}
	if c, err := (Device{}).Open(); c != nil || !errors.Is(err, ErrNoDriver) {
		t.Errorf("Open: %v, %v", c, err)
	}
}
