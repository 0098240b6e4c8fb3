//go:build linux && cuda && cgo

package nvml

import (
	"reflect"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// board is a GPU with some sensors.
type board struct{ ret nvml.Return }

func (b board) GetTemperature(nvml.TemperatureSensors) (uint32, nvml.Return) { return 61, b.ret }
func (b board) GetPowerUsage() (uint32, nvml.Return)                         { return 412_500, b.ret }
func (b board) GetEnforcedPowerLimit() (uint32, nvml.Return)                 { return 700_000, b.ret }
func (b board) GetTotalEnergyConsumption() (uint64, nvml.Return)             { return 1 << 40, b.ret }
func (b board) GetFanSpeed() (uint32, nvml.Return)                           { return 0, nvml.ERROR_NOT_SUPPORTED }
func (b board) GetCurrentClocksThrottleReasons() (uint64, nvml.Return)       { return 1 | 4 | 64, b.ret }
func (b board) GetCurrentClocksEventReasons() (uint64, nvml.Return)          { return 1 | 4 | 64, b.ret }
func (b board) GetClockInfo(kind nvml.ClockType) (uint32, nvml.Return) {
	return map[nvml.ClockType]uint32{nvml.CLOCK_SM: 1755, nvml.CLOCK_MEM: 2619}[kind], b.ret
}

func TestRead(t *testing.T) {
	r := read(board{nvml.SUCCESS}, func(f string) bool { return f != "nvmlDeviceGetTotalEnergyConsumption" })
	if *r.Temperature != 61 || *r.Power != 412.5 || *r.PowerLimit != 700 || *r.Clock != 1755 || *r.MemoryClock != 2619 ||
		!reflect.DeepEqual(r.Throttle, []string{"power-cap", "hardware-thermal"}) {
		t.Errorf("%+v", r)
	}
	if r.Fan != nil || r.Energy != nil || len(r.Absent) != 2 || r.Absent["fan_percent"] == "" || r.Absent["energy_j"] == "" {
		t.Errorf("absent sensors: %+v", r)
	}
	const want = "61 C, 412 W, limit 700 W, 1755 MHz, memory 2619 MHz, throttled: power-cap hardware-thermal"
	if r.String() != want {
		t.Errorf("got %q, want %q", r, want)
	}
	// Both names of the throttle reasons.
	for _, name := range []string{"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"} {
		if r := read(board{nvml.SUCCESS}, func(f string) bool { return f == name }); len(r.Throttle) != 2 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := read(board{nvml.ERROR_GPU_IS_LOST}, func(string) bool { return true }); len(r.Absent) != 8 || r.String() != "none" {
		t.Errorf("lost: %+v", r)
	}
}
