//go:build linux && cuda && cgo

package nvml

import (
	"errors"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// shared is a GPU with processes; one of them computes and draws.
type shared struct{ compute, graphics nvml.Return }

func (s shared) GetComputeRunningProcesses() ([]nvml.ProcessInfo, nvml.Return) {
	return []nvml.ProcessInfo{{Pid: 10}, {Pid: 11}}, s.compute
}

func (s shared) GetGraphicsRunningProcesses() ([]nvml.ProcessInfo, nvml.Return) {
	return []nvml.ProcessInfo{{Pid: 11}, {Pid: 12}}, s.graphics
}

func TestProcesses(t *testing.T) {
	const absent = nvml.ERROR_NOT_SUPPORTED
	all := func(string) bool { return true }
	for _, test := range []struct {
		name   string
		device shared
		has    func(string) bool
		want   int
		err    error
	}{
		{"both", shared{}, all, 3, nil},
		{"no list of those that draw", shared{graphics: absent}, all, 2, nil},
		{"an old driver", shared{}, func(f string) bool { return f == "nvmlDeviceGetComputeRunningProcesses" }, 2, nil},
		{"no list", shared{compute: absent}, all, 0, ErrAbsent},
		{"a very old driver", shared{}, func(string) bool { return false }, 0, ErrAbsent},
	} {
		if n, err := processes(test.device, test.has); n != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: %d, %v; want %d, %v", test.name, n, err, test.want, test.err)
		}
	}
}
