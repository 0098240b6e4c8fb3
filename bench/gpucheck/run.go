package gpucheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/gpu"
	kernels "stele/kernels/cuda"
)

// The parts other than those of the kernels, which have the names of the kernels.
const (
	partDevice = "device" // finds the GPU; always the first
	partBatch  = "batch"
	partBlocks = "blocks"
	partSwitch = "switch"
	partSoak   = "soak"
)

// grace is the time for a process to end by itself, and then for the system to kill
// it.
const grace = 3 * time.Second

// Parts returns the names of the parts, in the order in which they run.
func Parts() (names []string) {
	for _, e := range kernels.Entries() {
		names = append(names, e.Name)
	}
	return append(names, partBatch, partBlocks, partSwitch, partSoak)
}

// choose returns the parts that match a pattern of only, or all parts if only is nil,
// without those that match a pattern of skip.
func choose(only, skip []string) (names []string, err error) {
	all := Parts()
	match := func(patterns []string, name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, name); return ok })
	}
	for _, p := range slices.Concat(only, skip) {
		if !slices.ContainsFunc(all, func(name string) bool { return match([]string{p}, name) }) {
			return nil, fmt.Errorf("no part matches %q; the parts are %s", p, strings.Join(all, ", "))
		}
	}
	for _, name := range all {
		if (only == nil || match(only, name)) && !match(skip, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, errors.New("no part is left to run: -skip excludes all of them")
	}
	return names, nil
}

// Run checks and measures the device, each part in a process of its own. Wrong
// answers and failed parts are in the report. The error means that Run ended early
// or that the report could not be saved; the report has the results so far. It is
// nil if the options are invalid.
func Run(ctx context.Context, version string, opts Options) (*Report, error) {
	opts = opts.withDefaults()
	names, err := choose(opts.Only, opts.Skip)
	if err != nil {
		return nil, err
	}
	rep := &Report{Schema: Schema, Time: time.Now().UTC(), Version: version, Faults: []string{}}
	for _, name := range append([]string{partDevice}, names...) {
		rep.Parts = append(rep.Parts, Part{Name: name, State: Waiting})
	}
	var saving error
	for i := range rep.Parts {
		p := &rep.Parts[i]
		rep.run(ctx, p, opts)
		rep.Figures = rep.judge()
		rep.Good = len(rep.Faults) == 0 && !slices.ContainsFunc(rep.Parts, func(p Part) bool { return p.State != Done })
		if p.State == Failed {
			fmt.Fprintf(opts.Log, "FAILED    %s: %s\n", p.Name, p.Error)
		}
		if opts.Save != nil {
			if saving = opts.Save(rep); saving != nil {
				fmt.Fprintf(opts.Log, "cannot save the report: %v\n", saving)
			}
		}
		if err := ctx.Err(); err != nil {
			return rep, err
		}
		if p.Name == partDevice && p.State == Failed {
			return rep, errors.New(p.Error)
		}
	}
	for _, f := range rep.Figures {
		fmt.Fprintf(opts.Log, "figure    %s\n", f)
	}
	return rep, saving
}

// run runs a part and adds the results of its process.
func (r *Report) run(ctx context.Context, p *Part, opts Options) {
	start := time.Now()
	found, err := runChild(ctx, p.Name, opts)
	p.State, p.Seconds = Done, time.Since(start).Seconds()
	if found != nil {
		r.add(found)
		if len(found.Parts) == 1 {
			p.Sensors = found.Parts[0].Sensors
			if text := found.Parts[0].Error; text != "" && err == nil {
				err = errors.New(text)
			}
		}
	}
	if err != nil {
		p.State, p.Error = Failed, err.Error()
	}
}

