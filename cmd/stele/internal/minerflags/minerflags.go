// Package minerflags holds what the commands that mine share: the flags for limits and
// hooks, and the APIs of a miner.
//
//   - [LimitFlags] and [HookFlags] return flags, [Limits] and [Hooks] read them; [File]
//     has the same settings of a configuration file.
//   - [Sensors] and [CPUEnergy] read the sensors that the limits are for; [Readings]
//     and [Health] format them.
//   - [Listen] opens the APIs for status, metrics and cgminer's tools.
//   - [Press] performs the actions of keys.
//   - [LostDevices] gives the loss of all devices its own exit code.
package minerflags

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"stele/cgo/nvml"
	"stele/cmd/stele/internal/cmdline"
	"stele/engine"
	"stele/engine/host/energy"
	"stele/engine/miner"
	"stele/engine/miner/health"
)

// LimitFlags returns the flags that [Limits] reads.
func LimitFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "temp-limit", Usage: "pause a device above `CELSIUS`"},
		&cli.StringFlag{Name: "temp-resume", Usage: "resume it below `CELSIUS`", DefaultText: "10 degrees less"},
		&cli.StringFlag{Name: "power-limit", Usage: "pause a device that draws more than `WATTS`"},
		&cli.StringFlag{Name: "power-resume", Usage: "resume it below `WATTS`", DefaultText: "10 % less"},
	}
}

// HookFlags returns the flags that [Hooks] reads. OnBlock is the usage of --on-block.
func HookFlags(onBlock string) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "on-sick", Usage: "run `COMMAND` when a device returns invalid results or hangs"},
		&cli.StringFlag{Name: "on-dead", Usage: "run `COMMAND` when a device fails"},
		&cli.StringFlag{Name: "on-recovered", Usage: "run `COMMAND` when a device recovers"},
		&cli.StringFlag{Name: "on-block", Usage: onBlock},
	}
}

// IsLimit reports whether x is a valid limit, in degrees Celsius or watts.
func IsLimit(x float64) bool { return x > 0 && x < 1e6 }

// Limits returns the limits of the flags. A flag that is not set has the value of
// otherwise.
func Limits(c *cli.Context, otherwise health.Limits) (health.Limits, error) {
	limits := otherwise
	for _, l := range []struct {
		flag string
		to   *float64
	}{
		{"temp-limit", &limits.Temperature},
		{"temp-resume", &limits.TemperatureResume},
		{"power-limit", &limits.Power},
		{"power-resume", &limits.PowerResume},
	} {
		text := c.String(l.flag)
		if text == "" {
			continue
		}
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || !IsLimit(x) {
			return limits, fmt.Errorf("--%s: invalid limit %q: must be a number above 0", l.flag, text)
		}
		*l.to = x
	}
	return limits, limits.Check()
}

// Hooks returns the commands of the flags. The words of a flag are the program and its
// arguments; there is no quoting. A flag that is not set has the value of otherwise. A
// program that does not exist is an error.
func Hooks(c *cli.Context, otherwise health.Hooks) (health.Hooks, error) {
	hooks := otherwise
	for _, h := range []struct {
		flag string
		to   *[]string
	}{
		{"on-sick", &hooks.Sick},
		{"on-dead", &hooks.Dead},
		{"on-recovered", &hooks.Recovered},
		{"on-block", &hooks.Block},
	} {
		if c.IsSet(h.flag) {
			*h.to = strings.Fields(c.String(h.flag))
		}
		if len(*h.to) == 0 {
			continue
		}
		if _, err := exec.LookPath((*h.to)[0]); err != nil {
			return hooks, fmt.Errorf("--%s: cannot run the command: %w", h.flag, err)
		}
	}
	return hooks, nil
}

// Sensors reads the sensors of the GPU with this UUID.
func Sensors(uuid string) (miner.Sensors, error) {
	r, err := nvml.Read(uuid)
	if err != nil {
		return miner.Sensors{}, err
	}
	float := func(x *uint32) *float64 {
		if x == nil {
			return nil
		}
		f := float64(*x)
		return &f
	}
	return miner.Sensors{Temperature: float(r.Temperature), Fan: float(r.Fan), Power: r.Power, Energy: r.Energy, Throttle: r.Throttle}, nil
}

// CPUEnergy returns a function that reads the energy of the processor packages, or nil
// if this process cannot read it. The counters stay open until the process ends.
func CPUEnergy() func() (joules float64, err error) {
	meter, err := energy.Open()
	if err != nil {
		return nil // as in a virtual machine, or without the rights of root
	}
	return meter.Joules
}

// ExitLost is the exit code if only a new process can use the devices again. The
// command doctor has 3 to 9.
const ExitLost = 10

// LostDevices prints the error of a miner that has lost its devices and returns
// [ExitLost]. It returns any other error as it is.
func LostDevices(c *cli.Context, err error) error {
	if !errors.Is(err, engine.ErrLost) {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "stele: %v\n", err)
	return cmdline.ExitCode(ExitLost)
}
