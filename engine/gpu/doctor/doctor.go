// Package doctor finds out why a GPU cannot be used, or shows that it can.
//
// [Run] checks everything from the hardware to a correct answer, step by step:
// the PCI bus, the driver library, the device nodes, the container, the version
// and the start of the driver, each GPU, its kernels, its sensors, and known
// answers of every kernel of every device, the CPU included. A [Step] that fails
// has a reason and a fix. [Report.Exit] is a number for scripts.
//
// Caveats: steps that depend on a failed step are skipped. Run compiles all
// kernels, which takes seconds the first time.
package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/gpu"
)

// State is the result of a step.
type State string

const (
	OK      State = "ok"
	Missing State = "missing" // it failed, and something cannot be used
	Skipped State = "skipped" // it depends on a step that failed
	Absent  State = "absent"  // it failed, and that does no harm
)

// Class is a kind of failure, and its exit code.
type Class int

const (
	NoDriver     Class = 3 // no driver library, or a binary without CUDA
	DriverTooOld Class = 4 // or library and kernel module do not match
	NotPermitted Class = 5 // for the device nodes
	NoDevice     Class = 6 // no GPU, not the selected one, or none that fits
	KernelLoad   Class = 7 // a kernel does not compile or load
	WrongAnswers Class = 8 // of a GPU or a CPU kernel
	DeviceFailed Class = 9 // a GPU fails in another way: no memory, hangs, lost
)

// Step is one step of Run.
type Step struct {
	Name   string `json:"name"`
	Device string `json:"device,omitempty"` // "cpu", "cuda:0"; "": the machine
	State  State  `json:"state"`
	Found  string `json:"found,omitempty"`  // what the step found
	Reason string `json:"reason,omitempty"` // why it failed or was skipped
	Fix    string `json:"mend,omitempty"`   // what to do about it
	Class  Class  `json:"class,omitempty"`  // of a missing step
}

// Report is the result of Run.
type Report struct {
	Steps []Step `json:"steps"`
	Exit  Class  `json:"exit"` // class of the first missing step; 0: no step is missing
}

// Options selects what to examine.
type Options struct {
	Device string // "cpu", "cuda:0", a UUID, a PCI address, or several separated by commas; "": everything
}

// Run performs all steps. When ctx ends it returns early with the steps done so
// far.
func Run(ctx context.Context, opts Options) Report {
	m := thisMachine()
	defer m.release(ctx)
	return walkOf(m, opts).run(ctx)
}

// machine is what Run examines. Tests replace it.
type machine struct {
	root         string // of the file system
	probe        func() cuda.Status
	devices      func() ([]cuda.Device, error)
	compile      func(cuda.Device) (found string, err error) // keeps the GPU open
	release      func(context.Context)                       // closes the GPUs that compile keeps open
	open         func(gpu.Options) (engine.Device, error)
	kernels      func() []string // names of the GPU search kernels for one version
	multiVersion func() []string // and for several versions
	sensors      func(cuda.Device) (found string, err error)
	cpu          []cpuKernel
	messages     func() (found string, err error) // of the kernels for messages
	verdicts     func() (found string, err error) // of the kernel for signatures
}

// walk is a Run in progress.
type walk struct {
	machine
	useCPU    bool
	useGPU    bool
	gpuWanted bool   // a missing GPU is a failure
	gpuNames  string // in the form of gpu.Choose
	report    Report
}

func walkOf(m machine, opts Options) *walk {
	w := &walk{machine: m, useCPU: true, useGPU: true}
	if opts.Device != "" {
		names := strings.Split(opts.Device, ",")
		gpus := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == cpu.ID })
		w.useCPU, w.useGPU, w.gpuWanted = len(gpus) < len(names), len(gpus) > 0, len(gpus) > 0
		w.gpuNames = strings.Join(gpus, ",")
	}
	return w
}

func (w *walk) add(s Step) { w.report.Steps = append(w.report.Steps, s) }

// patience bounds the time of a step.
const patience = time.Minute

