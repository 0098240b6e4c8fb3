package bench

import (
	"context"
	"fmt"
	"time"
)

// Mode is the kind of work that is measured.
type Mode string

// The modes.
const (
	Search Mode = "search" // nonces of one header, counted in hashes
	Roll   Mode = "roll"   // nonces of 128 versions of one header, counted in hashes
	Verify Mode = "verify" // independent headers, counted in headers
)

// modes are all, in the order of the tables.
var modes = []Mode{Search, Roll, Verify}

// Searches reports whether a mode finds nonces, and so has a proof.
func (m Mode) Searches() bool { return m == Search || m == Roll }

// Unit names what a mode counts.
func (m Mode) Unit() string {
	if m.Searches() {
		return "hashes"
	}
	return "headers"
}

// Reference is the kernel name of the base rows: a plain loop over the
// standard library's crypto/sha256, on one thread.
const Reference = "reference"

// Bare is the device name of the rows in which a CPU kernel is called without
// the engine around it.
const Bare = "bare"

// All is the device name of the case in which all devices search together, each
// with a kernel of its own.
const All = "all"

// Spec names a case. Its ID is unique in a result.
type Spec struct {
	Mode    Mode   `json:"mode"`
	Device  string `json:"device"`            // as `stele devices` names it, or Bare or All
	Kernel  string `json:"kernel"`            // empty of All
	Threads int    `json:"threads,omitempty"` // CPU threads; 0: not a CPU
}

// ID is the name of the case: "search/cpu/avx2/2", "search/all".
func (s Spec) ID() string {
	id := fmt.Sprintf("%s/%s", s.Mode, s.Device)
	if s.Device != All {
		id += "/" + s.Kernel
	}
	if s.Threads > 0 {
		id += fmt.Sprintf("/%d", s.Threads)
	}
	return id
}

// Workload does the work of a case. Its methods are called one at a time.
type Workload interface {
	// Begin is called once, between the calibration and the warm-up, with
	// about the number of items that Run will be asked for in all.
	Begin(expected uint64)
	// Run processes exactly this number of items, the next ones in turn.
	Run(ctx context.Context, items uint64) error
}

// Case is one thing to measure.
type Case struct {
	Spec
	Work Workload
	// Sensor reads the state of the GPU that does the work; false: it cannot be
	// read. Nil: it is no GPU.
	Sensor func() (GPUState, bool)
	// Shares returns the items that each device has done since the last call, by
	// the device's ID. Nil: one device does all.
	Shares func() map[string]uint64
}

// Sample is one slice of work of one case. The samples with the same index
// belong to the same round.
type Sample struct {
	Items   uint64  `json:"items"`
	Seconds float64 `json:"seconds"`
	// Probe is the speed of a fixed piece of arithmetic just before or just
	// after the slice, whichever was slower; 1 is the usual best of the run.
	// A lower clock and a busy neighbour on the same core make it less.
	Probe float64 `json:"probe"`
	// CPU is the processor time that the program got, as a part of what its
	// threads could have had. Other programs make it less. 0: not known.
	CPU float64 `json:"cpu,omitempty"`
	// GPU is the state of the GPU around the slice. Nil: not known, or none.
	GPU *GPUStates `json:"gpu,omitempty"`
	// Devices are the items that each device did, where several work together.
	Devices map[string]uint64 `json:"devices,omitempty"`
}

// Rate is the number of items per second.
func (s Sample) Rate() float64 { return float64(s.Items) / s.Seconds }

// The bounds below which a slice counts as disturbed.
const (
	quietProbe = 0.97
	quietCPU   = 0.95
)

// Quiet reports whether nothing was seen to disturb the slice.
func (s Sample) Quiet() bool {
	return s.Probe >= quietProbe && (s.CPU == 0 || s.CPU >= quietCPU)
}

// Plan says how long and how finely to measure.
type Plan struct {
	Duration   time.Duration // of the whole, warm-up included, unless MinSamples take longer
	MinSamples int           // of each case; 0: 30
}

const (
	defaultSamples = 30
	minSlice       = 5 * time.Millisecond
	maxSlice       = 50 * time.Millisecond
	// A slice lasts at least this many steps of the clock.
	clockSteps = 1000
)

// slice is how long one slice of one of n cases shall last: short, so that a
// disturbance hits all cases alike, yet long enough for the clock and for the
// start of the work not to count.
func (p Plan) slice(n int, resolution time.Duration) time.Duration {
	const warm = 6 // rounds that the warm-up usually takes
	d := p.Duration / time.Duration(n*(p.MinSamples+warm))
	return max(min(d, maxSlice), minSlice, clockSteps*resolution)
}

// Timing tells how a measurement went.
type Timing struct {
	SliceSeconds  float64 `json:"slice_seconds"` // how long a slice was meant to last
	WarmUpRounds  int     `json:"warm_up_rounds"`
	WarmUpSeconds float64 `json:"warm_up_seconds"` // calibration included
	Settled       bool    `json:"settled"`         // the warm-up ended because the rates stood still
	Rounds        int     `json:"rounds"`
	Seconds       float64 `json:"seconds"` // of the rounds, warm-up left out
}
