package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cgo/cuda"
	"stele/engine"
	"stele/engine/cpu"
	"stele/engine/gpu"
)

// engineFlags returns the flags that openEngine reads.
func engineFlags() []cli.Flag {
	return []cli.Flag{
		deviceFlag("use"),
		&cli.StringFlag{Name: "kernel", Usage: "use the kernel `NAME` instead of the fastest, on the devices that have it"},
		&cli.StringFlag{Name: "threads", Usage: "use `N` CPU threads instead of all that the process may use"},
		cacheFlag(), retuneFlag(),
	}
}

func cacheFlag() cli.Flag {
	return &cli.StringFlag{Name: "cache", Usage: "store what was measured on GPUs in the folder `DIR`", DefaultText: "stele in the user's cache folder"}
}

func retuneFlag() cli.Flag {
	return &cli.BoolFlag{Name: "retune", Usage: "measure the kernels of GPUs again"}
}

// gpuOptions returns the options of GPUs that the flags ask for.
func gpuOptions(c *cli.Context, log *slog.Logger) gpu.Options {
	return gpu.Options{
		Device: gpuNames(c), Kernel: c.String("kernel"),
		CacheDir: c.String("cache"), Retune: c.Bool("retune"), Log: log,
	}
}

// deviceFlag returns the flag that chooses devices, for a command that uses,
// measures or examines them.
func deviceFlag(verb string) cli.Flag {
	return &cli.StringFlag{Name: "device", Usage: verb + " only the device `ID`, as \"stele devices\" lists them, or the GPU with this UUID or PCI address; several with commas between"}
}

// openEngine returns an engine with the devices that the flags of
// [engineFlags] ask for. The caller closes it.
func openEngine(c *cli.Context) (*engine.Engine, error) {
	log := warnings(c)
	devices, absent, err := openDevices(c, gpuOptions(c, log))
	if err != nil {
		return nil, err
	}
	for _, a := range absent {
		if unexpected(a.Err) {
			fmt.Fprintf(c.App.ErrWriter, "stele: %s is not used: %v\n", a.ID, a.Err)
		}
	}
	return engine.New(devices, log), nil
}

// warnings returns a log of warnings on standard error.
func warnings(c *cli.Context) *slog.Logger {
	return slog.New(slog.NewTextHandler(c.App.ErrWriter, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// unexpected reports whether an absent GPU is worth a line: not where there is
// none, and nobody said that there is.
func unexpected(err error) bool {
	return os.Getenv(cuda.LibraryVariable) != "" || !errors.Is(err, cuda.ErrNoDriver) && !errors.Is(err, cuda.ErrNoDevice)
}

// openDevices opens the devices that the flags ask for: the CPU first, then the
// GPUs. GPUs that cannot be used are told in absent. It is an error if a device
// that was asked for by its name is not there.
func openDevices(c *cli.Context, opts gpu.Options) (devices []engine.Device, absent []gpu.Absent, err error) {
	threads, err := number(c, "threads", 1, cpu.MaxThreads, 0)
	if err != nil {
		return nil, nil, err
	}
	useCPU, useGPU, err := deviceKinds(c)
	if err != nil {
		return nil, nil, err
	}
	if useCPU {
		d, err := openCPU(int(threads), c.String("kernel"))
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
		missing = c.IsSet("device") && len(all) == 0 || gpusNamed(c) && len(absent) > 0
	}
	if len(devices) == 0 || missing {
		for _, d := range devices {
			_ = d.Close() // the first error says more
		}
		return nil, nil, fmt.Errorf("device %s: %w", absent[0].ID, absent[0].Err)
	}
	return devices, absent, nil
}

func openCPU(threads int, kernel string) (engine.Device, error) {
	d, err := cpu.Open(cpu.Options{Threads: threads, Kernel: kernel})
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", cpu.ID, err)
	}
	return d, nil
}

// deviceKinds reads which kinds of devices --device and --kernel ask for.
func deviceKinds(c *cli.Context) (useCPU, useGPU bool, err error) {
	kernel := c.String("kernel")
	if c.IsSet("kernel") && kernel == "" {
		return false, false, fmt.Errorf("--kernel: empty name")
	}
	switch {
	case c.IsSet("device"):
		useCPU, gpus, err := namedDevices(c)
		return useCPU, len(gpus) > 0, err
	case kernel == "" || kernel == "all":
		return true, true, nil
	}
	useGPU = slices.Contains(gpu.SearchKernels(), kernel)
	return !useGPU, useGPU, nil
}

// namedDevices reads the list of --device: whether the CPU is in it, and the
// names of GPUs.
func namedDevices(c *cli.Context) (useCPU bool, gpus []string, err error) {
	for name := range strings.SplitSeq(c.String("device"), ",") {
		switch name = strings.TrimSpace(name); {
		case name == cpu.ID:
			useCPU = true
		case gpu.Named(name):
			gpus = append(gpus, name)
		default:
			return false, nil, fmt.Errorf("--device: unknown device %q, want %q, %q and the like, or the UUID or PCI address of a GPU", name, cpu.ID, gpu.Kind+":0")
		}
	}
	return useCPU, gpus, nil
}

// gpuNames returns the GPUs that --device names, as [gpu.Options] has them: ""
// if it names none. Whoever calls it has called deviceKinds.
func gpuNames(c *cli.Context) string {
	_, gpus, _ := namedDevices(c)
	return strings.Join(gpus, ",")
}

// gpusNamed reports whether --device names single GPUs, each of which must be
// there.
func gpusNamed(c *cli.Context) bool {
	_, gpus, _ := namedDevices(c)
	return len(gpus) > 0 && !slices.ContainsFunc(gpus, func(name string) bool { return strings.EqualFold(name, gpu.Kind) })
}

// deviceNames returns what the results of a command call the device and its
// kernels: the names of all devices of e, with commas between them.
func deviceNames(e *engine.Engine) (device, searchKernel, verifyKernel string) {
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