// within runs f and waits for it, for patience at most: a broken driver can hang.
// f may still be running after that.
func within[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		v, err := f()
		done <- answer{v, err}
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var none T
	select {
	case a := <-done:
		return a.value, a.err
	case <-timer.C:
		return none, fmt.Errorf("%w: no answer within %v; check dmesg for an NVRM: Xid line", gpu.ErrHung, patience)
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

func (w *walk) run(ctx context.Context) Report {
	if w.useCPU {
		w.answersOfCPU(ctx)
		w.hashesOfMessages(ctx)
		w.signatures(ctx)
	}
	if w.useGPU {
		w.gpus(ctx)
	}
	for _, s := range w.report.Steps {
		if s.State == Missing && w.report.Exit == 0 {
			w.report.Exit = s.Class
		}
	}
	return w.report
}

// gpus performs the steps of GPUs. Without any sign of a GPU, its absence does no
// harm.
func (w *walk) gpus(ctx context.Context) {
	first := len(w.report.Steps)
	hardware := w.hardware()
	status, err := within(ctx, func() (cuda.Status, error) { return w.probe(), nil })
	if err != nil {
		status.Reason = err.Error()
	}
	w.library(status)
	if status.Loaded {
		w.nodes()
		w.container()
		w.driver(status)
	} else {
		w.skip("device nodes", "container", "driver version", "driver start")
	}
	if !status.Usable() {
		w.skip("devices", "compute capability", "kernels", "sensors", "known answers")
		if !w.gpuWanted && !hardware && !status.Loaded {
			for i := range w.report.Steps[first:] {
				if s := &w.report.Steps[first+i]; s.State == Missing {
					s.State, s.Class = Absent, 0
				}
			}
		}
		return
	}
	all, err := within(ctx, w.devices)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%w: the driver works and lists none", cuda.ErrNoDevice)
	}
	var absent []gpu.Absent
	if err == nil {
		all, absent = gpu.Choose(all, w.gpuNames)
	}
	const fix = "check nvidia-smi -L; CUDA_VISIBLE_DEVICES may hide GPUs"
	for _, a := range absent {
		w.fail(Step{Name: "devices", Fix: fix}, a.Err, NoDevice)
	}
	if err != nil {
		w.fail(Step{Name: "devices", Fix: fix}, err, NoDevice)
		w.skip("compute capability", "kernels", "sensors", "known answers")
		return
	}
	if len(all) == 0 {
		w.skip("compute capability", "kernels", "sensors", "known answers")
		return
	}
	w.add(Step{Name: "devices", State: OK, Found: fmt.Sprintf("%d", len(all))})
	for _, d := range all {
		w.device(ctx, d)
	}
}

func (w *walk) skip(names ...string) {
	for _, n := range names {
		w.add(Step{Name: n, State: Skipped})
	}
}

// device performs the steps of one GPU.
func (w *walk) device(ctx context.Context, d cuda.Device) {
	id := fmt.Sprintf("%s:%d", gpu.Kind, d.Index)
	skip := func(names ...string) {
		for _, n := range names {
			w.add(Step{Name: n, Device: id, State: Skipped})
		}
	}
	what := fmt.Sprintf("%s, %s, %s, sm_%d%d, %d SMs, %d MiB", d.Name, d.UUID, d.PCI, d.Major, d.Minor, d.SMs, d.Memory>>20)
	if err := gpu.Fit(d); err != nil {
		w.fail(Step{Name: "compute capability", Device: id, Found: what}, err, NoDevice)
		skip("kernels", "sensors", "known answers")
		return
	}
	w.add(Step{Name: "compute capability", Device: id, State: OK, Found: what})

	found, err := within(ctx, func() (string, error) { return w.compile(d) })
	if err != nil {
		w.fail(Step{Name: "kernels", Device: id}, err, KernelLoad)
		skip("sensors", "known answers")
		return
	}
	w.add(Step{Name: "kernels", Device: id, State: OK, Found: found})

	found, err = within(ctx, func() (string, error) { return w.sensors(d) })
	if err != nil {
		w.add(Step{Name: "sensors", Device: id, State: Absent, Reason: err.Error(),
			Fix: "install libnvidia-ml.so.1, which is part of the driver; a container needs the driver capability utility"})
	} else {
		w.add(Step{Name: "sensors", Device: id, State: OK, Found: found})
	}
	w.answersOfGPU(ctx, id)
}

// fail adds a missing step. The class is that of the error, or otherwise if the
// error has none.
func (w *walk) fail(s Step, err error, otherwise Class) {
	s.State, s.Reason = Missing, err.Error()
	s.Class = cmp.Or(classOf(err), otherwise)
	if s.Fix == "" {
		s.Fix = fixes[s.Class]
	}
	w.add(s)
}

// classOf returns the class of an error, or 0 if its kind has none.
func classOf(err error) Class {
	for _, k := range []struct {
		kind  error
		class Class
	}{
		{engine.ErrWrong, WrongAnswers},
		{cuda.ErrNotPermitted, NotPermitted},
		{cuda.ErrDriverTooOld, DriverTooOld},
		{cuda.ErrNoDriver, NoDriver},
		{cuda.ErrNoDevice, NoDevice},
		{cuda.ErrInvalidDevice, NoDevice},
		{gpu.ErrUnknownDevice, NoDevice},
		{gpu.ErrUnfit, NoDevice},
		{cuda.ErrInvalidImage, KernelLoad},
		{gpu.ErrHung, DeviceFailed},
		{cuda.ErrOutOfMemory, DeviceFailed},
		{cuda.ErrLaunchFailed, DeviceFailed},
		{cuda.ErrDeviceLost, DeviceFailed},
	} {
		if errors.Is(err, k.kind) {
			return k.class
		}
	}
	return 0
}

// fixes has the default fix of each class.
var fixes = map[Class]string{
	NoDriver:     "install the NVIDIA driver, R450 or newer",
	DriverTooOld: "update the NVIDIA driver to R450 or newer, and restart the machine",
	NotPermitted: "grant the user read and write access to /dev/nvidia*, or the container access to the GPU",
	NoDevice:     "use a GPU of compute capability 7.5 or higher that nvidia-smi -L lists",
	KernelLoad:   "update the NVIDIA driver; in a container, also mount libnvidia-ptxjitcompiler.so.1",
	WrongAnswers: "do not use this device: lower its clocks, check for memory errors, or replace it",
	DeviceFailed: "stop other programs on this GPU, reset it with nvidia-smi -r, or restart the machine",
}
