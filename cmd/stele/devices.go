package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"stele/engine"
)

// devicesResult is what "stele devices --json" prints.
type devicesResult struct {
	Devices []engine.Info  `json:"devices"`
	Absent  []absentDevice `json:"absent"`
}

// absentDevice is a kind of device that is not there.
type absentDevice struct {
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

func devicesCommand() *cli.Command {
	return &cli.Command{
		Name:  "devices",
		Usage: "list the devices and what they can do",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "threads", Usage: "use `N` CPU threads instead of all"},
			jsonFlag(),
		},
		Action: devices,
	}
}

func devices(c *cli.Context) error {
	if err := noArgs(c); err != nil {
		return err
	}
	e, err := openEngine(c)
	if err != nil {
		return err
	}
	defer e.Close()

	res := devicesResult{Absent: []absentDevice{
		{Kind: "cuda", Reason: "this version has no kernels for NVIDIA GPUs"},
	}}
	for _, s := range e.Status() {
		res.Devices = append(res.Devices, s.Info)
	}
	if c.Bool("json") {
		return printJSON(c, res)
	}
	return printText(c, res.text())
}

// text is the result for people.
func (r devicesResult) text() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, d := range r.Devices {
		fmt.Fprintf(w, "%s\t%s\n", d.ID, d.Name)
		fmt.Fprintf(w, "  threads\t%d\n", d.Threads)
		fmt.Fprintf(w, "  features\t%s\n", orNone(strings.Join(d.Features, " ")))
		fmt.Fprintf(w, "  search\t%s\n", d.SearchKernel)
		fmt.Fprintf(w, "  verify\t%s\n", d.VerifyKernel)
		for _, k := range d.Kernels {
			state := "available"
			if !k.Available {
				state = "absent: " + k.Reason
			}
			fmt.Fprintf(w, "  kernel %s\t%s\n", k.Name, state)
		}
	}
	for _, a := range r.Absent {
		fmt.Fprintf(w, "%s\tabsent: %s\n", a.Kind, a.Reason)
	}
	w.Flush()
	return b.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
