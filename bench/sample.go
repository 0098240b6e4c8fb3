package bench

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Mode is the kind of work that is measured.
type Mode string

// The modes.
const (
	Search Mode = "search" // nonces of one header, counted in hashes
	Roll   Mode = "roll"   // nonces of 128 versions of one header, counted in hashes
	Verify Mode = "verify" // independent headers, counted in headers

	SignaturesNew   Mode = "signatures-new"   // signatures, each with a key of its own
	SignaturesKnown Mode = "signatures-known" // signatures with few keys, which were prepared before
	RecordHashes    Mode = "records-hashes"   // both hashes of records, counted in records
	RecordMerkle    Mode = "records-merkle"   // a level of a Merkle tree, counted in nodes that are computed
	BlocksCold      Mode = "blocks-cold"      // blocks whose signatures are new to the node, counted in records
	BlocksWarm      Mode = "blocks-warm"      // blocks whose records came before, counted in records
)

// modeInfo describes a mode.
type modeInfo struct {
	mode      Mode
	request   string  // the setting that asks for it
	unit      string  // name of the items
	prefix    string  // of the unit in tables: M or k
	scale     float64 // that the prefix means
	reference string  // what the rates are relative to
}

// modeInfos lists all modes in the order of the tables.
var modeInfos = []modeInfo{
	{Search, "search", "hashes", "M", 1e6, standardReference},
	{Roll, "search", "hashes", "M", 1e6, standardReference},
	{Verify, "verify", "headers", "M", 1e6, standardReference},
	{SignaturesNew, "signatures", "signatures", "k", 1e3, "of curve25519-voi's batches on one thread"},
	{SignaturesKnown, "signatures", "signatures", "k", 1e3, "of curve25519-voi's batches with prepared keys on one thread"},
	{RecordHashes, "records", "records", "M", 1e6, "of sha256-simd on one thread"},
	{RecordMerkle, "records", "nodes", "M", 1e6, "of sha256-simd on one thread"},
	{BlocksCold, "blocks", "records", "k", 1e3, "of a node on one thread without kernels"},
	{BlocksWarm, "blocks", "records", "k", 1e3, "of a node on one thread without kernels"},
}

const standardReference = "of Go's crypto/sha256 on one thread"

// info returns the description of a mode; the zero value if there is no such mode.
func (m Mode) info() modeInfo {
	for _, i := range modeInfos {
		if i.mode == m {
			return i
		}
	}
	return modeInfo{}
}

// modes returns all modes in the order of the tables.
func modes() (all []Mode) {
	for _, i := range modeInfos {
		all = append(all, i.mode)
	}
	return all
}

// Searches reports whether a mode finds nonces and so has a proof.
func (m Mode) Searches() bool { return m == Search || m == Roll }

// Answers reports whether a mode works through a list with known answers.
func (m Mode) Answers() bool { return m.info().mode != "" && !m.Searches() && m != Verify }

// Unit returns the name of the items of a mode.
func (m Mode) Unit() string { return m.info().unit }

// Requests returns the values of [Settings.Mode], except "all".
func Requests() (all []string) {
	for _, i := range modeInfos {
		if !slices.Contains(all, i.request) {
			all = append(all, i.request)
		}
	}
	return all
}

// RequestedBy reports whether a value of [Settings.Mode] asks for the mode. "all" asks
// for what devices do, searches and verifications.
func (m Mode) RequestedBy(setting string) bool {
	return setting == m.info().request || setting == "all" && !m.Answers()
}

// Names of cases that are not a device with a kernel.
const (
	// Reference is the kernel of the cases that others are compared with, on one
	// thread. For searches and verifications it is a plain loop over the standard
	// library's crypto/sha256.
	Reference = "reference"
	// Bare is the device of the cases that call a CPU kernel without the engine.
	Bare = "bare"
	// All is the device of the case in which all devices search together, each with
	// a kernel of its own.
	All = "all"
)

// Spec identifies a case: its ID is unique in a result.
type Spec struct {
	Mode    Mode   `json:"mode"`
	Device  string `json:"device"`            // ID as `stele devices` lists it, or Bare or All
	Kernel  string `json:"kernel"`            // empty for All
	Threads int    `json:"threads,omitempty"` // CPU threads; 0 if the device is not a CPU
}

// ID returns the name of the case, such as "search/cpu/avx2/2" or "search/all".
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

// Workload does the work of a case. Its methods are never called concurrently.
type Workload interface {
	// Begin is called once, between the calibration and the warm-up, with the
	// approximate number of items of all later calls of Run.
	Begin(expected uint64)
	// Run processes exactly the next items items.
	Run(ctx context.Context, items uint64) error
}

