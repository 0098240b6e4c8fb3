package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/deviceflags"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/gpu"
	"stele/kernels/simd"
)

// caseSet is what one run measures.
type caseSet struct {
	cases   []bench.Case
	walks   map[string]*bench.Walk // by the ID of the case
	lists   map[string]finisher    // likewise
	devices []engine.Info
	failed  []bench.Failure // of devices that could not be opened
	engines []*engine.Engine
	blocks  []*blockWorker
	headers []byte // shared by all verifications
	meters  *meters

	work     []bench.Mode // the modes that are measured of each device
	settings bench.Settings
}

// openCases opens an engine for every device, kernel and number of threads, and
// makes the cases.
func openCases(c *cli.Context, settings bench.Settings) (_ *caseSet, err error) {
	useCPU, useGPU, err := deviceflags.Kinds(c)
	if err != nil {
		return nil, err
	}
	set := &caseSet{
		walks:    map[string]*bench.Walk{},
		lists:    map[string]finisher{},
		meters:   openMeters(c),
		settings: settings,
	}
	defer func() {
		if err != nil {
			set.close()
		}
	}()
	if add := set.listsOf(settings.Mode); add != nil {
		if useGPU && c.IsSet("device") {
			return nil, fmt.Errorf("--device %s: only the CPU has the mode %s", c.String("device"), settings.Mode)
		}
		return set, set.openLists(c.Context, add)
	}
	if settings.Mode != string(bench.Verify) {
		set.work = append(set.work, bench.Search)
	}
	if settings.Rolling {
		set.work = append(set.work, bench.Roll)
	}
	if settings.Mode != string(bench.Search) {
		set.work = append(set.work, bench.Verify)
		set.headers = bench.MakeHeaders(bench.HeaderSet)
	}
	for _, mode := range set.work {
		set.addCase(bench.Spec{Mode: mode, Device: cpu.ID, Kernel: bench.Reference, Threads: 1}, bench.ReferenceScan, bench.ReferenceVerify)
	}
	if useCPU {
		if err := set.openCPU(c.Bool("bare")); err != nil {
			return nil, err
		}
	}
	if useGPU {
		if err := set.openGPUs(c, !useCPU || c.IsSet("device")); err != nil {
			return nil, err
		}
	}
	if slices.Contains(set.work, bench.Search) && len(set.devices) > 1 {
		if err := set.openAll(c, useCPU); err != nil {
			return nil, err
		}
	}
	return set, nil
}

// openAll adds the case in which all devices search together, each with its fastest
// kernel or the one that --kernel names. It opens them again, because an engine owns
// its devices.
func (s *caseSet) openAll(c *cli.Context, useCPU bool) error {
	devices, absent, err := s.openAgain(c, useCPU, true)
	if err != nil {
		return err
	}
	e := engine.New(devices, nil)
	s.engines = append(s.engines, e)
	spec := bench.Spec{Mode: bench.Search, Device: bench.All}
	if len(devices) < len(s.devices) {
		s.failed = append(s.failed, bench.Failure{Case: spec.ID(), Reason: fmt.Sprintf("%s: %v", absent[0].ID, absent[0].Err)})
		return nil
	}
	scan, deviceItems := bench.EngineScanAll(e)
	s.addCase(spec, scan, nil)
	s.cases[len(s.cases)-1].DeviceItems = deviceItems
	s.cases[len(s.cases)-1].DeviceIdle = bench.EngineIdle(e)
	return nil
}

// openCPU adds the cases of the CPU.
func (s *caseSet) openCPU(bare bool) error {
	threads := s.threads()
	for i, kernel := range kernelNames(s.settings.Kernel) {
		for j, n := range threads {
			device, err := cpu.Open(cpu.Options{Threads: n, Kernel: kernel})
			if err != nil {
				return fmt.Errorf("device %s: %w", cpu.ID, err)
			}
			s.add(device, n, i+j == 0, s.work)
			if bare && j == 0 && slices.Contains(s.work, bench.Search) {
				k, err := simd.Lookup(device.Info().SearchKernel)
				if err != nil {
					return err
				}
				s.addCase(bench.Spec{Mode: bench.Search, Device: bench.Bare, Kernel: k.Name(), Threads: 1}, bench.BareScan(k), nil)
			}
		}
	}
	return nil
}

// openGPUs adds the cases of the GPUs. If they are wanted, it is an error that there
// is none.
func (s *caseSet) openGPUs(c *cli.Context, wanted bool) error {
	opts := deviceflags.GPUOptions(c, deviceflags.Warnings(c))
	for i, open := range s.gpuCases() {
		opts.Kernel, opts.RollKernel = open.Kernel, open.RollKernel
		devices, absent := gpu.Open(opts)
		for _, d := range devices {
			s.add(d, 0, i == 0, open.work)
		}
		for _, a := range absent {
			switch {
			case errors.Is(a.Err, gpu.ErrUnknownDevice) || i == 0 && wanted && len(devices) == 0:
				return fmt.Errorf("device %s: %w", a.ID, a.Err)
			case deviceflags.IsUnexpected(a.Err) || deviceflags.NamesGPUs(c):
				s.fail(a, cmp.Or(open.Kernel, open.RollKernel), open.work)
			}
		}
	}
	return nil
}

// fail adds the cases of a GPU that could not be opened to the failures. An empty
// kernel is the fastest, which has no name yet.
func (s *caseSet) fail(a gpu.Absent, kernel string, work []bench.Mode) {
	for _, mode := range work {
		id := string(mode) + "/" + a.ID
		if kernel != "" {
			id += "/" + kernel
		}
		s.failed = append(s.failed, bench.Failure{Case: id, Reason: a.Err.Error()})
	}
}

