package main

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/gpu"
	"stele/kernels/simd"
)

// The bounds of --duration.
const (
	shortestBench = 100 * time.Millisecond
	longestBench  = time.Hour
)

func benchCommand() *cli.Command {
	return &cli.Command{
		Name:  "bench",
		Usage: "measure every device and kernel, and prove the work done",
		Description: "Cases are measured in turn, in short slices, each at least 30 times. Rates are\n" +
			"medians with 95 % intervals; a disturbed run says so. The searches go through\n" +
			"a fixed range of nonces and must find the exact set that is known for it.\n" +
			"See docs/bench.md for the fields of the result.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "mode", Usage: "`MODE`: search, verify or all", DefaultText: "all"},
			deviceFlag("measure"),
			&cli.StringFlag{Name: "kernel", Usage: "the kernel `NAME` instead of the fastest, or all"},
			&cli.StringFlag{Name: "threads", Usage: "`N` CPU threads (default: one, and all that the process may use)"},
			&cli.StringFlag{Name: "duration", Usage: "take this `TIME` for the whole, such as 30s or 5m, unless 30 samples of each case take longer", Value: "10s"},
			cacheFlag(), retuneFlag(),
			&cli.BoolFlag{Name: "version-rolling", Usage: "also measure searches through 128 versions of a header at once"},
			&cli.BoolFlag{Name: "bare", Usage: "also measure the search kernels without the engine, on one thread"},
			&cli.BoolFlag{Name: "markdown", Usage: "print the tables in Markdown"},
			&cli.StringFlag{Name: "label", Usage: "put `TEXT` into the result, such as the name of the machine"},
			&cli.StringFlag{Name: "out", Usage: "also write the result, as JSON, into `FILE`, when it is complete"},
			jsonFlag(),
		},
		Action: runBench,
		Subcommands: []*cli.Command{
			{
				Name:      "check",
				Usage:     "verify a result: its figures and its proof of work done",
				ArgsUsage: "FILE",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "seed", Usage: "`N` chooses the parts that are searched again (default: at random)"},
					jsonFlag(),
				},
				Action: runBenchCheck,
			},
			{
				Name:      "compare",
				Usage:     "set two results side by side",
				ArgsUsage: "OLD NEW",
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "markdown", Usage: "print the table in Markdown"},
					jsonFlag(),
				},
				Action: runBenchCompare,
			},
		},
	}
}

// runBench is `stele bench`.
func runBench(c *cli.Context) error {
	if c.Args().Present() {
		return group(c)
	}
	if err := oneFormat(c); err != nil {
		return err
	}
	settings, err := benchSettings(c)
	if err != nil {
		return err
	}
	out, err := newOutFile(c)
	if err != nil {
		return err
	}
	defer out.discard()
	set, err := openBench(c, settings)
	if err != nil {
		return err
	}
	defer set.close()

	result, err := set.measure(c, settings)
	if err != nil {
		return fmt.Errorf("bench ended without a result: %w", reason(c, err))
	}
	report, err := bench.Check(c.Context, result, bench.Rescan{})
	if err != nil {
		return err
	}
	if err := out.write(c.Context, result); err != nil {
		return err
	}
	if c.Bool("json") {
		err = printJSON(c, result)
	} else {
		err = result.WriteTable(c.App.Writer, tableFormat(c))
	}
	if err != nil {
		return err
	}
	if !report.Good() {
		for _, p := range report.Problems {
			fmt.Fprintf(c.App.ErrWriter, "stele: %v\n", p)
		}
		return errFoundWrong
	}
	if n := len(result.Failed); n > 0 {
		return fmt.Errorf("%d of %d cases failed; the first, %s: %s", n, n+len(result.Cases), result.Failed[0].Case, result.Failed[0].Reason)
	}
	return nil
}

