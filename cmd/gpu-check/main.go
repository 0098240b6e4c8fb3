// Command gpu-check checks and measures the CUDA kernels on a GPU and writes
// what it found as JSON. It needs the driver and nothing else: build it where Go
// is (make gpu-check) and carry it to where the GPU is.
//
//	gpu-check [-device 0] [-soak 5m] [-out FILE]
//
// The exit code is 0 if all answers were right, 1 if one was wrong, and 2 if it
// could not be done. That a speed is below what the kernels are made for is told,
// and changes nothing. See docs/cuda-kernels.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"stele/bench/gpucheck"
)

// version is set by the Makefile.
var version = "(devel)"

func main() {
	device := flag.Int("device", 0, "index of the GPU, as nvidia-smi counts")
	soak := flag.Duration("soak", 5*time.Minute, "how long to search at the end")
	out := flag.String("out", "", "file for the report (default: standard output)")
	small := flag.Bool("small", false, "do little work, for an emulated driver")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, gpucheck.Options{Device: *device, Soak: *soak, Small: *small, Log: os.Stderr}, *out))
}

func run(ctx context.Context, opts gpucheck.Options, out string) int {
	rep, err := gpucheck.Run(ctx, version, opts)
	if rep != nil { // what was found until an error counts too
		text, jsonErr := json.MarshalIndent(rep, "", "  ")
		text = append(text, '\n')
		switch {
		case jsonErr != nil:
			err = jsonErr
		case out != "":
			if e := os.WriteFile(out, text, 0o644); err == nil {
				err = e
			}
		default:
			_, _ = os.Stdout.Write(text)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gpu-check:", err)
		return 2
	}
	for _, f := range rep.Faults {
		fmt.Fprintln(os.Stderr, "gpu-check: FAULT:", f)
	}
	if !rep.Good {
		return 1
	}
	return 0
}
