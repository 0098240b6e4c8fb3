package bench

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/bench/efficiency"
	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/deviceflags"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/gpu"
)

// sweep measures devices at several settings.
type sweep struct {
	steps   []step
	devices []engine.Info
	failed  []bench.Failure
	meters  *meters
	engines []*engine.Engine
	control efficiency.Control
	guard   *efficiency.Guard // nil: nothing is changed
}

// step is a setting of a device.
type step struct {
	spec   bench.Spec
	info   engine.Info
	engine *engine.Engine
	limit  float64 // watts; 0: as it is
	clock  uint32  // MHz; 0: as it is
}

// name returns the name of a step for messages, such as "search/cuda:0/sha256d at 250 W".
func (s step) name() string {
	var at []string
	if s.limit > 0 {
		at = append(at, fmt.Sprintf("%g W", s.limit))
	}
	if s.clock > 0 {
		at = append(at, fmt.Sprintf("%d MHz", s.clock))
	}
	if len(at) == 0 {
		return s.spec.ID()
	}
	return s.spec.ID() + " at " + strings.Join(at, " and ")
}

// openSweep opens the devices, and a guard if limits are to be changed. Devices whose
// energy is not known are left out, with a line.
func openSweep(c *cli.Context, settings sweepSettings) (_ *sweep, err error) {
	useCPU, useGPU, err := deviceflags.Kinds(c)
	if err != nil {
		return nil, err
	}
	s := &sweep{meters: openMeters(c), control: efficiency.NVML{}, failed: []bench.Failure{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	var absent []string
	if useCPU && s.meters.cpu == nil {
		absent = append(absent, cpu.ID+": "+s.meters.absent.Error())
	} else if useCPU {
		if err := s.openCPU(settings); err != nil {
			return nil, err
		}
	}
	if useGPU {
		without, err := s.openGPUs(c, settings, !useCPU || c.IsSet("device"))
		if err != nil {
			return nil, err
		}
		absent = append(absent, without...)
	}
	if changesGPUs(c) && s.guard == nil && len(s.steps) > 0 {
		return nil, errors.New("--power-limits and --clocks are for GPUs, and none is measured")
	}
	if len(s.steps) == 0 {
		return nil, fmt.Errorf("the energy of no device is known: %s", strings.Join(absent, "; "))
	}
	for _, text := range absent {
		fmt.Fprintf(c.App.ErrWriter, "stele: left out, its energy is not known: %s\n", text)
	}
	return s, nil
}

// changesGPUs reports whether the sweep changes limits.
func changesGPUs(c *cli.Context) bool { return c.IsSet("power-limits") || c.IsSet("clocks") }

// openCPU adds the steps of the CPU.
func (s *sweep) openCPU(settings sweepSettings) error {
	counts := settings.threads
	if len(counts) == 0 {
		counts = efficiency.Threads(runtime.GOMAXPROCS(0))
	}
	kernel := settings.Kernel
	for i, n := range counts {
		d, err := cpu.Open(cpu.Options{Threads: n, Kernel: kernel})
		if err != nil {
			return fmt.Errorf("device %s: %w", cpu.ID, err)
		}
		kernel = d.Info().SearchKernel // the same for all
		e := s.add(d, i == 0)
		s.steps = append(s.steps, step{
			spec: bench.Spec{Mode: bench.Search, Device: cpu.ID, Kernel: kernel, Threads: n}, info: d.Info(), engine: e,
		})
	}
	return nil
}

// add opens an engine for a device, and describes it if it is new.
func (s *sweep) add(d engine.Device, isNew bool) *engine.Engine {
	e := engine.New([]engine.Device{d}, nil)
	s.engines = append(s.engines, e)
	if info := d.Info(); isNew {
		if info.Threads > 0 {
			info.Threads = runtime.GOMAXPROCS(0) // of the device, not of the step
		}
		s.devices = append(s.devices, info)
	}
	return e
}

// openGPUs adds the steps of the GPUs, and starts the guard. It returns a line for each
// GPU whose energy is not known. If GPUs are wanted, it is an error that there is none.
func (s *sweep) openGPUs(c *cli.Context, settings sweepSettings, wanted bool) (without []string, err error) {
	devices, absent := gpu.Open(deviceflags.GPUOptions(c, deviceflags.Warnings(c)))
	var engines []*engine.Engine
	for _, d := range devices {
		engines = append(engines, s.add(d, true)) // all are closed with their engines
	}
	for _, a := range absent {
		switch {
		case errors.Is(a.Err, gpu.ErrUnknownDevice) || wanted && len(devices) == 0:
			return nil, fmt.Errorf("device %s: %w", a.ID, a.Err)
		case deviceflags.IsUnexpected(a.Err) || deviceflags.NamesGPUs(c):
			s.failed = append(s.failed, bench.Failure{Case: "search/" + a.ID, Reason: a.Err.Error()})
		}
	}
	var changes []efficiency.Change
	for i, d := range devices {
		info := d.Info()
		if source, reason := s.meters.gpu(info).Source(); source == "" {
			without = append(without, info.ID+": "+reason)
			continue
		}
		if changesGPUs(c) {
			changes = append(changes, efficiency.Change{Device: info.ID, UUID: info.UUID, PowerLimit: c.IsSet("power-limits"), Clock: c.IsSet("clocks")})
		}
		if err := s.addGPU(c, settings, info, engines[i]); err != nil {
			return nil, err
		}
	}
	if len(changes) > 0 {
		err = s.startGuard(c, changes)
	}
	return without, err
}

// addGPU adds the steps of a GPU: each power limit with each clock.
func (s *sweep) addGPU(c *cli.Context, settings sweepSettings, info engine.Info, e *engine.Engine) error {
	limits, clocks := settings.limits, settings.clocks
	if c.String("power-limits") == efficiency.Auto {
		r, err := s.control.Power(info.UUID)
		if err != nil {
			return fmt.Errorf("--power-limits: %s: %w", info.ID, err)
		}
		limits = efficiency.Limits(r)
	}
	if c.String("clocks") == efficiency.Auto {
		highest, err := s.control.MaxClock(info.UUID)
		if err != nil {
			return fmt.Errorf("--clocks: %s: %w", info.ID, err)
		}
		clocks = efficiency.Clocks(highest)
	}
	asItIs := []float64{0}
	if len(limits) == 0 {
		limits = asItIs
	}
	if len(clocks) == 0 {
		clocks = asItIs
	}
	for _, watts := range limits {
		for _, mhz := range clocks {
			s.steps = append(s.steps, step{
				spec: bench.Spec{Mode: bench.Search, Device: info.ID, Kernel: info.SearchKernel}, info: info, engine: e,
				limit: watts, clock: uint32(mhz),
			})
		}
	}
	return nil
}

// startGuard starts the process that restores the limits.
func (s *sweep) startGuard(c *cli.Context, changes []efficiency.Change) error {
	record, err := recordFile(c)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	s.guard, err = efficiency.StartGuard(s.control, exec.Command(program, "bench", guardCommandName), record, changes)
	if err != nil {
		return err
	}
	if s.guard.Note != "" {
		fmt.Fprintf(c.App.ErrWriter, "stele: %s\n", s.guard.Note)
	}
	return nil
}

// run measures all steps and adds them to the result. The error is that of the context,
// which ends the sweep; a step that cannot be measured is a failure of the result.
func (s *sweep) run(c *cli.Context, result *bench.Result) error {
	bar := cmdline.NewProgress(c, int64(len(s.steps))*1000, "efficiency")
	defer bar.Close()
	for i, at := range s.steps {
		err := s.set(at)
		if err == nil {
			err = s.measure(c, at, result, func(done float64) { bar.Set(int64((float64(i) + done) * 1000)) })
		}
		if err == nil {
			continue
		}
		if c.Context.Err() != nil {
			return cmdline.Cause(c, err)
		}
		reason := strings.TrimPrefix(err.Error(), at.spec.ID()+": ")
		fmt.Fprintf(c.App.ErrWriter, "stele: %s: %s\n", at.name(), reason)
		result.Failed = append(result.Failed, bench.Failure{Case: at.name(), Reason: reason})
	}
	return nil
}

// set changes the GPU of a step.
func (s *sweep) set(at step) error {
	if at.limit > 0 {
		if err := s.control.SetPowerLimit(at.info.UUID, at.limit); err != nil {
			return err
		}
	}
	if at.clock > 0 {
		return s.control.LockClock(at.info.UUID, at.clock)
	}
	return nil
}

// measure measures a step and adds it to the result.
func (s *sweep) measure(c *cli.Context, at step, result *bench.Result, progress func(float64)) error {
	walk := bench.NewWalk(bench.EngineScan(at.engine))
	work := bench.Case{Spec: at.spec, Work: walk}
	if at.info.UUID != "" {
		work.Sensor = s.meters.gpu(at.info).State
	}
	plan := bench.Plan{Duration: time.Duration(result.Settings.Duration * float64(time.Second)), Energy: s.meters.joules}
	measured, err := bench.Measure(c.Context, []bench.Case{work}, plan, bench.NewHostClock(), progress)
	if err != nil {
		return err
	}
	proof, err := walk.Finish(c.Context)
	if err != nil {
		return err
	}
	result.AddPoint(bench.SweepPoint{Spec: at.spec, PowerLimit: at.limit, ClockMHz: at.clock, Samples: measured.Samples[0]}, proof)
	if p := result.Sweep[len(result.Sweep)-1]; p.Watts == 0 {
		fmt.Fprintf(c.App.ErrWriter, "stele: %s: the energy is not known: %s\n", at.name(), s.reason(at))
	}
	return nil
}

// reason returns why the energy of a step is not known.
func (s *sweep) reason(at step) string {
	text := ""
	if at.info.UUID != "" {
		_, text = s.meters.gpu(at.info).Source()
	} else if _, err := s.meters.joules(); err != nil {
		text = err.Error()
	}
	return cmp.Or(text, "the counter did not move")
}

// close restores the limits and closes the devices.
func (s *sweep) close() (err error) {
	if s.guard != nil {
		err = s.guard.Close()
		s.guard = nil
	}
	for _, e := range s.engines {
		_ = e.Close() // the measurements are taken
	}
	s.meters.close()
	return err
}