// add adds the results of the process of a part.
func (r *Report) add(found *Report) {
	r.Driver = found.Driver
	if found.Device.UUID != "" {
		r.Device = found.Device
	}
	if found.Chosen.ID != "" {
		r.Chosen = found.Chosen
	}
	if found.Copy.Headers > 0 {
		r.Copy = found.Copy
	}
	if found.Blocks.Bytes > 0 {
		r.Blocks = found.Blocks
	}
	if found.Soak.State != "" {
		r.Soak = found.Soak
	}
	r.Faults = append(r.Faults, found.Faults...)
	r.Entries = append(r.Entries, found.Entries...)
	r.Switch = append(r.Switch, found.Switch...)
	r.Hardware = append(r.Hardware, found.Hardware...)
}

var errDeadline = errors.New("deadline")

// runChild runs the process of a part until it ends, its deadline passes, or ctx
// ends. It then kills a process that does not end by itself, and abandons one that
// cannot be killed. The report is nil if the process wrote none.
func runChild(ctx context.Context, part string, opts Options) (found *Report, err error) {
	limit := opts.Deadline
	if part == partSoak {
		limit += opts.Soak
	}
	limited, cancel := context.WithTimeoutCause(ctx, limit, errDeadline)
	defer cancel()
	cmd := opts.Child(limited, part)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = grace
	stdin, err := cmd.StdinPipe() // open for as long as this process lives: see Child
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, opts.Log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-limited.Done():
		select {
		case err = <-ended:
		case <-time.After(2 * grace):
			return nil, fmt.Errorf("no answer within %v, and the process cannot be killed; check dmesg for an NVRM: Xid line", limit)
		}
	}
	report := &Report{}
	if json.Unmarshal(out.Bytes(), report) == nil {
		found = report
	}
	switch {
	case ctx.Err() != nil:
		return found, errors.New("interrupted")
	case errors.Is(context.Cause(limited), errDeadline):
		return found, fmt.Errorf("no answer within %v; check dmesg for an NVRM: Xid line", limit)
	case err != nil:
		return found, fmt.Errorf("its process failed: %w", err)
	case found == nil:
		return nil, errors.New("its process wrote no report")
	}
	return found, nil
}

// Child runs a part in this process, which Options.Child has started, and writes the
// results to standard output. It ends the process at the end of standard input,
// which means that the parent process is gone.
func Child(ctx context.Context, part string, opts Options) error {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent closes it or ends
		os.Exit(2)
	}()
	return json.NewEncoder(os.Stdout).Encode(do(ctx, part, opts.withDefaults()))
}

// do runs a part and returns the results. An error is in Parts.
func do(ctx context.Context, part string, opts Options) *Report {
	rep := &Report{Faults: []string{}, Parts: []Part{{Name: part}}}
	err := rep.find(opts.Device)
	if err == nil && part != partDevice {
		sensors := watch(ctx, rep.Device.UUID)
		entries := kernels.Entries()
		if i := slices.IndexFunc(entries, func(e kernels.Entry) bool { return e.Name == part }); i >= 0 {
			err = measureEntry(ctx, rep, entries[i], sensors, opts)
		} else {
			err = measureDevice(ctx, rep, part, opts)
		}
		rep.Hardware, rep.Parts[0].Sensors = sensors.stop()
	}
	if errors.Is(err, engine.ErrWrong) {
		rep.fault("%s: %v", part, err)
	}
	if err != nil {
		rep.Parts[0].Error = err.Error()
	}
	if err == nil && part == partDevice {
		fmt.Fprintf(opts.Log, "device    %s, %d SMs, compute %d.%d, driver CUDA %d\n",
			rep.Device.Name, rep.Device.SMs, rep.Device.Major, rep.Device.Minor, rep.Driver.DriverVersion)
	}
	return rep
}

// find sets the driver and the device of the report.
func (r *Report) find(name string) error {
	if r.Driver = cuda.Probe(); !r.Driver.Usable() {
		return fmt.Errorf("no usable CUDA driver: %s", r.Driver.Reason)
	}
	devices, err := cuda.Devices()
	if err != nil {
		return err
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil || name == "" {
		name = fmt.Sprintf("%s:%d", gpu.Kind, n)
	}
	r.Device, err = gpu.Select(devices, name)
	return err
}
