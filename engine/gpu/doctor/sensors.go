package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"stele/cgo/cuda"
	"stele/cgo/nvml"
)

// sensors returns the readings of NVML for a GPU.
func sensors(d cuda.Device) (string, error) {
	r, err := nvml.Read(d.UUID)
	if err != nil {
		return "", err
	}
	found := r.String()
	if names := slices.Sorted(maps.Keys(r.Absent)); len(names) > 0 {
		found += fmt.Sprintf(" (absent: %s)", strings.Join(names, " "))
	}
	return found, nil
}
