//go:build linux && cuda && cgo

package nvml

import (
	"errors"
	"strings"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// settings is a GPU of 100 to 400 W whose setters return ret.
type settings struct {
	ret          nvml.Return
	limit, clock uint32
}

func (s *settings) GetPowerManagementLimit() (uint32, nvml.Return) { return s.limit, nvml.SUCCESS }
func (s *settings) GetPowerManagementDefaultLimit() (uint32, nvml.Return) {
	return 350_000, nvml.SUCCESS
}
func (s *settings) GetPowerManagementLimitConstraints() (uint32, uint32, nvml.Return) {
	return 100_000, 400_000, nvml.SUCCESS
}
func (s *settings) GetMaxClockInfo(nvml.ClockType) (uint32, nvml.Return) { return 2100, nvml.SUCCESS }

func (s *settings) SetPowerManagementLimit(limit uint32) nvml.Return {
	s.limit = limit
	return s.ret
}

func (s *settings) SetGpuLockedClocks(low, high uint32) nvml.Return {
	s.clock = max(low, high)
	return s.ret
}

func (s *settings) ResetGpuLockedClocks() nvml.Return {
	s.clock = 0
	return s.ret
}

// Settings reach the GPU in its units, and what it refuses is an error in words.
func TestControls(t *testing.T) {
	all := func(string) bool { return true }
	s := &settings{limit: 350_000}
	if r, err := power(s, all); err != nil || r != (PowerRange{350, 350, 100, 400}) {
		t.Errorf("%+v, %v", r, err)
	}
	if err := setPowerLimit(s, all, 199.9996); err != nil || s.limit != 200_000 {
		t.Errorf("limit %d, %v", s.limit, err)
	}
	if err := lockClock(s, all, 1500); err != nil || s.clock != 1500 {
		t.Errorf("clock %d, %v", s.clock, err)
	}
	if err := unlockClock(s, all); err != nil || s.clock != 0 {
		t.Errorf("clock %d, %v", s.clock, err)
	}
	for _, test := range []struct {
		ret  nvml.Return
		has  bool
		want error
		text string
	}{
		{nvml.ERROR_NO_PERMISSION, true, ErrNotPermitted, "not permitted: needs root"},
		{nvml.ERROR_NOT_SUPPORTED, true, ErrNotSupported, "not supported"},
		{nvml.ERROR_INVALID_ARGUMENT, true, ErrOutOfRange, "out of range"},
		{nvml.ERROR_GPU_IS_LOST, true, ErrAbsent, "no NVML"},
		{nvml.SUCCESS, false, ErrNotSupported, "the driver has no nvmlDevice"},
	} {
		s.ret = test.ret
		has := func(function string) bool {
			return test.has || !strings.Contains(function, "Set") && !strings.Contains(function, "Reset")
		}
		for what, err := range map[string]error{
			"limit": setPowerLimit(s, has, 200), "lock": lockClock(s, has, 1500), "unlock": unlockClock(s, has),
		} {
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("%s, return code %d: %v, want %q", what, test.ret, err, test.text)
			}
		}
	}
	s.ret = nvml.SUCCESS
	for text, err := range map[string]error{
		"power limit 99 W: out of range: must be 100 to 400 W":  setPowerLimit(s, all, 99),
		"power limit 401 W: out of range: must be 100 to 400 W": setPowerLimit(s, all, 401),
		"clock 2101 MHz: out of range: must be 1 to 2100 MHz":   lockClock(s, all, 2101),
		"clock 0 MHz: out of range: must be 1 to 2100 MHz":      lockClock(s, all, 0),
	} {
		if !errors.Is(err, ErrOutOfRange) || err.Error() != text {
			t.Errorf("got %v, want %q", err, text)
		}
	}
}
