package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"stele/engine/cpu"
	"stele/engine/gpu/doctor"
	"stele/kernels/simd"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "find out why a GPU cannot be used, and check every device with known answers",
		Description: "Exit codes: 0 all good, or CPUs only; 3 no driver, 4 driver too old, 5 no\n" +
			"permission, 6 no device, 7 a kernel does not load, 8 wrong answers, 9 the device\n" +
			"fails. See docs/doctor.md.",
		Flags: []cli.Flag{
			deviceFlag("examine"),
			jsonFlag(),
		},
		Action: runDoctor,
	}
}

func runDoctor(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	device := ""
	if c.IsSet("device") {
		useCPU, gpus, err := namedDevices(c)
		if err != nil {
			return err
		}
		if useCPU {
			gpus = append(gpus, cpu.ID)
		}
		device = strings.Join(gpus, ",")
	}
	if _, _, err := simd.Best(); err != nil {
		return err // STELE_CPU is wrong
	}
	report := doctor.Run(c.Context, doctor.Options{Device: device})
	if err := c.Context.Err(); err != nil {
		return fmt.Errorf("doctor ended early: %w", reason(c, err))
	}
	var err error
	if c.Bool("json") {
		err = printJSON(c, report)
	} else {
		err = printText(c, doctorText(report))
	}
	if err == nil && report.Exit != 0 {
		err = exitCode(report.Exit)
	}
	return err
}

// doctorText is a report for people: a line for each step, and below it what
// to do.
func doctorText(r doctor.Report) string {
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
