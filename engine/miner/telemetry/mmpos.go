package telemetry

import (
	"encoding/json"
	"math"
	"strconv"

	"stele/engine/miner"
)

// MMPOS returns what the agent of mmpOS reads of a miner, from the script mmp-stats.sh
// of a custom miner or by the request /mmpos
// (https://github.com/ddobreff/mmpos/blob/main/CUSTOM_MINER.MD): hashes per second of
// each device, the CPU first, and the counts of accepted, invalid and rejected shares.
// Invalid are the wrong answers of devices, which were never submitted. A GPU without
// a bus number is left out, since the agent assigns rates by bus.
func MMPOS(s miner.Status) ([]byte, error) {
	rejected, _ := rejections(s.Shares)
	out := mmpos{Bus: []any{}, Hash: []float64{}, Units: "hs", Name: "stele", Version: s.Version}
	var gpus []miner.DeviceStatus
	var invalid uint64
	for _, d := range s.Devices {
		invalid += d.HardwareErrors
		if d.Info.Kind == "cpu" {
			out.add("cpu", d)
		} else {
			gpus = append(gpus, d)
		}
	}
	for _, d := range gpus {
		if bus := busNumber(d.Info.PCI); bus != nil {
			out.add(*bus, d)
		}
	}
	for i, n := range []uint64{s.Shares.Accepted, invalid, rejected} {
		out.AIR[i] = strconv.FormatUint(n, 10)
	}
	return json.Marshal(out)
}

type mmpos struct {
	Bus     []any     `json:"busid"` // "cpu" or a number
	Hash    []float64 `json:"hash"`
	Units   string    `json:"units"`
	AIR     [3]string `json:"air"`
	Name    string    `json:"miner_name"`
	Version string    `json:"miner_version"`
}

// add adds the rate of a device.
func (m *mmpos) add(bus any, d miner.DeviceStatus) {
	m.Bus = append(m.Bus, bus)
	m.Hash = append(m.Hash, math.Round(finite(d.Rates.Minute1)))
}