// benchSettings reads the flags.
func benchSettings(c *cli.Context) (bench.Settings, error) {
	s := bench.Settings{
		Mode:    c.String("mode"),
		Rolling: c.Bool("version-rolling"),
		Device:  c.String("device"),
		Kernel:  c.String("kernel"),
	}
	if !c.IsSet("mode") {
		s.Mode = "all"
	}
	if !slices.Contains([]string{"search", "verify", "all"}, s.Mode) {
		return s, fmt.Errorf("--mode: unknown mode %q, want search, verify or all", s.Mode)
	}
	if s.Rolling && s.Mode == "verify" {
		return s, errors.New("--version-rolling: --mode verify has no searches, want search or all")
	}
	threads, err := number(c, "threads", 1, cpu.MaxThreads, 0)
	if err != nil {
		return s, err
	}
	s.Threads = int(threads)
	if err := checkLabel(c.String("label")); err != nil {
		return s, err
	}
	d, err := parseDuration(c, "duration")
	switch {
	case err != nil:
		return s, err
	case d < shortestBench || d > longestBench:
		return s, fmt.Errorf("--duration: %v is out of range, want %v to %v", d, shortestBench, longestBench)
	}
	s.Duration = d.Seconds()
	return s, nil
}

// checkLabel refuses a label that would not fit a line.
func checkLabel(label string) error {
	const maxLabel = 200
	if len(label) > maxLabel || !utf8.ValidString(label) || strings.ContainsFunc(label, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("--label: %.40q must be printable text of at most %d bytes", label, maxLabel)
	}
	return nil
}

// benchSet is what one run measures.
type benchSet struct {
	cases   []bench.Case
	walks   map[string]*bench.Walk // by the ID of the case
	devices []engine.Info
	failed  []bench.Failure // of devices that could not be opened
	engines []*engine.Engine
	headers []byte // shared by all verifications

	work     []bench.Mode // what is measured of each device
	settings bench.Settings
}

