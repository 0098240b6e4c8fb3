package cuda

// LibraryVariable is the environment variable with the driver library to load
// instead of libcuda.so.1.
const LibraryVariable = "STELE_CUDA_LIB"

// OldestDriver is the CUDA version that a driver must support at least, in the form
// of Status.DriverVersion: that of R450.
const OldestDriver = 11000

// Status is the state of the driver library.
type Status struct {
	Library       string   `json:"library"`           // name or path
	Loaded        bool     `json:"loaded"`            // dlopen succeeded
	Reason        string   `json:"reason,omitempty"`  // why CUDA cannot be used, and the fix; empty: it can be used
	InitCode      int      `json:"init_code"`         // result of the driver's cuInit; 0 is success
	DriverVersion int      `json:"driver_version"`    // newest CUDA version that the driver supports, 12040 is 12.4; 0: unknown
	Missing       []string `json:"missing,omitempty"` // functions that the library lacks
}

// Usable reports whether the driver can be used.
func (s Status) Usable() bool { return s.Reason == "" }

// Started reports whether the driver was started: its cuInit was called.
func (s Status) Started() bool { return s.InitCode != codeNotInitialized }

// Device is a GPU, or a slice of one (MIG). Devices are numbered in the order of
// their PCI addresses, among those visible to the process. The numbers are those
// of nvidia-smi unless CUDA_VISIBLE_DEVICES hides some or MIG divides one.
type Device struct {
	Index  int    `json:"index"` // in the result of Devices
	Name   string `json:"name"`
	UUID   string `json:"uuid"`             // "GPU-..."; of a MIG slice "MIG-..."
	Parent string `json:"parent,omitempty"` // UUID of the GPU of a MIG slice
	PCI    string `json:"pci"`              // domain:bus:device.function, "0000:65:00.0"

	Major int `json:"major"` // compute capability
	Minor int `json:"minor"`

	SMs             int    `json:"sms"`               // streaming multiprocessors
	ThreadsPerSM    int    `json:"threads_per_sm"`    // at most
	RegistersPerSM  int    `json:"registers_per_sm"`  // of 32 bits
	ThreadsPerBlock int    `json:"threads_per_block"` // at most
	ClockKHz        int    `json:"clock_khz"`         // highest clock of the SMs; 0: unknown
	MemoryClockKHz  int    `json:"memory_clock_khz"`  // 0: unknown
	MemoryBusBits   int    `json:"memory_bus_bits"`   //
	Memory          uint64 `json:"memory"`            // bytes
	ECC             bool   `json:"ecc"`               // error correction is enabled
	Display         bool   `json:"display"`           // drives a display: the driver kills kernels that run for seconds
	Prohibited      bool   `json:"prohibited"`        // compute mode: no contexts allowed
	Ordinal         int    `json:"-"`                 // number in the driver
}

// FunctionAttributes are the resources of a compiled kernel.
type FunctionAttributes struct {
	Registers   int `json:"registers"`    // of 32 bits, per thread
	LocalBytes  int `json:"local_bytes"`  // per thread; includes spilled registers
	SharedBytes int `json:"shared_bytes"` // per block, without the dynamic part
	ConstBytes  int `json:"const_bytes"`
	MaxThreads  int `json:"max_threads"` // per block
	PTX         int `json:"ptx"`         // ISA version, 64 is 6.4
	Binary      int `json:"binary"`      // compute capability compiled for, 90 is 9.0
}

// DevicePtr is an address in device memory.
type DevicePtr uint64
