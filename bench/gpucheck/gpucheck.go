// Package gpucheck checks and benchmarks the CUDA kernels on a GPU: each entry loads
// and returns correct answers, its speed is compared with the bound of its
// instructions, and minutes of work must not miss or invent a hit. [Run] does all
// of it and returns a [Report].
//
// It calls the driver directly, below the GPU device of the engine, to measure
// every variant alone. Then it runs batches, job switches and a long search (the
// soak) through the engine, as a miner does. Report.Figures compares the results
// with the goals of the kernels.
//
// Each of these parts runs in a process of its own ([Child]) with a deadline,
// because a kernel that fails or hangs can make the driver unusable for its
// process. A failed part is in the report and does not affect the others. The
// report is saved after each part.
//
// Caveats: the bound of a kernel follows from its instructions as compiled by ptxas
// 11.8 for the compute capability of the GPU ([kernels.CostOf]); the compiler of
// the driver may differ slightly. For GPUs without counts, such as those newer than
// Hopper, the bound is unknown and left out. The clock is the reading of NVML or
// nvidia-smi while the kernel runs. Without both it is the highest clock, and the
// share of the bound is too low. Entry.ClockOf has the source.
package gpucheck

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os/exec"
	"time"

	"stele/cgo/cuda"
	"stele/engine"
	kernels "stele/kernels/cuda"
)

// Schema identifies the format of a Report.
const Schema = "stele-gpu-check/3"

// Options are the settings of [Run]. Only Child is required.
type Options struct {
	Device   string        // in the form of engine/gpu.Select, or only its number; "": cuda:0
	Only     []string      // parts, as patterns of path.Match; nil: all
	Skip     []string      // parts to leave out, likewise
	Slice    time.Duration // of a sample; 0: 50 ms
	Soak     time.Duration // 0: 5 minutes
	Deadline time.Duration // of a part, without the time of the soak; 0: 90 s
	Small    bool          // little work, for an emulated driver
	Log      io.Writer     // progress; nil: none

	// Child returns the process that runs a part, which must call [Child] with the
	// same options. ctx is for exec.CommandContext.
	Child func(ctx context.Context, part string) *exec.Cmd
	// Save is called with the report after each part, unless it is nil.
	Save func(*Report) error
}

func (o Options) withDefaults() Options {
	if o.Slice == 0 {
		o.Slice = 50 * time.Millisecond
	}
	if o.Soak == 0 {
		o.Soak = 5 * time.Minute
	}
	if o.Deadline == 0 {
		o.Deadline = 90 * time.Second
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	return o
}

// Report is the result of Run. Its JSON form is stable within a Schema.
type Report struct {
	Schema  string      `json:"schema"`
	Time    time.Time   `json:"time"`
	Version string      `json:"version"` // of the program
	Driver  cuda.Status `json:"driver"`
	Device  cuda.Device `json:"device"`
	Good    bool        `json:"good"`   // every part is done, without a wrong answer
	Faults  []string    `json:"faults"` // wrong answers
	Parts   []Part      `json:"parts"`  // all parts with their state

	Entries  []Entry     `json:"entries"`
	Chosen   engine.Info `json:"chosen"` // the choice of the engine's device by measuring
	Copy     Copy        `json:"copy"`
	Blocks   Blocks      `json:"blocks"`
	Switch   []Switch    `json:"job_switch"` // with one version, and with several
	Soak     SoakTotal   `json:"soak"`
	Figures  []Figure    `json:"figures"`
	Hardware []Sample    `json:"hardware"` // while the kernels ran
}

// State is the state of a part.
type State string

const (
	Waiting State = "waiting" // it has not run
	Done    State = "done"    // it ran to its end; wrong answers are in Report.Faults
	Failed  State = "failed"  // it did not run to its end
)

// Part is a part of the check.
type Part struct {
	Name    string  `json:"name"`
	State   State   `json:"state"`
	Error   string  `json:"error,omitempty"`   // reason of a failure
	Seconds float64 `json:"seconds,omitempty"` // with the start of its process
	Sensors string  `json:"sensors,omitempty"` // source of the sensor readings, and why better ones were not used
}

// Entry is the result for a kernel.
type Entry struct {
	Name       string                  `json:"name"`
	Kind       kernels.Kind            `json:"kind"`
	PTX        string                  `json:"ptx_sha256"`
	Log        string                  `json:"log,omitempty"` // of the driver's compiler
	LoadMS     float64                 `json:"load_ms"`       // the driver's compilation
	Attributes cuda.FunctionAttributes `json:"attributes"`
	Checked    uint64                  `json:"checked"` // answers compared with the CPU's
	Wrong      uint64                  `json:"wrong"`

	Blocks      int       `json:"blocks_per_sm,omitempty"` // of the fastest launch shape
	Rates       []float64 `json:"rates,omitempty"`         // items per second, a sample each
	Rate        float64   `json:"rate,omitempty"`          // median
	ClockMHz    float64   `json:"clock_mhz,omitempty"`     // median while it ran
	ClockOf     string    `json:"clock_of,omitempty"`      // "nvml", "nvidia-smi", or "highest": no sensor
	Bound       float64   `json:"bound,omitempty"`         // items per second at that clock; left out if unknown
	ShareOf     float64   `json:"share_of_bound,omitempty"`
	PowerW      float64   `json:"power_w,omitempty"` // median while it ran
	PerJoule    float64   `json:"items_per_joule,omitempty"`
	Temperature float64   `json:"temperature_c,omitempty"`
}

// Copy is the result of verifying large batches of headers, which the bus bounds.
type Copy struct {
	PinnedBytesPerSecond float64   `json:"pinned_bytes_per_second"` // host to device, alone
	HostBytesPerSecond   float64   `json:"host_bytes_per_second"`   // copied within the host's memory by 8 threads
	Checked              uint64    `json:"checked"`                 // verdicts compared with the CPU's
	Headers              int       `json:"headers"`
	Rates                []float64 `json:"rates"`              // headers per second, a batch each
	HeadersPerSecond     float64   `json:"headers_per_second"` // through the engine's device; median
	ShareOfCopy          float64   `json:"share_of_copy"`
}

// Switch is the time from a new job to the end of its first launch.
type Switch struct {
	Kernel string  `json:"kernel"`
	Count  int     `json:"count"`
	P50MS  float64 `json:"p50_ms"`
	P99MS  float64 `json:"p99_ms"`
}

// SoakTotal is the result of the soak: searches through the engine, alternately with
// one version of a header and with several, and ranges searched again on the CPU.
type SoakTotal struct {
	Seconds        float64 `json:"seconds"` // of the searches
	Hashes         uint64  `json:"hashes"`
	ScanRate       float64 `json:"scan_rate"` // hashes per second
	RollRate       float64 `json:"roll_rate"`
	Hits           uint64  `json:"hits"`
	Expected       float64 `json:"hits_expected"`
	Compared       uint64  `json:"compared"` // hashes in ranges whose full sets were compared with the CPU's
	Found          uint64  `json:"found"`    // hits in those ranges, by the CPU
	Missed         uint64  `json:"missed"`   // those that the device missed
	Wrong          uint64  `json:"wrong"`    // hits of the device in those ranges that are not hits
	HardwareErrors uint64  `json:"hardware_errors"`
	State          string  `json:"state"`
	Reason         string  `json:"reason,omitempty"`
	CPUShare       float64 `json:"cpu_share"` // of one core, this process, during the searches
}

// fault records a wrong answer.
func (r *Report) fault(format string, args ...any) {
	r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