// gpuCase is how to open the GPUs for some modes.
type gpuCase struct {
	gpu.Options
	work []bench.Mode
}

// gpuCases returns how to open the GPUs: once, or once for each kernel if --kernel is
// all. Only one kernel verifies.
func (s *caseSet) gpuCases() (all []gpuCase) {
	work := s.work
	if s.settings.Kernel != "all" {
		return []gpuCase{{gpu.Options{Kernel: s.settings.Kernel}, work}}
	}
	for _, k := range gpu.SearchKernels() {
		all = append(all, gpuCase{gpu.Options{Kernel: k}, work})
		work = slices.DeleteFunc(slices.Clone(work), func(m bench.Mode) bool { return m != bench.Search })
	}
	if !s.settings.Rolling {
		return all
	}
	all[0].work = slices.DeleteFunc(slices.Clone(all[0].work), func(m bench.Mode) bool { return m == bench.Roll })
	for _, k := range gpu.MultiVersionKernels() {
		all = append(all, gpuCase{gpu.Options{RollKernel: k}, []bench.Mode{bench.Roll}})
	}
	return all
}

// add opens an engine for a device and adds its cases. The first engine of a device
// also adds its description.
func (s *caseSet) add(d engine.Device, threads int, first bool, work []bench.Mode) {
	e := engine.New([]engine.Device{d}, nil)
	s.engines = append(s.engines, e)
	info := d.Info()
	if first {
		described := info
		if info.Threads > 0 {
			described.Threads = runtime.GOMAXPROCS(0) // of the device, not of the case
		}
		s.devices = append(s.devices, described)
	}
	kernels := map[bench.Mode]string{
		bench.Search: info.SearchKernel,
		bench.Roll:   cmp.Or(info.RollKernel, info.SearchKernel),
		bench.Verify: info.VerifyKernel,
	}
	for _, mode := range work {
		spec := bench.Spec{Mode: mode, Device: info.ID, Kernel: kernels[mode], Threads: threads}
		s.addCase(spec, bench.EngineScan(e), bench.EngineVerify(e))
		if info.UUID != "" {
			s.cases[len(s.cases)-1].Sensor = s.meters.gpu(info).State
		}
	}
}

// kernelNames returns the kernels that --kernel asks for. The empty name is the
// fastest.
func kernelNames(flag string) []string {
	if flag != "all" {
		return []string{flag}
	}
	var names []string
	for _, v := range simd.Variants() {
		if v.Available {
			names = append(names, v.Name)
		}
	}
	return names
}

// addCase adds a case, which scans or verifies as its mode says.
func (s *caseSet) addCase(spec bench.Spec, scan bench.ScanFunc, verify bench.VerifyFunc) {
	if spec.Mode == bench.Verify {
		s.cases = append(s.cases, bench.Case{Spec: spec, Work: bench.NewBatch(verify, s.headers)})
		return
	}
	walk := bench.NewWalk(scan)
	if spec.Mode == bench.Roll {
		walk = bench.NewRolledWalk(scan)
	}
	s.walks[spec.ID()] = walk
	s.cases = append(s.cases, bench.Case{Spec: spec, Work: walk})
}

// measure runs the cases and returns the result.
func (s *caseSet) measure(c *cli.Context, settings bench.Settings) (*bench.Result, error) {
	started := time.Now()
	bar := cmdline.NewProgress(c, 1000, "bench")
	defer bar.Close()
	plan := bench.Plan{Duration: time.Duration(settings.Duration * float64(time.Second)), Energy: s.meters.joules}
	clock := bench.NewHostClock()
	uncounted := clock.CountCycles()
	measured, err := bench.Measure(c.Context, s.cases, plan, clock, func(done float64) {
		bar.Set(int64(done * 1000))
	})
	if err := errors.Join(err, clock.Close()); err != nil {
		return nil, err
	}
	env := bench.Here(c.App.Version, s.devices)
	if uncounted != nil {
		env.CounterAbsent = uncounted.Error()
	}
	env.Label = c.String("label")
	env.SetEnergy(s.meters.sources())
	result := bench.New(started, env, settings, s.cases, measured)
	result.Failed = append(result.Failed, s.failed...)
	for i, k := range s.cases {
		if measured.Failed[i] != nil {
			continue
		}
		switch err := s.finish(c.Context, k.ID(), result); {
		case err == nil:
		case c.Context.Err() != nil:
			return nil, fmt.Errorf("%s: %w", k.ID(), err)
		default:
			result.Fail(k.ID(), err)
		}
	}
	if len(result.Cases) == 0 {
		return nil, fmt.Errorf("%s: %s", result.Failed[0].Case, result.Failed[0].Reason)
	}
	return result, nil
}

// finish ends the work of a case, and adds what it found to the result.
func (s *caseSet) finish(ctx context.Context, id string, result *bench.Result) error {
	if walk := s.walks[id]; walk != nil {
		proof, err := walk.Finish(ctx)
		if err == nil {
			result.AddProof(id, proof)
		}
		return err
	}
	if list := s.lists[id]; list != nil {
		answers, err := list.Finish(ctx)
		if err == nil {
			result.AddAnswers(id, answers)
		}
		return err
	}
	return nil
}

func (s *caseSet) close() {
	s.meters.close()
	for _, e := range s.engines {
		_ = e.Close() // the measurements are taken
	}
	for _, w := range s.blocks {
		_ = w.close() // likewise
	}
}
