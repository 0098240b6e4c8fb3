package minerflags

import (
	"fmt"
	"strings"

	"stele/cmd/stele/internal/human"
	"stele/cmd/stele/internal/screen"
	"stele/engine/miner"
	"stele/engine/miner/telemetry"
)

// Readings returns the sensor readings of a device, with two blanks before each.
func Readings(d miner.DeviceStatus) string {
	var b strings.Builder
	if m := d.Sensors; m != nil {
		for _, x := range []struct {
			value *float64
			unit  string
		}{{m.Temperature, " C"}, {m.Power, " W"}, {m.Fan, " % fan"}} {
			if x.value != nil {
				fmt.Fprintf(&b, "  %.0f%s", *x.value, x.unit)
			}
		}
	}
	if x, ok := telemetry.Efficiency(d); ok {
		fmt.Fprintf(&b, "  %sH/J", human.SI(x))
	}
	return b.String()
}

// Health returns the health of a device with its reason.
func Health(d miner.DeviceStatus) screen.Span {
	span := screen.Bad.Sprint(string(d.Health))
	switch d.Health {
	case miner.OK:
		span.Style = screen.Good
	case miner.Resting, miner.Recovering:
		span.Style = screen.Warning
	}
	if d.Reason != "" {
		span.Text += ": " + d.Reason
	}
	return span
}
