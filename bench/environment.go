package bench

import (
	"os"
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"

	"stele/engine"
)

// Environment is where a result was measured, as far as the program can tell.
type Environment struct {
	Version  string        `json:"version"` // of the program
	Go       string        `json:"go"`
	OS       string        `json:"os"`
	Arch     string        `json:"arch"`
	CPU      CPU           `json:"cpu"`
	Governor string        `json:"governor,omitempty"` // of CPU 0, on Linux where it can be read
	Virtual  string        `json:"virtual,omitempty"`  // the hypervisor, if the machine tells that it is virtual
	Threads  int           `json:"threads"`            // CPU threads that the program may use
	Devices  []engine.Info `json:"devices"`            // as `stele devices` shows them
}

// CPU describes the processor. Counts are 0 where they are not known.
type CPU struct {
	Brand  string `json:"brand"`
	Vendor string `json:"vendor"`
	Family int    `json:"family"`
	Model  int    `json:"model"`
	Cores  int    `json:"cores"`   // physical
	Logic  int    `json:"threads"` // logical
}

// Here describes this machine.
func Here(version string, devices []engine.Info) Environment {
	cpu := cpuid.CPU
	e := Environment{
		Version: version,
		Go:      runtime.Version(),
		OS:      runtime.GOOS,
		Arch:    runtime.GOARCH,
		CPU: CPU{
			Brand:  strings.TrimSpace(cpu.BrandName),
			Vendor: cpu.VendorString,
			Family: cpu.Family,
			Model:  cpu.Model,
			Cores:  cpu.PhysicalCores,
			Logic:  cpu.LogicalCores,
		},
		Threads: runtime.GOMAXPROCS(0),
		Devices: devices,
	}
	if cpu.VM() {
		e.Virtual = "unknown"
		if cpu.HypervisorVendorString != "" {
			e.Virtual = cpu.HypervisorVendorString
		}
	}
	if text, err := os.ReadFile("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"); err == nil {
		e.Governor = strings.TrimSpace(string(text))
	}
	return e
}
