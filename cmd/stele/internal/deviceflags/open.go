package deviceflags

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/urfave/cli/v2"

	"stele/cgo/cuda"
	"stele/cmd/stele/internal/cmdline"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/gpu"
)

// OpenEngine returns an engine with the devices that the flags of [Flags] ask for.
// It prints a line for a GPU that cannot be used. The caller closes the engine.
func OpenEngine(c *cli.Context) (*engine.Engine, error) {
	log := Warnings(c)
	devices, absent, err := openDevices(c, GPUOptions(c, log))
	if err != nil {
		return nil, err
	}
	for _, a := range absent {
		if IsUnexpected(a.Err) {
			fmt.Fprintf(c.App.ErrWriter, "stele: %s is unavailable: %v\n", a.ID, a.Err)
		}
	}
	return engine.New(devices, log), nil
}

// OpenMiner returns an engine that mines, as [OpenEngine] does, and logs what it has
// to report. While it mines, its GPUs compare their two fastest kernels.
func OpenMiner(c *cli.Context, log *slog.Logger) (*engine.Engine, error) {
	opts := GPUOptions(c, log)
	opts.Compare = true
	devices, absent, err := openDevices(c, opts)
	if err != nil {
		return nil, err
	}
	for _, a := range absent {
		if IsUnexpected(a.Err) {
			log.Warn("device unavailable", "device", a.ID, "err", a.Err)
		}
	}
	return engine.New(devices, log), nil
}

// Warnings returns a logger that writes warnings and errors to standard error.
func Warnings(c *cli.Context) *slog.Logger {
	return slog.New(slog.NewTextHandler(c.App.ErrWriter, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// IsUnexpected reports whether the error of an absent GPU is worth a line. It is not
// on a machine without a GPU or driver, unless the user has named a driver library.
func IsUnexpected(err error) bool {
	return os.Getenv(cuda.LibraryVariable) != "" || !errors.Is(err, cuda.ErrNoDriver) && !errors.Is(err, cuda.ErrNoDevice)
}

// openDevices opens the devices that the flags ask for: the CPU first, then the
// GPUs. It returns the GPUs that cannot be used in absent. A device that is absent
// though the user has named it is an error.
func openDevices(c *cli.Context, opts gpu.Options) (devices []engine.Device, absent []gpu.Absent, err error) {
	threads, err := cmdline.Number(c, "threads", 1, cpu.MaxThreads, 0)
	if err != nil {
		return nil, nil, err
	}
	useCPU, useGPU, err := Kinds(c)
	if err != nil {
		return nil, nil, err
	}
	if useCPU {
		d, err := OpenCPU(int(threads), c.String("kernel"))
		if err != nil {
			return nil, nil, err
		}
		devices = append(devices, d)
	}
	missing := false
	if useGPU {
		var all []*gpu.Device
		all, absent = gpu.Open(opts)
		for _, d := range all {
			devices = append(devices, d)
		}
		missing = c.IsSet("device") && len(all) == 0 || NamesGPUs(c) && len(absent) > 0
	}
	if len(devices) == 0 || missing {
		for _, d := range devices {
			_ = d.Close() // the first error says more
		}
		return nil, nil, fmt.Errorf("device %s: %w", absent[0].ID, absent[0].Err)
	}
	return devices, absent, nil
}

// OpenCPU opens the CPU. 0 threads and an empty kernel stand for the defaults.
func OpenCPU(threads int, kernel string) (engine.Device, error) {
	d, err := cpu.Open(cpu.Options{Threads: threads, Kernel: kernel})
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", cpu.ID, err)
	}
	return d, nil
}

// Names returns the IDs of all devices of e and the names of their kernels, separated
// by commas, for the result of a command.
func Names(e *engine.Engine) (device, searchKernel, verifyKernel string) {
	for i, s := range e.Status() {
		if i > 0 {
			device, searchKernel, verifyKernel = device+",", searchKernel+",", verifyKernel+","
		}
		device += s.Info.ID
		searchKernel += s.Info.SearchKernel
		verifyKernel += s.Info.VerifyKernel
	}
	return device, searchKernel, verifyKernel
}
