// Package lab is the command "stele lab", which runs a network of nodes, disturbs it by
// a plan, and reports whether the nodes agree afterwards. The laboratory itself is in
// stele/node/lab.
package lab

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"stele/cmd/stele/internal/cmdline"
	"stele/node/lab"
)

const (
	defaultNodes   = 8
	defaultTime    = time.Minute
	defaultRecords = 5
	maxPlan        = 1 << 20 // bytes
	pollInside     = 10 * time.Millisecond
)

// Command returns the command.
func Command() *cli.Command {
	return &cli.Command{
		Name:  "lab",
		Usage: "run a network of nodes with faults, and check that they agree afterwards",
		Description: "Runs nodes in this process, or each as a process of its own, lets the faults of a plan\n" +
			"happen, and checks invariants: one chain, no acknowledged record lost, no honest node\n" +
			"accused, and others. The report has figures, the tree of blocks and the first breach.\n\n" +
			"  stele lab --seed 7 --report out\n" +
			"  stele lab --plan plan.txt --processes\n\n" +
			"Exit code 1: an invariant was broken. See docs/lab.md.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "plan", Usage: "read the plan from `FILE`, or stdin (-)"},
			&cli.StringFlag{Name: "seed", Usage: "make the plan from the number `N`", DefaultText: "1"},
			&cli.StringFlag{Name: "nodes", Usage: "number `N` of nodes in the plan", DefaultText: fmt.Sprint(defaultNodes)},
			&cli.StringFlag{Name: "for", Usage: "`TIME` that the plan takes, such as 90s", DefaultText: "1m"},
			&cli.StringFlag{Name: "records", Usage: "records `N` per second in the plan", DefaultText: fmt.Sprint(defaultRecords)},
			&cli.BoolFlag{Name: "processes", Usage: "run each node as a process of its own, on 127.A.0.1"},
			&cli.StringFlag{Name: "report", Usage: "write the report (" + lab.HTMLFile + ", " + lab.JSONFile + ", " + lab.PlanFile + ") and logs into the folder `DIR`"},
			&cli.BoolFlag{Name: "print-plan", Usage: "print the plan, and run nothing"},
			cmdline.JSONFlag(),
		},
		Action: run,
	}
}

func run(c *cli.Context) error {
	if err := cmdline.NoArgs(c); err != nil {
		return err
	}
	plan, err := readPlan(c)
	if err != nil {
		return err
	}
	if c.Bool("print-plan") {
		return cmdline.PrintText(c, plan.String())
	}
	world, cleanUp, err := open(c, plan)
	if err != nil {
		return err
	}
	if !c.Bool("json") {
		if err := cmdline.PrintText(c, fmt.Sprintf("%srunning for %v\n", plan, plan.Time)); err != nil {
			return err
		}
	}
	result, err := lab.Run(c.Context, plan, world)
	if err == nil {
		err = report(c, result)
	}
	return errors.Join(err, cleanUp())
}

// readPlan reads the plan, or makes one.
func readPlan(c *cli.Context) (*lab.Plan, error) {
	if c.IsSet("plan") {
		for _, flag := range []string{"seed", "nodes", "for", "records"} {
			if c.IsSet(flag) {
				return nil, fmt.Errorf("--plan and --%s are mutually exclusive", flag)
			}
		}
		text, err := cmdline.ReadInput(c, c.String("plan"), maxPlan)
		if err != nil {
			return nil, err
		}
		plan, err := lab.Parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("--plan: %w", err)
		}
		return plan, nil
	}
	seed, err := cmdline.Number(c, "seed", 0, 1<<63, 1)
	if err != nil {
		return nil, err
	}
	nodes, err := cmdline.Number(c, "nodes", 1, 100, defaultNodes)
	if err != nil {
		return nil, err
	}
	records, err := cmdline.Number(c, "records", 0, 1000, defaultRecords)
	if err != nil {
		return nil, err
	}
	duration := defaultTime
	if c.IsSet("for") {
		if duration, err = cmdline.Duration(c, "for"); err != nil {
			return nil, err
		}
	}
	return lab.Generate(seed, lab.GenerateOptions{Nodes: int(nodes), Time: duration, Records: float64(records)}), nil
}

// open opens the world. cleanUp removes what should not stay.
func open(c *cli.Context, plan *lab.Plan) (w lab.World, cleanUp func() error, err error) {
	none := func() error { return nil }
	if !c.Bool("processes") {
		inside, err := lab.OpenInside(plan, "one process", pollInside)
		return inside, none, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("the program that runs the nodes: %w", err)
	}
	if dir := c.String("report"); dir != "" {
		return lab.OpenProcesses(plan, program, filepath.Join(dir, "nodes")), none, nil
	}
	dir, err := os.MkdirTemp("", "stele-lab-")
	if err != nil {
		return nil, nil, err
	}
	return lab.OpenProcesses(plan, program, dir), func() error { return os.RemoveAll(dir) }, nil
}

// report shows and writes the report of a run. Its error is the exit code if an invariant
// was broken.
func report(c *cli.Context, result *lab.Result) error {
	result.Version, result.Repeat = c.App.Version, repeat(c, result.Plan)
	rep := lab.NewReport(result)
	if dir := c.String("report"); dir != "" {
		if err := rep.Write(dir); err != nil {
			return err
		}
	}
	var err error
	if c.Bool("json") {
		err = cmdline.PrintJSON(c, rep)
	} else {
		err = cmdline.PrintText(c, text(c, rep))
	}
	if err == nil && !rep.Passed {
		err = cmdline.ExitCode(1)
	}
	return err
}

// repeat returns the line that repeats a run.
func repeat(c *cli.Context, p *lab.Plan) string {
	line := "stele lab"
	if c.IsSet("plan") {
		line += " --plan " + c.String("plan")
	} else {
		line += fmt.Sprintf(" --seed %d --nodes %d --for %v --records %g", p.Seed, p.Nodes, p.Time, p.Records)
	}
	if c.Bool("processes") {
		line += " --processes"
	}
	return line
}

// text returns a report for people.
func text(c *cli.Context, rep *lab.Report) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range rep.Figures {
		if f.Count > 0 {
			fmt.Fprintf(w, "%s\t%d\tp50 %.3f s\tp99 %.3f s\tlongest %.3f s\n", f.Text, f.Count, f.P50, f.P99, f.Max)
		}
	}
	w.Flush()
	for _, m := range rep.Missed {
		fmt.Fprintf(&b, "left out: %s\n", m)
	}
	for _, i := range rep.Invariants {
		if i.Held {
			continue
		}
		fmt.Fprintf(&b, "broken: %s: %d times, first at %.1f s: %s\n", i.Name, i.Breaches, i.At, i.First)
		for _, line := range i.Log {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	fmt.Fprintln(&b, rep.Summary())
	if !rep.Passed {
		fmt.Fprintf(&b, "to repeat it: %s\n", rep.Repeat)
	}
	if dir := c.String("report"); dir != "" {
		fmt.Fprintf(&b, "report: %s\n", filepath.Join(dir, lab.HTMLFile))
	}
	return b.String()
}
