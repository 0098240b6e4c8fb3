//go:build linux && cuda && cgo

package nvml

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// Driver returns the version of the driver, as "550.54.15". Errors: [ErrAbsent].
func Driver() (string, error) {
	if err := start(); err != nil {
		return "", err
	}
	version, ret := nvml.SystemGetDriverVersion()
	if ret != nvml.SUCCESS {
		return "", fmt.Errorf("%w: driver version: %s", ErrAbsent, say(ret))
	}
	return version, nil
}

// Processes returns the number of processes that use the GPU with this UUID, for
// compute or graphics; a process that does both counts once. This process is
// among them if it has a context on the GPU. Errors: [ErrAbsent].
func Processes(uuid string) (int, error) {
	if err := start(); err != nil {
		return 0, err
	}
	device, ret := nvml.DeviceGetHandleByUUID(uuid)
	if ret != nvml.SUCCESS {
		return 0, fmt.Errorf("%w: GPU %s: %s", ErrAbsent, uuid, say(ret))
	}
	return processes(device, exported)
}

// exported reports whether the library has a function.
func exported(function string) bool { return nvml.Extensions().LookupSymbol(function) == nil }

// tenants are the functions of a device that processes uses.
type tenants interface {
	GetComputeRunningProcesses() ([]nvml.ProcessInfo, nvml.Return)
	GetGraphicsRunningProcesses() ([]nvml.ProcessInfo, nvml.Return)
}

// processes counts the processes of both kinds. A GPU that does not list graphics
// processes has none that matter.
func processes(device tenants, has func(function string) bool) (int, error) {
	const compute, graphics = "nvmlDeviceGetComputeRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses"
	if !has(compute) {
		return 0, fmt.Errorf("%w: the driver has no %s", ErrAbsent, compute)
	}
	all, ret := device.GetComputeRunningProcesses()
	if ret != nvml.SUCCESS {
		return 0, fmt.Errorf("%w: processes: %s", ErrAbsent, say(ret))
	}
	if has(graphics) {
		if drawing, ret := device.GetGraphicsRunningProcesses(); ret == nvml.SUCCESS {
			all = append(all, drawing...)
		}
	}
	pids := map[uint32]bool{}
	for _, p := range all {
		pids[p.Pid] = true
	}
	return len(pids), nil
}
