package bench

import (
	"runtime"

	"stele/bench/limit"
	"stele/engine"
	"stele/engine/host"
)

// Environment describes where a result was measured, as far as the program knows.
type Environment struct {
	Label   string   `json:"label,omitempty"` // the operator's own name for the machine or the run
	Version string   `json:"version"`         // of the program
	Go      string   `json:"go"`
	OS      string   `json:"os"`
	Arch    string   `json:"arch"`
	Kernel  string   `json:"kernel,omitempty"` // release of the operating system's kernel
	CPU     host.CPU `json:"cpu"`              // of the whole machine
	// Microarchitecture is the name of the processor's design, such as "Zen 3"; "" if
	// it is not known, or if the cores differ.
	Microarchitecture string `json:"microarchitecture,omitempty"`
	// LimitTable identifies the tables that the limits of the cases come from.
	LimitTable string `json:"limit_table,omitempty"`
	// LimitAbsent is the reason why CPU cases have no limit.
	LimitAbsent string `json:"limit_absent,omitempty"`
	// CounterAbsent is the reason why the samples have no cycles of a counter.
	CounterAbsent string `json:"counter_absent,omitempty"`
	// Energy names the sources of the energy, such as "cpu: RAPL package, cuda:0: NVML
	// counter". EnergyAbsent has the devices without one, each with the reason.
	Energy       string `json:"energy,omitempty"`
	EnergyAbsent string `json:"energy_absent,omitempty"`

	SMT      *bool         `json:"smt,omitempty"`      // cores run several threads
	Governor string        `json:"governor,omitempty"` // of CPU 0, on Linux where it can be read
	Virtual  string        `json:"virtual,omitempty"`  // the hypervisor, if the machine reports one
	Driver   string        `json:"driver,omitempty"`   // version of the NVIDIA driver
	Process  host.Limits   `json:"process"`            // the limits of this process
	Threads  int           `json:"threads"`            // CPU threads that the program uses by default
	Devices  []engine.Info `json:"devices"`            // as `stele devices` lists them
}

// Here describes this machine and this process.
func Here(version string, devices []engine.Info) Environment {
	m := host.ReadMachine()
	return Environment{
		LimitTable:        limit.Digest(),
		LimitAbsent:       limitAbsent(m.Microarchitecture),
		Version:           version,
		Go:                runtime.Version(),
		OS:                runtime.GOOS,
		Arch:              runtime.GOARCH,
		Kernel:            m.Kernel,
		Microarchitecture: m.Microarchitecture,
		CPU:               m.CPU,
		SMT:               m.SMT,
		Governor:          m.Governor,
		Virtual:           m.Hypervisor,
		Driver:            GPUDriver(),
		Process:           host.ReadLimits(),
		Threads:           runtime.GOMAXPROCS(0),
		Devices:           devices,
	}
}
