// Package deviceflags has the flags that choose devices and kernels, and opens the
// engine that they ask for.
//
//   - [Flags] returns the flags of a command that computes; [OpenEngine] and
//     [OpenMiner] open what they ask for.
//   - [Kinds] and [Named] are for commands that open devices themselves.
package deviceflags

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/engine/cpu"
	"stele/engine/gpu"
	"stele/kernels/simd"
)

// Flags returns the flags that [OpenEngine] and [OpenMiner] read.
func Flags() []cli.Flag {
	return []cli.Flag{
		Device("use"),
		&cli.StringFlag{Name: "kernel", Usage: "use the kernel `NAME` instead of the fastest, on the devices that have it"},
		&cli.StringFlag{Name: "threads", Usage: "use `N` CPU threads", DefaultText: "all that the process may use"},
		Cache(), Retune(),
	}
}

// Cache returns the flag --cache.
func Cache() cli.Flag {
	return &cli.StringFlag{Name: "cache", Usage: "store GPU measurements in the folder `DIR`", DefaultText: "stele in the user's cache folder"}
}

// Retune returns the flag --retune.
func Retune() cli.Flag {
	return &cli.BoolFlag{Name: "retune", Usage: "measure the GPU kernels again"}
}

// GPUOptions returns the GPU options that the flags ask for.
func GPUOptions(c *cli.Context, log *slog.Logger) gpu.Options {
	return gpu.Options{
		Device: gpuNames(c), Kernel: c.String("kernel"),
		CacheDir: c.String("cache"), Retune: c.Bool("retune"), Log: log,
	}
}

// Device returns the flag --device of a command that uses, measures or tests devices:
// the verb is for the help.
func Device(verb string) cli.Flag {
	return &cli.StringFlag{Name: "device", Usage: verb + " only the device `ID`: as listed by \"stele devices\", or the UUID or PCI address of a GPU; several separated by commas"}
}

// Kinds reports which kinds of devices --device and --kernel ask for.
func Kinds(c *cli.Context) (useCPU, useGPU bool, err error) {
	kernel := c.String("kernel")
	if c.IsSet("kernel") && kernel == "" {
		return false, false, fmt.Errorf("--kernel: the name is empty")
	}
	switch {
	case c.IsSet("device"):
		useCPU, gpus, err := Named(c)
		return useCPU, len(gpus) > 0, err
	case kernel == "" || kernel == "all":
		return true, true, nil
	}
	useGPU = slices.Contains(gpu.SearchKernels(), kernel)
	return !useGPU, useGPU, nil
}

// Named reads the list of --device. It reports whether the CPU is in it, and returns
// the names of GPUs.
func Named(c *cli.Context) (useCPU bool, gpus []string, err error) {
	for name := range strings.SplitSeq(c.String("device"), ",") {
		switch name = strings.TrimSpace(name); {
		case name == cpu.ID:
			useCPU = true
		case gpu.Named(name):
			gpus = append(gpus, name)
		default:
			return false, nil, fmt.Errorf("--device: unknown device %q: must be an ID such as %q or %q, or the UUID or PCI address of a GPU", name, cpu.ID, gpu.Kind+":0")
		}
	}
	return useCPU, gpus, nil
}

// gpuNames returns the GPUs that --device names, in the form of [gpu.Options], "" if
// it names none. The caller has checked the flag with [Kinds].
func gpuNames(c *cli.Context) string {
	_, gpus, _ := Named(c)
	return strings.Join(gpus, ",")
}

// NamesGPUs reports whether --device names single GPUs, none of which may be
// absent.
func NamesGPUs(c *cli.Context) bool {
	_, gpus, _ := Named(c)
	return len(gpus) > 0 && !slices.ContainsFunc(gpus, func(name string) bool { return strings.EqualFold(name, gpu.Kind) })
}

// CheckKernel checks --kernel as far as this needs no GPU.
func CheckKernel(c *cli.Context) error {
	useCPU, _, err := Kinds(c)
	name := c.String("kernel")
	if err != nil || name == "" {
		return err
	}
	if useCPU {
		if _, err := simd.Lookup(name); err != nil {
			return fmt.Errorf("--kernel: %w; GPU kernels: %s", err, strings.Join(gpu.SearchKernels(), ", "))
		}
	} else if !slices.Contains(gpu.SearchKernels(), name) {
		return fmt.Errorf("--kernel: unknown GPU kernel %q: must be one of %s", name, strings.Join(gpu.SearchKernels(), ", "))
	}
	return nil
}
