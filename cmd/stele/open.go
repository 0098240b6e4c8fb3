package main

import (
	"fmt"
	"log/slog"

	"github.com/urfave/cli/v2"

	"stele/engine"
	"stele/engine/cpu"
)

// engineFlags returns the flags that openEngine reads.
func engineFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "device", Usage: "use only the device `ID`, as \"stele devices\" tells them"},
		&cli.StringFlag{Name: "kernel", Usage: "use the kernel `NAME` instead of the fastest"},
		&cli.StringFlag{Name: "threads", Usage: "use `N` CPU threads instead of all"},
	}
}

// openEngine returns an engine with the devices that the flags of
// [engineFlags] ask for. The caller closes it.
func openEngine(c *cli.Context) (*engine.Engine, error) {
	devices, err := openDevices(c)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(c.App.ErrWriter, &slog.HandlerOptions{Level: slog.LevelWarn}))
	return engine.New(devices, log), nil
}

// openDevices opens the devices that the flags ask for.
func openDevices(c *cli.Context) ([]engine.Device, error) {
	threads, err := number(c, "threads", 1, cpu.MaxThreads, 0)
	if err != nil {
		return nil, err
	}
	if id := c.String("device"); c.IsSet("device") && id != cpu.ID {
		return nil, fmt.Errorf("--device: unknown device %q, want %q", id, cpu.ID)
	}
	if c.IsSet("kernel") && c.String("kernel") == "" {
		return nil, fmt.Errorf("--kernel: empty name")
	}
	d, err := cpu.Open(cpu.Options{Threads: int(threads), Kernel: c.String("kernel")})
	if err != nil {
		return nil, fmt.Errorf("device %s: %w", cpu.ID, err)
	}
	return []engine.Device{d}, nil
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
