package devices

import (
	"encoding/json"
	"strings"
	"testing"

	"stele/cgo/nvml"
	"stele/engine"
)

// The output names the design of the CPU's cores, and counts the multiprocessors of a GPU.
func TestDevicesCores(t *testing.T) {
	res := result{Devices: []deviceEntry{
		{Info: engine.Info{ID: "cpu"}, Microarchitecture: "Zen 3"},
		{Info: engine.Info{ID: "cuda:0", Multiprocessors: 132}},
	}}
	got := strings.Join(strings.Fields(res.text()), " ")
	if !strings.Contains(got, "cores Zen 3") || !strings.Contains(got, "multiprocessors 132") || strings.Count(got, "cores") != 1 || strings.Count(got, "multiprocessors") != 1 {
		t.Errorf("got %s", res.text())
	}
	text, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"microarchitecture":"Zen 3"`, `"multiprocessors":132`} {
		if strings.Count(string(text), part) != 1 {
			t.Errorf("no %s in %s", part, text)
		}
	}
}

// The output has the values of sensors, and why others are absent.
func TestDevicesSensors(t *testing.T) {
	celsius, watts, mhz := uint32(61), 412.4, uint32(1755)
	reading := nvml.Reading{
		Temperature: &celsius, Power: &watts, Clock: &mhz,
		Throttle: []string{"power-cap"},
		Absent:   map[string]string{"fan_percent": "Not Supported", "energy_j": "the driver has no such function"},
	}
	res := result{Devices: []deviceEntry{
		{Info: engine.Info{ID: "cpu"}},
		{Info: engine.Info{ID: "cuda:0"}, Sensors: &sensorEntry{Reading: reading}},
		{Info: engine.Info{ID: "cuda:1"}, Sensors: &sensorEntry{Reason: "no NVML: none"}},
	}}
	var lines []string
	for line := range strings.Lines(res.text()) {
		if fields := strings.Fields(line); strings.HasPrefix(fields[0], "sensor") {
			lines = append(lines, strings.Join(fields, " "))
		}
	}
	want := []string{
		"sensors 61 C, 412 W, 1755 MHz, throttled: power-cap",
		"sensor energy_j absent: the driver has no such function",
		"sensor fan_percent absent: Not Supported",
		"sensors absent: no NVML: none",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s", got)
	}
	text, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		`"sensors":{"temperature_c":61,"power_w":412.4,"clock_mhz":1755,"throttle":["power-cap"],"absent":{"energy_j":"the driver has no such function","fan_percent":"Not Supported"}}`,
		`"sensors":{"reason":"no NVML: none"}`,
	} {
		if !strings.Contains(string(text), part) {
			t.Errorf("no %s in %s", part, text)
		}
	}
	if strings.Count(string(text), "sensors") != 2 {
		t.Errorf("the CPU has sensors: %s", text)
	}
}
