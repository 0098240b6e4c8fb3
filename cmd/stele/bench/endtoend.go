package bench

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/bench/endtoend"
	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/deviceflags"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/gpu"
	"stele/engine/miner"
)

const endToEndName = "end-to-end"

func endToEndFlag() cli.Flag {
	return &cli.BoolFlag{Name: endToEndName, Usage: "also measure a miner with a pool on loopback, for as long again: accepted shares, job switches, stalls"}
}

// defaultMode returns what is measured without --mode.
func defaultMode(c *cli.Context) string {
	if c.Bool(endToEndName) {
		return string(bench.Search)
	}
	return "all"
}

// checkEndToEnd rejects --end-to-end together with flags that do not fit.
func checkEndToEnd(c *cli.Context, mode string) error {
	if !c.Bool(endToEndName) {
		return nil
	}
	if !bench.Search.RequestedBy(mode) {
		return fmt.Errorf("--%s: --mode %s has no searches: must be search or all", endToEndName, mode)
	}
	if _, several, _ := readThreads(c); several != nil {
		return fmt.Errorf("--%s: --threads has %d numbers: must be one", endToEndName, len(several))
	}
	return nil
}

// addEndToEnd adds the measurement that --end-to-end asks for. If it fails, or ends early,
// that is one of the result's failures. The error is that of the context.
func (s *caseSet) addEndToEnd(c *cli.Context, result *bench.Result) error {
	if !c.Bool(endToEndName) {
		return nil
	}
	got, err := s.endToEnd(c)
	if c.Context.Err() != nil {
		return err
	}
	result.EndToEnd = got
	if err == nil && got.Incomplete != "" {
		err = errors.New(got.Incomplete)
	}
	if err != nil {
		result.Failed = append(result.Failed, bench.Failure{Case: endToEndName, Reason: err.Error()})
	}
	return nil
}

// endToEnd measures a miner with all devices, and closes those of the cases before.
func (s *caseSet) endToEnd(c *cli.Context) (*bench.EndToEnd, error) {
	s.close()
	useCPU, useGPU, err := deviceflags.Kinds(c)
	if err != nil {
		return nil, err
	}
	devices, absent, err := s.openAgain(c, useCPU, useGPU)
	if err != nil {
		return nil, err
	}
	if len(devices) < len(s.devices) {
		for _, d := range devices {
			_ = d.Close() // the first error says more
		}
		if len(absent) == 0 {
			return nil, errors.New("a device is no longer available")
		}
		return nil, fmt.Errorf("%s: %w", absent[0].ID, absent[0].Err)
	}
	bar := cmdline.NewProgress(c, 1000, endToEndName)
	defer bar.Close()
	return endtoend.Run(c.Context, endtoend.Options{
		Devices:     devices,
		Plan:        endtoend.PlanFor(time.Duration(s.settings.Duration * float64(time.Second))),
		VersionMask: miner.DefaultVersionMask,
		Log:         deviceflags.Warnings(c),
		Progress:    func(done float64) { bar.Set(int64(done * 1000)) },
	})
}

// openAgain opens the devices that work together, each with its fastest kernel or the one
// that --kernel names, and with the largest number of threads. They are opened again
// because an engine owns its devices.
func (s *caseSet) openAgain(c *cli.Context, useCPU, useGPU bool) (devices []engine.Device, absent []gpu.Absent, err error) {
	kernel := s.settings.Kernel
	if kernel == "all" {
		kernel = ""
	}
	if useCPU {
		d, err := cpu.Open(cpu.Options{Threads: slices.Max(s.threads()), Kernel: kernel})
		if err != nil {
			return nil, nil, fmt.Errorf("device %s: %w", cpu.ID, err)
		}
		devices = append(devices, d)
	}
	if !useGPU {
		return devices, nil, nil
	}
	opts := deviceflags.GPUOptions(c, deviceflags.Warnings(c))
	opts.Kernel = kernel
	gpus, absent := gpu.Open(opts)
	for _, d := range gpus {
		devices = append(devices, d)
	}
	return devices, absent, nil
}
