package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"stele/bench"
	"stele/bench/efficiency"
	"stele/bench/report"
	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/deviceflags"
	"stele/engine/cpu"
)

// Bounds of the lists of settings and of the tariff.
const (
	maxLimit = 10_000 // watts
	maxMHz   = 10_000
	maxMoney = 1e12
)

// efficiencyCommand returns the command "stele bench efficiency".
func efficiencyCommand() *cli.Command {
	return &cli.Command{
		Name:  "efficiency",
		Usage: "measure hashes per joule of devices at several settings",
		Description: "Searches with each number of CPU threads, and with each power limit and clock of the\n" +
			"GPUs, and finds the setting with the most hashes per joule or the most profit.\n" +
			"--power-limits and --clocks change the GPUs, which needs root. Their limits are restored\n" +
			"at the end, also if the program is interrupted or killed. See docs/efficiency.md.\n\n" +
			"  stele bench efficiency --device cpu --threads 1,2,4,8\n" +
			"  stele bench efficiency --device cuda:0 --power-limits 150,200,250 --price 0.25\n" +
			"  stele bench efficiency --clocks auto --out sweep.json",
		Flags: []cli.Flag{
			deviceflags.Device("measure"),
			&cli.StringFlag{Name: "kernel", Usage: "measure the kernel `NAME` instead of the fastest"},
			&cli.StringFlag{Name: "threads", Usage: "numbers of CPU threads, as `LIST` with commas", DefaultText: "powers of two, and all that the process may use"},
			&cli.StringFlag{Name: "power-limits", Usage: "power limits of the GPUs in watts, as `LIST` with commas, or auto: from the lowest to the highest; needs root"},
			&cli.StringFlag{Name: "clocks", Usage: "locked clocks of the GPUs in MHz, as `LIST` with commas, or auto: from 40 % of the highest; needs root"},
			&cli.StringFlag{Name: "duration", Usage: "measure each setting for `TIME`, such as 5s or 1m", Value: "5s"},
			&cli.StringFlag{Name: "price", Usage: "price of a kilowatt hour is `MONEY`"},
			&cli.StringFlag{Name: "revenue", Usage: "10^18 hashes earn `MONEY`; with --price: find the setting with the most profit"},
			powercapFlag(),
			deviceflags.Cache(), deviceflags.Retune(),
			&cli.BoolFlag{Name: "markdown", Usage: "print the tables in Markdown"},
			&cli.StringFlag{Name: "label", Usage: "label the result with `TEXT`, such as the name of the machine"},
			&cli.StringFlag{Name: "out", Usage: "also write the complete result, as JSON, to `FILE`"},
			reportFlag(),
			cmdline.JSONFlag(),
		},
		Action: runEfficiency,
	}
}

// guardCommandName is the command that the guard process executes.
const guardCommandName = "efficiency-guard"

// efficiencyGuardCommand returns the hidden command that restores the limits of GPUs
// after a sweep.
func efficiencyGuardCommand() *cli.Command {
	return &cli.Command{
		Name: guardCommandName, Hidden: true,
		Usage:  "restore the limits of GPUs (started by stele bench efficiency)",
		Action: func(*cli.Context) error { return efficiency.Serve(efficiency.NVML{}) },
	}
}

// sweepSettings are the flags of a sweep.
type sweepSettings struct {
	bench.Settings
	threads        []int
	limits, clocks []float64 // empty for auto
	tariff         efficiency.Tariff
}

// readSweepSettings reads the flags.
func readSweepSettings(c *cli.Context) (s sweepSettings, err error) {
	s.Settings = bench.Settings{Mode: string(bench.Search), Device: c.String("device"), Kernel: c.String("kernel")}
	if s.Kernel == "all" {
		return s, errors.New("--kernel: must be one kernel")
	}
	if err := checkLabel(c.String("label")); err != nil {
		return s, err
	}
	if s.Duration, err = readDuration(c); err != nil {
		return s, err
	}
	numbers := func(flag string, highest float64) []float64 {
		values, wrong := efficiency.Numbers(c.String(flag), 1, highest)
		switch {
		case err != nil:
		case c.IsSet(flag) && c.String(flag) == "":
			err = fmt.Errorf("--%s: the list is empty", flag)
		case wrong != nil:
			err = fmt.Errorf("--%s: %w", flag, wrong)
		case flag != "power-limits" && slices.ContainsFunc(values, func(x float64) bool { return x != math.Trunc(x) }):
			err = fmt.Errorf("--%s: %w: must be whole numbers", flag, efficiency.ErrList)
		}
		return values
	}
	for _, n := range numbers("threads", cpu.MaxThreads) {
		s.threads = append(s.threads, int(n))
	}
	s.limits, s.clocks = numbers("power-limits", maxLimit), numbers("clocks", maxMHz)
	if err != nil {
		return s, err
	}
	s.tariff, err = readTariff(c)
	return s, err
}

// readTariff reads --price and --revenue.
func readTariff(c *cli.Context) (t efficiency.Tariff, err error) {
	for _, f := range []struct {
		flag string
		to   *float64
	}{{"price", &t.Price}, {"revenue", &t.Revenue}} {
		if !c.IsSet(f.flag) {
			continue
		}
		x, err := strconv.ParseFloat(c.String(f.flag), 64)
		if err != nil || !(x >= 0 && x <= maxMoney) {
			return t, fmt.Errorf("--%s: invalid amount %.40q: must be a number from 0 to %g", f.flag, c.String(f.flag), float64(maxMoney))
		}
		*f.to = x
	}
	if c.IsSet("revenue") && !c.IsSet("price") {
		return t, errors.New("--revenue needs --price")
	}
	return t, nil
}

