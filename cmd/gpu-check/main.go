// Command gpu-check checks and measures the CUDA kernels on a GPU and writes
// what it found as JSON. It needs the driver and glibc 2.28 or newer: build it
// where Go is (make gpu-check) and carry it to where the GPU is.
//
//	gpu-check [-device 0] [-only PARTS] [-skip PARTS] [-soak 5m] [-deadline 90s] [-out FILE]
//
// Each part runs in a process of its own, and the file is written again after
// each. The first SIGINT or SIGTERM ends the part under way and then the program;
// a second one ends it at once.
//
// The exit code is 0 if all was done and all answers were right, 1 if one was
// wrong, and 2 if a part could not be done. A speed below what the kernels are
// made for is reported, and changes nothing. See docs/cuda-kernels.md.
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
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"stele/bench/gpucheck"
	"stele/engine/host"
)

// version is set by the Makefile.
var version = "(devel)"

func main() {
	host.FitProcessors(host.ReadLimits()) // before anything counts threads
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx))
}

func run(ctx context.Context) int {
	opts := gpucheck.Options{Log: os.Stderr}
	flag.StringVar(&opts.Device, "device", "0", "`GPU`: its number as stele devices counts, cuda:0, a UUID or a PCI address")
	flag.DurationVar(&opts.Soak, "soak", 5*time.Minute, "how long to search at the end")
	flag.DurationVar(&opts.Deadline, "deadline", 90*time.Second, "how long a part may take, beside the time of -soak")
	flag.BoolVar(&opts.Small, "small", false, "do little work, for an emulated driver")
	parts := strings.Join(gpucheck.Parts(), ", ")
	flag.Func("only", "do only these `PARTS`, with commas between them; * stands for any letters: "+parts, list(&opts.Only))
	flag.Func("skip", "leave out these `PARTS`, in the form of -only", list(&opts.Skip))
	out := flag.String("out", "", "`FILE` for the report, written after each part (default: standard output, at the end)")
	part := flag.String("part", "", "run one `PART` in this process; gpu-check starts itself so")
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
		return fail(errors.New("not every part could be done"))
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "gpu-check:", err)
	return 2
}

// list returns what sets a flag that holds words with commas between them.
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

// save writes the report so that whoever reads the file gets all of an old one
// or all of the new one, whatever happens meanwhile.
func save(name string, rep *gpucheck.Report) error {
	text, err := encode(rep)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".gpu-check-*")
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	if err = errors.Join(err, temp.Chmod(0o644), temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}