// Preparer is a [Workload] that has something to do before each call of Run, which is
// not measured.
type Preparer interface {
	// Prepare is called before each call of Run with the same number of items.
	Prepare(ctx context.Context, items uint64) error
}

// Case is one thing to measure.
type Case struct {
	Spec
	Work Workload
	// Step is the number of items that cannot be divided: a slice has a multiple of
	// it. 0 means 1.
	Step uint64
	// Sensor reads the state of the GPU that does the work, or returns false. It is
	// nil for other devices.
	Sensor func() (GPUState, bool)
	// DeviceItems returns the items that each device has done since the last call,
	// by the device's ID. It is nil if one device does all.
	DeviceItems func() map[string]uint64
	// DeviceIdle returns the seconds in which each device had no piece of work since
	// the last call, by the device's ID. It is nil if one device does all.
	DeviceIdle func() map[string]float64
}

// Sample is one slice of work of one case. The samples with the same index
// belong to the same round.
type Sample struct {
	Items   uint64  `json:"items"`
	Seconds float64 `json:"seconds"`
	// Probe is the speed of a fixed piece of arithmetic just before or just after
	// the slice, whichever was slower; 1 is the usual best of the run. A lower
	// clock or a busy thread on the same core reduces it.
	Probe float64 `json:"probe"`
	// CPU is the processor time of the program as a part of the time that its
	// threads could have used. Other programs reduce it. 0 if not known.
	CPU float64 `json:"cpu,omitempty"`
	// Cycles is the number of core cycles that the threads of the program spent on the
	// slice, outside the operating system, by the performance counter. 0 if not known.
	Cycles float64 `json:"cycles,omitempty"`
	// Clock is the clock of a core just before and just after the slice, the mean of
	// both, in hertz. 0 if not known.
	Clock float64 `json:"clock_hz,omitempty"`
	// Joules is the energy that the CPU packages of the machine used during the slice,
	// whichever device did the work. 0 if not known.
	Joules float64 `json:"joules,omitempty"`
	// GPU is the state of the GPU before and after the slice; nil if not known, or
	// without a GPU.
	GPU *GPUStates `json:"gpu,omitempty"`
	// Devices has the items of each device if several work together.
	Devices map[string]uint64 `json:"devices,omitempty"`
	// Idle has the seconds in which each of them had no piece of work; nil if not known.
	Idle map[string]float64 `json:"idle,omitempty"`
}

// Rate returns the number of items per second.
func (s Sample) Rate() float64 { return float64(s.Items) / s.Seconds }

// A slice with a value below one of these counts as disturbed.
const (
	minQuietProbe = 0.97
	minQuietCPU   = 0.95
)

// Quiet reports whether no disturbance of the slice was detected.
func (s Sample) Quiet() bool {
	return s.Probe >= minQuietProbe && (s.CPU == 0 || s.CPU >= minQuietCPU)
}

// Plan sets the duration and the number of samples of a measurement.
type Plan struct {
	Duration   time.Duration // of the whole, including the warm-up, unless MinSamples take longer
	MinSamples int           // of each case; 0 means 30
	// Energy returns the joules that the CPU packages have used since a fixed moment.
	// Nil, or an error: not known.
	Energy func() (float64, error)
}

// energy reads the energy of the CPU packages; false if it is not known.
func (p Plan) energy() (joules float64, ok bool) {
	if p.Energy == nil {
		return 0, false
	}
	joules, err := p.Energy()
	return joules, err == nil
}

const (
	defaultSamples = 30
	minSlice       = 5 * time.Millisecond
	maxSlice       = 50 * time.Millisecond
	// A slice lasts at least this many steps of the clock.
	clockSteps = 1000
)

// slice returns the duration of a slice of each of n cases: short, so that a
// disturbance hits all cases alike, but so long that the resolution of the clock
// and the start of the work do not matter.
func (p Plan) slice(n int, resolution time.Duration) time.Duration {
	const warmUp = 6 // usual rounds of a warm-up
	d := p.Duration / time.Duration(n*(p.MinSamples+warmUp))
	return max(min(d, maxSlice), minSlice, clockSteps*resolution)
}

// Timing describes the course of a measurement.
type Timing struct {
	SliceSeconds  float64 `json:"slice_seconds"` // the planned duration of a slice
	WarmUpRounds  int     `json:"warm_up_rounds"`
	WarmUpSeconds float64 `json:"warm_up_seconds"` // including the calibration
	Settled       bool    `json:"settled"`         // the warm-up ended because the rates were steady
	Rounds        int     `json:"rounds"`
	Seconds       float64 `json:"seconds"` // of the rounds, without the warm-up
}