// runEfficiency is `stele bench efficiency`.
func runEfficiency(c *cli.Context) (err error) {
	if err := errors.Join(cmdline.NoArgs(c), oneFormat(c)); err != nil {
		return err
	}
	settings, err := readSweepSettings(c)
	if err != nil {
		return err
	}
	out, err := newOutFile(c)
	if err != nil {
		return err
	}
	defer out.discard()
	page, err := newOutput(c, "report", report.HTML)
	if err != nil {
		return err
	}
	defer page.discard()
	started := time.Now()
	s, err := openSweep(c, settings)
	if err != nil {
		return err
	}
	result := &bench.Result{
		Schema: bench.Schema, Started: started.UTC().Truncate(time.Second), Settings: settings.Settings,
		Cases: []bench.CaseResult{}, Failed: s.failed, Proofs: []bench.Proof{},
	}
	stopped := s.run(c, result)
	result.Environment = bench.Here(c.App.Version, s.devices)
	result.Environment.Label = c.String("label")
	result.Environment.SetEnergy(s.meters.sources())
	restored := s.close()
	if len(result.Sweep) == 0 {
		if stopped == nil && len(result.Failed) > 0 {
			stopped = fmt.Errorf("%s: %s", result.Failed[0].Case, result.Failed[0].Reason)
		}
		return errors.Join(fmt.Errorf("no setting was measured: %w", stopped), restored)
	}
	write := func(checked *bench.Report) error {
		ctx := context.WithoutCancel(c.Context)
		if err := out.write(ctx, result); err != nil || !c.IsSet("report") {
			return err
		}
		return page.writeTo(c, []report.Source{{Result: result, Check: checked}})
	}
	return errors.Join(finishSweep(c, settings, result, write, stopped), restored)
}

// finishSweep checks, writes and prints a result. Write writes the files. Stopped is the
// reason that settings are missing; nil: none are.
func finishSweep(c *cli.Context, settings sweepSettings, result *bench.Result, write func(*bench.Report) error, stopped error) error {
	checked, err := bench.Check(context.WithoutCancel(c.Context), result, bench.Rescan{}) // what was measured is kept
	if err != nil {
		return err
	}
	if err := write(checked); err != nil {
		return err
	}
	if c.Bool("json") {
		err = cmdline.PrintJSON(c, result)
	} else {
		err = result.WriteSweep(c.App.Writer, tableFormat(c), bestLines(c, settings.tariff, result))
	}
	if err != nil {
		return err
	}
	if !checked.Good() {
		for _, p := range checked.Problems {
			fmt.Fprintf(c.App.ErrWriter, "stele: %v\n", p)
		}
		return cmdline.ErrFoundWrong
	}
	if stopped != nil {
		return fmt.Errorf("stopped after %d settings: %w", len(result.Sweep), stopped)
	}
	if n := len(result.Failed); n > 0 {
		return fmt.Errorf("%d of %d settings could not be measured; the first, %s: %s", n, n+len(result.Sweep), result.Failed[0].Case, result.Failed[0].Reason)
	}
	return nil
}

// bestLines describes the best settings of each device.
func bestLines(c *cli.Context, tariff efficiency.Tariff, result *bench.Result) (lines []string) {
	var devices []string
	for _, p := range result.Sweep {
		if !slices.Contains(devices, p.Device) {
			devices = append(devices, p.Device)
		}
	}
	for _, device := range devices {
		best := efficiency.Best(result.Sweep, device)
		if best == nil {
			lines = append(lines, device+": the energy is not known")
			continue
		}
		text := fmt.Sprintf("%s: most hashes per joule: %s: %.4g MH/J at %.4g MH/s and %.1f W", device, best.Setting(),
			best.PerJoule/1e6, best.Rate.Median/1e6, best.Watts)
		if c.IsSet("price") {
			text += fmt.Sprintf("; the energy of 10^18 hashes costs %.4g", tariff.Cost(*best))
		}
		lines = append(lines, text)
		if !c.IsSet("revenue") {
			continue
		}
		best = efficiency.BestProfit(result.Sweep, device, tariff)
		text = fmt.Sprintf("%s: most profit: %s: %.4g per day", device, best.Setting(), tariff.Profit(*best))
		if tariff.Profit(*best) < 0 {
			text += ", a loss: no setting earns what its energy costs"
		}
		lines = append(lines, text)
	}
	return lines
}

// rootRecord is that file for root. All users who become root share it, and it lasts until
// the machine restarts, as limits do.
const rootRecord = "/run/stele/gpu-limits.json"

// recordFile returns the name of the file that saves the limits during a sweep: in the
// folder of --cache, else [rootRecord], else in the folder of the user.
func recordFile(c *cli.Context) (string, error) {
	folder := c.String("cache")
	if folder == "" && runtime.GOOS == "linux" && os.Geteuid() == 0 {
		return rootRecord, nil
	}
	if folder == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no folder to save the limits in: pass --cache: %w", err)
		}
		folder = user + "/stele"
	}
	return folder + "/gpu-limits.json", nil
}