// openBench opens an engine for every device, kernel and number of threads, and
// makes the cases.
func openBench(c *cli.Context, settings bench.Settings) (_ *benchSet, err error) {
	useCPU, useGPU, err := deviceKinds(c)
	if err != nil {
		return nil, err
	}
	set := &benchSet{
		walks:    map[string]*bench.Walk{},
		settings: settings,
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
	defer func() {
		if err != nil {
			set.close()
		}
	}()
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

// openAll adds the case in which all devices search together, each with its
// fastest kernel or the one that was asked for. They are opened once more, since
// an engine owns its devices.
func (s *benchSet) openAll(c *cli.Context, useCPU bool) error {
	kernel := s.settings.Kernel
	if kernel == "all" {
		kernel = ""
	}
	var devices []engine.Device
	if useCPU {
		d, err := cpu.Open(cpu.Options{Threads: s.settings.Threads, Kernel: kernel})
		if err != nil {
			return fmt.Errorf("device %s: %w", cpu.ID, err)
		}
		devices = append(devices, d)
	}
	opts := gpuOptions(c, warnings(c))
	opts.Kernel = kernel
	gpus, absent := gpu.Open(opts)
	for _, d := range gpus {
		devices = append(devices, d)
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
	return nil
}

// openCPU adds the cases of the CPU.
func (s *benchSet) openCPU(bare bool) error {
	threads := []int{s.settings.Threads}
	if s.settings.Threads == 0 {
		threads = slices.Compact([]int{1, runtime.GOMAXPROCS(0)})
	}
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

// openGPUs adds the cases of the GPUs. That there is none is an error if they
// are wanted.
func (s *benchSet) openGPUs(c *cli.Context, wanted bool) error {
	opts := gpuOptions(c, warnings(c))
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
			case unexpected(a.Err) || gpusNamed(c):
				s.fail(a, cmp.Or(open.Kernel, open.RollKernel), open.work)
			}
		}
	}
	return nil
}

// fail notes the cases of a GPU that could not be opened. A kernel that was not
// asked for has no name yet.
func (s *benchSet) fail(a gpu.Absent, kernel string, work []bench.Mode) {
	for _, mode := range work {
		id := string(mode) + "/" + a.ID
		if kernel != "" {
			id += "/" + kernel
		}
		s.failed = append(s.failed, bench.Failure{Case: id, Reason: a.Err.Error()})
	}
}

// gpuCase says how to open the GPUs for some modes.
type gpuCase struct {
	gpu.Options
	work []bench.Mode
}

// gpuCases opens the GPUs once, or once for each of their kernels if all are
// asked for. They have one that verifies.
func (s *benchSet) gpuCases() (all []gpuCase) {
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

// add opens an engine for a device and adds its cases. The first of a device
// also describes it.
func (s *benchSet) add(d engine.Device, threads int, first bool, work []bench.Mode) {
	e := engine.New([]engine.Device{d}, nil)
	s.engines = append(s.engines, e)
	info := d.Info()
	if first {
		described := info
		if info.Threads > 0 {
			described.Threads = runtime.GOMAXPROCS(0) // as of the device, not of the case
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
			s.cases[len(s.cases)-1].Sensor = bench.GPUSensor(info.UUID)
		}
	}
}

// kernelNames gives what --kernel asks for. The empty name is the fastest.
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

// addCase adds a case, which does one of these as its mode says.
func (s *benchSet) addCase(spec bench.Spec, scan bench.ScanFunc, verify bench.VerifyFunc) {
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

// measure runs the cases and puts the result together.
func (s *benchSet) measure(c *cli.Context, settings bench.Settings) (*bench.Result, error) {
	started := time.Now()
	bar := newProgress(c, 1000, "bench")
	defer bar.close()
	plan := bench.Plan{Duration: time.Duration(settings.Duration * float64(time.Second))}
	measured, err := bench.Measure(c.Context, s.cases, plan, bench.NewHostClock(), func(done float64) {
		bar.set(int64(done * 1000))
	})
	if err != nil {
		return nil, err
	}
	env := bench.Here(c.App.Version, s.devices)
	env.Label = c.String("label")
	result := bench.New(started, env, settings, s.cases, measured)
	result.Failed = append(result.Failed, s.failed...)
	for i, k := range s.cases {
		walk := s.walks[k.ID()]
		if walk == nil || measured.Failed[i] != nil {
			continue
		}
		proof, err := walk.Finish(c.Context)
		switch {
		case err == nil:
			result.AddProof(k.ID(), proof)
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

func (s *benchSet) close() {
	for _, e := range s.engines {
		_ = e.Close() // the measurements are taken
	}
}

// runBenchCheck is `stele bench check`.
func runBenchCheck(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("%d arguments, want one FILE; see %s --help", c.NArg(), c.Command.HelpName)
	}
	const mostSeed = 1<<53 - 1 // any JSON reader keeps it
	seed, err := number(c, "seed", 0, mostSeed, uint64(time.Now().UnixNano())&mostSeed)
	if err != nil {
		return err
	}
	result, err := readResult(c, c.Args().First())
	if err != nil {
		return err
	}
	report, err := bench.Check(c.Context, result, bench.Rescan{Seed: seed, Ranges: 16, Size: 1 << 16})
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = printJSON(c, report)
	} else {
		err = printText(c, reportText(report))
	}
	if err == nil && !report.Good() {
		err = errFoundWrong
	}
	return err
}

// reportText is a report for people.
func reportText(r *bench.Report) string {
	text := ""
	for _, p := range r.Problems {
		text += p.String() + "\n"
	}
	for _, what := range r.Confirmed {
		text += "confirmed: " + what + "\n"
	}
	for _, what := range r.Unconfirmed {
		text += "cannot be confirmed: " + what + "\n"
	}
	if r.Good() {
		return text + "all good\n"
	}
	return text + fmt.Sprintf("%d problems\n", len(r.Problems))
}

// runBenchCompare is `stele bench compare`.
func runBenchCompare(c *cli.Context) error {
	if c.NArg() != 2 {
		return fmt.Errorf("%d arguments, want OLD and NEW; see %s --help", c.NArg(), c.Command.HelpName)
	}
	if err := oneFormat(c); err != nil {
		return err
	}
	old, err := readResult(c, c.Args().Get(0))
	if err != nil {
		return err
	}
	new, err := readResult(c, c.Args().Get(1))
	if err != nil {
		return err
	}
	comparison := bench.Compare(old, new)
	if c.Bool("json") {
		err = printJSON(c, comparison)
	} else {
		err = comparison.WriteTable(c.App.Writer, tableFormat(c))
	}
	switch {
	case err != nil:
		return err
	case comparison.Verdict == bench.Slower:
		return errFoundWrong
	case comparison.Verdict == bench.CannotTell:
		return errors.New(comparison.Answer())
	}
	return nil
}

// oneFormat refuses flags that ask for two formats at once.
func oneFormat(c *cli.Context) error {
	if c.Bool("json") && c.Bool("markdown") {
		return errors.New("--json and --markdown exclude each other")
	}
	return nil
}

func tableFormat(c *cli.Context) bench.Format {
	if c.Bool("markdown") {
		return bench.Markdown
	}
	return bench.Text
}
