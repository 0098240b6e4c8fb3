// Command gpu-check checks and benchmarks the CUDA kernels on a GPU and writes the
// results as JSON. It needs the driver and glibc 2.28 or newer, but no Go: build it
// elsewhere with make bin/gpu-check and copy it to the machine with the GPU.
//
//	gpu-check [-device 0] [-only PARTS] [-skip PARTS] [-soak 5m] [-deadline 90s] [-out FILE]
//
// Each part runs in a process of its own, and the file is rewritten after each part.
// The first SIGINT or SIGTERM ends the running part and then the program; a second
// one ends it at once.
//
// The exit code is 0 if all parts ran and all answers were correct, 1 if an answer
// was wrong, and 2 if a part failed. A speed below the goals of the kernels is
// reported, but does not change the exit code. See docs/cuda-kernels.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"stele/bench/gpucheck"
	"stele/engine/host"
	"stele/internal/atomicfile"
)

// version is set by the Makefile.
var version = "(devel)"

func main() {
	host.FitProcessors(host.ReadLimits()) // before the number of threads is read
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx))
}

func run(ctx context.Context) int {
	opts := gpucheck.Options{Log: os.Stderr}
	flag.StringVar(&opts.Device, "device", "0", "`GPU`: its number in stele devices, cuda:0, a UUID or a PCI address")
	flag.DurationVar(&opts.Soak, "soak", 5*time.Minute, "duration of the search at the end")
	flag.DurationVar(&opts.Deadline, "deadline", 90*time.Second, "deadline of a part, without the time of -soak")
	flag.BoolVar(&opts.Small, "small", false, "do less work, for an emulated driver")
	parts := strings.Join(gpucheck.Parts(), ", ")
	flag.Func("only", "run only these `PARTS`, separated by commas; * matches any characters: "+parts, list(&opts.Only))
	flag.Func("skip", "skip these `PARTS`, in the form of -only", list(&opts.Skip))
	out := flag.String("out", "", "`FILE` for the report, written after each part (default: standard output, at the end)")
	part := flag.String("part", "", "run one `PART` in this process; used internally")
	flag.Parse()
	if flag.NArg() > 0 {
		return fail(fmt.Errorf("unexpected argument %q", flag.Arg(0)))
	}
	if *part != "" {
		if err := gpucheck.Child(ctx, *part, opts); err != nil {
			return fail(err)
		}
		return 0
	}

	self, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	opts.Child = func(ctx context.Context, part string) *exec.Cmd {
		return exec.CommandContext(ctx, self, "-part", part, "-device", opts.Device,
			"-soak", opts.Soak.String(), fmt.Sprintf("-small=%t", opts.Small))
	}
	if *out != "" {
		opts.Save = func(rep *gpucheck.Report) error { return save(*out, rep) }
	}
	rep, err := gpucheck.Run(ctx, version, opts)
	if rep != nil && *out == "" {
		text, e := encode(rep)
		_, _ = os.Stdout.Write(text)
		err = errors.Join(err, e)
	}
	switch {
	case rep != nil && len(rep.Faults) > 0:
		for _, f := range rep.Faults {
			fmt.Fprintln(os.Stderr, "gpu-check: FAULT:", f)
		}
		return 1
	case err != nil:
		return fail(err)
	case !rep.Good:
		return fail(errors.New("at least one part failed"))
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "gpu-check:", err)
	return 2
}

// list returns the setter of a flag with words separated by commas.
func list(to *[]string) func(string) error {
	return func(value string) error {
		*to = append(*to, strings.Split(value, ",")...)
		return nil
	}
}

func encode(rep *gpucheck.Report) ([]byte, error) {
	text, err := json.MarshalIndent(rep, "", "  ")
	return append(text, '\n'), err
}

// save replaces the report atomically: readers of the file see the old report or the
// new one as a whole, whatever happens meanwhile.
func save(name string, rep *gpucheck.Report) error {
	text, err := encode(rep)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(name, text, 0o644)
}
