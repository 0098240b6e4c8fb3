package gpu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"stele/cgo/cuda"
	"stele/engine"
	kernels "stele/kernels/cuda"
)

// Kind is the engine.Info.Kind of the devices and the prefix of their IDs.
const Kind = "cuda"

// Errors of the package, for errors.Is. Those of package cgo/cuda and
// engine.ErrWrong also occur.
var (
	ErrUnknownDevice = errors.New("unknown GPU")
	ErrUnknownKernel = errors.New("unknown GPU kernel")
	ErrUnfit         = errors.New("GPU cannot be used")
	ErrHung          = errors.New("GPU hangs")
	ErrClosed        = errors.New("GPU is closed")
)

// The lowest compute capability that the kernels support.
const (
	minMajor = 7
	minMinor = 5
)

// Options selects the GPUs to open and how. The zero value opens all of them.
type Options struct {
	Device string // "cuda:0", a UUID, a PCI address, or several with commas between; "" or "cuda": all GPUs
	Kernel string // name of a search kernel; "": the fastest

	// RollKernel is the name of a multi-version kernel, for jobs that may change
	// the version; "": the fastest.
	RollKernel string

	NoTune   bool   // use the first kernels instead of measuring
	Retune   bool   // measure even if an earlier run has
	Compare  bool   // compare the two best kernels on the first minutes of work
	CacheDir string // where the choice is stored; "": os.UserCacheDir()/stele

	Log *slog.Logger // nil: silent

	Budget    time.Duration // GPU time per launch; 0: 2 ms
	Deadline  time.Duration // for a driver call; 0: 5 s
	SpotCheck time.Duration // interval of spot checks; 0: a minute, below 0: none
}

const (
	defaultBudget    = 2 * time.Millisecond
	defaultDeadline  = 5 * time.Second
	defaultSpotCheck = time.Minute
)

// opening is the deadline of calls that start the driver or compile a kernel,
// which takes up to a second.
func (o Options) opening() time.Duration { return 12 * o.Deadline }

// Absent describes a GPU that cannot be used, or all of them.
type Absent struct {
	ID  string // "cuda", "cuda:1", or what Options.Device asked for
	Err error  // why, and how to fix it
}

// Device is a GPU. It implements engine.Device, engine.VersionScanner and
// engine.Reopener. Safe for concurrent use.
type Device struct {
	system *system
	gpu    cuda.Device
	opts   Options
	info   engine.Info

	calls     calls
	reopening sync.Mutex // held while Reopen works
	failures  int        // of Reopen, in a row; guarded by reopening

	mu      sync.Mutex
	session *session // nil: closed
}

// Open opens the GPUs that the options select, in parallel, and returns them in
// the order of nvidia-smi. GPUs that cannot be opened are in absent; if there is
// none at all, absent has one entry with the ID "cuda".
//
// Devices on one GPU share its context and its kernels. GPUs of the same model,
// driver and power limit share a measurement.
func Open(opts Options) (devices []*Device, absent []Absent) {
	return open(local, opts)
}

func open(y *system, opts Options) (devices []*Device, absent []Absent) {
	opts = opts.withDefaults()
	all, absent := y.find(opts)
	opened, errs := make([]*Device, len(all)), make([]error, len(all))
	var opening sync.WaitGroup
	for i, g := range all {
		opening.Go(func() { opened[i], errs[i] = openDevice(y, g, opts) })
	}
	opening.Wait()
	for i, g := range all {
		if errs[i] != nil {
			absent = append(absent, absentGPU(g, errs[i]))
			continue
		}
		devices = append(devices, opened[i])
	}
	return devices, absent
}

// List describes the GPUs that the options select, in the order of nvidia-smi.
// It opens none and compiles nothing. SearchKernel and RollKernel are the choice
// of an earlier run; "": nothing was measured yet. Absent has the GPUs that
// cannot be used, as far as that is known without opening them.
func List(opts Options) (infos []engine.Info, absent []Absent) {
	return describe(local, opts)
}

