// Package doctor is the command "stele doctor", which diagnoses GPU and driver problems.
// The steps are in stele/engine/gpu/doctor.
package doctor

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/cmd/stele/internal/deviceflags"
	"stele/engine/cpu"
	"stele/engine/gpu/doctor"
	"stele/kernels/simd"
)

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "diagnose GPU and driver problems, and test every device with known answers",
		Description: "Checks the driver, each GPU and each kernel step by step, and prints how to fix what\n" +
			"fails.\n\n" +
			"  stele doctor\n" +
			"  stele doctor --device cuda:0\n\n" +
			"Exit codes: 0 all good, or CPUs only; 3 no driver, 4 driver too old, 5 no\n" +
			"permission, 6 no device, 7 a kernel does not load, 8 wrong answers, 9 the device\n" +
			"fails. See docs/doctor.md.",
		Flags: []cli.Flag{
			deviceflags.Device("test"),
			cmdline.JSONFlag(),
		},
		Action: run,
	}
}

func run(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	device := ""
	if c.IsSet("device") {
		useCPU, gpus, err := deviceflags.Named(c)
		if err != nil {
			return err
		}
		if useCPU {
			gpus = append(gpus, cpu.ID)
		}
		device = strings.Join(gpus, ",")
	}
	if _, err := simd.Best(); err != nil {
		return err // STELE_CPU leaves no kernel
	}
	report := doctor.Run(c.Context, doctor.Options{Device: device})
	if err := c.Context.Err(); err != nil {
		return fmt.Errorf("doctor was interrupted: %w", cmdline.Cause(c, err))
	}
	var err error
	if c.Bool("json") {
		err = cmdline.PrintJSON(c, report)
	} else {
		err = cmdline.PrintText(c, reportText(report))
	}
	if err == nil && report.Exit != 0 {
		err = cmdline.ExitCode(report.Exit)
	}
	return err
}

// reportText returns a report for people: a line for each step, and below it the fix.
func reportText(r doctor.Report) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, s := range r.Steps {
		what := s.Found
		if s.Reason != "" {
			what = s.Reason
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", s.State, s.Device, s.Name, what)
		if s.Fix != "" && s.State == doctor.Missing {
			fmt.Fprintf(w, "\t\t\tfix: %s\n", s.Fix)
		}
	}
	w.Flush()
	return b.String()
}
