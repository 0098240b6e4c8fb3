package telemetry

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"stele/engine/miner"
)

// Hive returns what the script h-stats.sh of a custom miner must report to HiveOS
// (https://github.com/minershive/hiveos-linux): an object with khs and stats, for
// the variables of these names. A sensor that a device does not have is 0, and the
// bus number of a device that is on no bus is null.
func Hive(s miner.Status) ([]byte, error) {
	rejected, _ := rejections(s.Shares)
	out := hive{KHS: kilo(s.Counted.Minute1)}
	out.Stats = hiveStats{
		HS: []float64{}, Units: "khs", Temp: []int{}, Fan: []int{}, Bus: []*int{},
		Uptime:  int64(s.Now.Sub(s.Started).Seconds()),
		Version: s.Version,
		AR:      [2]uint64{s.Shares.Accepted, rejected},
		Algo:    "sha256d",
	}
	for _, u := range s.Sources {
		if u.Active {
			out.Stats.User = u.User
		}
	}
	for _, d := range s.Devices {
		out.Stats.HS = append(out.Stats.HS, kilo(d.Rates.Minute1))
		var m miner.Sensors
		if d.Sensors != nil {
			m = *d.Sensors
		}
		out.Stats.Temp = append(out.Stats.Temp, whole(m.Temperature))
		out.Stats.Fan = append(out.Stats.Fan, whole(m.Fan))
		out.Stats.Bus = append(out.Stats.Bus, busNumber(d.Info.PCI))
	}
	return json.Marshal(out)
}

type hive struct {
	KHS   float64   `json:"khs"`
	Stats hiveStats `json:"stats"`
}

type hiveStats struct {
	HS      []float64 `json:"hs"`
	Units   string    `json:"hs_units"`
	Temp    []int     `json:"temp"`
	Fan     []int     `json:"fan"`
	Uptime  int64     `json:"uptime"`
	Version string    `json:"ver"`
	AR      [2]uint64 `json:"ar"`
	Algo    string    `json:"algo"`
	User    string    `json:"user"` // at the source that is mined; HiveOS does not use it
	Bus     []*int    `json:"bus_numbers"`
}

func kilo(rate float64) float64 { return math.Round(finite(rate)) / 1000 }

func whole(x *float64) int {
	if x == nil {
		return 0
	}
	return int(math.Round(*x))
}

// busNumber returns the bus of a PCI address, 0000:65:00.0.
func busNumber(pci string) *int {
	parts := strings.Split(pci, ":")
	if len(parts) != 3 {
		return nil
	}
	n, err := strconv.ParseUint(parts[1], 16, 8)
	if err != nil {
		return nil
	}
	bus := int(n)
	return &bus
}