func describe(y *system, opts Options) (infos []engine.Info, absent []Absent) {
	opts = opts.withDefaults()
	all, absent := y.find(opts)
	known := readCache(cacheFile(opts.CacheDir))
	for _, g := range all {
		if err := Fit(g); err != nil {
			absent = append(absent, absentGPU(g, err))
			continue
		}
		info := infoOf(g)
		limit := y.sensors(g).limit
		info.SearchKernel = known[cacheKey(g, y.version(), limit, kernels.Scan, "")].Entry
		info.RollKernel = known[cacheKey(g, y.version(), limit, kernels.Roll, "")].Entry
		infos = append(infos, info)
	}
	return infos, absent
}

func absentGPU(g cuda.Device, err error) Absent {
	return Absent{id(g), fmt.Errorf("%s: %w", g.Name, err)}
}

func (o Options) withDefaults() Options {
	if o.Budget == 0 {
		o.Budget = defaultBudget
	}
	if o.Deadline == 0 {
		o.Deadline = defaultDeadline
	}
	if o.SpotCheck == 0 {
		o.SpotCheck = defaultSpotCheck
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// find returns the GPUs that the options select.
func (y *system) find(opts Options) (all []cuda.Device, absent []Absent) {
	var c calls
	err := c.within(opts.opening(), "the list of GPUs", func() (err error) {
		all, err = y.devices()
		return err
	}, nil)
	switch {
	case err != nil:
		return nil, []Absent{{Kind, err}}
	case len(all) == 0:
		return nil, []Absent{{Kind, fmt.Errorf("%w: the driver works and lists none; check nvidia-smi and CUDA_VISIBLE_DEVICES", cuda.ErrNoDevice)}}
	}
	all, absent = Choose(all, opts.Device)
	return all, absent
}

func id(g cuda.Device) string { return fmt.Sprintf("%s:%d", Kind, g.Index) }

// Fit returns nil if the kernels can run on the GPU, or an error of the kind
// [ErrUnfit] with the reason.
func Fit(g cuda.Device) error {
	switch {
	case g.Major < minMajor || g.Major == minMajor && g.Minor < minMinor:
		return fmt.Errorf("%w: compute capability %d.%d, must be %d.%d or higher (Turing, 2018)",
			ErrUnfit, g.Major, g.Minor, minMajor, minMinor)
	case g.Prohibited:
		return fmt.Errorf("%w: its compute mode is Prohibited; set it with nvidia-smi -c DEFAULT", ErrUnfit)
	}
	return nil
}

// infoOf describes a GPU whose search kernels are not chosen yet.
func infoOf(g cuda.Device) engine.Info {
	info := engine.Info{
		ID:              id(g),
		Kind:            Kind,
		Name:            g.Name,
		UUID:            g.UUID,
		PCI:             g.PCI,
		Lanes:           lanes,
		Features:        []string{fmt.Sprintf("sm_%d%d", g.Major, g.Minor)},
		Multiprocessors: g.SMs,
		VerifyKernel:    verifyEntries(g)[0].Name,
	}
	for _, e := range kernels.Entries() {
		if !e.Kind.IsBoundByBus() {
			info.Kernels = append(info.Kernels, engine.KernelInfo{Name: e.Name, Available: true})
		}
	}
	return info
}

func openDevice(y *system, g cuda.Device, opts Options) (*Device, error) {
	if err := Fit(g); err != nil {
		return nil, err
	}
	if names := SearchKernels(); opts.Kernel != "" && !slices.Contains(names, opts.Kernel) {
		return nil, fmt.Errorf("%w %q: the search kernels are %s", ErrUnknownKernel, opts.Kernel, strings.Join(names, ", "))
	}
	if names := MultiVersionKernels(); opts.RollKernel != "" && !slices.Contains(names, opts.RollKernel) {
		return nil, fmt.Errorf("%w %q: the multi-version kernels are %s", ErrUnknownKernel, opts.RollKernel, strings.Join(names, ", "))
	}
	d := &Device{system: y, gpu: g, opts: opts, info: infoOf(g)}
	s, err := openSession(y, &d.calls, g, opts)
	if err != nil {
		return nil, err
	}
	d.session = s
	d.info.SearchKernel, d.info.RollKernel = s.singleVersion.used.Load().shape.Entry, s.multiVersion.used.Load().shape.Entry
	d.info.VerifyKernel = s.verifyEntry.Name
	if err := d.SelfTest(context.Background()); err != nil {
		_ = s.close() // the first error says more
		return nil, err
	}
	return d, nil
}

// SearchKernels returns the names that Options.Kernel can have.
func SearchKernels() []string { return namesOf(kernels.Scan) }

// MultiVersionKernels returns the names that Options.RollKernel can have.
func MultiVersionKernels() []string { return namesOf(kernels.Roll) }

func namesOf(k kernels.Kind) (names []string) {
	for _, e := range kernels.Entries() {
		if e.Kind == k {
			names = append(names, e.Name)
		}
	}
	return names
}

// entryOf returns the first entry of a kind.
func entryOf(k kernels.Kind) kernels.Entry {
	all := kernels.Entries()
	return all[slices.IndexFunc(all, func(e kernels.Entry) bool { return e.Kind == k })]
}

// verifyEntries returns the entries that check headers, the best for a GPU
// first. On GPUs with unknown pipes, moving work between them may cost time: the
// plain entry, the last of its kind, comes first there. They are not measured,
// since the bus bounds a batch of headers.
func verifyEntries(g cuda.Device) (all []kernels.Entry) {
	for _, e := range kernels.Entries() {
		if e.Kind == kernels.Verify {
			all = append(all, e)
		}
	}
	if _, known := kernels.CostOf(all[0].Name, g.Major, g.Minor); !known {
		slices.Reverse(all)
	}
	return all
}

// Info implements engine.Device.
func (d *Device) Info() engine.Info { return d.info }

// GPU returns the description of the device by the driver.
func (d *Device) GPU() cuda.Device { return d.gpu }

// current returns the session, or an error if none works.
func (d *Device) current() (*session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session == nil {
		return nil, ErrClosed
	}
	return d.session, d.session.failure()
}

// maxFailures is how often Reopen may fail in a row before the GPU is lost to the
// process. With the pauses of the engine that takes a minute.
const maxFailures = 6

// Reopen implements engine.Reopener: it opens the GPU again after a failure.
// Calls still in progress return the old failure. When ctx ends Reopen returns
// at once, whatever the driver does.
//
// The error is of the kind engine.ErrLost if too many calls hang, or if Reopen
// failed [maxFailures] times in a row because the driver has lost the GPU. The
// package does not call the driver for this device after that.
func (d *Device) Reopen(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- d.reopen(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *Device) reopen(ctx context.Context) error {
	d.reopening.Lock()
	defer d.reopening.Unlock()
	d.mu.Lock()
	old := d.session
	d.mu.Unlock()
	switch {
	case old == nil:
		return ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case old.failure() == nil:
		return nil
	case d.failures >= maxFailures:
		return fmt.Errorf("%w: reopening failed %d times in a row", engine.ErrLost, d.failures)
	}
	_ = old.close() // it has failed, so this may fail too
	if n := d.calls.stuck.Load(); n >= maxStuck {
		return fmt.Errorf("%w: %d driver calls do not return", engine.ErrLost, n)
	}
	s, err := d.openAgain(ctx, old)
	switch {
	case err == nil:
		d.failures = 0
	case ctx.Err() == nil && (errors.Is(err, ErrHung) || errors.Is(err, cuda.ErrDeviceLost)):
		if d.failures++; d.failures >= maxFailures {
			return fmt.Errorf("%w: reopening failed %d times in a row: %w", engine.ErrLost, d.failures, err)
		}
		return err
	default:
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session == nil {
		_ = s.close() // nothing can be done about an error
		return ErrClosed
	}
	d.session = s
	return nil
}

// openAgain returns a new session in a new context. The old session must be closed.
func (d *Device) openAgain(ctx context.Context, old *session) (*session, error) {
	if old.card.retire() {
		err := d.calls.within(d.opts.Deadline, "the reset of the context", func() error { return d.system.reset(d.gpu) }, nil)
		if err != nil {
			return nil, err
		}
	}
	s, err := openSession(d.system, &d.calls, d.gpu, d.opts)
	if err != nil {
		return nil, err
	}
	if err := s.selfTest(ctx); err != nil {
		_ = s.close() // the first error says more
		return nil, err
	}
	return s, nil
}

// Close implements engine.Device. It does not wait for a driver that hangs.
func (d *Device) Close() error {
	d.mu.Lock()
	s := d.session
	d.session = nil
	d.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.close()
}
